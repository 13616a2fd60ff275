/* The commands of `frazil`.  Each lives in its own cmd_NAME.c and offers one entry point. */
#ifndef FZ_CLI_COMMAND_H
#define FZ_CLI_COMMAND_H
#include "core/status.h"
#include "mpi/comm.h"

/** Run one command: parse argv (argv[0] is the command's name), do the work, report on stdout.
 *  calls   collective over `comm` (commands that need no ranks work on rank 0 and agree on the result)
 *  fails   with a status that is the same on all ranks and one complete message in err; main prints it once */
typedef fz_status (*fz_command_main)(fz_mpi *comm, int argc, char **argv, fz_error *err);

fz_status fz_cmd_check(fz_mpi *comm, int argc, char **argv, fz_error *err);
fz_status fz_cmd_simulate(fz_mpi *comm, int argc, char **argv, fz_error *err);
fz_status fz_cmd_reconstruct(fz_mpi *comm, int argc, char **argv, fz_error *err);
fz_status fz_cmd_backproject(fz_mpi *comm, int argc, char **argv, fz_error *err);
fz_status fz_cmd_project(fz_mpi *comm, int argc, char **argv, fz_error *err);
fz_status fz_cmd_fsc(fz_mpi *comm, int argc, char **argv, fz_error *err);
fz_status fz_cmd_align(fz_mpi *comm, int argc, char **argv, fz_error *err);
fz_status fz_cmd_poses(fz_mpi *comm, int argc, char **argv, fz_error *err);
fz_status fz_cmd_info(fz_mpi *comm, int argc, char **argv, fz_error *err);

#endif
