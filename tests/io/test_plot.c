/* Pictures: read back with libpng; curves and slices are where they must be; text has ink; refusals. */
#include "pictures.h"

#include <math.h>

#include "io/canvas.h"
#include "io/font.h"
#include "io/plot.h"

static void canvas(void **state) {
  (void)state;
  fz_io_canvas c;
  fz_error err;
  assert_int_equal(fz_io_canvas_create(40, 30, &c, &err), FZ_OK);
  fz_io_canvas_line(&c, 5, 10, 34, 10, 3, (fz_io_color){255, 0, 0});
  fz_io_canvas_line(&c, -50, -50, 100, 100, 1, (fz_io_color){0, 0, 255}); /* cut off at the edges */
  fz_io_canvas_pixel(&c, 99, 99, (fz_io_color){0, 0, 0});
  assert_int_equal(fz_io_canvas_write(&c, "c.png", &err), FZ_OK);
  assert_int_equal(fz_io_canvas_write(&c, "nowhere/c.png", &err), FZ_EIO);
  fz_io_canvas_clear(&c);
  picture p = read_png("c.png");
  assert_true(p.width == 40 && p.height == 30);
  const unsigned char *red = p.rgb + 3 * (10 * 40 + 30), *blue = p.rgb + 3 * (20 * 40 + 20), *white = p.rgb + 3 * 39;
  assert_true(red[0] == 255 && red[1] == 0 && red[2] == 0);
  assert_true(blue[0] == 0 && blue[2] == 255);
  assert_true(white[0] == 255 && white[1] == 255 && white[2] == 255);
  free(p.rgb);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Every printable character has strokes of well-formed points inside the grid, and letters differ. */
static void font(void **state) {
  (void)state;
  const char *alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,:;-+=/()[]%<>_|^~";
  int bytes;
  const char *box = fz_io_font_glyph("\x01", &bytes);
  for (const char *a = alphabet; *a; a++) {
    const char *strokes = fz_io_font_glyph(a, &bytes);
    assert_int_equal(bytes, 1);
    assert_true(strcmp(strokes, box) != 0);
    assert_true(strlen(strokes) % 3 == 2);
    for (const char *s = strokes; *s; s += s[2] ? 3 : 2) {
      assert_true(s[0] >= '0' && s[0] <= '4' && s[1] >= '0' && s[1] <= '9');
      assert_true(s[2] == ' ' || s[2] == ';' || s[2] == '\0');
    }
    for (const char *b = a + 1; *b; b++) assert_true(strcmp(strokes, fz_io_font_glyph(b, &bytes)) != 0);
  }
  assert_true(strcmp(fz_io_font_glyph("\xc3\x85", &bytes), box) != 0);
  assert_int_equal(bytes, 2);
  assert_ptr_equal(fz_io_font_glyph("\xe2\x82\xac", &bytes), box);
  assert_int_equal(bytes, 3);
  assert_true(fz_io_canvas_text_width(12, "WW") > fz_io_canvas_text_width(12, "W"));
}

/* A curve at FSC = 1 everywhere draws its colour along the top of the frame; one that falls does not at its end. */
static void fsc_plot(void **state) {
  (void)state;
  double high[9], falling[9];
  for (int s = 0; s < 9; s++) {
    high[s] = 0.9;
    falling[s] = 1 - s / 8.0;
  }
  fz_io_curve curve[2] = {{.name = "high", .n = 16, .voxel_A = 2, .fsc = high},
                          {.name = "falling", .n = 16, .voxel_A = 2, .fsc = falling}};
  fz_error err;
  assert_int_equal(fz_io_plot_fsc("one.png", "title", curve, 1, &err), FZ_OK);
  assert_int_equal(fz_io_plot_fsc("two.png", "title", curve, 2, &err), FZ_OK);
  curve[0].voxel_A = 0;
  assert_int_equal(fz_io_plot_fsc("unknown.png", "title", curve, 1, &err), FZ_OK);
  picture one = read_png("one.png"), two = read_png("two.png");
  assert_true(count_color(&one, 0, 114, 178) > 870); /* the frame is 870 pixels wide, the line more than one thick */
  assert_int_equal(count_color(&one, 213, 94, 0), 0);
  assert_true(count_color(&two, 213, 94, 0) > 500);
  assert_true(two.height > one.height);
  free(one.rgb);
  free(two.rgb);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* A bright cube at larger x and y, at the middle z, must appear right and up in the z slice, and in no other corner. */
static void map_plot(void **state) {
  (void)state;
  enum { N = 32 };
  fz_map map = {.n = N, .voxel_A = 3, .voxel = fz_alloc(N * N * N, sizeof(float))};
  for (int z = 12; z < 20; z++)
    for (int y = 20; y < 28; y++)
      for (int x = 20; x < 28; x++) map.voxel[(z * N + y) * N + x] = 1;
  fz_error err;
  assert_int_equal(fz_io_plot_map("map.png", "cube", &map, &err), FZ_OK);
  picture p = read_png("map.png");
  enum { LEFT = 16, TOP = 56, PANEL = 288 };
  int bright_x = LEFT + PANEL * 24 / N, bright_y = TOP + PANEL - PANEL * 24 / N;
  assert_int_equal(p.rgb[3 * (bright_y * p.width + bright_x)], 255);
  int dark_y = TOP + PANEL * 24 / N;
  assert_int_equal(p.rgb[3 * (dark_y * p.width + bright_x)], 0);
  free(p.rgb);
  memset(map.voxel, 0, N * N * N * sizeof(float)); /* a constant map is no division by zero */
  map.voxel_A = 0;
  assert_int_equal(fz_io_plot_map("map.png", "nothing", &map, &err), FZ_OK);
  fz_map_clear(&map);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Each map stands in its row and column; where there is none, only the note. */
static void montage(void **state) {
  (void)state;
  enum { N = 16, CELL = 150, GROUP = 3 * CELL + 6, APART = 18, TOP = 112, EDGE = 20 };
  fz_map map = {.n = N, .voxel_A = 3, .voxel = fz_alloc(N * N * N, sizeof(float))};
  for (int z = 0; z < N; z++)
    for (int y = 10; y < 14; y++)
      for (int x = 2; x < 6; x++) map.voxel[(z * N + y) * N + x] = 1;
  const fz_map *maps[4] = {&map, NULL, NULL, &map};
  const char *row[2] = {"a", "b"}, *column[2] = {"1 pass", "5 passes"}, *note[4] = {"", "diverged", NULL, NULL};
  const fz_io_montage m = {2, 2, row, column, maps, note};
  fz_error err;
  assert_int_equal(fz_io_plot_montage("m.png", "two methods", &m, &err), FZ_OK);
  assert_int_equal(fz_io_plot_montage("nowhere/m.png", "two methods", &m, &err), FZ_EIO);
  picture p = read_png("m.png");
  int left = p.width - EDGE - 2 * GROUP - APART, bright = CELL * 4 / N, up = CELL - CELL * 12 / N;
  for (int k = 0; k < 4; k++) {
    int x = left + k % 2 * (GROUP + APART), y = TOP + k / 2 * (CELL + 24 + 8);
    assert_int_equal(p.rgb[3 * ((y + up) * p.width + x + bright)], maps[k] ? 255 : 244);
    assert_int_equal(p.rgb[3 * ((y + CELL - up) * p.width + x + bright)], maps[k] ? 0 : 244);
    /* the xz slice cuts at y = 8, where there is nothing */
    assert_int_equal(p.rgb[3 * ((y + up) * p.width + x + CELL + 3 + bright)], maps[k] ? 0 : 244);
  }
  free(p.rgb);
  fz_map_clear(&map);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(canvas), cmocka_unit_test(font), cmocka_unit_test(fsc_plot),
                                     cmocka_unit_test(map_plot), cmocka_unit_test(montage)};
  return cmocka_run_group_tests(tests, files_enter, files_leave);
}
