#include <string.h>

#include "core/instruction_set.h"
#include "estep/polar_kernels.h"

extern const fz_polar_kernels FZ_REAL_NAME(fz_polar_set_base);
#ifdef FZ_POLAR_X86
extern const fz_polar_kernels FZ_REAL_NAME(fz_polar_set_v2);
extern const fz_polar_kernels FZ_REAL_NAME(fz_polar_set_v3);
extern const fz_polar_kernels FZ_REAL_NAME(fz_polar_set_v4);
#endif

const fz_polar_kernels *fz_polar_kernels_best(void) {
#ifdef FZ_POLAR_X86
  const char *set = fz_instruction_set();
  if (!strcmp(set, "x86-64-v4")) return &FZ_REAL_NAME(fz_polar_set_v4);
  if (!strcmp(set, "x86-64-v3")) return &FZ_REAL_NAME(fz_polar_set_v3);
  if (__builtin_cpu_supports("sse4.2")) return &FZ_REAL_NAME(fz_polar_set_v2);
#endif
  return &FZ_REAL_NAME(fz_polar_set_base);
}
