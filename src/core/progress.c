#include "core/progress.h"

/* Of the process, as its signals and its memory are: a watcher must read it when everything else is stuck. */
static fz_progress_place own;
static fz_progress_place *_Atomic here = &own;

void fz_progress_keep(fz_progress_place *place) {
  fz_progress_place *from = here, *to = place ? place : &own;
  atomic_store(&to->ticks, atomic_load(&from->ticks));
  atomic_store(&to->activity, atomic_load(&from->activity));
  atomic_store(&to->waits, atomic_load(&from->waits));
  here = to;
}

void fz_progress_tick(void) {
  atomic_fetch_add_explicit(&here->ticks, 1, memory_order_release);
}

void fz_progress_at(fz_activity activity) {
  atomic_store_explicit(&here->activity, (int)activity, memory_order_relaxed);
  fz_progress_tick();
}

void fz_progress_wait(void) {
  atomic_fetch_add_explicit(&here->waits, 1, memory_order_release);
}

void fz_progress_resume(void) {
  fz_progress_tick();
  atomic_fetch_sub_explicit(&here->waits, 1, memory_order_release);
}

fz_progress fz_progress_look(fz_progress_place *place) {
  bool waiting = atomic_load_explicit(&place->waits, memory_order_acquire) > 0;
  return (fz_progress){.waiting = waiting,
                       .ticks = atomic_load_explicit(&place->ticks, memory_order_acquire),
                       .activity = (fz_activity)atomic_load_explicit(&place->activity, memory_order_relaxed)};
}

fz_progress fz_progress_now(void) {
  return fz_progress_look(here);
}

const char *fz_activity_name(fz_activity activity) {
  static const char *const names[FZ_ACTIVITIES] = {
      [FZ_AT_START] = "starting",
      [FZ_AT_READ] = "reading the particle file",
      [FZ_AT_SCAN] = "scanning the images",
      [FZ_AT_PREPARE] = "preparing the run",
      [FZ_AT_RESUME] = "reading a checkpoint",
      [FZ_AT_SCORE] = "scoring images",
      [FZ_AT_SUM] = "summing over ranks",
      [FZ_AT_SOLVE] = "solving for the map",
      [FZ_AT_CHECKPOINT] = "writing a checkpoint",
      [FZ_AT_POLISH] = "polishing poses",
      [FZ_AT_RESULTS] = "writing results",
  };
  return (unsigned)activity < FZ_ACTIVITIES ? names[activity] : "unknown";
}
