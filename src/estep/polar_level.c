#include "estep/polar_level.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "model/frequencies.h"

enum { CELL = FZ_POLAR_CELL, LANES = FZ_POLAR_LANES };

/* Rows of a power-of-two length would all fall into the same few sets of the cache. */
static ptrdiff_t odd_lines(ptrdiff_t reals) {
  ptrdiff_t line = 64 / (ptrdiff_t)sizeof(fz_real), lines = (reals + line - 1) / line;
  return (lines | 1) * line;
}

fz_status fz_polar_level_measure(fz_polar_level *l, const fz_quadrature *q, const fz_rings *rings, int n_classes,
                                 double support) {
  *l = (fz_polar_level){.q = q, .rings = rings, .n_classes = n_classes};
  fz_status st = fz_polar_layout_slices(&l->slices, rings, support);
  if (st == FZ_OK) st = fz_polar_layout_squares(&l->squares, rings);
  l->shifts = (q->n_shifts + 1) & ~1;
  l->row_stride = odd_lines(2 * l->slices.n_pairs);
  l->c2_stride = odd_lines(2 * l->squares.n_pairs);
  l->norm_size = (ptrdiff_t)(l->squares.top / 2 + 1) * CELL;
  l->packet_size = (l->slices.n_pairs + l->squares.n_pairs) * CELL;
  for (int b = 0; b < fz_pose_blocks(q, n_classes); b++)
    for (int k = 0; k < n_classes; k++) {
      int first, count;
      fz_pose_block_directions(q, n_classes, b, k, &first, &count);
      l->n_packets += (count + LANES - 1) / LANES;
    }
  return st;
}

fz_status fz_polar_level_open(fz_polar_level *l) {
  fz_status st = fz_polar_fft_init(&l->fft, l->rings->n_angles);
  l->packet = fz_alloc(l->n_packets, sizeof *l->packet);
  if (st != FZ_OK || !l->packet) return st != FZ_OK ? st : FZ_ENOMEM;
  fz_polar_packet *to = l->packet;
  for (int b = 0; b < fz_pose_blocks(l->q, l->n_classes); b++)
    for (int k = 0; k < l->n_classes; k++) {
      int first, count;
      fz_pose_block_directions(l->q, l->n_classes, b, k, &first, &count);
      for (int d = 0; d < count; d += LANES)
        *to++ = (fz_polar_packet){k, first + d, count - d < LANES ? count - d : LANES};
    }
  return FZ_OK;
}

fz_status fz_polar_level_keep(fz_polar_level *l) {
  l->kept = fz_alloc(l->n_packets * l->packet_size, sizeof(fz_real));
  return l->kept ? FZ_OK : FZ_ENOMEM;
}

void fz_polar_level_close(fz_polar_level *l) {
  fz_polar_layout_clear(&l->slices);
  fz_polar_layout_clear(&l->squares);
  fz_polar_fft_clear(&l->fft);
  fz_free(&l->packet);
  fz_free(&l->kept);
  fz_free(&l->from_shift);
  fz_free(&l->ratio);
  fz_free(&l->norm_ratio);
  fz_free(&l->first_parent);
  fz_free(&l->parent);
  fz_free(&l->n_shift_parents);
  fz_free(&l->shift_parent);
}

static void direction_of(const fz_quadrature *q, int d, double *v) {
  fz_rotation a = fz_quadrature_rotation(q, d, 0);
  memcpy(v, a.m[2], 3 * sizeof *v);
}

static int nearest(const double *v, const double *all, int n) {
  int best = 0;
  double most = -2;
  for (int i = 0; i < n; i++) {
    double dot = v[0] * all[3 * i] + v[1] * all[3 * i + 1] + v[2] * all[3 * i + 2];
    if (dot > most) {
      most = dot;
      best = i;
    }
  }
  return best;
}

static void find_shift_parents(fz_polar_level *l, const fz_quadrature *before) {
  for (int t = 0; t < l->q->n_shifts; t++) {
    double least = 1e300;
    int16_t *to = l->shift_parent + (ptrdiff_t)t * FZ_POLAR_SHIFT_PARENTS;
    for (int pass = 0; pass < 2; pass++)
      for (int b = 0; b < before->n_shifts; b++) {
        double distance =
            hypot(l->q->shift_x_px[t] - before->shift_x_px[b], l->q->shift_y_px[t] - before->shift_y_px[b]);
        if (!pass) least = fmin(least, distance);
        if (pass && distance < least + 1e-6 && l->n_shift_parents[t] < FZ_POLAR_SHIFT_PARENTS)
          to[l->n_shift_parents[t]++] = (int16_t)b;
      }
  }
}

