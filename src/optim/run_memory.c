#include "optim/run_memory.h"

#include "model/normal.h"
#include "optim/optimizer_size.h"
#include "optim/run_private.h"

static const int64_t MPI_PIECE = 32 << 20; /* what MPI copies of a sum at a time, see mpi/reduce.c */
static const int64_t EXCHANGED = 16 << 20; /* records of all ranks together, there */
static const int64_t WRITERS = 6 << 20;    /* libraries that only writing results brings in: PNG, XML, fonts */
static const int64_t RECORD = (int64_t)(sizeof(fz_image_state) + sizeof(int64_t));

/* Evaluations of a step that does products with a Hessian, and of one that may search along a line. */
enum { MANY = 40, FEW = 3 };

static const char *const names[FZ_MEMORY_PARTS] = {
    [FZ_MEMORY_LIBRARIES] = "program and libraries",
    [FZ_MEMORY_TABLE] = "table of particles",
    [FZ_MEMORY_IMAGES] = "images in the cache",
    [FZ_MEMORY_STATES] = "states of the images",
    [FZ_MEMORY_ENGINE] = "pose search",
    [FZ_MEMORY_SOLVER] = "solver of the M-step",
    [FZ_MEMORY_VOLUMES] = "maps of the run",
    [FZ_MEMORY_STATISTICS] = "sums over the images",
    [FZ_MEMORY_OPTIMIZER] = "optimizer and its sums",
    [FZ_MEMORY_JOURNAL] = "journal of the step",
    [FZ_MEMORY_EXCHANGE] = "exchange between ranks",
    [FZ_MEMORY_RESULTS] = "results being written",
};

const char *fz_memory_part_name(fz_memory_part part) {
  return names[part];
}

int64_t fz_run_memory_total(const fz_run_memory *memory) {
  int64_t sum = 0;
  for (int i = 0; i < FZ_MEMORY_PARTS; i++) sum += memory->bytes[i];
  return sum;
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}
static int64_t most(int64_t a, int64_t b) {
  return a > b ? a : b;
}

/* Each band limit once, up to the highest; the first one until nothing is annealed any more. */
static int refinement_places(const fz_run_settings *s, fz_run_place *place, int n) {
  int first = n, most = s->max_refine_passes;
  for (int kmax = fz_run_first_refine_kmax(s, false), last = 0, pass = 0;
       kmax != last && pass < most && n < FZ_RUN_PLACES - 2; pass++) {
    double here = kmax == s->schedule.kmax_limit && pass + 1 < most ? 2 : 1; /* the last band limit twice */
    place[n++] = (fz_run_place){FZ_RUN_REFINE, kmax, 0, pass == 0 || last < s->schedule.kmax_foreseen ? here : 0};
    last = kmax;
    kmax = fz_run_next_kmax(s, kmax);
  }
  if (s->annealed_passes > 1) place[first].passes = least(s->annealed_passes, most);
  return n;
}

int fz_run_places(const fz_run_settings *s, fz_run_place *place) {
  const fz_schedule *schedule = &s->schedule;
  int n = 0, usual = schedule->n_ladder, all = fz_run_rungs(s, s->most_starts > s->starts);
  for (int i = 0; i < all && !s->initial; i++) {
    place[n++] = (fz_run_place){FZ_RUN_CLIMB, schedule->ladder[i].kmax, i,
                                i < usual ? s->starts * schedule->ladder[i].passes : 0};
    if (s->starts > 1 && (i + 1 == usual || i + 1 == all))
      place[n++] = (fz_run_place){FZ_RUN_COMPARE, schedule->ladder[i].kmax, i, i < usual ? s->starts : 0};
  }
  n = refinement_places(s, place, n);
  int reach = place[n - 1].kmax;
  if (s->polish_poses) place[n++] = (fz_run_place){FZ_RUN_POLISH, reach, 0, 1};
  place[n++] = (fz_run_place){FZ_RUN_COMPLETE, reach, 0, 0};
  return n;
}

static fz_stage_size stage_size(const fz_run_settings *s, const fz_dataset *data, const fz_run_place *at) {
  fz_stage_spec spec = fz_run_stage_spec(s, data->box, at->phase, 0, at->kmax);
  return fz_stage_measure(data, &spec);
}

static fz_optimizer_options options_at(const fz_run_settings *s, const fz_dataset *data, int rung) {
  fz_optimizer_options options = s->optimizer;
  if (options.batch_images == 0) options.batch_images = s->schedule.ladder[rung].batch_images;
  if (options.batch_images > data->n) options.batch_images = data->n;
  return options;
}

