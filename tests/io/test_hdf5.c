/* Files under our names that another program wrote: nothing is taken for what it is not, nothing is overrun. */
#include "files.h"

#include <hdf5.h>

#include "io/hdf5.h"

enum { UNTOUCHED = 0x5a };

static void put_attribute(hid_t file, const char *name, hid_t space) {
  const int64_t values[20] = {1, 2, 3};
  hid_t attribute = H5Acreate2(file, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(attribute >= 0 && H5Awrite(attribute, H5T_NATIVE_INT64, values) >= 0);
  H5Aclose(attribute);
  H5Sclose(space);
}

static void put_text(hid_t file, const char *name, const char *text, size_t size) {
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  assert_true(H5Tset_size(type, size) >= 0);
  hid_t data = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(data >= 0 && H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) >= 0);
  H5Dclose(data);
  H5Sclose(space);
  H5Tclose(type);
}

static void write_foreign_file(void) {
  hid_t file = H5Fcreate("a.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), space = H5Screate(H5S_NULL);
  assert_true(file >= 0);
  put_attribute(file, "one", H5Screate(H5S_SCALAR));
  put_attribute(file, "many", H5Screate_simple(1, (hsize_t[]){20}, NULL));
  put_attribute(file, "none", H5Screate(H5S_NULL));
  put_text(file, "ends", "seven.", 7);
  put_text(file, "open", "eight ..", 8);
  hid_t data = H5Dcreate2(file, "null", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(data >= 0);
  H5Dclose(data);
  H5Sclose(space);
  assert_true(H5Fclose(file) >= 0);
}

static fz_io_h5 *open_foreign_file(void) {
  fz_error err = {0};
  fz_io_h5 *h5;
  write_foreign_file();
  if (fz_io_h5_open("a.h5", &h5, &err) != FZ_OK) fail_msg("%s", err.text);
  return h5;
}

static void an_attribute_is_one_number(void **state) {
  (void)state;
  fz_io_h5 *h5 = open_foreign_file();
  int64_t value[3] = {-5, -6, -7};
  assert_true(fz_io_h5_get_i64(h5, "/", "one", &value[0]) && value[0] == 1);
  assert_false(fz_io_h5_get_i64(h5, "/", "many", &value[1]));
  assert_false(fz_io_h5_get_i64(h5, "/", "none", &value[1]));
  assert_false(fz_io_h5_get_i64(h5, "/", "absent", &value[1]));
  assert_true(value[1] == -6 && value[2] == -7);
  fz_io_h5_close(&h5);
  assert_no_blocks();
}

static void a_text_has_an_end(void **state) {
  (void)state;
  fz_io_h5 *h5 = open_foreign_file();
  fz_error err = {0};
  char text[9] = "";
  fz_state_item item = {.type = FZ_STATE_TEXT, .dims = {8}, .name = "ends"};
  memset(text, UNTOUCHED, sizeof text);
  assert_int_equal(fz_io_h5_check(h5, &item, &err), FZ_OK);
  assert_int_equal(fz_io_h5_read_rows(h5, &item, 0, 1, text, &err), FZ_OK);
  assert_string_equal(text, "seven.");
  strcpy(item.name, "open");
  assert_int_equal(fz_io_h5_check(h5, &item, &err), FZ_OK);
  assert_int_equal(fz_io_h5_read_rows(h5, &item, 0, 1, text, &err), FZ_EIO);
  assert_non_null(strstr(err.text, "open: the text has no end"));
  assert_int_equal(text[8], UNTOUCHED);
  fz_io_h5_close(&h5);
  assert_no_blocks();
}

static void nothing_is_no_scalar(void **state) {
  (void)state;
  fz_io_h5 *h5 = open_foreign_file();
  fz_error err = {0};
  fz_state_item item = {.type = FZ_STATE_I64, .name = "null"};
  assert_int_equal(fz_io_h5_check(h5, &item, &err), FZ_EINPUT);
  assert_non_null(strstr(err.text, "dataset null"));
  fz_io_h5_close(&h5);
  assert_no_blocks();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_attribute_is_one_number),
      cmocka_unit_test(a_text_has_an_end),
      cmocka_unit_test(nothing_is_no_scalar),
  };
  return cmocka_run_group_tests(tests, files_enter, files_leave);
}
