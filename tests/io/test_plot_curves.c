/* Plots of curves: everything at its place on linear and logarithmic axes, gaps, floors, dashes, many names. */
#include "pictures.h"

#include <math.h>

#include "io/plot_curves.h"

static const fz_io_color blue = {0, 114, 178}, red = {213, 94, 0}; /* the first two curves */

typedef struct box {
  int n, left, top, right, bottom;
} box;

/* What has exactly this colour left of column `end`. */
static box extent(const picture *p, fz_io_color c, int end) {
  box b = {0, p->width, p->height, -1, -1};
  for (int y = 0; y < p->height; y++)
    for (int x = 0; x < end; x++) {
      if (!has_color(p, x, y, c.r, c.g, c.b)) continue;
      b.n++;
      b.left = x < b.left ? x : b.left;
      b.right = x > b.right ? x : b.right;
      b.top = y < b.top ? y : b.top;
      b.bottom = y > b.bottom ? y : b.bottom;
    }
  return b;
}

/* A path covers a pixel once, however often it comes by; strokes and gaps are as long as asked; NAN breaks it. */
static void path(void **state) {
  (void)state;
  const double x[4] = {5, 35, 5, 35}, y[4] = {10.3, 10.3, 10.3, 10.3}, dash[2] = {4, 6};
  const double gap_x[3] = {5, NAN, 35}, gap_y[3] = {10, 10, 10};
  fz_io_canvas once, often, broken;
  fz_error err;
  assert_int_equal(fz_io_canvas_create(40, 20, &once, &err), FZ_OK);
  assert_int_equal(fz_io_canvas_create(40, 20, &often, &err), FZ_OK);
  assert_int_equal(fz_io_canvas_create(40, 20, &broken, &err), FZ_OK);
  assert_int_equal(fz_io_canvas_path(&once, x, y, 2, 1, NULL, 0, blue, &err), FZ_OK);
  assert_int_equal(fz_io_canvas_path(&often, x, y, 4, 1, NULL, 0, blue, &err), FZ_OK);
  assert_memory_equal(once.rgb, often.rgb, 40 * 20 * 3);
  assert_int_equal(fz_io_canvas_path(&broken, gap_x, gap_y, 3, 3, NULL, 0, blue, &err), FZ_OK);
  for (int i = 0; i < 40 * 20 * 3; i++) assert_int_equal(broken.rgb[i], 255);
  fz_io_canvas_clip(&broken, 0, 0, 25, 19);
  assert_int_equal(fz_io_canvas_path(&broken, x, y, 2, 1, dash, 2, blue, &err), FZ_OK);
  const unsigned char *row = broken.rgb + 3 * 10 * 40;
  assert_true(row[3 * 7] < 100 && row[3 * 17] < 100); /* strokes 5 .. 9, 15 .. 19; the next is cut off */
  assert_true(row[3 * 12] == 255 && row[3 * 27] == 255);
  fz_io_canvas_clear(&once);
  fz_io_canvas_clear(&often);
  fz_io_canvas_clear(&broken);
  assert_no_blocks();
}

static void polygon(void **state) {
  (void)state;
  fz_io_canvas c;
  fz_error err;
  assert_int_equal(fz_io_canvas_create(30, 30, &c, &err), FZ_OK);
  const double x[3] = {4.5, 24.5, 4.5}, y[3] = {4.5, 24.5, 24.5};
  fz_io_canvas_polygon(&c, x, y, 3, (fz_io_color){0, 0, 0});
  double area = 0;
  for (int i = 0; i < 30 * 30; i++) area += (255 - c.rgb[3 * i]) / 255.0;
  assert_float_equal(area, 200, 3); /* half of 20 x 20; samples on the slanted edge are left out: 80 x 1/16 / 2 */
  fz_io_canvas_clear(&c);
  assert_no_blocks();
}

