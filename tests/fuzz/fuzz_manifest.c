/* The list of checkpoints: what is accepted is in range, and is written back as it was. */
#include <string.h>

#include "fuzz.h"
#include "io/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  fuzz_file file = fuzz_open(bytes, n);
  fz_error err = {0};
  fz_io_manifest manifest, again;
  fz_io_manifest_condition is;
  fz_status st = fz_io_manifest_read(file.path, &manifest, &is, &err);
  if (manifest.n < 0 || manifest.n > FZ_MANIFEST_MAX || ((st != FZ_OK || is != FZ_MANIFEST_GOOD) && manifest.n != 0))
    abort();
  for (int i = 0; i < manifest.n; i++)
    if (manifest.entry[i].bytes < 0 || manifest.entry[i].sequence < 0) abort();
  if (st == FZ_OK && is == FZ_MANIFEST_GOOD) {
    char path[64];
    snprintf(path, sizeof path, "/dev/shm/fuzz_manifest.%d", (int)getpid());
    if (fz_io_manifest_write(path, &manifest, &err) != FZ_OK || fz_io_manifest_read(path, &again, &is, &err) != FZ_OK ||
        again.n != manifest.n || memcmp(&again, &manifest, sizeof again) != 0)
      abort();
    unlink(path);
  }
  fuzz_close(&file, st, &err);
  return 0;
}
