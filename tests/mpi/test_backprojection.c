/* Backprojection of images made in memory from a phantom: the map comes back, with and without CTF, odd and coarse
 * grids, half-sets; images that are no images are named. */
#include "mpi_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/fsc.h"
#include "model/forward.h"
#include "model/phantom.h"
#include "model/simulation.h"
#include "mpi/backprojection.h"

/* An image source that computes. */
typedef struct source {
  fz_forward *forward;
  const fz_particles *table;
  const fz_optics *optics; /* NULL: without CTF */
  int n;
  double *pixels, noise_sd;
  int64_t spoilt; /* a particle with a pixel that is no number, or -1 */
} source;

static fz_status read_images(void *self, const int64_t *particle, int n, float *pixels, fz_error *err) {
  source *s = self;
  (void)err;
  for (int i = 0; i < n; i++) {
    fz_forward_image(s->forward, &s->table->particle[particle[i]], s->optics, 4, s->pixels);
    if (s->noise_sd > 0) fz_simulation_add_noise(1, particle[i], s->noise_sd, (ptrdiff_t)s->n * s->n, s->pixels);
    for (ptrdiff_t r = 0; r < (ptrdiff_t)s->n * s->n; r++) pixels[(ptrdiff_t)i * s->n * s->n + r] = (float)s->pixels[r];
    if (particle[i] == s->spoilt) pixels[(ptrdiff_t)i * s->n * s->n + 3] = NAN;
  }
  return FZ_OK;
}

typedef struct set {
  fz_particles table;
  fz_optics optics;
  char *stack;
  fz_map truth;
  source source;
  fz_images images;
} set;

static void make_set(set *s, int box, int64_t n, bool ctf) {
  fz_gaussians g;
  *s = (set){.optics = {300, 2.7, 0.1, 4, box, false, ctf, "one"}};
  CHECK(fz_phantom_make("asymmetric", box * 4, 16, &g, NULL) == FZ_OK);
  CHECK(fz_gaussians_density(&g, box, 4, &s->truth) == FZ_OK);
  fz_gaussians_clear(&g);
  fz_simulation draw = {.seed = 3, .shift_sd_A = 6, .defocus_min_A = 8000, .defocus_max_A = 20000, .n_classes = 1};
  s->stack = fz_strdup("memory");
  s->table = (fz_particles){.n = n, .n_optics = 1, .optics = &s->optics, .n_stacks = 1, .stack_path = &s->stack};
  s->table.particle = fz_alloc((ptrdiff_t)n, sizeof *s->table.particle);
  for (int64_t i = 0; i < n; i++) {
    int c;
    fz_simulation_particle(&draw, i, &s->table.particle[i], &c);
  }
  s->source = (source){.forward = fz_forward_create(&s->truth), .table = &s->table, .n = box, .spoilt = -1};
  s->source.optics = ctf ? &s->optics : NULL;
  s->source.pixels = fz_alloc((ptrdiff_t)box * box, sizeof(double));
  CHECK(s->source.forward && s->source.pixels);
  s->images = (fz_images){.self = &s->source, .n = n, .box = box, .read = read_images};
}

static void clear_set(set *s) {
  fz_forward_destroy(&s->source.forward);
  fz_free(&s->source.pixels);
  fz_free(&s->table.particle);
  fz_free(&s->stack);
  fz_map_clear(&s->truth);
}

static fz_backprojection_spec plain(int box) {
  return (fz_backprojection_spec){.kmax = box / 2 - 1,
                                  .mask_radius_px = box / 2.0 - 4,
                                  .mask_edge_px = 4,
                                  .seed = 1,
                                  .iterations = 40,
                                  .tolerance = 1e-4};
}

/* Relative distance and least correlation of shells 1 .. last from the truth, on rank 0. */
static void compare(const set *s, const double *voxel, int last, double *distance, double *worst) {
  int n = s->truth.n;
  ptrdiff_t size = (ptrdiff_t)n * n * n;
  fz_map map = {.n = n, .voxel_A = 4, .voxel = fz_alloc(size, sizeof(float))};
  double error = 0, norm = 0, fsc[64];
  for (ptrdiff_t i = 0; i < size; i++) {
    map.voxel[i] = (float)voxel[i];
    error += pow(voxel[i] - (double)s->truth.voxel[i], 2);
    norm += pow((double)s->truth.voxel[i], 2);
  }
  *distance = sqrt(error / norm);
  CHECK(fz_fsc_compute(&map, &s->truth, NULL, fsc, NULL) == FZ_OK);
  *worst = 1;
  for (int i = 1; i <= last; i++) *worst = fmin(*worst, fsc[i]);
  fz_map_clear(&map);
}

