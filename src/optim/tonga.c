/* Online natural gradient, TONGA (Le Roux, Manzagol, Bengio 2007): w <- w - eta d, d = (I + C / sigma2)^-1 g, the
 * posterior mean of the gradient when a batch's noise has the covariance C and gradients the prior variance sigma2.
 *  maths   C: covariance of the gradients of batches around their running mean, both with weights GAMMA^age, as a sum
 *          of x x' over columns x.  Each gradient adds one; at 2 memory of them, the `memory` largest eigenvectors take
 *          their place, from the Gram matrix of the columns.  Everything is done there:
 *            d = g - X (X'X + sigma2)^-1 X'g,   sigma2 = |mean gradient|^2 + damping tr C / columns
 *          With its first part steps are those of plain descent as long as all gradients go one way.
 *          Automatic steps are multiples of 1/lambda, lambda the largest eigenvalue of (I + C / sigma2)^-1 times the
 *          curvature of Q, estimated anew with each new set of eigenvectors.
 *  differs the paper has a number for sigma2, and second moments about zero, which shorten steps along the mean, too
 *  Gradients are plain: C is that of gradients, and its product with H^-1 is not symmetric. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/dense_algebra.h"
#include "optim/stochastic.h"

static const double GAMMA = 0.995;

extern void dposv_(const char *uplo, const int *n, const int *nrhs, double *a, const int *lda, double *b,
                   const int *ldb, int *info, size_t);

typedef struct tonga {
  fz_stochastic gradient;
  int most;           /* 2 memory */
  double *column;     /* [most][dim], younger ones larger by GAMMA^(-1/2) each: C = GAMMA^since X X' up to its scale */
  double *gram;       /* [most][most] X'X */
  double *mean;       /* [dim] of the gradients */
  double weight;      /* sum of the weights */
  int64_t n, since;   /* columns; gradients since the eigenvectors were taken */
  double *a, *b, *v;  /* scratch: [most][most], [most], [memory][most] */
  int columns;        /* n, and the present gradient's */
  double sigma2;      /* in the scale of gram, for these columns */
  double *difference; /* [dim] scratch: gradient - mean */
} tonga;

static fz_status init(fz_optimizer *o) {
  tonga *s = o->self;
  const ptrdiff_t dim = o->f->dim, most = 2 * (ptrdiff_t)o->options.memory;
  s->most = (int)most;
  const struct {
    double **to;
    ptrdiff_t n;
  } array[] = {{&s->column, most * dim}, {&s->gram, most * most}, {&s->mean, dim}, {&s->a, most * most}, {&s->b, most},
               {&s->v, most * most},     {&s->difference, dim}};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++)
    if (!(*array[i].to = fz_alloc(array[i].n, sizeof(double)))) return FZ_ENOMEM;
  return fz_stochastic_init(&s->gradient, o);
}

static double dot(const double *x, const double *y, ptrdiff_t n) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

/* sigma2 with the present gradient in mean and covariance; C = GAMMA^(since + 1) / weight X X'. */
static void prior(fz_optimizer *o) {
  tonga *s = o->self;
  const double weight = GAMMA * s->weight + 1, scale = pow(GAMMA, (double)(s->since + 1)) / weight;
  double mean2 = 0, trace = 0;
  for (ptrdiff_t i = 0; i < o->f->dim; i++) {
    double mean = s->mean[i] + s->difference[i] / weight;
    mean2 += mean * mean;
  }
  for (int i = 0; i < s->columns; i++) trace += s->gram[(ptrdiff_t)i * s->most + i];
  s->sigma2 = mean2 / scale + o->options.damping * trace / s->columns;
}

/* The present gradient's column beside the others: the covariance grows by GAMMA W / (GAMMA W + 1) times the square of
 * its difference from the mean.  Nothing counts it yet. */
static void show(fz_optimizer *o) {
  tonga *s = o->self;
  const ptrdiff_t dim = o->f->dim, n = s->n, most = s->most;
  const double old = GAMMA * s->weight, scale = sqrt(old / (old + 1)) * pow(GAMMA, -0.5 * (double)(s->since + 1));
  for (ptrdiff_t i = 0; i < dim; i++) s->difference[i] = s->gradient.gradient[i] - s->mean[i];
  s->columns = (int)n;
  if (!(s->weight > 0)) return;
  for (ptrdiff_t i = 0; i < dim; i++) s->column[n * dim + i] = scale * s->difference[i];
  for (ptrdiff_t j = 0; j <= n; j++)
    s->gram[n * most + j] = s->gram[j * most + n] = dot(s->column + n * dim, s->column + j * dim, dim);
  s->columns++;
  prior(o);
}

