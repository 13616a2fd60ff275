#include "io/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"

enum { TEXT_MAX = 600 };

typedef struct group {
  int64_t count, kept, room;
  fz_io_finding *finding; /* [kept] */
  bool told;
} group;

struct fz_io_findings {
  bool first_error_fails, stopped;
  int64_t count[2];
  int groups, room;
  group *group;
  int last; /* where the finding before went: the next one often goes there too */
};

fz_io_findings *fz_io_findings_create(bool first_error_fails) {
  fz_io_findings *f = fz_alloc(1, sizeof *f);
  if (f) f->first_error_fails = first_error_fails;
  return f;
}

static void clear_finding(fz_io_finding *x) {
  char *owned[] = {(char *)x->at.file, (char *)x->at.label, (char *)x->at.stack, x->text, x->advice};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) fz_free(&owned[i]);
}

void fz_io_findings_destroy(fz_io_findings **p) {
  fz_io_findings *f = *p;
  if (!f) return;
  for (int g = 0; g < f->groups; g++) {
    for (int64_t i = 0; i < f->group[g].kept; i++) clear_finding(&f->group[g].finding[i]);
    fz_free(&f->group[g].finding);
  }
  fz_free(&f->group);
  fz_free(p);
}

bool fz_io_findings_collects(const fz_io_findings *f) {
  return !f->first_error_fails;
}

static bool same(const char *a, const char *b) {
  return a == b || (a && b && strcmp(a, b) == 0);
}

static bool belongs(const fz_io_finding *x, fz_io_severity severity, const fz_io_place *at, const char *kind) {
  return x->severity == severity && same(x->kind, kind) && same(x->at.label, at->label) && same(x->at.file, at->file);
}

static group *find_group(fz_io_findings *f, fz_io_severity severity, const fz_io_place *at, const char *kind) {
  if (f->last < f->groups && belongs(f->group[f->last].finding, severity, at, kind)) return &f->group[f->last];
  for (f->last = 0; f->last < f->groups; f->last++)
    if (belongs(f->group[f->last].finding, severity, at, kind)) return &f->group[f->last];
  if (f->groups == f->room) {
    int room = f->room ? 2 * f->room : 16;
    group *grown = fz_realloc(f->group, room, sizeof *grown);
    if (!grown) return NULL;
    f->group = grown;
    f->room = room;
  }
  f->group[f->last] = (group){0};
  return &f->group[f->last];
}

static char *copy_or_null(const char *text, bool *failed) {
  char *copy = text ? fz_strdup(text) : NULL;
  if (text && !copy) *failed = true;
  return copy;
}

/* False when memory runs out. */
static bool keep(fz_io_findings *f, const fz_io_finding *x) {
  group *g = find_group(f, x->severity, &x->at, x->kind);
  if (!g) return false;
  if (g->kept == FZ_FINDINGS_KEPT) {
    g->count++;
    return true;
  }
  if (g->kept == g->room) {
    int64_t room = g->room ? 4 * g->room : 1;
    fz_io_finding *grown = fz_realloc(g->finding, (ptrdiff_t)room, sizeof *grown);
    if (!grown) return false;
    g->finding = grown;
    g->room = room;
  }
  bool failed = false;
  fz_io_finding copy = *x;
  copy.at.file = copy_or_null(x->at.file, &failed);
  copy.at.label = copy_or_null(x->at.label, &failed);
  copy.at.stack = copy_or_null(x->at.stack, &failed);
  copy.text = copy_or_null(x->text, &failed);
  copy.advice = copy_or_null(x->advice, &failed);
  if (failed) {
    clear_finding(&copy);
    if (!g->kept) fz_free(&g->finding);
    return false;
  }
  g->finding[g->kept++] = copy;
  g->count++;
  if (g == &f->group[f->groups]) f->groups++;
  return true;
}

