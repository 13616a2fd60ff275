/* The spherical basis against closed forms, quadrature, and the transform of Gaussians; slices against turned volumes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "model/spherical_basis.h"

static const double PI = 3.14159265358979323846;
static const int thesis_radial[4] = {4, 4, 4, 4};
enum { DIM = 64, BOX = 15 };

static fz_spherical_basis thesis_basis(void) {
  fz_spherical_basis b;
  fz_error err = {0};
  if (fz_spherical_basis_init(&b, 3, thesis_radial, PI, &err) != FZ_OK) fail_msg("%s", err.text);
  assert_int_equal(b.dim, DIM);
  return b;
}

static void random_numbers(uint64_t item, ptrdiff_t n, double *x) {
  fz_random r = fz_random_stream(7, FZ_PURPOSE_TEST, 0, item);
  for (ptrdiff_t i = 0; i < n; i++) x[i] = fz_random_normal(&r);
}

/* Some Gaussians inside radius 2.5, in units of 3 Angstrom per pixel. */
static fz_gaussians gaussians(const fz_rotation *turn) {
  fz_gaussians g = {.n = 4, .item = fz_alloc(4, sizeof(fz_gaussian))};
  for (int j = 0; j < 4; j++) {
    random_numbers((uint64_t)j + 20, 3, g.item[j].at_A);
    for (int i = 0; i < 3; i++) g.item[j].at_A[i] *= 3;
    g.item[j].width_A = 3 * (1.1 + 0.1 * j);
    g.item[j].weight = 1 + j;
    if (turn) fz_rotation_apply(turn, g.item[j].at_A, g.item[j].at_A);
  }
  return g;
}

/* j_2 in closed form, j_l at large order from its leading term, values at many arguments from the recurrence that they
 * all obey and from sum (2l+1) j_l^2 = 1. */
static void bessel_functions(void **state) {
  (void)state;
  double j[FZ_SPHERICAL_DEGREE_MAX + 2], small[FZ_SPHERICAL_DEGREE_MAX + 2];
  for (double x = 0.01; x < 60; x *= 1.13) {
    fz_spherical_bessel(FZ_SPHERICAL_DEGREE_MAX + 1, x, j);
    double sum = 0;
    for (int l = 0; l <= FZ_SPHERICAL_DEGREE_MAX + 1; l++) sum += (2 * l + 1) * j[l] * j[l];
    if (x < 12) assert_true(fabs(sum - 1) < 1e-14);
    if (x > 0.5) assert_true(fabs(j[2] - ((3 / x / x - 1) * sin(x) / x - 3 * cos(x) / x / x)) < 2e-14);
    for (int degree = 0; degree <= 30; degree += 5) {
      fz_spherical_bessel(degree, x, small);
      for (int l = 0; l <= degree; l++) assert_true(fabs(small[l] - j[l]) < 2e-15);
    }
  }
  fz_spherical_bessel(3, 0, j);
  assert_true(j[0] == 1 && j[1] == 0 && j[3] == 0);
  fz_spherical_bessel(10, 0.01, j);
  double leading = pow(0.01, 10) / 13749310575.0; /* x^10/21!! (1 - x^2/46) */
  assert_true(fabs(j[10] / (leading * (1 - 1e-4 / 46)) - 1) < 1e-9);
  /* tan R = R at the zeros of j_1 */
  double zero[20];
  fz_spherical_bessel_zeros(1, 20, zero);
  assert_true(fabs(zero[0] - 4.493409457909064) < 1e-14);
  for (int s = 0; s < 20; s++) assert_true(fabs(sin(zero[s]) - zero[s] * cos(zero[s])) < 1e-13 * zero[s]);
  for (int l = 0; l < 30; l++) {
    fz_spherical_bessel_zeros(l, 20, zero);
    for (int s = 0; s < 20; s++) {
      fz_spherical_bessel(l, zero[s], j);
      assert_true(fabs(j[l]) < 1e-15 && (s == 0 || zero[s] > zero[s - 1] + 3));
    }
  }
}

