/* Draws of simulated particles: distributions, and that particle i depends on nothing but seed and i. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "model/image_transform.h"
#include "model/noise.h"
#include "model/simulation.h"

enum { N = 20000 };

static fz_simulation example(void) {
  return (fz_simulation){.seed = 7,
                         .shift_sd_A = 6,
                         .defocus_min_A = 9000,
                         .defocus_max_A = 21000,
                         .astigmatism_A = 800,
                         .n_classes = 2,
                         .class_weight = {3, 1}};
}

static void draws_have_the_moments_asked_for(void **state) {
  (void)state;
  fz_simulation s = example();
  double direction[3] = {0}, tilt2 = 0, shift2 = 0, defocus = 0, second = 0;
  for (int64_t i = 0; i < N; i++) {
    fz_particle q;
    int c;
    fz_simulation_particle(&s, i, &q, &c);
    fz_rotation r = fz_rotation_from_euler(q.rot_deg, q.tilt_deg, q.psi_deg);
    for (int k = 0; k < 3; k++) direction[k] += r.m[2][k] / N;
    tilt2 += r.m[2][2] * r.m[2][2] / N;
    shift2 += (q.origin_x_A * q.origin_x_A + q.origin_y_A * q.origin_y_A) / (2.0 * N);
    defocus += q.ctf.defocus_u_A / N;
    second += (double)c / N;
    assert_true(q.ctf.defocus_u_A >= 9000 && q.ctf.defocus_u_A <= 21000);
    assert_true(q.ctf.defocus_v_A <= q.ctf.defocus_u_A && q.ctf.defocus_v_A >= q.ctf.defocus_u_A - 800);
    assert_true(q.slice == i && q.ctf.scale == 1);
  }
  /* Five standard errors of each mean. */
  for (int k = 0; k < 3; k++) assert_true(fabs(direction[k]) < 5 * sqrt(1.0 / 3 / N));
  assert_true(fabs(tilt2 - 1.0 / 3) < 5 * sqrt(4.0 / 45 / N));
  assert_true(fabs(shift2 / 36 - 1) < 5 * sqrt(1.0 / N));
  assert_true(fabs(defocus - 15000) < 5 * 12000 / sqrt(12.0 * N));
  assert_true(fabs(second - 0.25) < 5 * sqrt(0.1875 / N));
}

/* Mean cosine to the middle of a von Mises-Fisher peak is coth(kappa) - 1/kappa. */
static void peaks_have_their_concentration(void **state) {
  (void)state;
  fz_views views = {0};
  assert_int_equal(fz_views_add(&views, "40,70,8", NULL), FZ_OK);
  fz_rotation middle = fz_rotation_from_euler(40, 70, 0);
  double mean = 0, spin = 0, kappa = 8;
  for (int64_t i = 0; i < N; i++) {
    fz_random random = fz_random_stream(1, FZ_PURPOSE_TEST, 0, (uint64_t)i);
    fz_rotation r = fz_views_draw(&views, &random);
    double rot, tilt, psi;
    for (int c = 0; c < 3; c++) mean += r.m[2][c] * middle.m[2][c] / N;
    fz_rotation_to_euler(&r, &rot, &tilt, &psi);
    spin += cos(psi * 3.14159265358979323846 / 180) / N;
  }
  assert_true(fabs(mean - (1 / tanh(kappa) - 1 / kappa)) < 5 * (1 / kappa) / sqrt((double)N));
  assert_true(fabs(spin) < 5 * sqrt(0.5 / N));
}

/* Two peaks 3 : 1 at opposite poles and a fifth of uniform views: mean cosine 0.8 (0.75 - 0.25) (coth k - 1/k). */
static void mixtures_keep_their_weights(void **state) {
  (void)state;
  fz_views views = {.uniform = 0.2};
  assert_int_equal(fz_views_add(&views, "0,0,50,3", NULL), FZ_OK);
  assert_int_equal(fz_views_add(&views, "0,180,50,1", NULL), FZ_OK);
  double mean = 0;
  for (int64_t i = 0; i < N; i++) {
    fz_random random = fz_random_stream(2, FZ_PURPOSE_TEST, 0, (uint64_t)i);
    mean += fz_views_draw(&views, &random).m[2][2] / N;
  }
  assert_true(fabs(mean - 0.4 * (1 - 0.02)) < 5 / sqrt((double)N));
}

