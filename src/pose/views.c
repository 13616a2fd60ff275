#include "pose/views.h"

#include <math.h>
#include <stdlib.h>

static const double PI = 3.14159265358979323846;

/* The numbers of a comma-separated list; -1 when it is none or has more than `room`. */
static int parse_numbers(const char *text, double *value, int room) {
  for (int n = 0; n < room; n++) {
    char *end;
    value[n] = strtod(text, &end);
    if (end == text || !isfinite(value[n])) return -1;
    if (*end == '\0') return n + 1;
    if (*end != ',') return -1;
    text = end + 1;
  }
  return -1;
}

fz_status fz_views_add(fz_views *views, const char *text, fz_error *err) {
  double v[4] = {0, 0, 0, 1};
  int n = parse_numbers(text, v, 4);
  if (n < 3) return fz_fail(err, FZ_EINVAL, "'%s' is not ROT,TILT,KAPPA or ROT,TILT,KAPPA,WEIGHT", text);
  if (v[2] <= 0 || v[3] <= 0) return fz_fail(err, FZ_EINVAL, "'%s': KAPPA and WEIGHT must be above 0", text);
  if (views->n == FZ_VIEWS_MAX) return fz_fail(err, FZ_EINVAL, "more than %d peaks of views", FZ_VIEWS_MAX);
  views->peak[views->n++] = (fz_view_peak){v[0], v[1], v[2], v[3]};
  return FZ_OK;
}

static const fz_view_peak *choose_peak(const fz_views *views, double u) {
  double total = 0;
  for (int i = 0; i < views->n; i++) total += views->peak[i].weight;
  for (int i = 0; i < views->n; i++) {
    u -= views->peak[i].weight / total;
    if (u < 0) return &views->peak[i];
  }
  return &views->peak[views->n - 1];
}

fz_rotation fz_views_draw(const fz_views *views, fz_random *random) {
  if (views->n == 0 || fz_random_uniform(random) < views->uniform) return fz_rotation_random(random);
  const fz_view_peak *peak = choose_peak(views, fz_random_uniform(random));
  double u = fz_random_uniform(random), around = 360 * fz_random_uniform(random), psi = 360 * fz_random_uniform(random);
  /* The cosine of the angle to the middle has density proportional to exp(kappa w) on [-1, 1]: inverted exactly. */
  double w = 1 + log(u + (1 - u) * exp(-2 * peak->kappa)) / peak->kappa;
  fz_rotation off = fz_rotation_from_euler(around, acos(fmax(-1, fmin(1, w))) * 180 / PI, psi);
  fz_rotation middle = fz_rotation_from_euler(peak->rot_deg, peak->tilt_deg, 0);
  return fz_rotation_multiply(&off, &middle);
}
