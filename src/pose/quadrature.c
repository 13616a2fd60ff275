#include "pose/quadrature.h"

#include <chealpix.h>
#include <math.h>

#include "core/memory.h"

static const double PI = 3.14159265358979323846;

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

fz_status fz_quadrature_init(fz_quadrature *q, int nside, int n_psi, const fz_rotation *turn, double shift_step_px,
                             double shift_radius_px, double shift_sd_px) {
  *q = (fz_quadrature){0};
  if (nside < 1 || n_psi < 4 || n_psi % 4) return FZ_EINVAL;
  q->n_directions = 12 * nside * nside;
  q->n_psi = n_psi;
  q->turn = *turn;
  fill_shifts(q, shift_step_px, shift_radius_px, shift_sd_px, 0);
  q->rot_deg = fz_alloc(q->n_directions, sizeof(double));
  q->tilt_deg = fz_alloc(q->n_directions, sizeof(double));
  q->shift_x_px = fz_alloc(q->n_shifts, sizeof(double));
  q->shift_y_px = fz_alloc(q->n_shifts, sizeof(double));
  q->log_shift_weight = fz_alloc(q->n_shifts, sizeof(double));
  if (!q->rot_deg || !q->tilt_deg || !q->shift_x_px || !q->shift_y_px || !q->log_shift_weight) {
    fz_quadrature_clear(q);
    return FZ_ENOMEM;
  }
  for (int d = 0; d < q->n_directions; d++) {
    double theta, phi;
    pix2ang_ring(nside, d, &theta, &phi);
    q->rot_deg[d] = phi * 180.0 / PI;
    q->tilt_deg[d] = theta * 180.0 / PI;
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
