#include "io/cli/map_sources.h"

#include <math.h>
#include <stdio.h>

#include "core/memory.h"
#include "io/atoms.h"
#include "io/mrc.h"
#include "model/cube.h"
#include "model/phantom.h"

static const double PIXEL_A = 4;
enum { PHANTOM_BOX = 64 };

int fz_map_sources_count(const fz_map_sources *s) {
  return s->maps.n + s->atoms.n + s->phantoms.n;
}

static fz_status check_numbers(const char *path, const fz_map *map, fz_error *err) {
  ptrdiff_t size = (ptrdiff_t)map->n * map->n * map->n;
  for (ptrdiff_t i = 0; i < size; i++)
    if (!isfinite(map->voxel[i])) return fz_fail(err, FZ_EINPUT, "%s: voxel %td is not a finite number", path, i);
  return FZ_OK;
}

/* Same centre (index n/2), other edge. */
static fz_status change_box(fz_map *map, int n, fz_error *err) {
  if (map->n == n) return FZ_OK;
  float *voxel = fz_alloc((ptrdiff_t)n * n * n, sizeof *voxel);
  if (!voxel) return fz_fail(err, FZ_ENOMEM, "no memory for a map of %d voxels", n);
  int from = map->n, shift = from / 2 - n / 2;
  for (int z = 0; z < n; z++)
    for (int y = 0; y < n; y++)
      for (int x = 0; x < n; x++) {
        int u = x + shift, v = y + shift, w = z + shift;
        if (u < 0 || v < 0 || w < 0 || u >= from || v >= from || w >= from) continue;
        voxel[((ptrdiff_t)z * n + y) * n + x] = map->voxel[((ptrdiff_t)w * from + v) * from + u];
      }
  fz_free(&map->voxel);
  map->voxel = voxel;
  map->n = n;
  return FZ_OK;
}

static fz_status load_map(fz_map_sources *s, const char *path, fz_map *map, fz_error *err) {
  fz_status st = FZ_OK;
  FZ_TRY(fz_io_map_read(path, map, err));
  FZ_TRY(check_numbers(path, map, err));
  if (s->pixel_A == 0) s->pixel_A = map->voxel_A;
  if (s->pixel_A == 0) {
    st = fz_fail(err, FZ_EINPUT, "%s: the header gives no voxel size; say --pixel-size A", path);
    goto done;
  }
  if (map->voxel_A > 0 && fabs(map->voxel_A - s->pixel_A) > 0.01 * s->pixel_A) {
    st = fz_fail(err, FZ_EINPUT, "%s: its voxels are %g A, but %g A is asked for; resample the map first", path,
                 map->voxel_A, s->pixel_A);
    goto done;
  }
  map->voxel_A = s->pixel_A;
  if (s->box == 0) s->box = map->n;
  st = change_box(map, (int)s->box, err);
done:
  return st;
}

static void default_pixel(fz_map_sources *s) {
  if (s->pixel_A == 0) s->pixel_A = PIXEL_A;
  if (s->resolution_A == 0) s->resolution_A = 4 * s->pixel_A;
}

static fz_status load_atoms(fz_map_sources *s, const char *path, fz_map *map, fz_error *err) {
  fz_atoms atoms = {0};
  fz_gaussians g = {0};
  fz_status st = FZ_OK;
  default_pixel(s);
  FZ_TRY(fz_io_atoms_read(path, &atoms, err));
  FZ_TRY(fz_atoms_density(&atoms, s->resolution_A, &g, err));
  double across = 2 * fz_gaussians_radius_A(&g);
  if (s->box == 0) s->box = fz_work_box((int)ceil(0.75 * across / s->pixel_A)); /* 1.5 times as large as the object */
  if (across > 0.95 * (double)s->box * s->pixel_A) {
    st = fz_fail(err, FZ_EINPUT,
                 "%s: the model is %.0f A across and does not fit a box of %lld pixels of %g A; say --box %d", path,
                 across, (long long)s->box, s->pixel_A, fz_work_box((int)ceil(0.75 * across / s->pixel_A)));
    goto done;
  }
  st = fz_gaussians_density(&g, (int)s->box, s->pixel_A, map);
  if (st != FZ_OK) st = fz_fail(err, st, "no memory for a map of %lld voxels", (long long)s->box);
done:
  fz_gaussians_clear(&g);
  fz_atoms_clear(&atoms);
  return st;
}

static fz_status load_phantom(fz_map_sources *s, const char *name, fz_map *map, fz_error *err) {
  fz_gaussians g = {0};
  default_pixel(s);
  if (s->box == 0) s->box = PHANTOM_BOX;
  fz_status st = fz_phantom_make(name, (double)s->box * s->pixel_A, s->resolution_A, &g, err);
  if (st != FZ_OK) return st;
  st = fz_gaussians_density(&g, (int)s->box, s->pixel_A, map);
  if (st != FZ_OK) fz_fail(err, st, "no memory for a map of %lld voxels", (long long)s->box);
  fz_gaussians_clear(&g);
  return st;
}

fz_status fz_map_sources_load(fz_map_sources *s, fz_map *map, fz_error *err) {
  fz_status st = FZ_OK;
  int n = 0, count = fz_map_sources_count(s);
  for (int i = 0; i < count; i++) map[i] = (fz_map){0};
  for (int i = 0; i < s->maps.n; i++) FZ_TRY(load_map(s, s->maps.item[i], &map[n++], err));
  for (int i = 0; i < s->atoms.n; i++) FZ_TRY(load_atoms(s, s->atoms.item[i], &map[n++], err));
  for (int i = 0; i < s->phantoms.n; i++) FZ_TRY(load_phantom(s, s->phantoms.item[i], &map[n++], err));
done:
  for (int i = 0; st != FZ_OK && i < count; i++) fz_map_clear(&map[i]);
  return st;
}
