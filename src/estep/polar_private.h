/* What the files of the polar engine share (compiled for float and for double).
 *  A packet is up to 16 directions of one class, the lanes of the kernels; a row is one image at one shift.  The rows
 *  of an image are padded to an even number, so that the two rows of a pair belong to one image. */
#ifndef FZ_ESTEP_POLAR_PRIVATE_H
#define FZ_ESTEP_POLAR_PRIVATE_H
#include <omp.h>

#include "core/real.h"
#include "estep/engine.h"
#include "estep/partial_sums.h"
#include "estep/polar_level.h"
#include "model/kaiser_bessel.h"
#include "model/projector.h"

#define fz_polar FZ_REAL_NAME(fz_polar)
#define fz_polar_workspace FZ_REAL_NAME(fz_polar_workspace)
#define fz_polar_load FZ_REAL_NAME(fz_polar_load)
#define fz_polar_totals FZ_REAL_NAME(fz_polar_totals)
#define fz_polar_moments FZ_REAL_NAME(fz_polar_moments)
#define fz_polar_search FZ_REAL_NAME(fz_polar_search)
#define fz_polar_select FZ_REAL_NAME(fz_polar_select)
#define fz_polar_insert FZ_REAL_NAME(fz_polar_insert)
#define fz_polar_add_residual FZ_REAL_NAME(fz_polar_add_residual)
#define fz_polar_held_words FZ_REAL_NAME(fz_polar_held_words)
#define fz_polar_hold FZ_REAL_NAME(fz_polar_hold)
#define fz_polar_release FZ_REAL_NAME(fz_polar_release)
#define fz_polar_least_mass FZ_REAL_NAME(fz_polar_least_mass)
#define fz_polar_get_spectra FZ_REAL_NAME(fz_polar_get_spectra)
#define fz_polar_group FZ_REAL_NAME(fz_polar_group)
#define fz_polar_group_clear FZ_REAL_NAME(fz_polar_group_clear)
#define fz_polar_group_add FZ_REAL_NAME(fz_polar_group_add)
#define fz_polar_norms FZ_REAL_NAME(fz_polar_norms)
#define fz_polar_bound FZ_REAL_NAME(fz_polar_bound)
#define fz_polar_bounder FZ_REAL_NAME(fz_polar_bounder)
#define fz_polar_bounder_open FZ_REAL_NAME(fz_polar_bounder_open)
#define fz_polar_bounder_close FZ_REAL_NAME(fz_polar_bounder_close)
#define fz_polar_bounder_size FZ_REAL_NAME(fz_polar_bounder_size)
#define fz_polar_bound_volumes FZ_REAL_NAME(fz_polar_bound_volumes)
#define fz_polar_bound_load FZ_REAL_NAME(fz_polar_bound_load)
#define fz_polar_bound_filter FZ_REAL_NAME(fz_polar_bound_filter)
#define fz_polar_finest FZ_REAL_NAME(fz_polar_finest)

/* Branch and bound: what a thread knows of its tile. */
typedef struct fz_polar_bounder {
  double *best;     /* [tile] score of a pose that was looked at: the best one is no worse */
  fz_real *x_norm;  /* [tile shifts][n_rings] root of the power of a row's rings */
  fz_real *s_norm;  /* [n_rings][16] of the packet's slices */
  fz_real *c2_most; /* [tile][norm rings] n_angles x largest c^2 on a ring */
  double *truth;    /* [tile][FZ_BOUND_STAGES] most that the high rings of a slice can hold */
  bool *useful;     /* [FZ_BOUND_STAGES][tile] the stage leaves out most of what it looks at */
  int *pair;        /* [tile shifts / 2] rows to be scored, the first of each pair */
} fz_polar_bounder;
enum { FZ_BOUND_STAGES = 3 };

