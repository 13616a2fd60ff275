#include "pose/pose_memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;
static const double REACH = 2.0; /* of an atom, in steps of the grid */

static int heavier(const void *a, const void *b) {
  const fz_sketch_item *x = a, *y = b;
  if (x->mass != y->mass) return x->mass > y->mass ? -1 : 1;
  if (x->direction != y->direction) return x->direction < y->direction ? -1 : 1;
  return (x->psi > y->psi) - (x->psi < y->psi);
}

void fz_pose_sketch_add(fz_pose_sketch *sketch, int direction, int psi, double mass) {
  if (sketch->n == FZ_SKETCH_MOST) {
    qsort(sketch->item, FZ_SKETCH_MOST, sizeof sketch->item[0], heavier);
    sketch->n = FZ_SKETCH_MOST / 2;
  }
  sketch->item[sketch->n++] = (fz_sketch_item){mass, direction, psi};
}

static double dot4(const double a[4], const double b[4]) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
}

/* Half-angle cosine above which two unit quaternions are within REACH direction steps of each other. */
static double nearness(const fz_quadrature *q) {
  return cos(fmin(PI, 0.5 * REACH * fz_quadrature_direction_step(q)));
}

/* Chordal mean of the heaviest free rotation and all free ones near it, which are taken. */
typedef struct cluster {
  double mass, mean[4];
} cluster;

static cluster gather(const fz_pose_sketch *sketch, double (*quaternion)[4], double near, int head, int8_t *owner,
                      int atom) {
  cluster c = {0};
  for (int i = head; i < sketch->n; i++) {
    double along = dot4(quaternion[head], quaternion[i]);
    if (owner[i] >= 0 || fabs(along) < near) continue;
    owner[i] = (int8_t)atom;
    c.mass += sketch->item[i].mass;
    for (int k = 0; k < 4; k++) c.mean[k] += copysign(sketch->item[i].mass, along) * quaternion[i][k];
  }
  return c;
}

/* Squared distance of the viewing directions, and of the in-plane angles, of a grid point and an atom. */
static void separation(const fz_quadrature *q, const fz_sketch_item *item, const fz_rotation *atom, double *direction2,
                       double *psi2) {
  fz_rotation point = fz_quadrature_rotation(q, item->direction, item->psi);
  double apart = 0;
  for (int c = 0; c < 3; c++) apart += pow(point.m[2][c] - atom->m[2][c], 2);
  *direction2 = apart;
  *psi2 = pow(fz_rotation_twist(&point, atom), 2);
}

static void learn_rotations(fz_pose_memory *memory, const fz_quadrature *q, fz_pose_sketch *sketch) {
  static const double QUARTER_TURN2 = 2.46740110027233965; /* (pi/2)^2: no spread is wider */
  double quaternion[FZ_SKETCH_MOST][4], near = nearness(q), direction2 = 0, psi2 = 0, mass = 0;
  int8_t owner[FZ_SKETCH_MOST];
  fz_rotation mean[FZ_MEMORY_ROTATIONS];
  qsort(sketch->item, (size_t)sketch->n, sizeof sketch->item[0], heavier);
  for (int i = 0; i < sketch->n; i++) {
    fz_rotation a = fz_quadrature_rotation(q, sketch->item[i].direction, sketch->item[i].psi);
    fz_rotation_to_quaternion(&a, quaternion[i]);
    owner[i] = -1;
  }
  memset(memory->rotation, 0, sizeof memory->rotation);
  for (int l = 0, head = 0; l < FZ_MEMORY_ROTATIONS; l++) {
    while (head < sketch->n && owner[head] >= 0) head++;
    if (head == sketch->n || !(sketch->item[head].mass > 0)) break;
    cluster c = gather(sketch, quaternion, near, head, owner, l);
    double vector[3];
    mean[l] = fz_rotation_from_quaternion(c.mean);
    fz_rotation_to_vector(&mean[l], vector);
    for (int k = 0; k < 3; k++) memory->rotation[l].vector[k] = (float)vector[k];
    memory->rotation[l].weight = (float)c.mass;
    mass += c.mass;
  }
  for (int i = 0; i < sketch->n; i++) {
    double d2, p2;
    if (owner[i] < 0) continue;
    separation(q, &sketch->item[i], &mean[owner[i]], &d2, &p2);
    direction2 += sketch->item[i].mass * d2;
    psi2 += sketch->item[i].mass * p2;
  }
  /* A point stands for its whole cell: E r^2 = step^2/6 in two dimensions, step^2/12 in one. */
  double step = fz_quadrature_direction_step(q), psi_step = 2 * PI / q->n_psi, inverse = mass > 0 ? 1 / mass : 0;
  memory->direction_sd = (float)sqrt(fmin(QUARTER_TURN2, 0.5 * (direction2 * inverse + step * step / 6)));
  memory->psi_sd = (float)sqrt(fmin(QUARTER_TURN2, psi2 * inverse + psi_step * psi_step / 12));
}

static void learn_shifts(fz_pose_memory *memory, const fz_quadrature *q, double *mass, double centre_x,
                         double centre_y) {
  double step = fz_quadrature_shift_step(q), near2 = pow(REACH * step, 2), spread2 = 0, total = 0;
  memset(memory->shift, 0, sizeof memory->shift);
  for (int l = 0; l < FZ_MEMORY_SHIFTS; l++) {
    double sum = 0, x = 0, y = 0, xx = 0;
    int head = 0;
    for (int t = 1; t < q->n_shifts; t++)
      if (mass[t] > mass[head]) head = t;
    if (!(mass[head] > 0)) break;
    double head_x = q->shift_x_px[head], head_y = q->shift_y_px[head];
    for (int t = 0; t < q->n_shifts; t++) {
      double dx = q->shift_x_px[t] - head_x, dy = q->shift_y_px[t] - head_y, d2 = dx * dx + dy * dy;
      if (d2 > near2 * (1 + 1e-9)) continue;
      sum += mass[t];
      x += mass[t] * dx;
      y += mass[t] * dy;
      xx += mass[t] * d2;
      mass[t] = 0;
    }
    x /= sum;
    y /= sum;
    spread2 += xx - sum * (x * x + y * y);
    total += sum;
    memory->shift[l].x_px = (float)(centre_x + head_x + x);
    memory->shift[l].y_px = (float)(centre_y + head_y + y);
    memory->shift[l].weight = (float)sum;
  }
  memory->shift_sd_px = (float)sqrt(0.5 * (fmax(0, spread2) / (total > 0 ? total : 1) + step * step / 6));
}

void fz_pose_memory_learn(fz_pose_memory *memory, const fz_quadrature *q, fz_pose_sketch *sketch, double *shift_mass,
                          double centre_x_px, double centre_y_px) {
  learn_rotations(memory, q, sketch);
  learn_shifts(memory, q, shift_mass, centre_x_px, centre_y_px);
  memory->visits += 1;
}
