#include "mpi/backprojection.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "estep/backprojector.h"
#include "estep/scan.h"
#include "model/image_transform.h"
#include "model/normal.h"
#include "model/resample.h"
#include "mpi/ksp.h"
#include "mpi/reduce.h"
#include "mpi/tickets.h"

enum { TILE = 64 };
static const double BASE_BYTES = 1.5e8;            /* program, MPI, images read ahead */
static const double RIDGE = 1e-3, STRONGEST = 100; /* prior against data, in weight */

typedef struct job {
  fz_mpi *comm;
  const fz_backprojection_spec *spec;
  fz_dataset data;
  double largest; /* |X| of any image */
  double largest_ctf;
  double *group_share; /* [n_groups] part of the images */
  int m;               /* grid on which the map is solved for */
  fz_backprojector *sums;
  fz_image_transform *transform;
  fz_tile row;
  float *pixels; /* [TILE][box][box] */
  void *scratch;
  double complex *half;
} job;

void fz_backprojection_clear(fz_backprojection *r) {
  for (int k = 0; k < 3; k++) fz_free(&r->voxel[k]);
  *r = (fz_backprojection){0};
}

/* A grid just fine enough for the band limit, never finer than the images'. */
static int work_grid(int box, int kmax) {
  int m = fz_work_box(kmax);
  return m < box ? m : box;
}

double fz_backprojection_bytes(int box, const fz_backprojection_spec *spec) {
  int m = work_grid(box, spec->kmax);
  double m3 = pow(m, 3), cells = fz_backprojector_bytes(m, spec->kmax, 1) / 12;
  double summing = fz_backprojector_bytes(m, spec->kmax, spec->halves ? 2 : 1);
  /* While solving the float cells are gone; cells as doubles, the (4m)^3 transform and the operator's grids come. */
  double solving = summing - 4 * cells + 8 * cells + (2 * 8 * 64 + 40 * 8) * m3;
  return fmax(summing, solving) + 8 * pow(box, 3) * (spec->halves ? 3 : 1) + BASE_BYTES;
}

static void look_at_table(job *j) {
  const fz_dataset *data = &j->data;
  double largest = 0, k = 0.5 / data->pixel_A;
  for (int64_t i = 0; i < data->table->n; i++) {
    const fz_ctf *c = &data->table->particle[i].ctf;
    int32_t group = data->table->particle[i].optics;
    bool has = data->table->optics[group].has_ctf;
    j->group_share[group] += 1.0 / (double)data->table->n;
    largest = fmax(largest, has ? fabs(c->scale) * exp(fmax(0, -0.25 * c->b_factor_A2 * k * k)) : 1);
  }
  j->largest_ctf = largest;
}

static fz_status bad_image(const job *j, int64_t i, int fault, fz_error *err) {
  const fz_particle *q = &j->data.table->particle[i];
  return fz_fail(err, FZ_EINPUT, "image %lld of %s (particle %lld) %s", (long long)q->slice + 1,
                 j->data.table->stack_path[q->stack], (long long)i + 1, fz_image_fault_sentence(fault));
}

/* Parseval: no coefficient of an orthonormal transform exceeds the norm of the image. */
static fz_status look_at_norms(job *j, int64_t first, int64_t count, double *largest, fz_error *err) {
  ptrdiff_t plane = (ptrdiff_t)j->data.box * j->data.box;
  for (int64_t done = 0; done < count; done += TILE) {
    int64_t id[TILE];
    int n = (int)(count - done < TILE ? count - done : TILE);
    for (int i = 0; i < n; i++) id[i] = first + done + i;
    fz_status st = j->data.images.read(j->data.images.self, id, n, j->pixels, err);
    if (st != FZ_OK) return st;
    for (int i = 0; i < n; i++) {
      double squares = 0;
      for (ptrdiff_t r = i * plane; r < (i + 1) * plane; r++) squares += (double)j->pixels[r] * (double)j->pixels[r];
      if (!isfinite(squares)) return bad_image(j, id[i], FZ_IMAGE_NOT_FINITE, err);
      *largest = fmax(*largest, sqrt(squares));
    }
  }
  return FZ_OK;
}