typedef struct fz_polar_workspace {
  fz_polar_rows rows[FZ_LEVELS_MOST];
  int norm_top;        /* angular frequency beyond which the tile's c^2 holds nothing: what astigmatism makes of it */
  fz_real *scratch[3]; /* [n_angles] cells */
  fz_real *gamma;      /* [top + 1][FZ_POLAR_ROWS] cells: spectra of posterior weights */
  fz_real *mass;       /* [norm_size / cell][tile] cells: those of each image, all shifts, even frequencies */
  fz_real *b, *a;      /* [pairs] cells: the packet's statistics */
  fz_real *samples[3]; /* [16][rings][half]: B real, B imaginary, A on their rings, by lane */
  fz_real *slice[2];   /* [16][n_rings][half]: the slices on the rings, for gradients */
  fz_real *largest;    /* [n_packets][n_rows] largest scores, from the first sweep; -1e30 where not looked at */
  /* Adaptive search, of the level before: log of the posterior mass of each cell, and whether its children are looked
   * at. [tile][n_shifts][classes directions] */
  fz_real *cell[FZ_LEVELS_MOST];
  uint8_t *chosen[FZ_LEVELS_MOST];
  uint8_t *wanted, *parents; /* [shifts] of one image in one packet, and of the level before */
  double *at_large;          /* [tile] mean log mass of the first level's cells */
  double *captured;          /* [tile] share of the posterior of the levels before that the chosen cells hold */
  fz_polar_bounder bound;
  fz_partial_sums sums;
  fz_engine_profile *profile;
} fz_polar_workspace;

typedef struct fz_polar {
  fz_engine_setup setup;
  const fz_polar_kernels *kernels;
  int n_levels; /* the last one is the quadrature */
  fz_polar_level level[FZ_LEVELS_MOST];
  ptrdiff_t first_packet[FZ_POSE_BLOCKS_MOST + 1];
  fz_real table[4 * (FZ_KB_TABLE + 1)];
  fz_projector **projector; /* [n_classes] */
  double *log_class;        /* [n_classes] */
  fz_real *phase;           /* [shift groups][n_rings half] cells: cos, sin of the shifts */
  fz_real *slice_power;     /* bounded: [n_packets][norm rings][16] mean power of the slices' rings, else NULL */
  fz_polar_workspace *work; /* [threads] */
  int64_t *held;            /* [n_packets] B cells, A cells, lane masses; NULL: nothing is held back */
  omp_lock_t *guard;        /* [n_packets] of what is held */
} fz_polar;

static inline const fz_polar_level *fz_polar_finest(const fz_polar *p) {
  return &p->level[p->n_levels - 1];
}

/* Rows gathered for one call of the kernels. */
typedef struct fz_polar_group {
  int n; /* rows, even */
  int index[FZ_POLAR_ROWS];
  const fz_real *row[FZ_POLAR_ROWS], *norm[FZ_POLAR_ROWS];
  fz_real offset[FZ_POLAR_ROWS], lane_offset[FZ_POLAR_LANES];
} fz_polar_group;

/** The frequencies of squares that the tile at hand has. */
static inline fz_polar_layout fz_polar_norm_layout(const fz_polar_level *l, const fz_polar_workspace *w) {
  fz_polar_layout layout = l->squares;
  if (layout.top > w->norm_top) layout.top = w->norm_top;
  layout.n_pairs = layout.first[layout.top + 1];
  return layout;
}

/** The packet's spectra: kept ones, or made anew in the workspace. */
const fz_real *fz_polar_get_spectra(const fz_polar *p, fz_polar_workspace *w, int level, ptrdiff_t packet);
/** The spectrum of -1/2 of one image's norm against the packet. */
void fz_polar_norms(const fz_polar *p, fz_polar_workspace *w, int level, int image, const fz_real *spectra);

/** An empty group against a packet: all rows zero, with an offset that no exponential sees. */
void fz_polar_group_clear(const fz_polar *p, const fz_polar_workspace *w, int level, const fz_polar_packet *packet,
                          fz_polar_group *g);
