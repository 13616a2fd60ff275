/* The files of a finished run: read back with our readers; signs, columns, labels, classes, what is left out. */
#include "files.h"

#include <dirent.h>
#include <math.h>

#include "faults/inject.h"
#include "io/mrc.h"
#include "io/particles.h"
#include "io/results.h"
#include "io/star.h"

enum { BOX = 8, VOXELS = BOX * BOX * BOX, SHELLS = BOX / 2 + 1, CLASSES = 2, PARTICLES = 5 };
static const double pixel = 1.5;

/* Values that single precision holds exactly, different in every voxel, class and map. */
static double value_at(int map, int k, ptrdiff_t i) {
  return (double)((i * 7 + k * 31 + map * 57) % 509) / 64 - 2;
}

/* Image 0 and 3 are in half 1, 1 and 4 in half 2; 2 is not finite.  Class 2 has most: images 1, 3, 4. */
typedef struct run {
  fz_io_particles *particles;
  fz_dataset data;
  double map[3][CLASSES * VOXELS], fsc[CLASSES * SHELLS];
  fz_image_state state[PARTICLES];
  int8_t half[PARTICLES];
  fz_io_results r;
} run;

static const char input[] =
    "data_optics\nloop_\n_rlnOpticsGroup\n_rlnOpticsGroupName\n_rlnVoltage\n_rlnSphericalAberration\n"
    "_rlnAmplitudeContrast\n_rlnImagePixelSize\n_rlnImageSize\n1 first 300 2.7 0.1 1.5 8\n\n"
    "data_particles\nloop_\n_rlnImageName\n_rlnOpticsGroup\n_rlnAngleRot\n_rlnAngleTilt\n_rlnAnglePsi\n"
    "_rlnOriginXAngst\n_rlnOriginYAngst\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n_rlnSomethingNew\n"
    "1@s.mrcs 1 1 2 3 4 5 10000 10000 0 zero\n2@s.mrcs 1 1 2 3 4 5 10000 10000 0 one\n"
    "3@s.mrcs 1 11 12 13 14 15 10000 10000 0 two\n4@s.mrcs 1 21 22 23 24 25 10000 10000 0 three\n"
    "5@s.mrcs 1 1 2 3 4 5 10000 10000 0 four\n";

static fz_io_particles *read_particles(const char *path) {
  fz_error err = {0};
  fz_io_particles *p;
  if (fz_io_particles_read(path, &p, &err) != FZ_OK) fail_msg("%s", err.text);
  return p;
}

static void make_stack(void) {
  static const float pixels[PARTICLES * BOX * BOX];
  fz_error err = {0};
  fz_io_stack *stack;
  if (fz_io_stack_create("s.mrcs", BOX, PARTICLES, pixel, &stack, &err) != FZ_OK) fail_msg("%s", err.text);
  assert_int_equal(fz_io_stack_write(stack, 0, PARTICLES, pixels, &err), FZ_OK);
  assert_int_equal(fz_io_stack_close(&stack, &err), FZ_OK);
}