static void bad_peaks_are_refused(void **state) {
  (void)state;
  const char *const bad[] = {"", "1,2", "1,2,0", "1,2,3,-1", "1,2,3,4,5", "a,b,c", "1,2,nan"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    fz_views views = {0};
    fz_error err = {0};
    assert_int_equal(fz_views_add(&views, bad[i], &err), FZ_EINVAL);
    assert_non_null(strstr(err.text, bad[i]));
    assert_int_equal(views.n, 0);
  }
}

static void noise_and_normalization(void **state) {
  (void)state;
  enum { BOX = 64 };
  double pixels[BOX * BOX], other[BOX * BOX], sum = 0, squares = 0, product = 0;
  for (int i = 0; i < BOX * BOX; i++) pixels[i] = other[i] = 0;
  fz_simulation_add_noise(3, 10, 2.5, BOX * BOX, pixels);
  fz_simulation_add_noise(3, 11, 2.5, BOX * BOX, other);
  for (int i = 0; i < BOX * BOX; i++) {
    sum += pixels[i] / (BOX * BOX);
    squares += pixels[i] * pixels[i] / (BOX * BOX);
    product += pixels[i] * other[i] / (BOX * BOX);
  }
  assert_true(fabs(sum) < 5 * 2.5 / BOX && fabs(squares / 6.25 - 1) < 5 * sqrt(2.0) / BOX);
  assert_true(fabs(product) < 5 * 6.25 / BOX);
  for (int i = 0; i < BOX * BOX; i++) pixels[i] += 30;
  double factor = fz_simulation_normalize(BOX, 25, pixels);
  assert_true(fabs(factor * 2.5 - 1) < 5 / sqrt(2 * (BOX * BOX - 3.15 * 25 * 25)));
  double mean = 0, spread = 0, count = 0;
  for (int y = 0, i = 0; y < BOX; y++)
    for (int x = 0; x < BOX; x++, i++)
      if (hypot(x - BOX / 2, y - BOX / 2) > 25) {
        mean += pixels[i];
        spread += pixels[i] * pixels[i];
        count++;
      }
  assert_true(fabs(mean / count) < 1e-12 && fabs(spread / count - 1) < 1e-12);
  for (int i = 0; i < BOX * BOX; i++) pixels[i] = 4;
  assert_true(fz_simulation_normalize(BOX, 25, pixels) == 0 && pixels[0] == 4);
}

