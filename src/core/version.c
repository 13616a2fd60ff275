#include "core/version.h"

#include <cblas.h>
#include <fftw3.h>

#include "frazil_build.h"

const char *fz_version(void) {
  return FZ_BUILD_VERSION;
}
const char *fz_git_revision(void) {
  return FZ_BUILD_GIT_REVISION;
}
const char *fz_compiler(void) {
  return FZ_BUILD_COMPILER;
}
const char *fz_compiler_flags(void) {
  return FZ_BUILD_FLAGS;
}

void fz_core_versions(fz_version_sink sink, void *context) {
  sink(context, "FFTW3 (double)", fftw_version);
  sink(context, "FFTW3 (float)", fftwf_version);
  sink(context, "OpenBLAS", openblas_get_config());
  sink(context, "chealpix", FZ_BUILD_CHEALPIX);
  sink(context, "Random123", FZ_BUILD_RANDOM123);
}
