#include "io/plot_curves.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/plot_style.h"

enum { SIZE = 13, TITLE_SIZE = 17, PANELS = 3 };             /* heights of capitals; most panels */
enum { HEAD = 72, CAPTION = 34, FOOT = 92, EDGE = 28 };      /* white above and below the frames, and around */
enum { ENTRY = 28, SAMPLE = 52, BETWEEN = 30, INDENT = 66 }; /* legend; between panels; left of a frame */
enum { WIDE = 820, NARROW = 590, HIGH = 560 };               /* frame of a single panel; of one among others */
static const double thick = 2.2, radius = 5.2, apart = 64;   /* line, marker, pixels between markers */
static const fz_io_color black = {30, 30, 30}, grey = {120, 120, 120}, pale = {226, 226, 226}, faint = {241, 241, 241};

typedef struct names {
  const char *name[FZ_IO_STYLES];
  int n;
  double width; /* of the longest */
} names;

typedef struct frame {
  const fz_io_panel *panel;
  fz_io_ruler x, y;
  int left, top, right, bottom;
  int indent; /* room for the labels on its left */
} frame;

static int find_name(const names *l, const char *name) {
  for (int i = 0; i < l->n; i++)
    if (!strcmp(l->name[i], name)) return i;
  return -1;
}

static fz_status gather_names(names *l, const fz_io_panel *panel, int n_panels, fz_error *err) {
  for (int p = 0; p < n_panels; p++)
    for (int i = 0; i < panel[p].n_series; i++) {
      const char *name = panel[p].series[i].name;
      if (find_name(l, name) >= 0) continue;
      if (l->n == FZ_IO_STYLES) return fz_fail(err, FZ_EINVAL, "a plot tells at most %d names apart", FZ_IO_STYLES);
      l->name[l->n++] = name;
      l->width = fmax(l->width, fz_io_canvas_text_width(SIZE, name));
    }
  return FZ_OK;
}

static double half_step(const fz_io_series *s) {
  return s->n > 1 ? fabs(s->x[s->n - 1] - s->x[0]) / (double)(s->n - 1) / 2 : 0.5;
}

static void settle_range(frame *f) {
  fz_io_axis *axis[2] = {&f->x.axis, &f->y.axis};
  double least[2] = {INFINITY, INFINITY}, most[2] = {-INFINITY, -INFINITY};
  const double zero = 0;
  f->x.axis = f->panel->x;
  f->y.axis = f->panel->y;
  for (int i = 0; i < f->panel->n_series; i++) {
    const fz_io_series *s = &f->panel->series[i];
    const double *value[2] = {s->x, s->y};
    for (int k = 0; k < 2; k++) fz_io_axis_add(axis[k], value[k], s->n, &least[k], &most[k]);
    if (s->drawing == FZ_IO_LINE || s->n == 0) continue;
    fz_io_axis_add(axis[1], &zero, 1, &least[1], &most[1]);
    const double ends[2] = {s->x[0] - half_step(s), s->x[s->n - 1] + half_step(s)};
    fz_io_axis_add(axis[0], ends, 2, &least[0], &most[0]);
  }
  for (int k = 0; k < 2; k++) fz_io_axis_settle(axis[k], least[k], most[k]);
}

static void lay_out(frame *f, int n_panels, const names *legend, fz_io_canvas *size) {
  int x = EDGE, captioned = 0, entries = legend->width > 0 ? legend->n : 0;
  for (int p = 0; p < n_panels; p++) captioned |= f[p].panel->title != NULL;
  int top = HEAD + (captioned ? CAPTION : 0), high = HIGH > ENTRY * entries ? HIGH : ENTRY * entries;
  for (int p = 0; p < n_panels; p++) {
    f[p].top = top;
    f[p].bottom = top + high;
    settle_range(&f[p]);
    fz_io_tick tick[FZ_IO_TICKS_MOST];
    int n = fz_io_ruler_ticks(&f[p].y, 8, tick);
    double labels = 0;
    for (int i = 0; i < n; i++)
      if (tick[i].labelled) labels = fmax(labels, fz_io_tick_width(&f[p].y, &tick[i], SIZE));
    f[p].indent = 48 + (int)labels;
    f[p].left = x + f[p].indent;
    f[p].right = f[p].left + (n_panels > 1 ? NARROW : WIDE);
    x = f[p].right + BETWEEN;
    f[p].x.from = f[p].left;
    f[p].x.to = f[p].right;
    f[p].y.from = f[p].bottom;
    f[p].y.to = f[p].top;
  }
  size->width = x + (entries > 0 ? SAMPLE + 14 + (int)legend->width + EDGE : EDGE - BETWEEN);
  size->height = top + high + FOOT;
}

