/* frazil poses: how well two particle files agree about the poses. */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/cli/command.h"
#include "io/cli/options.h"
#include "io/particles.h"
#include "metrics/pose_error.h"
#include "metrics/pose_match.h"

static const fz_command page = {
    .name = "poses",
    .summary = "compare the poses of two particle files",
    .description =
        "Compares the orientations and shifts in ESTIMATE with those in TRUTH (STAR or cryoSPARC .cs). Particles are "
        "matched by image: slice number and file name of the stack, so that folders may differ.\n\n"
        "A reconstruction may lie anywhere in its box and have either hand. Therefore the angles between the poses are "
        "printed as they are, after removing the best common rotation, and after doing so for the mirrored poses; "
        "the smaller median decides the hand. With --symmetry the poses that look alike count as equal. Shift errors "
        "are printed after removing the best common translation of the map.",
    .examples =
        "  frazil poses run1/particles.star truth.star\n"
        "  frazil poses run1/particles.star truth.star --symmetry C3\n",
    .operands = "ESTIMATE TRUTH",
    .min_operands = 2,
    .max_operands = 2,
};

typedef struct pose_pair {
  ptrdiff_t n;
  fz_rotation *estimate, *truth;
  double (*difference)[2]; /* of the origins, Angstrom */
  int *subset;
  double *error, *mirrored, *scratch;
  bool has_subsets;
} pose_pair;

static void pair_clear(pose_pair *p) {
  fz_free(&p->estimate);
  fz_free(&p->truth);
  fz_free(&p->difference);
  fz_free(&p->subset);
  fz_free(&p->error);
  fz_free(&p->mirrored);
  fz_free(&p->scratch);
}

static fz_status pair_alloc(ptrdiff_t n, pose_pair *p, fz_error *err) {
  p->estimate = fz_alloc(n, sizeof *p->estimate);
  p->truth = fz_alloc(n, sizeof *p->truth);
  p->difference = fz_alloc(n, sizeof *p->difference);
  p->subset = fz_alloc(n, sizeof *p->subset);
  p->error = fz_alloc(n, sizeof *p->error);
  p->mirrored = fz_alloc(n, sizeof *p->mirrored);
  p->scratch = fz_alloc(n, sizeof *p->scratch);
  if (p->estimate && p->truth && p->difference && p->subset && p->error && p->mirrored && p->scratch) return FZ_OK;
  return fz_fail(err, FZ_ENOMEM, "no memory to compare %td poses", n);
}

static fz_rotation pose_of(const fz_particle *p) {
  return fz_rotation_from_euler(p->rot_deg, p->tilt_deg, p->psi_deg);
}

/* The matched particles only. */
static void pair_fill(const fz_particles *a, const fz_particles *b, const int64_t *row, pose_pair *p) {
  for (int64_t i = 0; i < a->n; i++) {
    if (row[i] < 0) continue;
    const fz_particle *e = &a->particle[i], *t = &b->particle[row[i]];
    p->estimate[p->n] = pose_of(e);
    p->truth[p->n] = pose_of(t);
    p->difference[p->n][0] = e->origin_x_A - t->origin_x_A;
    p->difference[p->n][1] = e->origin_y_A - t->origin_y_A;
    p->subset[p->n++] = e->subset;
    p->has_subsets = p->has_subsets || e->subset > 0;
  }
}

/* Prints and returns the median; `error` keeps its order. */
static double report(const char *what, ptrdiff_t n, const double *error, double *scratch) {
  memcpy(scratch, error, (size_t)n * sizeof *scratch);
  fz_error_summary s = fz_error_summarize(n, scratch);
  printf("%-26s mean %8.3f  median %8.3f  p90 %8.3f  p95 %8.3f deg  above 10: %.2f%%  above 30: %.2f%%\n", what, s.mean,
         s.median, s.p90, s.p95, 100 * s.above_10, 100 * s.above_30);
  return s.median;
}

/* Each half-set has a frame of its own. Reorders p: call it last. */
static fz_status report_halves(pose_pair *p, int fold, fz_error *err) {
  for (int half = 1; half <= 2; half++) {
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 0; i < p->n; i++) {
      if (p->subset[i] != half) continue;
      fz_rotation e = p->estimate[i], t = p->truth[i];
      p->estimate[i] = p->estimate[n];
      p->truth[i] = p->truth[n];
      p->subset[i] = p->subset[n];
      p->estimate[n] = e;
      p->truth[n] = t;
      p->subset[n++] = half;
    }
    if (n == 0) continue;
    fz_rotation global;
    fz_status st = fz_pose_fit(n, p->estimate, p->truth, fold, &global, p->error, err);
    if (st != FZ_OK) return st;
    report(half == 1 ? "half 1 alone" : "half 2 alone", n, p->error, p->scratch);
  }
  return FZ_OK;
}

