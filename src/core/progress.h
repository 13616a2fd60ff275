/* What this process is doing, for whoever watches it from another thread: lock-free, one per process, no part of any
 * computation.  Ticks say that something moved; a wait says that others have to move first. */
#ifndef FZ_CORE_PROGRESS_H
#define FZ_CORE_PROGRESS_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum fz_activity {
  FZ_AT_START,
  FZ_AT_READ,
  FZ_AT_SCAN,
  FZ_AT_PREPARE,
  FZ_AT_RESUME,
  FZ_AT_SCORE,
  FZ_AT_SUM,
  FZ_AT_SOLVE,
  FZ_AT_CHECKPOINT,
  FZ_AT_POLISH,
  FZ_AT_RESULTS,
  FZ_ACTIVITIES
} fz_activity;

typedef struct fz_progress {
  int64_t ticks;
  fz_activity activity;
  bool waiting; /* inside fz_progress_wait .. fz_progress_resume */
} fz_progress;

/* Where it is kept: in the process, or in memory that others see. */
typedef struct fz_progress_place {
  atomic_llong ticks;
  atomic_int activity, waits;
} fz_progress_place;

/** Keep it in `place` from now on (borrowed until the next call), as it is; NULL: in the process, as at first.
 *  calls   local, main thread, while no other ticks */
void fz_progress_keep(fz_progress_place *place);
/** Something moved: a piece of work, of a file, of an exchange.  calls local, from any thread, some nanoseconds */
void fz_progress_tick(void);
/** What the process does from now on; a tick. */
void fz_progress_at(fz_activity activity);
/** Between the two the main thread waits for others (ranks; who reads what it prints); may be nested.
 *  Resuming is a tick. */
void fz_progress_wait(void);
void fz_progress_resume(void);
/** As it is now.  Not waiting implies that the tick of the last wait's end is seen. */
fz_progress fz_progress_now(void);
fz_progress fz_progress_look(fz_progress_place *place);
/** "scoring images" */
const char *fz_activity_name(fz_activity activity);

/* Around a call that waits for other ranks. */
#define FZ_WAIT(call)     \
  do {                    \
    fz_progress_wait();   \
    call;                 \
    fz_progress_resume(); \
  } while (0)

#endif
