/* What the climbs came to, as text and maps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/file.h"
#include "io/mrc.h"
#include "voxels/voxels.h"

fz_status fz_voxels_path(const fz_voxels *v, char *path, size_t size, const char *name, fz_error *err) {
  int n = snprintf(path, size, "%s/%s", v->settings->output, name);
  return n >= 0 && (size_t)n < size ? FZ_OK : fz_fail(err, FZ_EINVAL, "--output %s is too long", v->settings->output);
}

static const fz_voxels_point *last_point(const fz_voxels_climb *c) {
  return c->n ? &c->point[c->n - 1] : NULL;
}

static void print_curves(const fz_voxels *v, FILE *out) {
  fprintf(out, "method,budget,passes,kmax,nll,f,fsc05_shell,fsc05_A,cpu_seconds\n");
  for (int i = 0; i < v->n_methods; i++)
    for (int b = 0; b < v->n_budgets; b++)
      for (int p = 0; p < v->method[i].climb[b].n; p++) {
        const fz_voxels_point *at = &v->method[i].climb[b].point[p];
        fprintf(out, "\"%s\",%g,%.4f,%d,%.6f,%.6f,%.3f,%.2f,%.1f\n", v->method[i].label, v->budget[b], at->passes,
                at->kmax, at->nll, at->f, at->shell, at->resolution_A, at->cpu_seconds);
      }
}

static void print_rows(const fz_voxels *v, FILE *out) {
  fprintf(out, "method,budget,passes,kmax,nll,f,fsc05_shell,fsc05_A,cpu_seconds,note\n");
  for (int i = 0; i < v->n_methods; i++)
    for (int b = 0; b < v->n_budgets; b++) {
      const fz_voxels_climb *c = &v->method[i].climb[b];
      const fz_voxels_point *at = last_point(c);
      if (at && !c->failed)
        fprintf(out, "\"%s\",%g,%.4f,%d,%.6f,%.6f,%.3f,%.2f,%.1f,\n", v->method[i].label, v->budget[b], at->passes,
                at->kmax, at->nll, at->f, at->shell, at->resolution_A, at->cpu_seconds);
      else if (c->failed)
        fprintf(out, "\"%s\",%g,,,,,,,,\"%s\"\n", v->method[i].label, v->budget[b], c->note);
    }
}

static void print_cells(const fz_voxels_climb *c, FILE *out) {
  const fz_voxels_point *at = last_point(c);
  if (c->failed)
    fprintf(out, " diverged | | | |");
  else if (at)
    fprintf(out, " %.2f | %d | %.3f | %.1f |", at->passes, at->kmax, at->nll, at->resolution_A);
  else
    fprintf(out, " | | | |");
}

static void print_markdown(const fz_voxels *v, FILE *out) {
  fprintf(out, "| method |");
  for (int b = 0; b < v->n_budgets; b++)
    fprintf(out, " budget %g: passes | shell | -log L (nats/image) | FSC 0.5 (A) |", v->budget[b]);
  fprintf(out, "\n|---|");
  for (int b = 0; b < v->n_budgets; b++) fprintf(out, "---|---|---|---|");
  for (int i = 0; i < v->n_methods; i++) {
    fprintf(out, "\n| %s |", v->method[i].label);
    for (int b = 0; b < v->n_budgets; b++) print_cells(&v->method[i].climb[b], out);
  }
  fprintf(out, "\n");
}

static fz_status write_text(const fz_voxels *v, const char *name, void (*print)(const fz_voxels *, FILE *),
                            fz_error *err) {
  char path[1024], *text = NULL;
  size_t n = 0;
  FILE *stream = open_memstream(&text, &n);
  if (!stream) return fz_fail(err, FZ_ENOMEM, "no memory for %s", name);
  print(v, stream);
  fz_status st = fclose(stream) == 0 ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for %s", name);
  if (st == FZ_OK) st = fz_voxels_path(v, path, sizeof path, name, err);
  if (st == FZ_OK) st = fz_io_file_write(path, text, (int64_t)n, err);
  free(text);
  return st;
}

fz_status fz_voxels_write_tables(const fz_voxels *v, fz_error *err) {
  fz_status st = write_text(v, "curves.csv", print_curves, err);
  if (st == FZ_OK) st = write_text(v, "table.csv", print_rows, err);
  return st == FZ_OK ? write_text(v, "table.md", print_markdown, err) : st;
}

fz_status fz_voxels_write_map(const fz_voxels *v, const fz_voxels_method *method, int budget, fz_error *err) {
  char name[120], path[1024], label[81];
  const fz_voxels_climb *climb = &method->climb[budget];
  if (!climb->map.voxel) return FZ_OK;
  snprintf(name, sizeof name, "maps/%s_%gpasses.mrc", method->label, v->budget[budget]);
  for (char *c = name + strlen("maps/"); *c; c++)
    if (*c == '/' || *c == ' ' || *c == ':') *c = '-';
  snprintf(label, sizeof label, "%.40s, %g passes, aligned", method->label, v->budget[budget]);
  fz_status st = fz_voxels_path(v, path, sizeof path, name, err);
  return st == FZ_OK ? fz_io_map_write(path, &climb->map, label, err) : st;
}
