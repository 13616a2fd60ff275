/* What the climbs came to, as pictures. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/plot.h"
#include "io/plot_curves.h"
#include "voxels/judge.h"

typedef struct numbers {
  fz_io_series *nll, *shell; /* [n_methods] */
  double *x, *y;             /* [points] of all series: passes; values */
  ptrdiff_t used;
} numbers;

static fz_status make_numbers(const fz_voxels *v, ptrdiff_t points, numbers *n, fz_error *err) {
  *n = (numbers){.nll = fz_alloc(v->n_methods, sizeof *n->nll),
                 .shell = fz_alloc(v->n_methods, sizeof *n->shell),
                 .x = fz_alloc(2 * points, sizeof *n->x),
                 .y = fz_alloc(2 * points, sizeof *n->y)};
  return n->nll && n->shell && n->x && n->y ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for a figure");
}

static void free_numbers(numbers *n) {
  fz_free(&n->nll);
  fz_free(&n->shell);
  fz_free(&n->x);
  fz_free(&n->y);
}

static void add(numbers *n, const char *name, const fz_voxels_point *const *point, int count, int method) {
  double *x[2], *y[2];
  for (int panel = 0; panel < 2; panel++) {
    x[panel] = n->x + n->used;
    y[panel] = n->y + n->used;
    n->used += count;
    for (int i = 0; i < count; i++) {
      x[panel][i] = point[i]->passes;
      y[panel][i] = panel ? point[i]->shell : point[i]->nll;
    }
  }
  n->nll[method] = (fz_io_series){.name = name, .n = count, .x = x[0], .y = y[0], .drawing = FZ_IO_LINE};
  n->shell[method] = (fz_io_series){.name = name, .n = count, .x = x[1], .y = y[1], .drawing = FZ_IO_LINE};
}

static fz_status plot(const fz_voxels *v, const char *file, const char *title, const numbers *n, fz_error *err) {
  char path[1024], limit[80], box[80];
  snprintf(limit, sizeof limit, "-log likelihood per image at shell %d (nats; noise: 0)", fz_voxels_last_kmax(v));
  snprintf(box, sizeof box, "shell of FSC 0.5 with the truth (of %.0f A)", v->set.data.box * v->set.data.pixel_A);
  fz_io_panel panel[2] = {
      {.title = "Likelihood", .x.title = "passes", .y.title = limit, .series = n->nll, .n_series = v->n_methods},
      {.title = "Agreement with the truth",
       .x.title = "passes",
       .y.title = box,
       .series = n->shell,
       .n_series = v->n_methods}};
  fz_status st = fz_voxels_path(v, path, sizeof path, file, err);
  return st == FZ_OK ? fz_io_plot_panels(path, title, panel, 2, err) : st;
}

/* Along the climbs of the largest budget. */
static fz_status draw_curves(const fz_voxels *v, fz_error *err) {
  numbers n;
  const fz_voxels_point *point[FZ_VOXELS_POINTS_MOST];
  fz_status st = make_numbers(v, (ptrdiff_t)v->n_methods * FZ_VOXELS_POINTS_MOST, &n, err);
  for (int i = 0; st == FZ_OK && i < v->n_methods; i++) {
    const fz_voxels_climb *c = &v->method[i].climb[v->n_budgets - 1];
    for (int p = 0; p < c->n; p++) point[p] = &c->point[p];
    add(&n, v->method[i].label, point, c->n, i);
  }
  if (st == FZ_OK) st = plot(v, "curves.png", "Along the climb", &n, err);
  free_numbers(&n);
  return st;
}

/* The ends of climbs of different budgets. */
static fz_status draw_budgets(const fz_voxels *v, fz_error *err) {
  numbers n;
  const fz_voxels_point *point[FZ_VOXELS_BUDGETS_MOST];
  fz_status st = make_numbers(v, (ptrdiff_t)v->n_methods * FZ_VOXELS_BUDGETS_MOST, &n, err);
  for (int i = 0; st == FZ_OK && i < v->n_methods; i++) {
    int count = 0;
    for (int b = 0; b < v->n_budgets; b++) {
      const fz_voxels_climb *c = &v->method[i].climb[b];
      if (c->n && !c->failed) point[count++] = &c->point[c->n - 1];
    }
    add(&n, v->method[i].label, point, count, i);
  }
  if (st == FZ_OK) st = plot(v, "budgets.png", "Ends of climbs of so many passes", &n, err);
  free_numbers(&n);
  return st;
}

