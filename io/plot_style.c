#include "io/plot_style.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* Okabe and Ito's set without its yellow, which is lost on white, and four darker ones. */
static const fz_io_color palette[] = {{0, 114, 178},  {213, 94, 0},  {0, 158, 115}, {204, 121, 167}, {30, 30, 30},
                                      {86, 180, 233}, {170, 20, 50}, {230, 159, 0}, {100, 70, 160},  {125, 125, 60}};
static const struct {
  int n;
  double length[4];
} dashes[] = {{0, {0}}, {2, {11, 6}}, {4, {13, 5, 3, 5}}, {2, {3, 4}}};
enum { COLORS = sizeof palette / sizeof palette[0], DASHES = sizeof dashes / sizeof dashes[0], MARKERS = 8 };

fz_io_style fz_io_style_at(int index) {
  int dash = index / 5 % DASHES;
  fz_io_style s = {.color = palette[index % COLORS], .n_dash = dashes[dash].n, .marker = index % MARKERS};
  for (int i = 0; i < s.n_dash; i++) s.dash[i] = dashes[dash].length[i];
  return s;
}

/* n corners, every second one at `inner` of the radius, the first in direction `turn` (in full turns, upwards = 1/4).
 */
static int star(int n, double inner, double turn, double radius, double *x, double *y) {
  for (int i = 0; i < n; i++) {
    double angle = 2 * pi * (turn + (double)i / n), r = radius * (i % 2 ? inner : 1);
    x[i] = r * cos(angle);
    y[i] = -r * sin(angle);
  }
  return n;
}

static int plus(double turn, double radius, double *x, double *y) {
  static const double at[12][2] = {{1, .36},   {.36, .36},   {.36, 1},   {-.36, 1}, {-.36, .36}, {-1, .36},
                                   {-1, -.36}, {-.36, -.36}, {-.36, -1}, {.36, -1}, {.36, -.36}, {1, -.36}};
  double c = radius * cos(2 * pi * turn), s = radius * sin(2 * pi * turn);
  for (int i = 0; i < 12; i++) {
    x[i] = c * at[i][0] - s * at[i][1];
    y[i] = s * at[i][0] + c * at[i][1];
  }
  return 12;
}

enum { CORNERS = 24 };
static int outline(int marker, double r, double *x, double *y) {
  switch (marker) {
    case 0: return star(CORNERS, 1, 0, 0.9 * r, x, y);
    case 1: return star(4, 1, 0.125, 1.2 * r, x, y);
    case 2: return star(3, 1, 0.25, 1.3 * r, x, y);
    case 3: return star(4, 1, 0, 1.25 * r, x, y);
    case 4: return plus(0, 1.15 * r, x, y);
    case 5: return star(3, 1, -0.25, 1.3 * r, x, y);
    case 6: return plus(0.125, 1.15 * r, x, y);
    default: return star(10, 0.45, 0.25, 1.4 * r, x, y);
  }
}

void fz_io_style_mark(fz_io_canvas *canvas, const fz_io_style *style, double x, double y, double radius) {
  static const fz_io_color white = {255, 255, 255};
  double u[CORNERS], v[CORNERS];
  for (int rim = 1; rim >= 0; rim--) {
    int n = outline(style->marker, radius + 1.4 * rim, u, v);
    for (int i = 0; i < n; i++) {
      u[i] += x;
      v[i] += y;
    }
    fz_io_canvas_polygon(canvas, u, v, n, rim ? white : style->color);
  }
}
