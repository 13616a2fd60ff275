#include "pose/quadrature.h"

#include <chealpix.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/memory.h"
#include "pose/spherical_design.h"

static const double PI = 3.14159265358979323846;
enum { NSIDE_MAX = 8192 };

static void fill_shifts(fz_quadrature *q, double step, double radius, double sd, int fill) {
  int reach = step > 0 ? (int)floor(radius / step + 1e-9) : 0;
  q->n_shifts = 0;
  double total = 0;
  for (int j = -reach; j <= reach; j++)
    for (int i = -reach; i <= reach; i++) {
      double x = i * step, y = j * step, r2 = x * x + y * y;
      if (r2 > radius * radius * (1 + 1e-9)) continue;
      if (fill) {
        q->shift_x_px[q->n_shifts] = x;
        q->shift_y_px[q->n_shifts] = y;
        q->log_shift_weight[q->n_shifts] = sd > 0 ? -0.5 * r2 / (sd * sd) : 0.0;
        total += exp(q->log_shift_weight[q->n_shifts]);
      }
      q->n_shifts++;
    }
  if (fill)
    for (int t = 0; t < q->n_shifts; t++) q->log_shift_weight[t] -= log(total);
}

int fz_direction_grid_count(fz_direction_grid grid) {
  if (grid.order < 1) return 0;
  if (grid.kind == FZ_DIRECTIONS_HEALPIX) return grid.order <= NSIDE_MAX ? 12 * grid.order * grid.order : 0;
  return grid.order <= FZ_DESIGN_DEGREE_MAX ? fz_spherical_design_points(grid.order) : 0;
}

fz_direction_grid fz_direction_grid_design_like(int nside) {
  /* (t + 1)^2/2 points for odd t */
  return (fz_direction_grid){FZ_DIRECTIONS_DESIGN, 2 * (int)lround(sqrt(24.0) * nside / 2) - 1};
}

typedef struct place {
  long along;
  double theta, phi;
} place;

static int by_place(const void *a, const void *b) {
  const place *p = a, *q = b;
  return (p->along > q->along) - (p->along < q->along);
}

/* Neighbours in space become neighbours in the list, along the nested curve of a fine HEALPix grid: packets and pose
 * blocks are compact patches, which an adaptive search can leave out as a whole. */
static fz_status order_directions(int n, double *theta, double *phi) {
  enum { FINE = 4096 };
  place *list = fz_alloc(n, sizeof *list);
  if (!list) return FZ_ENOMEM;
  for (int d = 0; d < n; d++) {
    list[d] = (place){0, theta[d], phi[d]};
    ang2pix_nest(FINE, theta[d], phi[d], &list[d].along);
  }
  qsort(list, (size_t)n, sizeof *list, by_place);
  for (int d = 0; d < n; d++) {
    theta[d] = list[d].theta;
    phi[d] = list[d].phi;
  }
  fz_free(&list);
  return FZ_OK;
}

static fz_status fill_directions(fz_quadrature *q, fz_direction_grid grid) {
  double *theta = q->tilt_deg, *phi = q->rot_deg;
  if (grid.kind == FZ_DIRECTIONS_DESIGN) {
    fz_status made = fz_spherical_design(grid.order, q->n_directions, theta, phi, NULL);
    if (made != FZ_OK) return made;
  } else {
    for (int d = 0; d < q->n_directions; d++) pix2ang_ring(grid.order, d, &theta[d], &phi[d]);
  }
  fz_status st = order_directions(q->n_directions, theta, phi);
  if (st != FZ_OK) return st;
  for (int d = 0; d < q->n_directions; d++) {
    q->rot_deg[d] = phi[d] * 180.0 / PI;
    q->tilt_deg[d] = theta[d] * 180.0 / PI;
  }
  return FZ_OK;
}

fz_status fz_quadrature_count(fz_quadrature *q, fz_direction_grid grid, int n_psi, double shift_step_px,
                              double shift_radius_px) {
  *q = (fz_quadrature){.n_directions = fz_direction_grid_count(grid), .n_psi = n_psi};
  if (!q->n_directions || n_psi < 4 || n_psi % 4) return FZ_EINVAL;
  fill_shifts(q, shift_step_px, shift_radius_px, 0, 0);
  return FZ_OK;
}

fz_status fz_quadrature_init(fz_quadrature *q, fz_direction_grid grid, int n_psi, const fz_rotation *turn,
                             double shift_step_px, double shift_radius_px, double shift_sd_px) {
  fz_status st = fz_quadrature_count(q, grid, n_psi, shift_step_px, shift_radius_px);
  if (st != FZ_OK) return st;
  q->turn = *turn;
  q->rot_deg = fz_alloc(q->n_directions, sizeof(double));
  q->tilt_deg = fz_alloc(q->n_directions, sizeof(double));
  q->shift_x_px = fz_alloc(q->n_shifts, sizeof(double));
  q->shift_y_px = fz_alloc(q->n_shifts, sizeof(double));
  q->log_shift_weight = fz_alloc(q->n_shifts, sizeof(double));
  bool complete = q->rot_deg && q->tilt_deg && q->shift_x_px && q->shift_y_px && q->log_shift_weight;
  st = complete ? fill_directions(q, grid) : FZ_ENOMEM;
  if (st != FZ_OK) {
    fz_quadrature_clear(q);
    return st;
  }
  fill_shifts(q, shift_step_px, shift_radius_px, shift_sd_px, 1);
  return FZ_OK;
}

void fz_quadrature_clear(fz_quadrature *q) {
  fz_free(&q->rot_deg);
  fz_free(&q->tilt_deg);
  fz_free(&q->shift_x_px);
  fz_free(&q->shift_y_px);
  fz_free(&q->log_shift_weight);
  *q = (fz_quadrature){0};
}

fz_rotation fz_quadrature_rotation(const fz_quadrature *q, int d, int p) {
  fz_rotation local = fz_rotation_from_euler(q->rot_deg[d], q->tilt_deg[d], 360.0 * p / q->n_psi);
  return fz_rotation_multiply(&local, &q->turn);
}

double fz_quadrature_direction_step(const fz_quadrature *q) {
  return sqrt(4 * PI / q->n_directions);
}

double fz_quadrature_shift_step(const fz_quadrature *q) {
  double nearest = HUGE_VAL;
  for (int t = 1; t < q->n_shifts; t++)
    nearest = fmin(nearest, hypot(q->shift_x_px[t] - q->shift_x_px[t - 1], q->shift_y_px[t] - q->shift_y_px[t - 1]));
  return q->n_shifts > 1 ? nearest : 0;
}
