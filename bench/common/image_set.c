#include "common/image_set.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "io/images.h"
#include "io/mrc.h"
#include "model/forward.h"
#include "model/phantom.h"
#include "model/simulation.h"
#include "mpi/dataset.h"

static const double PIXEL_A = 4, MASK_RADIUS = 0.45 /* of the box */;

static fz_status read_pixels(void *self, const int64_t *particle, int n, float *pixels, fz_error *err) {
  const fz_bench_image_set *set = self;
  ptrdiff_t size = (ptrdiff_t)set->images.box * set->images.box;
  (void)err;
  for (int i = 0; i < n; i++)
    memcpy(pixels + i * size, set->pixels + particle[i] * size, sizeof *pixels * (size_t)size);
  return FZ_OK;
}

static fz_status make_phantom(int box, fz_map *map, fz_error *err) {
  fz_gaussians g = {0};
  fz_status st = fz_phantom_make("asymmetric", box * PIXEL_A, 3 * PIXEL_A, &g, err);
  if (st == FZ_OK) st = fz_gaussians_density(&g, box, PIXEL_A, map);
  fz_gaussians_clear(&g);
  return st;
}

/* Pixels and poses; the map is divided by the noise's standard deviation, as the images are. */
static fz_status fill_images(const fz_bench_simulated *what, fz_map *map, fz_bench_image_set *set) {
  fz_simulation simulation = {.seed = what->seed,
                              .views.uniform = 1,
                              .shift_sd_A = PIXEL_A,
                              .defocus_min_A = 10000,
                              .defocus_max_A = 25000,
                              .astigmatism_A = 500,
                              .optics = set->optics,
                              .n_classes = 1};
  ptrdiff_t size = (ptrdiff_t)what->box * what->box, voxels = size * what->box;
  double variance = 0, *image = fz_alloc(size, sizeof *image);
  fz_forward *forward = fz_forward_create(map);
  fz_status st = image && forward ? FZ_OK : FZ_ENOMEM;
  for (int i = 0; i < what->n && st == FZ_OK; i++) {
    int class_index;
    fz_particle *q = &set->table.particle[i];
    fz_simulation_particle(&simulation, i, q, &class_index);
    q->subset = i < what->n / 2 ? 1 : 2;
    variance += fz_forward_variance(forward, q, &set->optics, PIXEL_A) / what->n;
  }
  double deviation = sqrt(variance / what->snr);
  for (int i = 0; i < what->n && st == FZ_OK; i++) {
    fz_forward_image(forward, &set->table.particle[i], &set->optics, PIXEL_A, image);
    fz_simulation_add_noise(what->seed, i, deviation, size, image);
    for (ptrdiff_t p = 0; p < size; p++) set->pixels[i * size + p] = (float)(image[p] / deviation);
  }
  for (ptrdiff_t v = 0; v < voxels && st == FZ_OK; v++) set->map[v] = map->voxel[v] / deviation;
  fz_forward_destroy(&forward);
  fz_free(&image);
  return st;
}

fz_status fz_bench_image_set_simulate(fz_mpi *comm, const fz_bench_simulated *what, fz_bench_image_set *set,
                                      fz_error *err) {
  ptrdiff_t size = (ptrdiff_t)what->box * what->box;
  fz_map map = {0};
  *set = (fz_bench_image_set){.optics = {.voltage_kV = 300,
                                         .cs_mm = 2.7,
                                         .amplitude_contrast = 0.1,
                                         .pixel_A = PIXEL_A,
                                         .box = what->box,
                                         .has_ctf = true,
                                         .name = "simulated"}};
  set->map = fz_alloc(size * what->box, sizeof *set->map);
  set->pixels = fz_alloc(size * what->n, sizeof *set->pixels);
  set->fault = fz_alloc(what->n, sizeof *set->fault);
  set->table = (fz_particles){
      .n = what->n, .particle = fz_alloc(what->n, sizeof(fz_particle)), .n_optics = 1, .optics = &set->optics};
  set->images = (fz_images){.self = set, .n = what->n, .box = what->box, .read = read_pixels};
  fz_status st = set->map && set->pixels && set->fault && set->table.particle ? FZ_OK : FZ_ENOMEM;
  if (st == FZ_OK) st = make_phantom(what->box, &map, err);
  if (st == FZ_OK) st = fill_images(what, &map, set);
  fz_map_clear(&map);
  if (st != FZ_OK) st = fz_fail(err, st, "cannot simulate %d images of %d px", what->n, what->box);
  if (st == FZ_OK)
    st = fz_mpi_dataset_open(comm, &set->table, &set->images, MASK_RADIUS * what->box, what->tile_size, what->seed,
                             &set->data, set->fault, err);
  if (st != FZ_OK) fz_bench_image_set_clear(set);
  return st;
}

static fz_status read_map(const char *path, int box, fz_bench_image_set *set, fz_error *err) {
  fz_map map = {0};
  ptrdiff_t voxels = (ptrdiff_t)box * box * box;
  fz_status st = fz_io_map_read(path, &map, err);
  if (st == FZ_OK && map.n != box)
    st = fz_fail(err, FZ_EINPUT, "%s: its box is %d, the images have %d", path, map.n, box);
  if (st == FZ_OK && !(set->map = fz_alloc(voxels, sizeof *set->map))) st = fz_fail(err, FZ_ENOMEM, "no memory");
  for (ptrdiff_t v = 0; st == FZ_OK && v < voxels; v++) set->map[v] = map.voxel[v];
  fz_map_clear(&map);
  return st;
}

fz_status fz_bench_image_set_read(fz_mpi *comm, const char *particles, const char *map, int tile_size,
                                  fz_bench_image_set *set, fz_error *err) {
  const int64_t cache = (int64_t)4 << 30;
  *set = (fz_bench_image_set){.from_files = true};
  fz_status st = fz_io_particles_read(particles, &set->file, err);
  if (st == FZ_OK) st = fz_io_particles_require_supported(set->file, err);
  if (st == FZ_OK) st = fz_io_images_open(fz_io_particles_table(set->file), cache, &set->images, err);
  if (st == FZ_OK && !(set->fault = fz_alloc(set->images.n, sizeof *set->fault)))
    st = fz_fail(err, FZ_ENOMEM, "no memory for %lld particles", (long long)set->images.n);
  if (st == FZ_OK) st = read_map(map, set->images.box, set, err);
  if (st == FZ_OK)
    st = fz_mpi_dataset_open(comm, fz_io_particles_table(set->file), &set->images, MASK_RADIUS * set->images.box,
                             tile_size, 1, &set->data, set->fault, err);
  if (st != FZ_OK) fz_bench_image_set_clear(set);
  return st;
}

void fz_bench_image_set_clear(fz_bench_image_set *set) {
  fz_dataset_clear(&set->data);
  if (set->from_files) fz_io_images_close(&set->images);
  fz_io_particles_destroy(&set->file);
  fz_free(&set->table.particle);
  fz_free(&set->pixels);
  fz_free(&set->fault);
  fz_free(&set->map);
  *set = (fz_bench_image_set){0};
}
