/* Reading pictures back, to see what is where. */
#ifndef FZ_TEST_IO_PICTURES_H
#define FZ_TEST_IO_PICTURES_H
#include "files.h"

#include <png.h>

typedef struct picture {
  int width, height;
  unsigned char *rgb;
} picture;

static inline picture read_png(const char *path) {
  png_image image = {.version = PNG_IMAGE_VERSION};
  assert_true(png_image_begin_read_from_file(&image, path) != 0);
  image.format = PNG_FORMAT_RGB;
  picture p = {(int)image.width, (int)image.height, malloc(PNG_IMAGE_SIZE(image))};
  assert_non_null(p.rgb);
  assert_true(png_image_finish_read(&image, NULL, p.rgb, 0, NULL) != 0);
  return p;
}

static inline int count_color(const picture *p, int r, int g, int b) {
  int n = 0;
  for (int i = 0; i < p->width * p->height; i++)
    n += p->rgb[3 * i] == r && p->rgb[3 * i + 1] == g && p->rgb[3 * i + 2] == b;
  return n;
}

static inline bool has_color(const picture *p, int x, int y, int r, int g, int b) {
  const unsigned char *at = p->rgb + 3 * (y * p->width + x);
  return at[0] == r && at[1] == g && at[2] == b;
}

#endif
