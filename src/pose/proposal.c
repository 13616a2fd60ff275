#include "pose/proposal.h"

#include <chealpix.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"

static const double PI = 3.14159265358979323846;
static const double NEGLIGIBLE = 40.0; /* exponents below minus this add nothing */

struct fz_proposal {
  const fz_quadrature *q;
  fz_proposal_options options;
  double *axis[3]; /* [n_directions] viewing directions in the map */
  int *pixel;      /* [n_directions] of the average's grid */
  double step[FZ_FACTORS];
  double *omega[FZ_FACTORS], *log_omega[FZ_FACTORS]; /* [points] */
};

fz_proposal_options fz_proposal_options_default(void) {
  return (fz_proposal_options){.samples_per_effective = 10,
                               .least = 8,
                               .most = 4096,
                               .broad_least = 0.05,
                               .widen = 1.5,
                               .margin = 0.4,
                               .tail = 0.2};
}

static void find_axis(const fz_quadrature *q, int d, double axis[3]) {
  fz_rotation a = fz_quadrature_rotation(q, d, 0);
  memcpy(axis, a.m[2], sizeof a.m[2]);
}

static int pixel_of(const double axis[3]) {
  long pixel;
  vec2pix_ring(FZ_AVERAGE_NSIDE, axis, &pixel);
  return (int)pixel;
}

static fz_status fill_weights(fz_proposal *p, fz_factor f) {
  int points = fz_proposal_points(p, f);
  p->omega[f] = fz_alloc(points, sizeof(double));
  p->log_omega[f] = fz_alloc(points, sizeof(double));
  if (!p->omega[f] || !p->log_omega[f]) return FZ_ENOMEM;
  for (int j = 0; j < points; j++) {
    p->log_omega[f][j] = f == FZ_FACTOR_SHIFT ? p->q->log_shift_weight[j] : -log((double)points);
    p->omega[f][j] = exp(p->log_omega[f][j]);
  }
  return FZ_OK;
}

fz_status fz_proposal_create(const fz_quadrature *q, const fz_proposal_options *options, fz_proposal **out) {
  fz_proposal *p = *out = fz_alloc(1, sizeof *p);
  if (!p) return FZ_ENOMEM;
  p->q = q;
  p->options = *options;
  for (int c = 0; c < 3; c++) p->axis[c] = fz_alloc(q->n_directions, sizeof(double));
  p->pixel = fz_alloc(q->n_directions, sizeof *p->pixel);
  fz_status st = p->axis[0] && p->axis[1] && p->axis[2] && p->pixel ? FZ_OK : FZ_ENOMEM;
  for (fz_factor f = 0; f < FZ_FACTORS && st == FZ_OK; f++) st = fill_weights(p, f);
  if (st != FZ_OK) {
    fz_proposal_destroy(out);
    return st;
  }
  for (int d = 0; d < q->n_directions; d++) {
    double axis[3];
    find_axis(q, d, axis);
    for (int c = 0; c < 3; c++) p->axis[c][d] = axis[c];
    p->pixel[d] = pixel_of(axis);
  }
  p->step[FZ_FACTOR_DIRECTION] = fz_quadrature_direction_step(q);
  p->step[FZ_FACTOR_PSI] = 2 * PI / q->n_psi;
  p->step[FZ_FACTOR_SHIFT] = fz_quadrature_shift_step(q);
  return FZ_OK;
}

void fz_proposal_destroy(fz_proposal **p) {
  if (!*p) return;
  for (int c = 0; c < 3; c++) fz_free(&(*p)->axis[c]);
  fz_free(&(*p)->pixel);
  for (fz_factor f = 0; f < FZ_FACTORS; f++) {
    fz_free(&(*p)->omega[f]);
    fz_free(&(*p)->log_omega[f]);
  }
  fz_free(p);
}

int fz_proposal_points(const fz_proposal *p, fz_factor factor) {
  if (factor == FZ_FACTOR_DIRECTION) return p->q->n_directions;
  return factor == FZ_FACTOR_PSI ? p->q->n_psi : p->q->n_shifts;
}

fz_status fz_factor_sample_init(fz_factor_sample *s, const fz_proposal *p, fz_factor factor) {
  int points = fz_proposal_points(p, factor);
  *s = (fz_factor_sample){.point = fz_alloc(points, sizeof *s->point),
                          .log_weight = fz_alloc(points, sizeof(double)),
                          .density = fz_alloc(points, sizeof(double)),
                          .scratch = fz_alloc(points, sizeof(double))};
  if (s->point && s->log_weight && s->density && s->scratch) return FZ_OK;
  fz_factor_sample_clear(s);
  return FZ_ENOMEM;
}

void fz_factor_sample_clear(fz_factor_sample *s) {
  fz_free(&s->point);
  fz_free(&s->log_weight);
  fz_free(&s->density);
  fz_free(&s->scratch);
  *s = (fz_factor_sample){0};
}

