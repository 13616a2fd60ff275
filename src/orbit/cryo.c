#include "orbit/cryo.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "metrics/simplex.h"
#include "pose/spherical_design.h"

static const double PI = 3.14159265358979323846;
enum { GAUSSIANS = 6 };

fz_cryo_spec fz_cryo_thesis(uint64_t seed) {
  return (fz_cryo_spec){.degree = 3,
                        .n_radial = 4,
                        .box = 15,
                        .design_degree = 13,
                        .n_directions = 100,
                        .n_psi = 12,
                        .n = 3600,
                        .snr = 0.34,
                        .seed = seed};
}

fz_status fz_cryo_volume(fz_gaussians *g) {
  const uint64_t form = 1;
  *g = (fz_gaussians){.n = GAUSSIANS, .item = fz_alloc(GAUSSIANS, sizeof(fz_gaussian))};
  if (!g->item) return FZ_ENOMEM;
  for (int j = 0; j < GAUSSIANS; j++) {
    fz_random r = fz_random_stream(form, FZ_PURPOSE_PHANTOM, 0, (uint64_t)j);
    double at[3] = {fz_random_normal(&r), fz_random_normal(&r), fz_random_normal(&r)};
    double radius = 2.8 * cbrt(fz_random_uniform(&r)), length = hypot(hypot(at[0], at[1]), at[2]);
    for (int c = 0; c < 3; c++) g->item[j].at_A[c] = at[c] * radius / length;
    g->item[j].width_A = 0.9 + 0.3 * fz_random_uniform(&r);
    g->item[j].weight = 0.7 + 0.6 * fz_random_uniform(&r);
  }
  return FZ_OK;
}

/* ---- simulation ---- */

static fz_status make_candidates(fz_cryo_problem *t, fz_error *err) {
  const fz_cryo_spec *s = &t->spec;
  double *theta = fz_alloc(2 * s->n_directions, sizeof *theta), *phi = theta + s->n_directions;
  if (!theta) return fz_fail(err, FZ_ENOMEM, "no memory for %d directions", s->n_directions);
  fz_status st = fz_spherical_design(s->design_degree, s->n_directions, theta, phi, err);
  for (int j = 0; j < t->n_candidates && st == FZ_OK; j++) {
    int d = j / s->n_psi;
    t->candidate[j] = fz_rotation_from_euler(phi[d] * 180 / PI, theta[d] * 180 / PI, 360.0 * (j % s->n_psi) / s->n_psi);
    if (fz_spherical_basis_slice(&t->basis, s->box, &t->candidate[j], t->matrix + j * t->basis.dim * t->p) != FZ_OK)
      st = fz_fail(err, FZ_ENOMEM, "no memory for slices");
  }
  fz_free(&theta);
  return st;
}

static fz_status make_truth(fz_cryo_problem *t, fz_error *err) {
  fz_gaussians g;
  fz_status st = fz_cryo_volume(&g);
  if (st == FZ_OK) st = fz_spherical_basis_project(&t->basis, &g, 1, t->truth);
  fz_gaussians_clear(&g);
  return st == FZ_OK ? st : fz_fail(err, st, "no memory for a volume");
}

/* image [p] = sum_a v_a matrix[a][p] */
static void show(const fz_cryo_problem *t, const double *matrix, const double *v, double *image) {
  memset(image, 0, sizeof *image * (size_t)t->p);
  for (ptrdiff_t a = 0; a < t->basis.dim; a++)
    for (int k = 0; k < t->p; k++) image[k] += v[a] * matrix[a * t->p + k];
}

static int draw_pose(const fz_cryo_problem *t, int64_t i, fz_rotation *pose) {
  fz_random r = fz_random_stream(t->spec.seed, FZ_PURPOSE_SIM_POSE, 0, (uint64_t)i);
  int j = (int)fz_random_below(&r, t->n_candidates);
  *pose = t->spec.from_quadrature ? t->candidate[j] : fz_rotation_random(&r);
  return j;
}

