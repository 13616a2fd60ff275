/* Methods, ladder and budgets as the command line has them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "voxels/voxels.h"

int fz_voxels_last_kmax(const fz_voxels *v) {
  return v->schedule.ladder[v->schedule.n_ladder - 1].kmax;
}

/* 3,4,5,6,8x2: shells, with the weight that each has in a budget. */
static fz_status plan_ladder(fz_voxels *v, fz_error *err) {
  const char *text = v->settings->ladder;
  long least = 3;
  for (const char *at = text; *at;) {
    char *end;
    double weight = 1;
    long kmax = strtol(at, &end, 10);
    bool valid = end != at && kmax >= least && kmax <= 1024 && v->schedule.n_ladder < FZ_SCHEDULE_MAX;
    if (*end == 'x') {
      at = end + 1;
      weight = strtod(at, &end);
      valid = valid && end != at && weight > 0 && isfinite(weight);
    }
    if (!valid || (*end && (*end != ',' || !end[1])))
      return fz_fail(err, FZ_EINVAL, "--ladder %s: want rising shells from 3 on such as 3,4,6,8x2", text);
    v->schedule.ladder[v->schedule.n_ladder++] = (fz_schedule_step){(int)kmax, weight, v->settings->batch};
    least = kmax;
    at = *end ? end + 1 : end;
  }
  return v->schedule.n_ladder ? FZ_OK : fz_fail(err, FZ_EINVAL, "--ladder is empty");
}

static fz_status plan_budgets(fz_voxels *v, fz_error *err) {
  const char *text = v->settings->passes;
  for (const char *at = text;;) {
    char *end;
    double passes = strtod(at, &end), least = v->n_budgets ? v->budget[v->n_budgets - 1] : 0;
    if (end == at || (*end && *end != ',') || !(passes > least && passes <= 1000) ||
        v->n_budgets == FZ_VOXELS_BUDGETS_MOST)
      return fz_fail(err, FZ_EINVAL, "--passes %s: want at most %d rising numbers such as 1,5", text,
                     FZ_VOXELS_BUDGETS_MOST);
    v->budget[v->n_budgets++] = passes;
    if (!*end) return FZ_OK;
    at = end + 1;
  }
}

/* Take "/modal" or "/straight" off the end of `text`. */
static bool take_suffix(char *text, const char *suffix) {
  size_t n = strlen(text), k = strlen(suffix);
  if (n < k || strcmp(text + n - k, suffix) != 0) return false;
  text[n - k] = '\0';
  return true;
}

static fz_status plan_method(const char *item, fz_voxels_method *method, fz_error *err) {
  char text[200];
  size_t label = strcspn(item, "=:/");
  const char *spec = item[label] == '=' ? item + label + 1 : item;
  if (strlen(item) >= sizeof text) return fz_fail(err, FZ_EINVAL, "--method %s is too long", item);
  snprintf(text, sizeof text, "%s", spec);
  snprintf(method->label, sizeof method->label, "%.*s", spec == item ? (int)strlen(item) : (int)label, item);
  for (bool more = true; more;) {
    bool modal = take_suffix(text, "/modal"), straight = take_suffix(text, "/straight");
    method->modal = method->modal || modal;
    method->straight = method->straight || straight;
    more = modal || straight;
  }
  method->optimizer.options = fz_optimizer_options_default();
  method->optimizer.options.batch_images = 0; /* that of the ladder */
  return fz_optimizer_spec_parse(text, &method->optimizer, err);
}

static fz_status plan_methods(fz_voxels *v, fz_error *err) {
  const fz_option_list *list = &v->settings->methods;
  int n = list->n;
  while (!list->n && fz_optimizer_at(n)) n++;
  v->method = fz_alloc(n, sizeof *v->method);
  if (!v->method) return fz_fail(err, FZ_ENOMEM, "no memory for %d methods", n);
  v->n_methods = n;
  for (int i = 0; i < n; i++) {
    fz_status st = plan_method(list->n ? list->item[i] : fz_optimizer_at(i)->name, &v->method[i], err);
    if (st != FZ_OK) return st;
    for (int k = 0; k < i; k++)
      if (!strcmp(v->method[k].label, v->method[i].label))
        return fz_fail(err, FZ_EINVAL, "--method: two are called %s; give one a name, NAME=METHOD", v->method[i].label);
  }
  return FZ_OK;
}

fz_status fz_voxels_plan(fz_voxels *v, fz_error *err) {
  fz_status st = plan_ladder(v, err);
  if (st == FZ_OK) st = plan_budgets(v, err);
  return st == FZ_OK ? plan_methods(v, err) : st;
}

fz_status fz_voxels_check_plan(fz_voxels *v, fz_error *err) {
  int most = v->set.data.box / 2 - 2;
  v->schedule.kmax_limit = most;
  if (fz_voxels_last_kmax(v) <= most) return FZ_OK;
  return fz_fail(err, FZ_EINVAL, "--ladder %s: images of %d px allow shells up to %d", v->settings->ladder,
                 v->set.data.box, most);
}
