/* NumPy files of rows: every field of every row. */
#include "fuzz.h"
#include "io/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  fuzz_file file = fuzz_open(bytes, n);
  fz_error err = {0};
  fz_io_npy npy;
  volatile double sum = 0;
  fz_status st = fz_io_npy_read(file.path, &npy, &err);
  for (int64_t row = 0; row < npy.rows && row < 100; row++)
    for (int f = 0; f < npy.fields; f++) {
      const fz_io_npy_field *field = &npy.field[f];
      ptrdiff_t length;
      if (field->kind == 'S') sum += *fz_io_npy_text(&npy, field, row, &length) + (double)length;
      for (int i = 0; i < field->count && i < 100 && field->kind != 'S' && field->kind != 'U'; i++)
        sum += fz_io_npy_number(&npy, field, row, i);
    }
  (void)sum;
  fz_io_npy_clear(&npy);
  fuzz_close(&file, st, &err);
  return 0;
}