/* Particle 2 is taken out, or none. */
static run *make_run_of(const char *dir, int n_classes, bool exclude) {
  const uint8_t fault[PARTICLES] = {0, 0, FZ_IMAGE_NOT_FINITE, 0, 0};
  fz_error err = {0};
  run *x = fz_alloc(1, sizeof *x);
  mkdir(dir, 0777);
  make_stack();
  files_write_text("input.star", input);
  x->particles = read_particles("input.star");
  for (int m = 0; m < 3; m++)
    for (int k = 0; k < CLASSES; k++)
      for (ptrdiff_t i = 0; i < VOXELS; i++) x->map[m][k * VOXELS + i] = value_at(m, k, i);
  for (int i = 0; i < CLASSES * SHELLS; i++) x->fsc[i] = 1 - 0.09 * i;
  if (exclude && fz_io_particles_exclude(x->particles, fault, &err) != FZ_OK) fail_msg("%s", err.text);
  for (int i = 0, row = 0; i < PARTICLES; i++) {
    if (exclude && fault[i]) continue;
    x->half[row] = (int8_t)(i == 1 || i == 4);
    x->state[row++] = (fz_image_state){.rot_deg = -100.25 - i,
                                       .tilt_deg = 30.5 + i,
                                       .psi_deg = 170 - i,
                                       .shift_x_px = 1.25 + i,
                                       .shift_y_px = i == 0 ? 0 : -0.5,
                                       .gain = 12.5 + i,
                                       .entropy = 2.25 + i,
                                       .peak = 0.125,
                                       .class_index = n_classes > 1 && i > 0,
                                       .visited = i != 3};
  }
  x->data = (fz_dataset){
      .table = fz_io_particles_table(x->particles), .box = BOX, .pixel_A = pixel, .half = x->half, .state = x->state};
  x->r = (fz_io_results){.box = BOX,
                         .n_classes = n_classes,
                         .voxel_A = pixel,
                         .map = x->map[0],
                         .half1 = x->map[1],
                         .half2 = x->map[2],
                         .n_shells = SHELLS,
                         .apart_A = 12.34,
                         .fsc = x->fsc,
                         .mask_radius_px = 3,
                         .data = &x->data,
                         .label = "frazil 0.0 seed 7"};
  return x;
}

static run *make_run(const char *dir, int n_classes) {
  return make_run_of(dir, n_classes, true);
}

static void write_run(run *x, const char *dir) {
  fz_error err = {0};
  if (fz_io_results_write(dir, x->particles, &x->r, &err) != FZ_OK) fail_msg("%s", err.text);
}

static void free_run(run *x) {
  fz_io_particles_destroy(&x->particles);
  fz_free(&x);
  assert_no_blocks();
}

static void assert_map(const char *path, int m, int k, const char *label) {
  fz_error err = {0};
  fz_map map;
  fz_io_mrc *mrc;
  if (fz_io_map_read(path, &map, &err) != FZ_OK) fail_msg("%s", err.text);
  assert_int_equal(map.n, BOX);
  assert_true(fabs(map.voxel_A - pixel) < 1e-6);
  for (ptrdiff_t i = 0; i < VOXELS; i++) assert_true(map.voxel[i] == value_at(m, k, i));
  fz_map_clear(&map);
  assert_int_equal(fz_io_mrc_open(path, &mrc, &err), FZ_OK);
  assert_string_equal(fz_io_mrc_header_view(mrc)->label, label);
  fz_io_mrc_close(&mrc);
}

static void assert_has(const char *path, const char *word, bool wanted) {
  char *text = files_slurp(path);
  if ((strstr(text, word) != NULL) != wanted) fail_msg("%s: \"%s\" is %s", path, word, wanted ? "missing" : "there");
  free(text);
}

static void assert_png(const char *path) {
  char *bytes = files_slurp(path);
  assert_memory_equal(bytes, "\x89PNG\r\n\x1a\n", 8);
  free(bytes);
}

static double cell_of(fz_io_star *star, int64_t row, const char *label) {
  fz_io_star_table *table = fz_io_star_find(star, "particles");
  fz_io_star_cell cell[64];
  double value;
  int column = fz_io_star_column(table, label);
  if (column < 0) fail_msg("no column %s", label);
  assert_true(fz_io_star_columns(table) <= 64);
  fz_io_star_row(table, row, cell);
  assert_true(fz_io_star_number(cell[column], &value));
  return value;
}

static void one_class(void **state) {
  (void)state;
  run *x = make_run("one", 1);
  write_run(x, "one");
  assert_map("one/map.mrc", 0, 0, "map; frazil 0.0 seed 7");
  assert_map("one/half1.mrc", 1, 0, "half-map 1, refined apart beyond 12.3 A; frazil 0.0 seed 7");
  assert_map("one/half2.mrc", 2, 0, "half-map 2, refined apart beyond 12.3 A; frazil 0.0 seed 7");
  assert_has("one/fsc.star", "refined apart beyond 12.3 A", true);
  assert_has("one/fsc.xml", "half-maps, refined apart beyond 12.3 A", true);
  assert_has("one/particles.star", "refined apart beyond 12.3 A", true);
  assert_has("one/fsc.star", "0.730000", true); /* shell 3 */
  assert_png("one/fsc.png");
  assert_png("one/slices.png");
  assert_int_equal(access("one/class1_map.mrc", F_OK), -1);
  free_run(x);
}