fz_status fz_polar_level_descend(fz_polar_level *l, const fz_polar_level *before) {
  int n = before->q->n_directions;
  double *all = fz_alloc(3 * (ptrdiff_t)n, sizeof *all);
  l->first_parent = fz_alloc(l->n_packets + 1, sizeof *l->first_parent);
  l->parent = fz_alloc(l->n_packets * LANES, sizeof *l->parent);
  l->n_shift_parents = fz_alloc(l->q->n_shifts, 1);
  l->shift_parent = fz_alloc((ptrdiff_t)l->q->n_shifts * FZ_POLAR_SHIFT_PARENTS, sizeof *l->shift_parent);
  bool complete = all && l->first_parent && l->parent && l->n_shift_parents && l->shift_parent;
  for (int i = 0; complete && i < n; i++) direction_of(before->q, i, all + 3 * i);
  for (ptrdiff_t k = 0; complete && k < l->n_packets; k++) {
    const fz_polar_packet *packet = &l->packet[k];
    ptrdiff_t first = l->first_parent[k], end = first;
    for (int j = 0; j < packet->count; j++) {
      double v[3];
      direction_of(l->q, packet->first + j, v);
      int32_t parent = packet->class_index * n + nearest(v, all, n);
      ptrdiff_t at = first;
      while (at < end && l->parent[at] != parent) at++;
      if (at == end) l->parent[end++] = parent;
    }
    l->first_parent[k + 1] = end;
  }
  if (complete) find_shift_parents(l, before->q);
  fz_free(&all);
  return complete ? FZ_OK : FZ_ENOMEM;
}

fz_status fz_polar_level_relate(fz_polar_level *l, const fz_polar_level *finest) {
  l->from_shift = fz_alloc(l->q->n_shifts, sizeof *l->from_shift);
  l->ratio = fz_alloc(l->rings->n_rings, sizeof *l->ratio);
  l->norm_ratio = fz_alloc(l->rings->norm->n_rings, sizeof *l->norm_ratio);
  if (!l->from_shift || !l->ratio || !l->norm_ratio) return FZ_ENOMEM;
  const fz_rings *norm = l->rings->norm, *fine = finest->rings->norm;
  for (int r = 0; r < l->rings->n_rings; r++) {
    double radius = l->rings->radius[r];
    if (r >= finest->rings->n_rings || radius != finest->rings->radius[r]) return FZ_EINVAL;
    l->ratio[r] = (fz_real)(fz_taper(radius, l->rings->kmax) / fz_taper(radius, finest->rings->kmax));
  }
  for (int r = 0; r < norm->n_rings; r++)
    l->norm_ratio[r] = (fz_real)(norm->weight[r] * norm->n_angles / (fine->weight[r] * fine->n_angles));
  for (int t = 0; t < l->q->n_shifts; t++) {
    int f = 0, n = finest->q->n_shifts;
    while (f < n &&
           hypot(l->q->shift_x_px[t] - finest->q->shift_x_px[f], l->q->shift_y_px[t] - finest->q->shift_y_px[f]) > 1e-6)
      f++;
    if (f == n) return FZ_EINVAL;
    l->from_shift[t] = f;
  }
  return FZ_OK;
}

ptrdiff_t fz_polar_rows_size(const fz_polar_level *l, int tile_capacity) {
  ptrdiff_t tile = tile_capacity;
  return (tile * l->shifts + 1) * l->row_stride + tile * l->c2_stride + (tile + 1) * l->norm_size +
         (ptrdiff_t)FZ_POLAR_PAIRS * l->rings->n_angles * CELL + (l->kept ? 0 : l->packet_size);
}

fz_status fz_polar_rows_open(fz_polar_rows *r, const fz_polar_level *l, int tile_capacity) {
  ptrdiff_t tile = tile_capacity;
  r->row = fz_alloc((tile * l->shifts + 1) * l->row_stride, sizeof(fz_real));
  r->c2 = fz_alloc(tile * l->c2_stride, sizeof(fz_real));
  r->norm = fz_alloc((tile + 1) * l->norm_size, sizeof(fz_real));
  r->z = fz_alloc((ptrdiff_t)FZ_POLAR_PAIRS * l->rings->n_angles * CELL, sizeof(fz_real));
  r->spectra = fz_alloc(l->kept ? 0 : l->packet_size, sizeof(fz_real));
  return r->row && r->c2 && r->norm && r->z && r->spectra ? FZ_OK : FZ_ENOMEM;
}

void fz_polar_rows_close(fz_polar_rows *r) {
  fz_free(&r->row);
  fz_free(&r->c2);
  fz_free(&r->norm);
  fz_free(&r->z);
  fz_free(&r->spectra);
}

