/* Proposals of poses: densities in closed form, samples unbiased, memories that serve another grid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "pose/proposal.h"

static const double PI = 3.14159265358979323846;

typedef struct fixture {
  fz_quadrature q;
  fz_proposal *p;
  fz_factor_sample s[FZ_FACTORS];
} fixture;

static void build(fixture *x, int nside, int n_psi, uint64_t seed, const fz_proposal_options *options) {
  fz_random r = fz_random_stream(seed, FZ_PURPOSE_TEST, 0, 0);
  fz_rotation turn = fz_rotation_random(&r);
  assert_int_equal(
      fz_quadrature_init(&x->q, (fz_direction_grid){FZ_DIRECTIONS_HEALPIX, nside}, n_psi, &turn, 0.5, 2.0, 1.0), FZ_OK);
  assert_int_equal(fz_proposal_create(&x->q, options, &x->p), FZ_OK);
  for (fz_factor f = 0; f < FZ_FACTORS; f++) assert_int_equal(fz_factor_sample_init(&x->s[f], x->p, f), FZ_OK);
}

static void drop(fixture *x) {
  for (fz_factor f = 0; f < FZ_FACTORS; f++) fz_factor_sample_clear(&x->s[f]);
  fz_proposal_destroy(&x->p);
  fz_quadrature_clear(&x->q);
  assert_int_equal(fz_memory_blocks(), 0);
}

static fz_pose_memory one_atom(const fz_rotation *a, double weight, double visits) {
  fz_pose_memory m = {.visits = (float)visits, .direction_sd = 0.1f, .psi_sd = 0.2f, .shift_sd_px = 0.3f};
  double v[3];
  fz_rotation_to_vector(a, v);
  for (int c = 0; c < 3; c++) m.rotation[0].vector[c] = (float)v[c];
  m.rotation[0].weight = m.shift[0].weight = (float)weight;
  m.shift[0].x_px = 10.4f;
  m.shift[0].y_px = -3.2f;
  return m;
}

static void density(fixture *x, fz_factor f, const fz_pose_memory *m, const fz_pose_average *average) {
  fz_proposal_density(x->p, f, m, average, 10, -3, &x->s[f]); /* shift atom: (0.4, -0.2) from the centre */
}

static double omega(const fixture *x, fz_factor f, int j) {
  return f == FZ_FACTOR_SHIFT ? exp(x->q.log_shift_weight[j]) : 1.0 / fz_proposal_points(x->p, f);
}

/* One atom and nothing else known: q - p omega is the kernel, so its logarithm falls as kappa (1 - cos) or r^2/2s^2. */
static void densities_in_closed_form(void **state) {
  (void)state;
  fixture x;
  fz_proposal_options o = {10, 8, 100, 0.05, 2.0, 0.5, 0, false};
  fz_random r = fz_random_stream(3, FZ_PURPOSE_TEST, 1, 0);
  fz_rotation a = fz_rotation_random(&r);
  fz_pose_memory m = one_atom(&a, 1, 1); /* p = 1/4 */
  fz_pose_average nothing = {0};
  build(&x, 4, 32, 1, &o);
  double step[] = {sqrt(4 * PI / x.q.n_directions), 2 * PI / 32, 0.5}, sd[] = {0.1, 0.2, 0.3};
  for (fz_factor f = 0; f < FZ_FACTORS; f++) {
    density(&x, f, &m, &nothing);
    int points = fz_proposal_points(x.p, f);
    double sum = 0, squares = 0, variance = 2 * sd[f] * sd[f] + 0.25 * step[f] * step[f], offset = 0;
    for (int j = 0; j < points; j++) {
      double q = x.s[f].density[j], exponent, floor = omega(&x, f, j) / 4;
      fz_rotation g = fz_quadrature_rotation(&x.q, f == FZ_FACTOR_DIRECTION ? j : 0, f == FZ_FACTOR_PSI ? j : 0);
      assert_true(q >= floor * (1 - 1e-12));
      sum += q;
      squares += q * q;
      if (f == FZ_FACTOR_DIRECTION)
        exponent = (g.m[2][0] * a.m[2][0] + g.m[2][1] * a.m[2][1] + g.m[2][2] * a.m[2][2]) / variance;
      else if (f == FZ_FACTOR_PSI)
        exponent = cos(2 * PI * j / 32) / variance; /* the only atom is where angles are counted from */
      else
        exponent = -0.5 / variance * (pow(x.q.shift_x_px[j] - 0.4, 2) + pow(x.q.shift_y_px[j] + 0.2, 2));
      if (q - floor < 1e-6) continue;
      double level = log(q - floor) - exponent;
      if (offset == 0) offset = level;
      assert_true(fabs(level - offset) < 1e-4); /* the atom is kept in single precision */
    }
    assert_true(offset != 0);
    assert_true(fabs(sum - 1) < 1e-12);
    assert_true(fabs(x.s[f].effective * squares - 1) < 1e-12);
  }
  drop(&x);
}

