/* TONGA against the covariance of all gradients, written out as a matrix: in three dimensions three eigenvectors hold
 * all of it. */
#include "optimizer_fixture.h"

enum { STEPS = 60 };
static const double gamma_ = 0.995;

typedef struct history {
  double g[STEPS][LINEAR_DIM];
  int n;
} history;

/* Weighted covariance of the gradients so far, from its definition; the square of their mean. */
static double covariance(const history *h, double c[LINEAR_DIM][LINEAR_DIM]) {
  double mean[LINEAR_DIM] = {0}, weight = 0, square = 0;
  for (int t = 0; t < h->n; t++) weight += pow(gamma_, h->n - 1 - t);
  for (int t = 0; t < h->n; t++)
    for (int j = 0; j < LINEAR_DIM; j++) mean[j] += pow(gamma_, h->n - 1 - t) / weight * h->g[t][j];
  memset(c, 0, sizeof(double[LINEAR_DIM][LINEAR_DIM]));
  for (int t = 0; t < h->n; t++)
    for (int i = 0; i < LINEAR_DIM; i++)
      for (int j = 0; j < LINEAR_DIM; j++)
        c[i][j] += pow(gamma_, h->n - 1 - t) / weight * (h->g[t][i] - mean[i]) * (h->g[t][j] - mean[j]);
  for (int j = 0; j < LINEAR_DIM; j++) square += mean[j] * mean[j];
  return square;
}

/* x = (I + C / sigma2)^-1 g by Cramer's rule */
static void solve(double c[LINEAR_DIM][LINEAR_DIM], double sigma2, const double *g, double *x) {
  double a[3][3];
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) a[i][j] = (i == j) + (sigma2 > 0 ? c[i][j] / sigma2 : 0);
  double det = 0;
  for (int column = -1; column < 3; column++) {
    double m[3][3], value = 0;
    for (int i = 0; i < 3; i++)
      for (int j = 0; j < 3; j++) m[i][j] = j == column ? g[i] : a[i][j];
    for (int j = 0; j < 3; j++)
      value += m[0][j] * (m[1][(j + 1) % 3] * m[2][(j + 2) % 3] - m[1][(j + 2) % 3] * m[2][(j + 1) % 3]);
    if (column < 0) det = value;
    if (column >= 0) x[column] = value / det;
  }
}

/* Columns held before the present gradient's: those since the start, or since the eigenvectors were taken. */
static int columns_at(int step, int memory) {
  if (step == 0) return 0;
  int n = step;
  while (n > 2 * memory) n -= memory;
  return n;
}

static void steps_are_those_of_the_covariance(void **state) {
  (void)state;
  static const int memory[] = {3, 4, 100};
  linear_model m;
  linear_init(&m, usual);
  for (int variant = 0; variant < 6; variant++) {
    fz_optimizer_options options = usual_options();
    options.memory = memory[variant % 3];
    options.damping = variant < 3 ? 0.5 : 0.01;
    fz_optimizer *o = create(&m, "tonga", &options);
    history h = {.n = 0};
    for (int step = 0; step < STEPS; step++) {
      double before[LINEAR_DIM], c[LINEAR_DIM][LINEAR_DIM], d[LINEAR_DIM], trace = 0;
      int64_t tile[LINEAR_TILES], words[LINEAR_WORDS];
      fz_error err;
      memcpy(before, o->w, sizeof before);
      run(o, 1);
      int64_t n = m.last_n;
      memcpy(tile, m.last, sizeof tile);
      assert_int_equal(linear_evaluate(&m, before, tile, n, words, &err), FZ_OK);
      assert_int_equal(linear_gradient(&m, words, before, h.g[h.n++], &err), FZ_OK);
      double square = covariance(&h, c);
      for (int j = 0; j < LINEAR_DIM; j++) trace += c[j][j];
      int columns = columns_at(step, options.memory);
      solve(c, columns ? square + options.damping * trace / columns : 0, h.g[h.n - 1], d);
      for (int j = 0; j < LINEAR_DIM; j++)
        if (!(fabs(before[j] - 0.3 * d[j] - o->w[j]) < 1e-11)) /* eigenvectors: some 100 roundings, times 1/damping */
          fail_msg("memory %d, step %d: %.17g, not %.17g", options.memory, step, o->w[j], before[j] - 0.3 * d[j]);
    }
    fz_optimizer_destroy(&o);
  }
  assert_no_blocks();
}

/* Mean squared distance from the optimum between 200 and 300 passes, by the automatic step, which does not fall here.
 */
static double stationary(const linear_model *m, const char *name) {
  fz_optimizer_options options = usual_options();
  options.step_rule = FZ_STEP_AUTO;
  options.precondition = false;
  options.rate_power = 0;
  options.damping = 1e-3;
  fz_optimizer *o = create(m, name, &options);
  double sum = 0;
  while (fz_optimizer_passes(o) < 300) {
    run(o, 1);
    if (fz_optimizer_passes(o) <= 200) continue;
    for (int j = 0; j < LINEAR_DIM; j++) sum += pow(o->w[j] - m->optimum[j], 2) / (100 * BATCHES);
  }
  fz_optimizer_destroy(&o);
  return sum;
}

/* Noise is largest where the curvature is, as it is for likelihoods; there steps are shortened.  On an ill-conditioned
 * model tonga gets as far as sgd does (0.99^2400 of the start's distance is nothing) with less noise. */
static void noise_is_evened_out(void **state) {
  (void)state;
  linear_model m;
  linear_init_scaled(&m, usual, (const double[LINEAR_DIM]){1, 0.1, 0.02});
  double tonga = stationary(&m, "tonga"), sgd = stationary(&m, "sgd");
  if (!(tonga < sgd / 2 && tonga > 0)) fail_msg("mean squared distances: tonga %.3g, sgd %.3g", tonga, sgd);
  assert_no_blocks();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(steps_are_those_of_the_covariance),
                                     cmocka_unit_test(noise_is_evened_out)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