static fz_status measure_optimizer(const fz_run_settings *s, const fz_dataset *data, int ranks, const fz_run_place *at,
                                   const fz_stage_size *size, fz_optimizer_size *out, fz_error *err) {
  fz_optimizer_options options = options_at(s, data, at->rung);
  const fz_objective_size of = {.dim = s->n_classes * fz_run_voxels(fz_work_box(at->kmax)),
                                .n_words = size->n_words,
                                .n_moments = size->n_moments,
                                .n_tiles = data->n_tiles,
                                .n_images = data->n,
                                .n_classes = s->n_classes,
                                .ranks = ranks};
  return fz_optimizer_measure(s->kind, &options, &of, out, err);
}

/* Sums over ranks: MPI has a copy of what it adds up; states change hands in pieces. */
static int64_t exchange_bytes(const fz_dataset *data, const fz_stage_size *size, int ranks) {
  if (ranks == 1) return 0;
  int64_t sums = least(MPI_PIECE, 8 * most(size->n_words, size->n_held)), states = least(EXCHANGED, RECORD * data->n);
  return most(sums, states);
}

/* Evaluations of one step, each of which the journal keeps until the step is complete. */
static int64_t evaluations_of_step(const fz_run_settings *s, const fz_dataset *data, const fz_run_place *at) {
  if (at->phase != FZ_RUN_CLIMB) return at->phase == FZ_RUN_REFINE ? 2 : 1;
  if (s->kind->takes & FZ_TAKES_INNER_PASSES) { /* a snapshot goes batch by batch */
    fz_optimizer_options options = options_at(s, data, at->rung);
    return data->n / options.batch_images + 2;
  }
  if (s->kind->takes & FZ_TAKES_HESSIAN_IMAGES) return MANY;
  return s->kind->takes & FZ_TAKES_SEARCH ? FEW : 1;
}

static fz_status add_stage(const fz_run_settings *s, const fz_dataset *data, int ranks, const fz_run_place *at,
                           fz_run_memory *out, fz_error *err) {
  fz_stage_size size = stage_size(s, data, at);
  int m = fz_work_box(at->kmax);
  int64_t m3 = fz_run_voxels(m), k = s->n_classes, n = data->n;
  bool sampled = s->marginalization == FZ_MARGINALIZATION_IMPORTANCE;
  out->bytes[FZ_MEMORY_ENGINE] = size.bytes + 8 * size.n_gradient;
  /* Mask, right side; four vectors of conjugate gradients. */
  out->bytes[FZ_MEMORY_SOLVER] = fz_normal_bytes(m) + 6 * 8 * m3;
  /* Present maps, and as the E-step sees them. */
  out->bytes[FZ_MEMORY_VOLUMES] += 2 * 8 * k * m3;
  int64_t scored = at->phase == FZ_RUN_CLIMB ? options_at(s, data, at->rung).batch_images : n;
  out->bytes[FZ_MEMORY_STATES] += scored * (RECORD + (sampled ? (int64_t)sizeof(fz_pose_memory) : 0));
  out->bytes[FZ_MEMORY_JOURNAL] = 8 * (evaluations_of_step(s, data, at) * size.n_words + size.n_held) / ranks;
  out->bytes[FZ_MEMORY_EXCHANGE] = exchange_bytes(data, &size, ranks);
  if (at->phase == FZ_RUN_COMPARE) out->bytes[FZ_MEMORY_STATISTICS] = 8 * size.n_words;
  if (at->phase == FZ_RUN_REFINE) {
    out->bytes[FZ_MEMORY_STATISTICS] = 8 * (2 * size.n_words + size.n_moments + size.n_gradient);
    /* Half-maps, three new maps, three that may be taken back; transforms of two maps to compare them. */
    out->bytes[FZ_MEMORY_VOLUMES] += 8 * 8 * k * m3 + 2 * 8 * m3;
    if (sampled) out->bytes[FZ_MEMORY_STATES] += (int64_t)sizeof(fz_pose_memory) * data->table->n;
  }
  if (at->phase != FZ_RUN_CLIMB) return FZ_OK;
  fz_optimizer_size optimizer;
  fz_status st = measure_optimizer(s, data, ranks, at, &size, &optimizer, err);
  if (st == FZ_OK) out->bytes[FZ_MEMORY_OPTIMIZER] = optimizer.bytes;
  return st;
}

/* All maps in the images' box in double precision, one being resampled; the table with the columns to be written. */
static int64_t results_bytes(const fz_run_settings *s, const fz_dataset *data) {
  int64_t n3 = fz_run_voxels(data->box), maps = 8 * n3 * (3 * s->n_classes) + 2 * 8 * n3 + 16 * data->box * data->box;
  int64_t tables = (int64_t)(sizeof(fz_particle) + 8 * sizeof(double)) * data->table->n;
  return most(maps, tables) + WRITERS;
}

