/* Matching particles by image: moved folders, repeated file names, strangers, duplicates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/memory.h"
#include "metrics/pose_match.h"

static fz_particle image(int stack, int64_t slice) {
  return (fz_particle){.stack = stack, .slice = slice};
}

static void moved_folder(void **state) {
  (void)state;
  char *old_paths[] = {"a/one.mrcs", "a/two.mrcs"}, *new_paths[] = {"two.mrcs", "/far/one.mrcs", "three.mrcs"};
  fz_particle old[] = {image(0, 0), image(0, 1), image(1, 0), image(1, 1)};
  fz_particle fresh[] = {image(0, 1), image(1, 0), image(2, 0), image(0, 7)};
  fz_particles truth = {.n = 4, .particle = old, .n_stacks = 2, .stack_path = old_paths};
  fz_particles table = {.n = 4, .particle = fresh, .n_stacks = 3, .stack_path = new_paths};
  int64_t row[4];
  assert_int_equal(fz_pose_match(&table, &truth, row, NULL), FZ_OK);
  assert_int_equal(row[0], 3);
  assert_int_equal(row[1], 0);
  assert_int_equal(row[2], -1);
  assert_int_equal(row[3], -1);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void folders_decide_when_names_repeat(void **state) {
  (void)state;
  char *paths[] = {"a/x.mrcs", "b/x.mrcs"};
  fz_particle old[] = {image(0, 0), image(1, 0)}, fresh[] = {image(1, 0), image(0, 0)};
  fz_particles truth = {.n = 2, .particle = old, .n_stacks = 2, .stack_path = paths};
  fz_particles table = {.n = 2, .particle = fresh, .n_stacks = 2, .stack_path = paths};
  int64_t row[2];
  assert_int_equal(fz_pose_match(&table, &truth, row, NULL), FZ_OK);
  assert_true(row[0] == 1 && row[1] == 0);
  old[1] = old[0];
  assert_int_equal(fz_pose_match(&table, &truth, row, NULL), FZ_EINPUT);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(moved_folder),
                                     cmocka_unit_test(folders_decide_when_names_repeat)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
