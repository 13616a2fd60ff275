/* frazil plan: what a reconstruction will need, before it is submitted. */
#include <stddef.h>

#include "io/cli/command.h"
#include "io/cli/options.h"
#include "io/cli/plan.h"
#include "io/cli/reconstruct_command.h"

static const fz_command page = {
    .name = "plan",
    .summary = "memory, disk, traffic and time for a job, before it is submitted",
    .description =
        "Tells what 'frazil reconstruct' with the same options will need on so many ranks, threads and nodes: memory "
        "of "
        "a rank and of a node, disk, the size of a checkpoint and the time to write it, the bytes summed over ranks, "
        "the time of a pass at each band limit and of the whole run, and the lines for Slurm.\n\n"
        "It runs on one core or a few, without mpirun, and reads the headers and a few images. Memory is worked out as "
        "reconstruct does when it starts. Times come from a rehearsal on this machine: the real steps on a few "
        "images, at every band limit that the time given by --calibrate allows; other band limits are extrapolated, "
        "and marked so. Other nodes and the network cannot be measured from here: run it on a node of the kind that "
        "will do the work. doc/plan.md compares plans with runs.",
    .examples =
        "  frazil plan --particles particles.star --ranks 4 --threads 2\n"
        "  frazil plan --particles particles.star --output /scratch/run1 --ranks 64 --ranks-per-node 16 --threads 4\n"
        "  frazil plan --particles particles.star --max-resolution 8 --classes 3 --calibrate 0\n",
};

static fz_status run(fz_mpi *comm, const fz_reconstruction_request *r, const fz_option *table, void *context,
                     fz_error *err) {
  (void)table;
  return fz_plan_run(comm, r, context, err);
}

fz_status fz_cmd_plan(fz_mpi *comm, int argc, char **argv, fz_error *err) {
  fz_plan_request q = {0};
  const fz_option own[] = {{.name = "ranks",
                            .type = FZ_OPTION_INT,
                            .target = &q.ranks,
                            .minimum = 0,
                            .maximum = 1e6,
                            .metavar = "N",
                            .help = "MPI ranks of the job; 0: from --nodes and --ranks-per-node, else 1",
                            .group = "The job planned for"},
                           {.name = "ranks-per-node",
                            .type = FZ_OPTION_INT,
                            .target = &q.ranks_per_node,
                            .minimum = 0,
                            .maximum = 1e4,
                            .metavar = "N",
                            .help = "ranks on a node; 0: all, or as --nodes says"},
                           {.name = "nodes",
                            .type = FZ_OPTION_INT,
                            .target = &q.nodes,
                            .minimum = 0,
                            .maximum = 1e5,
                            .metavar = "N",
                            .help = "nodes; 0: as many as the ranks fill"},
                           {.name = "cores-per-node",
                            .type = FZ_OPTION_INT,
                            .target = &q.cores_per_node,
                            .minimum = 0,
                            .maximum = 1e4,
                            .metavar = "N",
                            .help = "cores that the ranks of a node share; 0: one for each thread"},
                           {.name = "network",
                            .type = FZ_OPTION_REAL,
                            .target = &q.network_GBs,
                            .default_text = "5",
                            .minimum = 0.001,
                            .maximum = 1e4,
                            .metavar = "GB/S",
                            .help = "what a node sends to others per second; it is not measured"},
                           {.name = "calibrate",
                            .type = FZ_OPTION_REAL,
                            .target = &q.calibrate,
                            .default_text = "20",
                            .minimum = 0,
                            .maximum = 1e5,
                            .metavar = "SECONDS",
                            .help = "time for the rehearsal, about; 0: none, then no times are told"},
                           {.name = "sample",
                            .type = FZ_OPTION_INT,
                            .target = &q.sample,
                            .default_text = "512",
                            .minimum = 0,
                            .maximum = 1e12,
                            .metavar = "N",
                            .help = "images looked at; 0: all of them"},
                           {.name = NULL}};
  return fz_reconstruct_command(comm, &page, own, run, &q, argc, argv, err);
}
