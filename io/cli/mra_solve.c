#include <math.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/cli/mra.h"

typedef struct solver {
  const fz_mra_request *r;
  const fz_mra_problem *p;
  const fz_objective *f;
  fz_optimizer *o;
  int64_t *tile, *words;
  fz_mra_curve *curve;
  double seconds;
} solver;

static bool grow(fz_mra_curve *c) {
  double **column[] = {&c->passes, &c->seconds, &c->value, &c->error, &c->density_error};
  if (c->n < c->room) return true;
  c->room = c->room ? 2 * c->room : 256;
  for (size_t i = 0; i < sizeof column / sizeof column[0]; i++) {
    double *grown = fz_realloc(*column[i], c->room, sizeof *grown);
    if (!grown) return false;
    *column[i] = grown;
  }
  return true;
}

void fz_mra_curve_clear(fz_mra_curve *c) {
  double **column[] = {&c->passes, &c->seconds, &c->value, &c->error, &c->density_error};
  for (size_t i = 0; i < sizeof column / sizeof column[0]; i++) fz_free(column[i]);
  *c = (fz_mra_curve){0};
}

/* F over all observations, in an evaluation that is not counted. */
static fz_status look(solver *s, fz_error *err) {
  fz_status st = s->f->evaluate(s->f->self, s->o->w, s->tile, s->f->n_tiles, s->words, err);
  if (st != FZ_OK) return st;
  fz_mra_curve *c = s->curve;
  if (!grow(c)) return fz_fail(err, FZ_ENOMEM, "no memory for the curve of F");
  int64_t i = c->n++;
  c->passes[i] = fz_optimizer_passes(s->o);
  c->seconds[i] = s->seconds;
  c->value[i] = fz_optimizer_value(s->o, s->words, s->o->w);
  c->error[i] = c->density_error[i] = NAN;
  if (s->p->signal) c->error[i] = fz_mra_error(&s->p->spec, s->o->w, s->r->known_density ? NULL : &c->density_error[i]);
  return FZ_OK;
}

static bool has_converged(const solver *s) {
  const fz_mra_curve *c = s->curve;
  return c->n > 1 && fabs(c->value[c->n - 1] - c->value[c->n - 2]) < s->r->tolerance;
}

static fz_status loop(solver *s, fz_mra_end *end, fz_error *err) {
  fz_status st;
  FZ_TRY(look(s, err));
  for (;;) {
    double pass = floor(fz_optimizer_passes(s->o)), began = fz_clock_seconds();
    FZ_TRY(fz_optimizer_step(s->o, err));
    s->seconds += fz_clock_seconds() - began;
    if (floor(fz_optimizer_passes(s->o)) == pass) continue;
    FZ_TRY(look(s, err));
    *end = has_converged(s) ? FZ_MRA_CONVERGED : FZ_MRA_MAX_PASSES;
    if (*end == FZ_MRA_CONVERGED || fz_optimizer_passes(s->o) >= s->r->max_passes) break;
  }
done:
  return st;
}

fz_status fz_mra_solve(const fz_mra_request *r, const fz_mra_problem *p, const fz_objective *f, double *w,
                       fz_mra_curve *curve, fz_mra_end *end, fz_error *err) {
  solver s = {.r = r, .p = p, .f = f, .curve = curve};
  s.tile = fz_alloc(f->n_tiles, sizeof *s.tile);
  s.words = fz_alloc(f->n_words, sizeof *s.words);
  fz_status st = s.tile && s.words ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory");
  for (int64_t t = 0; st == FZ_OK && t < f->n_tiles; t++) s.tile[t] = t;
  if (st == FZ_OK) st = fz_optimizer_create(r->optimizer.kind, f, &r->optimizer.options, w, &s.o, err);
  if (st == FZ_OK) {
    st = loop(&s, end, err);
    memcpy(w, s.o->w, sizeof *w * (size_t)f->dim);
    fz_optimizer_destroy(&s.o);
  }
  fz_free(&s.tile);
  fz_free(&s.words);
  return st;
}