/* Mass that the atoms miss, a fresh memory, and the average of all images widen a proposal as they should. */
static void what_is_not_known_stays_broad(void **state) {
  (void)state;
  fixture x;
  fz_proposal_options o = fz_proposal_options_default();
  fz_rotation a = fz_rotation_identity();
  fz_pose_average average = {0};
  o.tail = 0;
  build(&x, 4, 32, 2, &o);
  fz_pose_memory sure = one_atom(&a, 1, 20), partly = one_atom(&a, 0.25, 20), fresh = one_atom(&a, 1, 1);
  double effective[3];
  const fz_pose_memory *m[] = {&sure, &fresh, &partly};
  for (int i = 0; i < 3; i++) {
    density(&x, FZ_FACTOR_DIRECTION, m[i], &average);
    double least = 1;
    for (int d = 0; d < x.q.n_directions; d++) least = fmin(least, x.s[0].density[d]);
    double share[] = {o.broad_least, 0.25, o.broad_least + (1 - o.broad_least) * 0.75};
    assert_true(fabs(least * x.q.n_directions - share[i]) < 1e-6);
    effective[i] = x.s[0].effective;
  }
  assert_true(effective[0] < effective[1] && effective[1] < effective[2]);
  /* All images so far looked along one pixel: half of the broad part goes there. */
  double *mass = fz_alloc(x.q.n_directions, sizeof *mass), *shift = fz_alloc(x.q.n_shifts, sizeof *shift);
  int far = 0;
  for (int d = 1; d < x.q.n_directions; d++)
    if (fz_quadrature_rotation(&x.q, d, 0).m[2][2] < fz_quadrature_rotation(&x.q, far, 0).m[2][2]) far = d;
  mass[far] = 100;
  shift[0] = 100;
  fz_pose_average_learn(&average, &x.q, mass, shift, 100, 1000);
  density(&x, FZ_FACTOR_DIRECTION, &sure, &average);
  assert_true(x.s[0].density[far] > 0.4 * o.broad_least / 8 && average.images == 100);
  for (int i = 0; i < 50; i++) fz_pose_average_learn(&average, &x.q, mass, shift, 100, 1000);
  assert_true(fabs(average.images - 1000) < 6); /* forgets as much as it learns: a geometric series */
  double squared = pow(x.q.shift_x_px[0], 2) + pow(x.q.shift_y_px[0], 2);
  assert_true(fabs(average.squared_shift / average.images - squared) < 1e-9);
  fz_free(&mass);
  fz_free(&shift);
  drop(&x);
}

/* Sum of weights x f over a sample is unbiased for the sum of omega x f; z-tests of 3 factors x 4 functions. */
static void check_samples(bool independent) {
  enum { DRAWS = 4000, FUNCTIONS = 4 };
  fixture x;
  fz_proposal_options o = {10, 4, 20, 0.05, 1.5, 0.4, 0.2, independent};
  fz_random r = fz_random_stream(4, FZ_PURPOSE_TEST, 1, 0);
  fz_rotation a = fz_rotation_random(&r);
  fz_pose_memory m = one_atom(&a, 0.8, 1);
  fz_pose_average nothing = {0};
  build(&x, 3, 32, 5, &o);
  for (fz_factor f = 0; f < FZ_FACTORS; f++) {
    int points = fz_proposal_points(x.p, f);
    double exact[FUNCTIONS] = {0}, sum[FUNCTIONS] = {0}, squares[FUNCTIONS] = {0};
    density(&x, f, &m, &nothing);
    for (int k = 0; k < FUNCTIONS; k++)
      for (int j = 0; j < points; j++) exact[k] += omega(&x, f, j) * cos(0.7 * k * j);
    for (int i = 0; i < DRAWS; i++) {
      fz_proposal_draw(x.p, f, &r, &x.s[f]);
      assert_int_equal(x.s[f].draws, 20);
      double value[FUNCTIONS] = {0};
      for (int j = 0; j < x.s[f].n; j++)
        for (int k = 0; k < FUNCTIONS; k++) value[k] += exp(x.s[f].log_weight[j]) * cos(0.7 * k * x.s[f].point[j]);
      for (int k = 0; k < FUNCTIONS; k++) {
        sum[k] += value[k];
        squares[k] += value[k] * value[k];
      }
    }
    for (int k = 0; k < FUNCTIONS; k++) {
      double mean = sum[k] / DRAWS, error = sqrt((squares[k] / DRAWS - mean * mean) / DRAWS);
      assert_true(fabs(mean - exact[k]) < 3.6 * error); /* two-sided 0.4 % for all 12 together */
      assert_true(error < 0.1);                         /* else nothing was tested */
    }
  }
  drop(&x);
}

