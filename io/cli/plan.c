#include "io/cli/plan.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/cli/memory_plan.h"
#include "io/cli/plan_sample.h"
#include "io/cli/plan_time.h"
#include "io/disk_rate.h"
#include "io/images.h"
#include "io/memory_limit.h"
#include "mpi/memory.h"

static const int64_t TRIED = 64 << 20;                   /* bytes written to try the disk */
static const double MEMORY_ROOM = 1.15, TIME_ROOM = 1.5; /* asked for over what is expected */
static const double START_SECONDS = 300;                 /* of a job, before and after the run */

typedef struct plan {
  fz_reconstruction s;
  fz_plan_layout layout;
  fz_run_settings settings;
  fz_plan_sample sample;
  fz_memory_plan memory;
  int64_t table_bytes, checkpoint, results;
  fz_plan_rehearsal rehearsal;
  fz_plan_time time;
} plan;

static int cores_here(void) {
  return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static fz_status lay_out(const fz_reconstruction_request *r, const fz_plan_request *q, fz_plan_layout *l,
                         fz_error *err) {
  int64_t ranks = q->ranks, per_node = q->ranks_per_node, nodes = q->nodes;
  if (!ranks) ranks = (nodes ? nodes : 1) * (per_node ? per_node : 1);
  if (!per_node) per_node = nodes ? (ranks + nodes - 1) / nodes : ranks;
  int64_t needed = (ranks + per_node - 1) / per_node;
  if (nodes && nodes != needed)
    return fz_fail(err, FZ_EINVAL, "%lld ranks, %lld on a node, are %lld nodes, not %lld: leave one of the three out",
                   (long long)ranks, (long long)per_node, (long long)needed, (long long)nodes);
  if (per_node > ranks)
    return fz_fail(err, FZ_EINVAL, "--ranks-per-node %lld of --ranks %lld", (long long)per_node, (long long)ranks);
  int threads = r->threads > 0 ? (int)r->threads : 1;
  *l = (fz_plan_layout){.ranks = (int)ranks,
                        .ranks_per_node = (int)per_node,
                        .nodes = (int)needed,
                        .threads = threads,
                        .cores_per_node = q->cores_per_node ? (int)q->cores_per_node : (int)per_node * threads,
                        .network_bytes = q->network_GBs * 1e9};
  return FZ_OK;
}

/* ---- reading ---- */

static fz_status open_table(plan *p, fz_error *err) {
  fz_reconstruction *s = &p->s;
  fz_status st = fz_reconstruction_open_particles(s, err);
  if (st != FZ_OK) return st;
  const fz_particles *table = fz_io_particles_table(s->particles);
  double radius;
  st = fz_reconstruction_mask(s, &radius, err);
  if (st != FZ_OK) return st;
  s->data = (fz_dataset){.table = table,
                         .images = s->images,
                         .box = s->images.box,
                         .n_groups = table->n_optics,
                         .n_shells = s->images.box / 2 + 1,
                         .pixel_A = table->optics[0].pixel_A,
                         .mask_radius_px = radius};
  st = fz_dataset_cut(&s->data, NULL, FZ_TILE_SIZE, (uint64_t)s->r->seed, err);
  p->table_bytes = (int64_t)fz_memory_bytes() - fz_io_images_count(&s->images).bytes;
  return st;
}

static fz_status look_at_images(plan *p, const fz_plan_request *q, fz_error *err) {
  fz_reconstruction *s = &p->s;
  fz_status st = fz_plan_sample_take(s->comm, s->data.table, &s->images, q->sample, s->data.mask_radius_px,
                                     FZ_TILE_SIZE, (uint64_t)s->r->seed, &p->sample, err);
  if (st == FZ_OK) st = fz_plan_sample_teach(&p->sample, &s->data, err);
  if (st == FZ_OK) st = fz_reconstruction_open_start_map(s, err);
  return st == FZ_OK ? fz_reconstruction_settings(s, &p->settings, err) : st;
}

/* ---- working out ---- */

static fz_status plan_memory(plan *p, fz_error *err) {
  const fz_memory_job job = {
      .ranks = p->layout.ranks,
      .ranks_per_node = p->layout.ranks_per_node,
      .base_bytes = p->s.base_bytes,
      .table_bytes = p->table_bytes + (p->s.initial ? 12 : 0) * (int64_t)p->s.data.box * p->s.data.box * p->s.data.box,
      .image_bytes = fz_memory_plan_images(p->s.data.table)};
  const fz_dataset *data = &p->s.data;
  int64_t n3 = (int64_t)data->box * data->box * data->box, maps = p->settings.n_classes > 1 ? p->settings.n_classes : 0;
  fz_status st = fz_memory_plan_make(&p->settings, data, &job, &p->memory, err);
  if (st == FZ_OK) st = fz_run_checkpoint_bytes(&p->settings, data, p->layout.ranks, &p->checkpoint, err);
  p->results = 3 * 4 * n3 * (maps + 1) + 400 * data->table->n + (1 << 20);
  return st;
}

static fz_status rehearse(plan *p, double seconds, fz_error *err) {
  int64_t most = fz_io_memory_available("/proc/meminfo"), allowed = fz_io_memory_limit_node().bytes;
  fz_run_settings settings = p->settings;
  int64_t tiles = p->sample.data.n_tiles / 2;
  int cores = cores_here(), threads = settings.threads < cores ? settings.threads : cores;
  settings.threads = threads < tiles ? threads : tiles > 1 ? (int)tiles : 1;
  omp_set_num_threads(settings.threads);
  if (settings.optimizer.batch_images > p->sample.data.n) settings.optimizer.batch_images = p->sample.data.n;
  fz_status st = fz_plan_rehearse(p->s.comm, &p->sample.data, &settings, seconds, (most < allowed ? most : allowed) / 2,
                                  &p->rehearsal, err);
  p->rehearsal.scan_image =
      p->sample.scan_seconds * settings.threads / (double)(p->sample.data.n > 0 ? p->sample.data.n : 1);
  return st;
}

/* ---- telling ---- */

static void print_span(const char *what, double seconds) {
  if (seconds < 120)
    printf("%s%.3g s\n", what, seconds);
  else if (seconds < 7200)
    printf("%s%.0f min\n", what, seconds / 60);
  else
    printf("%s%.1f h\n", what, seconds / 3600);
}

static void name_place(const fz_run_place *place, char *text, size_t n) {
  static const char *const name[] = {[FZ_RUN_CLIMB] = "climb",
                                     [FZ_RUN_COMPARE] = "comparison",
                                     [FZ_RUN_REFINE] = "refinement",
                                     [FZ_RUN_POLISH] = "local search"};
  snprintf(text, n, "%s, shell %d", name[place->phase], place->kmax);
}

static void print_job(const plan *p) {
  const fz_dataset *data = &p->s.data;
  const fz_plan_layout *l = &p->layout;
  printf("%lld particles of %d px at %.4g A; %d rank%s x %d thread%s on %d node%s of %d core%s\n", (long long)data->n,
         data->box, data->pixel_A, l->ranks, l->ranks > 1 ? "s" : "", l->threads, l->threads > 1 ? "s" : "", l->nodes,
         l->nodes > 1 ? "s" : "", l->cores_per_node, l->cores_per_node > 1 ? "s" : "");
  const fz_schedule *schedule = &p->settings.schedule;
  double box_A = data->box * data->pixel_A;
  printf("band limit %.1f A (shell %d); half-maps may agree to %.1f A (shell %d), as %lld of the images suggest\n",
         box_A / schedule->kmax_limit, schedule->kmax_limit, box_A / fmax(1, schedule->kmax_foreseen),
         schedule->kmax_foreseen, (long long)p->sample.data.n);
}

static void print_memory(const plan *p) {
  printf("\n");
  fz_memory_plan_print(&p->memory, stdout);
  printf("memory per rank: %.3f GB\nmemory per node: %.3f GB\n", (double)p->memory.rank_bytes * 1e-9,
         (double)p->memory.node_bytes * 1e-9);
}

static fz_status print_disk(const plan *p, bool tried, fz_error *err) {
  double rate;
  int64_t left;
  printf("\ncheckpoint: %.1f MB\n", (double)p->checkpoint * 1e-6);
  printf("disk: %.1f MB (two checkpoints, another being written, results)\n",
         (double)(3 * p->checkpoint + p->results) * 1e-6);
  if (!tried) return FZ_OK;
  const char *folder = p->s.r->output ? p->s.r->output : ".";
  fz_status st = fz_io_disk_rate(folder, TRIED, &rate, &left, err);
  if (st != FZ_OK) return st;
  print_span("checkpoint time: ", (double)p->checkpoint / rate);
  printf("  at %.0f MB/s, as %d MB written to the file system of %s just now went\n", rate * 1e-6, (int)(TRIED >> 20),
         folder);
  if (left < 3 * p->checkpoint + p->results) printf("  WARNING: only %.1f MB are free there\n", (double)left * 1e-6);
  return FZ_OK;
}

static void print_time(const plan *p) {
  printf("\n%-26s %8s %14s %12s %16s\n", "place", "passes", "s per pass", "images' part", "MB per pass");
  for (int i = 0; i < p->time.n; i++) {
    const fz_plan_place *at = &p->time.place[i];
    char name[64];
    name_place(&at->place, name, sizeof name);
    printf("%-26s %8.3g %14.3f %11.0f%% %16.1f%s\n", name, at->passes, at->seconds, 100 * at->share,
           p->layout.ranks > 1 ? (double)at->bytes * 1e-6 : 0, at->measured ? "" : "  extrapolated");
  }
  print_span("opening scan: ", p->time.scan);
  print_span("time of the run: ", p->time.run);
  printf("measured here in %.0f s: %d thread%s, %lld of the images, a map as it might be at each place.\n",
         p->rehearsal.seconds, p->rehearsal.threads, p->rehearsal.threads > 1 ? "s" : "", (long long)p->sample.data.n);
  if (p->layout.threads > p->rehearsal.threads || p->layout.ranks > 1)
    printf("Taken for granted, not measured: other cores are as fast as the one here, also when all are busy.\n");
  if (p->layout.nodes > 1)
    printf("Taken for granted, not measured: nodes like this machine, a network of %.3g GB/s (--network).\n",
           p->layout.network_bytes * 1e-9);
  printf("The half-maps decide how far the run goes, and whether it takes more starts.\n");
}

static void print_slurm(const plan *p, bool timed) {
  const fz_plan_layout *l = &p->layout;
  int64_t mega = (int64_t)ceil(MEMORY_ROOM * (double)p->memory.node_bytes / (1 << 20) / 100) * 100;
  printf("\n#SBATCH --job-name=frazil\n#SBATCH --nodes=%d\n#SBATCH --ntasks-per-node=%d\n#SBATCH --cpus-per-task=%d\n",
         l->nodes, l->ranks_per_node, l->threads);
  if (l->ranks % l->ranks_per_node) printf("#SBATCH --ntasks=%d\n", l->ranks);
  printf("#SBATCH --mem=%lldM\n", (long long)mega);
  if (timed) {
    int64_t minutes = (int64_t)ceil((TIME_ROOM * p->time.run + START_SECONDS) / 300) * 5;
    printf("#SBATCH --time=%02lld:%02lld:00\n", (long long)minutes / 60, (long long)minutes % 60);
  }
  printf("#SBATCH --signal=B:USR1@120\n#SBATCH --requeue\n#SBATCH --open-mode=append\n#SBATCH --output=%%x-%%j.log\n");
}

static void clear(plan *p) {
  fz_plan_sample_clear(&p->sample);
  fz_dataset_clear(&p->s.data);
  fz_io_images_close(&p->s.images);
  fz_io_particles_destroy(&p->s.particles);
  fz_map_clear(&p->s.start_map);
  fz_free(&p->s.initial);
}

fz_status fz_plan_run(fz_mpi *comm, const fz_reconstruction_request *r, const fz_plan_request *q, fz_error *err) {
  plan p = {.s = {.comm = comm, .r = r, .base_bytes = fz_mpi_memory_peak_bytes()}};
  if (fz_mpi_size(comm) > 1)
    return fz_fail(err, FZ_EINVAL, "plan works alone: start it without mpirun or srun, and give it --ranks");
  fz_status st = lay_out(r, q, &p.layout, err);
  if (st != FZ_OK) return st;
  p.s.threads = p.layout.threads;
  bool timed = q->calibrate > 0;
  int cores = cores_here();
  omp_set_num_threads(p.layout.threads < cores ? p.layout.threads : cores);
  FZ_TRY(open_table(&p, err));
  FZ_TRY(look_at_images(&p, q, err));
  FZ_TRY(plan_memory(&p, err));
  print_job(&p);
  print_memory(&p);
  FZ_TRY(print_disk(&p, timed, err));
  if (timed) {
    fflush(stdout);
    FZ_TRY(rehearse(&p, q->calibrate, err));
    fz_plan_time_make(&p.settings, &p.s.data, &p.rehearsal, &p.layout, &p.time);
    print_time(&p);
  }
  print_slurm(&p, timed);
  if (r->max_memory_GB > 0 && (double)p.memory.rank_bytes > r->max_memory_GB * 1e9)
    st = fz_fail(err, FZ_EINVAL, "a rank needs %.3f GB, --max-memory allows %.3f", (double)p.memory.rank_bytes * 1e-9,
                 r->max_memory_GB);
done:
  clear(&p);
  return st;
}
