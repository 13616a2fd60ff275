/* Optimizers as users write them: what is accepted names finite numbers, and either suits a data set or is refused in
 * words. */
#include <math.h>
#include <string.h>

#include "fuzz.h"
#include "io/cli/optimizer_spec.h"

static void check(const fz_optimizer_spec *spec) {
  static const int64_t images[] = {1, 1000, 1000000000};
  static const ptrdiff_t dims[] = {0, 1, 50};
  const fz_optimizer_options *o = &spec->options;
  const double numbers[] = {o->step, o->inner_passes, o->momentum, o->damping, o->rate_power};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    if (!isfinite(numbers[i])) abort();
  fz_optimizer_want(spec->kind, o);
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < 3; k++) {
      fz_error err = {0};
      if (fz_optimizer_check(spec->kind, o, images[i], dims[k], &err) != FZ_OK && !err.text[0]) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  fuzz_file file = fuzz_open(bytes, 0);
  fz_error err = {0};
  char *text = malloc(n + 1); /* of just this length, so that reading on is noticed */
  memcpy(text, bytes, n);
  text[n] = '\0';
  fz_optimizer_spec spec = {.options = fz_optimizer_options_default()};
  fz_status st = fz_optimizer_spec_parse(text, &spec, &err);
  if (st == FZ_OK) check(&spec);
  free(text);
  fuzz_close(&file, st, &err);
  return 0;
}
