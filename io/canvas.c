#include "io/canvas.h"

#include <math.h>
#include <png.h>
#include <stdbool.h>
#include <string.h>

#include "core/memory.h"
#include "io/file.h"
#include "io/font.h"

fz_status fz_io_canvas_create(int width, int height, fz_io_canvas *canvas, fz_error *err) {
  ptrdiff_t size = (ptrdiff_t)width * height * 3;
  *canvas = (fz_io_canvas){.width = width, .height = height, .rgb = fz_alloc(size, 1)};
  if (!canvas->rgb) return fz_fail(err, FZ_ENOMEM, "no memory for a picture of %d x %d pixels", width, height);
  memset(canvas->rgb, 255, (size_t)size);
  fz_io_canvas_clip(canvas, 0, 0, width - 1, height - 1);
  return FZ_OK;
}

void fz_io_canvas_clear(fz_io_canvas *canvas) {
  fz_free(&canvas->rgb);
  *canvas = (fz_io_canvas){0};
}

void fz_io_canvas_clip(fz_io_canvas *canvas, int left, int top, int right, int bottom) {
  canvas->left = left > 0 ? left : 0;
  canvas->top = top > 0 ? top : 0;
  canvas->right = right < canvas->width ? right : canvas->width - 1;
  canvas->bottom = bottom < canvas->height ? bottom : canvas->height - 1;
}

static void blend(fz_io_canvas *c, int x, int y, fz_io_color color, double cover) {
  if (x < c->left || y < c->top || x > c->right || y > c->bottom || cover <= 0) return;
  uint8_t *p = c->rgb + 3 * ((ptrdiff_t)y * c->width + x);
  const uint8_t to[3] = {color.r, color.g, color.b};
  for (int i = 0; i < 3; i++) p[i] = (uint8_t)lrint(p[i] + cover * (to[i] - p[i]));
}

void fz_io_canvas_pixel(fz_io_canvas *canvas, int x, int y, fz_io_color color) {
  blend(canvas, x, y, color, 1);
}

void fz_io_canvas_rectangle(fz_io_canvas *canvas, int x0, int y0, int x1, int y1, fz_io_color color) {
  for (int y = y0; y <= y1; y++)
    for (int x = x0; x <= x1; x++) blend(canvas, x, y, color, 1);
}

/* Where a stroke goes: onto the picture, or into the largest cover that each pixel has had, [height][width]. */
typedef struct ink {
  fz_io_canvas *canvas;
  fz_io_color color;
  uint8_t *cover;
} ink;

static void put(const ink *k, int x, int y, double cover) {
  if (!k->cover) {
    blend(k->canvas, x, y, k->color, cover);
    return;
  }
  uint8_t *at = k->cover + (ptrdiff_t)y * k->canvas->width + x, level = (uint8_t)lrint(255 * fmax(cover, 0));
  if (level > *at) *at = level;
}

static void stroke(const ink *k, double x0, double y0, double x1, double y1, double width) {
  const fz_io_canvas *c = k->canvas;
  double reach = width / 2 + 1, dx = x1 - x0, dy = y1 - y0, square = dx * dx + dy * dy;
  int left = (int)floor(fmax(fmin(x0, x1) - reach, c->left)), top = (int)floor(fmax(fmin(y0, y1) - reach, c->top));
  int right = (int)ceil(fmin(fmax(x0, x1) + reach, c->right));
  int bottom = (int)ceil(fmin(fmax(y0, y1) + reach, c->bottom));
  for (int y = top; y <= bottom; y++)
    for (int x = left; x <= right; x++) {
      double along = square > 0 ? fmin(fmax(((x - x0) * dx + (y - y0) * dy) / square, 0), 1) : 0;
      double distance = hypot(x - x0 - along * dx, y - y0 - along * dy);
      put(k, x, y, fmin(width / 2 + 0.5 - distance, 1));
    }
}

