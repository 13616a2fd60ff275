/* What is kept of one particle's posterior over poses, so that its next visit can propose poses near it.
 *  maths   posterior ~ sum_l weight_l delta(rotation_l) x sum_l weight_l delta(shift_l), each atom spread out as much
 * as the points that it stands for; what the atoms miss, 1 - sum weight, may be anywhere An atom is a rotation of the
 * map, not a point of a grid: it serves any quadrature of any later stage. Plain numbers, so that tables of them can be
 * exchanged between ranks and written as arrays. */
#ifndef FZ_POSE_POSE_MEMORY_H
#define FZ_POSE_POSE_MEMORY_H
#include <stdint.h>

#include "pose/quadrature.h"

enum { FZ_MEMORY_ROTATIONS = 12, FZ_MEMORY_SHIFTS = 4, FZ_POSE_MEMORY_NUMBERS = 64 };

typedef struct fz_pose_memory {
  float visits;               /* times scored; 0: the rest means nothing */
  float direction_sd, psi_sd; /* radians, within atoms: of the viewing direction per axis, of the in-plane angle */
  float shift_sd_px;          /* within atoms, per axis */
  struct {
    float vector[3], weight; /* axis times angle, radians (fz_rotation_from_vector); heaviest first, weight 0: unused */
  } rotation[FZ_MEMORY_ROTATIONS];
  struct {
    float x_px, y_px, weight; /* displacement of the particle from the box centre */
  } shift[FZ_MEMORY_SHIFTS];
} fz_pose_memory;
_Static_assert(sizeof(fz_pose_memory) == FZ_POSE_MEMORY_NUMBERS * sizeof(float), "a table of floats");

/* The heaviest rotations of a posterior, collected as they come. */
enum { FZ_SKETCH_MOST = 1024 };
typedef struct fz_sketch_item {
  double mass;
  int32_t direction, psi;
} fz_sketch_item;
typedef struct fz_pose_sketch {
  int n;
  fz_sketch_item item[FZ_SKETCH_MOST];
} fz_pose_sketch;

/** Posterior mass at a rotation of the quadrature; when the sketch is full its lighter half is forgotten.  calls local,
 *  the result depends on the order of calls */
void fz_pose_sketch_add(fz_pose_sketch *sketch, int direction, int psi, double mass);

/** Replace the atoms by those of a new posterior: the heaviest point takes all within two steps of the grid to itself,
 *  then the heaviest of the rest, until all atoms are used.  visits grows by one.
 *  shape   shift_mass [q->n_shifts], used up; both masses are shares of 1
 *  units   centre: displacement that shift (0, 0) of the quadrature stands for, pixels
 *  calls   local; cost about 1e4 operations per atom */
void fz_pose_memory_learn(fz_pose_memory *memory, const fz_quadrature *q, fz_pose_sketch *sketch, double *shift_mass,
                          double centre_x_px, double centre_y_px);

#endif