static fz_status make_clean_images(fz_cryo_problem *t, fz_error *err) {
  double *slice = fz_alloc(t->basis.dim * t->p, sizeof *slice);
  fz_status st = slice ? FZ_OK : FZ_ENOMEM;
  for (int64_t i = 0; i < t->spec.n && st == FZ_OK; i++) {
    int j = draw_pose(t, i, &t->pose[i]);
    const double *matrix = t->spec.from_quadrature ? t->matrix + j * t->basis.dim * t->p : slice;
    if (!t->spec.from_quadrature) st = fz_spherical_basis_slice(&t->basis, t->spec.box, &t->pose[i], slice);
    show(t, matrix, t->truth, t->x + i * t->p);
  }
  fz_free(&slice);
  return st == FZ_OK ? st : fz_fail(err, st, "no memory for images");
}

/* The first number is the image's mean, which is no part of its variance. */
static void add_noise(fz_cryo_problem *t) {
  const fz_cryo_spec *s = &t->spec;
  double power = 0;
  for (int64_t i = 0; i < s->n; i++)
    for (int k = 1; k < t->p; k++) power += t->x[i * t->p + k] * t->x[i * t->p + k];
  t->sigma = sqrt(power / ((double)s->n * s->box * s->box) / s->snr);
  for (int64_t i = 0; i < s->n; i++) {
    fz_random r = fz_random_stream(s->seed, FZ_PURPOSE_SIM_NOISE, 0, (uint64_t)i);
    for (int k = 0; k < t->p; k++) t->x[i * t->p + k] += t->sigma * fz_random_normal(&r);
  }
}

static fz_status allocate(fz_cryo_problem *t, fz_error *err) {
  const fz_cryo_spec *s = &t->spec;
  int n_radial[FZ_SPHERICAL_DEGREE_MAX + 1];
  for (int l = 0; l <= FZ_SPHERICAL_DEGREE_MAX; l++) n_radial[l] = s->n_radial;
  if (s->box < 3 || s->n_directions < 2 || s->n_psi < 1 || s->n < 1 || !(s->snr > 0))
    return fz_fail(err, FZ_EINVAL, "%lld images of %d pixels at SNR %g, %d directions and %d angles", (long long)s->n,
                   s->box, s->snr, s->n_directions, s->n_psi);
  fz_status st = fz_spherical_basis_init(&t->basis, s->degree, n_radial, PI, err);
  if (st != FZ_OK) return st;
  t->p = fz_slice_numbers(s->box);
  t->n_candidates = s->n_directions * s->n_psi;
  t->candidate = fz_alloc(t->n_candidates, sizeof *t->candidate);
  t->matrix = fz_alloc(t->n_candidates * t->basis.dim * t->p, sizeof *t->matrix);
  t->truth = fz_alloc(t->basis.dim, sizeof *t->truth);
  t->pose = fz_alloc(s->n, sizeof *t->pose);
  t->x = fz_alloc(s->n * t->p, sizeof *t->x);
  if (t->candidate && t->matrix && t->truth && t->pose && t->x) return FZ_OK;
  return fz_fail(err, FZ_ENOMEM, "no memory for %d candidates and %lld images", t->n_candidates, (long long)s->n);
}

fz_status fz_cryo_simulate(const fz_cryo_spec *spec, fz_cryo_problem *t, fz_error *err) {
  *t = (fz_cryo_problem){.spec = *spec};
  fz_status st = allocate(t, err);
  if (st == FZ_OK) st = make_candidates(t, err);
  if (st == FZ_OK) st = make_truth(t, err);
  if (st == FZ_OK) st = make_clean_images(t, err);
  if (st == FZ_OK)
    add_noise(t);
  else
    fz_cryo_clear(t);
  return st;
}

void fz_cryo_clear(fz_cryo_problem *t) {
  fz_spherical_basis_clear(&t->basis);
  fz_free(&t->candidate);
  fz_free(&t->matrix);
  fz_free(&t->truth);
  fz_free(&t->pose);
  fz_free(&t->x);
}

fz_status fz_cryo_open(const fz_cryo_problem *t, double ridge, int tile, int threads, fz_orbit_model **out,
                       fz_error *err) {
  fz_orbit_spec spec = {.n_candidates = t->n_candidates,
                        .p = t->p,
                        .d = (int)t->basis.dim,
                        .matrix = t->matrix,
                        .n = t->spec.n,
                        .x = t->x,
                        .sigma = t->sigma,
                        .ridge = ridge,
                        .tile = tile,
                        .threads = threads};
  return fz_orbit_model_create(&spec, out, err);
}

