/* What the parts of bench_estep share: the settings, the sizes of each measurement, the measurements. */
#ifndef FZ_BENCH_ESTEP_BENCH_H
#define FZ_BENCH_ESTEP_BENCH_H
#include "common/machine.h"
#include "common/report.h"
#include "common/scoring.h"

enum { FZ_BENCH_REPEATS_MOST = 32, FZ_BENCH_ENGINES_MOST = 8 };

typedef struct fz_estep_settings {
  const char *kmax, *engine, *particles, *map, *json; /* engine: a name or "all" */
  int64_t repeats, nside, n_psi;                      /* 0: by the band limit, as are the next two */
  double shift_step_px, shift_range_px;
} fz_estep_settings;

typedef struct fz_estep_bench {
  const fz_estep_settings *settings;
  fz_mpi *comm;
  fz_bench_machine machine;
  fz_bench_report report;
  double peak_gflops; /* SGEMM, the best so far */
  int repeats;        /* of the present measurements */
} fz_estep_bench;

/* Sizes for one band limit, so that it is done within a minute.  The rate per score hardly depends on the number of
 * directions, so slow engines get fewer of them; but too few would show the merging of a tile's sums as larger than it
 * is. */
typedef struct fz_estep_plan {
  int kmax, box, tile_size, n_tiles, repeats;
  int nside, nside_direct, nside_plain; /* 0: what a reconstruction takes */
} fz_estep_plan;

fz_estep_plan fz_estep_plan_for(int kmax);
/** The sampling of a reconstruction, or what the settings say instead; nside 0: likewise. */
fz_stage_spec fz_estep_spec(const fz_estep_settings *s, int box, int kmax, int nside, int threads);
/** The settings ask for this engine. */
int fz_estep_wants(const fz_estep_settings *s, const fz_bench_engine *engine);
int fz_estep_nside(const fz_estep_plan *plan, const fz_bench_engine *engine);
/** What its likelihoods are compared with, and on how many directions; NULL for the direct engine. */
const fz_bench_engine *fz_estep_reference(const fz_estep_plan *plan, const fz_bench_engine *engine, int *nside);
/** A row of the report with the fields that all have: what, kmax, engine, the quadrature. */
fz_io_json fz_estep_row(const char *what, const fz_bench_engine *engine, const fz_bench_scoring *scoring);

/* The measurements: each prints its lines and adds its rows.  posterior: a word for the kind of image. */

/** Every engine on one core, by turns: rates of both jobs and their ratios.  Adaptive search only on images that tell
 *  their pose: on others it rules nothing out. */
fz_status fz_estep_rates(fz_estep_bench *b, const fz_estep_plan *plan, const char *posterior, fz_bench_image_set *set,
                         fz_error *err);
/** Gains of each engine against those of its reference on the same quadrature, image by image. */
fz_status fz_estep_agreement(fz_estep_bench *b, const fz_estep_plan *plan, const char *posterior,
                             fz_bench_image_set *set, fz_error *err);
/** The E-step of all tiles with two threads and with one, by turns, on the wall clock. */
fz_status fz_estep_threads(fz_estep_bench *b, const fz_estep_plan *plan, fz_bench_image_set *set, fz_error *err);
/** Where the time of the direct and the polar engine goes, and the products as a share of the SGEMM peak. */
fz_status fz_estep_profile(fz_estep_bench *b, const fz_estep_plan *plan, fz_bench_image_set *set, fz_error *err);
/** Images of files, through the stage: rates and time per image, reading and preparing included. */
fz_status fz_estep_files(fz_estep_bench *b, int kmax, fz_error *err);

#endif
