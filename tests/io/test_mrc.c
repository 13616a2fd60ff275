/* MRC files made byte by byte, in every mode and byte order, read back; maps and stacks written and read again. */
#include "files.h"

#include <math.h>

#include "io/mrc.h"

static int16_t value_of(int i) {
  return (int16_t)(i % 101 - 50);
}

/* Values -50..50 as IEEE half: exactly representable, encoded here from the definition. */
static uint32_t half_bits(int v) {
  if (v == 0) return 0;
  int magnitude = abs(v), exponent = 0;
  while (magnitude >> (exponent + 1)) exponent++;
  uint32_t fraction = ((uint32_t)magnitude << (10 - exponent)) & 1023;
  return (v < 0 ? 0x8000u : 0) | (uint32_t)(exponent + 15) << 10 | fraction;
}

static size_t put_pixel(unsigned char *at, int v, int mode, bool big) {
  switch (mode) {
    case 0: *at = (unsigned char)(int8_t)v; return 1;
    case 1: files_put16(at, (uint16_t)(int16_t)v, big); return 2;
    case 2: files_put_real(at, (float)v, big); return 4;
    case 6: files_put16(at, (uint32_t)(v + 50) * 600, big); return 2;
    default: files_put16(at, half_bits(v), big); return 2;
  }
}

static float expected(int v, int mode) {
  return mode == 6 ? (float)((v + 50) * 600) : (float)v;
}

enum { NX = 5, NY = 4, NZ = 3, PIXELS = NX * NY * NZ };

static size_t make_file(unsigned char *bytes, int mode, bool big, int extended) {
  files_mrc_header(bytes, NX, NY, NZ, mode, 0, big);
  files_put32(bytes + 92, (uint32_t)extended, big);
  memset(bytes + 1024, 0xee, (size_t)extended);
  size_t at = 1024 + (size_t)extended;
  for (int i = 0; i < PIXELS; i++) at += put_pixel(bytes + at, value_of(i), mode, big);
  return at;
}

static void modes_and_byte_orders(void **state) {
  (void)state;
  const int modes[] = {0, 1, 2, 6, 12};
  for (int k = 0; k < 5 * 2 * 2; k++) {
    int mode = modes[k % 5], extended = k / 10 ? 160 : 0;
    bool big = k / 5 % 2;
    unsigned char bytes[4096];
    float pixels[PIXELS];
    fz_error err = {0};
    fz_io_mrc *mrc;
    files_write("a.mrcs", bytes, make_file(bytes, mode, big, extended));
    assert_int_equal(fz_io_mrc_open("a.mrcs", &mrc, &err), FZ_OK);
    const fz_io_mrc_header *h = fz_io_mrc_header_view(mrc);
    assert_int_equal(h->nx, NX);
    assert_int_equal(h->ny, NY);
    assert_int_equal(h->nz, NZ);
    assert_int_equal(h->mode, mode);
    assert_false(h->stamp_wrong);
    assert_true(fabs(h->voxel_A[0] - 1.5) < 1e-6);
    assert_true(fz_io_mrc_is_stack("a.mrcs", h));
    assert_int_equal(fz_io_mrc_read_slices(mrc, 0, NZ, pixels, &err), FZ_OK);
    for (int i = 0; i < PIXELS; i++) assert_true(pixels[i] == expected(value_of(i), mode));
    assert_int_equal(fz_io_mrc_read_slices(mrc, 2, 1, pixels, &err), FZ_OK);
    for (int i = 0; i < NX * NY; i++) assert_true(pixels[i] == expected(value_of(i + 2 * NX * NY), mode));
    assert_int_equal(fz_io_mrc_read_slices(mrc, 2, 2, pixels, &err), FZ_EINPUT);
    ASSERT_SAYS(err, "a.mrcs");
    fz_io_mrc_close(&mrc);
  }
  assert_no_blocks();
}