void fz_cryo_start(const fz_cryo_problem *t, uint64_t seed, double *w) {
  fz_random r = fz_random_stream(seed, FZ_PURPOSE_START_VOLUME, 0, 0);
  double shown = 0, seen = 0, sum;
  for (ptrdiff_t a = 0; a < t->basis.dim; a++) w[a] = fz_random_normal(&r);
  for (ptrdiff_t j = 0; j < t->n_candidates; j++)
    for (ptrdiff_t k = 0; k < t->p; k++) {
      sum = 0;
      for (ptrdiff_t a = 0; a < t->basis.dim; a++) sum += t->matrix[(j * t->basis.dim + a) * t->p + k] * w[a];
      shown += sum * sum / t->n_candidates;
    }
  for (int64_t i = 0; i < t->spec.n * t->p; i++) seen += (t->x[i] * t->x[i] - t->sigma * t->sigma) / (double)t->spec.n;
  double scale = sqrt(fmax(seen, 0.01 * t->p * t->sigma * t->sigma) / shown);
  for (ptrdiff_t a = 0; a < t->basis.dim; a++) w[a] *= scale;
}

/* ---- error ---- */

typedef struct turn_search {
  const fz_spherical_basis *basis;
  const double *w;
  double *truth, *turned; /* [dim] truth of the hand looked at */
  fz_rotation from;
} turn_search;

static double distance_at(turn_search *s, const fz_rotation *rotation) {
  double sum = 0;
  if (fz_spherical_basis_rotate(s->basis, rotation, s->truth, s->turned) != FZ_OK) return NAN;
  for (ptrdiff_t a = 0; a < s->basis->dim; a++) sum += (s->w[a] - s->turned[a]) * (s->w[a] - s->turned[a]);
  return sum;
}

static double distance_near(const double *vector, void *context) {
  turn_search *s = context;
  fz_rotation step = fz_rotation_from_vector(vector), rotation = fz_rotation_multiply(&step, &s->from);
  return distance_at(s, &rotation);
}

/* The least squared distance for one hand, inversion turning a_lsm into (-1)^l a_lsm. */
static double search_hand(const fz_cryo_problem *t, turn_search *s, int inverted) {
  double best = HUGE_VAL, vector[3] = {0, 0, 0}, step[3];
  for (ptrdiff_t l = 0, a = 0; l <= t->basis.degree; l++)
    for (ptrdiff_t c = (2 * l + 1) * t->basis.n_radial[l]; c > 0; c--, a++)
      s->truth[a] = inverted && l % 2 ? -t->truth[a] : t->truth[a];
  for (int j = 0; j < t->n_candidates; j++) {
    double distance = distance_at(s, &t->candidate[j]);
    if (isnan(distance)) return NAN;
    if (distance < best) {
      best = distance;
      s->from = t->candidate[j];
    }
  }
  /* A simplex that has shrunk too early starts again, from smaller steps. */
  for (double size = 0.2; size > 1e-4; size /= 10) {
    for (int c = 0; c < 3; c++) step[c] = size;
    best = fz_simplex_minimize(3, distance_near, s, vector, step, 1e-11, 0, 400);
  }
  return best;
}

double fz_cryo_error(const fz_cryo_problem *t, const double *w) {
  turn_search s = {.basis = &t->basis, .w = w};
  double square = 0, error = NAN;
  s.truth = fz_alloc(t->basis.dim, sizeof *s.truth);
  s.turned = fz_alloc(t->basis.dim, sizeof *s.turned);
  for (ptrdiff_t a = 0; a < t->basis.dim; a++) square += t->truth[a] * t->truth[a];
  if (s.truth && s.turned) {
    double hand[2] = {search_hand(t, &s, 0), search_hand(t, &s, 1)};
    error = sqrt((hand[1] < hand[0] ? hand[1] : hand[0]) / square);
  }
  fz_free(&s.truth);
  fz_free(&s.turned);
  return error;
}
