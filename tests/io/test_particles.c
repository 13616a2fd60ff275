/* Particle files of every version: what is read, what is refused and how, what is written back. */
#include <math.h>

#include "core/log.h"
#include "files.h"
#include "io/mrc.h"
#include "io/particles.h"
#include "io/star.h"

static char last_warning[1024];
static int warnings; /* of pixel sizes */
static void keep_warning(fz_log_level level, const char *text) {
  if (level != FZ_LOG_WARN || !strstr(text, "pixel size")) return;
  warnings++;
  snprintf(last_warning, sizeof last_warning, "%s", text);
}

static void make_stack(const char *path, int box, int n, double voxel_A) {
  fz_error err = {0};
  fz_io_stack *stack;
  float *pixels = calloc((size_t)(box * box * n), sizeof *pixels);
  if (fz_io_stack_create(path, box, n, voxel_A, &stack, &err) != FZ_OK) fail_msg("%s", err.text);
  assert_int_equal(fz_io_stack_write(stack, 0, n, pixels, &err), FZ_OK);
  assert_int_equal(fz_io_stack_close(&stack, &err), FZ_OK);
  free(pixels);
}

static fz_io_particles *open_file(const char *path) {
  fz_error err = {0};
  fz_io_particles *p;
  if (fz_io_particles_read(path, &p, &err) != FZ_OK) fail_msg("%s", err.text);
  return p;
}

static fz_io_particles *open_text(const char *text) {
  files_write_text("p.star", text);
  return open_file("p.star");
}

static void assert_near(double a, double b) {
  if (!(fabs(a - b) <= 1e-6 * (1 + fabs(b)))) fail_msg("%.10g is not %.10g", a, b);
}

#define OPTICS_HEAD                                                                                  \
  "data_optics\nloop_\n_rlnOpticsGroup\n_rlnOpticsGroupName\n_rlnVoltage\n_rlnSphericalAberration\n" \
  "_rlnAmplitudeContrast\n_rlnImagePixelSize\n_rlnImageSize\n"
#define OPTICS OPTICS_HEAD "3 first 300 2.7 0.1 1.5 8\n9 second 200 2.0 0.07 1.5 8\n"
#define PARTICLES_HEAD                                                                                                \
  "data_particles\nloop_\n_rlnImageName #1\n_rlnOpticsGroup #2\n_rlnAngleRot #3\n_rlnAngleTilt #4\n_rlnAnglePsi #5\n" \
  "_rlnOriginXAngst #6\n_rlnOriginYAngst #7\n_rlnDefocusU #8\n_rlnDefocusV #9\n_rlnDefocusAngle #10\n"                \
  "_rlnRandomSubset #11\n_rlnSomethingNew #12\n"
#define ROW_A "000002@a.mrcs 9 10 20 30 1.5 -3 12000 11000 45 2 keep\n"
#define ROW_B "1@b.mrcs 3 -10 90 170 0 0 9000 9000 0 1 'me too'\n"
#define GOOD OPTICS "\n# comment\n" PARTICLES_HEAD ROW_A ROW_B