/* The best start and the second best. */
static int64_t starts_bytes(const fz_run_settings *s) {
  if (s->initial || s->starts < 2) return 0;
  return 2 * 8 * s->n_classes * fz_run_voxels(fz_work_box(fz_run_climb_kmax(s, s->most_starts > s->starts)));
}

fz_status fz_run_memory_at(const fz_run_settings *s, const fz_dataset *data, int ranks, const fz_run_place *at,
                           fz_run_memory *out, fz_error *err) {
  int64_t k = s->n_classes, m3 = fz_run_voxels(fz_work_box(at->kmax));
  *out = (fz_run_memory){.phase = at->phase, .kmax = at->kmax};
  out->bytes[FZ_MEMORY_STATES] = (int64_t)sizeof(fz_image_state) * data->table->n; /* of the best start */
  if (s->marginalization == FZ_MARGINALIZATION_IMPORTANCE)
    out->bytes[FZ_MEMORY_STATES] += (int64_t)sizeof(fz_pose_memory) * data->table->n;
  if (at->phase < FZ_RUN_REFINE) out->bytes[FZ_MEMORY_VOLUMES] = starts_bytes(s);
  if (at->phase < FZ_RUN_POLISH) return add_stage(s, data, ranks, at, out, err);
  out->bytes[FZ_MEMORY_VOLUMES] += 3 * 8 * k * m3;
  if (at->phase == FZ_RUN_COMPLETE) {
    const fz_run_place last = {.phase = FZ_RUN_REFINE, .kmax = at->kmax};
    fz_stage_size size = stage_size(s, data, &last);
    /* An allowance: on four busy ranks so much more than is held was seen now and then. */
    out->bytes[FZ_MEMORY_EXCHANGE] = exchange_bytes(data, &size, ranks) * 4 / 3;
    out->bytes[FZ_MEMORY_RESULTS] = results_bytes(s, data);
    return FZ_OK;
  }
  fz_polish_spec spec = {
      .kmax = at->kmax, .m = fz_work_box(at->kmax), .n_classes = s->n_classes, .threads = s->threads};
  out->bytes[FZ_MEMORY_ENGINE] = fz_polish_bytes(data, &spec);
  out->bytes[FZ_MEMORY_STATES] += RECORD * data->n;
  return FZ_OK;
}

fz_status fz_run_memory_peak(const fz_run_settings *s, const fz_dataset *data, int ranks, fz_run_memory *out,
                             fz_error *err) {
  fz_run_place place[FZ_RUN_PLACES];
  int n = fz_run_places(s, place);
  *out = (fz_run_memory){0};
  for (int i = 0; i < n; i++) {
    fz_run_memory here;
    fz_status st = fz_run_memory_at(s, data, ranks, &place[i], &here, err);
    if (st != FZ_OK) return st;
    if (fz_run_memory_total(&here) > fz_run_memory_total(out)) *out = here;
  }
  return FZ_OK;
}

fz_status fz_run_checkpoint_bytes(const fz_run_settings *s, const fz_dataset *data, int ranks, int64_t *out,
                                  fz_error *err) {
  fz_run_place place[FZ_RUN_PLACES];
  int n = fz_run_places(s, place);
  int64_t images = 2 * (int64_t)sizeof(fz_image_state) * data->table->n, largest = 0, k = s->n_classes;
  if (s->marginalization == FZ_MARGINALIZATION_IMPORTANCE) images += (int64_t)sizeof(fz_pose_memory) * data->table->n;
  for (int i = 0; i < n; i++) {
    int64_t m3 = fz_run_voxels(fz_work_box(place[i].kmax)), bytes = 8 * k * m3;
    if (place[i].phase >= FZ_RUN_REFINE) bytes *= 3; /* with half-maps */
    if (place[i].phase == FZ_RUN_REFINE) bytes *= 2; /* and those that may be taken back */
    if (place[i].phase == FZ_RUN_CLIMB) {
      fz_stage_size size = stage_size(s, data, &place[i]);
      fz_optimizer_size optimizer;
      fz_status st = measure_optimizer(s, data, ranks, &place[i], &size, &optimizer, err);
      if (st != FZ_OK) return st;
      bytes += optimizer.state_bytes;
    }
    if (place[i].phase < FZ_RUN_REFINE) bytes += starts_bytes(s);
    largest = most(largest, bytes);
  }
  *out = images + largest + 8 * (int64_t)data->n_shells * (data->n_groups + 1 + 2 * FZ_RUN_CURVES * k);
  return FZ_OK;
}

int64_t fz_run_reduced_bytes(const fz_run_settings *s, const fz_dataset *data, const fz_run_place *at) {
  fz_stage_size size = stage_size(s, data, at);
  return 8 * (size.n_words + size.n_held);
}
