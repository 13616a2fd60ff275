/* Lines that survive a kill, JSON text, status.json, the manifest's parser. */
#include "files.h"

#include <math.h>

#include "io/json.h"
#include "io/manifest.h"
#include "io/records.h"
#include "io/run_dir.h"
#include "io/run_status.h"

static void expect_file(const char *path, const char *expected) {
  char *text = files_slurp(path);
  assert_string_equal(text, expected);
  free(text);
}

static void records_are_cut_to_the_checkpoint(void **state) {
  (void)state;
  fz_io_records *r;
  assert_int_equal(fz_io_records_open("m.jsonl", 0, &r, NULL), FZ_OK);
  const char *const lines[] = {"{\"a\": 1}", "", "{\"c\": 3}"};
  for (int i = 0; i < 3; i++) assert_int_equal(fz_io_records_append(r, lines[i], NULL), FZ_OK);
  assert_int_equal(fz_io_records_count(r), 3);
  fz_io_records_close(&r);
  assert_null(r);
  expect_file("m.jsonl", "{\"a\": 1}\n\n{\"c\": 3}\n");
  /* a kill cut the fourth line; the checkpoint knew of two */
  files_write_text("m.jsonl", "{\"a\": 1}\n\n{\"c\": 3}\n{\"d\":");
  assert_int_equal(fz_io_records_open("m.jsonl", INT64_MAX, &r, NULL), FZ_OK);
  assert_int_equal(fz_io_records_count(r), 3);
  fz_io_records_close(&r);
  assert_int_equal(fz_io_records_open("m.jsonl", 2, &r, NULL), FZ_OK);
  assert_int_equal(fz_io_records_append(r, "again", NULL), FZ_OK);
  fz_io_records_close(&r);
  expect_file("m.jsonl", "{\"a\": 1}\n\nagain\n");
  /* fewer lines than the checkpoint saw is no reason to fail */
  assert_int_equal(fz_io_records_open("m.jsonl", 9, &r, NULL), FZ_OK);
  assert_int_equal(fz_io_records_count(r), 3);
  fz_io_records_close(&r);
  assert_int_equal(fz_io_records_open("m.jsonl", 0, &r, NULL), FZ_OK);
  fz_io_records_close(&r);
  expect_file("m.jsonl", "");
  assert_no_blocks();
}

static void many_records_span_blocks(void **state) {
  (void)state;
  fz_io_records *r;
  char line[200];
  assert_int_equal(fz_io_records_open("many", 0, &r, NULL), FZ_OK);
  for (int i = 0; i < 3000; i++) {
    memset(line, 'a' + i % 26, sizeof line);
    line[i % 150] = '\0';
    assert_int_equal(fz_io_records_append(r, line, NULL), FZ_OK);
  }
  fz_io_records_close(&r);
  assert_int_equal(fz_io_records_open("many", 2500, &r, NULL), FZ_OK);
  assert_int_equal(fz_io_records_count(r), 2500);
  fz_io_records_close(&r);
  char *text = files_slurp("many");
  size_t length = 0;
  for (int i = 0; i < 2500; i++) length += (size_t)(i % 150) + 1;
  assert_int_equal(strlen(text), length);
  free(text);
  fz_error err;
  assert_int_equal(fz_io_records_open("no/such/folder/m", 0, &r, &err), FZ_EIO);
  ASSERT_SAYS(err, "no/such/folder/m");
  assert_null(r);
  assert_no_blocks();
}

static void json_is_escaped(void **state) {
  (void)state;
  fz_io_json json;
  const double values[] = {1, 0.1, NAN};
  fz_io_json_begin(&json);
  fz_io_json_text(&json, "name", "a \"b\" \\ c\n\x01");
  fz_io_json_i64(&json, "n", -9007199254740993);
  fz_io_json_f64(&json, "x", 0.5);
  fz_io_json_f64(&json, "inf", INFINITY);
  fz_io_json_bool(&json, "yes", true);
  fz_io_json_f64_array(&json, "v", values, 3);
  fz_io_json_f64_array(&json, "none", values, 0);
  assert_string_equal(fz_io_json_end(&json),
                      "{\"name\": \"a \\\"b\\\" \\\\ c\\u000a\\u0001\", \"n\": -9007199254740993, \"x\": 0.5, "
                      "\"inf\": null, \"yes\": true, \"v\": [1, 0.10000000000000001, null], \"none\": []}");
  fz_io_json_clear(&json);
  fz_io_json_begin(&json); /* growth */
  for (int i = 0; i < 500; i++) fz_io_json_i64(&json, "k", i);
  const char *text = fz_io_json_end(&json);
  assert_non_null(text);
  assert_non_null(strstr(text, "\"k\": 255, \"k\": 256"));
  assert_int_equal(text[strlen(text) - 1], '}');
  fz_io_json_clear(&json);
  assert_no_blocks();
}

