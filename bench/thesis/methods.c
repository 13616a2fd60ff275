#include "thesis/methods.h"

#include <string.h>

/* One method.  Settings count from fz_optimizer_options_default; the thesis' algorithms run without our safeguards and
 * without the preconditioner, with the step that is given. */
typedef struct row {
  const char *key, *label, *kind;
  const char *paper[2];                                            /* epochs to convergence, tables 4.1 to 4.3 */
  void (*set)(fz_optimizer_options *o, fz_thesis_problem problem); /* NULL: as they are */
} row;

/* Gradient methods of the thesis: a constant step along the bare gradient. */
static void bare(fz_optimizer_options *o, double eta) {
  o->step_rule = FZ_STEP_GIVEN;
  o->step = eta;
  o->precondition = false;
  o->safeguards = 0;
}

/* MRA: just below 2/L, no curvature of F being above 1/sigma^2 = 25; with 0.1 it goes up and down for ever.
 * Cryo-EM: with 1 it descends, with 2 it is off within three steps. */
static void gd(fz_optimizer_options *o, fz_thesis_problem problem) {
  bare(o, problem == FZ_THESIS_MRA ? 0.075 : 1);
}

/* b = 100, m = 30: as many images between snapshots as there are (3000; cryo-EM 3600, m = 36). The mean of the
 * iterates damps steps above 2/L.  Cryo-EM: 0.1 and 1 are slower. */
static void svrg(fz_optimizer_options *o, fz_thesis_problem problem) {
  bare(o, problem == FZ_THESIS_MRA ? 0.1 : 0.3);
  o->batch_images = 100;
  o->inner_passes = 1;
}

/* SVRG with the Hessian of 300 observations; its 32 columns (cryo-EM 40) cost 3 passes an epoch.  Of r = 5, 10, 15 and
 * eta = 0.03, 0.1, 0.3 these do best for MRA; with 15 larger steps than 0.03 diverge. */
static void svrg_i(fz_optimizer_options *o, fz_thesis_problem problem) {
  svrg(o, problem);
  o->step = 0.3;
  o->hessian_images = 300;
  o->eigenpairs = 10;
}

/* b = 300, m = 10, and all pairs since the start, as the recursion (4.10) has it: 0.1 m is one Newton step an epoch. */
static void svrg_ii(fz_optimizer_options *o, fz_thesis_problem problem) {
  (void)problem;
  bare(o, 0.1);
  o->batch_images = 300;
  o->inner_passes = 1;
  o->memory = 1000;
}

/* Without safeguards some seeds in ten diverge. */
static void svrg_ii_safe(fz_optimizer_options *o, fz_thesis_problem problem) {
  svrg_ii(o, problem);
  o->safeguards = FZ_SAFE_ALL;
}

/* The memory of limited-memory matrices. */
static void svrg_ii_10(fz_optimizer_options *o, fz_thesis_problem problem) {
  svrg_ii(o, problem);
  o->memory = 10;
}

/* Whole EM steps: b = 100, m = 30, eta = 1. */
static void sem_vr(fz_optimizer_options *o, fz_thesis_problem problem) {
  (void)problem;
  bare(o, 1);
  o->batch_images = 100;
  o->inner_passes = 1;
}

/* Algorithm 5 with the pairs of w - Psi(w) and H_0 = 1; no safeguards. */
static void sem_vr_qn(fz_optimizer_options *o, fz_thesis_problem problem) {
  sem_vr(o, problem);
  o->step = 0.1;
  o->batch_images = 300;
  o->memory = 1000;
}

/* The same in the metric of EM's own curvature, with safeguards.  b = 50 to 300 and eta = 0.1 to 0.3 take 120 to 340
 * passes in the mean; with 300 and 0.2 or more one seed in five diverges. */
static void sem_vr_qn_ours(fz_optimizer_options *o, fz_thesis_problem problem) {
  sem_vr_qn(o, problem);
  o->step = 0.2;
  o->batch_images = 50;
  o->precondition = true;
  o->safeguards = FZ_SAFE_ALL;
}

/* The statistics form; 3 to 5 iterates are better than 10 or 20. */
static void sem_vr_anderson(fz_optimizer_options *o, fz_thesis_problem problem) {
  sem_vr(o, problem);
  o->memory = 3;
  o->safeguards = FZ_SAFE_ALL;
}

/* EM's own curvature as H_0 and pairs of whole passes: a quasi-Newton EM, which needs no batches at this size. */
static void qn_em(fz_optimizer_options *o, fz_thesis_problem problem) {
  o->batch_images = problem == FZ_THESIS_MRA ? 3000 : 3600;
  o->step_rule = FZ_STEP_GIVEN;
  o->step = 0.5;
  o->memory = 40;
}

static void em_anderson(fz_optimizer_options *o, fz_thesis_problem problem) {
  (void)problem;
  o->memory = 8;
}

static void incremental(fz_optimizer_options *o, fz_thesis_problem problem) {
  (void)problem;
  o->batch_images = 100;
}

static const row table[] = {
    {"gd", "GD", "gd", {"14000+", "2000+"}, gd},
    {"svrg", "SVRG", "svrg", {"14000+", "1139"}, svrg},
    {"svrg-i", "SVRG+I", "svrg-i", {"14000+", NULL}, svrg_i},
    {"svrg-ii", "SVRG+II", "svrg-ii", {"821", "790"}, svrg_ii},
    {"svrg-ii-safe", "SVRG+II (safeguards)", "svrg-ii", {NULL, NULL}, svrg_ii_safe},
    {"svrg-ii-10", "SVRG+II (10 pairs)", "svrg-ii", {NULL, NULL}, svrg_ii_10},
    {"em", "EM", "em", {"3078", NULL}, NULL},
    {"sem-vr", "sEM-vr", "sem-vr-parameters", {"392", NULL}, sem_vr},
    {"sem-vr-qn", "sEM-vr+QN", "sem-vr-qn", {"188", NULL}, sem_vr_qn},
    {"sem-vr-qn-ours", "sEM-vr+QN (safeguards)", "sem-vr-qn", {NULL, NULL}, sem_vr_qn_ours},
    {"sem-vr-stat", "sEM-vr (statistics)", "sem-vr", {NULL, NULL}, sem_vr},
    {"sem-vr-anderson", "sEM-vr+Anderson", "sem-vr-anderson", {NULL, NULL}, sem_vr_anderson},
    {"qn-em", "quasi-Newton EM (SVRG+II of whole passes)", "svrg-ii", {NULL, NULL}, qn_em},
    {"em-anderson", "EM+Anderson", "em-anderson", {NULL, NULL}, em_anderson},
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
    if (r->set) r->set(&method[*n].options, problem);
    ++*n;
  }
  return *n > 0 ? FZ_OK : fz_fail(err, FZ_EINVAL, "--methods is empty");
}

void fz_thesis_print_methods(fz_thesis_problem problem, FILE *out) {
  fprintf(out, "%-16s %-24s %-14s %6s %8s %6s\n", "key", "method", "optimizer", "batch", "step", "paper");
  for (int i = 0; i < ROWS; i++) {
    fz_optimizer_options o = fz_optimizer_options_default();
    if (table[i].set) table[i].set(&o, problem);
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
