/* MRC maps and stacks: headers of any content, then all sections, then as a map. */
#include "fuzz.h"
#include "io/mrc.h"

enum { PIXELS_MOST = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  fuzz_file file = fuzz_open(bytes, n);
  fz_error err = {0};
  fz_io_mrc *mrc;
  fz_map map;
  fz_status st = fz_io_mrc_open_part(file.path, &mrc, &err);
  if (st == FZ_OK) {
    const fz_io_mrc_header *h = fz_io_mrc_header_view(mrc);
    float *pixels = h->nx * h->ny <= PIXELS_MOST ? fz_alloc((ptrdiff_t)(h->nx * h->ny), sizeof *pixels) : NULL;
    for (int64_t z = 0; pixels && st == FZ_OK && z <= h->whole; z++)
      st = fz_io_mrc_read_slices(mrc, z, 1, pixels, &err);
    fz_free(&pixels);
    fz_io_mrc_close(&mrc);
    if (fz_io_map_read(file.path, &map, &err) == FZ_OK) fz_map_clear(&map);
  }
  fuzz_close(&file, st, &err);
  return 0;
}