static void draw_grid(fz_io_canvas *c, const frame *f) {
  fz_io_tick tick[FZ_IO_TICKS_MOST];
  for (int pass = 0; pass < 2; pass++) { /* what is labelled last, on top */
    int n = fz_io_ruler_ticks(&f->x, 8, tick);
    for (int i = 0; i < n; i++) {
      double x = round(fz_io_ruler_place(&f->x, tick[i].value));
      if (tick[i].labelled == pass) fz_io_canvas_line(c, x, f->top, x, f->bottom, 1, pass ? pale : faint);
    }
    n = fz_io_ruler_ticks(&f->y, 8, tick);
    for (int i = 0; i < n; i++) {
      double y = round(fz_io_ruler_place(&f->y, tick[i].value));
      if (tick[i].labelled == pass) fz_io_canvas_line(c, f->left, y, f->right, y, 1, pass ? pale : faint);
    }
  }
}

static void draw_axes(fz_io_canvas *c, const frame *f) {
  fz_io_tick tick[FZ_IO_TICKS_MOST];
  int n = fz_io_ruler_ticks(&f->x, 8, tick);
  for (int i = 0; i < n; i++) {
    double x = round(fz_io_ruler_place(&f->x, tick[i].value));
    fz_io_canvas_line(c, x, f->bottom, x, f->bottom - (tick[i].labelled ? 7 : 4), 1.2, black);
    if (tick[i].labelled) fz_io_tick_draw(c, &f->x, &tick[i], x, f->bottom + 27, SIZE, FZ_IO_CENTRE, black);
  }
  n = fz_io_ruler_ticks(&f->y, 8, tick);
  for (int i = 0; i < n; i++) {
    double y = round(fz_io_ruler_place(&f->y, tick[i].value));
    fz_io_canvas_line(c, f->left, y, f->left + (tick[i].labelled ? 7 : 4), y, 1.2, black);
    if (tick[i].labelled) fz_io_tick_draw(c, &f->y, &tick[i], f->left - 10, y + SIZE / 2.0, SIZE, FZ_IO_RIGHT, black);
  }
  const double corner[5][2] = {
      {f->left, f->top}, {f->right, f->top}, {f->right, f->bottom}, {f->left, f->bottom}, {f->left, f->top}};
  for (int i = 0; i < 4; i++)
    fz_io_canvas_line(c, corner[i][0], corner[i][1], corner[i + 1][0], corner[i + 1][1], 1.4, black);
  if (f->x.axis.title)
    fz_io_canvas_text(c, (f->left + f->right) / 2.0, f->bottom + 64, SIZE + 1, FZ_IO_CENTRE, black, f->x.axis.title);
  if (f->y.axis.title)
    fz_io_canvas_text_upwards(c, f->left - f->indent + SIZE + 2, (f->top + f->bottom) / 2.0, SIZE + 1, FZ_IO_CENTRE,
                              black, f->y.axis.title);
  if (f->panel->title)
    fz_io_canvas_text(c, (f->left + f->right) / 2.0, f->top - 16, SIZE + 1, FZ_IO_CENTRE, black, f->panel->title);
}

/* At the first and last point, and at those that are far enough from the last one marked. */
static void mark_points(fz_io_canvas *c, const double *u, const double *v, ptrdiff_t n, const fz_io_style *style) {
  double from_u = -1e9, from_v = -1e9;
  ptrdiff_t last = n - 1;
  while (last >= 0 && !(isfinite(u[last]) && isfinite(v[last]))) last--;
  for (ptrdiff_t i = 0; i <= last; i++) {
    if (!isfinite(u[i]) || !isfinite(v[i])) continue;
    if (i < last && hypot(u[i] - from_u, v[i] - from_v) < apart) continue;
    fz_io_style_mark(c, style, u[i], v[i], radius);
    from_u = u[i];
    from_v = v[i];
  }
}

static fz_status draw_line(fz_io_canvas *c, const frame *f, const fz_io_series *s, const fz_io_style *style, double *u,
                           double *v, fz_error *err) {
  for (ptrdiff_t i = 0; i < s->n; i++) {
    u[i] = fz_io_ruler_place(&f->x, s->x[i]);
    v[i] = fz_io_ruler_place(&f->y, s->y[i]);
  }
  fz_status st = fz_io_canvas_path(c, u, v, s->n, thick, style->dash, style->n_dash, style->color, err);
  if (st == FZ_OK) mark_points(c, u, v, s->n, style);
  return st;
}

static double base(const frame *f) {
  double zero = fz_io_ruler_place(&f->y, 0);
  return isfinite(zero) ? zero : f->bottom;
}

static fz_status draw_steps(fz_io_canvas *c, const frame *f, const fz_io_series *s, const fz_io_style *style, double *u,
                            double *v, fz_error *err) {
  double half = half_step(s);
  for (ptrdiff_t i = 0; i < s->n; i++) {
    u[2 * i + 1] = fz_io_ruler_place(&f->x, s->x[i] - half);
    u[2 * i + 2] = fz_io_ruler_place(&f->x, s->x[i] + half);
    v[2 * i + 1] = v[2 * i + 2] = fz_io_ruler_place(&f->y, s->y[i]);
  }
  u[0] = u[1];
  u[2 * s->n + 1] = u[2 * s->n];
  v[0] = v[2 * s->n + 1] = base(f);
  return fz_io_canvas_path(c, u, v, 2 * s->n + 2, thick, style->dash, style->n_dash, style->color, err);
}

