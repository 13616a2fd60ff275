#include "estep/stage.h"

#include <math.h>

#include "core/memory.h"
#include "estep/importance.h"
#include "estep/marginal.h"
#include "estep/tile_source.h"

/* Adaptive search goes on in the cells of each coarser level that hold this share of an image's posterior there. */
static const double CAPTURED = 0.999;
static const double PI = 3.14159265358979323846;

typedef struct fz_stage_scratch {
  fz_tile_source source;
  fz_tile tile;
} fz_stage_scratch;

static fz_status make_scratch(const fz_stage *stage, fz_stage_scratch *s) {
  fz_status st = fz_tile_source_init(&s->source, stage->data, &stage->frequencies, stage->image_rings);
  return st == FZ_OK ? fz_tile_init(&s->tile, stage->data->tile_size, &stage->frequencies, stage->engine.rings) : st;
}

static void clear_scratch(fz_stage_scratch *s) {
  fz_tile_source_clear(&s->source);
  fz_tile_clear(&s->tile);
}

/* Weights that together could hold a thousandth of an image's posterior, were they all alike. */
static double weight_cutoff(const fz_quadrature *q, int n_classes) {
  return log((double)q->n_directions * q->n_psi * q->n_shifts * n_classes) + 7.0;
}

static void find_bounds(const fz_dataset *data, int kmax, double *b, double *a) {
  double c = data->largest_ctf;
  *b = *a = 0;
  for (int g = 0; g < data->n_groups; g++)
    for (int s = 1; s <= kmax + 1 && s < data->n_shells; s++) {
      double noise = data->sigma2[g * data->n_shells + s];
      /* The factor 4 is for rings, whose samples are not those of the lattice. */
      *b = fmax(*b, 4 * 2 * c * data->largest[g * data->n_shells + s] / noise);
      *a = fmax(*a, 4 * 2 * c * c / noise);
    }
}

/* Half of what any image can have in its power over the noise: of images with hardly any noise very much. */
static double largest_gain(const fz_dataset *data, int kmax) {
  double largest = 0;
  for (ptrdiff_t g = 0; g < data->n_groups; g++) {
    double gain = 0;
    for (ptrdiff_t s = 1; s <= kmax + 1 && s < data->n_shells; s++) {
      double x = data->largest[g * data->n_shells + s];
      gain += PI * (double)s * x * x / data->sigma2[g * data->n_shells + s];
    }
    largest = fmax(largest, gain);
  }
  return largest;
}

fz_engine_setup fz_stage_engine_setup(const fz_stage *stage) {
  return (fz_engine_setup){.m = stage->m,
                           .box = stage->data->box,
                           .n_classes = stage->spec.n_classes,
                           .slice_scale = stage->slice_scale,
                           .frequencies = &stage->frequencies,
                           .quadrature = &stage->quadrature,
                           .rings = &stage->rings,
                           .support = stage->data->mask_radius_px / stage->data->box + 1.0 / stage->m,
                           .n_coarse = stage->n_coarse,
                           .coarse = stage->coarse,
                           .captured = CAPTURED,
                           .bounded = stage->spec.marginalization == FZ_MARGINALIZATION_BOUNDED,
                           .tile_capacity = stage->data->tile_size,
                           .threads = stage->spec.threads,
                           .cutoff = weight_cutoff(&stage->quadrature, stage->spec.n_classes),
                           .modal = stage->spec.marginalization == FZ_MARGINALIZATION_MODAL,
                           .cache_bytes = stage->spec.cache_bytes,
                           .seed = stage->spec.seed,
                           .proposal = fz_proposal_options_default(),
                           .average = &stage->data->average};
}

static fz_status open_frequencies(fz_stage *stage, fz_dataset *data, const fz_stage_spec *spec) {
  *stage = (fz_stage){.spec = *spec, .data = data, .m = fz_work_box(spec->kmax)};
  double shrink = (double)data->box / stage->m;
  stage->slice_scale = shrink * shrink * shrink / data->box;
  return fz_frequencies_init(&stage->frequencies, spec->kmax);
}

static fz_status open_polar_grids(fz_stage *stage, const fz_stage_spec *spec) {
  fz_fine_sampling fine = {.kmax = spec->kmax,
                           .n_directions = fz_direction_grid_count(spec->directions),
                           .shift_step_px = spec->shift_step_px,
                           .shift_radius_px = spec->shift_radius_px,
                           .shift_sd_px = spec->shift_sd_px,
                           .turn = spec->turn};
  fz_status st = fz_rings_init(&stage->rings, spec->kmax, spec->n_psi);
  if (st == FZ_OK &&
      (spec->marginalization == FZ_MARGINALIZATION_ADAPTIVE || spec->marginalization == FZ_MARGINALIZATION_BOUNDED))
    st = fz_coarse_levels_init(stage->coarse, &stage->n_coarse, &fine);
  return st;
}

