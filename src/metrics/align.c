#include "metrics/align.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "core/fft.h"
#include "core/memory.h"
#include "metrics/align_spectrum.h"
#include "metrics/simplex.h"

static const double pi = 3.14159265358979323846;
enum { CANDIDATES = 16, SURVIVORS = 4, CHUNK = 512 };

typedef struct problem {
  const fz_align_spectrum *map;
  const fz_align_ball *reference;
  bool mirrored;
  fz_rotation start;
  double start_shift[3];
  double (*partial)[2]; /* [chunks]: sum of products, sum of squares */
} problem;

fz_align_options fz_align_default(int n) {
  double most = n / 2 - 2;
  return (fz_align_options){.try_same = true,
                            .try_mirrored = true,
                            .step_deg = 12,
                            .shells = {fmin(8, most), fmin(13, most), fmin(fmax(22, n / 4.0), most)}};
}

/* ---- the correlation ---- */

static void rotate_k(const fz_rotation *r, bool mirrored, const int k[3], double q[3]) {
  fz_rotation_apply(r, (double[3]){k[0], k[1], k[2]}, q);
  if (mirrored) q[0] = -q[0];
}

static double correlation(problem *p, const fz_rotation *r, const double shift[3]) {
  const fz_align_ball *b = p->reference;
  ptrdiff_t chunks = (b->count + CHUNK - 1) / CHUNK;
  /* Sums per fixed chunk, added in order: the thread count does not show. Few chunks are not worth waking threads. */
#pragma omp parallel for schedule(static) if (chunks > 16)
  for (ptrdiff_t chunk = 0; chunk < chunks; chunk++) {
    double product = 0, square = 0;
    ptrdiff_t end = (chunk + 1) * CHUNK < b->count ? (chunk + 1) * CHUNK : b->count;
    for (ptrdiff_t i = chunk * CHUNK; i < end; i++) {
      double q[3];
      rotate_k(r, false, b->k[i], q);
      float phase = (float)(2 * pi * (q[0] * shift[0] + q[1] * shift[1] + q[2] * shift[2]) / p->map->n);
      if (p->mirrored) q[0] = -q[0];
      float complex a = fz_align_spectrum_at(p->map, q), t = a * conjf(b->value[i]);
      product += crealf(t) * cosf(phase) - cimagf(t) * sinf(phase);
      square += b->weight[i] * (crealf(a) * crealf(a) + cimagf(a) * cimagf(a));
    }
    p->partial[chunk][0] = product;
    p->partial[chunk][1] = square;
  }
  double product = 0, square = 0;
  for (ptrdiff_t chunk = 0; chunk < chunks; chunk++) {
    product += p->partial[chunk][0];
    square += p->partial[chunk][1];
  }
  return square > 0 ? product / (b->norm * sqrt(square)) : 0;
}

static void place(const problem *p, const double *x, fz_rotation *r, double shift[3]) {
  double degree = pi / 180;
  fz_rotation turn = fz_rotation_from_vector((double[3]){x[0] * degree, x[1] * degree, x[2] * degree});
  *r = fz_rotation_multiply(&turn, &p->start);
  for (int d = 0; d < 3; d++) shift[d] = p->start_shift[d] + x[3 + d];
}

static double cost(const double *x, void *context) {
  fz_rotation r;
  double shift[3];
  place(context, x, &r, shift);
  return -correlation(context, &r, shift);
}

/* ---- exhaustive search ---- */

typedef struct candidate {
  fz_rotation rotation;
  double shift[3], correlation;
} candidate;

static fz_rotation grid_rotation(int i, int directions, int turns) {
  int direction = i / turns, turn = i % turns;
  double golden = pi * (1 + sqrt(5)), tilt = acos(1 - 2 * (direction + 0.5) / directions);
  return fz_rotation_from_euler(360.0 * turn / turns, tilt * 180 / pi,
                                fmod(golden * (direction + 0.5), 2 * pi) * 180 / pi);
}

/* All shifts of one rotation at once: the inverse FFT of V(k) conj B(k) is the correlation at every shift. */
static void best_shift(const problem *p, const fz_fft *fft, int m, float complex *f, float *real, candidate *c) {
  const fz_align_ball *b = p->reference;
  double square = 0;
  memset(f, 0, (size_t)fz_fft_complex_size(fft) * sizeof *f);
  for (ptrdiff_t i = 0; i < b->count; i++) {
    double q[3];
    const int *k = b->k[i];
    rotate_k(&c->rotation, p->mirrored, k, q);
    float complex a = fz_align_spectrum_at(p->map, q), t = a * conjf(b->value[i]);
    square += b->weight[i] * (crealf(a) * crealf(a) + cimagf(a) * cimagf(a));
    f[fz_align_index(m, k[0], k[1], k[2])] = t;
    if (k[0] == 0) f[fz_align_index(m, 0, -k[1], -k[2])] = conjf(t);
  }
  fz_fft_backward_float(fft, f, real);
  ptrdiff_t best = 0, size = fz_fft_real_size(fft);
  for (ptrdiff_t i = 1; i < size; i++)
    if (real[i] > real[best]) best = i;
  c->correlation = square > 0 ? real[best] / (2 * b->norm * sqrt(square)) : 0;
  ptrdiff_t d[3] = {best % m, best / m % m, best / m / m};
  for (int j = 0; j < 3; j++) c->shift[j] = (double)(2 * d[j] < m ? d[j] : d[j] - m) * p->map->n / m;
  fz_rotation_apply(&c->rotation, c->shift, c->shift);
}

