#include "io/stop.h"

#include <signal.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/memory.h"
#include "io/run_dir.h"

static const int signals[] = {SIGTERM, SIGINT, SIGUSR1};
static const char *const signal_names[] = {"SIGTERM", "SIGINT", "SIGUSR1"};
enum { N_SIGNALS = 3 };
static const double SECONDS_BETWEEN_LOOKS = 0.5;

/* A handler has nothing else to write to. */
static volatile sig_atomic_t caught;

struct fz_io_stop {
  char file[FZ_PATH_MAX]; /* "" on ranks that do not look */
  double started, looked, max_seconds;
  bool keeps_clock;
  const char *reason; /* "" until a request is heard */
  struct sigaction before[N_SIGNALS];
};

static void remember(int number) {
  caught = number;
}

fz_status fz_io_stop_create(const fz_mpi *comm, const char *run_dir, double max_seconds, fz_io_stop **out,
                            fz_error *err) {
  *out = NULL;
  fz_io_stop *stop = fz_alloc(1, sizeof *stop);
  if (!stop) return fz_fail(err, FZ_ENOMEM, "no memory to listen for stop requests");
  stop->keeps_clock = fz_mpi_rank(comm) == 0;
  stop->max_seconds = max_seconds;
  stop->started = fz_clock_seconds();
  stop->looked = stop->started - SECONDS_BETWEEN_LOOKS;
  stop->reason = "";
  if (run_dir && stop->keeps_clock) {
    fz_status st = fz_io_path_join(stop->file, run_dir, "STOP", err);
    if (st != FZ_OK) {
      fz_free(&stop);
      return st;
    }
  }
  caught = 0;
  struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < N_SIGNALS; i++) sigaction(signals[i], &action, &stop->before[i]);
  *out = stop;
  return FZ_OK;
}

void fz_io_stop_destroy(fz_io_stop **stop) {
  if (!*stop) return;
  for (int i = 0; i < N_SIGNALS; i++) {
    /* A late request must not kill a program that is just leaving in good order. */
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    bool late = (*stop)->before[i].sa_handler == SIG_DFL;
    sigaction(signals[i], late ? &ignore : &(*stop)->before[i], NULL);
  }
  fz_free(stop);
}

static bool file_is_there(fz_io_stop *stop, double t) {
  if (!stop->file[0] || t - stop->looked < SECONDS_BETWEEN_LOOKS) return false;
  stop->looked = t;
  return unlink(stop->file) == 0;
}

bool fz_io_stop_requested(fz_io_stop *stop) {
  if (stop->reason[0]) return true;
  for (int i = 0; i < N_SIGNALS; i++)
    if (caught == signals[i]) stop->reason = signal_names[i];
  double t = fz_clock_seconds();
  if (stop->keeps_clock && stop->max_seconds > 0 && t - stop->started >= stop->max_seconds)
    stop->reason = "the time limit";
  if (file_is_there(stop, t)) stop->reason = "the file STOP";
  return stop->reason[0] != '\0';
}

const char *fz_io_stop_reason(const fz_io_stop *stop) {
  return stop->reason;
}

double fz_io_stop_seconds(const fz_io_stop *stop) {
  return fz_clock_seconds() - stop->started;
}