/* Gauss x equispaced nodes are exact for products of harmonics. */
static void harmonics_are_orthonormal(void **state) {
  (void)state;
  enum { L = 7, N = (L + 1) * (L + 1) };
  double node[L + 1], weight[L + 1], sum[N][N] = {{0}}, y[N];
  fz_gauss_legendre(L + 1, node, weight);
  for (int q = 0; q < (L + 1) * (2 * L + 1); q++) {
    double c = node[q / (2 * L + 1)], s = sqrt(1 - c * c), phi = 2 * PI * (q % (2 * L + 1)) / (2 * L + 1);
    fz_spherical_harmonics(L, (double[]){3 * s * cos(phi), 3 * s * sin(phi), 3 * c}, y);
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) sum[i][j] += weight[q / (2 * L + 1)] * 2 * PI / (2 * L + 1) * y[i] * y[j];
  }
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) assert_true(fabs(sum[i][j] - (i == j)) < 1e-13);
  double x[3] = {0.3, -0.5, 0.7}, r2 = 0.83, r = sqrt(r2);
  fz_spherical_harmonics(2, x, y);
  assert_true(fabs(y[0] - sqrt(1 / (4 * PI))) < 1e-15);
  assert_true(fabs(y[1] - sqrt(3 / (4 * PI)) * x[1] / r) < 1e-15);          /* m = -1: y */
  assert_true(fabs(y[3] - sqrt(3 / (4 * PI)) * x[0] / r) < 1e-15);          /* m = +1: x */
  assert_true(fabs(y[4] - sqrt(15 / (4 * PI)) * x[0] * x[1] / r2) < 1e-15); /* m = -2: xy */
  assert_true(fabs(y[6] - sqrt(5 / (16 * PI)) * (3 * x[2] * x[2] / r2 - 1)) < 1e-15);
}

/* A sum over nodes of the ball: 40 radii (j_l up to argument 17 squared), degree 6 over the sphere. */
typedef void (*at_node)(void *context, const double *k, double weight);
static void over_ball(double band, int radii, int polar, at_node f, void *context) {
  double r[64], wr[64], c[64], wc[64];
  fz_gauss_legendre(radii, r, wr);
  fz_gauss_legendre(polar, c, wc);
  for (int i = 0; i < radii; i++)
    for (int j = 0; j < polar; j++)
      for (int q = 0; q < 2 * polar; q++) {
        double length = band * (r[i] + 1) / 2, s = length * sqrt(1 - c[j] * c[j]), phi = PI * q / polar;
        double k[3] = {s * cos(phi), s * sin(phi), length * c[j]};
        f(context, k, wr[i] * band / 2 * length * length * wc[j] * PI / polar);
      }
}

typedef struct gram_sum {
  const fz_spherical_basis *b;
  double gram[DIM][DIM];
} gram_sum;

static void add_gram(void *context, const double *k, double weight) {
  gram_sum *s = context;
  double value[DIM];
  fz_spherical_basis_values(s->b, k, value);
  for (int i = 0; i < DIM; i++)
    for (int j = 0; j < DIM; j++) s->gram[i][j] += weight * value[i] * value[j];
}

static void functions_are_orthonormal(void **state) {
  (void)state;
  fz_spherical_basis b = thesis_basis();
  static gram_sum s;
  s = (gram_sum){.b = &b};
  over_ball(b.band, 40, 5, add_gram, &s);
  for (int i = 0; i < DIM; i++)
    for (int j = 0; j < DIM; j++) assert_true(fabs(s.gram[i][j] - (i == j)) < 1e-12);
  fz_spherical_basis_clear(&b);
}

typedef struct inverse_sum {
  const fz_spherical_basis *b;
  const double *a;
  double r[8][3];
  double complex v[8];
} inverse_sum;

static void add_inverse(void *context, const double *k, double weight) {
  inverse_sum *s = context;
  double complex transform = fz_spherical_basis_transform(s->b, s->a, k);
  for (int i = 0; i < 8; i++)
    s->v[i] +=
        weight / pow(2 * PI, 3) * transform * cexp(I * (k[0] * s->r[i][0] + k[1] * s->r[i][1] + k[2] * s->r[i][2]));
}

