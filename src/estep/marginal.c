#include "estep/marginal.h"

#include <math.h>
#include <string.h>

#include "core/fixed.h"

/* Nats per image below pure noise: such a map is none of these images, and the bounds of the sums would not hold. */
static const double HOPELESS = 1e5;

fz_status fz_marginal_gains(const fz_engine *engine, const fz_pose_total *total, int n_images, double *gain) {
  bool finite = true;
  for (int i = 0; i < n_images; i++) {
    double largest = total[i].largest, sum = 0;
    for (int b = 1; b < engine->n_pose_blocks; b++) largest = fmax(largest, total[b * n_images + i].largest);
    for (int b = 0; b < engine->n_pose_blocks; b++) {
      const fz_pose_total *t = &total[b * n_images + i];
      sum += t->sum * exp(t->largest - largest);
    }
    double all = largest + log(sum); /* not finite if any score is not */
    gain[i] = engine->modal ? largest : all;
    finite = finite && isfinite(all) && all > -fmax(HOPELESS, engine->largest_gain);
  }
  return finite ? FZ_OK : FZ_EDIVERGED;
}

void fz_marginal_block_gains(const fz_engine *engine, const fz_pose_total *total, int n_images, const double *gain,
                             int block, double *block_gain) {
  for (int i = 0; i < n_images; i++) {
    int first = 0;
    while (engine->modal && total[first * n_images + i].largest < gain[i]) first++;
    block_gain[i] = engine->modal && first != block ? HUGE_VAL : gain[i];
  }
}

void fz_marginal_posterior(const double *gain, const fz_pose_part *part, int n_blocks, int n_images,
                           fz_image_posterior *posterior) {
  for (int i = 0; i < n_images; i++) {
    const fz_pose_part *best = &part[i];
    double mass = 0, moment = 0;
    for (int b = 0; b < n_blocks; b++) {
      const fz_pose_part *p = &part[b * n_images + i];
      if (p->best > best->best) best = p;
      mass += p->mass;
      moment += p->moment;
    }
    posterior[i] = (fz_image_posterior){.gain = gain[i],
                                        .entropy = mass * gain[i] - moment,
                                        .peak = exp(best->best - gain[i]),
                                        .class_index = best->class_index,
                                        .direction = best->direction,
                                        .psi = best->psi,
                                        .shift = best->shift};
  }
}

void fz_marginal_add_tile(const fz_tile *tile, const double *gain, const fz_statistics_layout *l, int64_t *words) {
  double sum = 0, images = tile->n;
  int64_t *power = words + l->offset[FZ_SECTION_RESIDUAL] + (ptrdiff_t)tile->optics * l->n_shells;
  bool fits = true;
  for (int i = 0; i < tile->n; i++) sum += gain[i];
#pragma omp critical(fz_statistics_merge)
  {
    for (int i = 0; i < tile->n; i++)
      fits = fits && fz_fixed_add_f64(power, tile->power + (ptrdiff_t)i * l->n_shells, l->n_shells,
                                      l->scale[FZ_SECTION_RESIDUAL]);
    fits = fits &&
           fz_fixed_add_f64(words + l->offset[FZ_SECTION_IMAGES] + tile->optics, &images, 1,
                            l->scale[FZ_SECTION_IMAGES]) &&
           fz_fixed_add_f64(words + l->offset[FZ_SECTION_GAIN], &sum, 1, l->scale[FZ_SECTION_GAIN]);
  }
  FZ_ASSERT(fits); /* else the bounds of the layout were wrong */
}

void fz_marginal_release(const fz_engine *engine, int thread, const fz_statistics_layout *layout, int64_t *words) {
  if (!engine->n_held) return;
  for (int b = 0; b < engine->n_pose_blocks; b++) engine->release(engine->self, thread, b, layout, words);
  memset(engine->held, 0, sizeof *engine->held * (size_t)engine->n_held);
}

fz_status fz_marginal_tile(const fz_engine *engine, int thread, const fz_tile *tile, const fz_statistics_layout *layout,
                           int64_t *words, fz_image_posterior *posterior) {
  fz_pose_total total[FZ_POSE_BLOCKS_MOST * FZ_TILE_MOST];
  fz_pose_part part[FZ_POSE_BLOCKS_MOST * FZ_TILE_MOST];
  double gain[FZ_TILE_MOST], block_gain[FZ_TILE_MOST];
  int blocks = engine->n_pose_blocks, n = tile->n;
  engine->load(engine->self, thread, tile);
  for (int b = 0; b < blocks; b++) engine->totals(engine->self, thread, tile, b, total + b * n);
  fz_status st = fz_marginal_gains(engine, total, n, gain);
  if (st != FZ_OK) return st;
  for (int b = 0; b < blocks; b++) {
    fz_marginal_block_gains(engine, total, n, gain, b, block_gain);
    engine->moments(engine->self, thread, tile, b, block_gain, layout, words, part + b * n);
  }
  fz_marginal_posterior(gain, part, blocks, n, posterior);
  fz_marginal_add_tile(tile, gain, layout, words);
  return FZ_OK;
}