/* density += weight x exp(exponent) / its sum over the points. */
static void add_normalized(double *density, double *exponent, int points, double weight) {
  double largest = exponent[0], sum = 0;
  for (int j = 1; j < points; j++) largest = exponent[j] > largest ? exponent[j] : largest;
  for (int j = 0; j < points; j++) {
    exponent[j] = exponent[j] < largest - NEGLIGIBLE ? 0 : exp(exponent[j] - largest);
    sum += exponent[j];
  }
  for (int j = 0; j < points; j++) density[j] += weight / sum * exponent[j];
}

static double concentration(const fz_proposal *p, fz_factor factor, double sd) {
  double margin = p->options.margin * p->step[factor];
  return 1 / (p->options.widen * sd * sd + margin * margin);
}

static fz_rotation atom(const fz_pose_memory *m, int l) {
  const float *v = m->rotation[l].vector;
  return fz_rotation_from_vector((double[3]){v[0], v[1], v[2]});
}

/* A narrow kernel and a wide one. */
enum { WIDTHS = 2 };
static double width_share(const fz_proposal *p, int width) {
  return width ? p->options.tail : 1 - p->options.tail;
}
static double width_precision(int width) {
  return width ? 1.0 / 9 : 1;
}

static double add_rotation_kernels(const fz_proposal *p, fz_factor factor, const fz_pose_memory *m, double share,
                                   fz_factor_sample *s) {
  int points = fz_proposal_points(p, factor), directions = factor == FZ_FACTOR_DIRECTION;
  double kappa = concentration(p, factor, directions ? m->direction_sd : m->psi_sd), mass = 0;
  fz_rotation first = atom(m, 0);
  for (int l = 0; l < FZ_MEMORY_ROTATIONS && m->rotation[l].weight > 0; l++) {
    fz_rotation a = atom(m, l);
    const double *axis = a.m[2], psi = fz_rotation_twist(&a, &first);
    for (int width = 0; width < WIDTHS; width++) {
      double k = kappa * width_precision(width);
      if (directions)
        for (int d = 0; d < points; d++)
          s->scratch[d] = k * (p->axis[0][d] * axis[0] + p->axis[1][d] * axis[1] + p->axis[2][d] * axis[2]);
      else
        for (int j = 0; j < points; j++) s->scratch[j] = k * cos(2 * PI * j / points - psi);
      add_normalized(s->density, s->scratch, points, share * width_share(p, width) * m->rotation[l].weight);
    }
    mass += m->rotation[l].weight;
  }
  return mass;
}

int fz_proposal_origin(const fz_proposal *p, const fz_pose_memory *memory, int d) {
  fz_rotation first = atom(memory, 0), zero = fz_quadrature_rotation(p->q, d, 0);
  long turn = lround(fz_rotation_twist(&first, &zero) / (2 * PI) * p->q->n_psi);
  return (int)((turn + p->q->n_psi) % p->q->n_psi);
}

static double add_shift_kernels(const fz_proposal *p, const fz_pose_memory *m, double centre_x, double centre_y,
                                double share, fz_factor_sample *s) {
  double precision = p->q->n_shifts > 1 ? concentration(p, FZ_FACTOR_SHIFT, m->shift_sd_px) : 0, mass = 0;
  for (int l = 0; l < FZ_MEMORY_SHIFTS && m->shift[l].weight > 0; l++) {
    double x = m->shift[l].x_px - centre_x, y = m->shift[l].y_px - centre_y;
    for (int width = 0; width < WIDTHS; width++) {
      double half = -0.5 * precision * width_precision(width);
      for (int t = 0; t < p->q->n_shifts; t++)
        s->scratch[t] = half * (pow(p->q->shift_x_px[t] - x, 2) + pow(p->q->shift_y_px[t] - y, 2));
      add_normalized(s->density, s->scratch, p->q->n_shifts, share * width_share(p, width) * m->shift[l].weight);
    }
    mass += m->shift[l].weight;
  }
  return mass;
}

/* What all images together say, else the quadrature's weights. In-plane angles are uniform by nature. */
static void add_average(const fz_proposal *p, fz_factor factor, const fz_pose_average *average, double share,
                        fz_factor_sample *s) {
  int points = fz_proposal_points(p, factor), known = average->images > 0 && factor != FZ_FACTOR_PSI;
  double step = p->step[factor], seen = 0;
  memcpy(s->scratch, p->log_omega[factor], sizeof *s->scratch * (size_t)points);
  if (known && factor == FZ_FACTOR_DIRECTION) {
    for (int d = 0; d < points; d++) seen += average->direction[p->pixel[d]];
    for (int d = 0; d < points && seen > 0; d++) s->scratch[d] = log(average->direction[p->pixel[d]] + 1e-300);
  }
  if (known && factor == FZ_FACTOR_SHIFT && step > 0) {
    double variance = 0.5 * average->squared_shift / average->images + step * step / 12;
    for (int t = 0; t < points; t++)
      s->scratch[t] = -0.5 / variance * (pow(p->q->shift_x_px[t], 2) + pow(p->q->shift_y_px[t], 2));
  }
  add_normalized(s->density, s->scratch, points, share);
}