/* The best candidates at least 1.5 steps apart, in falling order. */
static int pick_distinct(candidate *all, ptrdiff_t n, double apart, candidate *out) {
  int found = 0;
  for (; found < CANDIDATES; found++) {
    ptrdiff_t best = -1;
    for (ptrdiff_t i = 0; i < n; i++) {
      bool fresh = isfinite(all[i].correlation) && (best < 0 || all[i].correlation > all[best].correlation);
      for (int j = 0; fresh && j < found; j++) fresh = fz_rotation_distance(&all[i].rotation, &out[j].rotation) > apart;
      if (fresh) best = i;
    }
    if (best < 0) break;
    out[found] = all[best];
  }
  return found;
}

static fz_status search(const problem *p, double step_deg, double cutoff, candidate *out, int *found, fz_error *err) {
  int turns = (int)ceil(360 / step_deg - 1e-9), m = 2 * (int)ceil(cutoff + 1) + 6, threads = omp_get_max_threads();
  int directions = (int)lrint(4 * pi / pow(step_deg * pi / 180, 2)), total = turns * directions;
  fz_status st = FZ_OK;
  fz_fft *fft = fz_fft_create(3, (const int[3]){m, m, m}, 1, true);
  ptrdiff_t real_size = fft ? (fz_fft_real_size(fft) + 15) / 16 * 16 : 0; /* keeps every thread's part aligned */
  ptrdiff_t half_size = fft ? (fz_fft_complex_size(fft) + 15) / 16 * 16 : 0;
  float *real = fz_alloc(real_size * threads, sizeof *real);
  float complex *half = fz_alloc(half_size * threads, sizeof *half);
  candidate *all = fz_alloc(total, sizeof *all);
  if (!fft || !real || !half || !all) {
    st = fz_fail(err, FZ_ENOMEM, "no memory to search %d rotations", total);
    goto done;
  }
#pragma omp parallel for schedule(static)
  for (int i = 0; i < total; i++) {
    int thread = omp_get_thread_num();
    all[i].rotation = grid_rotation(i, directions, turns);
    best_shift(p, fft, m, half + half_size * thread, real + real_size * thread, &all[i]);
  }
  *found = pick_distinct(all, total, 1.5 * step_deg * pi / 180, out);
done:
  fz_free(&all);
  fz_free(&half);
  fz_free(&real);
  fz_fft_destroy(&fft);
  return st;
}

/* ---- refinement ---- */

static void refine(problem *p, double step_deg, double step_voxels, int calls, candidate *c) {
  p->start = c->rotation;
  memcpy(p->start_shift, c->shift, sizeof p->start_shift);
  double x[6] = {0}, step[6] = {step_deg, step_deg, step_deg, step_voxels, step_voxels, step_voxels};
  c->correlation = -fz_simplex_minimize(6, cost, p, x, step, 1e-3, 1e-8, calls);
  place(p, x, &c->rotation, c->shift);
}

static void sort_falling(candidate *c, int n) {
  for (int i = 1; i < n; i++) {
    candidate moving = c[i];
    int j = i;
    for (; j > 0 && moving.correlation > c[j - 1].correlation; j--) c[j] = c[j - 1];
    c[j] = moving;
  }
}

/* The highest shell that any level asks for. */
static int spectrum_shells(const fz_align_options *o) {
  double most = 0;
  for (int l = 0; l < FZ_ALIGN_LEVELS; l++) most = fmax(most, o->shells[l]);
  return (int)ceil(most) + 1;
}

/* Take the map to be only what lies in the sphere that the motion brings onto the reference's. */
static fz_status mask_map(problem *p, const fz_map *map, const candidate *c, const fz_align_options *o,
                          fz_align_spectrum *masked, fz_error *err) {
  double centre[3] = {p->mirrored ? -c->shift[0] : c->shift[0], c->shift[1], c->shift[2]};
  fz_status st = fz_align_spectrum_create(map, centre, spectrum_shells(o), masked, err);
  if (st == FZ_OK) p->map = masked;
  return st;
}

