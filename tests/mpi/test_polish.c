/* Poses improved on many ranks: nearer to the truth, each half-set against its own map, the bits of one rank alone, and
 * nothing changed when a rank stops or fails. */
#include <math.h>
#include <string.h>

#include "core/random.h"
#include "model/cube.h"
#include "model/forward.h"
#include "model/resample.h"
#include "mpi/dataset.h"
#include "mpi/polish.h"
#include "mpi_test.h"
#include "pose/rotation.h"

enum { N = 90, BOX = 24, KMAX = 8, TILE = 8, VOXELS = BOX * BOX * BOX };
static const double NOISE = 1, DEGREES = 3.14159265358979323846 / 180;

typedef struct fixture {
  fz_particle particle[N];
  fz_optics optics;
  fz_particles table;
  uint8_t fault[N];
  float pixels[N][BOX * BOX];
  int fails_at; /* image that cannot be read, or -1 */
  fz_dataset data;
  double *w, *empty;
  fz_polish_spec spec;
} fixture;

static fz_status read_images(void *self, const int64_t *particle, int n, float *pixels, fz_error *err) {
  const fixture *x = self;
  for (int i = 0; i < n; i++) {
    if (particle[i] == x->fails_at) return fz_fail(err, FZ_EIO, "image %d is gone", x->fails_at);
    memcpy(pixels + (ptrdiff_t)i * BOX * BOX, x->pixels[particle[i]], sizeof x->pixels[0]);
  }
  return FZ_OK;
}

static void make_map(fz_map *map) {
  fz_random r = fz_random_stream(3, FZ_PURPOSE_TEST, 0, 0);
  *map = (fz_map){.n = BOX, .voxel_A = 4, .voxel = fz_alloc(VOXELS, sizeof(float))};
  for (int g = 0; g < 14; g++) {
    double at[3];
    for (int d = 0; d < 3; d++) at[d] = BOX / 2 + 3 * fz_random_normal(&r);
    for (int i = 0; i < VOXELS; i++) {
      double dx = i % BOX - at[0], dy = i / BOX % BOX - at[1], dz = i / BOX / BOX - at[2];
      map->voxel[i] += (float)(4 * exp(-(dx * dx + dy * dy + dz * dz) / 2));
    }
  }
}

static void make_images(fixture *x, const fz_map *map) {
  fz_forward *forward = fz_forward_create(map);
  double image[BOX * BOX];
  for (int i = 0; i < N; i++) {
    fz_random r = fz_random_stream(4, FZ_PURPOSE_TEST, 0, (uint64_t)i);
    fz_particle *p = &x->particle[i];
    fz_rotation a = fz_rotation_random(&r);
    *p = (fz_particle){.ctf.scale = 1, .slice = i, .subset = 1 + i % 2};
    fz_rotation_to_euler(&a, &p->rot_deg, &p->tilt_deg, &p->psi_deg);
    p->origin_x_A = 3 * fz_random_normal(&r);
    p->origin_y_A = 3 * fz_random_normal(&r);
    fz_forward_image(forward, p, NULL, x->optics.pixel_A, image);
    for (int k = 0; k < BOX * BOX; k++) x->pixels[i][k] = (float)(image[k] + NOISE * fz_random_normal(&r));
  }
  fz_forward_destroy(&forward);
}

/* The true poses, off by 4 degrees and 0.7 pixels or so, as a search on a grid leaves them. */
static void disturb(fixture *x) {
  for (int i = 0; i < N; i++) {
    const fz_particle *p = &x->particle[i];
    fz_image_state *s = &x->data.state[i];
    fz_random r = fz_random_stream(5, FZ_PURPOSE_TEST, 0, (uint64_t)i);
    fz_rotation a = fz_rotation_from_euler(p->rot_deg, p->tilt_deg, p->psi_deg);
    double v[3];
    for (int d = 0; d < 3; d++) v[d] = 2.5 * DEGREES * fz_random_normal(&r);
    fz_rotation turn = fz_rotation_from_vector(v);
    a = fz_rotation_multiply(&turn, &a);
    fz_rotation_to_euler(&a, &s->rot_deg, &s->tilt_deg, &s->psi_deg);
    s->shift_x_px = -p->origin_x_A / x->optics.pixel_A + 0.5 * fz_random_normal(&r);
    s->shift_y_px = -p->origin_y_A / x->optics.pixel_A + 0.5 * fz_random_normal(&r);
    s->centre_x_px = i % 3 ? s->shift_x_px : 0;
    s->centre_y_px = i % 3 ? s->shift_y_px : 0;
    s->gain = 10 + i;
    s->visited = i != 7;
  }
}

