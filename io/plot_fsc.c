#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "io/canvas.h"
#include "io/plot.h"
#include "metrics/fsc.h"

/* The legend stands between title and frame, one line per curve, so that it hides nothing. */
enum { WIDTH = 1000, LEFT = 90, RIGHT = 960, TITLE = 60, LINE = 26, PLOT = 500, FOOT = 100 };
static const fz_io_color black = {30, 30, 30}, grey = {120, 120, 120}, pale = {228, 228, 228};
/* Distinct for colour-blind readers too (Okabe and Ito's set). */
static const fz_io_color palette[] = {{0, 114, 178},   {213, 94, 0},  {0, 158, 115},
                                      {204, 121, 167}, {230, 159, 0}, {86, 180, 233}};
enum { COLORS = sizeof palette / sizeof palette[0] };
static const double lowest = -0.1, highest = 1.0;

typedef struct axes {
  double frequency; /* at the right end */
  int top, bottom;  /* of the frame, in pixels */
  bool angstrom;
} axes;

static double place_x(const axes *a, double frequency) {
  return LEFT + (RIGHT - LEFT) * frequency / a->frequency;
}
static double place_y(const axes *a, double fsc) {
  return a->bottom - (a->bottom - a->top) * (fsc - lowest) / (highest - lowest);
}

static axes choose_axes(const fz_io_curve *curve, int n_curves) {
  axes a = {.angstrom = true, .top = TITLE + LINE * n_curves, .bottom = TITLE + LINE * n_curves + PLOT};
  for (int i = 0; i < n_curves; i++) a.angstrom = a.angstrom && curve[i].voxel_A > 0;
  for (int i = 0; i < n_curves; i++) {
    int half = curve[i].n / 2;
    double nyquist = (double)half / (curve[i].n * (a.angstrom ? curve[i].voxel_A : 1));
    a.frequency = fmax(a.frequency, nyquist);
  }
  return a;
}

/* 1, 2 or 5 times a power of ten, giving at most ten ticks. */
static double tick_step(double range) {
  double power = pow(10, floor(log10(range / 10)));
  const double factor[] = {1, 2, 5, 10};
  for (int i = 0; i < 3; i++)
    if (factor[i] * power >= range / 10) return factor[i] * power;
  return 10 * power;
}

static void draw_frequency_axis(fz_io_canvas *c, const axes *a) {
  double step = tick_step(a->frequency);
  int decimals = (int)fmax(0, ceil(-log10(step) - 1e-9));
  char text[40];
  for (int i = 0; i * step <= a->frequency * (1 + 1e-9); i++) {
    double x = place_x(a, i * step);
    fz_io_canvas_line(c, x, a->top, x, a->bottom, 1, pale);
    fz_io_canvas_line(c, x, a->bottom, x, a->bottom + 6, 1.2, black);
    snprintf(text, sizeof text, "%.*f", decimals, i * step);
    fz_io_canvas_text(c, x, a->bottom + 24, 12, FZ_IO_CENTRE, black, text);
    if (i == 0 || !a->angstrom) continue;
    double resolution = 1 / (i * step);
    snprintf(text, sizeof text, "%.*f \xc3\x85", resolution < 10 ? 2 : 1, resolution);
    fz_io_canvas_text(c, x, a->bottom + 48, 12, FZ_IO_CENTRE, grey, text);
  }
  fz_io_canvas_text(c, (LEFT + RIGHT) / 2.0, a->bottom + 82, 14, FZ_IO_CENTRE, black,
                    a->angstrom ? "Spatial frequency (1/\xc3\x85)" : "Spatial frequency (1/voxel)");
}

static void draw_correlation_axis(fz_io_canvas *c, const axes *a) {
  char text[16];
  for (int i = 0; i <= 10; i += 2) {
    double y = place_y(a, 0.1 * i);
    fz_io_canvas_line(c, LEFT, y, RIGHT, y, 1, pale);
    fz_io_canvas_line(c, LEFT - 6, y, LEFT, y, 1.2, black);
    snprintf(text, sizeof text, "%.1f", 0.1 * i);
    fz_io_canvas_text(c, LEFT - 14, y + 6, 12, FZ_IO_RIGHT, black, text);
  }
  fz_io_canvas_text_upwards(c, 32, (a->top + a->bottom) / 2.0, 14, FZ_IO_CENTRE, black, "Fourier shell correlation");
}