/* Any real coefficients make a real volume: the inverse transform, by quadrature, is `density`. */
static void volumes_are_real(void **state) {
  (void)state;
  fz_spherical_basis b = thesis_basis();
  double a[DIM], k[3], at[3];
  random_numbers(1, DIM, a);
  inverse_sum s = {.b = &b, .a = a};
  for (int i = 1; i < 8; i++) random_numbers((uint64_t)i, 3, s.r[i]);
  for (int c = 0; c < 3; c++) s.r[7][c] = s.r[6][c] / hypot(hypot(s.r[6][0], s.r[6][1]), s.r[6][2]); /* at a zero */
  over_ball(b.band, 60, 24, add_inverse, &s);
  for (int i = 0; i < 8; i++) {
    assert_true(fabs(cimag(s.v[i])) < 1e-12);
    assert_true(fabs(creal(s.v[i]) - fz_spherical_basis_density(&b, a, s.r[i])) < 1e-11);
    assert_true(i == 0 || fabs(creal(s.v[i])) > 1e-4);
  }
  for (int i = 0; i < 20; i++) {
    random_numbers((uint64_t)i + 50, 3, k);
    double minus[3] = {-k[0], -k[1], -k[2]};
    assert_true(cabs(fz_spherical_basis_transform(&b, a, k) - conj(fz_spherical_basis_transform(&b, a, minus))) <
                1e-13);
  }
  float voxel[27];
  fz_spherical_basis_volume(&b, a, 3, 0.5, voxel);
  for (int c = 0; c < 3; c++) at[c] = c == 0 ? 0.5 : c == 1 ? -0.5 : 0; /* x, y, z */
  assert_true(fabs(voxel[1 * 9 + 0 * 3 + 2] - fz_spherical_basis_density(&b, a, at)) < 1e-6);
  fz_spherical_basis_clear(&b);
}

/* Between a zero's neighbourhood, where a series is used, and the closed form there is no step. */
static void density_is_smooth_at_zeros(void **state) {
  (void)state;
  fz_spherical_basis b = thesis_basis();
  double a[DIM];
  random_numbers(2, DIM, a);
  for (ptrdiff_t i = 0; i < b.n_profiles; i++) {
    double f[4];
    const double at[4] = {-1.5e-4, -0.5e-4, 0.5e-4, 1.5e-4};
    for (int q = 0; q < 4; q++) {
      double r = (b.zero[i] + at[q]) / b.band;
      f[q] = fz_spherical_basis_density(&b, a, (double[]){0.6 * r, 0, 0.8 * r});
    }
    assert_true(fabs(f[3] - 3 * f[2] + 3 * f[1] - f[0]) < 1e-11); /* third difference */
  }
  fz_spherical_basis_clear(&b);
}

typedef struct projection_sum {
  const fz_spherical_basis *b;
  const fz_gaussians *g;
  double a[DIM];
} projection_sum;

static void add_projection(void *context, const double *k, double weight) {
  projection_sum *s = context;
  double value[DIM], k_per_A[3] = {k[0] / (2 * PI * 3), k[1] / (2 * PI * 3), k[2] / (2 * PI * 3)};
  fz_spherical_basis_values(s->b, k, value);
  double complex transform = fz_gaussians_transform(s->g, k_per_A);
  for (int i = 0; i < DIM; i++) {
    int odd = (i >= 4 && i < 16) || i >= 36;
    s->a[i] += weight * value[i] * (odd ? cimag(transform) : creal(transform));
  }
}

/* Coefficients are inner products with the Gaussians' own transform. */
static void projection_is_an_inner_product(void **state) {
  (void)state;
  fz_spherical_basis b = thesis_basis();
  fz_gaussians g = gaussians(NULL);
  double a[DIM];
  projection_sum s = {.b = &b, .g = &g};
  over_ball(b.band, 48, 20, add_projection, &s);
  assert_int_equal(fz_spherical_basis_project(&b, &g, 3, a), FZ_OK);
  for (int i = 0; i < DIM; i++) assert_true(fabs(a[i] - s.a[i]) < 1e-11);
  fz_gaussians_clear(&g);
  fz_spherical_basis_clear(&b);
}

/* With enough functions the projection is the volume, up to what it has beyond |k| = pi: the Gaussians, weights 1 to 4,
 * have fallen to exp(-(1.1 pi)^2/2) = 2.5e-3 there. */
