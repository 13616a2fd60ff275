#include "model/simulation.h"

#include <math.h>

static int draw_class(const fz_simulation *s, fz_random *random) {
  double total = 0, u;
  if (s->n_classes < 2) return 0;
  for (int c = 0; c < s->n_classes; c++) total += s->class_weight[c];
  u = total * fz_random_uniform(random);
  for (int c = 0; c < s->n_classes; c++) {
    u -= s->class_weight[c];
    if (u < 0) return c;
  }
  return s->n_classes - 1;
}

/* The file says six decimals; images must show exactly what it says. */
static double as_written(double x) {
  return round(x * 1e6) / 1e6;
}

static void draw_pose(const fz_simulation *s, int64_t i, fz_particle *q) {
  fz_random pose = fz_random_stream(s->seed, FZ_PURPOSE_SIM_POSE, 0, (uint64_t)i);
  fz_random shift = fz_random_stream(s->seed, FZ_PURPOSE_SIM_SHIFT, 0, (uint64_t)i);
  fz_rotation r = fz_views_draw(&s->views, &pose);
  fz_rotation_to_euler(&r, &q->rot_deg, &q->tilt_deg, &q->psi_deg);
  q->origin_x_A = s->shift_sd_A * fz_random_normal(&shift);
  q->origin_y_A = s->shift_sd_A * fz_random_normal(&shift);
}

void fz_simulation_particle(const fz_simulation *s, int64_t i, fz_particle *q, int *class_index) {
  fz_random optics = fz_random_stream(s->seed, FZ_PURPOSE_SIM_CTF, 0, (uint64_t)i);
  fz_random kind = fz_random_stream(s->seed, FZ_PURPOSE_SIM_POSE, 1, (uint64_t)i);
  *q = (fz_particle){.slice = i, .ctf = {.scale = 1}};
  if (s->pose) {
    const fz_particle *given = &s->pose[i];
    q->rot_deg = given->rot_deg;
    q->tilt_deg = given->tilt_deg;
    q->psi_deg = given->psi_deg;
    q->origin_x_A = given->origin_x_A;
    q->origin_y_A = given->origin_y_A;
  } else {
    draw_pose(s, i, q);
  }
  double u = s->defocus_min_A + (s->defocus_max_A - s->defocus_min_A) * fz_random_uniform(&optics);
  q->ctf.defocus_u_A = u;
  q->ctf.defocus_v_A = u - s->astigmatism_A * fz_random_uniform(&optics);
  q->ctf.defocus_angle_deg = 180 * fz_random_uniform(&optics);
  double *written[] = {&q->rot_deg,    &q->tilt_deg,        &q->psi_deg,         &q->origin_x_A,
                       &q->origin_y_A, &q->ctf.defocus_u_A, &q->ctf.defocus_v_A, &q->ctf.defocus_angle_deg};
  for (size_t k = 0; k < sizeof written / sizeof written[0]; k++) *written[k] = as_written(*written[k]);
  *class_index = draw_class(s, &kind);
}

bool fz_simulation_is_junk(const fz_simulation *s, int64_t i) {
  fz_random junk = fz_random_stream(s->seed, FZ_PURPOSE_SIM_POSE, 2, (uint64_t)i);
  return fz_random_uniform(&junk) < s->junk_share;
}

void fz_simulation_add_noise(uint64_t seed, int64_t i, double deviation, ptrdiff_t count, double *pixels) {
  fz_random random = fz_random_stream(seed, FZ_PURPOSE_SIM_NOISE, 0, (uint64_t)i);
  for (ptrdiff_t r = 0; r < count; r++) pixels[r] += deviation * fz_random_normal(&random);
}

double fz_simulation_normalize(int n, double radius_px, double *pixels) {
  double sum = 0, squares = 0, count = 0, limit = radius_px * radius_px;
  for (int pass = 0; pass < 2; pass++) {
    double mean = pass ? sum / count : 0;
    for (int y = 0; y < n; y++)
      for (int x = 0; x < n; x++) {
        double dx = x - n / 2, dy = y - n / 2, v = pixels[(ptrdiff_t)y * n + x];
        if (dx * dx + dy * dy <= limit) continue;
        if (pass == 0) {
          sum += v;
          count++;
        } else {
          squares += (v - mean) * (v - mean);
        }
      }
  }
  if (!(squares > 0)) return 0;
  double mean = sum / count, factor = 1 / sqrt(squares / count);
  for (ptrdiff_t i = 0; i < (ptrdiff_t)n * n; i++) pixels[i] = (pixels[i] - mean) * factor;
  return factor;
}
