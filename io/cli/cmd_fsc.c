/* frazil fsc: how far two maps agree. */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/cli/command.h"
#include "io/cli/map_pair.h"
#include "io/cli/options.h"
#include "io/fsc_file.h"
#include "io/mrc.h"
#include "io/plot.h"
#include "metrics/align.h"
#include "metrics/fsc.h"

static const fz_command page = {
    .name = "fsc",
    .summary = "Fourier shell correlation of two maps",
    .description =
        "Correlates two cubic maps of the same box shell by shell in Fourier space and prints the resolution at which "
        "the curve first falls below 0.5 and 0.143.\n\n"
        "Two half-maps from independent halves of the data: read the resolution at 0.143. A map against the truth or "
        "an independent model: read it at 0.5. The maps must lie in the same frame; --align brings MAP1 onto MAP2 "
        "first (rotation, shift and hand), which an ab initio map always needs.\n\n"
        "--mask-diameter keeps solvent noise out, with a soft edge. A mask that is too tight raises the curve by "
        "itself, so leave room around the particle.",
    .examples =
        "  frazil fsc run1/half1.mrc run1/half2.mrc --mask-diameter 280 --plot fsc.png\n"
        "  frazil fsc run1/map.mrc truth.mrc --align --star fsc.star --xml fsc.xml\n",
    .operands = "MAP1 MAP2",
    .min_operands = 2,
    .max_operands = 2,
};

typedef struct request {
  const char *first, *second, *star, *xml, *plot;
  double voxel_A, mask_diameter_A, mask_edge_A;
  bool align, table;
} request;

static fz_status align_first(fz_map_pair *maps, fz_error *err) {
  fz_align_options options = fz_align_default(maps->first.n);
  fz_align_result found;
  fz_map moved = {0};
  fz_status st = fz_align_find(&maps->first, &maps->second, &options, &found, err);
  if (st == FZ_OK) st = fz_resample_rigid(&maps->first, &found.hand[found.best].motion, &moved, err);
  if (st != FZ_OK) return st;
  fz_map_clear(&maps->first);
  maps->first = moved;
  fz_map_pair_print_alignment(&found, maps->first.voxel_A);
  return FZ_OK;
}

static fz_status make_mask(const request *r, int n, double voxel_A, float **mask, fz_error *err) {
  if (r->mask_diameter_A <= 0) return FZ_OK;
  if (voxel_A <= 0) return fz_fail(err, FZ_EINVAL, "--mask-diameter is in Angstrom: give the voxel size with --apix");
  *mask = fz_alloc((ptrdiff_t)n * n * n, sizeof **mask);
  if (!*mask) return fz_fail(err, FZ_ENOMEM, "no memory for a mask of %d^3 voxels", n);
  fz_fsc_sphere(n, r->mask_diameter_A / 2 / voxel_A, r->mask_edge_A / voxel_A, *mask);
  return FZ_OK;
}

static void print_table(int n, double voxel_A, const double *fsc) {
  printf("\nshell  1/Angstrom    Angstrom       FSC\n");
  for (int s = 0; s < fz_fsc_shells(n); s++)
    if (s == 0 || voxel_A <= 0)
      printf("%5d           -           -  %8.4f\n", s, fsc[s]);
    else
      printf("%5d  %10.5f  %10.2f  %8.4f\n", s, s / (n * voxel_A), n * voxel_A / s, fsc[s]);
}

static fz_status write_files(const request *r, int n, double voxel_A, const double *fsc, fz_error *err) {
  fz_status st = FZ_OK;
  char title[300];
  snprintf(title, sizeof title, "%.140s against %.140s", fz_map_pair_name(r->first), fz_map_pair_name(r->second));
  if (r->star) FZ_TRY(fz_io_fsc_write_star(r->star, title, n, voxel_A, fsc, err));
  if (r->xml) FZ_TRY(fz_io_fsc_write_xml(r->xml, title, n, voxel_A, fsc, err));
  if (r->plot) {
    char name[80] = "FSC";
    if (r->mask_diameter_A > 0) snprintf(name, sizeof name, "FSC inside %g \xc3\x85", r->mask_diameter_A);
    fz_io_curve curve = {.name = name, .n = n, .voxel_A = voxel_A, .fsc = fsc};
    FZ_TRY(fz_io_plot_fsc(r->plot, title, &curve, 1, err));
  }
done:
  return st;
}

