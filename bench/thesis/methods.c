#include "thesis/methods.h"

#include <string.h>

/* One method.  Settings count from fz_optimizer_options_default; the papers' algorithms run without our safeguards and
 * without the preconditioner, with the step that is given. */
typedef struct row {
  const char *key, *label, *kind;
  const char *paper[2];                 /* cost-weighted epochs to convergence: MRA, cryo-EM (tables 4.1 to 4.3) */
  void (*set)(fz_optimizer_options *o); /* NULL: as they are */
} row;

/* Gradient methods of the thesis: a constant step along the bare gradient. */
static void bare(fz_optimizer_options *o, double eta) {
  o->step_rule = FZ_STEP_GIVEN;
  o->step = eta;
  o->precondition = false;
  o->safeguards = 0;
}

/* Just below 2/L: no curvature of F is above 1/sigma^2 = 25 for MRA. With 0.1 it goes up and down for ever. */
static void gd(fz_optimizer_options *o) {
  bare(o, 0.075);
}

/* b = 100, m = 30: as many images between snapshots as there are. The mean of the iterates damps steps above 2/L. */
static void svrg(fz_optimizer_options *o) {
  bare(o, 0.1);
  o->batch_images = 100;
  o->inner_passes = 1;
}

/* sEM-vr as in Algorithm 4 takes whole EM steps: b = 100, m = 30, eta = 1. */
static void sem_vr(fz_optimizer_options *o) {
  o->step_rule = FZ_STEP_GIVEN;
  o->step = 1;
  o->batch_images = 100;
  o->inner_passes = 1;
  o->safeguards = 0;
}

/* Incremental EM with small batches, the fastest of ours at first. */
static void incremental(fz_optimizer_options *o) {
  o->batch_images = 100;
}

static const row table[] = {
    {"gd", "GD", "gd", {"14000+", "2000+"}, gd},
    {"svrg", "SVRG", "svrg", {"14000+", "1139"}, svrg},
    {"em", "EM", "em", {"3078", NULL}, NULL},
    {"sem-vr-stat", "sEM-vr (statistics)", "sem-vr", {NULL, NULL}, sem_vr},
    {"incremental", "incremental EM", "incremental", {NULL, NULL}, incremental},
};
enum { ROWS = sizeof table / sizeof table[0] };

static bool in_list(const char *list, const char *key, size_t length) {
  if (!strcmp(list, "all")) return true;
  for (const char *at = list; *at;) {
    size_t n = strcspn(at, ",");
    if (n == length && !strncmp(at, key, n)) return true;
    at += n + (at[n] == ',');
  }
  return false;
}

static fz_status check_list(const char *list, fz_error *err) {
  if (!strcmp(list, "all")) return FZ_OK;
  for (const char *at = list; *at;) {
    size_t n = strcspn(at, ",");
    bool known = false;
    for (int i = 0; i < ROWS; i++) known = known || (strlen(table[i].key) == n && !strncmp(at, table[i].key, n));
    if (known) {
      at += n + (at[n] == ',');
      continue;
    }
    char keys[512] = "";
    for (int i = 0; i < ROWS; i++) {
      strncat(keys, i ? ", " : "", sizeof keys - strlen(keys) - 1);
      strncat(keys, table[i].key, sizeof keys - strlen(keys) - 1);
    }
    return fz_fail(err, FZ_EINVAL, "--methods: there is no \"%.*s\"; there are %s", (int)n, at, keys);
  }
  return FZ_OK;
}

fz_status fz_thesis_methods(fz_thesis_problem problem, const char *list, fz_experiment_method *method, int *n,
                            fz_error *err) {
  *n = 0;
  fz_status st = check_list(list, err);
  if (st != FZ_OK) return st;
  for (int i = 0; i < ROWS; i++) {
    const row *r = &table[i];
    if (!in_list(list, r->key, strlen(r->key))) continue;
    method[*n] = (fz_experiment_method){
        .label = r->label, .kind = r->kind, .options = fz_optimizer_options_default(), .paper = r->paper[problem]};
    if (r->set) r->set(&method[*n].options);
    ++*n;
  }
  return *n > 0 ? FZ_OK : fz_fail(err, FZ_EINVAL, "--methods is empty");
}

void fz_thesis_print_methods(fz_thesis_problem problem, FILE *out) {
  fprintf(out, "%-16s %-24s %-14s %6s %8s %6s\n", "key", "method", "optimizer", "batch", "step", "paper");
  for (int i = 0; i < ROWS; i++) {
    fz_optimizer_options o = fz_optimizer_options_default();
    if (table[i].set) table[i].set(&o);
    const unsigned takes = fz_optimizer_find(table[i].kind)->takes;
    fprintf(out, "%-16s %-24s %-14s ", table[i].key, table[i].label, table[i].kind);
    if (takes & FZ_TAKES_BATCH)
      fprintf(out, "%6lld ", (long long)o.batch_images);
    else
      fprintf(out, "%6s ", "");
    if ((takes & FZ_TAKES_STEP) && o.step_rule == FZ_STEP_GIVEN)
      fprintf(out, "%8g ", o.step);
    else
      fprintf(out, "%8s ", "");
    fprintf(out, "%6s\n", table[i].paper[problem] ? table[i].paper[problem] : "");
  }
}