static void poses_and_columns(void **state) {
  (void)state;
  run *x = make_run("poses", 2);
  write_run(x, "poses");
  fz_io_particles *p = read_particles("poses/particles.star");
  const fz_particles *t = fz_io_particles_table(p);
  static const int kept[] = {0, 1, 3, 4};
  fz_error err = {0};
  fz_io_star *star;
  assert_int_equal(fz_io_star_read("poses/particles.star", &star, &err), FZ_OK);
  assert_int_equal(t->n, 4);
  for (int64_t row = 0; row < 4; row++) {
    const fz_particle *q = &t->particle[row];
    const int i = kept[row];
    const fz_image_state *s = &x->state[row];
    assert_int_equal(q->slice, i);
    assert_int_equal(q->subset, i == 1 || i == 4 ? 2 : 1);
    if (i == 3) { /* never scored: as in the input */
      assert_true(q->rot_deg == 21 && q->tilt_deg == 22 && q->psi_deg == 23);
      assert_true(q->origin_x_A == 24 && q->origin_y_A == 25);
    } else {
      /* Multiples of 1/8 pixel times 1.5 A have few decimals: exact in the file. */
      assert_true(q->rot_deg == s->rot_deg && q->tilt_deg == s->tilt_deg && q->psi_deg == s->psi_deg);
      assert_true(q->origin_x_A == -1.5 * s->shift_x_px && q->origin_y_A == -1.5 * s->shift_y_px);
    }
    assert_true(cell_of(star, row, "rlnClassNumber") == (i > 0 ? 2 : 1));
    assert_true(cell_of(star, row, "rlnLogLikeliContribution") == s->gain);
    assert_true(cell_of(star, row, "rlnMaxValueProbDistribution") == s->peak);
    assert_true(cell_of(star, row, "frazilPoseEntropy") == s->entropy);
  }
  assert_int_equal(fz_io_star_column(fz_io_star_find(star, "particles"), "frazilExclusionReason"), -1);
  assert_has("poses/particles.star", "three", true);
  assert_has("poses/particles.star", "-0.000000", false);
  fz_io_star_destroy(&star);
  fz_io_particles_destroy(&p);
  free_run(x);
}

static void excluded(void **state) {
  (void)state;
  run *x = make_run("left", 1);
  write_run(x, "left");
  fz_io_particles *p = read_particles("left/excluded.star");
  const fz_particles *t = fz_io_particles_table(p);
  assert_int_equal(t->n, 1);
  assert_int_equal(t->particle[0].slice, 2);
  assert_true(t->particle[0].rot_deg == 11 && t->particle[0].origin_y_A == 15);
  fz_io_particles_destroy(&p);
  assert_has("left/excluded.star", "1 of 5 particles were not used", true);
  assert_has("left/excluded.star", "not_finite", true);
  assert_has("left/excluded.star", "frazilPoseEntropy", false);
  assert_has("left/excluded.star", "two", true);

  free_run(x);
  x = make_run_of("left", 1, false);
  write_run(x, "left"); /* the list of the run before must not survive */
  assert_int_equal(access("left/excluded.star", F_OK), -1);
  p = read_particles("left/particles.star");
  assert_int_equal(fz_io_particles_table(p)->n, 5);
  fz_io_particles_destroy(&p);
  free_run(x);
}

static void several_classes(void **state) {
  (void)state;
  run *x = make_run("many", CLASSES);
  write_run(x, "many");
  assert_map("many/map.mrc", 0, 1, "map; frazil 0.0 seed 7");
  assert_map("many/half2.mrc", 2, 1, "half-map 2, refined apart beyond 12.3 A; frazil 0.0 seed 7");
  assert_map("many/class1_map.mrc", 0, 0, "map; frazil 0.0 seed 7");
  assert_map("many/class2_map.mrc", 0, 1, "map; frazil 0.0 seed 7");
  assert_map("many/class1_half1.mrc", 1, 0, "half-map 1, refined apart beyond 12.3 A; frazil 0.0 seed 7");
  assert_has("many/class1_fsc.star", "0.640000", true); /* shell 4 of class 1: 1 - 4 * 0.09 */
  assert_has("many/fsc.star", "0.640000", false);
  assert_has("many/fsc.star", "0.550000", true); /* shell 0 of class 2 */
  assert_has("many/class2_fsc.xml", "0.550000", true);
  assert_png("many/class2_slices.png");
  free_run(x);
}

