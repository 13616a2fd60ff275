/* What is wrong with input files: readers and checks report here.  `frazil check` collects everything; other commands
 * fail at the first error.  So there is one list of checks, and one wording.
 *  text    "FILE:LINE: LABEL: what is wrong; what to do" ("FILE: row N: ..." for files of rows) */
#ifndef FZ_IO_FINDINGS_H
#define FZ_IO_FINDINGS_H
#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"

typedef enum fz_io_severity { FZ_FINDING_ERROR, FZ_FINDING_WARNING } fz_io_severity;

/* Where something was found; strings are borrowed. */
typedef struct fz_io_place {
  const char *file;
  int64_t line;      /* from 1; 0: of the file as a whole */
  bool rows;         /* line counts rows, as in .cs files */
  const char *label; /* column or header field as the file calls it; NULL: none */
  const char *stack; /* the image file, when it is not `file`; NULL: none */
  int64_t image;     /* from 1, in the stack; 0: none */
} fz_io_place;

typedef struct fz_io_finding {
  fz_io_severity severity;
  fz_io_place at; /* strings are owned */
  const char *kind;
  char *text, *advice; /* what is wrong; what to do, "" where that is said already */
} fz_io_finding;

/* Findings of one kind at one label of one file. */
typedef struct fz_io_finding_group {
  const fz_io_finding *first; /* the earliest of those that are kept */
  int64_t count, kept;        /* all; those that were kept (at most FZ_FINDINGS_KEPT) */
} fz_io_finding_group;

enum { FZ_FINDINGS_KEPT = 1000 };

typedef struct fz_io_findings fz_io_findings;

/** An empty list.  first_error_fails: adding an error gives its failure; else it is kept, and reading goes on.
 *  owns    the caller, fz_io_findings_destroy; NULL when memory runs out */
fz_io_findings *fz_io_findings_create(bool first_error_fails);
void fz_io_findings_destroy(fz_io_findings **f);
/** True when reading should go on after errors. */
bool fz_io_findings_collects(const fz_io_findings *f);

/** Add one.  `kind` is a constant word for machines, `advice` what to do about it ("" for none).  Of each kind at each
 *  label the first FZ_FINDINGS_KEPT are kept, and all are counted.
 *  returns FZ_OK for warnings and when errors are collected; else FZ_EINPUT, or the code of `err` if the finding is
 *          made of it; with the whole message in err.  calls local; not thread-safe */
fz_status fz_io_findings_add(fz_io_findings *f, fz_io_severity severity, const fz_io_place *at, const char *kind,
                             const char *advice, fz_error *err, const char *format, ...)
    __attribute__((format(printf, 7, 8)));
/** Add an error after which the file cannot be read on: always returns FZ_EINPUT, with the message in err. */
fz_status fz_io_findings_stop(fz_io_findings *f, const fz_io_place *at, const char *kind, const char *advice,
                              fz_error *err, const char *format, ...) __attribute__((format(printf, 6, 7)));
/** Make sure that the failure `err`, on which reading has ended, is among the findings.  Fails with FZ_ENOMEM and the
 *  like, which are not about the input. */
fz_status fz_io_findings_settle(fz_io_findings *f, const char *file, fz_status st, fz_error *err);

/** All findings of a severity, with those that were not kept. */
int64_t fz_io_findings_count(const fz_io_findings *f, fz_io_severity severity);
int fz_io_findings_groups(const fz_io_findings *f);
fz_io_finding_group fz_io_findings_group(const fz_io_findings *f, int group);
/** Finding i < kept of a group, in the order of their adding. */
const fz_io_finding *fz_io_findings_at(const fz_io_findings *f, int group, int64_t i);
/** The whole message of a finding in text [room]. */
void fz_io_finding_message(const fz_io_finding *finding, char *text, int room);
/** Tell each group of warnings that was not told yet, one line of log for it. */
void fz_io_findings_log_warnings(fz_io_findings *f);

#endif
