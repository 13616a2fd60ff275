/* Conjugate gradients against a direct solution, and the same bits on every rank. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "core/random.h"
#include "mpi/ksp.h"
#include "mpi_test.h"

enum { N = 24 };

typedef struct dense {
  double a[N][N];
} dense;

static void dense_apply(void *context, const double *x, double *y) {
  const dense *d = context;
  for (int i = 0; i < N; i++) {
    y[i] = 0;
    for (int j = 0; j < N; j++) y[i] += d->a[i][j] * x[j];
  }
}

static void dense_jacobi(void *context, const double *x, double *y) {
  const dense *d = context;
  for (int i = 0; i < N; i++) y[i] = x[i] / d->a[i][i];
}

/* A = G G^T + I, eigenvalues at least 1. */
static void dense_fill(dense *d, double b[N]) {
  fz_random r = fz_random_stream(5, FZ_PURPOSE_TEST, 0, 0);
  double g[N][N];
  for (int i = 0; i < N; i++) {
    b[i] = fz_random_normal(&r);
    for (int j = 0; j < N; j++) g[i][j] = fz_random_normal(&r);
  }
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      d->a[i][j] = i == j;
      for (int k = 0; k < N; k++) d->a[i][j] += g[i][k] * g[j][k];
    }
}

/* Cholesky; n = 24 needs no library. */
static void direct_solution(const dense *d, const double *b, double *x) {
  double l[N][N] = {{0}};
  for (int i = 0; i < N; i++)
    for (int j = 0; j <= i; j++) {
      double s = d->a[i][j];
      for (int k = 0; k < j; k++) s -= l[i][k] * l[j][k];
      l[i][j] = i == j ? sqrt(s) : s / l[j][j];
    }
  for (int i = 0; i < N; i++) {
    x[i] = b[i];
    for (int k = 0; k < i; k++) x[i] -= l[i][k] * x[k];
    x[i] /= l[i][i];
  }
  for (int i = N - 1; i >= 0; i--) {
    for (int k = i + 1; k < N; k++) x[i] -= l[k][i] * x[k];
    x[i] /= l[i][i];
  }
}

static void agrees_with_cholesky(fz_mpi *comm) {
  (void)comm;
  dense d;
  double b[N], exact[N], size = 0, residual;
  int iterations;
  dense_fill(&d, b);
  direct_solution(&d, b, exact);
  for (int i = 0; i < N; i++) size += b[i] * b[i];
  for (int with = 0; with < 2; with++) {
    fz_mpi_ksp *ksp;
    double x[N] = {0};
    CHECK(fz_mpi_ksp_create(N, dense_apply, &d, with ? dense_jacobi : NULL, &d, &ksp, NULL) == FZ_OK);
    CHECK(fz_mpi_ksp_solve(ksp, b, x, 500, 1e-12, &iterations, &residual, NULL) == FZ_OK);
    CHECK(residual <= 1e-12 && iterations >= 1 && iterations <= 4 * N);
    /* |x - exact| <= |A^-1| |r| <= |r|, as the smallest eigenvalue is at least 1; twice that for the recurrence */
    double error = 0;
    for (int i = 0; i < N; i++) error += (x[i] - exact[i]) * (x[i] - exact[i]);
    CHECK(sqrt(error) <= 2e-12 * sqrt(size));
    /* from the solution there is nothing to do */
    CHECK(fz_mpi_ksp_solve(ksp, b, x, 500, 1e-10, &iterations, &residual, NULL) == FZ_OK);
    CHECK(iterations == 0 && residual <= 1e-10);
    /* the limit is kept and is no failure */
    memset(x, 0, sizeof x);
    CHECK(fz_mpi_ksp_solve(ksp, b, x, 3, 1e-12, &iterations, &residual, NULL) == FZ_OK);
    CHECK(iterations == 3 && residual > 1e-12);
    double zero[N] = {0};
    CHECK(fz_mpi_ksp_solve(ksp, zero, x, 500, 1e-12, &iterations, &residual, NULL) == FZ_OK);
    fz_mpi_ksp_destroy(&ksp);
    CHECK(ksp == NULL);
  }
}

static void bad_operators_are_refused(fz_mpi *comm) {
  (void)comm;
  dense d;
  double b[N], x[N] = {0}, residual;
  int iterations;
  fz_mpi_ksp *ksp;
  fz_error err;
  dense_fill(&d, b);
  for (int i = 0; i < N; i++) d.a[i][i] -= 60; /* indefinite: the trace is about N^2, the smallest values near 1 */
  CHECK(fz_mpi_ksp_create(N, dense_apply, &d, NULL, NULL, &ksp, NULL) == FZ_OK);
  CHECK(fz_mpi_ksp_solve(ksp, b, x, 500, 1e-12, &iterations, &residual, &err) == FZ_EDIVERGED);
  CHECK(strstr(err.text, "positive definite"));
  d.a[0][0] = NAN;
  memset(x, 0, sizeof x);
  CHECK(fz_mpi_ksp_solve(ksp, b, x, 500, 1e-12, &iterations, &residual, &err) == FZ_EDIVERGED);
  /* and the solver can be used again */
  dense_fill(&d, b);
  memset(x, 0, sizeof x);
  CHECK(fz_mpi_ksp_solve(ksp, b, x, 500, 1e-12, &iterations, &residual, NULL) == FZ_OK && residual <= 1e-12);
  fz_mpi_ksp_destroy(&ksp);
}

/* A periodic second difference plus identity; large enough for a threaded BLAS to split its sums. */
enum { LARGE = 50000 };
static void ring_apply(void *context, const double *x, double *y) {
  (void)context;
  for (int i = 0; i < LARGE; i++) y[i] = 2.01 * x[i] - x[i == 0 ? LARGE - 1 : i - 1] - x[i == LARGE - 1 ? 0 : i + 1];
}

static void all_ranks_get_the_same_bits(fz_mpi *comm) {
  double *b = fz_alloc(LARGE, sizeof *b), *x = fz_alloc(LARGE, sizeof *x), *first = fz_alloc(LARGE, sizeof *first);
  double residual;
  int iterations;
  fz_mpi_ksp *ksp;
  fz_random r = fz_random_stream(6, FZ_PURPOSE_TEST, 0, 0);
  for (int i = 0; i < LARGE; i++) b[i] = fz_random_normal(&r);
  CHECK(fz_mpi_ksp_create(LARGE, ring_apply, NULL, NULL, NULL, &ksp, NULL) == FZ_OK);
  CHECK(fz_mpi_ksp_solve(ksp, b, x, 60, 1e-14, &iterations, &residual, NULL) == FZ_OK);
  CHECK(iterations == 60);
  memcpy(first, x, LARGE * sizeof *x);
  fz_mpi_broadcast(comm, first, LARGE * sizeof *first);
  CHECK(memcmp(first, x, LARGE * sizeof *x) == 0);
  fz_mpi_ksp_destroy(&ksp);
  fz_free(&first);
  fz_free(&x);
  fz_free(&b);
}

int main(int argc, char **argv) {
  /* As on machines with different core counts: fz_mpi_start must undo it. */
  const char *rank = getenv("OMPI_COMM_WORLD_RANK");
  openblas_set_num_threads(rank && atoi(rank) % 2 ? 2 : 1);
  static void (*const tests[])(fz_mpi *) = {agrees_with_cholesky, bad_operators_are_refused,
                                            all_ranks_get_the_same_bits, NULL};
  return mpi_test_main(argc, argv, tests);
}
