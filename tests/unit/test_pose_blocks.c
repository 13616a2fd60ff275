/* Pose blocks: every direction of every class in exactly one, blocks in order and about even. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "estep/pose_blocks.h"

static void check(int directions, int classes) {
  fz_quadrature q = {.n_directions = directions, .n_psi = 4, .n_shifts = 1};
  int blocks = fz_pose_blocks(&q, classes), next_class = 0, next = 0, most = 0, fewest = directions * classes;
  assert_in_range(blocks, 1, FZ_POSE_BLOCKS_MOST);
  for (int b = 0; b < blocks; b++) {
    int first_class, last_class, share = 0;
    fz_pose_block_classes(&q, classes, b, &first_class, &last_class);
    for (int k = 0; k < classes; k++) {
      int first, count;
      fz_pose_block_directions(&q, classes, b, k, &first, &count);
      assert_int_equal(count > 0, k >= first_class && k <= last_class);
      if (!count) continue;
      if (next == directions) next_class++, next = 0;
      assert_int_equal(k, next_class);
      assert_int_equal(first, next);
      assert_int_equal(first % FZ_POSE_PACKET, 0);
      next = first + count;
      share += count;
    }
    assert_true(share > 0);
    most = share > most ? share : most;
    fewest = share < fewest ? share : fewest;
  }
  assert_int_equal(next_class, classes - 1);
  assert_int_equal(next, directions);
  /* One packet more or less, and last packets of classes may be short. */
  assert_true(most - fewest <= FZ_POSE_PACKET * (2 + classes));
}

static void every_direction_is_in_one_block(void **state) {
  (void)state;
  const int directions[] = {1, 12, 16, 17, 48, 94, 96, 192, 768, 1000, 12288};
  for (size_t i = 0; i < sizeof directions / sizeof directions[0]; i++)
    for (int classes = 1; classes <= 13; classes++) check(directions[i], classes);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_direction_is_in_one_block)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
