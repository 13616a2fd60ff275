#include "model/gaussians.h"

#include <math.h>

#include "core/memory.h"

static const double PI = 3.14159265358979323846;

void fz_gaussians_clear(fz_gaussians *g) {
  fz_free(&g->item);
  *g = (fz_gaussians){0};
}

void fz_gaussians_centre(fz_gaussians *g) {
  double mass = 0, moment[3] = {0};
  for (ptrdiff_t j = 0; j < g->n; j++) {
    mass += g->item[j].weight;
    for (int c = 0; c < 3; c++) moment[c] += g->item[j].weight * g->item[j].at_A[c];
  }
  for (ptrdiff_t j = 0; j < g->n; j++)
    for (int c = 0; c < 3; c++) g->item[j].at_A[c] -= moment[c] / mass;
}

double fz_gaussians_radius_A(const fz_gaussians *g) {
  double largest = 0;
  for (ptrdiff_t j = 0; j < g->n; j++) {
    const double *at = g->item[j].at_A;
    largest = fmax(largest, sqrt(at[0] * at[0] + at[1] * at[1] + at[2] * at[2]));
  }
  return largest;
}

/* One term along one axis: exp(-(x_i - at)^2 / 2 s^2) for first <= i < last. */
typedef struct axis_profile {
  int first, last;
  double *value; /* [n], indexed by i */
} axis_profile;

static void fill_profile(axis_profile *p, int n, double voxel_A, double at_A, double width_A) {
  double centre = at_A / voxel_A + n / 2, width = width_A / voxel_A, reach = 6 * width;
  p->first = (int)fmax(0, fmin(n, ceil(centre - reach)));
  p->last = (int)fmax(p->first, fmin(n, floor(centre + reach) + 1));
  for (int i = p->first; i < p->last; i++) p->value[i] = exp(-0.5 * pow((i - centre) / width, 2));
}

static void add_term(double *sum, int n, const axis_profile axis[3], double height) {
  for (int z = axis[2].first; z < axis[2].last; z++)
    for (int y = axis[1].first; y < axis[1].last; y++) {
      double *row = sum + ((ptrdiff_t)z * n + y) * n, factor = height * axis[2].value[z] * axis[1].value[y];
      for (int x = axis[0].first; x < axis[0].last; x++) row[x] += factor * axis[0].value[x];
    }
}

fz_status fz_gaussians_density(const fz_gaussians *g, int n, double voxel_A, fz_map *map) {
  fz_status st = FZ_ENOMEM;
  ptrdiff_t size = (ptrdiff_t)n * n * n;
  axis_profile axis[3] = {{0}, {0}, {0}};
  *map = (fz_map){.n = n, .voxel_A = voxel_A};
  double *sum = fz_alloc(size, sizeof *sum), *values = fz_alloc(3 * (ptrdiff_t)n, sizeof *values);
  map->voxel = fz_alloc(size, sizeof *map->voxel);
  if (!sum || !values || !map->voxel) goto done;
  for (int c = 0; c < 3; c++) axis[c].value = values + (ptrdiff_t)c * n;
  for (ptrdiff_t j = 0; j < g->n; j++) {
    const fz_gaussian *t = &g->item[j];
    for (int c = 0; c < 3; c++) fill_profile(&axis[c], n, voxel_A, t->at_A[c], t->width_A);
    add_term(sum, n, axis, t->weight * pow(2 * PI * t->width_A * t->width_A, -1.5));
  }
  for (ptrdiff_t i = 0; i < size; i++) map->voxel[i] = (float)sum[i];
  st = FZ_OK;
done:
  fz_free(&values);
  fz_free(&sum);
  if (st != FZ_OK) fz_map_clear(map);
  return st;
}

double complex fz_gaussians_transform(const fz_gaussians *g, const double k_per_A[3]) {
  double k2 = 0;
  double complex sum = 0;
  for (int c = 0; c < 3; c++) k2 += k_per_A[c] * k_per_A[c];
  for (ptrdiff_t j = 0; j < g->n; j++) {
    const fz_gaussian *t = &g->item[j];
    double turns = 0;
    for (int c = 0; c < 3; c++) turns += k_per_A[c] * t->at_A[c];
    sum += t->weight * exp(-2 * PI * PI * t->width_A * t->width_A * k2) * cexp(-2 * PI * I * turns);
  }
  return sum;
}
