/* Code that exists in single and in double precision is written once over fz_real and compiled twice
 * (cmake: fz_core_f32, fz_core_f64).  FZ_REAL_NAME(x) is x_f32 or x_f64. */
#ifndef FZ_CORE_REAL_H
#define FZ_CORE_REAL_H

#ifdef FZ_DOUBLE
typedef double fz_real;
#define FZ_REAL_NAME(name) name##_f64
#else
typedef float fz_real;
#define FZ_REAL_NAME(name) name##_f32
#endif

/* Kernels that profit from wide vectors are built for several instruction sets; the loader picks one. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define FZ_KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FZ_KERNEL
#endif

#endif