static fz_status largest_of_all(fz_mpi *comm, double *value, fz_error *err) {
  void *bytes;
  int64_t n;
  fz_status st = fz_mpi_allgather_bytes(comm, value, sizeof *value, &bytes, &n, err);
  if (st != FZ_OK) return st;
  double *all = bytes;
  for (int64_t i = 0; i < n / (int64_t)sizeof *all; i++) *value = fmax(*value, all[i]);
  fz_free(&bytes);
  return FZ_OK;
}

/* Spectra of all images; every rank looks at its share. */
static fz_status look_at_spectra(job *j, int64_t first, int64_t count, fz_error *err) {
  fz_dataset *data = &j->data;
  fz_scan scan = {0};
  uint8_t *fault = fz_alloc((ptrdiff_t)count, 1);
  fz_status st = fault ? fz_scan_init(&scan, data->n_groups, data->n_shells, data->table->n) : FZ_ENOMEM;
  if (st != FZ_OK) fz_fail(err, st, "no memory for spectra");
  if (st == FZ_OK) st = fz_scan_part(&scan, data, first, count, fault, NULL, err);
  for (int64_t i = 0; st == FZ_OK && i < count; i++)
    if (fault[i]) st = bad_image(j, first + i, fault[i], err);
  FZ_TRY(fz_mpi_agree(j->comm, st, err));
  fz_mpi_sum_i64(j->comm, scan.words, scan.n_words);
  for (ptrdiff_t s = 0; s < (ptrdiff_t)data->n_groups * data->n_shells; s++)
    j->largest = fmax(j->largest, scan.largest[s]);
  FZ_TRY(largest_of_all(j->comm, &j->largest, err));
  st = fz_scan_finish(&scan, data);
  if (st != FZ_OK) fz_fail(err, st, "no memory for spectra");
  st = fz_mpi_agree(j->comm, st, err);
done:
  fz_scan_clear(&scan);
  fz_free(&fault);
  return st;
}

/* Bounds, spectra, half-sets and tiles. */
static fz_status look_at_images(job *j, fz_error *err) {
  fz_dataset *data = &j->data;
  ptrdiff_t first, count, shells = (ptrdiff_t)data->n_groups * data->n_shells;
  fz_status st = FZ_OK;
  fz_mpi_slice(j->comm, (ptrdiff_t)data->table->n, &first, &count);
  if (j->spec->prior) {
    FZ_TRY(look_at_spectra(j, first, count, err));
  } else {
    FZ_TRY(fz_mpi_agree(j->comm, look_at_norms(j, first, count, &j->largest, err), err));
    FZ_TRY(largest_of_all(j->comm, &j->largest, err));
    data->sigma2 = fz_alloc(shells, sizeof *data->sigma2);
    for (ptrdiff_t s = 0; data->sigma2 && s < shells; s++) data->sigma2[s] = 1;
  }
  uint8_t *fault = fz_alloc((ptrdiff_t)data->table->n, 1);
  st = fault && data->sigma2 ? FZ_OK
                             : fz_fail(err, FZ_ENOMEM, "no memory for %lld particles", (long long)data->table->n);
  if (st == FZ_OK) st = fz_dataset_cut(data, fault, TILE, j->spec->seed, err);
  fz_free(&fault);
  st = fz_mpi_agree(j->comm, st, err);
done:
  return st;
}

static fz_status open_job(job *j, fz_error *err) {
  const fz_backprojection_spec *spec = j->spec;
  fz_dataset *data = &j->data;
  int n = data->box;
  ptrdiff_t plane = (ptrdiff_t)n * n;
  j->pixels = fz_alloc(TILE * plane, sizeof *j->pixels);
  j->half = fz_alloc((ptrdiff_t)n * (n / 2 + 1), sizeof *j->half);
  j->transform = fz_image_transform_create(n);
  j->group_share = fz_alloc(data->n_groups, sizeof *j->group_share);
  data->preprocess = fz_preprocess_create(n, spec->mask_radius_px, spec->mask_edge_px);
  if (data->preprocess) data->mask_share = fz_preprocess_mask_share(data->preprocess);
  if (data->preprocess) j->scratch = fz_alloc(fz_preprocess_scratch_size(data->preprocess), 1);
  if (!j->pixels || !j->half || !j->transform || !j->scratch || !j->group_share)
    return fz_fail(err, FZ_ENOMEM, "no memory for images of %d pixels", n);
  look_at_table(j);
  return FZ_OK;
}

