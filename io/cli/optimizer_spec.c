#include "io/cli/optimizer_spec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/cli/options.h"

typedef fz_status (*reader)(const char *value, fz_optimizer_options *o, fz_error *err);

static fz_status bad(const char *name, const char *value, const char *allowed, fz_error *err) {
  return fz_fail(err, FZ_EINVAL, "%s=%s: it must be %s", name, value, allowed);
}

static bool number(const char *text, double *value) {
  char *end;
  *value = strtod(text, &end);
  return end != text && !*end && isfinite(*value);
}

static bool whole(const char *text, double most, double *value) {
  return number(text, value) && *value == floor(*value) && fabs(*value) <= most;
}

static fz_status read_batch(const char *value, fz_optimizer_options *o, fz_error *err) {
  double x;
  if (!whole(value, 1e15, &x) || x < 1) return bad("batch", value, "a number of images, at least 1", err);
  o->batch_images = (int64_t)x;
  return FZ_OK;
}

static fz_status read_step(const char *value, fz_optimizer_options *o, fz_error *err) {
  double x;
  if (!strcmp(value, "auto") || !strcmp(value, "search")) {
    o->step_rule = *value == 'a' ? FZ_STEP_AUTO : FZ_STEP_SEARCH;
    return FZ_OK;
  }
  if (!number(value, &x) || x <= 0) return bad("step", value, "auto, search or a number above 0", err);
  o->step_rule = FZ_STEP_GIVEN;
  o->step = x;
  return FZ_OK;
}

static fz_status read_precondition(const char *value, fz_optimizer_options *o, fz_error *err) {
  if (strcmp(value, "curvature") && strcmp(value, "none")) return bad("precondition", value, "curvature or none", err);
  o->precondition = *value == 'c';
  return FZ_OK;
}

static fz_status read_inner(const char *value, fz_optimizer_options *o, fz_error *err) {
  if (number(value, &o->inner_passes) && o->inner_passes > 0) return FZ_OK;
  return bad("inner-passes", value, "a number above 0", err);
}

static fz_status read_momentum(const char *value, fz_optimizer_options *o, fz_error *err) {
  if (number(value, &o->momentum) && o->momentum >= 0 && o->momentum < 1) return FZ_OK;
  return bad("momentum", value, "at least 0 and below 1", err);
}

static fz_status read_damping(const char *value, fz_optimizer_options *o, fz_error *err) {
  if (number(value, &o->damping) && o->damping >= 0) return FZ_OK;
  return bad("damping", value, "at least 0", err);
}

static fz_status read_rate_power(const char *value, fz_optimizer_options *o, fz_error *err) {
  if (number(value, &o->rate_power) && o->rate_power >= 0 && o->rate_power <= 1) return FZ_OK;
  return bad("rate-power", value, "0 to 1", err);
}

static fz_status read_memory(const char *value, fz_optimizer_options *o, fz_error *err) {
  double x;
  if (!whole(value, 10000, &x) || x < 1) return bad("memory", value, "a whole number from 1 to 10000", err);
  o->memory = (int)x;
  return FZ_OK;
}

static fz_status read_eigenpairs(const char *value, fz_optimizer_options *o, fz_error *err) {
  double x;
  if (!whole(value, 100000, &x) || x < 1) return bad("eigenpairs", value, "a whole number from 1 to 100000", err);
  o->eigenpairs = (int)x;
  return FZ_OK;
}

static fz_status read_hessian_images(const char *value, fz_optimizer_options *o, fz_error *err) {
  double x;
  if (!whole(value, 1e15, &x) || x < 1) return bad("hessian-images", value, "a number of images, at least 1", err);
  o->hessian_images = (int64_t)x;
  return FZ_OK;
}

