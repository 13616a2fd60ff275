#include "estep/tile_source.h"

#include "core/memory.h"

fz_status fz_tile_source_init(fz_tile_source *s, const fz_dataset *data, const fz_frequencies *f,
                              const fz_image_rings *image_rings) {
  ptrdiff_t box = data->box;
  *s = (fz_tile_source){.data = data, .frequencies = f, .image_rings = image_rings};
  s->pixels = fz_alloc(data->tile_size * box * box, sizeof *s->pixels);
  s->plane = fz_alloc(fz_preprocess_scratch_size(data->preprocess), 1);
  s->half = fz_alloc(box * (box / 2 + 1), sizeof *s->half);
  if (image_rings) s->rings = fz_alloc(fz_image_rings_scratch_size(image_rings), 1);
  if (s->pixels && s->plane && s->half && (s->rings || !image_rings)) return FZ_OK;
  fz_tile_source_clear(s);
  return FZ_ENOMEM;
}

void fz_tile_source_clear(fz_tile_source *s) {
  fz_free(&s->pixels);
  fz_free(&s->plane);
  fz_free(&s->half);
  fz_free(&s->rings);
}

fz_status fz_tile_source_fill(fz_tile_source *s, int64_t index, fz_tile *tile, fz_error *err) {
  const fz_dataset *data = s->data;
  int64_t first = data->tile_first[index];
  const int64_t *id = data->particle + first;
  int n = (int)(data->tile_first[index + 1] - first);
  fz_status st = data->images.read(data->images.self, id, n, s->pixels, err);
  if (st != FZ_OK) return st;
  tile->n = n;
  tile->optics = data->table->particle[id[0]].optics;
  for (int i = 0; i < n; i++) {
    const fz_particle *particle = &data->table->particle[id[i]];
    const fz_image_state *state = &data->state[id[i]];
    tile->image[i] =
        (fz_tile_image){.particle = id[i], .centre_x_px = state->centre_x_px, .centre_y_px = state->centre_y_px};
    if (data->memory) tile->image[i].memory = data->memory[id[i]];
    const float *pixels = s->pixels + (ptrdiff_t)i * data->box * data->box;
    if (fz_preprocess_image(data->preprocess, pixels, s->plane, s->half) != FZ_IMAGE_GOOD)
      return fz_fail(err, FZ_EIO, "image %lld of %s has changed since the run began", (long long)particle->slice + 1,
                     data->table->stack_path[particle->stack]);
    const fz_optics *optics = &data->table->optics[particle->optics];
    const double *sigma2 = data->sigma2 + tile->optics * data->n_shells;
    fz_tile_set_image(tile, i, s->frequencies, s->half, data->box, &particle->ctf, optics, sigma2, state->centre_x_px,
                      state->centre_y_px);
    if (tile->rings) fz_tile_set_rings(tile, i, s->image_rings, s->rings, data->box, &particle->ctf, optics, sigma2);
  }
  return FZ_OK;
}