static void status_tells_the_exit_code(void **state) {
  (void)state;
  fz_io_run_status s = {.state = FZ_RUN_RUNNING,
                        .step = "pass 1",
                        .message = "",
                        .fraction = 0.25,
                        .seconds_elapsed = 3,
                        .seconds_left = -1,
                        .checkpoint = -1,
                        .ranks = 4};
  assert_int_equal(fz_io_run_status_write(".", &s, NULL), FZ_OK);
  char *text = files_slurp("status.json");
  assert_non_null(strstr(text, "\"state\": \"running\""));
  assert_null(strstr(text, "exit_code"));
  assert_null(strstr(text, "seconds_left"));
  assert_non_null(strstr(text, "\"fraction\": 0.25"));
  free(text);
  s.state = FZ_RUN_STOPPED;
  s.status = FZ_ESTOPPED;
  s.checkpoint = 7;
  s.seconds_left = 10;
  assert_int_equal(fz_io_run_status_write(".", &s, NULL), FZ_OK);
  text = files_slurp("status.json");
  assert_non_null(strstr(text, "\"exit_code\": 75"));
  assert_non_null(strstr(text, "\"checkpoint\": 7"));
  assert_non_null(strstr(text, "\"seconds_left\": 10"));
  free(text);
  assert_int_equal(fz_io_run_status_write("no/such", &s, NULL), FZ_EIO);
  assert_no_blocks();
}

static void manifests_are_read_strictly(void **state) {
  (void)state;
  fz_io_manifest in = {.n = 2, .entry = {{12, -3, 1LL << 40, 0xdeadbeef}, {11, 5, 17, 1}}}, out;
  fz_error err;
  fz_io_manifest_condition is;
  assert_int_equal(fz_io_manifest_read("manifest", &out, &is, NULL), FZ_OK);
  assert_int_equal(out.n, 0);
  assert_int_equal(is, FZ_MANIFEST_MISSING);
  assert_int_equal(fz_io_manifest_write("manifest", &in, NULL), FZ_OK);
  assert_int_equal(fz_io_manifest_read("manifest", &out, &is, NULL), FZ_OK);
  assert_int_equal(out.n, 2);
  assert_int_equal(is, FZ_MANIFEST_GOOD);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(out.entry[i].sequence, in.entry[i].sequence);
    assert_int_equal(out.entry[i].generation, in.entry[i].generation);
    assert_int_equal(out.entry[i].bytes, in.entry[i].bytes);
    assert_int_equal(out.entry[i].crc, in.entry[i].crc);
  }
  char *text = files_slurp("manifest");
  size_t n = strlen(text);
  for (size_t length = 0; length < n; length++) { /* cut anywhere */
    files_write("cut", text, length);
    assert_int_equal(fz_io_manifest_read("cut", &out, &is, &err), FZ_OK);
    assert_int_equal(is, FZ_MANIFEST_DAMAGED);
    assert_int_equal(out.n, 0);
  }
  for (size_t at = 0; at < n; at++) /* any bit */
    for (int flip = 1; flip < 256; flip *= 2) {
      text[at] = (char)(text[at] ^ flip);
      files_write("flipped", text, n);
      assert_int_equal(fz_io_manifest_read("flipped", &out, &is, &err), FZ_OK);
      assert_int_equal(is, FZ_MANIFEST_DAMAGED);
      assert_int_equal(out.n, 0);
      text[at] = (char)(text[at] ^ flip);
    }
  free(text);
  const char *const wrong[] = {"frazil checkpoints 2\nend\n", "frazil checkpoints 2\nend crc32 00000000\n",
                               "frazil checkpoints 2\nstate-000001.h5 generation 1 bytes -1 crc32 0\nend\n"};
  for (int i = 0; i < 3; i++) {
    files_write_text("wrong", wrong[i]);
    assert_int_equal(fz_io_manifest_read("wrong", &out, &is, &err), FZ_OK);
    assert_int_equal(is, FZ_MANIFEST_DAMAGED);
  }
  files_write_text("old", "frazil checkpoints 1\nstate-000001.h5 generation 1 bytes 5 crc32 0000000a\nend\n");
  assert_int_equal(fz_io_manifest_read("old", &out, &is, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "another version");
  assert_no_blocks();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(records_are_cut_to_the_checkpoint),
                                     cmocka_unit_test(many_records_span_blocks), cmocka_unit_test(json_is_escaped),
                                     cmocka_unit_test(status_tells_the_exit_code),
                                     cmocka_unit_test(manifests_are_read_strictly)};
  return cmocka_run_group_tests(tests, files_enter, files_leave);
}
