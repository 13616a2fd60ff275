/* Spectra seen outside the mask: Gaussian noise of a known spectrum goes through the preprocessing of images, and what
 * comes back is the spectrum that it was made with.  A window that hides nothing changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "core/fft.h"
#include "core/memory.h"
#include "core/random.h"
#include "model/preprocess.h"
#include "model/window_spectrum.h"

enum { MOST = 33, COLOURS = 4 };

/* Power at |k| cycles per box of n: white, falling to a plateau, rising, with a hump. */
static double colour_at(int colour, double k, int n) {
  double x = k / n;
  if (colour == 1) return 0.1 + 10 * exp2(-k / 1.5);
  if (colour == 2) return 0.1 + 20 * x * x * x;
  if (colour == 3) return 0.3 + 3 * exp(-100 * (x - 0.25) * (x - 0.25));
  return 2;
}

static double frequency(int n, int y, int x) {
  return hypot(x, y <= n / 2 ? y : y - n);
}

/* In each shell the mean of `power` over the half-plane kx >= 0, of |half|^2 or of the colour if half is NULL. */
static void shell_means(int n, const double complex *half, int colour, double *mean) {
  double count[MOST] = {0};
  for (int s = 0; s <= n / 2; s++) mean[s] = 0;
  for (int y = 0; y < n; y++)
    for (int x = 0; x <= n / 2; x++) {
      double k = frequency(n, y, x);
      int s = (int)lrint(k);
      if (s > n / 2 || (x == 0 && y > n / 2)) continue;
      mean[s] += half ? pow(cabs(half[y * (n / 2 + 1) + x]), 2) : colour_at(colour, k, n);
      count[s]++;
    }
  for (int s = 0; s <= n / 2; s++) mean[s] /= count[s];
}

typedef struct bench {
  int n;
  fz_preprocess *p;
  fz_fft *fft;
  double *real;
  double complex *white, *half;
  float *pixels;
  void *scratch;
} bench;

/* One image; its background's spectrum, as if it had not been divided by its deviation, is added to seen. */
static void add_image(const bench *b, int colour, double *seen) {
  int n = b->n;
  double power[MOST];
  for (int y = 0, i = 0; y < n; y++)
    for (int x = 0; x <= n / 2; x++, i++)
      b->half[i] = b->white[i] * sqrt(colour_at(colour, frequency(n, y, x), n)) / ((double)n * n);
  fz_fft_backward(b->fft, b->half, b->real);
  for (int i = 0; i < n * n; i++) b->pixels[i] = (float)(b->real[i] + 10);
  assert_int_equal(fz_preprocess_background(b->p, b->pixels, b->scratch, b->half), FZ_IMAGE_GOOD);
  double deviation = fz_preprocess_background_deviation(b->p, b->pixels);
  shell_means(n, b->half, 0, power);
  for (int s = 0; s <= n / 2; s++) seen[s] += deviation * deviation * power[s];
}

static void noise_comes_back(int n, double radius_px, double edge_px, int images) {
  double seen[COLOURS][MOST] = {{0}}, sigma2[MOST], truth[MOST];
  bench b = {.n = n, .p = fz_preprocess_create(n, radius_px, edge_px)};
  b.fft = fz_fft_create(2, (int[]){n, n}, 1, false);
  b.real = fz_alloc(n * n, sizeof *b.real);
  b.white = fz_alloc(n * (n / 2 + 1), sizeof *b.white);
  b.half = fz_alloc(n * (n / 2 + 1), sizeof *b.half);
  b.pixels = fz_alloc(n * n, sizeof *b.pixels);
  b.scratch = fz_alloc(fz_preprocess_scratch_size(b.p), 1);
  for (int i = 0; i < images; i++) {
    fz_random r = fz_random_stream(5, FZ_PURPOSE_TEST, (uint32_t)n, (uint64_t)i);
    for (int j = 0; j < n * n; j++) b.real[j] = fz_random_normal(&r);
    fz_fft_forward(b.fft, b.real, b.white);
    for (int c = 0; c < COLOURS; c++) add_image(&b, c, seen[c]);
  }
  fz_window_spectrum *w = fz_preprocess_background_window(b.p);
  for (int c = 0; c < COLOURS; c++) {
    for (int s = 0; s <= n / 2; s++) seen[c][s] /= images;
    fz_window_spectrum_undo(w, seen[c], sigma2);
    shell_means(n, NULL, c, truth);
    double blur = 0;
    for (int s = c ? 3 : 1; s <= n / 2; s++) { /* of white noise also where the mean was taken away */
      blur = fmax(blur, fabs(seen[c][s] / truth[s] - 1));
      if (fabs(sigma2[s] / truth[s] - 1) < 0.05) continue;
      fail_msg("box %d, colour %d, shell %d: %g instead of %g", n, c, s, sigma2[s], truth[s]);
    }
    assert_true(c != 3 || blur > 0.08); /* there was something to undo */
  }
  fz_window_spectrum_destroy(&w);
  fz_preprocess_destroy(&b.p);
  fz_fft_destroy(&b.fft);
  fz_free(&b.real);
  fz_free(&b.white);
  fz_free(&b.half);
  fz_free(&b.pixels);
  fz_free(&b.scratch);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void box_32(void **state) {
  (void)state;
  noise_comes_back(32, 12, 3, 2500);
}

static void box_64(void **state) {
  (void)state;
  noise_comes_back(64, 25, 5, 1000);
}

/* No window, no blur: any spectrum comes back as it is; and any factor passes. */
static void nothing_hidden(void **state) {
  (void)state;
  enum { N = 16 };
  double one[N * N], seen[N / 2 + 1] = {7}, sigma2[N / 2 + 1];
  for (int i = 0; i < N * N; i++) one[i] = 1;
  for (int s = 1; s <= N / 2; s++) seen[s] = 1e-3 * (s % 3 ? s : 100 * s);
  fz_window_spectrum *w = fz_window_spectrum_create(N, one, one);
  fz_window_spectrum_undo(w, seen, sigma2);
  for (int s = 1; s <= N / 2; s++) assert_true(fabs(sigma2[s] / seen[s] - 1) < 1e-9);
  assert_true(sigma2[0] == sigma2[1]);
  fz_window_spectrum_destroy(&w);
  fz_window_spectrum_destroy(&w);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(box_32), cmocka_unit_test(box_64),
                                     cmocka_unit_test(nothing_hidden)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
