/* Phantoms: samples, closed-form transform and projected images agree; the objects are what they claim to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "model/forward.h"
#include "model/image_transform.h"
#include "model/phantom.h"
#include "model/preprocess.h"
#include "pose/rotation.h"

static const double PI = 3.14159265358979323846;

/* Central slice of the closed form at one image frequency, as an orthonormal image coefficient:
 * DFT_n(V) = rho^ / voxel^3, and the image of a sum along z carries 1/n. */
static double complex closed_form(const fz_gaussians *g, const fz_particle *q, const fz_optics *optics, int n,
                                  double pixel_A, int kx, int ky) {
  fz_rotation a = fz_rotation_from_euler(q->rot_deg, q->tilt_deg, q->psi_deg);
  double u = kx / (n * pixel_A), v = ky / (n * pixel_A), k[3];
  for (int c = 0; c < 3; c++) k[c] = u * a.m[0][c] + v * a.m[1][c];
  double complex x = fz_gaussians_transform(g, k) / (pixel_A * pixel_A * pixel_A * n);
  if (optics) x *= fz_ctf_value(&q->ctf, optics, u, v);
  return x * cexp(2 * PI * I * (u * q->origin_x_A + v * q->origin_y_A));
}

/* Relative distance of images of the sampled map from the closed form, over 0 < |k| < 0.4 n (0.8 of Nyquist). */
static double image_error(const char *name, int n) {
  double pixel_A = 3.5, error = 0, norm = 0;
  fz_gaussians g;
  fz_map map;
  assert_int_equal(fz_phantom_make(name, n * pixel_A, 4 * pixel_A, &g, NULL), FZ_OK);
  assert_int_equal(fz_gaussians_density(&g, n, pixel_A, &map), FZ_OK);
  fz_forward *forward = fz_forward_create(&map);
  fz_image_transform *transform = fz_image_transform_create(n);
  double *pixels = fz_alloc((ptrdiff_t)n * n, sizeof *pixels);
  float *rounded = fz_alloc((ptrdiff_t)n * n, sizeof *rounded);
  double complex *half = fz_alloc(fz_image_transform_size(transform), sizeof *half);
  fz_optics optics = {300, 2.7, 0.1, pixel_A, n, false, true, ""};
  fz_random random = fz_random_stream(5, FZ_PURPOSE_TEST, 0, 0);
  for (int trial = 0; trial < 6; trial++) {
    fz_particle q = {.origin_x_A = 9.5, .origin_y_A = -4.25, .ctf = {12000, 11000, 35, 0, 0, 1}};
    fz_rotation r = fz_rotation_random(&random);
    fz_rotation_to_euler(&r, &q.rot_deg, &q.tilt_deg, &q.psi_deg);
    const fz_optics *used = trial % 2 ? &optics : NULL;
    fz_forward_image(forward, &q, used, pixel_A, pixels);
    for (ptrdiff_t i = 0; i < (ptrdiff_t)n * n; i++) rounded[i] = (float)pixels[i];
    fz_image_transform_forward(transform, rounded, half);
    for (int ky = -n / 2 + 1; ky < n / 2; ky++)
      for (int kx = 0; kx < n / 2; kx++) {
        if (hypot(kx, ky) > 0.4 * n || (kx == 0 && ky <= 0)) continue;
        double complex want = closed_form(&g, &q, used, n, pixel_A, kx, ky);
        error += pow(cabs(fz_half_at(half, n, kx, ky) - want), 2);
        norm += pow(cabs(want), 2);
      }
    double complex mean = closed_form(&g, &q, used, n, pixel_A, 0, 0);
    assert_true(cabs(half[0] - mean) < 1e-3 * cabs(mean));
  }
  fz_free(&half);
  fz_free(&rounded);
  fz_free(&pixels);
  fz_image_transform_destroy(&transform);
  fz_forward_destroy(&forward);
  fz_map_clear(&map);
  fz_gaussians_clear(&g);
  return sqrt(error / norm);
}

/* Three errors meet: kernel of width 4 (about 1e-3), aliases of the sampled Gaussians (exp(-2 pi^2 s^2 0.36) = 3e-3 at
 * the narrowest and the highest frequency, far less on the whole), and float voxels (1e-7). */
static void images_follow_the_closed_form(void **state) {
  (void)state;
  assert_true(image_error("asymmetric", 32) < 3e-3);
  assert_true(image_error("rod", 48) < 3e-3);
  assert_true(image_error("protein", 32) < 3e-3);
  assert_true(image_error("axial", 32) < 3e-3);
  assert_true(image_error("open", 45) < 3e-3); /* odd box: centre at voxel 22 */
  assert_int_equal(fz_memory_blocks(), 0);
}