static void axes(void **state) {
  (void)state;
  fz_io_tick tick[FZ_IO_TICKS_MOST];
  fz_io_ruler r = {.axis = {.scale = FZ_IO_LOG, .floor = 1e-6}, .from = 100, .to = 400};
  const double value[5] = {0, -3, NAN, 0.5, INFINITY};
  double least = INFINITY, most = -INFINITY;
  fz_io_axis_add(&r.axis, value, 5, &least, &most);
  fz_io_axis_settle(&r.axis, least, most);
  assert_float_equal(r.axis.low, 1e-6, 1e-18); /* of zero and negative values the floor is seen, 0.5 needs a decade */
  assert_float_equal(r.axis.high, 1, 1e-12);
  assert_float_equal(fz_io_ruler_place(&r, 1e-3), 250, 1e-9);
  assert_float_equal(fz_io_ruler_place(&r, -1), 100, 1e-9);
  assert_true(isnan(fz_io_ruler_place(&r, NAN)));
  int n = fz_io_ruler_ticks(&r, 4, tick), labels = 0;
  assert_int_equal(n, 7);
  for (int i = 0; i < n; i++) labels += tick[i].labelled;
  assert_true(labels >= 2 && labels <= 4);
  fz_io_axis passes = {.scale = FZ_IO_LOG, .floor = 0.5};
  fz_io_axis_settle(&passes, 0.5, 300); /* nothing is below the floor, so the axis begins there */
  assert_float_equal(passes.low, 0.5, 0);
  assert_float_equal(passes.high, 1000, 1e-9);
  r.axis.floor = 0;
  assert_true(isnan(fz_io_ruler_place(&r, 0)));

  fz_io_ruler l = {.axis = {.scale = FZ_IO_LINEAR}, .from = 0, .to = 1000};
  fz_io_axis_settle(&l.axis, 0, 14000);
  assert_true(l.axis.low == 0 && l.axis.high > 14000);
  n = fz_io_ruler_ticks(&l, 8, tick);
  assert_true(n >= 4 && n <= 9);
  assert_string_equal(tick[1].text, "2000");
  fz_io_axis none = {.scale = FZ_IO_LINEAR}, given = {.scale = FZ_IO_LOG, .low = 1e-3, .high = 10};
  fz_io_axis_settle(&none, INFINITY, -INFINITY); /* no data at all */
  assert_true(none.low < none.high);
  fz_io_axis_settle(&given, 1e-9, 1e9);
  assert_true(given.low == 1e-3 && given.high == 10);
  fz_io_axis constant = {.scale = FZ_IO_LINEAR};
  fz_io_axis_settle(&constant, 5, 5);
  assert_true(constant.low < 5 && constant.high > 5);
}

/* Levels of 1e-1, 1e-2, 1e-3 are as far apart as each other; the one at 1e-2 has a gap in the middle. */
static void decades(void **state) {
  (void)state;
  enum { N = 101 };
  double x[N], tenth[N], hundredth[N], thousandth[N];
  for (int i = 0; i < N; i++) {
    x[i] = i;
    tenth[i] = 0.1;
    hundredth[i] = i > 40 && i < 60 ? (i % 2 ? NAN : -1) : 0.01;
    thousandth[i] = 0.001;
  }
  const fz_io_series s[3] = {{"tenth", N, x, tenth, FZ_IO_LINE},
                             {"hundredth", N, x, hundredth, FZ_IO_LINE},
                             {"thousandth", N, x, thousandth, FZ_IO_LINE}};
  fz_io_panel panel = {.x = {.title = "passes"},
                       .y = {.title = "|F - F*|", .scale = FZ_IO_LOG, .low = 1e-4, .high = 1},
                       .series = s,
                       .n_series = 3};
  fz_error err;
  assert_int_equal(fz_io_plot_panels("p.png", "decades", &panel, 1, &err), FZ_OK);
  assert_int_equal(fz_io_plot_panels("nowhere/p.png", "decades", &panel, 1, &err), FZ_EIO);
  picture p = read_png("p.png");
  const int end = 950; /* left of the legend */
  box a = extent(&p, blue, end), b = extent(&p, red, end), c = extent(&p, (fz_io_color){0, 158, 115}, end);
  int row[3] = {a.top + a.bottom, b.top + b.bottom, c.top + c.bottom};
  assert_true(row[0] < row[1] && row[1] < row[2]);
  assert_in_range(row[1] - row[0] - (row[2] - row[1]) + 8, 0, 16); /* markers are not all as high below as above */
  assert_in_range(row[1] - row[0], 2 * 140 - 8, 2 * 140 + 8);      /* a frame of 560 pixels shows four decades */
  int middle = (b.left + b.right) / 2, full = 0, broken = 0;
  for (int u = middle - 40; u <= middle + 40; u++) {
    full += has_color(&p, u, row[0] / 2, blue.r, blue.g, blue.b);
    broken += has_color(&p, u, row[1] / 2, red.r, red.g, red.b);
  }
  assert_true(full > 60);
  assert_int_equal(broken, 0);
  free(p.rgb);

  panel.y.floor = 1e-4; /* now what was left out is seen at the bottom */
  assert_int_equal(fz_io_plot_panels("floor.png", "decades", &panel, 1, &err), FZ_OK);
  p = read_png("floor.png");
  assert_true(extent(&p, red, end).bottom > c.bottom + 100);
  free(p.rgb);
  assert_no_blocks();
}

