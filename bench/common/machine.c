#include "common/machine.h"

#include <cblas.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/instruction_set.h"
#include "core/memory.h"
#include "core/version.h"

static void read_processor(char *name, size_t size) {
  FILE *file = fopen("/proc/cpuinfo", "r");
  char line[256];
  snprintf(name, size, "unknown");
  while (file && fgets(line, sizeof line, file)) {
    char *colon = strchr(line, ':');
    if (strncmp(line, "model name", 10) || !colon) continue;
    snprintf(name, size, "%s", colon + 2);
    name[strcspn(name, "\n")] = '\0';
    break;
  }
  if (file) fclose(file);
}

fz_bench_machine fz_bench_machine_look(void) {
  fz_bench_machine m = {.instruction_set = fz_instruction_set(), .cores = (int)sysconf(_SC_NPROCESSORS_ONLN)};
  read_processor(m.processor, sizeof m.processor);
  return m;
}

void fz_bench_machine_describe(const fz_bench_machine *m, fz_io_json *json) {
  char program[96];
  snprintf(program, sizeof program, "frazil %s (%s)", fz_version(), fz_git_revision());
  fz_io_json_text(json, "processor", m->processor);
  fz_io_json_text(json, "instruction_set", m->instruction_set);
  fz_io_json_i64(json, "cores", m->cores);
  fz_io_json_text(json, "program", program);
  fz_io_json_text(json, "compiler", fz_compiler());
}

double fz_bench_sgemm_peak(int repeats) {
  enum { EDGE = 1536 };
  ptrdiff_t size = (ptrdiff_t)EDGE * EDGE;
  float *a = fz_alloc(3 * size, sizeof *a), *b = a + size, *c = b + size;
  double best = 0, flops = 2.0 * EDGE * EDGE * EDGE;
  if (!a) return 0;
  for (ptrdiff_t i = 0; i < 2 * size; i++) a[i] = (float)(i % 17) - 8;
  for (int r = 0; r < repeats; r++) {
    double began = fz_bench_thread_seconds();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, EDGE, EDGE, EDGE, 1, a, EDGE, b, EDGE, 0, c, EDGE);
    double rate = flops / (fz_bench_thread_seconds() - began);
    best = rate > best ? rate : best;
  }
  fz_free(&a);
  return best * 1e-9;
}

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double fz_bench_thread_seconds(void) {
  return seconds(CLOCK_THREAD_CPUTIME_ID);
}

double fz_bench_process_seconds(void) {
  return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

double fz_bench_wall_seconds(void) {
  return seconds(CLOCK_MONOTONIC);
}
