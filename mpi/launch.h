/* Did the launcher and the MPI library find each other?  When they do not speak the same protocol (a wrong srun --mpi
 * type, the mpirun of another MPI library), every process thinks that it is alone, and N equal one-rank jobs work on
 * the same files. */
#ifndef FZ_MPI_LAUNCH_H
#define FZ_MPI_LAUNCH_H
#include "core/status.h"

/** Before MPI starts: refuse a Slurm step of several tasks that this MPI library cannot join, and let a step of one
 *  task, or a shell under srun --pty, start alone (Open MPI would not: SLURM_STEP_ID is taken from the environment).
 *  A batch script itself is no step and passes, whatever SLURM_NTASKS says.
 *  calls   local, once, first thing in main
 *  fails   FZ_EINVAL with what to do */
fz_status fz_mpi_launch_prepare(fz_error *err);

/** After MPI has started with `size` ranks: refuse to be one rank alone where the launcher started several.
 *  calls   local, after fz_mpi_launch_prepare
 *  fails   FZ_EINVAL with what to do; then all processes of the launcher are alone, and each gets it */
fz_status fz_mpi_launch_verify(int size, fz_error *err);

/** Warn of one rank alone in the batch script of a Slurm job of several tasks: srun was forgotten, more likely than
 * not. For commands that gain by ranks; the others are meant to be used so. local */
void fz_mpi_launch_warn_alone(int size);

#endif
