/* `frazil info`: the kind of a file is found from its content, then all of it is described. HDF5 files are left out:
 * only their signature is looked at, and the library that would read on is not ours. */
#include "core/log.h"
#include "fuzz.h"
#include "io/describe.h"

static void nowhere(fz_log_level level, const char *text) {
  (void)level;
  (void)text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static FILE *out;
  if (!out) out = fopen("/dev/null", "w");
  fuzz_file file = fuzz_open(bytes, n);
  fz_error err = {0};
  fz_set_log_sink(nowhere);
  fz_status st = fz_io_describe(file.path, out, &err);
  fuzz_close(&file, st, &err);
  return 0;
}
