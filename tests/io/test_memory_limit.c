/* Limits of memory, on made-up control groups and variables. */
#include "files.h"

#include "io/memory_limit.h"

static void folder(const char *path) {
  assert_int_equal(mkdir(path, 0700), 0);
}

static void the_lowest_on_the_way_up_counts(void **state) {
  (void)state;
  folder("v2");
  folder("v2/slurm");
  folder("v2/slurm/job_7");
  folder("v2/slurm/job_7/step_0");
  files_write_text("v2/slurm/memory.max", "8589934592\n");
  files_write_text("v2/slurm/job_7/memory.max", "2147483648\n");
  files_write_text("v2/slurm/job_7/step_0/memory.max", "max\n");
  files_write_text("membership", "0::/slurm/job_7/step_0\n");
  fz_io_memory_limit limit = fz_io_memory_limit_cgroup("membership", "v2");
  assert_int_equal(limit.bytes, 2147483648);
  assert_non_null(strstr(limit.name, "v2/slurm/job_7/memory.max"));
  /* one level lower still */
  files_write_text("v2/slurm/job_7/step_0/memory.max", "1000000000\n");
  assert_int_equal(fz_io_memory_limit_cgroup("membership", "v2").bytes, 1000000000);
}

static void version_one_has_a_tree_of_its_own(void **state) {
  (void)state;
  folder("v1");
  folder("v1/memory");
  folder("v1/memory/job");
  files_write_text("v1/memory/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
  files_write_text("v1/memory/job/memory.limit_in_bytes", "500000000\n");
  files_write_text("membership1", "12:cpuset,memory:/job\n5:cpu,cpuacct:/job\n1:name=systemd:/other\n");
  assert_int_equal(fz_io_memory_limit_cgroup("membership1", "v1").bytes, 500000000);
  files_write_text("membership1", "12:cpuset,memoryless:/job\n");
  assert_int_equal(fz_io_memory_limit_cgroup("membership1", "v1").bytes, INT64_MAX);
}

static void groups_out_of_sight_are_passed_over(void **state) {
  (void)state;
  folder("box");
  files_write_text("box/memory.max", "700000000\n"); /* a container's own root */
  files_write_text("membership2", "0::/docker/abc/def\n");
  assert_int_equal(fz_io_memory_limit_cgroup("membership2", "box").bytes, 700000000);
  files_write_text("box/memory.max", "lots\n");
  assert_int_equal(fz_io_memory_limit_cgroup("membership2", "box").bytes, INT64_MAX);
  assert_int_equal(fz_io_memory_limit_cgroup("no such file", "box").bytes, INT64_MAX);
}

static void slurm_tells_in_megabytes(void **state) {
  (void)state;
  unsetenv("SLURM_MEM_PER_NODE");
  unsetenv("SLURM_MEM_PER_CPU");
  assert_int_equal(fz_io_memory_limit_slurm().bytes, INT64_MAX);
  setenv("SLURM_MEM_PER_CPU", "1000", 1);
  assert_int_equal(fz_io_memory_limit_slurm().bytes, INT64_MAX); /* of how many? */
  setenv("SLURM_CPUS_ON_NODE", "4", 1);
  assert_int_equal(fz_io_memory_limit_slurm().bytes, (int64_t)4000 << 20);
  setenv("SLURM_MEM_PER_NODE", "3000", 1);
  fz_io_memory_limit limit = fz_io_memory_limit_slurm();
  assert_int_equal(limit.bytes, (int64_t)3000 << 20);
  assert_string_equal(limit.name, "SLURM_MEM_PER_NODE");
  assert_true(fz_io_memory_limit_node().bytes <= limit.bytes);
  setenv("SLURM_MEM_PER_NODE", "0", 1); /* all of the node */
  assert_int_equal(fz_io_memory_limit_slurm().bytes, (int64_t)4000 << 20);
  unsetenv("SLURM_MEM_PER_NODE");
  unsetenv("SLURM_MEM_PER_CPU");
  unsetenv("SLURM_CPUS_ON_NODE");
}

static void free_memory_is_read(void **state) {
  (void)state;
  files_write_text("meminfo", "MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable:    2000000 kB\n");
  assert_int_equal(fz_io_memory_available("meminfo"), (int64_t)2000000 * 1024);
  files_write_text("meminfo", "MemTotal:       16000000 kB\n");
  assert_int_equal(fz_io_memory_available("meminfo"), INT64_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_lowest_on_the_way_up_counts),
      cmocka_unit_test(version_one_has_a_tree_of_its_own),
      cmocka_unit_test(groups_out_of_sight_are_passed_over),
      cmocka_unit_test(slurm_tells_in_megabytes),
      cmocka_unit_test(free_memory_is_read),
  };
  return cmocka_run_group_tests(tests, files_enter, files_leave);
}
