/* The log sink: threshold, ranks, the copy in a run's log file, level names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "io/log.h"

/* What a log of three lines leaves in the copy, for a rank and a threshold. Free it. */
static char *copy_of_log(fz_log_level threshold, int rank) {
  char *text = NULL;
  size_t size;
  FILE *copy = open_memstream(&text, &size);
  fz_io_log_start(threshold, rank);
  fz_io_log_copy(copy);
  fz_log(FZ_LOG_ERROR, "first %d", 1);
  fz_log(FZ_LOG_INFO, "second");
  fz_log(FZ_LOG_DEBUG, "third");
  fz_io_log_copy(NULL);
  fz_log(FZ_LOG_ERROR, "after the copy ended");
  fclose(copy);
  return text;
}

static void rank_zero_speaks(void **state) {
  (void)state;
  char *text = copy_of_log(FZ_LOG_INFO, 0);
  assert_non_null(strstr(text, "Z error  rank 0  first 1\n"));
  assert_non_null(strstr(text, "Z info   rank 0  second\n"));
  assert_null(strstr(text, "third"));
  assert_null(strstr(text, "after"));
  free(text);
  text = copy_of_log(FZ_LOG_DEBUG, 0);
  assert_non_null(strstr(text, "third"));
  free(text);
}

static void others_speak_of_errors(void **state) {
  (void)state;
  char *text = copy_of_log(FZ_LOG_DEBUG, 3);
  assert_non_null(strstr(text, "rank 3  first 1\n"));
  assert_null(strstr(text, "second"));
  free(text);
}

static void level_names(void **state) {
  (void)state;
  fz_log_level level = FZ_LOG_INFO;
  assert_true(fz_io_log_level("detail", &level) && level == FZ_LOG_DETAIL);
  assert_false(fz_io_log_level("loud", &level));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(rank_zero_speaks), cmocka_unit_test(others_speak_of_errors),
                                     cmocka_unit_test(level_names)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