/* No CTF, no rotation, no shift: the image is the sum over z, apart from the corners of Fourier space. */
static void image_is_the_sum_along_z(void **state) {
  (void)state;
  enum { N = 32 };
  fz_gaussians g;
  fz_map map;
  double pixels[N * N], error = 0, norm = 0;
  assert_int_equal(fz_phantom_make("asymmetric", N, 4, &g, NULL), FZ_OK);
  assert_int_equal(fz_gaussians_density(&g, N, 1, &map), FZ_OK);
  fz_forward *forward = fz_forward_create(&map);
  fz_particle still = {.ctf.scale = 1};
  fz_forward_image(forward, &still, NULL, 1, pixels);
  for (int i = 0; i < N * N; i++) {
    double sum = 0;
    for (int z = 0; z < N; z++) sum += (double)map.voxel[z * N * N + i];
    error += pow(pixels[i] - sum, 2);
    norm += sum * sum;
  }
  assert_true(sqrt(error / norm) < 3e-3);
  double squares = 0, mean = 0;
  for (int i = 0; i < N * N; i++) {
    squares += pixels[i] * pixels[i] / (N * N);
    mean += pixels[i] / (N * N);
  }
  /* Parseval: the variance without making the image. */
  assert_true(fabs(fz_forward_variance(forward, &still, NULL, 1) / (squares - mean * mean) - 1) < 1e-9);
  fz_forward_destroy(&forward);
  fz_map_clear(&map);
  fz_gaussians_clear(&g);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Compact, centred, scaled with the box, the same in every run; "open" differs only in one domain. */
static void shapes(void **state) {
  (void)state;
  fz_gaussians a, again, large, open;
  assert_int_equal(fz_phantom_make("asymmetric", 100, 0, &a, NULL), FZ_OK);
  assert_int_equal(fz_phantom_make("asymmetric", 100, 0, &again, NULL), FZ_OK);
  assert_int_equal(fz_phantom_make("asymmetric", 200, 0, &large, NULL), FZ_OK);
  assert_int_equal(fz_phantom_make("open", 100, 0, &open, NULL), FZ_OK);
  assert_memory_equal(a.item, again.item, (size_t)a.n * sizeof *a.item);
  double radius = fz_gaussians_radius_A(&a), mass = 0, moment[3] = {0}, inertia[3][3] = {{0}};
  int moved = 0;
  assert_true(radius > 24 && radius < 33);
  assert_true(fabs(fz_gaussians_radius_A(&large) - 2 * radius) < 1e-9);
  assert_int_equal(a.n, open.n);
  for (ptrdiff_t j = 0; j < a.n; j++) {
    mass += a.item[j].weight;
    moved += memcmp(a.item[j].at_A, open.item[j].at_A, sizeof a.item[j].at_A) != 0;
    for (int c = 0; c < 3; c++) {
      moment[c] += a.item[j].weight * a.item[j].at_A[c];
      for (int d = 0; d < 3; d++) inertia[c][d] += a.item[j].at_A[c] * a.item[j].at_A[d];
    }
  }
  assert_int_equal(moved, 110);
  for (int c = 0; c < 3; c++) assert_true(fabs(moment[c]) < 1e-12 * mass * radius);
  /* No axis of the box is one of the object: a symmetric object on its axes would have no products of inertia. */
  assert_true(fabs(inertia[0][1]) > 0.01 * inertia[0][0] && fabs(inertia[1][2]) > 0.01 * inertia[1][1]);
  fz_gaussians_clear(&a);
  fz_gaussians_clear(&again);
  fz_gaussians_clear(&large);
  fz_gaussians_clear(&open);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Correlation of a density with itself turned, over space: sums of products of Gaussians have a closed form. */
static double likeness(const char *name, const fz_rotation *turn) {
  fz_gaussians g;
  double turned = 0, same = 0;
  assert_int_equal(fz_phantom_make(name, 192, 16, &g, NULL), FZ_OK);
  for (ptrdiff_t i = 0; i < g.n; i++) {
    double at[3];
    fz_rotation_apply(turn, g.item[i].at_A, at);
    for (ptrdiff_t j = 0; j < g.n; j++) {
      const fz_gaussian *b = &g.item[j];
      double variance = g.item[i].width_A * g.item[i].width_A + b->width_A * b->width_A, turned2 = 0, same2 = 0;
      for (int c = 0; c < 3; c++) {
        turned2 += pow(at[c] - b->at_A[c], 2);
        same2 += pow(g.item[i].at_A[c] - b->at_A[c], 2);
      }
      double weight = g.item[i].weight * b->weight * pow(variance, -1.5);
      turned += weight * exp(-turned2 / (2 * variance));
      same += weight * exp(-same2 / (2 * variance));
    }
  }
  fz_gaussians_clear(&g);
  return turned / same;
}

static double likeness_turned(const char *name, double x, double y, double z) {
  double degree = PI / 180, axis[3] = {x * degree, y * degree, z * degree};
  fz_rotation turn = fz_rotation_from_vector(axis);
  return likeness(name, &turn);
}

static void cage_has_the_octahedral_group_and_no_more(void **state) {
  (void)state;
  double third = 120 / sqrt(3); /* about (1, 1, 1) */
  assert_true(fabs(likeness_turned("octahedral", 0, 0, 90) - 1) < 1e-12);
  assert_true(fabs(likeness_turned("octahedral", 90, 0, 0) - 1) < 1e-12);
  assert_true(fabs(likeness_turned("octahedral", third, third, third) - 1) < 1e-12);
  assert_true(likeness_turned("octahedral", 0, 0, 45) < 0.8);
  assert_true(likeness_turned("octahedral", 20, 0, 0) < 0.8);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* A sixth of a turn hardly changes the ring, though none leaves it as it is; any other turn changes it. */
static void ring_is_nearly_symmetric(void **state) {
  (void)state;
  for (int i = 1; i < 6; i++) {
    double alike = likeness_turned("axial", 0, 0, 60 * i);
    assert_true(alike > 0.9 && alike < 0.99);
  }
  assert_true(likeness_turned("axial", 0, 0, 30) < 0.8);
  assert_true(likeness_turned("axial", 180, 0, 0) < 0.8);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void only_the_onion_looks_alike_from_everywhere(void **state) {
  (void)state;
  assert_true(fabs(likeness_turned("onion", 50, -70, 20) - 1) < 1e-12);
  assert_true(likeness_turned("protein", 50, -70, 20) < 0.9);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Mean of |rho^|^2 over directions, between two shells of the box. */
static double power(const fz_gaussians *g, double box_A, int first, int last) {
  fz_random random = fz_random_stream(6, FZ_PURPOSE_TEST, 0, 0);
  double sum = 0;
  int n = 0;
  for (int shell = first; shell <= last; shell++)
    for (int t = 0; t < 200; t++, n++) {
      fz_rotation r = fz_rotation_random(&random);
      double k[3];
      for (int c = 0; c < 3; c++) k[c] = shell / box_A * r.m[2][c];
      sum += pow(cabs(fz_gaussians_transform(g, k)), 2);
    }
  return sum / n;
}

static void dipole_has_no_density_and_a_gap_in_its_spectrum(void **state) {
  (void)state;
  fz_gaussians g;
  double sum = 0, size = 0, box_A = 192;
  assert_int_equal(fz_phantom_make("dipole", box_A, 12, &g, NULL), FZ_OK);
  for (ptrdiff_t j = 0; j < g.n; j++) {
    sum += g.item[j].weight;
    size += fabs(g.item[j].weight);
  }
  assert_true(fabs(sum) < 1e-13 * size);
  double body = power(&g, box_A, 1, 2), gap = power(&g, box_A, 4, 6), fine = power(&g, box_A, 9, 13);
  assert_true(body > 10 * fine && fine > 3 * gap);
  fz_gaussians_clear(&g);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void unknown_names_are_refused(void **state) {
  (void)state;
  fz_gaussians g;
  fz_error err = {0};
  assert_int_equal(fz_phantom_make("sphere", 100, 4, &g, &err), FZ_EINVAL);
  assert_non_null(strstr(err.text, "'sphere'"));
  assert_non_null(strstr(err.text, "asymmetric, open, rod, protein, dipole, axial, octahedral, onion"));
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(images_follow_the_closed_form),
                                     cmocka_unit_test(image_is_the_sum_along_z),
                                     cmocka_unit_test(shapes),
                                     cmocka_unit_test(cage_has_the_octahedral_group_and_no_more),
                                     cmocka_unit_test(ring_is_nearly_symmetric),
                                     cmocka_unit_test(only_the_onion_looks_alike_from_everywhere),
                                     cmocka_unit_test(dipole_has_no_density_and_a_gap_in_its_spectrum),
                                     cmocka_unit_test(unknown_names_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
