#include "io/cli/catalogue.h"

#include <string.h>

#include "io/cli/options.h"

enum { COMMANDS_MAX = 64 };

/* In the order of a project's life. A NULL name opens a group. */
static const struct {
  const char *name, *summary;
} pages[] = {
    {NULL, "Prepare"},
    {"simulate", "make a particle stack with known poses from a map, an atomic model or a phantom"},
    {"import", "gather STAR or .cs particles into one parallel store, checking everything"},
    {"check", "read headers, rows and a sample of images; report every problem"},
    {"plan", "memory, disk, traffic and time for a job, before it is submitted"},
    {NULL, "Reconstruct"},
    {"reconstruct", "ab initio reconstruction or refinement from particle images"},
    {"backproject", "map and half-maps from particles with known poses"},
    {"postprocess", "masked FSC, sharpening and local filtering of half-maps"},
    {NULL, "Compare"},
    {"fsc", "Fourier shell correlation of two maps"},
    {"align", "rotate, shift and, if needed, mirror one map onto another"},
    {"poses", "compare the poses of two particle files"},
    {NULL, "Look"},
    {"project", "projections of a map at given poses"},
    {"info", "say what a file is and what it holds"},
    {"report", "one self-contained page about a run"},
    {NULL, "Experiment"},
    {"mra", "multireference alignment of signals, plain or windowed"},
};
enum { PAGES = sizeof pages / sizeof pages[0] };

static const fz_catalogue_entry *find(const fz_catalogue_entry *commands, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (strcmp(commands[i].name, name) == 0) return &commands[i];
  return NULL;
}

void fz_catalogue_print(const fz_catalogue_entry *commands, int n, FILE *out) {
  const char *group = NULL;
  for (int i = 0; i < PAGES; i++) {
    if (!pages[i].name) {
      group = pages[i].summary;
    } else if (find(commands, n, pages[i].name)) {
      if (group) fprintf(out, "\n%s:\n", group);
      group = NULL;
      fprintf(out, "  %-13s %s\n", pages[i].name, pages[i].summary);
    }
  }
}

const fz_catalogue_entry *fz_catalogue_find(const fz_catalogue_entry *commands, int n, const char *name,
                                            fz_error *err) {
  const fz_catalogue_entry *found = find(commands, n, name);
  if (found) return found;
  const char *known[COMMANDS_MAX];
  FZ_ASSERT(n <= COMMANDS_MAX);
  for (int i = 0; i < n; i++) known[i] = commands[i].name;
  const char *near = fz_nearest_word(name, known, n);
  if (near)
    fz_fail(err, FZ_EINVAL, "unknown command '%s'; did you mean '%s'?", name, near);
  else
    fz_fail(err, FZ_EINVAL, "unknown command '%s'; 'frazil --help' lists the commands", name);
  return NULL;
}