static void large_bases_reach_gaussians(void **state) {
  (void)state;
  fz_spherical_basis b;
  fz_error err;
  int n_radial[FZ_SPHERICAL_DEGREE_MAX + 1];
  int degree = fz_spherical_basis_rule(PI, 6, n_radial);
  assert_in_range(degree, 20, 30); /* R_l1 is about l + 1.86 l^(1/3) + pi more for the next zero */
  for (int l = 1; l <= degree; l++) assert_true(n_radial[l] <= n_radial[l - 1]);
  assert_int_equal(n_radial[0], 11); /* R_0s = s pi, s + 1 <= 12 */
  assert_int_equal(fz_spherical_basis_init(&b, 14, n_radial, PI, &err), FZ_OK);
  fz_gaussians g = gaussians(NULL);
  double *a = fz_alloc(b.dim, sizeof *a);
  assert_int_equal(fz_spherical_basis_project(&b, &g, 3, a), FZ_OK);
  for (int i = 0; i < 20; i++) {
    double k[3], k_per_A[3], r[3], exact = 0;
    random_numbers((uint64_t)i + 80, 3, k);
    random_numbers((uint64_t)i + 120, 3, r);
    for (int c = 0; c < 3; c++) k_per_A[c] = (k[c] *= 0.8) / (2 * PI * 3);
    assert_true(cabs(fz_spherical_basis_transform(&b, a, k) - fz_gaussians_transform(&g, k_per_A)) < 0.03);
    for (int j = 0; j < 4; j++) {
      double d2 = 0, s = g.item[j].width_A / 3;
      for (int c = 0; c < 3; c++) d2 += pow(r[c] - g.item[j].at_A[c] / 3, 2);
      exact += g.item[j].weight * pow(2 * PI * s * s, -1.5) * exp(-d2 / (2 * s * s));
    }
    assert_true(fabs(fz_spherical_basis_density(&b, a, r) - exact) < 0.01);
  }
  fz_free(&a);
  fz_gaussians_clear(&g);
  fz_spherical_basis_clear(&b);
}

/* matrix times coefficients */
static void slice(const fz_spherical_basis *b, int n, const fz_rotation *rotation, const double *a, double *x) {
  const int p = fz_slice_numbers(n);
  double *matrix = fz_alloc(b->dim * p, sizeof *matrix);
  assert_int_equal(fz_spherical_basis_slice(b, n, rotation, matrix), FZ_OK);
  memset(x, 0, sizeof *x * (size_t)p);
  for (ptrdiff_t i = 0; i < b->dim; i++)
    for (int q = 0; q < p; q++) x[q] += matrix[i * p + q] * a[i];
  fz_free(&matrix);
}

/* Turning the object by R and looking at A is looking at A R; coefficients turn with it. */
static void turning_the_volume_turns_the_slices(void **state) {
  (void)state;
  fz_spherical_basis b = thesis_basis();
  fz_random r = fz_random_stream(2, FZ_PURPOSE_TEST, 0, 0);
  double a[DIM], turned[DIM], again[DIM], x[2][BOX * BOX], at[3], back_at[3];
  for (int trial = 0; trial < 5; trial++) {
    fz_rotation turn = fz_rotation_random(&r), look = fz_rotation_random(&r);
    fz_rotation both = fz_rotation_multiply(&look, &turn), back = fz_rotation_inverse(&turn);
    fz_gaussians g = gaussians(NULL), g_turned = gaussians(&turn);
    fz_spherical_basis_project(&b, &g, 3, a);
    fz_spherical_basis_project(&b, &g_turned, 3, turned);
    assert_int_equal(fz_spherical_basis_rotate(&b, &turn, a, again), FZ_OK);
    for (int i = 0; i < DIM; i++) assert_true(fabs(again[i] - turned[i]) < 1e-12);
    slice(&b, BOX, &look, turned, x[0]);
    slice(&b, BOX, &both, a, x[1]);
    for (int q = 0; q < BOX * BOX; q++) assert_true(fabs(x[0][q] - x[1][q]) < 1e-12);
    random_numbers((uint64_t)trial, 3, at);
    fz_rotation_apply(&back, at, back_at);
    assert_true(fabs(fz_spherical_basis_density(&b, turned, at) - fz_spherical_basis_density(&b, a, back_at)) < 1e-13);
    fz_gaussians_clear(&g);
    fz_gaussians_clear(&g_turned);
  }
  fz_spherical_basis_clear(&b);
}

/* Slices hold V on the plane, their squares are those of the whole plane, and the image's; a sum along z in real space
 * is the same image, but for what is cut off by the box. */
