/* Tables of plain numbers as text: one row per line, separated by blanks, tabs, commas or semicolons; '#' starts a
 * comment. What numpy.savetxt, spreadsheets and people write. */
#ifndef FZ_IO_NUMBERS_H
#define FZ_IO_NUMBERS_H
#include <stdint.h>

#include "core/status.h"

typedef struct fz_io_numbers {
  int64_t rows, columns;
  double *value; /* [rows][columns] */
} fz_io_numbers;

/** Read all rows; each must have as many numbers as the first.
 *  owns    numbers->value: the caller, fz_free.  calls local
 *  fails   FZ_EINPUT naming file, line and column: not a finite number, a row of another length, no number at all;
 *          FZ_EIO, FZ_ENOMEM */
fz_status fz_io_numbers_read(const char *path, fz_io_numbers *numbers, fz_error *err);

#endif
