/* How much memory this job may take, as far as the system tells: control groups, Slurm's variables, the shell's limits,
 * what is free.
 *  units   bytes of a node, but for the process limit, which is of one process
 *  calls   all local */
#ifndef FZ_IO_MEMORY_LIMIT_H
#define FZ_IO_MEMORY_LIMIT_H
#include <stdint.h>

enum { FZ_IO_LIMIT_NAME = 400 };

typedef struct fz_io_memory_limit {
  int64_t bytes;               /* INT64_MAX: none */
  char name[FZ_IO_LIMIT_NAME]; /* who sets it: "control group /x/memory.max", "SLURM_MEM_PER_NODE" */
} fz_io_memory_limit;

/** The lowest limit on the way from this process's control groups to the root, version 1 and 2.
 *  membership: /proc/self/cgroup; root: /sys/fs/cgroup */
fz_io_memory_limit fz_io_memory_limit_cgroup(const char *membership, const char *root);
/** What Slurm says it gave the job on this node: SLURM_MEM_PER_NODE, or SLURM_MEM_PER_CPU x SLURM_CPUS_ON_NODE. */
fz_io_memory_limit fz_io_memory_limit_slurm(void);
/** The lower of the two for this process as it is. */
fz_io_memory_limit fz_io_memory_limit_node(void);

/** How much larger this process may grow (ulimit -v) in address space, over what it has now. */
fz_io_memory_limit fz_io_memory_limit_process(void);

/** MemAvailable of a file like /proc/meminfo; INT64_MAX when it does not tell. */
int64_t fz_io_memory_available(const char *meminfo);

#endif