static void derive_row(const fz_polar_layout *coarse, const fz_polar_layout *fine, const fz_real *ratio,
                       const fz_real *from, fz_real *to) {
  for (int q = 0; q <= coarse->top; q += coarse->step)
    for (int r = coarse->lowest[q]; r < coarse->n_rings; r++) {
      const fz_real *x = from + 2 * (fine->first[q] + r - fine->lowest[q]);
      *to++ = x[0] * ratio[r];
      *to++ = x[1] * ratio[r];
    }
}

void fz_polar_rows_derive(const fz_polar_level *coarse, fz_polar_rows *to, const fz_polar_level *fine,
                          const fz_polar_rows *from, int n_images) {
  for (int i = 0; i < n_images; i++) {
    for (int t = 0; t < coarse->q->n_shifts; t++)
      derive_row(&coarse->slices, &fine->slices, coarse->ratio,
                 from->row + ((ptrdiff_t)i * fine->shifts + coarse->from_shift[t]) * fine->row_stride,
                 to->row + ((ptrdiff_t)i * coarse->shifts + t) * coarse->row_stride);
    derive_row(&coarse->squares, &fine->squares, coarse->norm_ratio, from->c2 + i * fine->c2_stride,
               to->c2 + i * coarse->c2_stride);
  }
}

/* Spectrum (1/n) sum_theta f exp(-i q theta) of one ring: the transform of the conjugate is its conjugate. */
static void store_ring(const fz_polar_layout *l, int ring, const fz_real *spectrum, fz_real *to) {
  fz_real scale = (fz_real)1 / (fz_real)l->n_angles;
  for (int q = 0; q <= l->top; q += l->step) {
    if (ring < l->lowest[q]) continue;
    const fz_real *from = spectrum + (ptrdiff_t)q * CELL;
    fz_real *cell = to + (l->first[q] + ring - l->lowest[q]) * CELL;
    for (int j = 0; j < LANES; j++) {
      cell[j] = from[j] * scale;
      cell[LANES + j] = -from[LANES + j] * scale;
    }
  }
}

/* Samples of 16 slices on one ring, all around the circle, conjugated. */
static void gather_ring(const fz_polar_packet *packet, int half, ptrdiff_t points, int ring, fz_real *const *samples,
                        fz_real *z) {
  memset(z, 0, sizeof(fz_real) * 2 * (size_t)half * CELL);
  for (int j = 0; j < packet->count; j++) {
    ptrdiff_t at = j * points + (ptrdiff_t)ring * half;
    for (int t = 0; t < half; t++) {
      fz_real *near = z + (ptrdiff_t)t * CELL + j, *far = near + (ptrdiff_t)half * CELL;
      near[0] = far[0] = samples[0][at + t];
      near[LANES] = -samples[1][at + t];
      far[LANES] = samples[1][at + t];
    }
  }
}

FZ_KERNEL static void square(fz_real *z, int n) {
  for (int t = 0; t < n; t++)
    for (int j = 0; j < LANES; j++) {
      fz_real *cell = z + (ptrdiff_t)t * CELL + j;
      cell[0] = cell[0] * cell[0] + cell[LANES] * cell[LANES];
      cell[LANES] = 0;
    }
}

/* The rings of the norm, half as far apart, are those of the slices too. */
static int same_ring(const fz_rings *norm, double radius) {
  int at = (int)lrint(2 * radius) - 1;
  FZ_ASSERT(norm->radius[at] == radius);
  return at;
}

void fz_polar_level_spectra(const fz_polar_level *l, const fz_polar_kernels *kernels, const fz_projector *projector,
                            const fz_polar_packet *packet, fz_real *const *samples, fz_real *const *scratch,
                            fz_real *to) {
  const fz_rings *rings = l->rings, *norm = rings->norm;
  int n = rings->n_angles, half = n / 2;
  ptrdiff_t points = (ptrdiff_t)norm->n_rings * half;
  fz_real unused[2];
  for (int j = 0; j < packet->count; j++) {
    fz_rotation a = fz_quadrature_rotation(l->q, packet->first + j, 0);
    fz_projector_rings(projector, norm, &a, samples[0] + j * points, samples[1] + j * points);
  }
  for (int squares = 0; squares < 2; squares++)
    for (int r = 0; r < (squares ? norm : rings)->n_rings; r++) {
      int at = squares ? r : same_ring(norm, rings->radius[r]);
      gather_ring(packet, half, points, at, samples, scratch[0]);
      if (squares) square(scratch[0], n);
      const fz_real *spectrum = kernels->transform(&l->fft, scratch[0], scratch[1], scratch[2], unused);
      store_ring(squares ? &l->squares : &l->slices, r, spectrum, squares ? to + l->slices.n_pairs * CELL : to);
    }
}