static fz_status open_grids(fz_stage *stage, fz_dataset *data, const fz_stage_spec *spec) {
  fz_status st = open_frequencies(stage, data, spec);
  if (st == FZ_OK)
    st = fz_quadrature_init(&stage->quadrature, spec->directions, spec->n_psi, &spec->turn, spec->shift_step_px,
                            spec->shift_radius_px, spec->shift_sd_px);
  if (st == FZ_OK && spec->engine == FZ_ENGINE_POLAR) st = open_polar_grids(stage, spec);
  return st;
}

/* Rings, when the engine reads them, for maps within the mask's sphere at any of the shifts. */
static fz_status open_rings(fz_stage *stage) {
  if (!stage->engine.rings) return FZ_OK;
  double reach = (stage->data->mask_radius_px + stage->spec.shift_radius_px) / stage->data->box;
  stage->image_rings = fz_image_rings_create(&stage->frequencies, stage->engine.rings, fmin(reach, 0.5));
  return stage->image_rings ? FZ_OK : FZ_ENOMEM;
}

fz_status fz_stage_open(fz_stage *stage, fz_dataset *data, const fz_stage_spec *spec, fz_error *err) {
  static fz_status (*const create[][2])(const fz_engine_setup *, fz_engine *) = {
      [FZ_ENGINE_POLAR] = {fz_engine_polar_f32, fz_engine_polar_f64},
      [FZ_ENGINE_DIRECT] = {fz_engine_direct_f32, fz_engine_direct_f64},
      [FZ_ENGINE_IMPORTANCE] = {fz_engine_importance_f32, fz_engine_importance_f64}};
  double b, a;
  fz_status st = open_grids(stage, data, spec);
  if (st != FZ_OK) goto done;
  find_bounds(data, spec->kmax, &b, &a);
  stage->layout =
      fz_statistics_layout_make(stage->m, spec->kmax, spec->n_classes, data->n_groups, stage->quadrature.n_directions,
                                stage->quadrature.n_shifts, spec->want, b, a, (double)data->n);
  double gain = largest_gain(data, spec->kmax);
  fz_statistics_bound_gains(&stage->layout, gain, (double)data->n);
  fz_engine_setup setup = fz_stage_engine_setup(stage);
  FZ_TRY(create[spec->engine][spec->double_precision](&setup, &stage->engine));
  stage->engine.largest_gain = gain;
  FZ_TRY(open_rings(stage));
  stage->scratch = fz_alloc(spec->threads, sizeof *stage->scratch);
  stage->histogram = fz_alloc(stage->quadrature.n_directions + stage->quadrature.n_shifts, sizeof(double));
  if (!stage->scratch || !stage->histogram) st = FZ_ENOMEM;
  for (int t = 0; t < spec->threads && st == FZ_OK; t++) st = make_scratch(stage, &stage->scratch[t]);
done:
  if (st != FZ_OK) {
    fz_stage_close(stage);
    return fz_fail(err, st, "cannot prepare an E-step to shell %d: %s", spec->kmax, fz_status_name(st));
  }
  return FZ_OK;
}

void fz_stage_close(fz_stage *stage) {
  if (stage->engine.destroy) stage->engine.destroy(&stage->engine);
  for (int t = 0; stage->scratch && t < stage->spec.threads; t++) clear_scratch(&stage->scratch[t]);
  fz_free(&stage->scratch);
  fz_free(&stage->histogram);
  fz_image_rings_destroy(&stage->image_rings);
  fz_coarse_levels_clear(stage->coarse, stage->n_coarse);
  fz_rings_clear(&stage->rings);
  fz_quadrature_clear(&stage->quadrature);
  fz_frequencies_clear(&stage->frequencies);
  *stage = (fz_stage){0};
}

static int64_t engine_bytes(const fz_engine_setup *setup, const fz_stage_spec *spec) {
  switch (spec->engine) {
    case FZ_ENGINE_DIRECT: return fz_engine_direct_bytes(setup, spec->double_precision);
    case FZ_ENGINE_IMPORTANCE: return fz_engine_importance_bytes(setup, spec->double_precision);
    default: return spec->double_precision ? fz_engine_polar_bytes_f64(setup) : fz_engine_polar_bytes_f32(setup);
  }
}

