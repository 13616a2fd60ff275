/* What `frazil check` found out of a data set; filled by check.c, told by check_report.c. */
#ifndef FZ_CLI_CHECK_H
#define FZ_CLI_CHECK_H
#include <stdio.h>

#include "io/findings.h"
#include "io/particles.h"
#include "mpi/comm.h"

typedef struct fz_check_request {
  const char *particles, *images, *json;
  double max_excluded_percent;
  int64_t sample, list;
  int n_files;
  const char *const *file; /* further maps, models, run folders: [n_files] */
} fz_check_request;

typedef struct fz_check {
  fz_mpi *comm;
  const fz_check_request *r;
  fz_io_findings *findings;
  fz_io_particles *particles; /* NULL: none were given, or they could not be read */
  int64_t looked_at;          /* images */
  double contrast;            /* in standard errors; 0 when no image was looked at */
} fz_check;

/** Check everything that is asked for; findings are those of rank 0.
 *  owns    check's blocks: the caller, fz_check_clear.  calls collective
 *  fails   FZ_ENOMEM and the like; what is wrong with files is a finding, not a failure */
fz_status fz_check_run(fz_mpi *comm, const fz_check_request *request, fz_check *check, fz_error *err);
void fz_check_clear(fz_check *check);

/** The findings, at most request->list of each kind, and a summary, for people. rank 0 */
void fz_check_print(const fz_check *check, FILE *out);
/** All findings that were kept, and the summary, as JSON. rank 0.  fails FZ_EIO, FZ_ENOMEM */
fz_status fz_check_write_json(const fz_check *check, const char *path, fz_error *err);

#endif
