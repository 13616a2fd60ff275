/* The image source: right pixels from caches of every size, with hints and with many readers at once. */
#include "files.h"

#include <pthread.h>
#include <time.h>

#include "io/images.h"
#include "io/mrc.h"

enum { BOX = 8, PLANE = BOX * BOX, STACKS = 3, PER_STACK = 20, N = STACKS * PER_STACK };

static float pixel(int64_t particle, int i) {
  return (float)(particle * 1000 + i);
}

/* Three stacks; particle i is image i % 20 of stack i / 20. */
static void make_set(fz_particles *t) {
  float *images = malloc(PER_STACK * PLANE * sizeof *images);
  *t = (fz_particles){.n = N,
                      .n_stacks = STACKS,
                      .particle = fz_alloc(N, sizeof(fz_particle)),
                      .stack_path = fz_alloc(STACKS, sizeof(char *))};
  for (int s = 0; s < STACKS; s++) {
    char name[32];
    fz_error err = {0};
    fz_io_stack *stack;
    snprintf(name, sizeof name, "set%d.mrcs", s);
    t->stack_path[s] = fz_strdup(name);
    for (int i = 0; i < PER_STACK * PLANE; i++) images[i] = pixel(s * PER_STACK + i / PLANE, i % PLANE);
    assert_int_equal(fz_io_stack_create(name, BOX, PER_STACK, 1, &stack, &err), FZ_OK);
    assert_int_equal(fz_io_stack_write(stack, 0, PER_STACK, images, &err), FZ_OK);
    assert_int_equal(fz_io_stack_close(&stack, &err), FZ_OK);
  }
  for (int i = 0; i < N; i++) t->particle[i] = (fz_particle){.stack = i / PER_STACK, .slice = i % PER_STACK};
  free(images);
}

static int wrong_pixels(const float *pixels, const int64_t *particle, int n) {
  int wrong = 0;
  for (int k = 0; k < n * PLANE; k++) wrong += pixels[k] != pixel(particle[k / PLANE], k % PLANE);
  return wrong;
}

static void check_read(const fz_images *images, const int64_t *particle, int n) {
  float *pixels = malloc((size_t)n * PLANE * sizeof *pixels);
  fz_error err = {0};
  assert_int_equal(images->read(images->self, particle, n, pixels, &err), FZ_OK);
  assert_int_equal(wrong_pixels(pixels, particle, n), 0);
  free(pixels);
}

static void caches_of_every_size(void **state) {
  (void)state;
  const int64_t images_kept[] = {0, 1, 2, 7, N, 10 * N};
  fz_particles t;
  make_set(&t);
  for (int k = 0; k < 6; k++) {
    fz_images images;
    fz_error err = {0};
    assert_int_equal(fz_io_images_open(&t, images_kept[k] * PLANE * 4, &images, &err), FZ_OK);
    assert_int_equal(images.n, N);
    assert_int_equal(images.box, BOX);
    int64_t order[N];
    for (int pass = 0; pass < 3; pass++) {
      for (int i = 0; i < N; i++) order[i] = (i * (pass == 0 ? 1 : pass == 1 ? 7 : 59)) % N; /* 59: backwards */
      check_read(&images, order, N);
    }
    fz_io_images_counts c = fz_io_images_count(&images);
    assert_int_equal(c.hits + c.misses, 3 * N);
    assert_true(c.resident_images <= images_kept[k]);
    if (images_kept[k] >= N) assert_int_equal(c.misses, N); /* everything was read once */
    fz_io_images_close(&images);
  }
  fz_particles_clear(&t);
  assert_no_blocks();
}

static void runs_are_read_in_one_call(void **state) {
  (void)state;
  fz_particles t;
  fz_images images;
  fz_error err = {0};
  int64_t order[N];
  make_set(&t);
  for (int i = 0; i < N; i++) order[i] = i;
  assert_int_equal(fz_io_images_open(&t, 0, &images, &err), FZ_OK);
  check_read(&images, order, N);
  assert_int_equal(fz_io_images_count(&images).calls, STACKS);
  fz_io_images_close(&images);
  fz_particles_clear(&t);
  assert_no_blocks();
}

