#define FZ_DOUBLE /* slices in double */
#include "estep/local.h"

#include <math.h>
#include <stdbool.h>

#include "core/memory.h"
#include "model/projector.h"

enum { N = FZ_LOCAL_UNKNOWNS, ROWS = 6 };
static const double PI = 3.14159265358979323846;
/* lambda, and how it follows the rise over the one foretold */
static const double FIRST_DAMPING = 1e-2, LEAST_DAMPING = 1e-6, LESS = 0.2, MORE = 5.0, FELT = 0.5, GOOD = 0.75,
                    POOR = 0.25;
static const double ENOUGH = 1e-3; /* nats: a rise that changes a pose by some hundredths of what is known of it */

struct fz_local {
  fz_local_setup setup;
  fz_projector **projector; /* [n_volumes] */
  double *row;              /* [threads][ROWS][padded] */
};

int64_t fz_local_bytes(const fz_local_setup *setup) {
  int64_t m = setup->m, cells = 2 * fz_cube_make(setup->m, 2, setup->frequencies->kmax).cells;
  int64_t rows = (int64_t)setup->threads * ROWS * setup->frequencies->padded;
  return (int64_t)sizeof(double) * (setup->n_volumes * cells + 16 * m * m * m + 8 * m * m + rows);
}

fz_status fz_local_create(const fz_local_setup *setup, const double *const *volume, fz_local **out) {
  fz_local *l = *out = fz_alloc(1, sizeof *l);
  if (!l) return FZ_ENOMEM;
  l->setup = *setup;
  l->projector = fz_alloc(setup->n_volumes, sizeof *l->projector);
  l->row = fz_alloc((ptrdiff_t)setup->threads * ROWS * setup->frequencies->padded, sizeof *l->row);
  bool complete = l->projector && l->row;
  for (int v = 0; complete && v < setup->n_volumes; v++) {
    complete = (l->projector[v] = fz_projector_create(setup->m, setup->frequencies->kmax)) != NULL;
    if (!complete) break;
    fz_projector_set(l->projector[v], volume[v], setup->slice_scale);
    fz_projector_seal(l->projector[v]);
  }
  if (complete) return FZ_OK;
  fz_local_destroy(out);
  return FZ_ENOMEM;
}

void fz_local_destroy(fz_local **l) {
  if (!*l) return;
  for (int v = 0; (*l)->projector && v < (*l)->setup.n_volumes; v++) fz_projector_destroy(&(*l)->projector[v]);
  fz_free(&(*l)->projector);
  fz_free(&(*l)->row);
  fz_free(l);
}

/* One image against one slice: sums over points. */
typedef struct sums {
  double score;
  fz_local_slope slope;
} sums;

typedef struct point {
  double kx, ky;     /* radians per pixel of shift */
  double y_re, y_im; /* x S_t^* */
  double c2;
  double s_re, s_im;
  double d_re[3], d_im[3]; /* of the slice by v */
} point;

/* Derivatives of the model S_t s, seen before the shift: d_a s by a turn, -i k s by a shift. */
static void add_point(const point *p, sums *to) {
  double re[N], im[N], rest_re = p->y_re - p->c2 * p->s_re, rest_im = p->y_im - p->c2 * p->s_im;
  for (int a = 0; a < 3; a++) {
    re[a] = p->d_re[a];
    im[a] = p->d_im[a];
  }
  re[3] = p->kx * p->s_im;
  im[3] = -p->kx * p->s_re;
  re[4] = p->ky * p->s_im;
  im[4] = -p->ky * p->s_re;
  to->score += p->y_re * p->s_re + p->y_im * p->s_im - 0.5 * p->c2 * (p->s_re * p->s_re + p->s_im * p->s_im);
  for (int a = 0; a < N; a++) {
    to->slope.gradient[a] += rest_re * re[a] + rest_im * im[a];
    for (int b = 0; b <= a; b++) to->slope.curvature[a][b] += p->c2 * (re[a] * re[b] + im[a] * im[b]);
  }
}

static void add_prior(const fz_local_prior *prior, const fz_local_pose *pose, sums *to) {
  if (!(prior->sd_px > 0)) return;
  double inverse = 1 / (prior->sd_px * prior->sd_px);
  double x = pose->shift_x_px - prior->x_px, y = pose->shift_y_px - prior->y_px;
  to->score -= 0.5 * inverse * (x * x + y * y);
  to->slope.gradient[3] -= inverse * x;
  to->slope.gradient[4] -= inverse * y;
  to->slope.curvature[3][3] += inverse;
  to->slope.curvature[4][4] += inverse;
}

