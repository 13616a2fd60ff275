/* Signs of life in files: written, read back, torn, claimed, removed; the last word in status.json; what is told of a
 * run's folder. */
#include "files.h"

#include <fcntl.h>
#include <sys/file.h>

#include "io/describe_run.h"
#include "io/heartbeat.h"
#include "io/json.h"
#include "io/run_status.h"

static const fz_io_heartbeat alive = {
    .beat = 7, .moved = 1234567890123, .waiting = true, .host = "n\"07\\", .verdict = "it's \"over\"\nreally"};
static const fz_io_heartbeat_rank ranks[] = {
    {.rank = 4, .pid = 99, .activity = FZ_AT_SCORE, .waiting = true, .still = 3},
    {.rank = 11, .pid = 100, .activity = FZ_AT_SUM, .silent = 12, .still = 12},
    {.rank = 12, .pid = 101, .left = true},
};

static void heartbeats_come_back(void **state) {
  (void)state;
  fz_io_heartbeat h;
  assert_int_equal(mkdir("run", 0777), 0);
  assert_false(fz_io_heartbeat_read("run", 0, &h));
  assert_true(fz_io_heartbeat_age("run") < 0);
  assert_int_equal(fz_io_heartbeat_prepare("run", 3, NULL), FZ_OK);
  assert_false(fz_io_heartbeat_read("run", 2, &h)); /* there, and empty */
  assert_true(fz_io_heartbeat_age("run") < 0);
  assert_int_equal(fz_io_heartbeat_write("run", 2, &alive, ranks, 3, NULL), FZ_OK);
  assert_true(fz_io_heartbeat_read("run", 2, &h));
  assert_true(h.beat == alive.beat && h.moved == alive.moved && h.waiting && !h.left);
  assert_string_equal(h.host, alive.host);
  assert_string_equal(h.verdict, alive.verdict);
  assert_true(fz_io_heartbeat_age("run") >= 0 && fz_io_heartbeat_age("run") < 100);
  char *text = files_slurp("run/heartbeat/node2.json");
  assert_non_null(strstr(text, "\"rank 4\": \"process 99, scoring images, waits for other ranks, for 3 s\""));
  assert_non_null(strstr(text, "\"rank 11\": \"process 100, summing over ranks, no sign of life for 12 s\""));
  assert_non_null(strstr(text, "\"rank 12\": \"process 101, has left\""));
  /* Cut anywhere before the end of the head, it says nothing; after it, all. */
  char *head = strstr(text, "\"head\": 7");
  for (char *cut = text; cut < head + 9; cut += 5) {
    files_write("run/heartbeat/node1.json", text, (size_t)(cut - text));
    assert_false(fz_io_heartbeat_read("run", 1, &h));
  }
  files_write("run/heartbeat/node1.json", text, (size_t)(head + 9 - text));
  assert_true(fz_io_heartbeat_read("run", 1, &h));
  /* a new head over an old tail */
  text[strlen("{\"beat\": ")] = '8';
  files_write_text("run/heartbeat/node1.json", text);
  assert_false(fz_io_heartbeat_read("run", 1, &h));
  free(text);
  fz_io_heartbeat shorter = {.beat = 8};
  assert_int_equal(fz_io_heartbeat_write("run", 2, &shorter, NULL, 0, NULL), FZ_OK);
  text = files_slurp("run/heartbeat/node2.json");
  assert_string_equal(text + strlen(text) - strlen("\"head\": 8}"), "\"head\": 8}");
  free(text);
}

static void one_alone_has_the_word(void **state) {
  (void)state;
  assert_true(fz_io_heartbeat_claim("run"));
  assert_false(fz_io_heartbeat_claim("run"));
  files_write_text("run/heartbeat/node9.json", "of a larger job");
  assert_int_equal(fz_io_heartbeat_prepare("run", 1, NULL), FZ_OK);
  assert_int_equal(access("run/heartbeat/node9.json", F_OK), -1);
  assert_true(fz_io_heartbeat_claim("run"));
  assert_true(fz_io_heartbeat_claim("no/such/folder")); /* rather two than none */
  files_write_text("run/heartbeat/notes", "somebody's");
  fz_io_heartbeat_remove("run");
  assert_int_equal(access("run/heartbeat/node0.json", F_OK), -1);
  assert_int_equal(unlink("run/heartbeat/notes"), 0); /* not ours to remove */
  fz_io_heartbeat_remove("run");
  assert_int_equal(access("run/heartbeat", F_OK), -1);
}

