/* Tables of numbers as text: rows of equal length, all finite. */
#include <math.h>

#include "fuzz.h"
#include "io/numbers.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  fuzz_file file = fuzz_open(bytes, n);
  fz_error err = {0};
  fz_io_numbers numbers = {0};
  fz_status st = fz_io_numbers_read(file.path, &numbers, &err);
  if (st == FZ_OK && (numbers.rows < 1 || numbers.columns < 1)) abort();
  for (int64_t i = 0; st == FZ_OK && i < numbers.rows * numbers.columns; i++)
    if (!isfinite(numbers.value[i])) abort();
  if (st == FZ_OK) fz_free(&numbers.value);
  fuzz_close(&file, st, &err);
  return 0;
}
