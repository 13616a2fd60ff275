/* frazil info: says what files are. */
#include <stdio.h>

#include "core/log.h"
#include "io/cli/command.h"
#include "io/cli/options.h"
#include "io/describe.h"

static const fz_command page = {
    .name = "info",
    .summary = "say what a file is and what it holds, or how a run is",
    .description =
        "Finds the kind of each file from its content and prints what it holds: size, values and statistics of maps "
        "and "
        "image stacks; particles, optics groups, columns and stacks of STAR and cryoSPARC .cs files, with everything "
        "that "
        "this program cannot use yet; atoms of PDB and mmCIF models; HDF5 files by name. Of a run's folder it says how "
        "far "
        "the run is, whether a job is at it or was killed, and what each rank was at last. Nothing is written.",
    .examples =
        "  frazil info map.mrc\n"
        "  frazil info particles.star particles.mrcs\n"
        "  frazil info run1\n",
    .operands = "FILE|RUN...",
    .min_operands = 1,
    .max_operands = -1,
};

/* Every file is described; the first that fails gives the command's message, the others are logged. */
static fz_status describe_all(const fz_parsed *parsed, fz_error *err) {
  fz_status st = FZ_OK;
  for (int i = 0; i < parsed->n_operands; i++) {
    fz_error own = {0};
    fz_status one = fz_io_describe(parsed->operand[i], stdout, &own);
    if (one == FZ_OK) continue;
    if (st == FZ_OK) {
      st = one;
      *err = own;
    } else {
      fz_log(FZ_LOG_ERROR, "%s", own.text);
    }
  }
  return st;
}

fz_status fz_cmd_info(fz_mpi *comm, int argc, char **argv, fz_error *err) {
  const fz_option table[] = {{.name = NULL}};
  fz_parsed parsed = {0};
  bool first = fz_mpi_rank(comm) == 0;
  fz_status st = fz_mpi_agree(comm, fz_options_parse(&page, table, argc, argv, first, &parsed, err), err);
  if (st != FZ_OK || parsed.help) goto done;
  if (first) st = describe_all(&parsed, err);
  st = fz_mpi_agree(comm, st, err);
done:
  fz_parsed_clear(&parsed);
  return st;
}
