/* The machine under the measurement: what it is, how fast its matrix product is, what time it is. */
#ifndef FZ_BENCH_MACHINE_H
#define FZ_BENCH_MACHINE_H
#include "io/json.h"

typedef struct fz_bench_machine {
  char processor[128];
  const char *instruction_set;
  int cores;
} fz_bench_machine;

fz_bench_machine fz_bench_machine_look(void);
/** Fields processor, instruction_set, cores, program, compiler. */
void fz_bench_machine_describe(const fz_bench_machine *machine, fz_io_json *json);

/** Gflop/s of one thread in single-precision products of square matrices, the best of `repeats`.  0: no memory */
double fz_bench_sgemm_peak(int repeats);

/** Seconds of this thread's processor time: what else runs on the machine hardly disturbs them. */
double fz_bench_thread_seconds(void);
/** Seconds of processor time of all threads. */
double fz_bench_process_seconds(void);
/** Seconds on the clock on the wall. */
double fz_bench_wall_seconds(void);

#endif
