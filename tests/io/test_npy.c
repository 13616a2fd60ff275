/* NumPy structured arrays made byte by byte. */
#include "files.h"

#include "io/npy.h"

/* Version 1 file: magic, header padded to 64 bytes, then data. */
static size_t put_npy(unsigned char *bytes, int version, const char *dictionary, const void *data, size_t n) {
  size_t prefix = version == 1 ? 10 : 12, length = strlen(dictionary) + 1;
  while ((prefix + length) % 64) length++;
  memcpy(bytes, "\x93NUMPY", 6);
  bytes[6] = (unsigned char)version;
  bytes[7] = 0;
  memset(bytes + 8, 0, 4);
  bytes[8] = (unsigned char)length;
  bytes[9] = (unsigned char)(length >> 8);
  memset(bytes + prefix, ' ', length);
  memcpy(bytes + prefix, dictionary, strlen(dictionary));
  bytes[prefix + length - 1] = '\n';
  memcpy(bytes + prefix + length, data, n);
  return prefix + length + n;
}

static void fields_in_both_byte_orders(void **state) {
  (void)state;
  for (int big = 0; big < 2; big++) {
    char dictionary[400];
    unsigned char row[29], data[58], bytes[1024];
    char o = big ? '>' : '<';
    snprintf(dictionary, sizeof dictionary,
             "{'descr': [('uid', '%cu8'), ('blob/path', '|S5'), ('shift', '%cf4', (2,)), ('n', '%ci4'), ('d', '%ci2'), "
             "('e', '|u1'), ('f', '|b1')], 'fortran_order': False, 'shape': (2,), }",
             o, o, o, o);
    memset(row, 0, sizeof row);
    files_put32(row + (big ? 4 : 0), 77, big);
    memcpy(row + 8, "a.mrc", 5);
    files_put_real(row + 13, 1.5f, big);
    files_put_real(row + 17, -2.25f, big);
    files_put32(row + 21, (uint32_t)-9, big);
    files_put16(row + 25, (uint16_t)-300, big);
    row[27] = 200;
    row[28] = 1;
    memcpy(data, row, 29);
    memcpy(row + 8, "b\0\0\0\0", 5);
    memcpy(data + 29, row, 29);
    files_write("a.cs", bytes, put_npy(bytes, big ? 2 : 1, dictionary, data, sizeof data));
    fz_io_npy npy;
    fz_error err = {0};
    assert_true(fz_io_npy_is("a.cs"));
    if (fz_io_npy_read("a.cs", &npy, &err) != FZ_OK) fail_msg("%s", err.text);
    assert_int_equal(npy.rows, 2);
    assert_int_equal(npy.row_bytes, 29);
    assert_int_equal(npy.fields, 7);
    ptrdiff_t length;
    assert_true(fz_io_npy_number(&npy, fz_io_npy_find(&npy, "uid"), 1, 0) == 77);
    assert_memory_equal(fz_io_npy_text(&npy, fz_io_npy_find(&npy, "blob/path"), 0, &length), "a.mrc", 5);
    assert_int_equal(length, 5);
    assert_memory_equal(fz_io_npy_text(&npy, fz_io_npy_find(&npy, "blob/path"), 1, &length), "b", 1);
    assert_int_equal(length, 1);
    assert_true(fz_io_npy_number(&npy, fz_io_npy_find(&npy, "shift"), 1, 0) == 1.5);
    assert_true(fz_io_npy_number(&npy, fz_io_npy_find(&npy, "shift"), 1, 1) == -2.25);
    assert_true(fz_io_npy_number(&npy, fz_io_npy_find(&npy, "n"), 0, 0) == -9);
    assert_true(fz_io_npy_number(&npy, fz_io_npy_find(&npy, "d"), 0, 0) == -300);
    assert_true(fz_io_npy_number(&npy, fz_io_npy_find(&npy, "e"), 0, 0) == 200);
    assert_true(fz_io_npy_number(&npy, fz_io_npy_find(&npy, "f"), 0, 0) == 1);
    assert_null(fz_io_npy_find(&npy, "absent"));
    fz_io_npy_clear(&npy);
  }
  assert_no_blocks();
}

static void expect_refusal(const char *dictionary, size_t n, const char *word) {
  unsigned char bytes[2048], data[64] = {0};
  fz_io_npy npy;
  fz_error err = {0};
  files_write("bad.cs", bytes, put_npy(bytes, 1, dictionary, data, n));
  assert_int_equal(fz_io_npy_read("bad.cs", &npy, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "bad.cs");
  ASSERT_SAYS(err, word);
}

static void refusals(void **state) {
  (void)state;
  expect_refusal("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }", 15, "truncated");
  expect_refusal("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", 16, "named fields");
  expect_refusal("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (4,), }", 32, "type");
  expect_refusal("{'descr': [('a', '<f4'), ], 'fortran_order': False, }", 16, "shape");
  expect_refusal("{'descr': [('a', '<f4'", 16, "header");
  expect_refusal("{'descr': [('a', '<f4', (99999999, 99999999))], 'shape': (1,)}", 16, "header");
  expect_refusal("{'descr': [('a', '<f8')], 'shape': (999999999999,)}", 16, "truncated");
  expect_refusal("nonsense", 16, "dictionary");
  fz_io_npy npy;
  fz_error err = {0};
  files_write("cut.cs", "\x93NUMPY\x01\0\xff\xff{'descr'", 18);
  assert_int_equal(fz_io_npy_read("cut.cs", &npy, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "truncated");
  assert_false(fz_io_npy_is("absent.cs"));
  assert_no_blocks();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(fields_in_both_byte_orders), cmocka_unit_test(refusals)};
  return cmocka_run_group_tests(tests, files_enter, files_leave);
}