static void samples_are_unbiased(void **state) {
  (void)state;
  check_samples(true);
  check_samples(false);
}

static void as_many_draws_as_asked(void **state) {
  (void)state;
  fixture x;
  fz_proposal_options o = fz_proposal_options_default();
  fz_rotation a = fz_rotation_identity();
  fz_pose_memory sharp = one_atom(&a, 1, 30), vague = one_atom(&a, 0, 30);
  fz_pose_average nothing = {0};
  fz_random r = fz_random_stream(6, FZ_PURPOSE_TEST, 0, 0);
  sharp.direction_sd = 0.02f;
  build(&x, 8, 64, 3, &o);
  fz_factor_sample *s = &x.s[FZ_FACTOR_DIRECTION];
  density(&x, FZ_FACTOR_DIRECTION, &sharp, &nothing);
  fz_proposal_draw(x.p, FZ_FACTOR_DIRECTION, &r, s);
  assert_int_equal(s->draws, (int)ceil(10 * s->effective));
  assert_true(s->n < s->draws && s->draws < x.q.n_directions);
  for (int j = 1; j < s->n; j++) assert_true(s->point[j] > s->point[j - 1]);
  /* Nothing known: ten times all points is all points, once each. */
  density(&x, FZ_FACTOR_DIRECTION, &vague, &nothing);
  assert_true(fabs(s->effective - x.q.n_directions) < 1e-6);
  fz_proposal_draw(x.p, FZ_FACTOR_DIRECTION, &r, s);
  assert_int_equal(s->draws, 0);
  assert_int_equal(s->n, x.q.n_directions);
  assert_true(fabs(s->log_weight[7] + log(x.q.n_directions)) < 1e-12);
  drop(&x);
}

static fz_pose_sketch *blob(const fz_quadrature *q, const fz_rotation *middle, double sd) {
  fz_pose_sketch *sketch = fz_alloc(1, sizeof *sketch);
  double total = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int d = 0; d < q->n_directions; d++)
      for (int k = 0; k < q->n_psi; k++) {
        fz_rotation a = fz_quadrature_rotation(q, d, k);
        double mass = exp(-0.5 * pow(fz_rotation_distance(middle, &a) / sd, 2));
        if (pass && mass > 1e-6 * total) fz_pose_sketch_add(sketch, d, k, mass / total);
        if (!pass) total += mass;
      }
  return sketch;
}

/* Mass of the product of both densities within `reach` of a rotation. */
static double share_near(const fixture *x, const fz_pose_memory *m, const fz_rotation *a, double reach) {
  double share = 0;
  for (int d = 0; d < x->q.n_directions; d++) {
    int origin = fz_proposal_origin(x->p, m, d);
    if (x->s[FZ_FACTOR_DIRECTION].density[d] < 1e-5) continue;
    for (int k = 0; k < x->q.n_psi; k++) {
      fz_rotation g = fz_quadrature_rotation(&x->q, d, (k + origin) % x->q.n_psi);
      if (fz_rotation_distance(&g, a) < reach)
        share += x->s[FZ_FACTOR_DIRECTION].density[d] * x->s[FZ_FACTOR_PSI].density[k];
    }
  }
  return share;
}