static fz_status count_images(const job *j, fz_backprojection *r, fz_error *err) {
  r->images[0] = j->data.n;
  for (int64_t i = 0; i < j->data.n && j->spec->halves; i++) r->images[1 + j->data.half[j->data.particle[i]]]++;
  if (!j->spec->halves || (r->images[1] > 0 && r->images[2] > 0)) return FZ_OK;
  return fz_fail(err, FZ_EINPUT, "all %lld images are in one half-set, so there are no two half-maps",
                 (long long)j->data.n);
}

static fz_status open_sums(job *j, fz_error *err) {
  double lowest = INFINITY, ctf = j->largest_ctf;
  for (int g = 0; g < j->data.n_groups; g++)
    for (int s = 1; s < j->data.n_shells; s++) lowest = fmin(lowest, j->data.sigma2[g * j->data.n_shells + s]);
  fz_backprojector_bounds bounds = {2 * ctf * j->largest / lowest, 2 * ctf * ctf / lowest, j->data.n};
  j->sums = fz_backprojector_create(j->m, j->spec->kmax, j->spec->halves ? 2 : 1, &bounds);
  if (j->sums && fz_tile_init(&j->row, 1, fz_backprojector_frequencies(j->sums), NULL) == FZ_OK) return FZ_OK;
  return fz_fail(err, FZ_ENOMEM, "no memory for the sums over images; use fewer ranks per node or --max-resolution");
}

static void close_job(job *j) {
  fz_backprojector_destroy(&j->sums);
  fz_tile_clear(&j->row);
  fz_image_transform_destroy(&j->transform);
  fz_free(&j->half);
  fz_free(&j->scratch);
  fz_free(&j->pixels);
  fz_free(&j->group_share);
  fz_dataset_clear(&j->data);
}

static fz_status add_image(job *j, int64_t id, const float *pixels, fz_error *err) {
  const fz_dataset *data = &j->data;
  const fz_particle *q = &data->table->particle[id];
  fz_rotation pose = fz_rotation_from_euler(q->rot_deg, q->tilt_deg, q->psi_deg);
  fz_image_fault fault = FZ_IMAGE_GOOD;
  if (!j->spec->prior)
    fz_image_transform_forward(j->transform, pixels, j->half);
  else
    fault = fz_preprocess_image(data->preprocess, pixels, j->scratch, j->half);
  if (fault) return bad_image(j, id, fault, err);
  fz_tile_set_image(&j->row, 0, fz_backprojector_frequencies(j->sums), j->half, data->box, &q->ctf,
                    &data->table->optics[q->optics], data->sigma2 + (ptrdiff_t)q->optics * data->n_shells,
                    -q->origin_x_A / data->pixel_A, -q->origin_y_A / data->pixel_A);
  fz_backprojector_add(j->sums, &j->row, 0, &pose);
  return FZ_OK;
}

static fz_status add_tile(job *j, int64_t tile, fz_error *err) {
  const fz_dataset *data = &j->data;
  const int64_t *id = data->particle + data->tile_first[tile];
  int n = (int)(data->tile_first[tile + 1] - data->tile_first[tile]);
  ptrdiff_t plane = (ptrdiff_t)data->box * data->box;
  fz_status st = data->images.read(data->images.self, id, n, j->pixels, err);
  for (int i = 0; i < n && st == FZ_OK; i++) st = add_image(j, id[i], j->pixels + i * plane, err);
  if (st != FZ_OK) return st;
  return fz_backprojector_close_tile(j->sums, j->spec->halves ? data->half[id[0]] : 0, err);
}

