#include "optim/collapse.h"

#include <math.h>

enum { LEAST_DIFFERENCES = 3 };
static const double SPREADS = 10, NATS = 1, MEDIAN_OF_NORMAL = 0.6745 * 1.41421356;

fz_collapse fz_collapse_start(void) {
  return (fz_collapse){.n = -1};
}

/* Upper median by selection; x is changed. */
static double median(double *x, int64_t n) {
  for (int64_t i = 0; i <= n / 2; i++)
    for (int64_t j = i + 1; j < n; j++)
      if (x[j] < x[i]) {
        double y = x[i];
        x[i] = x[j];
        x[j] = y;
      }
  return x[n / 2];
}

bool fz_collapse_seen(fz_collapse *s, double gain, int64_t visited, int64_t n_images) {
  if (s->n < 0) *s = (fz_collapse){.first = gain};
  if (s->n > 0) s->difference[s->n - 1] = fabs(gain - s->last);
  s->sum += gain;
  s->last = gain;
  s->n++;
  if (s->n < FZ_COLLAPSE_WINDOW && visited - s->visited < n_images) return false;
  if (!(s->spread > 0) && s->n > LEAST_DIFFERENCES) s->spread = median(s->difference, s->n - 1) / MEDIAN_OF_NORMAL;
  const double mean = s->sum / (double)s->n, level = fmin(s->first, 0);
  *s = (fz_collapse){.first = s->first, .spread = s->spread, .visited = visited};
  return mean < level - fmax(fmax(fabs(level), NATS), SPREADS * s->spread);
}

void fz_collapse_state(fz_collapse *s, fz_state_list *list) {
  fz_state_add_f64(list, "optimizer/collapse_first", &s->first, "nats", "gain of the first step");
  fz_state_add_f64(list, "optimizer/collapse_spread", &s->spread, "nats", "spread of the gains between batches");
  fz_state_add_f64(list, "optimizer/collapse_sum", &s->sum, "nats", "sum of the gains of the present window");
  fz_state_add_f64(list, "optimizer/collapse_last", &s->last, "nats", "the last of them");
  fz_state_add_array(list, "optimizer/collapse_difference", FZ_STATE_F64, 1, (int64_t[]){FZ_COLLAPSE_WINDOW},
                     s->difference, "nats", "changes of the gain from step to step in the window");
  fz_state_add_i64(list, "optimizer/collapse_steps", &s->n, "1", "steps in the window; -1: none taken yet");
  fz_state_add_i64(list, "optimizer/collapse_visited", &s->visited, "1", "images evaluated when it began");
}