static void relion_3_1(void **state) {
  (void)state;
  make_stack("a.mrcs", 8, 2, 1.5);
  make_stack("b.mrcs", 8, 1, 1.5);
  fz_error err = {0};
  fz_io_particles *p = open_text(GOOD);
  const fz_particles *t = fz_io_particles_table(p);
  assert_int_equal(t->n, 2);
  assert_int_equal(t->n_optics, 2);
  assert_int_equal(t->n_stacks, 2);
  const fz_particle *q = &t->particle[0];
  assert_int_equal(q->optics, 1);
  assert_int_equal(q->slice, 1);
  assert_string_equal(t->stack_path[q->stack], "a.mrcs");
  assert_int_equal(q->line, 28);
  assert_int_equal(q->subset, 2);
  assert_true(q->rot_deg == 10 && q->tilt_deg == 20 && q->psi_deg == 30);
  assert_true(q->origin_x_A == 1.5 && q->origin_y_A == -3);
  assert_true(q->ctf.defocus_u_A == 12000 && q->ctf.defocus_v_A == 11000 && q->ctf.defocus_angle_deg == 45);
  assert_true(q->ctf.scale == 1 && q->ctf.b_factor_A2 == 0 && q->ctf.phase_shift_deg == 0);
  const fz_optics *o = &t->optics[1];
  assert_string_equal(o->name, "second");
  assert_true(o->voltage_kV == 200 && o->cs_mm == 2 && o->amplitude_contrast == 0.07 && o->pixel_A == 1.5);
  assert_int_equal(o->box, 8);
  assert_true(o->has_ctf);
  assert_true(fz_io_particles_have_poses(p));
  if (fz_io_particles_require_supported(p, &err) != FZ_OK) fail_msg("%s", err.text);
  fz_io_particles_destroy(&p);
  assert_no_blocks();
}

static void old_files_group_by_values_and_convert_pixels(void **state) {
  (void)state;
  make_stack("a.mrcs", 8, 3, 0);
  fz_error err = {0};
  fz_io_particles *p = open_text(
      "data_images\nloop_\n_rlnVoltage\n_rlnDefocusU\n_rlnSphericalAberration\n_rlnAmplitudeContrast\n_rlnImageName\n"
      "_rlnMagnification\n_rlnDetectorPixelSize\n_rlnOriginX\n_rlnOriginY\n"
      "300 10000 2.7 0.1 1@a.mrcs 40000 6 2 -4\n300 11000 2.7 0.1 2@a.mrcs 40000 6 0 0\n"
      "200 11000 2.7 0.1 3@a.mrcs 40000 6 1 1\n");
  const fz_particles *t = fz_io_particles_table(p);
  assert_int_equal(t->n_optics, 2);
  assert_int_equal(t->particle[1].optics, 0);
  assert_int_equal(t->particle[2].optics, 1);
  assert_near(t->optics[0].pixel_A, 1.5); /* 6 um * 1e4 / 40000 */
  assert_int_equal(t->optics[0].box, 8);  /* from the stack */
  assert_near(t->particle[0].origin_x_A, 3);
  assert_near(t->particle[0].origin_y_A, -6);
  assert_true(t->particle[0].ctf.defocus_v_A == 10000);
  assert_false(fz_io_particles_have_poses(p));
  if (fz_io_particles_require_supported(p, &err) != FZ_OK) fail_msg("%s", err.text);

  /* written in today's form: optics block, Angstrom, the old columns kept but for the origins */
  fz_io_particles_output what = {0};
  assert_int_equal(fz_io_particles_write(p, "new.star", &what, &err), FZ_OK);
  fz_io_particles_destroy(&p);
  p = open_file("new.star");
  t = fz_io_particles_table(p);
  assert_string_equal(fz_io_particles_style(p), "RELION 3.1 or later");
  assert_int_equal(t->n_optics, 2);
  assert_near(t->optics[1].pixel_A, 1.5);
  assert_true(t->optics[1].voltage_kV == 200);
  assert_int_equal(t->particle[2].optics, 1);
  assert_near(t->particle[0].origin_y_A, -6);
  fz_io_particles_destroy(&p);
  char *text = files_slurp("new.star");
  assert_null(strstr(text, "_rlnOriginX "));
  assert_non_null(strstr(text, "_rlnMagnification"));
  assert_non_null(strstr(text, "data_particles"));
  free(text);
  assert_no_blocks();
}

static void pixel_origins_in_a_3_1_file(void **state) {
  (void)state;
  make_stack("a.mrcs", 8, 2, 1.5);
  fz_io_particles *p = open_text(
      OPTICS "data_particles\nloop_\n_rlnImageName\n_rlnOpticsGroup\n_rlnOriginX\n_rlnOriginY\n1@a.mrcs 3 6 10\n");
  assert_near(fz_io_particles_table(p)->particle[0].origin_x_A, 9);
  assert_near(fz_io_particles_table(p)->particle[0].origin_y_A, 15);
  fz_io_particles_destroy(&p);
  assert_no_blocks();
}