/* As many names as there are looks; one more is refused.  A curve of one point is a marker, one of none a name. */
static void many(void **state) {
  (void)state;
  enum { MANY = 41 };
  double x[MANY][2], y[MANY][2];
  char name[MANY][20];
  fz_io_series s[MANY];
  for (int i = 0; i < MANY; i++) {
    snprintf(name[i], sizeof name[i], "method %d", i);
    x[i][0] = y[i][0] = i + 1;
    x[i][1] = i + 2;
    y[i][1] = 2 * i + 2;
    s[i] = (fz_io_series){name[i], i == 0 ? 1 : i == 1 ? 0 : 2, x[i], y[i], FZ_IO_LINE};
  }
  fz_io_panel panel[4] = {{.series = s, .n_series = 40}, {.title = "log", .series = s, .n_series = 20}};
  panel[1].x.scale = panel[1].y.scale = FZ_IO_LOG;
  fz_error err;
  assert_int_equal(fz_io_plot_panels("many.png", "many", panel, 2, &err), FZ_OK);
  picture p = read_png("many.png");
  assert_true(p.height > 40 * 28); /* the legend has room */
  free(p.rgb);
  panel[0].n_series = 1;
  assert_int_equal(fz_io_plot_panels("one.png", "one", panel, 1, &err), FZ_OK);
  p = read_png("one.png");
  box marker = extent(&p, blue, 950);
  assert_true(marker.n > 20 && marker.right - marker.left < 14 && marker.bottom - marker.top < 14);
  free(p.rgb);
  panel[0].n_series = 2;
  s[0].n = 0;
  assert_int_equal(fz_io_plot_panels("none.png", "none", panel, 1, &err), FZ_OK);
  panel[0].n_series = MANY;
  assert_int_equal(fz_io_plot_panels("toomany.png", "many", panel, 1, &err), FZ_EINVAL);
  ASSERT_SAYS(err, "40");
  assert_int_equal(fz_io_plot_panels("no.png", "none", panel, 0, &err), FZ_EINVAL);
  assert_int_equal(fz_io_plot_panels("no.png", "four", panel, 4, &err), FZ_EINVAL);
  assert_no_blocks();
}

/* A signal and a histogram: stems reach from zero to their value both ways, levels are flat over their bin. */
static void stems_and_steps(void **state) {
  (void)state;
  const double x[3] = {0, 1, 2}, signal[3] = {1, 0, -1}, density[3] = {0.1, 0.8, 0.1};
  const fz_io_series stems = {"signal", 3, x, signal, FZ_IO_STEMS}, steps = {"density", 3, x, density, FZ_IO_STEPS};
  const fz_io_panel panel[2] = {{.title = "signal", .y = {.low = -2, .high = 2}, .series = &stems, .n_series = 1},
                                {.title = "density", .y = {.low = 0, .high = 1}, .series = &steps, .n_series = 1}};
  fz_error err;
  assert_int_equal(fz_io_plot_panels("two.png", "two", panel, 2, &err), FZ_OK);
  picture p = read_png("two.png");
  const int end = p.width - 180;
  box a = extent(&p, blue, end), b = extent(&p, red, end);
  assert_in_range(a.bottom - a.top, 280, 280 + 16);       /* half of 560 pixels, and two markers' halves */
  assert_in_range(b.bottom - b.top, 8 * 56 - 12, 8 * 56); /* from 0 to 0.8; a tick stands before its foot */
  assert_true(b.right > a.right + 300);                   /* in the second panel */
  int wide = 0;
  for (int u = b.left; u <= b.right; u++) wide += has_color(&p, u, b.top, red.r, red.g, red.b);
  assert_in_range(wide, (b.right - b.left) / 3 - 4, (b.right - b.left) / 3 + 8); /* one bin of three */
  free(p.rgb);
  assert_no_blocks();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(path), cmocka_unit_test(polygon),
                                     cmocka_unit_test(axes), cmocka_unit_test(decades),
                                     cmocka_unit_test(many), cmocka_unit_test(stems_and_steps)};
  return cmocka_run_group_tests(tests, files_enter, files_leave);
}
