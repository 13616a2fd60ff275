/* STAR files in every dress; what is not understood is written back unchanged. */
#include <math.h>

#include "files.h"
#include "io/star.h"

static fz_io_star *open_text(const char *text) {
  fz_error err = {0};
  fz_io_star *star;
  files_write_text("a.star", text);
  if (fz_io_star_read("a.star", &star, &err) != FZ_OK) fail_msg("%s", err.text);
  return star;
}

static void assert_cell(fz_io_star_cell cell, const char *text) {
  if (!fz_io_star_is(cell, text)) fail_msg("\"%.*s\" is not \"%s\"", (int)cell.length, cell.text, text);
}

static void loops_pairs_quotes_and_comments(void **state) {
  (void)state;
  fz_io_star *star = open_text(
      "# a comment\n\ndata_general\n\n_rlnTomo 0 # trailing\n_rlnTitle \"two words\"\n\n"
      "data_\r\nloop_ \r\n_rlnA #1\r\n_rlnB #2 \r\n_rlnC\r\n"
      "1 'it's' x#y\r\n\r\n# between\r\n  2.5\t\"say 'hi'\"   end # comment\r\n-3e-2 z w");
  assert_int_equal(fz_io_star_table_count(star), 2);
  fz_io_star_table *general = fz_io_star_find(star, "general"), *t = fz_io_star_find(star, "");
  fz_io_star_cell cell[3];
  assert_non_null(general);
  assert_false(fz_io_star_is_loop(general));
  fz_io_star_row(general, 0, cell);
  assert_cell(cell[0], "0");
  assert_cell(cell[1], "two words");
  assert_non_null(t);
  assert_true(fz_io_star_is_loop(t));
  assert_int_equal(fz_io_star_rows(t), 3);
  assert_int_equal(fz_io_star_columns(t), 3);
  assert_int_equal(fz_io_star_column(t, "rlnB"), 1);
  assert_int_equal(fz_io_star_column(t, "rlnZ"), -1);
  assert_string_equal(fz_io_star_label(t, 2), "rlnC");
  fz_io_star_row(t, 0, cell);
  assert_cell(cell[1], "it's");
  assert_cell(cell[2], "x#y");
  fz_io_star_row(t, 1, cell);
  assert_cell(cell[0], "2.5");
  assert_cell(cell[1], "say 'hi'");
  assert_cell(cell[2], "end");
  fz_io_star_row(t, 2, cell); /* the last line has no newline */
  assert_cell(cell[2], "w");
  assert_int_equal(fz_io_star_line(t, 0), 13);
  assert_int_equal(fz_io_star_line(t, 1), 16);
  assert_int_equal(fz_io_star_line(t, 2), 17);
  fz_io_star_destroy(&star);
  assert_no_blocks();
}

static void numbers(void **state) {
  (void)state;
  double x;
  int64_t i;
  assert_true(fz_io_star_number((fz_io_star_cell){"1.5e3zzz", 5}, &x) && x == 1500);
  assert_false(fz_io_star_number((fz_io_star_cell){"1.5e3z", 6}, &x));
  assert_false(fz_io_star_number((fz_io_star_cell){"", 0}, &x));
  assert_false(fz_io_star_number((fz_io_star_cell){"nan", 3}, &x));
  assert_false(fz_io_star_number((fz_io_star_cell){"inf", 3}, &x));
  assert_true(fz_io_star_integer((fz_io_star_cell){"000012", 6}, &i) && i == 12);
  assert_true(fz_io_star_integer((fz_io_star_cell){"3.000", 5}, &i) && i == 3);
  assert_false(fz_io_star_integer((fz_io_star_cell){"3.5", 3}, &i));
}

