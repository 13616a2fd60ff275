/* frazil info: every kind of file is named, everything else is refused in one sentence. */
#include "files.h"
#include "io/describe.h"
#include "io/mrc.h"

/* The description; free() it. */
static char *describe(const char *path) {
  fz_error err = {0};
  char *text = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&text, &length);
  assert_non_null(out);
  fz_status st = fz_io_describe(path, out, &err);
  fclose(out);
  if (st != FZ_OK) fail_msg("%s", err.text);
  return text;
}

static void expect_words(const char *path, const char *const *words) {
  char *text = describe(path);
  for (; *words; words++)
    if (!strstr(text, *words)) fail_msg("\"%s\" lacks \"%s\"", text, *words);
  free(text);
}

static void expect_refusal(const char *path, const char *word) {
  fz_error err = {0};
  char *text = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&text, &length);
  assert_int_equal(fz_io_describe(path, out, &err), FZ_EINPUT);
  fclose(out);
  free(text);
  ASSERT_SAYS(err, path);
  ASSERT_SAYS(err, word);
}

static void maps_and_stacks(void **state) {
  (void)state;
  float voxel[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  fz_map map = {.n = 2, .voxel_A = 1.25, .voxel = voxel};
  fz_error err = {0};
  fz_io_stack *stack;
  assert_int_equal(fz_io_map_write("m.mrc", &map, "label here", &err), FZ_OK);
  expect_words("m.mrc", (const char *[]){"map of 2 x 2 x 2", "1.25 A", "mean 4.5", "minimum 1, maximum 8",
                                         "standard deviation 2.29129", "label here", "mode 2", NULL});
  assert_int_equal(fz_io_stack_create("s.mrcs", 2, 2, 0, &stack, &err), FZ_OK);
  assert_int_equal(fz_io_stack_write(stack, 0, 2, voxel, &err), FZ_OK);
  assert_int_equal(fz_io_stack_close(&stack, &err), FZ_OK);
  expect_words("s.mrcs", (const char *[]){"stack of 2 images of 2 x 2 pixels", "unknown", NULL});
  assert_int_equal(truncate("s.mrcs", 1040), 0);
  expect_refusal("s.mrcs", "truncated");
  assert_no_blocks();
}

static void tables_and_models(void **state) {
  (void)state;
  files_write_text("p.star",
                   "data_\nloop_\n_rlnImageName\n_rlnVoltage\n_rlnBeamTiltX\n_myColumn\n"
                   "3@none.mrcs 300 0.5 x\n4@none.mrcs 300 0.5 x\n");
  expect_words("p.star", (const char *[]){"2 particles", "RELION 3.0", "300 kV", "missing 1 (none.mrcs)", "beam tilt",
                                          "kept only     myColumn", "pixel size unknown", NULL});
  files_write_text("other.txt", "# comment\n\ndata_fsc\nloop_\n_rlnResolution\n1\n2\n");
  expect_words("other.txt", (const char *[]){"without particle images", "data_fsc: 2 rows", NULL});
  files_write_text("a.pdb", "HEADER\nATOM      1  CA\nATOM      2  CA\nHETATM    3  O\nENDMDL\nATOM\n");
  expect_words("a.pdb", (const char *[]){"3, of which hetero 1", NULL});
  files_write("c.h5", "\x89HDF\r\n\x1a\n more", 13);
  expect_words("c.h5", (const char *[]){"HDF5", NULL});
  assert_no_blocks();
}

static void everything_else_is_refused(void **state) {
  (void)state;
  unsigned char noise[3000];
  for (size_t i = 0; i < sizeof noise; i++) noise[i] = (unsigned char)(i * 37 + i / 256 * 11);
  files_write("noise.bin", noise, sizeof noise);
  expect_refusal("noise.bin", "unknown kind");
  files_write("noise.mrc", noise, sizeof noise);
  expect_refusal("noise.mrc", "not an MRC file");
  files_write("empty.star", "", 0);
  expect_refusal("empty.star", "empty");
  files_write("z.mrc.gz", "\x1f\x8b rest", 7);
  expect_refusal("z.mrc.gz", "gzip");
  files_write_text("none.pdb", "HEADER\n");
  expect_refusal("none.pdb", "no atoms");
  expect_refusal("absent", "No such file");
  expect_refusal(".", "folder");
  assert_no_blocks();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(maps_and_stacks), cmocka_unit_test(tables_and_models),
                                     cmocka_unit_test(everything_else_is_refused)};
  return cmocka_run_group_tests(tests, files_enter, files_leave);
}
