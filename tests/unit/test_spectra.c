/* Spectra of noise and signal from sets of images whose truth is known: nothing runs away, whatever the maps say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "core/fixed.h"
#include "core/memory.h"
#include "core/random.h"
#include "estep/spectra.h"
#include "model/shells.h"

static const double PI = 3.14159265358979323846, SHARE = 0.3;
enum { BOX = 32, SHELLS = BOX / 2 + 1, GROUPS = 2, KMAX = 12 };

typedef struct set {
  fz_dataset data;
  double background[GROUPS * SHELLS], noise[GROUPS * SHELLS], sigma2[GROUPS * SHELLS], power[GROUPS * SHELLS];
  double ctf2[GROUPS * SHELLS], tau2[SHELLS], images[GROUPS];
} set;

/* Noise 1 in the first group and 2 in the second, 3000 and 1000 images; the map's power by shell; maps of 10 px. */
static void make(set *x, double ctf2, const double *tau2) {
  *x = (set){.images = {3000, 1000}};
  x->data = (fz_dataset){.box = BOX, .n_groups = GROUPS, .n_shells = SHELLS, .mask_radius_px = 10, .mask_share = SHARE};
  fz_dataset *d = &x->data;
  d->n = 4000, d->background = x->background, d->noise = x->noise, d->sigma2 = x->sigma2, d->power = x->power;
  d->ctf2 = x->ctf2, d->signal_tau2 = x->tau2, d->group_images = x->images;
  for (int i = 0; i < GROUPS * SHELLS; i++) {
    x->background[i] = x->noise[i] = x->sigma2[i] = 1 + i / SHELLS;
    x->ctf2[i] = ctf2;
    x->power[i] = SHARE * x->background[i] + ctf2 * tau2[i % SHELLS];
  }
  memcpy(x->tau2, tau2, sizeof x->tau2);
}

/* As `make`, with signal / noise = ratio in the first group in all shells. */
static void make_flat(set *x, double ratio) {
  double tau2[SHELLS];
  for (int s = 0; s < SHELLS; s++) tau2[s] = ratio * SHARE / 0.5;
  make(x, 0.5, tau2);
}

typedef struct scores {
  fz_statistics_layout l;
  int64_t *words;
  double weight[KMAX + 2];
} scores;

/* The sums of an E-step: |x - c P V|^2 is on average left [group][shell] of each coefficient, pi s of them a shell. */
static void score(scores *e, const set *x, const double *left) {
  e->l = fz_statistics_layout_make(2 * (KMAX + 2), KMAX, 1, GROUPS, 1, 1, 0, 1, 1, 4000);
  e->words = fz_alloc(e->l.total, sizeof *e->words);
  for (int s = 0; s < KMAX + 2; s++) e->weight[s] = PI * s;
  for (int g = 0; g < GROUPS; g++) {
    e->words[e->l.offset[FZ_SECTION_IMAGES] + g] = (int64_t)x->images[g];
    for (int s = 1; s < KMAX + 2; s++) {
      double sum = x->images[g] * e->weight[s] * left[g * SHELLS + s] / x->sigma2[g * SHELLS + s];
      int64_t *word = e->words + e->l.offset[FZ_SECTION_RESIDUAL] + g * e->l.n_shells + s;
      assert_true(fz_fixed_from_double(sum, e->l.scale[FZ_SECTION_RESIDUAL], word));
    }
  }
}