static void report_shifts(pose_pair *p) {
  double translation[3], *rest = p->mirrored; /* no longer needed */
  fz_pose_shift_rest(p->n, p->estimate, (const double(*)[2])p->difference, p->error, translation, rest);
  fz_error_summary s = fz_error_summarize(p->n, rest);
  printf("removed translation: %.2f %.2f %.2f A\n", translation[0], translation[1], translation[2]);
  printf("shift error: mean %.3f  median %.3f  p90 %.3f  p95 %.3f A\n", s.mean, s.median, s.p90, s.p95);
}

static fz_status compare(pose_pair *p, int fold, fz_error *err) {
  fz_rotation global, other, one = fz_rotation_identity();
  double removed;
  fz_status st = FZ_OK;
  fz_pose_distance(p->n, p->estimate, p->truth, p->error);
  report("as they are", p->n, p->error, p->scratch);
  FZ_TRY(fz_pose_fit(p->n, p->estimate, p->truth, fold, &global, p->error, err));
  double same = report("global rotation removed", p->n, p->error, p->scratch);
  for (ptrdiff_t i = 0; i < p->n; i++) p->estimate[i] = fz_rotation_mirrored(&p->estimate[i]);
  FZ_TRY(fz_pose_fit(p->n, p->estimate, p->truth, fold, &other, p->mirrored, err));
  double mirrored = report("mirrored, rotation removed", p->n, p->mirrored, p->scratch);
  for (ptrdiff_t i = 0; i < p->n; i++) p->estimate[i] = fz_rotation_mirrored(&p->estimate[i]);
  fz_pose_distance(1, same <= mirrored ? &global : &other, &one, &removed);
  printf("hand: %s\nremoved rotation: %.3f deg\n", same <= mirrored ? "same" : "mirrored", removed);
  if (same > mirrored) return FZ_OK; /* shifts of a mirrored map follow another rule: align the map first */
  report_shifts(p);
  if (p->has_subsets) FZ_TRY(report_halves(p, fold, err));
done:
  return st;
}

static fz_status read_poses(const char *path, fz_io_particles **file, fz_error *err) {
  fz_status st = fz_io_particles_read(path, file, err);
  if (st != FZ_OK || fz_io_particles_have_poses(*file)) return st;
  return fz_fail(err, FZ_EINPUT, "%s: there are no poses in this file (rlnAngleRot, rlnAngleTilt, rlnAnglePsi)", path);
}

static fz_status run(const char *estimate, const char *truth, int fold, fz_error *err) {
  fz_io_particles *first = NULL, *second = NULL;
  int64_t *row = NULL;
  pose_pair p = {0};
  fz_status st = FZ_OK;
  FZ_TRY(read_poses(estimate, &first, err));
  FZ_TRY(read_poses(truth, &second, err));
  const fz_particles *a = fz_io_particles_table(first), *b = fz_io_particles_table(second);
  row = fz_alloc(a->n, sizeof *row);
  if (!row) {
    st = fz_fail(err, FZ_ENOMEM, "no memory to compare %lld poses", (long long)a->n);
    goto done;
  }
  FZ_TRY(pair_alloc(a->n, &p, err));
  FZ_TRY(fz_pose_match(a, b, row, err));
  pair_fill(a, b, row, &p);
  if (p.n == 0) {
    st = fz_fail(err, FZ_EINPUT, "%s and %s have no image in common (slice number and file name of the stack)",
                 estimate, truth);
    goto done;
  }
  printf("particles: %td", p.n);
  if (p.n < a->n) printf(" (%lld of %s are not in %s)", (long long)(a->n - p.n), estimate, truth);
  printf("\n");
  FZ_TRY(compare(&p, fold, err));
done:
  pair_clear(&p);
  fz_free(&row);
  fz_io_particles_destroy(&second);
  fz_io_particles_destroy(&first);
  return st;
}

static fz_status parse_symmetry(const char *text, int *fold, fz_error *err) {
  char rest;
  if (sscanf(text, "%*1[Cc]%d%c", fold, &rest) == 1 && *fold >= 1 && *fold <= 1000) return FZ_OK;
  return fz_fail(err, FZ_EINVAL, "--symmetry: '%s' is not C1, C2, ... (only cyclic groups about z are known here)",
                 text);
}

fz_status fz_cmd_poses(fz_mpi *comm, int argc, char **argv, fz_error *err) {
  const char *symmetry = NULL;
  int fold = 1;
  const fz_option table[] = {{.name = "symmetry",
                              .type = FZ_OPTION_TEXT,
                              .target = &symmetry,
                              .default_text = "C1",
                              .metavar = "GROUP",
                              .help = "symmetry of the molecule, C1, C2, ...: poses that it makes equal are equal",
                              .group = "Comparison"},
                             {.name = NULL}};
  fz_parsed parsed = {0};
  bool first = fz_mpi_rank(comm) == 0;
  fz_status st = fz_mpi_agree(comm, fz_options_parse(&page, table, argc, argv, first, &parsed, err), err);
  if (st != FZ_OK || parsed.help) goto done;
  if (first) st = parse_symmetry(symmetry, &fold, err);
  if (first && st == FZ_OK) st = run(parsed.operand[0], parsed.operand[1], fold, err);
  st = fz_mpi_agree(comm, st, err);
done:
  fz_parsed_clear(&parsed);
  return st;
}
