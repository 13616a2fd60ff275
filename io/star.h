/* STAR files as RELION writes them: blocks of loops and of key-value pairs, one row per line.
 * Everything in the file is kept, so that what the program does not know is written back unchanged.
 *  source  Hall 1991, J. Chem. Inf. Comput. Sci. 31, 326-333; RELION's subset: no save frames, no multi-line text
 *  memory  the file's text and 16 bytes per row; cells are found by scanning their row */
#ifndef FZ_IO_STAR_H
#define FZ_IO_STAR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "io/findings.h"

typedef struct fz_io_star fz_io_star;
typedef struct fz_io_star_table fz_io_star_table; /* one block; owned by its fz_io_star */

/* A value as it stands in the text, without quotes; not NUL-terminated. */
typedef struct fz_io_star_cell {
  const char *text;
  ptrdiff_t length;
} fz_io_star_cell;

/** Read and index a file.
 *  owns    *out: the caller, fz_io_star_destroy.  calls local
 *  fails   FZ_EINPUT naming file and line; FZ_EIO, FZ_ENOMEM */
fz_status fz_io_star_read(const char *path, fz_io_star **out, fz_error *err);
/** The same with everything that is wrong going to `findings`; when these collect, lines that cannot be used are left
 *  out and reading goes on, and only what is no STAR file at all fails. */
fz_status fz_io_star_read_noting(const char *path, fz_io_findings *findings, fz_io_star **out, fz_error *err);
/** An empty document to which tables are added. NULL when memory runs out. */
fz_io_star *fz_io_star_create(void);
void fz_io_star_destroy(fz_io_star **star);

/** Tables in file order; by block name without "data_" (NULL when absent). */
int fz_io_star_table_count(const fz_io_star *star);
fz_io_star_table *fz_io_star_table_at(fz_io_star *star, int i);
fz_io_star_table *fz_io_star_find(fz_io_star *star, const char *name);
/** Append a loop of `rows` rows without columns (first = true: put it before all others). NULL: no memory. */
fz_io_star_table *fz_io_star_add(fz_io_star *star, const char *name, int64_t rows, bool first);

const char *fz_io_star_name(const fz_io_star_table *table);
fz_status fz_io_star_rename(fz_io_star_table *table, const char *name, fz_error *err);
bool fz_io_star_is_loop(const fz_io_star_table *table); /* false: key-value pairs, seen as one row */
int64_t fz_io_star_rows(const fz_io_star_table *table);
int fz_io_star_columns(const fz_io_star_table *table);
/** Label of a column, without the leading underscore. */
const char *fz_io_star_label(const fz_io_star_table *table, int column);
/** Index of the column with this label, or -1. */
int fz_io_star_column(const fz_io_star_table *table, const char *label);
/** 1-based line of a row in the file that was read; 0 for rows of new tables. */
int64_t fz_io_star_line(const fz_io_star_table *table, int64_t row);

/** All cells of a row as the file has them (set columns give an empty cell); cell [columns]. thread-safe */
void fz_io_star_row(const fz_io_star_table *table, int64_t row, fz_io_star_cell *cell);

/** A cell as a number; false when the text is not one finite number (whole cell). */
bool fz_io_star_number(fz_io_star_cell cell, double *value);
bool fz_io_star_integer(fz_io_star_cell cell, int64_t *value);
/** True when the cell has exactly this text. */
bool fz_io_star_is(fz_io_star_cell cell, const char *text);

/** Replace a column, or append it when the label is new: number [rows], copied, written with `decimals` digits after
 *  the point (negative: as few as give the value back to 10 digits).  fails FZ_ENOMEM */
fz_status fz_io_star_set_numbers(fz_io_star_table *table, const char *label, const double *number, int decimals,
                                 fz_error *err);
/** The same with text [rows], copied; text that needs quotes gets them when written. */
fz_status fz_io_star_set_text(fz_io_star_table *table, const char *label, const char *const *text, fz_error *err);
/** Leave a column out when writing; a label that is not there is no error. */
void fz_io_star_drop(fz_io_star_table *table, const char *label);

/** Write the document with RELION's "# version 30001" marks, complete or not at all.
 *  `subset` is the table of which only row[0..n_rows) are written, in that order; NULL: all rows of all tables.
 *  `comment` (may be NULL) becomes the first line.  fails FZ_EIO, FZ_ENOMEM */
fz_status fz_io_star_write(const fz_io_star *star, const char *path, const char *comment,
                           const fz_io_star_table *subset, const int64_t *row, int64_t n_rows, fz_error *err);

#endif