static void half_precision_special_values(void **state) {
  (void)state;
  const uint16_t bits[4] = {0x0001, 0x7c00, 0x7e00, 0x83ff}; /* 2^-24, +inf, nan, -1023 * 2^-24 */
  unsigned char bytes[1024 + 8];
  float x[4];
  fz_error err = {0};
  fz_io_mrc *mrc;
  files_mrc_header(bytes, 2, 2, 1, 12, 0, false);
  for (int i = 0; i < 4; i++) files_put16(bytes + 1024 + 2 * i, bits[i], false);
  files_write("h.mrcs", bytes, sizeof bytes);
  assert_int_equal(fz_io_mrc_open("h.mrcs", &mrc, &err), FZ_OK);
  assert_int_equal(fz_io_mrc_read_slices(mrc, 0, 1, x, &err), FZ_OK);
  assert_true(x[0] == 0x1p-24f && isinf(x[1]) && isnan(x[2]) && x[3] == -1023 * 0x1p-24f);
  fz_io_mrc_close(&mrc);
  assert_no_blocks();
}

static void unsigned_bytes_of_old_files(void **state) {
  (void)state;
  unsigned char bytes[1024 + 4] = {0};
  float x[4];
  fz_error err = {0};
  fz_io_mrc *mrc;
  files_mrc_header(bytes, 2, 2, 1, 0, 0, false);
  files_put_real(bytes + 80, 200, false); /* DMAX: no signed byte holds it */
  bytes[1024] = 200;
  files_write("u.mrcs", bytes, sizeof bytes);
  assert_int_equal(fz_io_mrc_open("u.mrcs", &mrc, &err), FZ_OK);
  assert_true(fz_io_mrc_header_view(mrc)->unsigned_bytes);
  assert_int_equal(fz_io_mrc_read_slices(mrc, 0, 1, x, &err), FZ_OK);
  assert_true(x[0] == 200);
  fz_io_mrc_close(&mrc);
  assert_no_blocks();
}

static void wrong_machine_stamp(void **state) {
  (void)state;
  for (int big = 0; big < 2; big++)
    for (int stamp = 0; stamp < 2; stamp++) {
      unsigned char bytes[4096];
      fz_error err = {0};
      fz_io_mrc *mrc;
      size_t n = make_file(bytes, 2, big, 0);
      bytes[212] = bytes[213] = stamp ? (big ? 0x44 : 0x11) : 0; /* the other order's, or none */
      files_write("s.mrcs", bytes, n);
      assert_int_equal(fz_io_mrc_open("s.mrcs", &mrc, &err), FZ_OK);
      assert_true(fz_io_mrc_header_view(mrc)->stamp_wrong);
      assert_int_equal(fz_io_mrc_header_view(mrc)->nx, NX);
      fz_io_mrc_close(&mrc);
    }
  assert_no_blocks();
}

static void expect_refusal(const char *path, const char *word) {
  fz_error err = {0};
  fz_io_mrc *mrc;
  assert_int_equal(fz_io_mrc_open(path, &mrc, &err), FZ_EINPUT);
  assert_null(mrc);
  ASSERT_SAYS(err, path);
  ASSERT_SAYS(err, word);
}

static void bad_files_get_one_message(void **state) {
  (void)state;
  unsigned char bytes[4096];
  size_t n = make_file(bytes, 2, false, 0);
  files_write("cut.mrcs", bytes, n - 7);
  expect_refusal("cut.mrcs", "1264 bytes"); /* 1024 + 60 pixels x 4 */
  expect_refusal("cut.mrcs", "1257");
  files_write("short.mrc", bytes, 100);
  expect_refusal("short.mrc", "1024");
  expect_refusal("absent.mrc", "No such file");
  memset(bytes, 0x5a, sizeof bytes);
  files_write("junk.mrc", bytes, sizeof bytes);
  expect_refusal("junk.mrc", "not an MRC file");
  files_mrc_header(bytes, 4, 4, 4, 4, 1, false);
  files_write("complex.mrc", bytes, sizeof bytes);
  expect_refusal("complex.mrc", "mode 4");
  files_mrc_header(bytes, 1 << 20, 1 << 20, 1 << 20, 2, 1, false); /* 4 x 2^60 bytes: no overflow on the way */
  files_write("huge.mrc", bytes, sizeof bytes);
  expect_refusal("huge.mrc", "truncated");
  expect_refusal(".", "not a regular file");
  assert_no_blocks();
}

