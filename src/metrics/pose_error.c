#include "metrics/pose_error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static const double degree = 3.14159265358979323846 / 180;
enum { GUESSES = 200, ROUNDS = 20 };

static int ascending(const void *a, const void *b) {
  double x, y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

static double quantile(ptrdiff_t n, const double *sorted, double q) {
  double place = q * (double)(n - 1);
  ptrdiff_t i = (ptrdiff_t)place;
  return i + 1 < n ? sorted[i] + (place - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

fz_error_summary fz_error_summarize(ptrdiff_t n, double *value) {
  FZ_ASSERT(n >= 1);
  qsort(value, (size_t)n, sizeof *value, ascending);
  fz_error_summary s = {
      .median = quantile(n, value, 0.5), .p90 = quantile(n, value, 0.9), .p95 = quantile(n, value, 0.95)};
  ptrdiff_t above_10 = 0, above_30 = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    s.mean += value[i];
    above_10 += value[i] > 10;
    above_30 += value[i] > 30;
  }
  s.mean /= (double)n;
  s.above_10 = (double)above_10 / (double)n;
  s.above_30 = (double)above_30 / (double)n;
  return s;
}

void fz_pose_distance(ptrdiff_t n, const fz_rotation *estimate, const fz_rotation *truth, double *error_deg) {
  for (ptrdiff_t i = 0; i < n; i++) error_deg[i] = fz_rotation_distance(&estimate[i], &truth[i]) / degree;
}

/* truth S G, for the operator S of C_fold that comes nearest to the estimate; its distance in degrees. */
static double nearest_mate(const fz_rotation *estimate, const fz_rotation *truth, int fold, const fz_rotation *global,
                           fz_rotation *mate) {
  double best = INFINITY;
  for (int s = 0; s < fold; s++) {
    fz_rotation turn = fz_rotation_from_vector((double[3]){0, 0, 360.0 * s / fold * degree});
    fz_rotation turned = fz_rotation_multiply(truth, &turn), moved = fz_rotation_multiply(&turned, global);
    double distance = fz_rotation_distance(estimate, &moved) / degree;
    if (distance >= best) continue;
    best = distance;
    *mate = turned;
  }
  return best;
}

static double median_error(ptrdiff_t n, const fz_rotation *estimate, const fz_rotation *truth, int fold,
                           const fz_rotation *global, double *error_deg, double *scratch) {
  fz_rotation mate;
  for (ptrdiff_t i = 0; i < n; i++) error_deg[i] = nearest_mate(&estimate[i], &truth[i], fold, global, &mate);
  memcpy(scratch, error_deg, (size_t)n * sizeof *scratch);
  qsort(scratch, (size_t)n, sizeof *scratch, ascending);
  return quantile(n, scratch, 0.5);
}

/* Chordal mean of mate_i^-1 estimate_i over the particles within the limit. */
static fz_rotation trimmed_mean(ptrdiff_t n, const fz_rotation *estimate, const fz_rotation *truth, int fold,
                                const fz_rotation *global, double limit_deg) {
  double sum[3][3] = {{0}};
  for (ptrdiff_t i = 0; i < n; i++) {
    fz_rotation mate;
    if (nearest_mate(&estimate[i], &truth[i], fold, global, &mate) > limit_deg) continue;
    fz_rotation inverse = fz_rotation_inverse(&mate), g = fz_rotation_multiply(&inverse, &estimate[i]);
    for (int k = 0; k < 9; k++) sum[k / 3][k % 3] += g.m[k / 3][k % 3];
  }
  return fz_rotation_nearest((const double(*)[3])sum);
}

fz_status fz_pose_fit(ptrdiff_t n, const fz_rotation *estimate, const fz_rotation *truth, int fold, fz_rotation *global,
                      double *error_deg, fz_error *err) {
  FZ_ASSERT(n >= 1 && fold >= 1);
  double *scratch = fz_alloc(n, sizeof *scratch), best = INFINITY;
  if (!scratch) return fz_fail(err, FZ_ENOMEM, "no memory to compare %td poses", n);
  ptrdiff_t guesses = n < GUESSES ? n : GUESSES;
  for (ptrdiff_t j = 0; j < guesses; j++) {
    ptrdiff_t i = n * j / guesses;
    fz_rotation inverse = fz_rotation_inverse(&truth[i]), guess = fz_rotation_multiply(&inverse, &estimate[i]);
    double median = median_error(n, estimate, truth, fold, &guess, error_deg, scratch);
    if (median >= best) continue;
    best = median;
    *global = guess;
  }
  double median = best;
  for (int round = 0; round < ROUNDS; round++) {
    *global = trimmed_mean(n, estimate, truth, fold, global, fmax(1.5 * median, 1e-6));
    median = median_error(n, estimate, truth, fold, global, error_deg, scratch);
  }
  fz_free(&scratch);
  return FZ_OK;
}

/* Solve the symmetric positive 3x3 system by Cramer's rule; false when it is singular. */
static int solve3(double a[3][3], const double b[3], double x[3]) {
  double cofactor[3][3];
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) {
      int r = (i + 1) % 3, s = (i + 2) % 3, t = (j + 1) % 3, u = (j + 2) % 3;
      cofactor[i][j] = a[r][t] * a[s][u] - a[r][u] * a[s][t];
    }
  double det = a[0][0] * cofactor[0][0] + a[0][1] * cofactor[0][1] + a[0][2] * cofactor[0][2];
  double trace = a[0][0] + a[1][1] + a[2][2];
  if (!(det > 1e-12 * trace * trace * trace)) return 0;
  for (int i = 0; i < 3; i++) x[i] = (cofactor[i][0] * b[0] + cofactor[i][1] * b[1] + cofactor[i][2] * b[2]) / det;
  return 1;
}

void fz_pose_shift_rest(ptrdiff_t n, const fz_rotation *estimate, const double (*difference)[2],
                        const double *error_deg, double translation[3], double *rest) {
  double normal[3][3] = {{0}}, right[3] = {0};
  ptrdiff_t good = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    if (error_deg[i] >= 10) continue;
    good++;
    for (int row = 0; row < 2; row++)
      for (int j = 0; j < 3; j++) {
        right[j] += estimate[i].m[row][j] * difference[i][row];
        for (int k = 0; k < 3; k++) normal[j][k] += estimate[i].m[row][j] * estimate[i].m[row][k];
      }
  }
  if (good <= 10 || !solve3(normal, right, translation)) memset(translation, 0, 3 * sizeof *translation);
  for (ptrdiff_t i = 0; i < n; i++) {
    double moved[3];
    fz_rotation_apply(&estimate[i], translation, moved);
    rest[i] = hypot(difference[i][0] - moved[0], difference[i][1] - moved[1]);
  }
}