static void update_noise(set *x, double r) {
  double left[GROUPS * SHELLS];
  scores e;
  for (int i = 0; i < GROUPS * SHELLS; i++) left[i] = r * SHARE * (1 + i / SHELLS);
  score(&e, x, left);
  fz_spectra_update_noise(&x->data, &e.l, e.words, e.weight, KMAX + 1);
  fz_spectra_anneal(&x->data, 0);
  fz_free(&e.words);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Of the truth, 1 and 2, to `share` of it. */
static void assert_noise(const set *x, double share) {
  for (int i = 0; i < GROUPS * SHELLS; i++) {
    double truth = 1 + i / SHELLS;
    if (i % SHELLS && i % SHELLS <= KMAX && !(fabs(x->noise[i] / truth - 1) < share))
      fail_msg("group %d, shell %d: noise %g instead of %g", i / SHELLS, i % SHELLS, x->noise[i], truth);
    assert_true(i % SHELLS == 0 || x->noise[i] <= x->power[i] / SHARE * (1 + 1e-9));
  }
}

/* The map may explain all, nothing or a part of the images, pass after pass; of the second group, with half of the
 * signal to noise, more is left here than there was. */
static void noise_whatever_the_map(void **state) {
  (void)state;
  set x;
  for (double ratio = 0; ratio < 200; ratio = 2 * ratio + 0.01)
    for (double part = 0; part <= 1; part += 0.25) {
      make_flat(&x, ratio);
      fz_spectra_begin(&x.data);
      assert_noise(&x, 0.051);
      for (int pass = 0; pass < 5; pass++) update_noise(&x, 1 + part * ratio);
      assert_noise(&x, 0.051);
      for (int s = 1; s <= KMAX; s++)
        assert_true(x.sigma2[s] == fmax(x.noise[s], 0.01 * (x.power[s] / SHARE)) && x.noise[s] > 0.999);
    }
}

/* Where there is no signal the background may be off, the images themselves say it better; where there is much, the
 * background is all that is known. */
static void two_witnesses(void **state) {
  (void)state;
  set x;
  for (double off = 0.98; off < 1.03; off += 0.01) {
    make_flat(&x, 0);
    for (int i = 0; i < GROUPS * SHELLS; i++) x.background[i] *= off;
    update_noise(&x, 1);
    assert_noise(&x, 0.002);
    make_flat(&x, 300);
    for (int i = 0; i < GROUPS * SHELLS; i++) x.background[i] *= off;
    for (double r = 0; r < 1000; r = 10 * r + 1) {
      update_noise(&x, r);
      for (int s = 1; s <= KMAX; s++) assert_true(fabs(x.noise[s] / off - 1) < 0.01);
    }
  }
}

static void signal_from_the_scan(void **state) {
  (void)state;
  set x;
  make_flat(&x, 4);
  for (int s = 1; s <= 3; s++) x.ctf2[s] = x.ctf2[SHELLS + s] = 0.01; /* as if the power there were leakage */
  double truth = x.tau2[5];
  fz_spectra_begin(&x.data);
  for (int s = 4; s < SHELLS; s++) assert_true(fabs(x.tau2[s] / truth - 1) < 0.02);
  for (int s = 1; s <= 3; s++) assert_true(fabs(x.tau2[s] / x.tau2[s + 1] - 2) < 1e-9);
  make_flat(&x, 0);
  fz_spectra_begin(&x.data);
  for (int s = 0; s < SHELLS; s++) assert_true(x.tau2[s] > 0 && x.tau2[s] < 1e-3);
}

/* Two maps of voxels N(0, 1) in the ball, with noise of 1/a each, and shrunk by the prior: what they were made from. */
static void signal_of_simulated_halves(double a, double prior_off, double tolerance) {
  set x;
  double *v[3], cross[KMAX + 1], fsc[KMAX + 1], found = 0, truth = 0, inside = 4 * PI / 3 * pow(10.0 / BOX, 3);
  fz_shell_products p[KMAX + 1], q[KMAX + 1];
  make_flat(&x, 1);
  for (int i = 0; i < GROUPS * SHELLS; i++) x.ctf2[i] = 4 * a * (i % SHELLS) / 3500; /* the same a in all shells */
  for (int s = 0; s < SHELLS; s++) x.tau2[s] = inside * prior_off;
  double w = a * inside * prior_off / (1 + a * inside * prior_off);
  fz_random r = fz_random_stream(17, FZ_PURPOSE_TEST, 0, 0);
  for (int k = 0; k < 3; k++) v[k] = fz_alloc(BOX * BOX * BOX, sizeof *v[k]);
  for (int i = 0; i < BOX * BOX * BOX; i++) {
    double z = i / (BOX * BOX) - BOX / 2, y = i / BOX % BOX - BOX / 2, h = i % BOX - BOX / 2;
    if (z * z + y * y + h * h > 100) continue;
    v[0][i] = fz_random_normal(&r);
    for (int k = 1; k < 3; k++) v[k][i] = w * (v[0][i] + fz_random_normal(&r) / sqrt(a));
  }
  assert_int_equal(fz_shells_multiply(BOX, v[1], v[2], KMAX + 1, p, NULL), FZ_OK);
  assert_int_equal(fz_shells_multiply(BOX, v[0], v[0], KMAX + 1, q, NULL), FZ_OK);
  for (int s = 0; s <= KMAX; s++) {
    cross[s] = p[s].ab / (BOX * BOX * BOX);
    fsc[s] = fz_shell_fsc(&p[s]);
  }
  fz_spectra_update_signal(&x.data, cross, fsc, KMAX);
  for (int s = 4; s <= KMAX; s++) {
    found += s * x.tau2[s];
    truth += s * q[s].aa / (BOX * BOX * BOX);
  }
  for (int k = 0; k < 3; k++) fz_free(&v[k]);
  if (!(fabs(found / truth - 1) < tolerance)) fail_msg("a %g, prior off by %g: %g", a, prior_off, found / truth);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void signal_from_halves(void **state) {
  (void)state;
  signal_of_simulated_halves(100, 1, 0.03);
  signal_of_simulated_halves(100, 0.5, 0.03);
  signal_of_simulated_halves(100, 5, 0.03);
  signal_of_simulated_halves(5, 1, 0.1); /* the prior has a say */
  signal_of_simulated_halves(5, 0.2, 0.1);
  signal_of_simulated_halves(0.7, 3, 0.1);
}

/* Halves that say the opposite leave a little; beyond the band the fall goes on, never a rise, and what the images'
 * power does not hold is not there. */
static void ends_of_the_signal(void **state) {
  (void)state;
  enum { LAST = 9 };
  set x;
  double cross[LAST + 1], fsc[LAST + 1];
  for (double factor = 0.7; factor < 1.5; factor += 0.6) {
    make_flat(&x, 10);
    for (int i = 0; i < GROUPS * SHELLS; i++) x.power[i] *= 100; /* room for any signal */
    for (int s = 0; s <= LAST; s++) {
      double t = pow(factor, s), a = 1750 / (4.0 * fmax(1, s)), w = a * x.tau2[s] / (1 + a * x.tau2[s]);
      cross[s] = w * w * t;
      fsc[s] = a * t / (a * t + 0.1278);
    }
    fz_spectra_update_signal(&x.data, cross, fsc, LAST);
    for (int s = 1; s <= LAST; s++) assert_true(fabs(x.tau2[s] / pow(factor, s) - 1) < 1e-9);
    for (int s = LAST + 1; s < SHELLS; s++) assert_true(fabs(x.tau2[s] / (x.tau2[s - 1] * fmin(1, factor)) - 1) < 1e-6);
    for (int s = LAST + 1; s < SHELLS; s++) assert_true(x.tau2[s] <= x.tau2[LAST]);
    assert_true(fz_spectra_prior(&x.data, 1000) == x.tau2[SHELLS - 1]);
    for (int s = LAST + 1; s < SHELLS; s++)
      for (int g = 0; g < GROUPS; g++) x.power[g * SHELLS + s] = SHARE * x.background[g * SHELLS + s];
    fz_spectra_update_signal(&x.data, cross, fsc, LAST);
    for (int s = LAST + 1; s < SHELLS; s++) assert_true(x.tau2[s] > 0 && x.tau2[s] < 0.06);
  }
  for (int s = 0; s <= LAST; s++) cross[s] = fsc[s] = -0.3;
  make_flat(&x, 10);
  fz_spectra_update_signal(&x.data, cross, fsc, LAST);
  for (int s = 1; s < SHELLS; s++) assert_true(x.tau2[s] > 0 && x.tau2[s] <= 0.02 / (1750 / (4.0 * s)) * (1 + 1e-9));
}

/* Mean gain of the two groups: pi share (1 + .. + 12) (3/4 + 1/4 1/2) ratio. */
static void annealing(void **state) {
  (void)state;
  set x;
  double unit = PI * SHARE * 78 * 0.875;
  const double gain[] = {0, 30, 40, 60, 79, 81, 1e5}, f[] = {0, 0, 0, 0.5, 39.0 / 40, 1, 1};
  for (int k = 0; k < 7; k++) {
    make_flat(&x, gain[k] / unit);
    assert_true(fabs(fz_spectra_annealing(&x.data, KMAX) - f[k]) < 1e-9);
  }
  const double ratio[] = {0.39, 1, 10, 1e6};
  const int passes[] = {1, 2, 3, 3}; /* 1/8, 1/32, below a hundredth */
  for (int k = 0; k < 4; k++) {
    make_flat(&x, ratio[k]);
    double now = 0.5;
    for (int i = 1; i < passes[k]; i++, now /= 4) assert_true(fz_spectra_cool(&x.data, now) == now / 4);
    assert_true(fz_spectra_cool(&x.data, now) == 0 && fz_spectra_cool(&x.data, 0) == 0);
    assert_int_equal(fz_spectra_annealed_passes(&x.data, 0.5), passes[k]);
    assert_int_equal(fz_spectra_annealed_passes(&x.data, 0), 0);
  }
  make_flat(&x, 10);
  for (int k = 0; k <= 4; k++) {
    fz_spectra_anneal(&x.data, k / 4.0);
    for (int s = 1; s < SHELLS; s++) assert_true(fabs(x.sigma2[s] - (1 + k / 4.0 * 10)) < 1e-9);
    for (int s = 1; s < SHELLS; s++) assert_true(fabs(x.sigma2[SHELLS + s] - (2 + k / 4.0 * 10)) < 1e-9);
  }
  make_flat(&x, 1e6);
  fz_spectra_anneal(&x.data, 0);
  for (int s = 1; s < SHELLS; s++) assert_true(fabs(x.sigma2[s] / 10000 - 1) < 1e-3);
}

/* Images of two coefficients a shell, x and x - p, with sums over them as the E-step makes them; gains by definition.
 */
static void gain_change(void **state) {
  (void)state;
  set x;
  scores e;
  double left[GROUPS * SHELLS] = {0}, before[GROUPS * SHELLS], change = 0;
  fz_random r = fz_random_stream(19, FZ_PURPOSE_TEST, 0, 0);
  make_flat(&x, 3);
  for (int i = 0; i < GROUPS * SHELLS; i++) {
    int s = i % SHELLS;
    before[i] = x.sigma2[i] = 1 + fz_random_uniform(&r);
    double after = x.sigma2[i] * (0.7 + 0.6 * fz_random_uniform(&r)), images = x.images[i / SHELLS];
    x.power[i] = 0;
    for (int j = 0; j < 2 && s > 0; j++) {
      double data = 100 * fz_random_normal(&r), rest = data - 50;
      x.power[i] += data * data / (images * PI * s);
      left[i] += rest * rest / (images * PI * s);
      if (s < KMAX + 2) change += (data * data - rest * rest) / 2 * (1 / after - 1 / before[i]);
    }
    x.noise[i] = after;
  }
  score(&e, &x, left);
  memcpy(x.sigma2, x.noise, sizeof x.sigma2);
  assert_true(fabs(fz_spectra_gain_change(&x.data, &e.l, e.words, e.weight, before) - change) < 1e-6 * fabs(change));
  assert_true(fz_spectra_gain_change(&x.data, &e.l, e.words, e.weight, x.sigma2) == 0);
  fz_free(&e.words);
}

/* 1750 tau2 / 2 s, which is 1/3 at s = 2625 tau2. */
static void reach(void **state) {
  (void)state;
  set x;
  for (double s = 0.5; s < SHELLS + 2; s++) {
    make_flat(&x, s / 2625 * 0.5 / SHARE);
    assert_int_equal(fz_spectra_reach(&x.data), (int)fmin(s, SHELLS - 1));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(noise_whatever_the_map),
                                     cmocka_unit_test(two_witnesses),
                                     cmocka_unit_test(signal_from_the_scan),
                                     cmocka_unit_test(signal_from_halves),
                                     cmocka_unit_test(ends_of_the_signal),
                                     cmocka_unit_test(annealing),
                                     cmocka_unit_test(gain_change),
                                     cmocka_unit_test(reach)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