static void map_axis_order_is_undone(void **state) {
  (void)state;
  enum { N = 3 };
  unsigned char bytes[1024 + 4 * N * N * N];
  fz_error err = {0};
  fz_map map;
  files_mrc_header(bytes, N, N, N, 2, 1, false);
  const int axis[3] = {3, 1, 2}; /* columns z, rows x, sections y */
  for (int i = 0; i < 3; i++) files_put32(bytes + 64 + 4 * i, (uint32_t)axis[i], false);
  for (int i = 0; i < N * N * N; i++) files_put_real(bytes + 1024 + 4 * i, (float)i, false);
  files_write("axes.mrc", bytes, sizeof bytes);
  assert_int_equal(fz_io_map_read("axes.mrc", &map, &err), FZ_OK);
  for (int z = 0; z < N; z++)
    for (int y = 0; y < N; y++)
      for (int x = 0; x < N; x++) assert_true(map.voxel[(z * N + y) * N + x] == (float)((y * N + x) * N + z));
  fz_map_clear(&map);
  assert_no_blocks();
}

static void map_round_trip(void **state) {
  (void)state;
  enum { N = 6 };
  fz_error err = {0};
  fz_map map = {.n = N, .voxel_A = 1.25, .voxel = fz_alloc(N * N * N, sizeof(float))}, back;
  for (int i = 0; i < N * N * N; i++) map.voxel[i] = (float)(i * i % 37) - 9.5f;
  assert_int_equal(fz_io_map_write("m.mrc", &map, "a test", &err), FZ_OK);
  assert_int_equal(access("m.mrc.partial", F_OK), -1);
  assert_int_equal(fz_io_map_read("m.mrc", &back, &err), FZ_OK);
  assert_int_equal(back.n, N);
  assert_true(fabs(back.voxel_A - 1.25) < 1e-6);
  assert_memory_equal(back.voxel, map.voxel, N * N * N * sizeof(float));
  fz_io_mrc *mrc;
  assert_int_equal(fz_io_mrc_open("m.mrc", &mrc, &err), FZ_OK);
  const fz_io_mrc_header *h = fz_io_mrc_header_view(mrc);
  double sum = 0, square = 0;
  for (int i = 0; i < N * N * N; i++) sum += (double)map.voxel[i];
  for (int i = 0; i < N * N * N; i++) square += pow((double)map.voxel[i] - sum / (N * N * N), 2);
  /* the header keeps 32-bit reals: half an ulp of values below 2^5 is 2^-20 */
  assert_true(fabs(h->mean - sum / (N * N * N)) < 0x1p-20);
  assert_true(fabs(h->rms - sqrt(square / (N * N * N))) < 0x1p-20);
  assert_true(h->minimum == -9.5);
  assert_int_equal(h->ispg, 1);
  assert_string_equal(h->label, "a test");
  assert_false(fz_io_mrc_is_stack("m.mrc", h));
  fz_io_mrc_close(&mrc);
  fz_map_clear(&map);
  fz_map_clear(&back);
  assert_no_blocks();
}

