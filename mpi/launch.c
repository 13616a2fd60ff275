#include "mpi/launch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <mpi.h>

#include "core/log.h"

#ifdef OPEN_MPI
#define MPI_TYPE "Open MPI takes pmix"
#else
#define MPI_TYPE "MPICH and its kin take pmi2 or pmix"
#endif

/* What the innermost launcher said of itself; tasks is 0 where there is none. */
typedef struct launcher {
  const char *name;
  int64_t tasks;
} launcher;

static int64_t number(const char *variable) {
  const char *text = getenv(variable);
  return text ? strtoll(text, NULL, 10) : 0;
}

static bool is_set(const char *variable) {
  return getenv(variable) != NULL;
}

/* Slurm gives steps an id; a batch script has none, and runs on one node with the job's SLURM_NTASKS. */
static bool in_slurm_step(void) {
  return is_set("SLURM_STEP_ID");
}

/* Typed into a shell that srun --pty holds: of its tasks only the first has the terminal, and none is meant here. */
static bool in_terminal_of_step(void) {
  return is_set("SLURM_PTY_PORT") && number("SLURM_TASK_PID") != getpid();
}

/* mpirun inside a step starts its helpers as that step's tasks: what it says itself counts. */
static launcher find_launcher(void) {
  if (is_set("OMPI_COMM_WORLD_SIZE")) return (launcher){"Open MPI's mpirun", number("OMPI_COMM_WORLD_SIZE")};
  if (is_set("PMI_SIZE")) return (launcher){"a launcher of the PMI kind", number("PMI_SIZE")};
  if (in_slurm_step() && !in_terminal_of_step()) return (launcher){"srun", number("SLURM_STEP_NUM_TASKS")};
  return (launcher){0};
}

static fz_status refuse(const launcher *by, fz_error *err) {
  return fz_fail(err, FZ_EINVAL,
                 "%s started %lld processes, but the MPI library cannot connect them: each would be a job of its own. "
                 "Under srun give --mpi=TYPE (%s; 'srun --mpi=list' shows what Slurm has), otherwise the mpirun of "
                 "the library that 'frazil --version' names. For one process alone: srun -n 1; in a script that only "
                 "inherited the variables of a step: unset SLURM_STEP_ID",
                 by->name, (long long)by->tasks, MPI_TYPE);
}

/* As it was before MPI: starting alone it sets some of these variables itself. */
static launcher at_start;

fz_status fz_mpi_launch_prepare(fz_error *err) {
  at_start = find_launcher();
#if defined(OPEN_MPI) && OMPI_MAJOR_VERSION >= 4
  /* It ends itself, with two screens of text, in a step without PMI; other libraries may have ways of their own. */
  bool connected = is_set("PMIX_RANK") || is_set("PMI_RANK") || is_set("PMI_FD") || is_set("OMPI_COMM_WORLD_SIZE");
  if (!in_slurm_step() || (connected && !in_terminal_of_step())) return FZ_OK;
  if (at_start.tasks > 1) return refuse(&at_start, err);
  unsetenv("SLURM_STEP_ID");
#else
  (void)err;
#endif
  return FZ_OK;
}

fz_status fz_mpi_launch_verify(int size, fz_error *err) {
  return size == 1 && at_start.tasks > 1 ? refuse(&at_start, err) : FZ_OK;
}

void fz_mpi_launch_warn_alone(int size) {
  bool in_batch_script = is_set("SLURM_JOB_ID") && !in_slurm_step() && at_start.tasks == 0;
  if (size == 1 && in_batch_script && number("SLURM_NTASKS") > 1)
    fz_log(FZ_LOG_WARN, "one rank, in a Slurm job of %lld tasks: put srun or mpirun in front to use them all",
           (long long)number("SLURM_NTASKS"));
}