/** Add the pair of rows index, index + 1. */
void fz_polar_group_add(const fz_polar *p, const fz_polar_workspace *w, int level, const fz_polar_packet *packet,
                        int index, fz_polar_group *g);

/** Work through the levels before the last: which cells of each hold the posterior. After the rows are loaded. */
void fz_polar_search(const fz_polar *p, fz_polar_workspace *w, const fz_tile *tile);
/** Which shifts of one image are to be looked at in a packet: into w->wanted [shifts], padded ones 0. All of them at
 *  the first level.  Returns whether there is any. */
bool fz_polar_select(const fz_polar *p, fz_polar_workspace *w, int level, ptrdiff_t packet, int image);

/** Bounded: the poses of the quadrature that are left out are those that cannot matter (estep/polar_bound.c). */
static inline bool fz_polar_bounded(const fz_polar *p) {
  return p->setup.bounded && p->n_levels > 1 && p->setup.cutoff > 0;
}
ptrdiff_t fz_polar_bounder_size(const fz_polar *p); /* bytes */
fz_status fz_polar_bounder_open(const fz_polar *p, fz_polar_bounder *b);
void fz_polar_bounder_close(fz_polar_bounder *b);
/** After new volumes: the power of all slices.  Inside a parallel region, by all threads. */
void fz_polar_bound_volumes(const fz_polar *p, fz_polar_workspace *w);
/** After the search of the coarser levels. */
void fz_polar_bound_load(const fz_polar *p, fz_polar_workspace *w, const fz_tile *tile);
/** Keep those of the pairs of rows listed that may hold a pose above the cutoff in the packet; their number. Their
 *  norms are there. */
int fz_polar_bound_filter(const fz_polar *p, fz_polar_workspace *w, ptrdiff_t packet, const fz_real *spectra, int *pair,
                          int n_pairs);

/** Residual power of the model by shell, sum_j A |slice|^2 - 2 Re B slice^*, from the packet's statistics; rings
 *  half-way between shells belong to both. */
void fz_polar_add_residual(const fz_polar_level *l, fz_polar_workspace *w, const fz_real *spectra);
/** Write the packet's statistics into the cells of its class, except for lanes of at most the least mass. */
void fz_polar_insert(const fz_polar *p, fz_polar_workspace *w, const fz_polar_packet *packet, const fz_real *lane_mass,
                     double least, int want);

/* Insertion is dear, and many tiles have a share in every direction.  So the statistics of packets are summed over
 * tiles as spectra, exactly, and inserted once; where memory does not suffice, tile by tile. */

/** Number of int64 that hold them; 0: tile by tile.  By the quadrature and the number of classes alone. */
ptrdiff_t fz_polar_held_words(const fz_polar_level *finest);
/** Add the workspace's statistics of one packet. Guarded inside. */
void fz_polar_hold(const fz_polar *p, fz_polar_workspace *w, ptrdiff_t packet, const fz_real *lane_mass,
                   const fz_statistics_layout *layout);
void fz_polar_release(void *self, int thread, int block, const fz_statistics_layout *layout, int64_t *words);
/** Lanes that hold less of the posterior mass are not inserted: all together could hold a thousandth. */
double fz_polar_least_mass(const fz_polar *p, double mass);

/** Flops of the products of `rows` rows with a packet, or of their adjoint. */
static inline double fz_polar_product_flops(const fz_polar_layout *l, int rows) {
  return 8.0 * (double)l->n_pairs * rows * FZ_POLAR_LANES;
}

void fz_polar_load(void *self, int thread, const fz_tile *tile);
void fz_polar_totals(void *self, int thread, const fz_tile *tile, int block, fz_pose_total *total);
void fz_polar_moments(void *self, int thread, const fz_tile *tile, int block, const double *gain,
                      const fz_statistics_layout *layout, int64_t *words, fz_pose_part *part);

#endif