static fz_status read_safeguards(const char *value, fz_optimizer_options *o, fz_error *err) {
  static const struct {
    const char *name;
    unsigned mask;
  } known[] = {{"all", FZ_SAFE_ALL}, {"none", 0}, {"snapshots", FZ_SAFE_SNAPSHOTS}, {"pairs", FZ_SAFE_PAIRS}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (!strcmp(value, known[i].name)) {
      o->safeguards = known[i].mask;
      return FZ_OK;
    }
  return bad("safeguards", value, "all, none, snapshots or pairs", err);
}

static const struct {
  const char *name;
  unsigned takes; /* any of these */
  reader read;
} options[] = {
    {"batch", FZ_TAKES_BATCH, read_batch},
    {"step", FZ_TAKES_STEP, read_step},
    {"precondition", FZ_TAKES_PRECONDITION, read_precondition},
    {"inner-passes", FZ_TAKES_INNER_PASSES, read_inner},
    {"momentum", FZ_TAKES_MOMENTUM, read_momentum},
    {"memory", FZ_TAKES_MEMORY, read_memory},
    {"eigenpairs", FZ_TAKES_EIGENPAIRS, read_eigenpairs},
    {"hessian-images", FZ_TAKES_HESSIAN_IMAGES, read_hessian_images},
    {"damping", FZ_TAKES_DAMPING, read_damping},
    {"rate-power", FZ_TAKES_RATE_POWER, read_rate_power},
    {"safeguards", FZ_TAKES_SAFE_SNAPSHOTS | FZ_TAKES_SAFE_PAIRS, read_safeguards},
};
enum { OPTIONS = sizeof options / sizeof options[0], TEXT_MAX = 400, KINDS_MAX = 64 };

/* The options of a kind, "a, b, c". */
static void options_of(const fz_optimizer_kind *kind, char *text, size_t room) {
  size_t used = 0;
  text[0] = '\0';
  for (int i = 0; i < OPTIONS; i++)
    if (kind->takes & options[i].takes && used < room)
      used += (size_t)snprintf(text + used, room - used, "%s%s", used ? ", " : "", options[i].name);
  if (!used) snprintf(text, room, "none");
}

static fz_status tell_options(const fz_optimizer_kind *kind, fz_error *err) {
  char known[TEXT_MAX];
  options_of(kind, known, sizeof known);
  return fz_fail(err, FZ_EINVAL, "%s: %s; options: %s", kind->name, kind->summary, known);
}

fz_status fz_optimizer_spec_set(fz_optimizer_spec *spec, const char *name, const char *value, fz_error *err) {
  const fz_optimizer_kind *kind = spec->kind;
  char known[TEXT_MAX];
  for (int i = 0; i < OPTIONS; i++) {
    if (strcmp(options[i].name, name) != 0 || !(kind->takes & options[i].takes)) continue;
    if (options[i].read == read_step && !strcmp(value, "search") && !(kind->takes & FZ_TAKES_SEARCH))
      return fz_fail(err, FZ_EINVAL, "%s has no line search: step=NUMBER or step=auto", kind->name);
    return options[i].read(value, &spec->options, err);
  }
  options_of(kind, known, sizeof known);
  return fz_fail(err, FZ_EINVAL, "%s has no option %s; its options: %s", kind->name, name, known);
}

static fz_status find_kind(const char *name, fz_optimizer_spec *spec, fz_error *err) {
  const char *known[KINDS_MAX];
  int n = 0;
  for (; n < KINDS_MAX && fz_optimizer_at(n); n++) known[n] = fz_optimizer_at(n)->name;
  spec->kind = fz_optimizer_find(name);
  if (spec->kind) return FZ_OK;
  const char *near = fz_nearest_word(name, known, n);
  return fz_fail(err, FZ_EINVAL, "unknown optimizer '%s'%s%s%s; there are: %s", name, near ? "; did you mean " : "",
                 near ? near : "", near ? "?" : "", fz_optimizer_spec_names());
}

fz_status fz_optimizer_spec_parse(const char *text, fz_optimizer_spec *spec, fz_error *err) {
  char copy[TEXT_MAX], *rest = copy;
  if (strlen(text) >= sizeof copy) return fz_fail(err, FZ_EINVAL, "the optimizer's description is too long: %s", text);
  strcpy(copy, text);
  fz_status st = find_kind(strsep(&rest, ":"), spec, err);
  for (char *item; st == FZ_OK && (item = strsep(&rest, ",")) != NULL;) {
    char *value = strchr(item, '=');
    if (!strcmp(item, "help")) return tell_options(spec->kind, err);
    if (!value || value == item || !value[1])
      return fz_fail(err, FZ_EINVAL, "%s: want NAME:OPTION=VALUE,OPTION=VALUE, found '%s'", text, item);
    *value++ = '\0';
    st = fz_optimizer_spec_set(spec, item, value, err);
  }
  return st;
}

const char *fz_optimizer_spec_names(void) {
  static char names[1024];
  size_t used = 0;
  for (int i = 0; !names[0] || i > 0; i++) {
    if (!fz_optimizer_at(i)) break;
    used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", fz_optimizer_at(i)->name);
    FZ_ASSERT(used < sizeof names);
  }
  return names;
}