/* Mean periodogram of coloured noise, shell by shell, against the formula; odd and even boxes. */
static void noise_has_its_spectrum(int n, double falloff_A) {
  enum { IMAGES = 400, SHELLS = 32 };
  double pixel_A = 3, found[SHELLS] = {0}, wanted[SHELLS] = {0}, count[SHELLS] = {0}, variance = 0;
  fz_noise *noise = fz_noise_create(n, pixel_A, falloff_A);
  fz_image_transform *transform = fz_image_transform_create(n);
  double *pixels = fz_alloc((ptrdiff_t)n * n, sizeof *pixels);
  double complex *half = fz_alloc(fz_image_transform_size(transform), sizeof *half);
  for (int i = 0; i < IMAGES; i++) {
    for (int r = 0; r < n * n; r++) pixels[r] = 0;
    fz_noise_add(noise, 4, i, 2, pixels);
    for (int r = 0; r < n * n; r++) variance += pixels[r] * pixels[r] / ((double)n * n * IMAGES);
    fz_image_transform_of(transform, pixels, half);
    for (int ky = -(n - 1) / 2; ky <= (n - 1) / 2; ky++)
      for (int kx = 1; kx <= (n - 1) / 2; kx++) {
        int shell = (int)lround(hypot(kx, ky));
        if (shell >= SHELLS) continue;
        ptrdiff_t row = ky < 0 ? ky + n : ky;
        found[shell] += pow(cabs(half[row * (n / 2 + 1) + kx]), 2);
        wanted[shell] += 4 * fz_noise_power(noise, hypot(kx, ky) / (n * pixel_A));
        count[shell]++;
      }
  }
  /* Squared moduli of complex normal numbers have the relative deviation 1: five standard errors. */
  for (int shell = 1; shell < n / 2; shell++)
    assert_true(fabs(found[shell] / wanted[shell] - 1) < 5 / sqrt(count[shell]));
  /* Pixels of one image are correlated; its squared coefficients are not, and their powers are within a factor 6. */
  assert_true(fabs(variance / 4 - 1) < 5 * sqrt(6.0 * 2 / ((double)n * n * IMAGES)));
  assert_true(fabs(fz_noise_power(noise, 0) / fz_noise_power(noise, 1 / (falloff_A + 1e-9)) -
                   (falloff_A > 0 ? 1.2 / 0.7 : 1)) < 1e-6);
  fz_free(&half);
  fz_free(&pixels);
  fz_image_transform_destroy(&transform);
  fz_noise_destroy(&noise);
}

static void noise_falls_off_as_asked(void **state) {
  (void)state;
  noise_has_its_spectrum(32, 60);
  noise_has_its_spectrum(33, 20);
  noise_has_its_spectrum(32, 0);
  double plain[16 * 16] = {0}, same[16 * 16] = {0};
  fz_noise *white = fz_noise_create(16, 3, 0);
  fz_noise_add(white, 4, 7, 2, same);
  fz_simulation_add_noise(4, 7, 2, 16 * 16, plain);
  assert_memory_equal(plain, same, sizeof plain);
  fz_noise_destroy(&white);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void junk_has_its_share_and_changes_nothing_else(void **state) {
  (void)state;
  fz_simulation without = example(), with = example();
  with.junk_share = 0.3;
  double junk = 0;
  for (int64_t i = 0; i < N; i++) {
    assert_false(fz_simulation_is_junk(&without, i));
    junk += (double)fz_simulation_is_junk(&with, i) / N;
  }
  assert_true(fabs(junk - 0.3) < 5 * sqrt(0.21 / N));
  fz_particle a, b;
  int c, d;
  fz_simulation_particle(&without, 5, &a, &c);
  fz_simulation_particle(&with, 5, &b, &d);
  assert_true(a.rot_deg == b.rot_deg && a.origin_x_A == b.origin_x_A && c == d);
}

static void given_poses_are_taken(void **state) {
  (void)state;
  fz_particle list[2] = {{.rot_deg = 1, .tilt_deg = 2, .psi_deg = 3, .origin_x_A = 4, .origin_y_A = 5}, {.rot_deg = 6}};
  fz_simulation s = example();
  s.pose = list;
  fz_particle q;
  int c;
  fz_simulation_particle(&s, 0, &q, &c);
  assert_true(q.rot_deg == 1 && q.tilt_deg == 2 && q.psi_deg == 3 && q.origin_x_A == 4 && q.origin_y_A == 5);
  fz_simulation_particle(&s, 1, &q, &c);
  assert_true(q.rot_deg == 6 && q.tilt_deg == 0 && q.ctf.defocus_u_A >= 9000);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(draws_have_the_moments_asked_for),
                                     cmocka_unit_test(peaks_have_their_concentration),
                                     cmocka_unit_test(mixtures_keep_their_weights),
                                     cmocka_unit_test(bad_peaks_are_refused),
                                     cmocka_unit_test(noise_and_normalization),
                                     cmocka_unit_test(given_poses_are_taken),
                                     cmocka_unit_test(noise_falls_off_as_asked),
                                     cmocka_unit_test(junk_has_its_share_and_changes_nothing_else)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