static void round_trip_keeps_everything(void **state) {
  (void)state;
  const char *text =
      "data_general\n_rlnKey \"a b\"\n\ndata_optics\nloop_\n_rlnG #1\n1\n\n"
      "data_particles\nloop_\n_rlnX\n_myUnknown\n_rlnY\n1 'q w' 7\n2 plain 8\n3 \"it's\" 9\n";
  fz_error err = {0};
  fz_io_star *star = open_text(text), *back;
  fz_io_star_table *t = fz_io_star_find(star, "particles");
  const double x[3] = {0.1, -22.25, 1e300}, y[3] = {4, 5, 6};
  const char *const name[3] = {"one", "two words", ""};
  const int64_t rows[2] = {2, 0};
  assert_int_equal(fz_io_star_set_numbers(t, "rlnX", x, -1, &err), FZ_OK);
  assert_int_equal(fz_io_star_set_numbers(t, "rlnNew", y, 0, &err), FZ_OK);
  assert_int_equal(fz_io_star_set_text(t, "rlnName", name, &err), FZ_OK);
  fz_io_star_drop(t, "rlnY");
  assert_int_equal(fz_io_star_write(star, "b.star", "made by a test", t, rows, 2, &err), FZ_OK);
  fz_io_star_destroy(&star);
  assert_int_equal(access("b.star.partial", F_OK), -1);
  assert_int_equal(fz_io_star_read("b.star", &back, &err), FZ_OK);
  assert_int_equal(fz_io_star_table_count(back), 3);
  fz_io_star_cell cell[4];
  fz_io_star_row(fz_io_star_find(back, "general"), 0, cell);
  assert_cell(cell[0], "a b");
  t = fz_io_star_find(back, "particles");
  assert_int_equal(fz_io_star_rows(t), 2);
  assert_int_equal(fz_io_star_columns(t), 4);
  assert_string_equal(fz_io_star_label(t, 0), "rlnX"); /* a replaced column keeps its place */
  assert_string_equal(fz_io_star_label(t, 1), "myUnknown");
  double value;
  fz_io_star_row(t, 0, cell);
  assert_true(fz_io_star_number(cell[0], &value) && value == 1e300);
  assert_cell(cell[1], "it's");
  assert_cell(cell[2], "6");
  assert_cell(cell[3], "");
  fz_io_star_row(t, 1, cell);
  assert_true(fz_io_star_number(cell[0], &value) && value == 0.1);
  assert_cell(cell[1], "q w");
  fz_io_star_destroy(&back);
  assert_no_blocks();
}

/* Whatever a value of one line looks like: quotes of both kinds, before blanks and at the end. */
static void values_with_quotes_come_back(void **state) {
  (void)state;
  static const char *const value[] = {"a \"b\"", "it's a",    " #r '   \"", "\"' x",  "'\" x",  "x\r'", "\"",
                                      "'",       "\"a\" b\"", "'a' b'",     "a' \"b", "a\" 'b", "_a",   "data_"};
  enum { VALUES = sizeof value / sizeof value[0] };
  fz_error err = {0};
  fz_io_star *star = open_text("data_\nloop_\n_rlnX\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n"), *back;
  fz_io_star_cell cell[2];
  fz_io_star_table *t = fz_io_star_table_at(star, 0);
  assert_int_equal(fz_io_star_rows(t), VALUES);
  assert_int_equal(fz_io_star_set_text(t, "rlnName", value, &err), FZ_OK);
  assert_int_equal(fz_io_star_write(star, "q.star", NULL, NULL, NULL, 0, &err), FZ_OK);
  fz_io_star_destroy(&star);
  assert_int_equal(fz_io_star_read("q.star", &back, &err), FZ_OK);
  for (int64_t row = 0; row < VALUES; row++) {
    fz_io_star_row(fz_io_star_table_at(back, 0), row, cell);
    assert_cell(cell[1], value[row]);
  }
  fz_io_star_destroy(&back);
}

static void expect_refusal(const char *text, const char *place, const char *word) {
  fz_error err = {0};
  fz_io_star *star;
  files_write_text("bad.star", text);
  assert_int_equal(fz_io_star_read("bad.star", &star, &err), FZ_EINPUT);
  assert_null(star);
  ASSERT_SAYS(err, place);
  ASSERT_SAYS(err, word);
}