/* Learned on one grid, used on a finer one in another frame: the proposal lies where the posterior was. */
static void memories_outlive_their_grid(void **state) {
  (void)state;
  fixture coarse, fine;
  fz_proposal_options o = fz_proposal_options_default();
  fz_pose_average nothing = {0};
  build(&coarse, 4, 24, 7, &o);
  build(&fine, 9, 56, 8, &o);
  for (int trial = 0; trial < 6; trial++) {
    fz_random r = fz_random_stream(9, FZ_PURPOSE_TEST, 0, (uint64_t)trial);
    fz_rotation a = fz_rotation_random(&r);
    if (trial == 0) a = fz_quadrature_rotation(&fine.q, 0, 5); /* at a pole of the grid, where Euler angles are worst */
    fz_pose_memory m = {.visits = 9};
    double *shift = fz_alloc(coarse.q.n_shifts, sizeof *shift), captured = 0, near = 0, sd = 0.15;
    for (int t = 0; t < coarse.q.n_shifts; t++)
      shift[t] = coarse.q.shift_x_px[t] == 1.0 && coarse.q.shift_y_px[t] == 0.5;
    fz_pose_sketch *sketch = blob(&coarse.q, &a, sd);
    fz_pose_memory_learn(&m, &coarse.q, sketch, shift, 4, 5);
    assert_true(m.visits == 10);
    assert_true(fabsf(m.shift[0].x_px - 5) < 1e-6f && fabsf(m.shift[0].y_px - 5.5f) < 1e-6f && m.shift[1].weight == 0);
    assert_true(m.shift[0].weight == 1);
    for (int l = 0; l < FZ_MEMORY_ROTATIONS; l++) captured += m.rotation[l].weight;
    assert_true(captured > 0.95 && captured < 1 + 1e-5);
    fz_proposal_density(fine.p, FZ_FACTOR_DIRECTION, &m, &nothing, 4, 5, &fine.s[FZ_FACTOR_DIRECTION]);
    fz_proposal_density(fine.p, FZ_FACTOR_SHIFT, &m, &nothing, 4, 5, &fine.s[FZ_FACTOR_SHIFT]);
    for (int d = 0; d < fine.q.n_directions; d++) {
      fz_rotation g = fz_quadrature_rotation(&fine.q, d, 0);
      double along = 0;
      for (int c = 0; c < 3; c++) along += g.m[2][c] * a.m[2][c];
      if (acos(fmin(1, along)) < 3 * sd) near += fine.s[FZ_FACTOR_DIRECTION].density[d];
    }
    assert_true(near > 0.7);
    fz_proposal_density(fine.p, FZ_FACTOR_PSI, &m, &nothing, 4, 5, &fine.s[FZ_FACTOR_PSI]);
    assert_true(share_near(&fine, &m, &a, 3 * sd) > 0.5);
    fz_free(&shift);
    fz_free(&sketch);
  }
  for (fz_factor f = 0; f < FZ_FACTORS; f++) fz_factor_sample_clear(&coarse.s[f]);
  fz_proposal_destroy(&coarse.p);
  fz_quadrature_clear(&coarse.q);
  drop(&fine);
}

/* Two modes keep their shares, and a posterior wider than all atoms together leaves the rest unclaimed. */
static void atoms_hold_what_they_can(void **state) {
  (void)state;
  fixture x;
  fz_proposal_options o = fz_proposal_options_default();
  build(&x, 6, 48, 11, &o);
  fz_pose_sketch *sketch = fz_alloc(1, sizeof *sketch);
  double *shift = fz_alloc(x.q.n_shifts, sizeof *shift), captured = 0;
  fz_pose_memory m = {0};
  shift[0] = 1;
  fz_pose_sketch_add(sketch, 10, 5, 0.1);
  fz_pose_sketch_add(sketch, 300, 7, 0.65);
  fz_pose_sketch_add(sketch, 300, 8, 0.25);
  fz_pose_memory_learn(&m, &x.q, sketch, shift, 0, 0);
  assert_true(fabsf(m.rotation[0].weight - 0.9f) < 1e-6f && fabsf(m.rotation[1].weight - 0.1f) < 1e-6f);
  assert_true(m.rotation[2].weight == 0 && m.visits == 1);
  sketch->n = 0;
  for (int i = 0; i < 5000; i++) fz_pose_sketch_add(sketch, i * 7 % x.q.n_directions, i % 48, 1.0 / 5000 + 1e-9 * i);
  assert_true(sketch->n <= FZ_SKETCH_MOST);
  shift[0] = 1;
  fz_pose_memory_learn(&m, &x.q, sketch, shift, 0, 0);
  for (int l = 0; l < FZ_MEMORY_ROTATIONS; l++) captured += m.rotation[l].weight;
  assert_true(captured > 0 && captured < 0.2);
  fz_free(&sketch);
  fz_free(&shift);
  drop(&x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(densities_in_closed_form),    cmocka_unit_test(what_is_not_known_stays_broad),
      cmocka_unit_test(samples_are_unbiased),        cmocka_unit_test(as_many_draws_as_asked),
      cmocka_unit_test(memories_outlive_their_grid), cmocka_unit_test(atoms_hold_what_they_can)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