/* y = (I + C / sigma2)^-1 x */
static fz_status shorten(void *context, const double *x, double *y, fz_error *err) {
  fz_optimizer *o = context;
  tonga *s = o->self;
  const ptrdiff_t dim = o->f->dim;
  const int n = s->columns, one = 1;
  int info = 0;
  memcpy(y, x, sizeof *y * (size_t)dim);
  if (n == 0) return FZ_OK;
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < n; j++) s->a[i * n + j] = s->gram[(ptrdiff_t)i * s->most + j];
    s->a[i * n + i] += s->sigma2;
    s->b[i] = dot(s->column + i * dim, x, dim);
  }
  dposv_("L", &n, &one, s->a, &n, s->b, &n, &info, 1);
  if (info != 0) return fz_fail(err, FZ_EDIVERGED, "the covariance of the gradients is not finite");
  for (int j = 0; j < n; j++)
    for (ptrdiff_t i = 0; i < dim; i++) y[i] -= s->b[j] * s->column[j * dim + i];
  return FZ_OK;
}

static fz_status gram_column(void *context, const double *x, double *y, fz_error *err) {
  const tonga *s = context;
  (void)err;
  for (int i = 0; i < s->most; i++) y[i] = dot(s->gram + (ptrdiff_t)i * s->most, x, s->most);
  return FZ_OK;
}

/* X <- GAMMA^(since/2) X V, V the leading eigenvectors of X'X; the step's length is to be found anew. */
static fz_status take_eigenvectors(fz_optimizer *o, fz_error *err) {
  tonga *s = o->self;
  const int keep = o->options.memory;
  const ptrdiff_t dim = o->f->dim, most = s->most;
  const double age = pow(GAMMA, (double)s->since);
  fz_status st = fz_dense_algebra()->eigenpairs(NULL, most, gram_column, s, keep, s->b, s->v, err);
  if (st != FZ_OK) return st;
  double *row = s->a;
  for (ptrdiff_t i = 0; i < dim; i++) {
    for (ptrdiff_t j = 0; j < most; j++) row[j] = s->column[j * dim + i];
    for (int k = 0; k < keep; k++) s->column[k * dim + i] = sqrt(age) * dot(s->v + k * most, row, most);
  }
  memset(s->gram, 0, sizeof *s->gram * (size_t)(most * most));
  for (int k = 0; k < keep; k++) s->gram[k * most + k] = age * fmax(s->b[k], 0);
  s->n = keep;
  s->since = 0;
  s->gradient.step.pass = -1;
  return FZ_OK;
}

static fz_status remember(fz_optimizer *o, fz_error *err) {
  tonga *s = o->self;
  s->weight = GAMMA * s->weight + 1;
  for (ptrdiff_t i = 0; i < o->f->dim; i++) s->mean[i] += s->difference[i] / s->weight;
  s->n = s->columns;
  s->since++;
  fz_stochastic_accept(&s->gradient, o);
  return s->n == s->most ? take_eigenvectors(o, err) : FZ_OK;
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  tonga *s = o->self;
  fz_stochastic *g = &s->gradient;
  bool taken;
  fz_status st;
  FZ_TRY(fz_stochastic_gradient(g, o, o->w, err));
  show(o);
  FZ_TRY(fz_step_lambda(&g->step, o, g->moments, o->w, shorten, o, err));
  FZ_TRY(shorten(o, g->gradient, g->direction, err));
  FZ_TRY(fz_step_take(&g->step, o, g->gradient, g->direction, g->value, g->tile, g->n, true, g->words, &taken, err));
  FZ_TRY(remember(o, err));
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  tonga *s = o->self;
  fz_stochastic_state(&s->gradient, o, list);
  fz_state_add_array(list, "optimizer/columns", FZ_STATE_F64, 2, (int64_t[]){s->most, o->f->dim}, s->column, "1",
                     "factor of the covariance of the gradients");
  fz_state_add_array(list, "optimizer/gram", FZ_STATE_F64, 2, (int64_t[]){s->most, s->most}, s->gram, "1",
                     "products of its columns");
  fz_state_add_array(list, "optimizer/mean_gradient", FZ_STATE_F64, 1, (int64_t[]){o->f->dim}, s->mean, "nats",
                     "running mean of the gradients");
  fz_state_add_f64(list, "optimizer/weight", &s->weight, "1", "sum of the weights of the gradients");
  fz_state_add_i64(list, "optimizer/n_columns", &s->n, "1", "columns in use");
  fz_state_add_i64(list, "optimizer/since", &s->since, "1", "gradients since the eigenvectors were taken");
}

static void clear(fz_optimizer *o) {
  tonga *s = o->self;
  fz_stochastic_clear(&s->gradient);
  double **array[] = {&s->column, &s->gram, &s->mean, &s->a, &s->b, &s->v, &s->difference};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) fz_free(array[i]);
}

const fz_optimizer_kind fz_optimizer_tonga = {.name = "tonga",
                                              .summary = "natural gradient by a low-rank covariance of the gradients",
                                              .want = FZ_WANT_MOMENTS | FZ_WANT_GRADIENT,
                                              .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_SEARCH |
                                                       FZ_TAKES_MEMORY | FZ_TAKES_DAMPING | FZ_TAKES_RATE_POWER,
                                              .default_step = 0.5,
                                              .moments_steer_only = true,
                                              .needs_damping = true,
                                              .self_bytes = sizeof(tonga),
                                              .init = init,
                                              .step = step,
                                              .state = state,
                                              .clear = clear};
