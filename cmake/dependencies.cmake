# Everything Frazil stands on. What is missing is collected and reported in one message, with the packages that bring it.
set(FZ_MISSING "")

macro(fz_missing what debian spack)
  string(APPEND FZ_MISSING "  ${what}\n      Debian: ${debian}\n      Spack:  ${spack}\n")
endmacro()

# The first of the names that pkg-config knows becomes target PkgConfig::PREFIX.
function(fz_find_pkg prefix what debian spack)
  if(PKG_CONFIG_FOUND)
    foreach(name ${ARGN})
      pkg_check_modules(${prefix} QUIET IMPORTED_TARGET GLOBAL ${name})
      if(${prefix}_FOUND)
        message(STATUS "Found ${what}: ${name} ${${prefix}_VERSION}")
        set(${prefix}_VERSION ${${prefix}_VERSION} PARENT_SCOPE)
        set(${prefix}_FOUND TRUE PARENT_SCOPE)
        set(${prefix}_NAME ${name} PARENT_SCOPE)
        return()
      endif()
    endforeach()
  endif()
  set(${prefix}_FOUND FALSE PARENT_SCOPE)
  fz_missing("${what}" "${debian}" "${spack}")
  set(FZ_MISSING "${FZ_MISSING}" PARENT_SCOPE)
endfunction()

find_package(PkgConfig QUIET)
if(NOT PKG_CONFIG_FOUND)
  fz_missing("pkg-config" "pkg-config" "pkgconf")
endif()
find_package(OpenMP QUIET COMPONENTS C)
if(NOT OpenMP_C_FOUND)
  fz_missing("OpenMP (a C compiler with -fopenmp)" "gcc" "gcc")
endif()
find_package(MPI QUIET COMPONENTS C)
if(NOT MPI_C_FOUND)
  fz_missing("MPI (mpicc, mpirun)" "libopenmpi-dev openmpi-bin" "openmpi")
endif()

fz_find_pkg(FFTW3 "FFTW3, double precision" libfftw3-dev "fftw precision=double,float +mpi" fftw3)
fz_find_pkg(FFTW3F "FFTW3, single precision" libfftw3-dev "fftw precision=double,float +mpi" fftw3f)
fz_find_pkg(OPENBLAS "OpenBLAS (CBLAS and LAPACK)" libopenblas-dev openblas openblas)
fz_find_pkg(CHEALPIX "chealpix" libchealpix-dev "no package; from the HEALPix sources, healpix.sourceforge.io" chealpix)
fz_find_pkg(SCALAPACK "ScaLAPACK" libscalapack-openmpi-dev netlib-scalapack
            scalapack-openmpi scalapack-mpi scalapack-mpich scalapack)
fz_find_pkg(PETSC "PETSc (real scalars, double precision)" libpetsc-real-dev "petsc ~complex" petsc-real PETSc petsc)
fz_find_pkg(HDF5 "HDF5 built with MPI" libhdf5-openmpi-dev "hdf5 +mpi" hdf5-openmpi hdf5-mpi hdf5-mpich hdf5)
fz_find_pkg(PNG "libpng" libpng-dev libpng libpng)
fz_find_pkg(XML2 "libxml2" libxml2-dev libxml2 libxml-2.0)
fz_find_pkg(YAML "libyaml" libyaml-dev libyaml yaml-0.1)
fz_find_pkg(ZLIB "zlib" zlib1g-dev zlib zlib)
if(BUILD_TESTING)
  fz_find_pkg(CMOCKA "cmocka (tests only; -DBUILD_TESTING=OFF does without)" libcmocka-dev cmocka cmocka)
endif()

find_library(FFTW3_MPI_LIBRARY fftw3_mpi HINTS ${FFTW3_LIBRARY_DIRS})
find_path(FFTW3_MPI_INCLUDE fftw3-mpi.h HINTS ${FFTW3_INCLUDE_DIRS})
if(NOT FFTW3_MPI_LIBRARY OR NOT FFTW3_MPI_INCLUDE)
  fz_missing("FFTW3 for MPI" libfftw3-mpi-dev "fftw precision=double,float +mpi")
endif()

find_path(RANDOM123_INCLUDE Random123/threefry.h)
if(NOT RANDOM123_INCLUDE)
  fz_missing("Random123 (headers)" librandom123-dev random123)
endif()
# The headers carry no version; on Debian the package manager knows it.
set(RANDOM123_VERSION "headers, version not stated")
execute_process(COMMAND dpkg-query -W -f \${Version} librandom123-dev OUTPUT_VARIABLE random123_package
                RESULT_VARIABLE random123_unknown ERROR_QUIET)
if(RANDOM123_INCLUDE STREQUAL "/usr/include" AND NOT random123_unknown)
  set(RANDOM123_VERSION ${random123_package})
endif()

# Names alone do not tell: `hdf5` may be a serial build, `PETSc` one with complex scalars.
function(fz_check_feature result source)
  include(CheckCSourceCompiles)
  set(CMAKE_REQUIRED_LIBRARIES ${ARGN} MPI::MPI_C)
  set(CMAKE_REQUIRED_QUIET TRUE)
  check_c_source_compiles("${source}" ${result})
endfunction()
if(HDF5_FOUND AND MPI_C_FOUND)
  fz_check_feature(FZ_HDF5_PARALLEL "#include <hdf5.h>
    #ifndef H5_HAVE_PARALLEL
    #error serial
    #endif
    int main(void) { return H5open() < 0; }" PkgConfig::HDF5)
  if(NOT FZ_HDF5_PARALLEL)
    fz_missing("HDF5 was found (${HDF5_NAME}), but not built with MPI" libhdf5-openmpi-dev "hdf5 +mpi")
  endif()
endif()
if(PETSC_FOUND AND MPI_C_FOUND)
  fz_check_feature(FZ_PETSC_REAL "#include <petscsys.h>
    #if defined(PETSC_USE_COMPLEX) || !defined(PETSC_USE_REAL_DOUBLE)
    #error other scalars
    #endif
    int main(void) { return PETSC_VERSION_MAJOR < 3; }" PkgConfig::PETSC)
  if(NOT FZ_PETSC_REAL)
    fz_missing("PETSc was found (${PETSC_NAME}), but not with real double scalars" libpetsc-real-dev "petsc ~complex")
  endif()
endif()

if(FZ_MISSING)
  message(FATAL_ERROR "Frazil cannot be built here. Missing:\n${FZ_MISSING}"
          "All Debian packages at once: bash cmake/install-packages.sh build test")
endif()

add_library(fz_deps_core INTERFACE)
target_include_directories(fz_deps_core SYSTEM INTERFACE ${RANDOM123_INCLUDE})
target_link_libraries(fz_deps_core INTERFACE PkgConfig::FFTW3 PkgConfig::FFTW3F PkgConfig::OPENBLAS PkgConfig::CHEALPIX
                                             OpenMP::OpenMP_C m)
add_library(fz_deps_par INTERFACE)
target_include_directories(fz_deps_par SYSTEM INTERFACE ${FFTW3_MPI_INCLUDE})
target_link_libraries(fz_deps_par INTERFACE ${FFTW3_MPI_LIBRARY} PkgConfig::SCALAPACK PkgConfig::PETSC MPI::MPI_C)
add_library(fz_deps_io INTERFACE)
target_link_libraries(fz_deps_io INTERFACE PkgConfig::HDF5 PkgConfig::PNG PkgConfig::XML2 PkgConfig::YAML
                                           PkgConfig::ZLIB)