static fz_status run(const request *r, fz_error *err) {
  fz_map_pair maps = {0};
  float *mask = NULL;
  double *fsc = NULL;
  fz_status st = fz_map_pair_read(r->first, r->second, r->voxel_A, &maps, err);
  if (st != FZ_OK) goto done;
  int n = maps.first.n;
  double voxel_A = maps.first.voxel_A;
  if ((r->star || r->xml) && voxel_A <= 0) {
    st = fz_fail(err, FZ_EINVAL, "%s: the voxel size is unknown; give it with --apix", r->first);
    goto done;
  }
  FZ_TRY(make_mask(r, n, voxel_A, &mask, err));
  if (r->align) FZ_TRY(align_first(&maps, err));
  fsc = fz_alloc(fz_fsc_shells(n), sizeof *fsc);
  if (!fsc) {
    st = fz_fail(err, FZ_ENOMEM, "no memory for a curve");
    goto done;
  }
  FZ_TRY(fz_fsc_compute(&maps.first, &maps.second, mask, fsc, err));
  FZ_TRY(write_files(r, n, voxel_A, fsc, err));
  fz_map_pair_print_fsc(fsc, n, voxel_A);
  if (r->table) print_table(n, voxel_A, fsc);
done:
  fz_free(&fsc);
  fz_free(&mask);
  fz_map_pair_clear(&maps);
  return st;
}

fz_status fz_cmd_fsc(fz_mpi *comm, int argc, char **argv, fz_error *err) {
  request r = {0};
  const fz_option table[] = {
      {.name = "mask-diameter",
       .type = FZ_OPTION_REAL,
       .target = &r.mask_diameter_A,
       .minimum = 0,
       .maximum = 1e5,
       .metavar = "A",
       .help = "diameter of a soft spherical mask around the box centre, in Angstrom; none when not given",
       .group = "Comparison"},
      {.name = "mask-edge",
       .type = FZ_OPTION_REAL,
       .target = &r.mask_edge_A,
       .default_text = "20",
       .minimum = 0,
       .maximum = 1e5,
       .metavar = "A",
       .help = "width of the mask's cosine edge outside that diameter, in Angstrom"},
      {.name = "align",
       .type = FZ_OPTION_FLAG,
       .target = &r.align,
       .help = "bring MAP1 onto MAP2 first: rotation, shift and hand (see 'frazil align')"},
      {.name = "apix",
       .type = FZ_OPTION_REAL,
       .target = &r.voxel_A,
       .minimum = 0,
       .maximum = 1000,
       .metavar = "A",
       .help = "voxel size in Angstrom, instead of what the files say"},
      {.name = "table", .type = FZ_OPTION_FLAG, .target = &r.table, .help = "print every shell", .group = "Output"},
      {.name = "star",
       .type = FZ_OPTION_TEXT,
       .target = &r.star,
       .metavar = "FILE",
       .help = "write the curve as STAR, with RELION's labels"},
      {.name = "xml",
       .type = FZ_OPTION_TEXT,
       .target = &r.xml,
       .metavar = "FILE",
       .help = "write the curve as the XML that the EM Data Bank takes"},
      {.name = "plot", .type = FZ_OPTION_TEXT, .target = &r.plot, .metavar = "FILE", .help = "draw the curve as PNG"},
      {.name = NULL}};
  fz_parsed parsed = {0};
  bool first = fz_mpi_rank(comm) == 0;
  fz_status st = fz_mpi_agree(comm, fz_options_parse(&page, table, argc, argv, first, &parsed, err), err);
  if (st != FZ_OK || parsed.help) goto done;
  r.first = parsed.operand[0];
  r.second = parsed.operand[1];
  if (first) st = run(&r, err);
  st = fz_mpi_agree(comm, st, err);
done:
  fz_parsed_clear(&parsed);
  return st;
}