static void check_recovery(fz_mpi *comm, int box, bool ctf, const fz_backprojection_spec *spec, double limit,
                           int last_shell) {
  set s;
  fz_backprojection r;
  fz_error err = {0};
  double distance, worst;
  make_set(&s, box, 500, ctf);
  if (fz_mpi_backproject(comm, &s.table, &s.images, spec, &r, &err) != FZ_OK)
    fz_fatal(__FILE__, __LINE__, "%s", err.text);
  CHECK(r.n_maps == (spec->halves ? 3 : 1) && r.images[0] == 500);
  for (int k = 0; k < r.n_maps && fz_mpi_rank(comm) == 0; k++) {
    compare(&s, r.voxel[k], last_shell, &distance, &worst);
    printf("box %d, map %d: distance %.4f, least FSC %.5f, %d iterations\n", box, k, distance, worst, r.iterations[k]);
    CHECK(distance < limit && worst > 0.99);
  }
  if (spec->halves) CHECK(r.images[1] + r.images[2] == 500 && labs((long)(r.images[1] - r.images[2])) <= 32);
  fz_backprojection_clear(&r);
  clear_set(&s);
}

/* Clean images determine the map up to the gridding error (some 1e-3) and what little the ridge and the taper at
 * Nyquist take: the phantom has about 1e-2 of its norm there. */
static void clean_images_give_the_map_back(fz_mpi *comm) {
  fz_backprojection_spec spec = plain(24);
  check_recovery(comm, 24, false, &spec, 0.03, 9);
  spec.halves = true;
  check_recovery(comm, 24, true, &spec, 0.03, 9);
  spec = plain(25);
  check_recovery(comm, 25, true, &spec, 0.03, 9);
}

/* Up to kmax 7 of a box of 36 the work is done on 18^3 voxels; the map is the truth without its higher shells. */
static void coarse_grids(fz_mpi *comm) {
  fz_backprojection_spec spec = plain(36);
  spec.kmax = 7;
  check_recovery(comm, 36, true, &spec, 1, 6);
}

/* Noise: the Wiener filter is nearer to the truth than the plain solution. Its images are in units of the noise. */
static void prior_lessens_noise(fz_mpi *comm) {
  enum { BOX = 24 };
  set s;
  double distance[2], worst;
  make_set(&s, BOX, 500, true);
  double sd = 2 * sqrt(fz_forward_variance(s.source.forward, &s.table.particle[0], s.source.optics, 4));
  for (ptrdiff_t i = 0; i < BOX * BOX * BOX; i++) s.truth.voxel[i] = (float)((double)s.truth.voxel[i] / sd);
  fz_forward_destroy(&s.source.forward);
  s.source.forward = fz_forward_create(&s.truth);
  s.source.noise_sd = 1;
  for (int k = 0; k < 2; k++) {
    fz_backprojection r;
    fz_error err = {0};
    fz_backprojection_spec spec = plain(BOX);
    spec.prior = k;
    if (k) spec.mask_radius_px = 10, spec.mask_edge_px = 2;
    if (fz_mpi_backproject(comm, &s.table, &s.images, &spec, &r, &err) != FZ_OK)
      fz_fatal(__FILE__, __LINE__, "%s", err.text);
    if (fz_mpi_rank(comm) == 0) {
      compare(&s, r.voxel[0], 4, &distance[k], &worst);
      printf("prior %d: distance %.3f, least FSC %.4f\n", k, distance[k], worst);
      CHECK(worst > 0.9);
    }
    fz_backprojection_clear(&r);
  }
  if (fz_mpi_rank(comm) == 0) CHECK(distance[1] < distance[0] && distance[1] < 0.3);
  clear_set(&s);
}

static void spoilt_images_are_named(fz_mpi *comm) {
  set s;
  make_set(&s, 24, 70, false);
  s.source.spoilt = 41;
  s.table.particle[41].slice = 12;
  for (int prior = 0; prior < 2; prior++) {
    fz_backprojection r;
    fz_error err = {0};
    fz_backprojection_spec spec = plain(24);
    spec.prior = prior;
    CHECK(fz_mpi_backproject(comm, &s.table, &s.images, &spec, &r, &err) == FZ_EINPUT);
    CHECK(strstr(err.text, "image 13 of memory (particle 42)"));
    CHECK(!r.voxel[0]);
  }
  clear_set(&s);
}

int main(int argc, char **argv) {
  void (*const tests[])(fz_mpi *) = {clean_images_give_the_map_back, coarse_grids, prior_lessens_noise,
                                     spoilt_images_are_named, NULL};
  return mpi_test_main(argc, argv, tests);
}