static void map_refusals(void **state) {
  (void)state;
  unsigned char bytes[4096];
  fz_error err = {0};
  fz_map map;
  files_write("box.mrc", bytes, make_file(bytes, 2, false, 0));
  assert_int_equal(fz_io_map_read("box.mrc", &map, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "box.mrc");
  ASSERT_SAYS(err, "5 x 4 x 3");
  files_mrc_header(bytes, 2, 2, 2, 2, 1, false);
  memset(bytes + 1024, 0, 32);
  files_put_real(bytes + 1024 + 4 * 5, NAN, false); /* voxel 5: x 1, y 0, z 1 */
  files_write("nan.mrc", bytes, 1024 + 32);
  assert_int_equal(fz_io_map_read("nan.mrc", &map, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "x 1, y 0, z 1");
  assert_null(map.voxel);
  float one[1] = {1};
  fz_map small = {.n = 1, .voxel_A = 1, .voxel = one};
  assert_int_equal(fz_io_map_write("no/such/folder/m.mrc", &small, NULL, &err), FZ_EIO);
  ASSERT_SAYS(err, "no/such/folder/m.mrc");
  assert_no_blocks();
}

static void stack_in_any_order(void **state) {
  (void)state;
  enum { BOX = 4, N = 5, PLANE = BOX * BOX };
  float all[N * PLANE], back[N * PLANE];
  fz_error err = {0};
  fz_io_stack *stack;
  double sum = 0, square = 0;
  for (int i = 0; i < N * PLANE; i++) sum += (double)(all[i] = (float)(i * 7 % 23) + (float)(i / PLANE));
  for (int i = 0; i < N * PLANE; i++) square += pow((double)all[i] - sum / (N * PLANE), 2);
  assert_int_equal(fz_io_stack_create("w.mrcs", BOX, N, 2.5, &stack, &err), FZ_OK);
  assert_int_equal(fz_io_stack_write(stack, 3, 2, all + 3 * PLANE, &err), FZ_OK);
  assert_int_equal(fz_io_stack_write(stack, 0, 3, all, &err), FZ_OK);
  assert_int_equal(fz_io_stack_write(stack, 4, 2, all, &err), FZ_EINVAL);
  assert_int_equal(access("w.mrcs", F_OK), -1); /* not under its name before it is whole */
  assert_int_equal(fz_io_stack_close(&stack, &err), FZ_OK);
  assert_null(stack);
  fz_io_mrc *mrc;
  assert_int_equal(fz_io_mrc_open("w.mrcs", &mrc, &err), FZ_OK);
  const fz_io_mrc_header *h = fz_io_mrc_header_view(mrc);
  assert_int_equal(h->nz, N);
  assert_int_equal(h->ispg, 0);
  assert_true(h->voxel_A[0] == 2.5 && h->voxel_A[2] == 2.5);
  assert_true(fabs(h->mean - sum / (N * PLANE)) < 0x1p-19); /* half an ulp of a 32-bit real below 2^5 */
  assert_true(fabs(h->rms - sqrt(square / (N * PLANE))) < 0x1p-19);
  assert_int_equal(fz_io_mrc_read_slices(mrc, 0, N, back, &err), FZ_OK);
  assert_memory_equal(all, back, sizeof all);
  fz_io_mrc_close(&mrc);
  assert_no_blocks();
}

static void unfinished_stack_leaves_nothing(void **state) {
  (void)state;
  float image[4] = {1, 2, 3, 4};
  fz_error err = {0};
  fz_io_stack *stack;
  assert_int_equal(fz_io_stack_create("half.mrcs", 2, 3, 0, &stack, &err), FZ_OK);
  assert_int_equal(fz_io_stack_write(stack, 0, 1, image, &err), FZ_OK);
  assert_int_equal(fz_io_stack_close(&stack, &err), FZ_EINVAL);
  ASSERT_SAYS(err, "half.mrcs");
  ASSERT_SAYS(err, "image 2 of 3");
  assert_int_equal(access("half.mrcs", F_OK), -1);
  assert_int_equal(access("half.mrcs.partial", F_OK), -1);
  assert_no_blocks();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(modes_and_byte_orders),
      cmocka_unit_test(half_precision_special_values),
      cmocka_unit_test(unsigned_bytes_of_old_files),
      cmocka_unit_test(wrong_machine_stamp),
      cmocka_unit_test(bad_files_get_one_message),
      cmocka_unit_test(map_axis_order_is_undone),
      cmocka_unit_test(map_round_trip),
      cmocka_unit_test(map_refusals),
      cmocka_unit_test(stack_in_any_order),
      cmocka_unit_test(unfinished_stack_leaves_nothing),
  };
  return cmocka_run_group_tests(tests, files_enter, files_leave);
}