double fz_local_score(const fz_local *l, int thread, const fz_tile *tile, int i, int volume,
                      const fz_local_prior *prior, const fz_local_pose *pose, fz_local_slope *slope) {
  const fz_frequencies *f = l->setup.frequencies;
  ptrdiff_t padded = f->padded, at = i * padded;
  double *row = l->row + thread * ROWS * padded, per_px = 2 * PI / l->setup.box;
  fz_tangents t = {row, row + padded, row + 2 * padded, row + 3 * padded, row + 4 * padded, row + 5 * padded};
  sums all = {0};
  fz_projector_tangents(l->projector[volume], f, &pose->rotation, &t);
  for (int k = 0; k < f->count; k++) {
    double x_re = tile->re[at + k], x_im = tile->im[at + k], kx = f->kx[k], ky = f->ky[k];
    double phase = per_px * (kx * pose->shift_x_px + ky * pose->shift_y_px), c = cos(phase), s = sin(phase);
    point p = {.kx = per_px * kx,
               .ky = per_px * ky,
               .y_re = x_re * c - x_im * s,
               .y_im = x_re * s + x_im * c,
               .c2 = tile->c2[at + k],
               .s_re = t.re[k],
               .s_im = t.im[k],
               .d_re = {-ky * t.out_re[k], kx * t.out_re[k], t.spin_re[k]},
               .d_im = {-ky * t.out_im[k], kx * t.out_im[k], t.spin_im[k]}};
    add_point(&p, &all);
  }
  add_prior(prior, pose, &all);
  for (int a = 0; a < N; a++)
    for (int b = 0; b < a; b++) all.slope.curvature[b][a] = all.slope.curvature[a][b];
  *slope = all.slope;
  return all.score;
}

/* (H + lambda D) step = gradient by Cholesky; D = diag H, so the matrix is positive.  An unknown without effect, before
 * an empty map, stays where it is. */
static bool solve(const fz_local_slope *slope, double damping, double *step) {
  double r[N][N] = {{0}};
  for (int a = 0; a < N; a++) {
    step[a] = slope->gradient[a];
    for (int b = 0; b <= a; b++) {
      double diagonal = slope->curvature[a][a] > 0 ? slope->curvature[a][a] * (1 + damping) : 1;
      double sum = a == b ? diagonal : slope->curvature[a][b];
      for (int c = 0; c < b; c++) sum -= r[a][c] * r[b][c];
      if (a == b && !(sum > 1e-12 * diagonal)) return false;
      r[a][b] = a == b ? sqrt(sum) : sum / r[b][b];
    }
    for (int c = 0; c < a; c++) step[a] -= r[a][c] * step[c];
    step[a] /= r[a][a];
  }
  for (int a = N - 1; a >= 0; a--) {
    for (int c = a + 1; c < N; c++) step[a] -= r[c][a] * step[c];
    step[a] /= r[a][a];
  }
  return true;
}

static double turn_of(const double *step) {
  return sqrt(step[0] * step[0] + step[1] * step[1] + step[2] * step[2]);
}

/* At the band edge a phase changes by one radian along the longest step. */
static void shorten(const fz_local *l, double *step) {
  double kmax = l->setup.frequencies->kmax, most_px = l->setup.box / (2 * PI * kmax);
  double excess = fmax(turn_of(step) * kmax, hypot(step[3], step[4]) / most_px);
  for (int a = 0; a < N && excess > 1; a++) step[a] /= excess;
}

/* Rise of the quadratic model. */
static double foretold(const fz_local_slope *slope, const double *step) {
  double rise = 0;
  for (int a = 0; a < N; a++) {
    rise += slope->gradient[a] * step[a];
    for (int b = 0; b < N; b++) rise -= 0.5 * slope->curvature[a][b] * step[a] * step[b];
  }
  return rise;
}

static fz_local_pose moved(const fz_local_pose *from, const double *step) {
  fz_rotation turn = fz_rotation_from_vector(step);
  return (fz_local_pose){.rotation = fz_rotation_multiply(&turn, &from->rotation),
                         .shift_x_px = from->shift_x_px + step[3],
                         .shift_y_px = from->shift_y_px + step[4]};
}

fz_local_climbed fz_local_climb(const fz_local *l, int thread, const fz_tile *tile, int i, int volume,
                                const fz_local_prior *prior, fz_local_pose *pose) {
  fz_local_slope slope, next;
  double score = fz_local_score(l, thread, tile, i, volume, prior, pose, &slope), damping = FIRST_DAMPING;
  fz_local_climbed out = {.score_before = score, .score = score, .evaluations = 1};
  while (out.evaluations < FZ_LOCAL_EVALUATIONS) {
    double step[N];
    if (!solve(&slope, damping, step)) break;
    shorten(l, step);
    double rise = foretold(&slope, step);
    if (!(rise > ENOUGH)) break;
    fz_local_pose trial = moved(pose, step);
    score = fz_local_score(l, thread, tile, i, volume, prior, &trial, &next);
    out.evaluations++;
    double share = (score - out.score) / rise;
    if (score > out.score) {
      *pose = trial;
      out.score = score;
      slope = next;
    }
    if (share > GOOD) damping = fmax(damping * LESS, LEAST_DAMPING);
    if (!(share > POOR)) damping = fmax(damping * MORE, FELT);
  }
  return out;
}
