#include <string.h>

#include "thesis/problems.h"

fz_status fz_thesis_warm(const fz_thesis_source *s, const fz_objective *f, uint64_t seed, double *start,
                         fz_error *err) {
  fz_optimizer_options options = fz_optimizer_options_default();
  fz_optimizer *o;
  if (s->warm_passes <= 0) return FZ_OK;
  options.seed = seed;
  fz_status st = fz_optimizer_create(fz_optimizer_find("incremental"), f, &options, start, &o, err);
  if (st != FZ_OK) return st;
  while (st == FZ_OK && fz_optimizer_passes(o) < s->warm_passes) st = fz_optimizer_step(o, err);
  memcpy(start, o->w, sizeof *start * (size_t)f->dim);
  fz_optimizer_destroy(&o);
  return st;
}