static void refusals(void **state) {
  (void)state;
  run *x = make_run("bad", 1);
  fz_error err = {0};
  x->r.n_shells = SHELLS - 1;
  assert_int_equal(fz_io_results_write("bad", x->particles, &x->r, &err), FZ_EINVAL);
  ASSERT_SAYS(err, "5 shells");
  x->r.n_shells = SHELLS;
  x->r.voxel_A = 0;
  assert_int_equal(fz_io_results_write("bad", x->particles, &x->r, &err), FZ_EINVAL);
  ASSERT_SAYS(err, "voxel size");
  assert_int_equal(rmdir("bad"), 0); /* nothing was written */
  x->r.voxel_A = pixel;
  assert_int_equal(fz_io_results_write("bad", x->particles, &x->r, &err), FZ_EIO);
  ASSERT_SAYS(err, "bad/half1.mrc");
  free_run(x);
}

/* Every file of `dir` is under its final name and the same as in `reference`. */
static int whole_files(const char *dir, const char *reference) {
  int n = 0;
  DIR *d = opendir(dir);
  assert_non_null(d);
  for (struct dirent *e; (e = readdir(d));) {
    char a[600], b[600];
    struct stat one, other;
    if (e->d_name[0] == '.') continue;
    snprintf(a, sizeof a, "%s/%s", dir, e->d_name);
    snprintf(b, sizeof b, "%s/%s", reference, e->d_name);
    if (stat(b, &other) != 0) fail_msg("%s was left behind", a);
    assert_int_equal(stat(a, &one), 0);
    assert_int_equal(one.st_size, other.st_size);
    char *x = files_slurp(a), *y = files_slurp(b);
    assert_memory_equal(x, y, one.st_size);
    free(x);
    free(y);
    n++;
  }
  closedir(d);
  return n;
}

/* The disk is full, or fails, at any call: a message that names a file, and none half-written under its final name. */
static void a_failing_disk_leaves_no_half_file(void **state) {
  (void)state;
  static const char *const errors[] = {"ENOSPC", "EIO", "short"};
  run *x = make_run("whole", 1);
  write_run(x, "whole");
  free_run(x);
  const int all = whole_files("whole", "whole");
  for (int e = 0; e < 3; e++) {
    int n = 1;
    for (bool struck = true; struck && n < 1000; n += e ? 7 : 1) {
      char rules[32];
      fz_error err = {0};
      assert_int_equal(system("rm -rf faulty"), 0);
      snprintf(rules, sizeof rules, "any:%d:%s", n, errors[e]);
      x = make_run("faulty", 1);
      fz_inject(rules, "faulty");
      fz_status st = fz_io_results_write("faulty", x->particles, &x->r, &err);
      struck = fz_inject_hits() > 0;
      fz_inject("", NULL);
      free_run(x);
      assert_true(st == FZ_OK || (struck && st == FZ_EIO && strstr(err.text, "faulty/")));
      int files = whole_files("faulty", "whole");
      assert_true((st == FZ_OK) == (files == all));
      if (strcmp(errors[e], "short") == 0) assert_int_equal(st, FZ_OK); /* the rest goes with another call */
    }
    assert_true(n > 3 * all && n < 1000);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(one_class), cmocka_unit_test(poses_and_columns),
                                     cmocka_unit_test(excluded),  cmocka_unit_test(several_classes),
                                     cmocka_unit_test(refusals),  cmocka_unit_test(a_failing_disk_leaves_no_half_file)};
  return cmocka_run_group_tests(tests, files_enter, files_leave);
}