void fz_proposal_density(const fz_proposal *p, fz_factor factor, const fz_pose_memory *memory,
                         const fz_pose_average *average, double centre_x_px, double centre_y_px, fz_factor_sample *s) {
  int points = fz_proposal_points(p, factor);
  double broad = fmax(p->options.broad_least, exp2(-2 * memory->visits)), squares = 0, sum = 0;
  memset(s->density, 0, sizeof *s->density * (size_t)points);
  double mass = factor == FZ_FACTOR_SHIFT ? add_shift_kernels(p, memory, centre_x_px, centre_y_px, 1 - broad, s)
                                          : add_rotation_kernels(p, factor, memory, 1 - broad, s);
  double rest = broad + (1 - broad) * fmax(0, 1 - mass);
  add_average(p, factor, average, 0.5 * rest, s);
  for (int j = 0; j < points; j++) s->density[j] += 0.5 * rest * p->omega[factor][j];
  for (int j = 0; j < points; j++) sum += s->density[j];
  for (int j = 0; j < points; j++) {
    s->density[j] /= sum;
    squares += s->density[j] * s->density[j];
  }
  s->effective = 1 / squares;
}

void fz_proposal_all(const fz_proposal *p, fz_factor factor, fz_factor_sample *s) {
  s->n = fz_proposal_points(p, factor);
  s->draws = 0;
  s->effective = s->n;
  for (int j = 0; j < s->n; j++) {
    s->point[j] = j;
    s->log_weight[j] = p->log_omega[factor][j];
  }
}

/* The number of points itself when all are to be summed. */
static int draws_for(const fz_proposal *p, fz_factor factor, double effective) {
  double wanted = ceil(p->options.samples_per_effective * effective);
  return (int)fmin(fz_proposal_points(p, factor), fmin(p->options.most, fmax(p->options.least, wanted)));
}

double fz_proposal_expected(const fz_proposal *p, fz_factor factor, const fz_factor_sample *s) {
  int points = fz_proposal_points(p, factor), draws = draws_for(p, factor, s->effective);
  double expected = 0;
  if (draws == points) return points;
  for (int j = 0; j < points; j++) expected -= expm1(-draws * s->density[j]);
  return expected;
}

/* First point whose cumulative density exceeds u. */
static int find(const double *cumulative, int points, double u) {
  int low = 0, high = points - 1;
  while (low < high) {
    int middle = (low + high) / 2;
    if (cumulative[middle] > u)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

void fz_proposal_draw(const fz_proposal *p, fz_factor factor, fz_random *random, fz_factor_sample *s) {
  int points = fz_proposal_points(p, factor), draws = draws_for(p, factor, s->effective);
  double effective = s->effective, *cumulative = s->scratch, sum = 0;
  if (draws >= points) {
    fz_proposal_all(p, factor, s);
    s->effective = effective;
    return;
  }
  for (int j = 0; j < points; j++) cumulative[j] = sum += s->density[j];
  int32_t *times = s->point; /* counted in place, then closed up */
  memset(times, 0, sizeof *times * (size_t)points);
  double u = fz_random_uniform(random);
  for (int i = 0; i < draws; i++) {
    if (p->options.independent && i) u = fz_random_uniform(random);
    times[find(cumulative, points, sum * (p->options.independent ? u : (i + u) / draws))]++;
  }
  s->n = 0;
  s->draws = draws;
  for (int j = 0; j < points; j++) {
    int32_t m = times[j];
    if (!m) continue;
    s->log_weight[s->n] = p->log_omega[factor][j] + log(m / (draws * s->density[j]));
    s->point[s->n++] = j;
  }
}

void fz_pose_average_learn(fz_pose_average *average, const fz_quadrature *q, const double *direction_mass,
                           const double *shift_mass, double images, double n_images) {
  double keep = fmax(0, 1 - images / n_images), axis[3];
  average->images *= keep;
  average->squared_shift *= keep;
  for (int i = 0; i < FZ_AVERAGE_PIXELS; i++) average->direction[i] *= keep;
  for (int d = 0; d < q->n_directions; d++) {
    find_axis(q, d, axis);
    average->direction[pixel_of(axis)] += direction_mass[d];
    average->images += direction_mass[d];
  }
  for (int t = 0; t < q->n_shifts; t++)
    average->squared_shift += shift_mass[t] * (pow(q->shift_x_px[t], 2) + pow(q->shift_y_px[t], 2));
}