static fixture *build(fz_mpi *comm, int threads) {
  fz_error err;
  fz_map map;
  fixture *x = fz_alloc(1, sizeof *x);
  *x = (fixture){.optics = {.pixel_A = 4, .box = BOX}, .fails_at = -1};
  int m = fz_work_box(KMAX);
  double *voxel = fz_alloc(VOXELS, sizeof *voxel);
  make_map(&map);
  make_images(x, &map);
  for (int i = 0; i < VOXELS; i++) voxel[i] = map.voxel[i];
  fz_map_clear(&map);
  x->table = (fz_particles){.n = N, .particle = x->particle, .n_optics = 1, .optics = &x->optics};
  fz_images images = {.self = x, .n = N, .box = BOX, .read = read_images};
  CHECK(fz_mpi_dataset_open(comm, &x->table, &images, 9, TILE, 1, &x->data, x->fault, &err) == FZ_OK);
  x->w = fz_alloc((ptrdiff_t)m * m * m, sizeof *x->w);
  x->empty = fz_alloc((ptrdiff_t)m * m * m, sizeof *x->empty);
  CHECK(fz_resample(voxel, BOX, x->w, m) == FZ_OK);
  fz_free(&voxel);
  x->spec = (fz_polish_spec){
      .kmax = KMAX, .m = m, .n_classes = 1, .threads = threads, .volume = {x->w, x->w}, .shift_sd_px = 2};
  disturb(x);
  return x;
}

static void drop(fixture **x) {
  fz_free(&(*x)->w);
  fz_free(&(*x)->empty);
  fz_dataset_clear(&(*x)->data);
  fz_free(x);
}

static double turn_from_truth(const fixture *x, int i, const fz_image_state *s) {
  const fz_particle *p = &x->particle[i];
  fz_rotation a = fz_rotation_from_euler(p->rot_deg, p->tilt_deg, p->psi_deg);
  fz_rotation b = fz_rotation_from_euler(s->rot_deg, s->tilt_deg, s->psi_deg);
  return fz_rotation_distance(&a, &b) / DEGREES;
}

static double shift_from_truth(const fixture *x, int i, const fz_image_state *s) {
  return hypot(s->shift_x_px + x->particle[i].origin_x_A / x->optics.pixel_A,
               s->shift_y_px + x->particle[i].origin_y_A / x->optics.pixel_A);
}

static bool same_pose(const fz_image_state *a, const fz_image_state *b) {
  return memcmp(a, b, sizeof *a) == 0;
}

static void poses_come_nearer_to_the_truth(fz_mpi *comm) {
  fixture *x = build(comm, 1);
  fz_error err;
  fz_polish_report report;
  fz_image_state before[N];
  memcpy(before, x->data.state, sizeof before);
  CHECK(fz_mpi_polish(comm, &x->data, &x->spec, (fz_mpi_pause){0}, NULL, &report, &err) == FZ_OK);
  double turn[2] = {0}, shift[2] = {0};
  for (int i = 0; i < N; i++) {
    const fz_image_state *s = &x->data.state[i];
    CHECK(fz_mpi_same(comm, s, sizeof *s));
    CHECK(s->gain == before[i].gain && s->centre_x_px == before[i].centre_x_px && s->visited == before[i].visited);
    if (i == 7) CHECK(same_pose(s, &before[i])); /* it was never scored */
    turn[0] += turn_from_truth(x, i, &before[i]) / N;
    turn[1] += turn_from_truth(x, i, s) / N;
    shift[0] += shift_from_truth(x, i, &before[i]) / N;
    shift[1] += shift_from_truth(x, i, s) / N;
  }
  CHECK(turn[1] < 0.5 * turn[0] && shift[1] < 0.5 * shift[0]);
  CHECK(report.turn_deg > 0.7 * turn[0] && report.turn_deg < 1.3 * turn[0]);
  CHECK(report.shift_px > 0.7 * shift[0] && report.shift_px < 1.3 * shift[0]);
  drop(&x);
}