static fz_status add_images(job *j, fz_error *err) {
  fz_mpi_tickets *tickets = fz_mpi_tickets_create(j->comm);
  fz_status st = FZ_OK;
  fz_mpi_tickets_open(tickets, j->data.n_tiles);
  int64_t now = fz_mpi_tickets_take(tickets);
  while (now >= 0) {
    int64_t next = fz_mpi_tickets_take(tickets);
    if (next >= 0 && j->data.images.prefetch)
      j->data.images.prefetch(j->data.images.self, j->data.particle + j->data.tile_first[next],
                              (int)(j->data.tile_first[next + 1] - j->data.tile_first[next]));
    st = add_tile(j, now, err);
    if (st != FZ_OK) {
      fz_mpi_tickets_close(tickets);
      break;
    }
    now = next;
  }
  st = fz_mpi_agree(j->comm, st, err);
  fz_mpi_tickets_destroy(&tickets);
  fz_backprojector_seal(j->sums);
  for (int s = 0; st == FZ_OK && s < (j->spec->halves ? 2 : 1); s++) {
    ptrdiff_t n;
    int64_t *words = fz_backprojector_words(j->sums, s, &n);
    fz_mpi_sum_i64(j->comm, words, n);
  }
  return st;
}

/* What N slices of random orientation bring to a cell at radius r: N <c^2 / sigma2> / (2 r). */
static double data_weight(const job *j, int64_t images, int shell) {
  const fz_dataset *data = &j->data;
  double weight = 0;
  if (shell >= data->n_shells) shell = data->n_shells - 1;
  for (int g = 0; g < data->n_groups; g++)
    weight += j->group_share[g] / data->sigma2[(ptrdiff_t)g * data->n_shells + shell];
  return weight * (double)images * pow(j->largest_ctf, 2) / 2 / (2 * shell);
}

/* Shells are few and their spectra uncertain: neighbours are averaged. */
static double smooth_tau2(const fz_dataset *data, int shell) {
  double sum = 0, count = 0;
  for (int s = shell - 2; s <= shell + 2; s++)
    if (s >= 1 && s < data->n_shells) {
      sum += data->signal_tau2[s];
      count++;
    }
  return sum / count;
}

/* Prior precision per shell.  Without a prior: the ridge, a small part of the data's weight at Nyquist.  With one, the
 * bounds keep the condition of the system in hand without changing the map.  Where there are no data, all of their
 * weight: then the corners of Fourier space stay empty, and the solver has nothing to look for there. */
static double *make_precision(const job *j, int64_t images, int *shells) {
  int kmax = j->spec->kmax;
  *shells = kmax + 2;
  double *precision = fz_alloc(*shells, sizeof *precision), ridge = RIDGE * data_weight(j, images, j->data.box / 2);
  for (int s = 0; precision && s < *shells; s++) {
    double weight = data_weight(j, images, s > 1 ? s : 1);
    precision[s] = j->spec->prior ? fmin(fmax(1 / smooth_tau2(&j->data, s), ridge), STRONGEST * weight) : ridge;
    if (s > kmax) precision[s] = fmax(precision[s], weight);
  }
  return precision;
}

static double *make_mask(const job *j) {
  int m = j->m;
  double *mask = fz_alloc((ptrdiff_t)m * m * m, sizeof *mask), finer = (double)j->data.box / m;
  for (int z = 0, i = 0; mask && z < m; z++)
    for (int y = 0; y < m; y++)
      for (int x = 0; x < m; x++, i++) {
        double r = finer * sqrt(pow(x - m / 2, 2) + pow(y - m / 2, 2) + pow(z - m / 2, 2));
        double t = (r - j->spec->mask_radius_px) / j->spec->mask_edge_px;
        mask[i] = t <= 0 ? 1 : t >= 1 ? 0 : 0.5 + 0.5 * cos(3.14159265358979323846 * t);
      }
  return mask;
}

static void apply(void *context, const double *x, double *y) {
  fz_normal_apply(context, x, y);
}

static void condition(void *context, const double *r, double *z) {
  fz_normal_precondition(context, r, z);
}

/* (T + R) U = b on the m grid; u [m]^3 becomes U. */
static fz_status solve(const job *j, fz_normal *op, const double *mask, const double *b, double *u, int *iterations,
                       double *residual, fz_error *err) {
  ptrdiff_t size = fz_normal_size(op);
  fz_mpi_ksp *ksp = NULL;
  fz_status st = fz_mpi_ksp_create(size, apply, op, condition, op, &ksp, err);
  if (st == FZ_OK) st = fz_mpi_ksp_solve(ksp, b, u, j->spec->iterations, j->spec->tolerance, iterations, residual, err);
  fz_mpi_ksp_destroy(&ksp);
  for (ptrdiff_t i = 0; i < size; i++) u[i] *= mask[i];
  return st;
}

