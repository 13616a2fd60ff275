/* frazil align: bring one map onto another. */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/cli/command.h"
#include "io/cli/map_pair.h"
#include "io/cli/options.h"
#include "io/mrc.h"
#include "io/plot.h"
#include "metrics/align.h"
#include "metrics/fsc.h"

static const fz_command page = {
    .name = "align",
    .summary = "rotate, shift and, if needed, mirror one map onto another",
    .description =
        "Finds the rotation, the shift and the hand that bring MAP onto REFERENCE, writes the moved map, and prints "
        "the motion with the Fourier shell correlation after it. Projections cannot tell a molecule from its mirror "
        "image, so an ab initio map has either hand with equal chance; both are tried unless --hands says "
        "otherwise.\n\n"
        "aligned(x) = MAP(R x + t), with x measured from voxel n/2; mirroring turns x into -x in MAP first. All "
        "rotations and shifts are searched at low resolution, the best are refined at rising resolution. The boxes "
        "and voxel sizes of both maps must be equal.",
    .examples =
        "  frazil align run1/map.mrc truth.mrc --output aligned.mrc\n"
        "  frazil align run1/map.mrc truth.mrc --output aligned.mrc --hands same --plot aligned.png\n",
    .operands = "MAP REFERENCE",
    .min_operands = 2,
    .max_operands = 2,
};

typedef struct request {
  const char *map, *reference, *output, *hands, *plot;
  double voxel_A, step_deg;
} request;

static fz_status print_fsc(const fz_map *moved, const fz_map *reference, fz_error *err) {
  double *fsc = fz_alloc(fz_fsc_shells(moved->n), sizeof *fsc);
  if (!fsc) return fz_fail(err, FZ_ENOMEM, "no memory for a curve");
  fz_status st = fz_fsc_compute(moved, reference, NULL, fsc, err);
  if (st == FZ_OK) fz_map_pair_print_fsc(fsc, moved->n, reference->voxel_A);
  fz_free(&fsc);
  return st;
}

static fz_status run(const request *r, fz_error *err) {
  fz_map_pair maps = {0};
  fz_map moved = {0};
  fz_align_result found;
  fz_status st = fz_map_pair_read(r->map, r->reference, r->voxel_A, &maps, err);
  if (st != FZ_OK) goto done;
  fz_align_options options = fz_align_default(maps.first.n);
  options.step_deg = r->step_deg;
  options.try_same = strcmp(r->hands, "flip") != 0;
  options.try_mirrored = strcmp(r->hands, "same") != 0;
  FZ_TRY(fz_align_find(&maps.first, &maps.second, &options, &found, err));
  FZ_TRY(fz_resample_rigid(&maps.first, &found.hand[found.best].motion, &moved, err));
  FZ_TRY(fz_io_map_write(r->output, &moved, found.best ? "aligned, mirrored" : "aligned", err));
  if (r->plot) FZ_TRY(fz_io_plot_map(r->plot, fz_map_pair_name(r->output), &moved, err));
  fz_map_pair_print_alignment(&found, maps.second.voxel_A);
  FZ_TRY(print_fsc(&moved, &maps.second, err));
done:
  fz_map_clear(&moved);
  fz_map_pair_clear(&maps);
  return st;
}

fz_status fz_cmd_align(fz_mpi *comm, int argc, char **argv, fz_error *err) {
  request r = {0};
  const fz_option table[] = {{.name = "output",
                              .type = FZ_OPTION_TEXT,
                              .target = &r.output,
                              .required = true,
                              .metavar = "FILE",
                              .help = "the moved map (MRC)",
                              .group = "Output"},
                             {.name = "plot",
                              .type = FZ_OPTION_TEXT,
                              .target = &r.plot,
                              .metavar = "FILE",
                              .help = "draw slices and projections of the moved map as PNG"},
                             {.name = "hands",
                              .type = FZ_OPTION_CHOICE,
                              .target = &r.hands,
                              .default_text = "both",
                              .choices = "both|same|flip",
                              .help = "hands to try: as it is, mirrored, or both and keep the better",
                              .group = "Search"},
                             {.name = "angular-step",
                              .type = FZ_OPTION_REAL,
                              .target = &r.step_deg,
                              .default_text = "12",
                              .minimum = 4,
                              .maximum = 30,
                              .metavar = "DEG",
                              .help = "step of the search over all rotations; finer costs its third power in time"},
                             {.name = "apix",
                              .type = FZ_OPTION_REAL,
                              .target = &r.voxel_A,
                              .minimum = 0,
                              .maximum = 1000,
                              .metavar = "A",
                              .help = "voxel size in Angstrom, instead of what the files say"},
                             {.name = NULL}};
  fz_parsed parsed = {0};
  bool first = fz_mpi_rank(comm) == 0;
  fz_status st = fz_mpi_agree(comm, fz_options_parse(&page, table, argc, argv, first, &parsed, err), err);
  if (st != FZ_OK || parsed.help) goto done;
  r.map = parsed.operand[0];
  r.reference = parsed.operand[1];
  if (first) st = run(&r, err);
  st = fz_mpi_agree(comm, st, err);
done:
  fz_parsed_clear(&parsed);
  return st;
}