fz_stage_size fz_stage_measure(const fz_dataset *data, const fz_stage_spec *spec) {
  fz_stage probe;
  fz_stage_size size = {0};
  int64_t box2 = (int64_t)data->box * data->box;
  bool polar = spec->engine == FZ_ENGINE_POLAR;
  if (open_frequencies(&probe, (fz_dataset *)data, spec) == FZ_OK &&
      fz_quadrature_count(&probe.quadrature, spec->directions, spec->n_psi, spec->shift_step_px,
                          spec->shift_radius_px) == FZ_OK &&
      (!polar || open_polar_grids(&probe, spec) == FZ_OK)) {
    fz_engine_setup setup = fz_stage_engine_setup(&probe);
    fz_statistics_layout l =
        fz_statistics_layout_make(probe.m, spec->kmax, spec->n_classes, data->n_groups, probe.quadrature.n_directions,
                                  probe.quadrature.n_shifts, spec->want, 1, 1, (double)data->n);
    int64_t points = 2 * ((int64_t)probe.rings.kmax + 1) * probe.rings.n_angles;
    int64_t tile = data->tile_size * (box2 * 4 + 24 * (int64_t)probe.frequencies.padded + 8 * points);
    size.bytes = engine_bytes(&setup, spec) + spec->threads * (tile + 16 * box2);
    if (polar) {
      size.bytes += fz_image_rings_bytes(&probe.frequencies, &probe.rings);
      size.n_held = spec->double_precision ? fz_engine_polar_held_f64(&setup) : fz_engine_polar_held_f32(&setup);
    }
    size.n_words = l.total;
    size.n_gradient = l.length[FZ_SECTION_GRADIENT];
    size.n_moments = l.length[FZ_SECTION_B] + l.length[FZ_SECTION_A] + l.length[FZ_SECTION_CLASS];
  }
  fz_stage_close(&probe);
  return size;
}

static void record(const fz_stage *stage, const fz_image_posterior *p, double captured, fz_image_state *state) {
  const fz_quadrature *q = &stage->quadrature;
  fz_rotation a = fz_quadrature_rotation(q, p->direction, p->psi);
  fz_rotation_to_euler(&a, &state->rot_deg, &state->tilt_deg, &state->psi_deg);
  state->shift_x_px = state->centre_x_px + q->shift_x_px[p->shift];
  state->shift_y_px = state->centre_y_px + q->shift_y_px[p->shift];
  state->gain = p->gain;
  state->entropy = p->entropy;
  state->peak = p->peak;
  state->class_index = p->class_index;
  state->visited = 1;
  state->captured = captured;
}

fz_status fz_stage_fill_tile(const fz_stage *stage, int thread, int64_t index, fz_tile *tile, fz_error *err) {
  return fz_tile_source_fill(&stage->scratch[thread].source, index, tile, err);
}

fz_status fz_stage_load(fz_stage *stage, int thread, int64_t tile, fz_error *err) {
  fz_tile *loaded = &stage->scratch[thread].tile;
  fz_status st = fz_stage_fill_tile(stage, thread, tile, loaded, err);
  if (st == FZ_OK) stage->engine.load(stage->engine.self, thread, loaded);
  return st;
}

void fz_stage_totals(fz_stage *stage, int thread, int block, fz_pose_total *total) {
  stage->engine.totals(stage->engine.self, thread, &stage->scratch[thread].tile, block, total);
}

void fz_stage_moments(fz_stage *stage, int thread, int block, const double *gain, int64_t *words, fz_pose_part *part) {
  stage->engine.moments(stage->engine.self, thread, &stage->scratch[thread].tile, block, gain, &stage->layout, words,
                        part);
}

void fz_stage_release(fz_stage *stage, int thread, int block, int64_t *words) {
  stage->engine.release(stage->engine.self, thread, block, &stage->layout, words);
}

void fz_stage_record(fz_stage *stage, int thread, int64_t tile, const double *gain, const fz_pose_part *part,
                     int64_t *words) {
  const fz_dataset *data = stage->data;
  const fz_tile *loaded = &stage->scratch[thread].tile;
  fz_image_posterior posterior[FZ_TILE_MOST];
  fz_marginal_posterior(gain, part, stage->engine.n_pose_blocks, loaded->n, posterior);
  fz_marginal_add_tile(loaded, gain, &stage->layout, words);
  const double *captured = stage->engine.captured ? stage->engine.captured(stage->engine.self, thread) : NULL;
  for (int i = 0; i < loaded->n; i++) {
    int64_t particle = data->particle[data->tile_first[tile] + i];
    record(stage, &posterior[i], captured ? captured[i] : 1, &data->state[particle]);
    if (stage->spec.engine == FZ_ENGINE_IMPORTANCE) data->memory[particle] = loaded->image[i].memory;
  }
}

void fz_stage_learn(fz_stage *stage, const int64_t *words) {
  const fz_statistics_layout *l = &stage->layout;
  double *direction = stage->histogram, *shift = direction + l->n_directions, images = 0;
  if (stage->spec.engine != FZ_ENGINE_IMPORTANCE) return;
  fz_statistics_read(l, words, FZ_SECTION_DIRECTION, direction);
  fz_statistics_read(l, words, FZ_SECTION_SHIFT, shift);
  for (ptrdiff_t g = 0; g < l->n_groups; g++) images += fz_statistics_scalar(l, words, FZ_SECTION_IMAGES, g);
  fz_pose_average_learn(&stage->data->average, &stage->quadrature, direction, shift, images, (double)stage->data->n);
}
