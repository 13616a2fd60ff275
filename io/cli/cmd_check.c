/* frazil check: all that is wrong with a data set, before a job is submitted. */
#include <omp.h>
#include <stdio.h>

#include "io/cli/check.h"
#include "io/cli/command.h"
#include "io/cli/options.h"
#include "io/cli/reconstruction.h"

static const fz_command page = {
    .name = "check",
    .summary = "read headers, rows and images; report every problem",
    .description =
        "Reads a particle file with all its rows, the header of every stack, and a sample of the images (or all of "
        "them), and reports everything that would stop a reconstruction (errors) or spoil it (warnings), each with "
        "file, line, column and image, and with what to do. The checks are those of reconstruct, which stops at the "
        "first error.\n\n"
        "Images: pixels that are not finite, constant images, images that cannot be read, a mean or deviation far from "
        "the others', dark instead of bright particles.\n\n"
        "Further files may be given: maps, stacks, atomic models, STAR and .cs files, and run folders, whose "
        "checkpoints are read. Exit code 0: no errors; 1: errors. Nothing is written but --json.",
    .examples =
        "  frazil check --particles particles.star\n"
        "  mpirun -n 16 frazil check --particles particles.star --images all --json check.json\n"
        "  frazil check --particles particles.star initial.mrc run1\n",
    .operands = "[FILE...]",
    .max_operands = -1,
};

static fz_status report(const fz_check *c, fz_error *err) {
  fz_check_print(c, stdout);
  fflush(stdout);
  fz_status st = c->r->json ? fz_check_write_json(c, c->r->json, err) : FZ_OK;
  if (st != FZ_OK) return st;
  long long errors = fz_io_findings_count(c->findings, FZ_FINDING_ERROR),
            warnings = fz_io_findings_count(c->findings, FZ_FINDING_WARNING);
  if (errors)
    return fz_fail(err, FZ_EINPUT, "%lld error%s, %lld warning%s", errors, errors == 1 ? "" : "s", warnings,
                   warnings == 1 ? "" : "s");
  printf("no errors, %lld warning%s\n", warnings, warnings == 1 ? "" : "s");
  return FZ_OK;
}

fz_status fz_cmd_check(fz_mpi *comm, int argc, char **argv, fz_error *err) {
  fz_check_request r = {0};
  fz_check check = {0};
  const fz_option table[] = {
      {.name = "particles",
       .type = FZ_OPTION_TEXT,
       .target = &r.particles,
       .metavar = "FILE",
       .help = "particle set: a STAR file (RELION 3.0 to 5) or a cryoSPARC .cs file"},
      {.name = "images",
       .type = FZ_OPTION_CHOICE,
       .target = &r.images,
       .default_text = "sample",
       .choices = "all|sample|none",
       .help = "which images to look at; headers and rows are read in every case"},
      {.name = "sample",
       .type = FZ_OPTION_INT,
       .target = &r.sample,
       .default_text = "2000",
       .minimum = 1,
       .maximum = 1e12,
       .metavar = "N",
       .help = "size of the sample: every k-th image of the set"},
      {.name = "max-excluded",
       .type = FZ_OPTION_REAL,
       .target = &r.max_excluded_percent,
       .default_text = "1",
       .minimum = 0,
       .maximum = 100,
       .metavar = "PERCENT",
       .help = "an error when more of the images looked at are unusable; fewer are set aside by reconstruct"},
      {.name = "list",
       .type = FZ_OPTION_INT,
       .target = &r.list,
       .default_text = "10",
       .minimum = 1,
       .maximum = 1e9,
       .metavar = "N",
       .help = "findings of one kind to print; all are counted, and 1000 of each kind are kept"},
      {.name = "json",
       .type = FZ_OPTION_TEXT,
       .target = &r.json,
       .metavar = "FILE",
       .help = "write findings and summary for machines"},
      {.name = NULL}};
  fz_parsed parsed = {0};
  bool first = fz_mpi_rank(comm) == 0;
  fz_status st = fz_mpi_agree(comm, fz_options_parse(&page, table, argc, argv, first, &parsed, err), err);
  if (st != FZ_OK || parsed.help) goto done;
  r.n_files = parsed.n_operands;
  r.file = parsed.operand;
  if (!r.particles && !r.n_files) st = fz_fail(err, FZ_EINVAL, "nothing to check: give --particles FILE");
  FZ_TRY(st);
  omp_set_num_threads(fz_reconstruction_threads(comm));
  FZ_TRY(fz_check_run(comm, &r, &check, err));
  if (first) st = report(&check, err);
  st = fz_mpi_agree(comm, st, err);
done:
  fz_check_clear(&check);
  fz_parsed_clear(&parsed);
  return st;
}
