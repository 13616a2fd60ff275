#include "estep/polish.h"

#include "core/memory.h"
#include "estep/local.h"
#include "estep/tile_source.h"

typedef struct workspace {
  fz_tile_source source;
  fz_tile tile;
} workspace;

struct fz_polish {
  fz_polish_spec spec;
  const fz_dataset *data;
  fz_frequencies frequencies;
  fz_local *local;
  workspace *work; /* [threads] */
};

static bool shared(const fz_polish_spec *spec) {
  return spec->volume[0] == spec->volume[1];
}

static fz_local_setup local_setup(const fz_dataset *data, const fz_polish_spec *spec, const fz_frequencies *f) {
  double shrink = (double)data->box / spec->m;
  return (fz_local_setup){.m = spec->m,
                          .box = data->box,
                          .n_volumes = spec->n_classes * (shared(spec) ? 1 : 2),
                          .slice_scale = shrink * shrink * shrink / data->box,
                          .frequencies = f,
                          .threads = spec->threads};
}

static fz_status make_local(fz_polish *p) {
  const fz_polish_spec *s = &p->spec;
  fz_local_setup setup = local_setup(p->data, s, &p->frequencies);
  ptrdiff_t voxels = (ptrdiff_t)s->m * s->m * s->m;
  const double **volume = fz_alloc(setup.n_volumes, sizeof *volume);
  if (!volume) return FZ_ENOMEM;
  for (int v = 0; v < setup.n_volumes; v++) volume[v] = s->volume[v / s->n_classes] + v % s->n_classes * voxels;
  fz_status st = fz_local_create(&setup, volume, &p->local);
  fz_free(&volume);
  return st;
}

fz_status fz_polish_open(const fz_dataset *data, const fz_polish_spec *spec, fz_polish **out, fz_error *err) {
  fz_polish *p = *out = fz_alloc(1, sizeof *p);
  fz_status st = p ? FZ_OK : FZ_ENOMEM;
  if (st != FZ_OK) goto done;
  p->spec = *spec;
  p->data = data;
  p->work = fz_alloc(spec->threads, sizeof *p->work);
  FZ_TRY(p->work ? FZ_OK : FZ_ENOMEM);
  FZ_TRY(fz_frequencies_init(&p->frequencies, spec->kmax));
  for (int t = 0; t < spec->threads; t++) {
    FZ_TRY(fz_tile_source_init(&p->work[t].source, data, &p->frequencies, NULL));
    FZ_TRY(fz_tile_init(&p->work[t].tile, data->tile_size, &p->frequencies, NULL));
  }
  FZ_TRY(make_local(p));
done:
  if (st == FZ_OK) return FZ_OK;
  fz_polish_close(out);
  return fz_fail(err, st, "no memory for a local search of poses");
}

void fz_polish_close(fz_polish **p) {
  if (!*p) return;
  for (int t = 0; (*p)->work && t < (*p)->spec.threads; t++) {
    fz_tile_source_clear(&(*p)->work[t].source);
    fz_tile_clear(&(*p)->work[t].tile);
  }
  fz_local_destroy(&(*p)->local);
  fz_free(&(*p)->work);
  fz_frequencies_clear(&(*p)->frequencies);
  fz_free(p);
}

int64_t fz_polish_bytes(const fz_dataset *data, const fz_polish_spec *spec) {
  fz_frequencies f;
  if (fz_frequencies_init(&f, spec->kmax) != FZ_OK) return 0;
  fz_local_setup setup = local_setup(data, spec, &f);
  int64_t box2 = (int64_t)data->box * data->box, row = 3 * (int64_t)sizeof(double) * f.padded;
  int64_t bytes = fz_local_bytes(&setup) + spec->threads * (data->tile_size * (4 * box2 + row) + 16 * box2);
  fz_frequencies_clear(&f);
  return bytes;
}

static void improve(fz_polish *p, int thread, int i, int half, fz_image_state *state) {
  int volume = (int)state->class_index + (shared(&p->spec) ? 0 : half * p->spec.n_classes);
  fz_local_prior prior = {-state->centre_x_px, -state->centre_y_px, p->spec.shift_sd_px};
  fz_local_pose pose = {.rotation = fz_rotation_from_euler(state->rot_deg, state->tilt_deg, state->psi_deg),
                        .shift_x_px = state->shift_x_px - state->centre_x_px,
                        .shift_y_px = state->shift_y_px - state->centre_y_px};
  fz_local_climb(p->local, thread, &p->work[thread].tile, i, volume, &prior, &pose);
  fz_rotation_to_euler(&pose.rotation, &state->rot_deg, &state->tilt_deg, &state->psi_deg);
  state->shift_x_px = state->centre_x_px + pose.shift_x_px;
  state->shift_y_px = state->centre_y_px + pose.shift_y_px;
}

fz_status fz_polish_tile(fz_polish *p, int thread, int64_t tile, fz_image_state *state, fz_error *err) {
  const fz_dataset *data = p->data;
  workspace *w = &p->work[thread];
  fz_status st = fz_tile_source_fill(&w->source, tile, &w->tile, err);
  if (st != FZ_OK) return st;
  for (int i = 0; i < w->tile.n; i++) {
    int64_t particle = data->particle[data->tile_first[tile] + i];
    state[i] = data->state[particle];
    if (state[i].visited > 0) improve(p, thread, i, data->half[particle], &state[i]);
  }
  return FZ_OK;
}
