#include "io/cli/memory_plan.h"

#include <string.h>

#include "core/log.h"
#include "io/memory_limit.h"

/* What PETSc, HDF5, FFTW, MPI and the threads take once they are at work, over what starting the program took, with
 * the gaps that small blocks leave; and for every other rank on the node the buffers of its messages. */
static const int64_t LIBRARIES = 20 << 20, PER_PEER = 1 << 19;
static const int64_t PER_THREAD = 1 << 18;
/* Pixels that a rank keeps; other images are read again. */
static const int64_t IMAGE_CACHE = (int64_t)256 << 20;
/* Code that all ranks of a node read from the same pages. */
static const double SHARED = 0.7;

int64_t fz_memory_plan_images(const fz_particles *table) {
  int64_t all = table->n * table->optics[0].box * (int64_t)table->optics[0].box * (int64_t)sizeof(float);
  return all < IMAGE_CACHE ? all : IMAGE_CACHE;
}

fz_status fz_memory_plan_make(const fz_run_settings *settings, const fz_dataset *data, const fz_memory_job *job,
                              fz_memory_plan *out, fz_error *err) {
  *out = (fz_memory_plan){.ranks_per_node = job->ranks_per_node};
  fz_status st = fz_run_memory_peak(settings, data, job->ranks, &out->rank, err);
  if (st != FZ_OK) return st;
  int64_t *bytes = out->rank.bytes;
  bytes[FZ_MEMORY_LIBRARIES] =
      job->base_bytes + LIBRARIES + (job->ranks_per_node - 1) * PER_PEER + settings->threads * PER_THREAD;
  bytes[FZ_MEMORY_TABLE] = job->table_bytes;
  bytes[FZ_MEMORY_IMAGES] = job->image_bytes;
  out->rank_bytes = fz_run_memory_total(&out->rank);
  out->node_bytes =
      job->ranks_per_node * out->rank_bytes - (int64_t)((job->ranks_per_node - 1) * SHARED * (double)job->base_bytes);
  return FZ_OK;
}

static void describe_peak(const fz_run_memory *m, char *text, size_t n) {
  static const char *const when[] = {[FZ_RUN_CLIMB] = "the climb at shell %d",
                                     [FZ_RUN_COMPARE] = "the comparison of starts at shell %d",
                                     [FZ_RUN_REFINE] = "the refinement at shell %d",
                                     [FZ_RUN_POLISH] = "the local search of poses at shell %d"};
  if (m->phase == FZ_RUN_COMPLETE)
    snprintf(text, n, "the writing of results");
  else
    snprintf(text, n, when[m->phase], m->kmax);
}

void fz_memory_plan_print(const fz_memory_plan *plan, FILE *out) {
  char when[80];
  describe_peak(&plan->rank, when, sizeof when);
  fprintf(out, "memory of a rank at most, in %s:\n", when);
  for (int i = 0; i < FZ_MEMORY_PARTS; i++)
    if (plan->rank.bytes[i])
      fprintf(out, "  %-24s %9.1f MB\n", fz_memory_part_name(i), (double)plan->rank.bytes[i] * 1e-6);
  fprintf(out, "  %-24s %9.1f MB\n", "together", (double)plan->rank_bytes * 1e-6);
}

void fz_memory_plan_log(const fz_memory_plan *plan) {
  char text[700], when[80];
  size_t used = 0;
  for (int i = 0; i < FZ_MEMORY_PARTS; i++)
    if (plan->rank.bytes[i] > 100000)
      used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %.1f", used ? ", " : "", fz_memory_part_name(i),
                               (double)plan->rank.bytes[i] * 1e-6);
  describe_peak(&plan->rank, when, sizeof when);
  fz_log(FZ_LOG_DETAIL, "memory per rank in MB, in %s: %s", when, text);
}

static fz_status judge_node(const fz_memory_plan *plan, fz_error *err) {
  fz_io_memory_limit limit = fz_io_memory_limit_node();
  if (plan->node_bytes <= limit.bytes) return FZ_OK;
  return fz_fail(err, FZ_EINVAL,
                 "the run needs %.3f GB on a node (%d rank%s of %.3f GB), the job may take %.3f GB there (%.200s): ask "
                 "for more memory or put fewer ranks on a node, or lower --max-resolution, --classes or --threads",
                 (double)plan->node_bytes * 1e-9, plan->ranks_per_node, plan->ranks_per_node > 1 ? "s" : "",
                 (double)plan->rank_bytes * 1e-9, (double)limit.bytes * 1e-9, limit.name);
}

static fz_status judge_process(const fz_memory_plan *plan, fz_error *err) {
  fz_io_memory_limit limit = fz_io_memory_limit_process();
  int64_t more = plan->rank_bytes - plan->rank.bytes[FZ_MEMORY_LIBRARIES];
  if (more <= limit.bytes) return FZ_OK;
  return fz_fail(err, FZ_EINVAL,
                 "a rank needs %.3f GB more than it has now, and %s leaves %.3f GB: raise that limit, or lower "
                 "--max-resolution, --classes or --threads",
                 (double)more * 1e-9, limit.name, (double)limit.bytes * 1e-9);
}

fz_status fz_memory_plan_judge(fz_mpi *comm, const fz_memory_plan *plan, double max_memory_GB, fz_error *err) {
  double GB = (double)plan->rank_bytes * 1e-9;
  fz_status st = FZ_OK;
  if (max_memory_GB > 0 && GB > max_memory_GB)
    st = fz_fail(err, FZ_EINVAL,
                 "the run needs %.3f GB per rank, --max-memory allows %.3f: lower --max-resolution, --classes or "
                 "--threads",
                 GB, max_memory_GB);
  if (st == FZ_OK) st = judge_node(plan, err);
  if (st == FZ_OK) st = judge_process(plan, err);
  st = fz_mpi_agree(comm, st, err);
  if (st != FZ_OK) return st;
  double node = fz_mpi_report_max(comm, (double)plan->node_bytes);
  double free_bytes = -fz_mpi_report_max(comm, -(double)fz_io_memory_available("/proc/meminfo"));
  if (node > free_bytes)
    fz_log(FZ_LOG_WARN, "the run needs up to %.3f GB on a node; a node has only %.3f GB free", node * 1e-9,
           free_bytes * 1e-9);
  return FZ_OK;
}