static void slices_are_images(void **state) {
  (void)state;
  fz_spherical_basis b = thesis_basis();
  const int boxes[] = {BOX, 16};
  double a[DIM], x[BOX * BOX], pixel[16 * 16];
  random_numbers(3, DIM, a);
  fz_random r = fz_random_stream(2, FZ_PURPOSE_TEST, 1, 0);
  fz_rotation look = fz_rotation_random(&r), back = fz_rotation_inverse(&look);
  assert_int_equal(fz_slice_numbers(BOX), BOX * BOX);
  for (int k = 0; k < 2; k++) {
    const int n = boxes[k], half = (n - 1) / 2;
    double squares[3] = {0};
    slice(&b, n, &look, a, x);
    for (int i = 0; i < fz_slice_numbers(n); i++) squares[0] += x[i] * x[i];
    for (int jy = -half; jy <= half; jy++)
      for (int jx = -half; jx <= half; jx++) {
        double at[3] = {2 * PI * jx / n, 2 * PI * jy / n, 0};
        fz_rotation_apply(&back, at, at);
        squares[1] += pow(cabs(fz_spherical_basis_transform(&b, a, at)) / n, 2);
      }
    fz_slice_image(n, x, pixel);
    for (int i = 0; i < n * n; i++) squares[2] += pixel[i] * pixel[i];
    assert_true(fabs(squares[1] / squares[0] - 1) < 1e-13 && fabs(squares[2] / squares[0] - 1) < 1e-13);
  }
  fz_spherical_basis_clear(&b);
}

/* One Gaussian on a box that holds it: its image is the Gaussian of two dimensions, at A times its centre. */
static void image_of_a_gaussian(void **state) {
  (void)state;
  enum { N = 25 };
  fz_spherical_basis b;
  fz_error err;
  int n_radial[FZ_SPHERICAL_DEGREE_MAX + 1];
  fz_spherical_basis_rule(PI, 6, n_radial);
  assert_int_equal(fz_spherical_basis_init(&b, 10, n_radial, PI, &err), FZ_OK);
  fz_gaussian one = {.at_A = {0.5, -1.5, 1}, .width_A = 1.2, .weight = 10};
  fz_gaussians g = {.n = 1, .item = &one};
  double *a = fz_alloc(b.dim, sizeof *a), x[N * N], pixel[N * N], centre[3];
  fz_rotation look = fz_rotation_from_euler(30, 70, -50);
  fz_rotation_apply(&look, one.at_A, centre);
  assert_int_equal(fz_spherical_basis_project(&b, &g, 1, a), FZ_OK);
  slice(&b, N, &look, a, x);
  fz_slice_image(N, x, pixel);
  for (int i = 0; i < N * N; i++) {
    double dx = i % N - N / 2 - centre[0], dy = i / N - N / 2 - centre[1], s2 = 1.2 * 1.2;
    assert_true(fabs(pixel[i] - 10 / (2 * PI * s2) * exp(-(dx * dx + dy * dy) / (2 * s2))) < 5e-3);
  }
  fz_free(&a);
  fz_spherical_basis_clear(&b);
}

static void nonsense_is_refused(void **state) {
  (void)state;
  fz_spherical_basis b;
  fz_error err;
  assert_int_equal(fz_spherical_basis_init(&b, FZ_SPHERICAL_DEGREE_MAX + 1, thesis_radial, PI, &err), FZ_EINVAL);
  assert_int_equal(fz_spherical_basis_init(&b, 3, thesis_radial, 4, &err), FZ_EINVAL);
  assert_int_equal(fz_spherical_basis_init(&b, 1, (int[]){0, 0}, 1, &err), FZ_EINVAL);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(bessel_functions),
                                     cmocka_unit_test(harmonics_are_orthonormal),
                                     cmocka_unit_test(functions_are_orthonormal),
                                     cmocka_unit_test(volumes_are_real),
                                     cmocka_unit_test(density_is_smooth_at_zeros),
                                     cmocka_unit_test(projection_is_an_inner_product),
                                     cmocka_unit_test(large_bases_reach_gaussians),
                                     cmocka_unit_test(turning_the_volume_turns_the_slices),
                                     cmocka_unit_test(slices_are_images),
                                     cmocka_unit_test(image_of_a_gaussian),
                                     cmocka_unit_test(nonsense_is_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