static fz_status align_hand(problem *p, const fz_map *map, const fz_align_ball *level, const fz_align_options *o,
                            fz_align_hand *hand, fz_error *err) {
  candidate c[CANDIDATES];
  const fz_align_spectrum *whole = p->map;
  fz_align_spectrum masked = {0};
  int n = map->n, found = 0;
  p->reference = &level[FZ_ALIGN_COARSE];
  fz_status st = search(p, o->step_deg, o->shells[FZ_ALIGN_COARSE], c, &found, err);
  if (st != FZ_OK) return st;
  const double step_deg[FZ_ALIGN_LEVELS] = {o->step_deg / 3, o->step_deg / 6, o->step_deg / 12};
  const int keep[FZ_ALIGN_LEVELS] = {CANDIDATES, SURVIVORS, 1};
  for (int l = 0; l < FZ_ALIGN_LEVELS; l++) {
    p->reference = &level[l];
    if (found > keep[l]) found = keep[l];
    /* a quarter of the finest wave is well inside the peak */
    for (int i = 0; i < found; i++) refine(p, step_deg[l], 0.25 * n / (2 * o->shells[l]), 500, &c[i]);
    sort_falling(c, found);
    hand->correlation[l] = c[0].correlation;
    if (l == FZ_ALIGN_COARSE) st = mask_map(p, map, &c[0], o, &masked, err);
    if (st != FZ_OK) return st;
  }
  p->map = whole;
  fz_align_spectrum_clear(&masked);
  hand->tried = true;
  hand->motion = (fz_rigid){.mirrored = p->mirrored, .rotation = c[0].rotation};
  memcpy(hand->motion.shift, c[0].shift, sizeof c[0].shift);
  return FZ_OK;
}

static fz_status check_content(const fz_map *map, fz_error *err) {
  float low = map->voxel[0], high = low;
  for (ptrdiff_t i = 0; i < (ptrdiff_t)map->n * map->n * map->n; i++) {
    float v = map->voxel[i];
    if (!isfinite(v)) return fz_fail(err, FZ_EINPUT, "a map holds values that are not finite");
    low = fminf(low, v);
    high = fmaxf(high, v);
  }
  return low < high ? FZ_OK : fz_fail(err, FZ_EINPUT, "a map is constant: there is nothing to align");
}

fz_status fz_align_find(const fz_map *map, const fz_map *reference, const fz_align_options *options,
                        fz_align_result *result, fz_error *err) {
  int n = map->n;
  if (reference->n != n) return fz_fail(err, FZ_EINVAL, "maps of %d and %d voxels cannot be aligned", n, reference->n);
  if (n < 16) return fz_fail(err, FZ_EINVAL, "maps of %d voxels are too small to align (16 at least)", n);
  for (int l = 0; l < FZ_ALIGN_LEVELS; l++)
    if (!(options->shells[l] >= 2 && options->shells[l] <= n / 2 - 2))
      return fz_fail(err, FZ_EINVAL, "low-pass at shell %g; a map of %d voxels allows 2 to %d", options->shells[l], n,
                     n / 2 - 2);
  *result = (fz_align_result){0};
  fz_status st = FZ_OK;
  fz_align_spectrum spectrum = {0};
  fz_align_ball level[FZ_ALIGN_LEVELS] = {{0}};
  problem p = {.map = &spectrum};
  FZ_TRY(check_content(map, err));
  FZ_TRY(check_content(reference, err));
  FZ_TRY(fz_align_balls_create(reference, FZ_ALIGN_LEVELS, options->shells, level, err));
  FZ_TRY(fz_align_spectrum_create(map, NULL, spectrum_shells(options), &spectrum, err));
  ptrdiff_t most = 0;
  for (int l = 0; l < FZ_ALIGN_LEVELS; l++) most = level[l].count > most ? level[l].count : most;
  p.partial = fz_alloc(most / CHUNK + 1, sizeof *p.partial);
  if (!p.partial) {
    st = fz_fail(err, FZ_ENOMEM, "no memory to align maps of %d^3 voxels", n);
    goto done;
  }
  for (int mirrored = 0; mirrored < 2; mirrored++) {
    if (!(mirrored ? options->try_mirrored : options->try_same)) continue;
    p.mirrored = mirrored;
    FZ_TRY(align_hand(&p, map, level, options, &result->hand[mirrored], err));
  }
  const fz_align_hand *hand = result->hand;
  bool better = hand[1].correlation[FZ_ALIGN_MIDDLE] > hand[0].correlation[FZ_ALIGN_MIDDLE];
  result->best = hand[1].tried && (!hand[0].tried || better);
done:
  fz_free(&p.partial);
  for (int l = 0; l < FZ_ALIGN_LEVELS; l++) fz_align_ball_clear(&level[l]);
  fz_align_spectrum_clear(&spectrum);
  return st;
}