void fz_io_canvas_line(fz_io_canvas *canvas, double x0, double y0, double x1, double y1, double width,
                       fz_io_color color) {
  stroke(&(ink){canvas, color, NULL}, x0, y0, x1, y1, width);
}

/* How far along its dashes a path is. */
typedef struct pen {
  const double *dash;
  int n_dash, at;
  double left; /* of dash[at] */
} pen;

static void dashed_stroke(const ink *k, pen *p, double x0, double y0, double x1, double y1, double width) {
  double length = hypot(x1 - x0, y1 - y0);
  if (p->n_dash == 0 || !(length > 0)) {
    if (p->at % 2 == 0) stroke(k, x0, y0, x1, y1, width);
    return;
  }
  for (double at = 0; at < length;) {
    double to = fmin(at + p->left, length), a = at / length, b = to / length;
    if (p->at % 2 == 0)
      stroke(k, x0 + a * (x1 - x0), y0 + a * (y1 - y0), x0 + b * (x1 - x0), y0 + b * (y1 - y0), width);
    p->left -= to - at;
    at = to;
    if (p->left > 1e-9) continue;
    p->at = (p->at + 1) % p->n_dash;
    p->left = p->dash[p->at];
  }
}

fz_status fz_io_canvas_path(fz_io_canvas *canvas, const double *x, const double *y, ptrdiff_t n, double width,
                            const double *dash, int n_dash, fz_io_color color, fz_error *err) {
  FZ_ASSERT(n_dash % 2 == 0);
  uint8_t *cover = fz_alloc((ptrdiff_t)canvas->width * canvas->height, 1);
  if (!cover) return fz_fail(err, FZ_ENOMEM, "no memory for a path in a picture");
  const ink k = {canvas, color, cover};
  pen p = {.dash = dash, .n_dash = n_dash, .left = n_dash > 0 ? dash[0] : 0};
  for (ptrdiff_t i = 0; i + 1 < n; i++)
    if (isfinite(x[i]) && isfinite(y[i]) && isfinite(x[i + 1]) && isfinite(y[i + 1]))
      dashed_stroke(&k, &p, x[i], y[i], x[i + 1], y[i + 1], width);
  for (int v = canvas->top; v <= canvas->bottom; v++)
    for (int u = canvas->left; u <= canvas->right; u++)
      blend(canvas, u, v, color, cover[(ptrdiff_t)v * canvas->width + u] / 255.0);
  fz_free(&cover);
  return FZ_OK;
}

static bool inside(const double *x, const double *y, int n, double u, double v) {
  bool in = false;
  for (int i = 0, j = n - 1; i < n; j = i++)
    if ((y[i] > v) != (y[j] > v) && u < x[i] + (v - y[i]) / (y[j] - y[i]) * (x[j] - x[i])) in = !in;
  return in;
}

void fz_io_canvas_polygon(fz_io_canvas *canvas, const double *x, const double *y, int n, fz_io_color color) {
  enum { FINE = 4 }; /* samples of a pixel each way */
  double left = x[0], right = x[0], top = y[0], bottom = y[0];
  for (int i = 1; i < n; i++) {
    left = fmin(left, x[i]);
    right = fmax(right, x[i]);
    top = fmin(top, y[i]);
    bottom = fmax(bottom, y[i]);
  }
  for (int v = (int)fmax(floor(top), canvas->top); v <= fmin(ceil(bottom), canvas->bottom); v++)
    for (int u = (int)fmax(floor(left), canvas->left); u <= fmin(ceil(right), canvas->right); u++) {
      int count = 0;
      for (int k = 0; k < FINE * FINE; k++)
        count += inside(x, y, n, u - 0.5 + (k % FINE + 0.5) / FINE, v - 0.5 + (k / FINE + 0.5) / FINE);
      blend(canvas, u, v, color, (double)count / (FINE * FINE));
    }
}