static void bad_files_name_the_line(void **state) {
  (void)state;
  expect_refusal("", "bad.star", "no data_ block");
  expect_refusal("hello\n", "bad.star:1", "hello");
  expect_refusal("data_\nloop_\n_a\n_b\n1 2\n1\n", "bad.star:6", "1 values for the 2 columns");
  expect_refusal("data_\nloop_\n_a\n1 2\n", "bad.star:4", "2 values for the 1 columns");
  expect_refusal("data_\nloop_\n_a\n\"open\n", "bad.star:4", "not closed");
  expect_refusal("data_\n_a\n", "bad.star:2", "_a has no value");
  expect_refusal("data_\nloop_\n_a\n_a\n", "bad.star:4", "twice");
  expect_refusal("loop_\n_a\n", "bad.star:1", "before any data_");
  expect_refusal("data_\n_text\n;many\nlines\n;\n", "bad.star:2", "no value");
  fz_error err = {0};
  fz_io_star *star;
  files_write("bad.star", "data_\n\0\n", 8);
  assert_int_equal(fz_io_star_read("bad.star", &star, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "binary");
  assert_int_equal(fz_io_star_read("absent.star", &star, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "absent.star");
  assert_no_blocks();
}

/* Memory must grow with the text and the rows, not with the cells. */
static void large_tables_stay_small(void **state) {
  (void)state;
  enum { ROWS = 20000 };
  const char *row = "1.000000 2.000000 3.000000 4.000000 5.000000 6.000000 7.000000 8.000000 9.000000 10.00000\n";
  const char *head = "data_particles\nloop_\n_a\n_b\n_c\n_d\n_e\n_f\n_g\n_h\n_i\n_j\n";
  size_t bytes = strlen(head) + ROWS * strlen(row);
  char *text = malloc(bytes + 1);
  strcpy(text, head);
  for (int i = 0; i < ROWS; i++) memcpy(text + strlen(head) + (size_t)i * strlen(row), row, strlen(row) + 1);
  ptrdiff_t before = fz_memory_bytes();
  fz_io_star *star = open_text(text);
  ptrdiff_t used = fz_memory_bytes() - before;
  assert_int_equal(fz_io_star_rows(fz_io_star_find(star, "particles")), ROWS);
  assert_true(used < (ptrdiff_t)bytes + 2 * 16 * ROWS + 65536); /* rows double as they grow: at most twice 16 bytes */
  fz_io_star_destroy(&star);
  free(text);
  assert_no_blocks();
}

/* A value that would begin a block or a loop if it stood alone on its line keeps its quotes. */
static void keywords_as_values_are_written_in_quotes(void **state) {
  (void)state;
  fz_error err = {0};
  fz_io_star_cell cell[1];
  fz_io_star *star = open_text("data_\nloop_\n_rlnA\n\"data_x\"\n'loop_'\nloop_2\n");
  assert_int_equal(fz_io_star_write(star, "b.star", NULL, NULL, NULL, 0, &err), FZ_OK);
  fz_io_star_destroy(&star);
  assert_int_equal(fz_io_star_read("b.star", &star, &err), FZ_OK);
  fz_io_star_table *t = fz_io_star_find(star, "");
  assert_int_equal(fz_io_star_table_count(star), 1);
  assert_int_equal(fz_io_star_rows(t), 3);
  fz_io_star_row(t, 0, cell);
  assert_cell(cell[0], "data_x");
  fz_io_star_row(t, 1, cell);
  assert_cell(cell[0], "loop_");
  fz_io_star_destroy(&star);
  assert_no_blocks();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loops_pairs_quotes_and_comments),
      cmocka_unit_test(numbers),
      cmocka_unit_test(round_trip_keeps_everything),
      cmocka_unit_test(values_with_quotes_come_back),
      cmocka_unit_test(bad_files_name_the_line),
      cmocka_unit_test(large_tables_stay_small),
      cmocka_unit_test(keywords_as_values_are_written_in_quotes),
  };
  return cmocka_run_group_tests(tests, files_enter, files_leave);
}
