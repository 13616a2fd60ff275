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
  return FZ_OK;
}

void fz_io_canvas_clear(fz_io_canvas *canvas) {
  fz_free(&canvas->rgb);
  *canvas = (fz_io_canvas){0};
}

static void blend(fz_io_canvas *c, int x, int y, fz_io_color color, double cover) {
  if (x < 0 || y < 0 || x >= c->width || y >= c->height || cover <= 0) return;
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

void fz_io_canvas_line(fz_io_canvas *canvas, double x0, double y0, double x1, double y1, double width,
                       fz_io_color color) {
  double reach = width / 2 + 1, dx = x1 - x0, dy = y1 - y0, square = dx * dx + dy * dy;
  int left = (int)floor(fmax(fmin(x0, x1) - reach, 0)), top = (int)floor(fmax(fmin(y0, y1) - reach, 0));
  int right = (int)ceil(fmin(fmax(x0, x1) + reach, canvas->width - 1));
  int bottom = (int)ceil(fmin(fmax(y0, y1) + reach, canvas->height - 1));
  for (int y = top; y <= bottom; y++)
    for (int x = left; x <= right; x++) {
      double along = square > 0 ? fmin(fmax(((x - x0) * dx + (y - y0) * dy) / square, 0), 1) : 0;
      double distance = hypot(x - x0 - along * dx, y - y0 - along * dy);
      blend(canvas, x, y, color, fmin(width / 2 + 0.5 - distance, 1));
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
