/* What a run takes in memory, part by part, before it starts; the one place where it is worked out. */
#ifndef FZ_OPTIM_RUN_MEMORY_H
#define FZ_OPTIM_RUN_MEMORY_H
#include "optim/run.h"

typedef enum fz_memory_part {
  FZ_MEMORY_LIBRARIES,  /* the program, MPI, PETSc, HDF5 and so on */
  FZ_MEMORY_TABLE,      /* the particles' table, their order */
  FZ_MEMORY_IMAGES,     /* the cache of images */
  FZ_MEMORY_STATES,     /* what is known of each image, and room to take it back */
  FZ_MEMORY_ENGINE,     /* slices, workspaces of the threads, tiles, sums held back */
  FZ_MEMORY_SOLVER,     /* the M-step's grids */
  FZ_MEMORY_VOLUMES,    /* maps on the work box */
  FZ_MEMORY_STATISTICS, /* exact sums of an evaluation and their means, in the refinement */
  FZ_MEMORY_OPTIMIZER,  /* the same in the climb, kept batches, gradients, pairs */
  FZ_MEMORY_JOURNAL,    /* sums of the step in progress, for checkpoints inside it (mpi/journal.h) */
  FZ_MEMORY_EXCHANGE,   /* buffers of sums over ranks */
  FZ_MEMORY_RESULTS,    /* maps in the images' box, tables, as they are written */
  FZ_MEMORY_PARTS
} fz_memory_part;

const char *fz_memory_part_name(fz_memory_part part);

/* Of one rank. */
typedef struct fz_run_memory {
  fz_run_phase phase; /* when that is; FZ_RUN_COMPLETE: as results are written */
  int kmax;
  int64_t bytes[FZ_MEMORY_PARTS]; /* the first three are the caller's to fill */
} fz_run_memory;
int64_t fz_run_memory_total(const fz_run_memory *memory);

/** What the statistics of a place are: of an E-step, and of the objective made of it. */
typedef struct fz_run_place {
  fz_run_phase phase;
  int kmax, rung; /* rung: of the ladder, in the climb */
  double passes;  /* over all images, as far as can be foreseen: 0 where a run comes only if its maps are better */
} fz_run_place;

/** The places of a run in their order, each once: rungs of the ladder (without --init), comparison, refinement up to
 * the highest band limit, local search, writing.  Returns their number, at most FZ_RUN_PLACES. local */
enum { FZ_RUN_PLACES = FZ_SCHEDULE_MAX + 40 };
int fz_run_places(const fz_run_settings *settings, fz_run_place *place);

/** At one place, on `ranks` ranks; what the run holds, without libraries, tables and images. */
fz_status fz_run_memory_at(const fz_run_settings *settings, const fz_dataset *data, int ranks,
                           const fz_run_place *place, fz_run_memory *out, fz_error *err);
/** At the place where it is most.  calls local.  fails FZ_ENOMEM, or what the optimizer refuses */
fz_status fz_run_memory_peak(const fz_run_settings *settings, const fz_dataset *data, int ranks, fz_run_memory *out,
                             fz_error *err);
/** Bytes of the largest checkpoint that the run can write, as a file. As above */
fz_status fz_run_checkpoint_bytes(const fz_run_settings *settings, const fz_dataset *data, int ranks, int64_t *out,
                                  fz_error *err);
/** Bytes of one evaluation's sums that every rank puts into the sum over all. */
int64_t fz_run_reduced_bytes(const fz_run_settings *settings, const fz_dataset *data, const fz_run_place *place);

#endif
