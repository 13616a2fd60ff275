/* Images to measure with: simulated in memory, or read from files.  Either way they pass the same opening scan, which
 * estimates the noise and cuts tiles, as those of a reconstruction. */
#ifndef FZ_BENCH_IMAGE_SET_H
#define FZ_BENCH_IMAGE_SET_H
#include "estep/dataset.h"
#include "io/particles.h"
#include "mpi/comm.h"

typedef struct fz_bench_image_set {
  fz_dataset data;
  double *map; /* [box]^3, the map behind the images in their grey scale */
  uint8_t *fault;
  fz_images images;
  bool from_files;
  fz_io_particles *file; /* of files */
  fz_particles table;    /* of simulated images */
  fz_optics optics;
  float *pixels;
} fz_bench_image_set;

typedef struct fz_bench_simulated {
  int box, n, tile_size; /* n: a multiple of 2 tile_size, so that all tiles are full */
  double snr;
  uint64_t seed;
} fz_bench_simulated;

/** Images of the phantom at random poses, displacements of 1 px, CTF, white noise.
 *  owns the caller: fz_bench_image_set_clear.  calls collective.  fails FZ_ENOMEM */
fz_status fz_bench_image_set_simulate(fz_mpi *comm, const fz_bench_simulated *what, fz_bench_image_set *set,
                                      fz_error *err);
/** The images of a particle file, all kept in memory, and a map in their grey scale.  As above; fails FZ_EINPUT, FZ_EIO
 */
fz_status fz_bench_image_set_read(fz_mpi *comm, const char *particles, const char *map, int tile_size,
                                  fz_bench_image_set *set, fz_error *err);
void fz_bench_image_set_clear(fz_bench_image_set *set);

#endif
