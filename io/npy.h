/* NumPy files of structured rows, as cryoSPARC's .cs files are: fields of numbers or fixed-length text, subarrays.
 *  source  https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1 to 3 */
#ifndef FZ_IO_NPY_H
#define FZ_IO_NPY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct fz_io_npy_field {
  char *name;
  char kind;      /* 'S' text, 'U' UTF-32 text, 'f', 'i', 'u', 'b' */
  int size;       /* bytes of one element */
  bool swapped;   /* the other byte order than this machine's */
  int count;      /* elements of the subarray, 1 for a plain field */
  int64_t offset; /* in the row */
} fz_io_npy_field;

typedef struct fz_io_npy {
  char *bytes;
  const char *row0;
  int64_t rows, row_bytes;
  int fields;
  fz_io_npy_field *field;
} fz_io_npy;

/** The file begins like a NumPy file. local */
bool fz_io_npy_is(const char *path);
/** Read a structured array.
 *  owns    *npy's blocks: the caller, fz_io_npy_clear (also after failure: nothing is left).  calls local
 *  fails   FZ_EINPUT naming the file: not structured, Python objects, truncated; FZ_EIO, FZ_ENOMEM */
fz_status fz_io_npy_read(const char *path, fz_io_npy *npy, fz_error *err);
void fz_io_npy_clear(fz_io_npy *npy);

/** The field of this name, or NULL. */
const fz_io_npy_field *fz_io_npy_find(const fz_io_npy *npy, const char *name);
/** Element i of a numeric field as a double (integers beyond 2^53 are rounded). */
double fz_io_npy_number(const fz_io_npy *npy, const fz_io_npy_field *field, int64_t row, int i);
/** Text of an 'S' field (not NUL-terminated) and its length without the padding. */
const char *fz_io_npy_text(const fz_io_npy *npy, const fz_io_npy_field *field, int64_t row, ptrdiff_t *length);

#endif