/* Methods below each other, budgets side by side, the truth on top. */
typedef struct sheet {
  fz_map truth[2];
  const char **row, **column, **note;
  const fz_map **map;
  char (*text)[48]; /* [rows][columns] notes, then columns */
} sheet;

static void fill_sheet(const fz_voxels *v, sheet *s) {
  int columns = v->n_budgets;
  char(*column)[48] = s->text + (ptrdiff_t)(v->n_methods + 1) * columns;
  s->row[0] = "truth";
  s->map[0] = &s->truth[0];
  s->note[0] = "whole band";
  if (columns > 1) {
    snprintf(s->text[1], sizeof s->text[1], "to shell %d", fz_voxels_last_kmax(v));
    s->map[1] = &s->truth[1];
    s->note[1] = s->text[1];
  }
  for (int b = 0; b < columns; b++) {
    snprintf(column[b], sizeof column[b], "%g pass%s", v->budget[b], v->budget[b] == 1 ? "" : "es");
    s->column[b] = column[b];
  }
  for (int i = 0; i < v->n_methods; i++)
    for (int b = 0; b < columns; b++) {
      const fz_voxels_climb *c = &v->method[i].climb[b];
      int at = (i + 1) * columns + b;
      s->row[i + 1] = v->method[i].label;
      s->map[at] = c->map.voxel ? &c->map : NULL;
      s->note[at] = s->text[at];
      if (c->failed)
        snprintf(s->text[at], sizeof s->text[at], "diverged");
      else if (c->n)
        snprintf(s->text[at], sizeof s->text[at], "FSC 0.5: %.1f A, %.2f passes", c->point[c->n - 1].resolution_A,
                 c->point[c->n - 1].passes);
    }
}

static fz_status draw_maps(const fz_voxels *v, fz_error *err) {
  char path[1024];
  int rows = v->n_methods + 1, cells = rows * v->n_budgets;
  sheet s = {.row = fz_alloc(rows, sizeof *s.row),
             .column = fz_alloc(v->n_budgets, sizeof *s.column),
             .note = fz_alloc(cells, sizeof *s.note),
             .map = fz_alloc(cells, sizeof *s.map),
             .text = fz_alloc(cells + v->n_budgets, sizeof *s.text)};
  fz_status st = FZ_OK;
  if (!s.row || !s.column || !s.note || !s.map || !s.text) st = fz_fail(err, FZ_ENOMEM, "no memory for a figure");
  for (int i = 0; st == FZ_OK && i < 2; i++) st = fz_voxels_judge_truth(v->judge, i == 1, &s.truth[i], err);
  if (st == FZ_OK) fill_sheet(v, &s);
  if (st == FZ_OK) st = fz_voxels_path(v, path, sizeof path, "maps.png", err);
  fz_io_montage montage = {
      .n_rows = rows, .n_columns = v->n_budgets, .row = s.row, .column = s.column, .map = s.map, .note = s.note};
  if (st == FZ_OK) st = fz_io_plot_montage(path, "From one random start", &montage, err);
  fz_map_clear(&s.truth[0]);
  fz_map_clear(&s.truth[1]);
  fz_free(&s.row);
  fz_free(&s.column);
  fz_free(&s.note);
  fz_free(&s.map);
  fz_free(&s.text);
  return st;
}

fz_status fz_voxels_draw(const fz_voxels *v, fz_error *err) {
  fz_status st = draw_curves(v, err);
  if (st == FZ_OK && v->n_budgets > 1) st = draw_budgets(v, err);
  return st == FZ_OK ? draw_maps(v, err) : st;
}