static void hints_are_read_ahead(void **state) {
  (void)state;
  fz_particles t;
  fz_images images;
  fz_error err = {0};
  int64_t order[10];
  make_set(&t);
  for (int i = 0; i < 10; i++) order[i] = 15 + i; /* across the border of two stacks */
  assert_int_equal(fz_io_images_open(&t, N * PLANE * 4, &images, &err), FZ_OK);
  images.prefetch(images.self, order, 10);
  for (int wait = 0; wait < 5000 && fz_io_images_count(&images).ahead < 10; wait++)
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  assert_int_equal(fz_io_images_count(&images).ahead, 10);
  check_read(&images, order, 10);
  assert_int_equal(fz_io_images_count(&images).hits, 10);
  assert_int_equal(fz_io_images_count(&images).misses, 0);
  fz_io_images_close(&images);
  fz_particles_clear(&t);
  assert_no_blocks();
}

/* Plain threads, so that the thread sanitizer understands them. */
typedef struct reader {
  const fz_images *images;
  int id, wrong;
} reader;
enum { READERS = 8 };

static void *read_many(void *self) {
  reader *r = self;
  for (int k = r->id; k < 400; k += READERS) {
    int64_t order[5], ahead[5];
    float pixels[5 * PLANE];
    for (int i = 0; i < 5; i++) order[i] = (k * 31 + i * (k % 3)) % N;
    for (int i = 0; i < 5; i++) ahead[i] = ((k + READERS) * 31 + i) % N;
    r->images->prefetch(r->images->self, ahead, 5);
    r->wrong += r->images->read(r->images->self, order, 5, pixels, NULL) != FZ_OK;
    r->wrong += wrong_pixels(pixels, order, 5) != 0;
  }
  return NULL;
}

static void concurrent_readers(void **state) {
  (void)state;
  fz_particles t;
  fz_images images;
  fz_error err = {0};
  make_set(&t);
  for (int64_t kept = 0; kept <= 24; kept += 3) {
    pthread_t thread[READERS];
    reader r[READERS];
    assert_int_equal(fz_io_images_open(&t, kept * PLANE * 4, &images, &err), FZ_OK);
    for (int i = 0; i < READERS; i++) {
      r[i] = (reader){.images = &images, .id = i};
      assert_int_equal(pthread_create(&thread[i], NULL, read_many, &r[i]), 0);
    }
    for (int i = 0; i < READERS; i++) {
      assert_int_equal(pthread_join(thread[i], NULL), 0);
      assert_int_equal(r[i].wrong, 0);
    }
    assert_true(fz_io_images_count(&images).resident_images <= kept);
    fz_io_images_close(&images);
  }
  fz_particles_clear(&t);
  assert_no_blocks();
}

static void refusals_name_stack_and_image(void **state) {
  (void)state;
  fz_particles t;
  fz_images images;
  fz_error err = {0};
  float pixels[PLANE];
  int64_t one = 5;
  make_set(&t);
  t.particle[9].slice = PER_STACK;
  assert_int_equal(fz_io_images_open(&t, 1 << 20, &images, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "set0.mrcs: image 21");
  t.particle[9].slice = 9;
  fz_io_stack *other;
  assert_int_equal(fz_io_stack_create("set1.mrcs", 2, 1, 1, &other, &err), FZ_OK);
  assert_int_equal(fz_io_stack_write(other, 0, 1, pixels, &err), FZ_OK);
  assert_int_equal(fz_io_stack_close(&other, &err), FZ_OK);
  assert_int_equal(fz_io_images_open(&t, 1 << 20, &images, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "set1.mrcs");
  ASSERT_SAYS(err, "2 x 2");
  assert_int_equal(unlink("set1.mrcs"), 0);
  assert_int_equal(fz_io_images_open(&t, 1 << 20, &images, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "set1.mrcs");
  fz_particles_clear(&t);

  make_set(&t); /* a stack that is cut while the program runs */
  assert_int_equal(fz_io_images_open(&t, 1 << 20, &images, &err), FZ_OK);
  assert_int_equal(truncate("set0.mrcs", 1500), 0);
  images.prefetch(images.self, &one, 1);
  assert_int_equal(images.read(images.self, &one, 1, pixels, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "set0.mrcs");
  one = N;
  assert_int_equal(images.read(images.self, &one, 1, pixels, &err), FZ_EINVAL);
  fz_io_images_close(&images);
  fz_particles_clear(&t);
  assert_no_blocks();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(caches_of_every_size),          cmocka_unit_test(runs_are_read_in_one_call),
      cmocka_unit_test(hints_are_read_ahead),          cmocka_unit_test(concurrent_readers),
      cmocka_unit_test(refusals_name_stack_and_image),
  };
  return cmocka_run_group_tests(tests, files_enter, files_leave);
}
