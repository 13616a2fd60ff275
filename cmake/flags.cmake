# -O3 without -ffast-math: sums keep the order that is written. Contraction to fused multiply-adds is allowed, because
# the promise is the same bits from the same binary, whatever the number of ranks and threads.
add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes -Wvla)
add_compile_options(-Wno-psabi) # kernels use vectors wider than the base machine's, only in inlined helpers
if(FZ_WERROR)
  add_compile_options(-Werror)
endif()
# NDEBUG is left out on purpose: assertions stay in release builds.
set(CMAKE_C_FLAGS_RELEASE "-O3")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")
if(FZ_MARCH)
  add_compile_options(-march=${FZ_MARCH})
endif()
if(FZ_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(FZ_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(CMAKE_C_COMPILER_ID MATCHES Clang)
  # glibc offers C11's CMPLX to compilers that call themselves GCC 4.7 only.
  add_compile_options("-DCMPLX(x,y)=__builtin_complex((double)(x),(double)(y))")
endif()
if(FZ_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