static void writing_replaces_poses_and_keeps_the_rest(void **state) {
  (void)state;
  make_stack("a.mrcs", 8, 2, 1.5);
  make_stack("b.mrcs", 8, 1, 1.5);
  fz_error err = {0};
  fz_io_particles *p = open_text("data_general\n_rlnVersion 5\n\n" GOOD);
  fz_particle pose[2] = {{.rot_deg = 1.25, .tilt_deg = 2, .psi_deg = -3, .origin_x_A = 4, .origin_y_A = -5.5},
                         {.rot_deg = 7, .tilt_deg = 8, .psi_deg = 9, .origin_x_A = 10, .origin_y_A = 11}};
  const double likelihood[2] = {123456.789, -1}, class_number[2] = {1, 2};
  const fz_io_particles_column columns[2] = {{.label = "rlnLogLikeliContribution", .number = likelihood},
                                             {.label = "rlnClassNumber", .number = class_number}};
  fz_io_particles_output what = {.pose = pose, .columns = 2, .column = columns, .comment = "test"};
  assert_int_equal(fz_io_particles_write(p, "all.star", &what, &err), FZ_OK);
  const int64_t excluded[1] = {1};
  fz_io_particles_output part = {.subset = true, .row = excluded, .rows = 1};
  assert_int_equal(fz_io_particles_write(p, "excluded.star", &part, &err), FZ_OK);
  fz_io_particles_output none = {.subset = true};
  assert_int_equal(fz_io_particles_write(p, "none.star", &none, &err), FZ_OK);
  fz_io_particles_destroy(&p);

  p = open_file("all.star");
  const fz_particle *q = fz_io_particles_table(p)->particle;
  assert_true(q[0].rot_deg == 1.25 && q[0].psi_deg == -3 && q[0].origin_y_A == -5.5 && q[1].tilt_deg == 8);
  assert_int_equal(q[0].slice, 1);
  assert_int_equal(q[0].subset, 2);
  assert_int_equal(q[0].optics, 1);
  fz_io_particles_destroy(&p);
  fz_io_star *star;
  assert_int_equal(fz_io_star_read("all.star", &star, &err), FZ_OK);
  assert_non_null(fz_io_star_find(star, "general"));
  const fz_io_star_table *t = fz_io_star_find(star, "particles");
  fz_io_star_cell cell[16];
  double value;
  assert_int_equal(fz_io_star_columns(t), 14);
  fz_io_star_row(t, 1, cell);
  assert_true(fz_io_star_is(cell[fz_io_star_column(t, "rlnSomethingNew")], "me too"));
  assert_true(fz_io_star_is(cell[fz_io_star_column(t, "rlnClassNumber")], "2"));
  fz_io_star_row(t, 0, cell);
  assert_true(fz_io_star_number(cell[fz_io_star_column(t, "rlnLogLikeliContribution")], &value));
  assert_near(value, 123456.789);
  fz_io_star_destroy(&star);
  p = open_file("excluded.star");
  assert_int_equal(fz_io_particles_table(p)->n, 1);
  assert_string_equal(fz_io_particles_table(p)->stack_path[0], "b.mrcs");
  fz_io_particles_destroy(&p);
  assert_int_equal(fz_io_particles_read("none.star", &p, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "none.star");
  ASSERT_SAYS(err, "empty");
  assert_no_blocks();
}

static void stacks_beside_or_above_the_file(void **state) {
  (void)state;
  assert_int_equal(mkdir("project", 0777), 0);
  assert_int_equal(mkdir("project/Refine", 0777), 0);
  assert_int_equal(mkdir("project/Extract", 0777), 0);
  make_stack("project/Extract/above.mrcs", 8, 1, 1.5);
  make_stack("project/Refine/beside.mrcs", 8, 1, 1.5);
  files_write_text("project/Refine/p.star", OPTICS
                   "data_particles\nloop_\n_rlnImageName\n_rlnOpticsGroup\n000001@beside.mrcs 3\n"
                   "000001@Extract/above.mrcs 3\n1@nowhere.mrcs 3\n");
  fz_error err = {0};
  fz_io_particles *p = open_file("project/Refine/p.star");
  const fz_particles *t = fz_io_particles_table(p);
  assert_string_equal(t->stack_path[0], "project/Refine/beside.mrcs");
  assert_string_equal(t->stack_path[1], "project/Refine/../Extract/above.mrcs");
  assert_true(fz_io_particles_stack_found(p, 1));
  assert_false(fz_io_particles_stack_found(p, 2));
  assert_int_equal(fz_io_particles_require_supported(p, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "project/Refine/p.star:18: _rlnImageName");
  ASSERT_SAYS(err, "nowhere.mrcs");
  /* a copy elsewhere must find them too */
  const int64_t rows[2] = {0, 1};
  fz_io_particles_output what = {.subset = true, .row = rows, .rows = 2};
  assert_int_equal(fz_io_particles_write(p, "copy.star", &what, &err), FZ_OK);
  fz_io_particles_destroy(&p);
  p = open_file("copy.star");
  assert_true(fz_io_particles_stack_found(p, 0) && fz_io_particles_stack_found(p, 1));
  if (fz_io_particles_require_supported(p, &err) != FZ_OK) fail_msg("%s", err.text);
  fz_io_particles_destroy(&p);
  assert_no_blocks();
}

static void refuse_reading(const char *text, const char *place, const char *word) {
  fz_error err = {0};
  fz_io_particles *p;
  files_write_text("bad.star", text);
  fz_status st = fz_io_particles_read("bad.star", &p, &err);
  if (st != FZ_EINPUT) fail_msg("accepted: %s", text);
  assert_null(p);
  ASSERT_SAYS(err, place);
  ASSERT_SAYS(err, word);
}

static void unreadable_files_name_line_and_label(void **state) {
  (void)state;
  refuse_reading(OPTICS PARTICLES_HEAD, "bad.star", "data_particles is empty");
  refuse_reading(OPTICS "data_particles\nloop_\n_rlnAngleRot\n1\n", "bad.star", "_rlnImageName");
  refuse_reading("data_micrographs\nloop_\n_rlnMicrographName\nm.mrc\n", "bad.star", "_rlnImageName");
  refuse_reading(OPTICS PARTICLES_HEAD "1@a.mrcs 9 1O 20 30 1 1 1 1 1 2 k\n", "bad.star:26: _rlnAngleRot", "\"1O\"");
  refuse_reading(OPTICS PARTICLES_HEAD "1@a.mrcs 9 10 20 30 1 1 12k 1 1 2 k\n", "bad.star:26: _rlnDefocusU", "12k");
  refuse_reading(OPTICS PARTICLES_HEAD "1@a.mrcs 4 10 20 30 1 1 1 1 1 2 k\n", "bad.star:26: _rlnOpticsGroup", "4");
  refuse_reading(OPTICS PARTICLES_HEAD "1@a.mrcs 9 10 20 30 1 1 1 1 1 5 k\n", "bad.star:26: _rlnRandomSubset", "5");
  refuse_reading(OPTICS PARTICLES_HEAD "0@a.mrcs 9 10 20 30 1 1 1 1 1 2 k\n", "bad.star:26: _rlnImageName", "0@a.mrcs");
  refuse_reading(OPTICS PARTICLES_HEAD "x@a.mrcs 9 10 20 30 1 1 1 1 1 2 k\n", "bad.star:26: _rlnImageName", "x@a.mrcs");
  refuse_reading(OPTICS_HEAD "1 g 300 2.7 0.1 0 8\n" PARTICLES_HEAD ROW_A, "bad.star:10: _rlnImagePixelSize", "0 A");
  refuse_reading(OPTICS_HEAD "1 g 300 2.7 0.1 -2 8\n" PARTICLES_HEAD ROW_A, "bad.star:10: _rlnImagePixelSize", "-2 A");
  refuse_reading(OPTICS_HEAD "1 g 300 2.7 0.1 1.5 8.5\n" PARTICLES_HEAD ROW_A, "bad.star:10: _rlnImageSize", "8.5");
  refuse_reading("data_\nloop_\n_rlnImageName\n_rlnMagnification\n_rlnDetectorPixelSize\n1@a.mrcs 0 5\n",
                 "bad.star:6: _rlnMagnification", "positive");
  assert_no_blocks();
}

static void refuse_using(const char *text, const char *place, const char *word) {
  fz_error err = {0};
  fz_io_particles *p = open_text(text);
  if (fz_io_particles_require_supported(p, &err) != FZ_EINPUT) fail_msg("accepted: %s", text);
  ASSERT_SAYS(err, place);
  ASSERT_SAYS(err, word);
  fz_io_particles_destroy(&p);
}

#define ONE_PARTICLE "data_particles\nloop_\n_rlnImageName\n_rlnOpticsGroup\n_rlnDefocusU\n1@a.mrcs 1 9000\n"
#define WITH(label, value)                                                                               \
  "data_optics\nloop_\n_rlnOpticsGroup\n_rlnOpticsGroupName\n_rlnVoltage\n_rlnSphericalAberration\n"     \
  "_rlnAmplitudeContrast\n_rlnImagePixelSize\n_rlnImageSize\n_" label "\n1 grp 300 2.7 0.1 1.5 8 " value \
  "\n" ONE_PARTICLE

static void unsupported_features_are_refused(void **state) {
  (void)state;
  make_stack("a.mrcs", 8, 2, 1.5);
  refuse_using(WITH("rlnBeamTiltX", "0.1"), "p.star:11: _rlnBeamTilt", "grp");
  refuse_using(WITH("rlnOddZernike", "[0,0,0.5]"), "p.star:11: _rlnOddZernike", "grp");
  refuse_using(WITH("rlnEvenZernike", "[1e-3]"), "p.star:11: _rlnEvenZernike", "grp");
  refuse_using(WITH("rlnMagMat01", "0.01"), "p.star:11: _rlnMagMat01", "grp");
  refuse_using(WITH("rlnMagMat00", "1.01"), "p.star:11: _rlnMagMat00", "grp");
  refuse_using(WITH("rlnImageDimensionality", "3"), "p.star:11: _rlnImageDimensionality", "grp");
  refuse_using(WITH("rlnCtfDataAreCtfPremultiplied", "1"), "_rlnCtfDataAreCtfPremultiplied", "grp");
  refuse_using("data_\nloop_\n_rlnImageName\n_rlnImagePixelSize\n_rlnBeamTiltY\n1@a.mrcs 1.5 0\n2@a.mrcs 1.5 0.2\n",
               "p.star:7: _rlnBeamTilt", "0.2 mrad");
  const char *const harmless[] = {WITH("rlnBeamTiltX", "0.000"), WITH("rlnOddZernike", "[0,0.0,-0e5]"),
                                  WITH("rlnMagMat11", "1.000000"), WITH("rlnImageDimensionality", "2"),
                                  WITH("rlnCtfDataAreCtfPremultiplied", "0")};
  for (int i = 0; i < 5; i++) {
    fz_error err = {0};
    fz_io_particles *p = open_text(harmless[i]);
    if (fz_io_particles_require_supported(p, &err) != FZ_OK) fail_msg("%s", err.text);
    fz_io_particles_destroy(&p);
  }
  refuse_using(OPTICS_HEAD "1 g 0 2.7 0.1 1.5 8\n" ONE_PARTICLE, "p.star", "voltage");
  refuse_using(OPTICS_HEAD "1 g 300 2.7 0.1 1.5 8\n2 h 300 2.7 0.1 1.6 8\n" ONE_PARTICLE, "_rlnImagePixelSize",
               "1.6 A in h");
  refuse_using(OPTICS_HEAD "1 g 300 2.7 0.1 1.5 8\n2 h 300 2.7 0.1 1.5 10\n" ONE_PARTICLE, "_rlnImageSize", "10 in h");
  assert_no_blocks();
}

static void stacks_are_checked_against_the_table(void **state) {
  (void)state;
  fz_error err = {0};
  make_stack("a.mrcs", 8, 2, 1.5);
  refuse_using(OPTICS PARTICLES_HEAD "3@a.mrcs 9 10 20 30 1 1 1 1 1 2 k\n", "p.star:26: _rlnImageName: 3@a.mrcs",
               "only 2");
  refuse_using(OPTICS PARTICLES_HEAD "1@c.mrcs 9 10 20 30 1 1 1 1 1 2 k\n", "p.star:26: _rlnImageName", "c.mrcs");
  make_stack("six.mrcs", 6, 2, 1.5);
  refuse_using(OPTICS PARTICLES_HEAD "1@six.mrcs 9 10 20 30 1 1 1 1 1 2 k\n", "p.star:26: _rlnImageSize", "6 pixels");
  assert_int_equal(truncate("six.mrcs", 1100), 0);
  refuse_using(OPTICS PARTICLES_HEAD "1@six.mrcs 9 10 20 30 1 1 1 1 1 2 k\n", "p.star:26: _rlnImageName", "truncated");
  make_stack("plain.mrcs", 8, 1, 0);
  refuse_using("data_\nloop_\n_rlnImageName\n1@plain.mrcs\n", "p.star", "pixel size");

  make_stack("other.mrcs", 8, 1, 1.53);
  fz_io_particles *p = open_text(OPTICS PARTICLES_HEAD "1@other.mrcs 9 10 20 30 1 1 1 1 1 2 k\n");
  warnings = 0;
  assert_int_equal(fz_io_particles_require_supported(p, &err), FZ_OK);
  assert_int_equal(warnings, 1);
  assert_non_null(strstr(last_warning, "p.star"));
  assert_non_null(strstr(last_warning, "other.mrcs"));
  fz_io_particles_destroy(&p);
  make_stack("near.mrcs", 8, 1, 1.51); /* within 1 %: no word */
  p = open_text(OPTICS PARTICLES_HEAD "1@near.mrcs 9 10 20 30 1 1 1 1 1 2 k\n");
  assert_int_equal(fz_io_particles_require_supported(p, &err), FZ_OK);
  assert_int_equal(warnings, 1);
  fz_io_particles_destroy(&p);
  assert_no_blocks();
}

/* rows of the .cs test, packed as the header says */
typedef struct cs_row {
  char path[8];
  uint32_t idx, shape[2];
  float psize, sign, kv, cs, contrast, df1, df2, angle, phase, bfactor, scale, tilt[2], pose[3], shift[2], shift_psize;
  uint32_t split;
} cs_row;

static void write_cs(const char *path, const cs_row *row, int n) {
  char text[1024];
  int used = snprintf(
      text, sizeof text,
      "{'descr': [('blob/path', '|S8'), ('blob/idx', '<u4'), ('blob/shape', '<u4', (2,)), ('blob/psize_A', '<f4'), "
      "('blob/sign', '<f4'), ('ctf/accel_kv', '<f4'), ('ctf/cs_mm', '<f4'), ('ctf/amp_contrast', '<f4'), "
      "('ctf/df1_A', '<f4'), ('ctf/df2_A', '<f4'), ('ctf/df_angle_rad', '<f4'), ('ctf/phase_shift_rad', '<f4'), "
      "('ctf/bfactor', '<f4'), ('ctf/scale', '<f4'), ('ctf/tilt_A', '<f4', (2,)), ('alignments3D/pose', '<f4', (3,)), "
      "('alignments3D/shift', '<f4', (2,)), ('alignments3D/psize_A', '<f4'), ('alignments3D/split', '<u4')], "
      "'fortran_order': False, 'shape': (%d,), }",
      n);
  unsigned char bytes[4096] = "\x93NUMPY\x01";
  memset(bytes + 10, ' ', 1014);
  memcpy(bytes + 10, text, (size_t)used);
  bytes[8] = 1014 & 255;
  bytes[9] = 1014 >> 8;
  memcpy(bytes + 1024, row, (size_t)n * sizeof *row);
  files_write(path, bytes, 1024 + (size_t)n * sizeof *row);
}

static void cryosparc_files(void **state) {
  (void)state;
  fz_error err = {0};
  const float a = 0.5f;
  const cs_row base = {.path = ">a.mrcs",
                       .idx = 1,
                       .shape = {8, 8},
                       .psize = 1.5f,
                       .sign = 1,
                       .kv = 300,
                       .cs = 2.7f,
                       .contrast = 0.1f,
                       .df1 = 12000,
                       .df2 = 11000,
                       .angle = 0.25f,
                       .phase = 0.125f,
                       .bfactor = 20,
                       .scale = 0.75f,
                       .shift = {2, -3},
                       .shift_psize = 3};
  cs_row row[2] = {base, base};
  make_stack("a.mrcs", 8, 2, 1.5);
  row[0].pose[1] = a; /* exp(a y)^T is RELION's Y(a): a tilt */
  row[1].pose[2] = a; /* exp(a z)^T is Z(a): an in-plane turn */
  row[1].sign = -1;
  row[1].split = 1;
  write_cs("p.cs", row, 2);
  fz_io_particles *p = open_file("p.cs");
  const double deg = 180 / acos(-1.0);
  for (int pass = 0; pass < 2; pass++) { /* read from .cs, then from the STAR file written from it */
    const fz_particles *t = fz_io_particles_table(p);
    assert_int_equal(t->n, 2);
    assert_int_equal(t->n_optics, 1);
    assert_near(t->optics[0].pixel_A, 1.5);
    assert_int_equal(t->optics[0].box, 8);
    const fz_particle *q = t->particle;
    assert_string_equal(t->stack_path[q[0].stack], "a.mrcs");
    assert_int_equal(q[0].slice, 1);
    assert_near(q[0].tilt_deg, 0.5 * deg);
    assert_true(fabs(q[0].rot_deg) < 1e-5 && fabs(q[0].psi_deg) < 1e-5);
    assert_true(fabs(q[1].tilt_deg) < 1e-4);
    assert_near(q[1].rot_deg + q[1].psi_deg, 0.5 * deg);
    assert_near(q[0].origin_x_A, 6); /* 2 px of alignments3D/psize_A */
    assert_near(q[0].origin_y_A, -9);
    assert_near(q[0].ctf.defocus_angle_deg, 0.25 * deg);
    assert_near(q[0].ctf.phase_shift_deg, 0.125 * deg);
    assert_near(q[0].ctf.b_factor_A2, 20);
    assert_near(q[0].ctf.scale, 0.75);
    assert_near(q[1].ctf.scale, -0.75); /* negative contrast */
    assert_int_equal(q[0].subset, 1);
    assert_int_equal(q[1].subset, 2);
    assert_true(fz_io_particles_have_poses(p));
    if (fz_io_particles_require_supported(p, &err) != FZ_OK) fail_msg("%s", err.text);
    fz_io_particles_output what = {0};
    if (pass == 0) assert_int_equal(fz_io_particles_write(p, "from_cs.star", &what, &err), FZ_OK);
    fz_io_particles_destroy(&p);
    if (pass == 0) p = open_file("from_cs.star");
  }
  row[1].tilt[0] = 0.1f;
  row[1].idx = 7;
  write_cs("p.cs", row, 2);
  p = open_file("p.cs");
  assert_int_equal(fz_io_particles_require_supported(p, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "p.cs: row 2: ctf/tilt_A");
  fz_io_particles_destroy(&p);
  row[1].tilt[0] = 0;
  write_cs("p.cs", row, 2);
  p = open_file("p.cs");
  assert_int_equal(fz_io_particles_require_supported(p, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "p.cs: row 2: blob/path: 8@a.mrcs");
  fz_io_particles_destroy(&p);
  row[0].shape[1] = 9;
  write_cs("p.cs", row, 2);
  assert_int_equal(fz_io_particles_read("p.cs", &p, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "p.cs: row 1: blob/shape: 8 x 9");
  row[0].shape[1] = 8;
  row[0].df1 = NAN;
  write_cs("p.cs", row, 2);
  assert_int_equal(fz_io_particles_read("p.cs", &p, &err), FZ_EINPUT);
  ASSERT_SAYS(err, "p.cs: row 1");
  assert_no_blocks();
}

static void tables_made_by_the_program(void **state) {
  (void)state;
  fz_error err = {0};
  fz_optics optics = {.voltage_kV = 300,
                      .cs_mm = 2.7,
                      .amplitude_contrast = 0.1,
                      .pixel_A = 1.5,
                      .box = 8,
                      .has_ctf = true,
                      .name = "sim"};
  fz_particle particle[2] = {{.rot_deg = 1, .tilt_deg = 2, .psi_deg = 3, .ctf = {.defocus_u_A = 1e4, .scale = 1}},
                             {.slice = 1, .origin_x_A = -2.5, .ctf = {.defocus_u_A = 2e4, .scale = 1}}};
  char path[] = "out/s.mrcs", *paths[1] = {path};
  const char *const names[1] = {"s.mrcs"};
  fz_particles made = {
      .n = 2, .particle = particle, .n_optics = 1, .optics = &optics, .n_stacks = 1, .stack_path = paths};
  fz_io_particles *p;
  fz_io_particles_output what = {.comment = "simulated"};
  assert_int_equal(mkdir("out", 0777), 0);
  make_stack("out/s.mrcs", 8, 2, 1.5);
  assert_int_equal(fz_io_particles_from_table(&made, names, &p, &err), FZ_OK);
  assert_int_equal(fz_io_particles_write(p, "out/s.star", &what, &err), FZ_OK);
  fz_io_particles_destroy(&p);
  p = open_file("out/s.star");
  const fz_particles *t = fz_io_particles_table(p);
  assert_string_equal(t->stack_path[0], "out/s.mrcs");
  assert_string_equal(t->optics[0].name, "sim");
  assert_true(t->particle[0].tilt_deg == 2 && t->particle[1].origin_x_A == -2.5 && t->particle[1].slice == 1);
  assert_true(t->particle[1].ctf.defocus_u_A == 2e4);
  if (fz_io_particles_require_supported(p, &err) != FZ_OK) fail_msg("%s", err.text);
  fz_io_particles_destroy(&p);
  assert_no_blocks();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(relion_3_1),
      cmocka_unit_test(old_files_group_by_values_and_convert_pixels),
      cmocka_unit_test(pixel_origins_in_a_3_1_file),
      cmocka_unit_test(writing_replaces_poses_and_keeps_the_rest),
      cmocka_unit_test(stacks_beside_or_above_the_file),
      cmocka_unit_test(unreadable_files_name_line_and_label),
      cmocka_unit_test(unsupported_features_are_refused),
      cmocka_unit_test(stacks_are_checked_against_the_table),
      cmocka_unit_test(cryosparc_files),
      cmocka_unit_test(tables_made_by_the_program),
  };
  fz_set_log_sink(keep_warning);
  return cmocka_run_group_tests(tests, files_enter, files_leave);
}