static void draw_stems(fz_io_canvas *c, const frame *f, const fz_io_series *s, const fz_io_style *style,
                       double offset) {
  fz_io_canvas_line(c, f->left, base(f), f->right, base(f), 1.2, grey);
  for (ptrdiff_t i = 0; i < s->n; i++) {
    double x = fz_io_ruler_place(&f->x, s->x[i]) + offset, y = fz_io_ruler_place(&f->y, s->y[i]);
    if (!isfinite(x) || !isfinite(y)) continue;
    fz_io_canvas_line(c, x, base(f), x, y, thick, style->color);
    fz_io_style_mark(c, style, x, y, radius);
  }
}

static fz_status draw_series(fz_io_canvas *c, const frame *f, const names *legend, fz_error *err) {
  const fz_io_panel *p = f->panel;
  ptrdiff_t most = 0;
  int stems = 0, stem = 0;
  for (int i = 0; i < p->n_series; i++) {
    most = p->series[i].n > most ? p->series[i].n : most;
    stems += p->series[i].drawing == FZ_IO_STEMS;
  }
  double *u = fz_alloc(2 * most + 2, sizeof *u), *v = fz_alloc(2 * most + 2, sizeof *v);
  fz_status st = u && v ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for the curves of a plot");
  for (int i = 0; i < p->n_series && st == FZ_OK; i++) {
    const fz_io_series *s = &p->series[i];
    const fz_io_style style = fz_io_style_at(find_name(legend, s->name));
    if (s->n == 0) continue;
    if (s->drawing == FZ_IO_STEMS)
      draw_stems(c, f, s, &style, 7 * (stem++ - (stems - 1) / 2.0));
    else if (s->drawing == FZ_IO_STEPS)
      st = draw_steps(c, f, s, &style, u, v, err);
    else
      st = draw_line(c, f, s, &style, u, v, err);
  }
  fz_free(&v);
  fz_free(&u);
  return st;
}

static fz_io_drawing drawing_of(const fz_io_panel *panel, int n_panels, const char *name) {
  for (int p = 0; p < n_panels; p++)
    for (int i = 0; i < panel[p].n_series; i++)
      if (!strcmp(panel[p].series[i].name, name)) return panel[p].series[i].drawing;
  return FZ_IO_LINE;
}

static fz_status draw_legend(fz_io_canvas *c, const frame *last, const fz_io_panel *panel, int n_panels,
                             const names *legend, fz_error *err) {
  fz_status st = FZ_OK;
  double x[2] = {last->right + BETWEEN, last->right + BETWEEN + SAMPLE};
  for (int i = 0; i < legend->n && legend->width > 0 && st == FZ_OK; i++) {
    const fz_io_style style = fz_io_style_at(i);
    double y[2] = {last->top + ENTRY * (i + 0.5), last->top + ENTRY * (i + 0.5)};
    st = fz_io_canvas_path(c, x, y, 2, thick, style.dash, style.n_dash, style.color, err);
    if (drawing_of(panel, n_panels, legend->name[i]) != FZ_IO_STEPS)
      fz_io_style_mark(c, &style, (x[0] + x[1]) / 2, y[0], radius);
    fz_io_canvas_text(c, x[1] + 14, y[0] + SIZE / 2.0, SIZE, FZ_IO_LEFT, black, legend->name[i]);
  }
  return st;
}

static fz_status draw_panel(fz_io_canvas *c, const frame *f, const names *legend, fz_error *err) {
  draw_grid(c, f);
  fz_io_canvas_clip(c, f->left, f->top, f->right, f->bottom);
  fz_status st = draw_series(c, f, legend, err);
  fz_io_canvas_clip(c, 0, 0, c->width - 1, c->height - 1);
  draw_axes(c, f);
  return st;
}

fz_status fz_io_plot_panels(const char *path, const char *title, const fz_io_panel *panel, int n_panels,
                            fz_error *err) {
  if (n_panels < 1 || n_panels > PANELS)
    return fz_fail(err, FZ_EINVAL, "%s: a plot has 1 to %d panels, not %d", path, PANELS, n_panels);
  frame f[PANELS] = {0};
  names legend = {0};
  fz_io_canvas size, c = {0};
  fz_status st;
  for (int p = 0; p < n_panels; p++) f[p].panel = &panel[p];
  FZ_TRY(gather_names(&legend, panel, n_panels, err));
  lay_out(f, n_panels, &legend, &size);
  FZ_TRY(fz_io_canvas_create(size.width, size.height, &c, err));
  for (int p = 0; p < n_panels; p++) FZ_TRY(draw_panel(&c, &f[p], &legend, err));
  FZ_TRY(draw_legend(&c, &f[n_panels - 1], panel, n_panels, &legend, err));
  fz_io_canvas_text(&c, (f[0].left + f[n_panels - 1].right) / 2.0, 42, TITLE_SIZE, FZ_IO_CENTRE, black, title);
  FZ_TRY(fz_io_canvas_write(&c, path, err));
done:
  fz_io_canvas_clear(&c);
  return st;
}