static void draw_thresholds(fz_io_canvas *c, const axes *a) {
  const struct {
    double value;
    const char *label;
  } threshold[] = {{0.5, "0.5"}, {0.143, "0.143"}};
  for (int i = 0; i < 2; i++) {
    double y = place_y(a, threshold[i].value);
    fz_io_canvas_dashes(c, LEFT, y, RIGHT, y, 1.4, 7, grey);
    fz_io_canvas_text(c, LEFT + 8, y - 6, 11, FZ_IO_LEFT, grey, threshold[i].label);
  }
}

static void draw_frame(fz_io_canvas *c, const axes *a) {
  fz_io_canvas_line(c, LEFT, a->top, RIGHT, a->top, 1.2, black);
  fz_io_canvas_line(c, LEFT, a->bottom, RIGHT, a->bottom, 1.2, black);
  fz_io_canvas_line(c, LEFT, a->top, LEFT, a->bottom, 1.2, black);
  fz_io_canvas_line(c, RIGHT, a->top, RIGHT, a->bottom, 1.2, black);
}

static void draw_curve(fz_io_canvas *c, const axes *a, const fz_io_curve *curve, fz_io_color color) {
  double length = curve->n * (a->angstrom ? curve->voxel_A : 1);
  for (int s = 0; s + 1 < fz_fsc_shells(curve->n); s++) {
    double y0 = fmax(curve->fsc[s], lowest), y1 = fmax(curve->fsc[s + 1], lowest);
    fz_io_canvas_line(c, place_x(a, s / length), place_y(a, y0), place_x(a, (s + 1) / length), place_y(a, y1), 2.4,
                      color);
  }
}

static void describe_crossing(const fz_io_curve *curve, const axes *a, double threshold, char *text, size_t size) {
  fz_fsc_crossing x = fz_fsc_cross(curve->fsc, curve->n, a->angstrom ? curve->voxel_A : 1, threshold);
  snprintf(text, size, "%s%.*f%s", x.never ? "<" : "", x.resolution_A < 10 ? 2 : 1, x.resolution_A,
           a->angstrom ? " \xc3\x85" : " voxels");
}

/* "name: 15.2 A at 0.5, 12.1 A at 0.143" */
static void draw_legend(fz_io_canvas *c, const axes *a, const fz_io_curve *curve, int n_curves) {
  for (int i = 0; i < n_curves; i++) {
    char half[40], seventh[40], text[200];
    describe_crossing(&curve[i], a, 0.5, half, sizeof half);
    describe_crossing(&curve[i], a, 0.143, seventh, sizeof seventh);
    snprintf(text, sizeof text, "%.100s: %s at 0.5, %s at 0.143", curve[i].name, half, seventh);
    double y = TITLE + LINE * i + 4;
    fz_io_canvas_line(c, LEFT, y, LEFT + 28, y, 3, palette[i % COLORS]);
    fz_io_canvas_text(c, LEFT + 40, y + 6, 12, FZ_IO_LEFT, black, text);
  }
}

fz_status fz_io_plot_fsc(const char *path, const char *title, const fz_io_curve *curve, int n_curves, fz_error *err) {
  FZ_ASSERT(n_curves >= 1);
  axes a = choose_axes(curve, n_curves);
  fz_io_canvas c;
  fz_status st = fz_io_canvas_create(WIDTH, a.bottom + FOOT, &c, err);
  if (st != FZ_OK) return st;
  draw_frequency_axis(&c, &a);
  draw_correlation_axis(&c, &a);
  draw_thresholds(&c, &a);
  for (int i = n_curves - 1; i >= 0; i--) draw_curve(&c, &a, &curve[i], palette[i % COLORS]);
  draw_frame(&c, &a);
  draw_legend(&c, &a, curve, n_curves);
  fz_io_canvas_text(&c, (LEFT + RIGHT) / 2.0, 34, 16, FZ_IO_CENTRE, black, title);
  st = fz_io_canvas_write(&c, path, err);
  fz_io_canvas_clear(&c);
  return st;
}