static char *told(const char *path) {
  char *text = NULL;
  size_t n = 0;
  FILE *out = open_memstream(&text, &n);
  assert_int_equal(fz_io_describe_run(path, out, NULL), FZ_OK);
  fclose(out);
  return text;
}

static void expect_told(const char *path, const char *words) {
  char *text = told(path);
  if (!strstr(text, words)) fail_msg("'%s' is not in:\n%s", words, text);
  free(text);
}

static void the_last_word_stands(void **state) {
  (void)state;
  fz_io_run_report r;
  fz_error err = {0};
  assert_false(fz_io_is_run("run"));
  assert_int_equal(fz_io_run_status_read("run", &r, &err), FZ_EINPUT);
  fz_io_run_status s = {.state = FZ_RUN_RUNNING,
                        .step = "refinement pass 2",
                        .message = "",
                        .fraction = 0.5,
                        .seconds_elapsed = 60,
                        .seconds_left = 61,
                        .checkpoint = 12,
                        .ranks = 4};
  assert_int_equal(fz_io_run_status_write("run", &s, NULL), FZ_OK);
  assert_true(fz_io_is_run("run"));
  assert_int_equal(fz_io_run_status_read("run", &r, NULL), FZ_OK);
  assert_true(r.state == FZ_RUN_RUNNING && r.exit_code == -1 && r.fraction == 0.5 && r.seconds_left == 61);
  assert_true(r.checkpoint == 12 && r.ranks == 4);
  assert_string_equal(r.step, "refinement pass 2");
  /* Whether it runs, the lock tells. */
  expect_told("run", "running no more: the job was killed");
  int lock = open("run/.lock", O_RDWR | O_CREAT, 0666);
  assert_true(lock >= 0 && flock(lock, LOCK_EX) == 0);
  expect_told("run", "state           running\n");
  expect_told("run", "50 % of the run, about 61 s left");
  assert_int_equal(fz_io_heartbeat_prepare("run", 1, NULL), FZ_OK);
  assert_int_equal(fz_io_heartbeat_write("run", 0, &(fz_io_heartbeat){.beat = 1, .host = "n1"}, ranks, 3, NULL), FZ_OK);
  expect_told("run", "rank 11       process 100, summing over ranks, no sign of life for 12 s");
  close(lock);
  expect_told("run", "checkpoint      after step 12");
  /* Condemned: what it was at stays, and the job's own thread cannot take it back. */
  assert_int_equal(fz_io_run_status_condemn("run", 4, "rank 1 is \"lost\"", NULL), FZ_OK);
  assert_int_equal(fz_io_run_status_write("run", &s, NULL), FZ_OK);
  assert_int_equal(fz_io_run_status_read("run", &r, NULL), FZ_OK);
  assert_true(r.state == FZ_RUN_FAILED && r.exit_code == 2 && r.fraction == 0.5 && r.checkpoint == 12);
  assert_string_equal(r.message, "rank 1 is \"lost\"");
  assert_string_equal(r.step, "refinement pass 2");
  expect_told("run", "state           failed, exit code 2\n  message         rank 1 is \"lost\"\n");
  files_write_text("run/status.json", "{\"state\": \"asleep\"}");
  assert_int_equal(fz_io_run_status_read("run", &r, &err), FZ_EINPUT);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void fields_are_found_and_nothing_else(void **state) {
  (void)state;
  char text[16];
  double number;
  bool flag;
  const char *json = "{\"a\": \"\\\"b\\\": 3 \\u0041\", \"b\": -4.5, \"c\": true, \"d\": \"cut";
  assert_true(fz_io_json_find_text(json, "a", text, sizeof text));
  assert_string_equal(text, "\"b\": 3 A");
  assert_true(fz_io_json_find_text(json, "a", text, 4));
  assert_string_equal(text, "\"b\"");
  assert_true(fz_io_json_find_f64(json, "b", &number) && number == -4.5);
  assert_true(fz_io_json_find_bool(json, "c", &flag) && flag);
  assert_false(fz_io_json_find_bool(json, "b", &flag));
  assert_false(fz_io_json_find_text(json, "b", text, sizeof text));
  assert_false(fz_io_json_find_text(json, "d", text, sizeof text));
  assert_false(fz_io_json_find_f64(json, "e", &number));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(heartbeats_come_back),
      cmocka_unit_test(one_alone_has_the_word),
      cmocka_unit_test(the_last_word_stands),
      cmocka_unit_test(fields_are_found_and_nothing_else),
  };
  return cmocka_run_group_tests(tests, files_enter, files_leave);
}