static void bits_are_those_of_one_rank(fz_mpi *comm) {
  fixture *x = build(comm, 2), *alone = build(comm, 1);
  fz_error err;
  fz_polish_report report;
  fz_polish *polish;
  fz_image_state state[TILE];
  CHECK(fz_mpi_polish(comm, &x->data, &x->spec, (fz_mpi_pause){0}, NULL, &report, &err) == FZ_OK);
  CHECK(fz_polish_open(&alone->data, &alone->spec, &polish, &err) == FZ_OK);
  for (int64_t t = 0; t < alone->data.n_tiles; t++) {
    CHECK(fz_polish_tile(polish, 0, t, state, &err) == FZ_OK);
    for (int64_t i = alone->data.tile_first[t]; i < alone->data.tile_first[t + 1]; i++)
      CHECK(same_pose(&x->data.state[alone->data.particle[i]], &state[i - alone->data.tile_first[t]]));
  }
  fz_polish_close(&polish);
  drop(&alone);
  drop(&x);
}

/* Half-set 2 is compared with an empty map, which says nothing of its poses but what the prior does of shifts. */
static void half_sets_have_maps_of_their_own(fz_mpi *comm) {
  fixture *x = build(comm, 1);
  fz_error err;
  fz_polish_report report;
  fz_image_state before[N];
  memcpy(before, x->data.state, sizeof before);
  x->spec.volume[1] = x->empty;
  x->spec.shift_sd_px = 0;
  CHECK(fz_mpi_polish(comm, &x->data, &x->spec, (fz_mpi_pause){0}, NULL, &report, &err) == FZ_OK);
  for (int i = 0; i < N; i++) {
    double change = fabs(turn_from_truth(x, i, &x->data.state[i]) - turn_from_truth(x, i, &before[i]));
    if (i != 7) CHECK(x->data.half[i] == 1 ? change < 1e-6 : change > 1e-3);
  }
  drop(&x);
}

static fz_mpi_request now(void *context) {
  (void)context;
  return FZ_STOP;
}

static void a_stop_and_a_failure_leave_no_trace(fz_mpi *comm) {
  fixture *x = build(comm, 1);
  fz_error err;
  fz_polish_report report;
  fz_image_state before[N];
  memcpy(before, x->data.state, sizeof before);
  CHECK(fz_mpi_polish(comm, &x->data, &x->spec, (fz_mpi_pause){now, NULL}, NULL, &report, &err) == FZ_ESTOPPED);
  CHECK(memcmp(before, x->data.state, sizeof before) == 0);
  x->fails_at = N / 2;
  CHECK(fz_mpi_polish(comm, &x->data, &x->spec, (fz_mpi_pause){0}, NULL, &report, &err) == FZ_EIO);
  CHECK(memcmp(before, x->data.state, sizeof before) == 0);
  x->fails_at = -1;
  CHECK(fz_mpi_polish(comm, &x->data, &x->spec, (fz_mpi_pause){0}, NULL, &report, &err) == FZ_OK);
  CHECK(memcmp(before, x->data.state, sizeof before) != 0);
  drop(&x);
}

int main(int argc, char **argv) {
  void (*const tests[])(fz_mpi *) = {poses_come_nearer_to_the_truth, bits_are_those_of_one_rank,
                                     half_sets_have_maps_of_their_own, a_stop_and_a_failure_leave_no_trace, NULL};
  return mpi_test_main(argc, argv, tests);
}