void fz_io_finding_message(const fz_io_finding *x, char *text, int room) {
  int used = 0;
  const fz_io_place *at = &x->at;
#define ADD(...) used += used < room ? snprintf(text + used, (size_t)(room - used), __VA_ARGS__) : 0
  ADD("%s", at->file);
  if (at->line) ADD(at->rows ? ": row %lld" : ":%lld", (long long)at->line);
  ADD(": ");
  if (at->label) ADD("%s: ", at->label);
  if (at->image && at->stack) ADD("image %lld of %s: ", (long long)at->image, at->stack);
  if (at->image && !at->stack) ADD("image %lld: ", (long long)at->image);
  ADD("%s", x->text);
  if (x->advice && *x->advice) ADD("; %s", x->advice);
#undef ADD
}

static fz_status add(fz_io_findings *f, const fz_io_finding *x, bool stop, fz_error *err) {
  f->count[x->severity]++;
  if (x->severity == FZ_FINDING_WARNING || !f->first_error_fails)
    if (!keep(f, x)) return fz_fail(err, FZ_ENOMEM, "no memory to note what is wrong with %s", x->at.file);
  if (x->severity == FZ_FINDING_WARNING || (!stop && !f->first_error_fails)) return FZ_OK;
  char message[sizeof err->text];
  fz_io_finding_message(x, message, (int)sizeof message);
  f->stopped = true;
  return fz_fail(err, FZ_EINPUT, "%s", message);
}

fz_status fz_io_findings_add(fz_io_findings *f, fz_io_severity severity, const fz_io_place *at, const char *kind,
                             const char *advice, fz_error *err, const char *format, ...) {
  char text[TEXT_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  fz_io_finding x = {.severity = severity, .at = *at, .kind = kind, .text = text, .advice = (char *)advice};
  return add(f, &x, false, err);
}

fz_status fz_io_findings_stop(fz_io_findings *f, const fz_io_place *at, const char *kind, const char *advice,
                              fz_error *err, const char *format, ...) {
  char text[TEXT_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  fz_io_finding x = {.severity = FZ_FINDING_ERROR, .at = *at, .kind = kind, .text = text, .advice = (char *)advice};
  return add(f, &x, true, err);
}

fz_status fz_io_findings_settle(fz_io_findings *f, const char *file, fz_status st, fz_error *err) {
  bool told = f->stopped;
  f->stopped = false;
  if (st == FZ_OK || f->first_error_fails || (st != FZ_EINPUT && st != FZ_EIO)) return st;
  if (told) return FZ_OK;
  /* A reader of another kind of file says where in its text. */
  char text[sizeof err->text];
  size_t n = strlen(file);
  snprintf(text, sizeof text, "%s", err->text);
  bool named = strncmp(text, file, n) == 0 && text[n] == ':';
  long long line = 0;
  int digits = 0;
  const char *rest = named ? text + n + 1 : text;
  if (named && sscanf(rest, "%lld%n", &line, &digits) == 1 && line > 0 && rest[digits] == ':')
    rest += digits + 1;
  else
    line = 0;
  rest += strspn(rest, " ");
  const fz_io_place at = {.file = file, .line = line};
  return fz_io_findings_add(f, FZ_FINDING_ERROR, &at, "unreadable", "", err, "%s", rest);
}

int64_t fz_io_findings_count(const fz_io_findings *f, fz_io_severity severity) {
  return f->count[severity];
}
int fz_io_findings_groups(const fz_io_findings *f) {
  return f->groups;
}
fz_io_finding_group fz_io_findings_group(const fz_io_findings *f, int g) {
  return (fz_io_finding_group){f->group[g].finding, f->group[g].count, f->group[g].kept};
}
const fz_io_finding *fz_io_findings_at(const fz_io_findings *f, int g, int64_t i) {
  return &f->group[g].finding[i];
}

void fz_io_findings_log_warnings(fz_io_findings *f) {
  char message[2 * TEXT_MAX];
  for (int g = 0; g < f->groups; g++) {
    group *x = &f->group[g];
    if (x->finding->severity != FZ_FINDING_WARNING || x->told) continue;
    x->told = true;
    fz_io_finding_message(x->finding, message, (int)sizeof message);
    if (x->count > 1)
      fz_log(FZ_LOG_WARN, "%s (and %lld more like it)", message, (long long)x->count - 1);
    else
      fz_log(FZ_LOG_WARN, "%s", message);
  }
}