/* The map of one sum, on this rank alone. */
static fz_status make_map(job *j, int sum, int64_t images, double **voxel, int *iterations, double *residual,
                          fz_error *err) {
  int m = j->m, n = j->data.box, shells;
  ptrdiff_t size = (ptrdiff_t)m * m * m;
  const fz_cube *a_cube = fz_backprojector_a_cube(j->sums), *b_cube = fz_backprojector_b_cube(j->sums);
  /* U has the map's values at the coarser points: DFT_m(U) = (m/n)^3 DFT_n(V), and an image carries 1/n. */
  double scale = pow((double)n / m, 3) / n, *mask = make_mask(j);
  double *precision = make_precision(j, images, &shells), *b = fz_alloc(size, sizeof *b),
         *u = fz_alloc(size, sizeof *u);
  double *a_cell = fz_alloc(a_cube->cells, sizeof *a_cell), *b_cell = fz_alloc(2 * b_cube->cells, sizeof *b_cell);
  fz_normal *op = mask ? fz_normal_create(m, scale, mask) : NULL;
  *voxel = fz_alloc((ptrdiff_t)n * n * n, sizeof **voxel);
  fz_status st = op && precision && b && u && a_cell && b_cell && *voxel ? FZ_OK : FZ_ENOMEM;
  if (st == FZ_OK) fz_backprojector_read(j->sums, sum, a_cell, b_cell);
  if (st == FZ_OK) st = fz_normal_right_side(op, b_cube, b_cell, 1.0, b);
  if (st == FZ_OK) st = fz_normal_set(op, a_cube, a_cell, 1.0, precision, shells);
  fz_free(&a_cell);
  fz_free(&b_cell);
  if (st == FZ_OK) st = solve(j, op, mask, b, u, iterations, residual, err);
  if (st == FZ_OK) st = fz_resample(u, m, *voxel, n);
  if (st == FZ_ENOMEM) fz_fail(err, st, "no memory to solve for a map of %d voxels", n);
  fz_normal_destroy(&op);
  fz_free(&u);
  fz_free(&b);
  fz_free(&precision);
  fz_free(&mask);
  return st;
}

/* Half-maps first: the sum of both then takes the place of the first. */
static fz_status make_maps(job *j, fz_backprojection *r, fz_error *err) {
  fz_status st = FZ_OK;
  for (int h = 1; h < r->n_maps; h++)
    FZ_TRY(make_map(j, h - 1, r->images[h], &r->voxel[h], &r->iterations[h], &r->residual[h], err));
  if (r->n_maps > 1) FZ_TRY(fz_backprojector_merge(j->sums, 0, 1, err));
  st = make_map(j, 0, r->images[0], &r->voxel[0], &r->iterations[0], &r->residual[0], err);
done:
  return st;
}

fz_status fz_mpi_backproject(fz_mpi *comm, const fz_particles *table, const fz_images *images,
                             const fz_backprojection_spec *spec, fz_backprojection *result, fz_error *err) {
  job j = {.comm = comm, .spec = spec, .m = work_grid(images->box, spec->kmax)};
  j.data = (fz_dataset){.table = table,
                        .images = *images,
                        .box = images->box,
                        .n_groups = table->n_optics,
                        .n_shells = images->box / 2 + 1,
                        .pixel_A = table->optics[0].pixel_A,
                        .mask_radius_px = spec->mask_radius_px};
  *result = (fz_backprojection){.n_maps = spec->halves ? 3 : 1};
  fz_status st = FZ_OK;
  FZ_TRY(fz_mpi_agree(comm, open_job(&j, err), err));
  FZ_TRY(look_at_images(&j, err));
  FZ_TRY(count_images(&j, result, err)); /* the same on all ranks */
  FZ_TRY(fz_mpi_agree(comm, open_sums(&j, err), err));
  FZ_TRY(add_images(&j, err));
  st = fz_mpi_rank(comm) == 0 ? make_maps(&j, result, err) : FZ_OK;
  st = fz_mpi_agree(comm, st, err);
done:
  close_job(&j);
  if (st != FZ_OK) fz_backprojection_clear(result);
  return st;
}