void fz_io_canvas_dashes(fz_io_canvas *canvas, double x0, double y0, double x1, double y1, double width, double dash,
                         fz_io_color color) {
  double length = hypot(x1 - x0, y1 - y0);
  for (double at = 0; at < length; at += 2 * dash) {
    double a = at / length, b = fmin(at + dash, length) / length;
    fz_io_canvas_line(canvas, x0 + a * (x1 - x0), y0 + a * (y1 - y0), x0 + b * (x1 - x0), y0 + b * (y1 - y0), width,
                      color);
  }
}

/* Width of a glyph in grid units, and of the white before the next one. */
static double advance(const char *strokes) {
  if (!strokes[0]) return FZ_IO_FONT_SPACE;
  char most = '0';
  for (const char *s = strokes; *s; s += s[2] ? 3 : 2)
    if (*s > most) most = *s;
  return most - '0' + FZ_IO_FONT_GAP;
}

double fz_io_canvas_text_width(double size, const char *text) {
  double units = 0;
  for (int bytes = 0; *text; text += bytes) units += advance(fz_io_font_glyph(text, &bytes));
  return fmax(units - FZ_IO_FONT_GAP, 0) * size / (FZ_IO_FONT_CAPITAL - FZ_IO_FONT_BASELINE);
}

/* `turned`: the text runs upwards, its baseline is vertical. */
static void draw_text(fz_io_canvas *c, double x, double y, double size, fz_io_anchor anchor, fz_io_color color,
                      const char *text, bool turned) {
  double unit = size / (FZ_IO_FONT_CAPITAL - FZ_IO_FONT_BASELINE), along = 0, width = fmax(1.2, size / 8);
  if (anchor != FZ_IO_LEFT) along = -fz_io_canvas_text_width(size, text) * (anchor == FZ_IO_RIGHT ? 1 : 0.5);
  for (int bytes = 0; *text; text += bytes) {
    const char *s = fz_io_font_glyph(text, &bytes);
    for (const char *p = s; p[0] && p[2]; p += 3) {
      if (p[2] == ';') continue; /* the last point of a polyline starts no stroke */
      double u0 = along + unit * (p[0] - '0'), v0 = unit * (p[1] - '0' - FZ_IO_FONT_BASELINE);
      double u1 = along + unit * (p[3] - '0'), v1 = unit * (p[4] - '0' - FZ_IO_FONT_BASELINE);
      if (turned)
        fz_io_canvas_line(c, x - v0, y - u0, x - v1, y - u1, width, color);
      else
        fz_io_canvas_line(c, x + u0, y - v0, x + u1, y - v1, width, color);
    }
    along += unit * advance(s);
  }
}

void fz_io_canvas_text(fz_io_canvas *canvas, double x, double y, double size, fz_io_anchor anchor, fz_io_color color,
                       const char *text) {
  draw_text(canvas, x, y, size, anchor, color, text, false);
}

void fz_io_canvas_text_upwards(fz_io_canvas *canvas, double x, double y, double size, fz_io_anchor anchor,
                               fz_io_color color, const char *text) {
  draw_text(canvas, x, y, size, anchor, color, text, true);
}

fz_status fz_io_canvas_write(const fz_io_canvas *canvas, const char *path, fz_error *err) {
  png_image image = {.version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_RGB};
  image.width = (png_uint_32)canvas->width;
  image.height = (png_uint_32)canvas->height;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  char *bytes = fz_alloc((ptrdiff_t)size, 1);
  if (!bytes) return fz_fail(err, FZ_ENOMEM, "%s: no memory to write the picture", path);
  fz_status st = FZ_OK;
  if (!png_image_write_to_memory(&image, bytes, &size, 0, canvas->rgb, 0, NULL))
    st = fz_fail(err, FZ_EINTERNAL, "%s: libpng: %s", path, image.message);
  else
    st = fz_io_file_write(path, bytes, (int64_t)size, err);
  fz_free(&bytes);
  return st;
}
