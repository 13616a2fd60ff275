/* One climb of the ladder by one method: a run of the program itself, watched between its steps. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/machine.h"
#include "core/memory.h"
#include "mpi/run_host.h"
#include "voxels/judge.h"

static const double ROUNDING = 1e-9; /* of passes */

typedef struct climber {
  fz_voxels *v;
  fz_run run;
  fz_mpi_run_host host;
  double end[FZ_SCHEDULE_MAX]; /* passes at which each rung ends */
  double cpu_seconds;          /* of this rank */
  int kmax;                    /* of the last step */
  fz_voxels_climb *climb;
} climber;

static fz_run_settings settings_for(const fz_voxels *v, const fz_voxels_method *method) {
  fz_run_settings s = {
      .seed = (uint64_t)v->settings->seed,
      .starts = 1,
      .n_classes = 1,
      .threads = v->threads,
      .engine = FZ_ENGINE_POLAR,
      .marginalization = method->modal ? FZ_MARGINALIZATION_MODAL : FZ_MARGINALIZATION_ADAPTIVE,
      .cache_bytes = (int64_t)384 << 20,
      .kind = method->optimizer.kind,
      .optimizer = method->optimizer.options,
      .schedule = v->schedule,
      .sampling = v->sampling,
      .max_refine_passes = 1,
  };
  if (method->straight) {
    s.schedule.ladder[0] = v->schedule.ladder[v->schedule.n_ladder - 1];
    s.schedule.n_ladder = 1;
  }
  return s;
}

static void place_rungs(climber *c, double budget) {
  const fz_schedule *s = &c->run.settings.schedule;
  double sum = 0, all = 0;
  for (int i = 0; i < s->n_ladder; i++) all += s->ladder[i].passes;
  for (int i = 0; i < s->n_ladder; i++) c->end[i] = budget * (sum += s->ladder[i].passes) / all;
}

/* The band limit is the same function of the passes used for all methods: one whose steps take a whole pass leaves
 * rungs out, rather than to see none but the lowest.  The last rung does not end; the caller does. */
static void choose_rung(climber *c) {
  fz_run *run = &c->run;
  fz_schedule *s = &run->settings.schedule;
  while (run->rung + 1 < s->n_ladder && c->end[run->rung] <= run->passes + ROUNDING) run->rung++;
  bool last = run->rung + 1 == s->n_ladder;
  s->ladder[run->rung].passes = last ? HUGE_VAL : c->end[run->rung] - run->passes;
}

static fz_status step(climber *c, fz_error *err) {
  int64_t rung = c->run.rung;
  double began = fz_bench_process_seconds();
  c->kmax = c->run.settings.schedule.ladder[rung].kmax;
  fz_status st = fz_run_step(&c->run, err);
  c->cpu_seconds += fz_bench_process_seconds() - began;
  if (st == FZ_OK && c->run.rung != rung) choose_rung(c);
  return st;
}

static fz_status look(climber *c, bool final, fz_error *err) {
  const fz_run *run = &c->run;
  fz_voxels_climb *climb = c->climb;
  const double *w = run->optimizer ? run->optimizer->w : run->w;
  fz_voxels_point point = {
      .passes = run->passes, .cpu_seconds = fz_mpi_report_sum(c->v->comm, c->cpu_seconds), .kmax = c->kmax};
  if (climb->n && climb->point[climb->n - 1].passes == point.passes) climb->n--;
  if (climb->n == FZ_VOXELS_POINTS_MOST) return FZ_OK;
  fz_status st = fz_voxels_judge_map(c->v->judge, w, (int)run->m, &point, final ? &climb->map : NULL, err);
  if (st == FZ_OK) climb->point[climb->n++] = point;
  return st;
}

static fz_status look_at_start(climber *c, fz_error *err) {
  int m;
  const double *w = fz_voxels_judge_start(c->v->judge, &m);
  fz_voxels_point *point = &c->climb->point[c->climb->n++];
  *point = (fz_voxels_point){.kmax = c->run.settings.schedule.ladder[0].kmax};
  return fz_voxels_judge_map(c->v->judge, w, m, point, NULL, err);
}

static fz_status go(climber *c, double budget, double every, fz_error *err) {
  double next = every;
  fz_status st = FZ_OK;
  if (every > 0) FZ_TRY(look_at_start(c, err));
  while (c->run.passes < budget - ROUNDING) {
    FZ_TRY(step(c, err));
    if (every <= 0 || c->run.passes < next - ROUNDING) continue;
    FZ_TRY(look(c, false, err));
    next = every * (floor(c->run.passes / every + ROUNDING) + 1);
  }
  st = look(c, true, err);
done:
  return st;
}

fz_status fz_voxels_run_climb(fz_voxels *v, const fz_voxels_method *method, double budget, double every,
                              fz_voxels_climb *climb, fz_error *err) {
  climber c = {.v = v, .climb = climb, .host.comm = v->comm};
  fz_dataset *data = &v->set.data;
  fz_run_settings settings = settings_for(v, method);
  fz_run_host host = fz_mpi_run_host_view(&c.host);
  climb->point = fz_alloc(FZ_VOXELS_POINTS_MOST, sizeof *climb->point);
  memset(data->state, 0, sizeof *data->state * (size_t)data->table->n);
  fz_status st = climb->point ? fz_run_init(&c.run, &settings, data, &host, err) : fz_fail(err, FZ_ENOMEM, "no memory");
  FZ_TRY(fz_mpi_agree(v->comm, st, err));
  place_rungs(&c, budget);
  choose_rung(&c);
  st = go(&c, budget, every, err);
  if (st == FZ_EDIVERGED) {
    climb->failed = true;
    snprintf(climb->note, sizeof climb->note, "%.150s", err->text);
    st = FZ_OK;
  }
done:
  fz_run_clear(&c.run);
  return st;
}
