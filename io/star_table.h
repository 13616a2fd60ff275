/* What a STAR document is made of; shared by star.c (reading), star_table.c (looking, changing) and star_write.c. */
#ifndef FZ_IO_STAR_TABLE_H
#define FZ_IO_STAR_TABLE_H
#include "io/star.h"

typedef struct fz_io_star_field {
  char *label; /* without '_' */
  int source;  /* which value of the row's text, or -1 when set by the program */
  bool dropped;
  double *number; /* [rows] or NULL */
  int decimals;
  char *text;      /* NUL-separated values, or NULL */
  int64_t *offset; /* [rows] into text */
} fz_io_star_field;

struct fz_io_star_table {
  const char *file; /* the document's text, borrowed; NULL for new tables */
  char *name;
  bool loop;
  int64_t rows, row_room;
  int64_t *row_offset; /* [rows] into file */
  int64_t *row_line;   /* [rows] */
  int fields, field_room;
  fz_io_star_field *field;
  int values; /* values in each row's text */
};

struct fz_io_star {
  char *text; /* NUL-terminated */
  int tables, table_room;
  fz_io_star_table **table;
};

/** Append an empty table or field; NULL when memory runs out. */
fz_io_star_table *fz_io_star_table_append(fz_io_star *star, const char *name, ptrdiff_t name_length);
fz_io_star_field *fz_io_star_field_append(fz_io_star_table *table, const char *label, ptrdiff_t length);
/** Note a row at this place of the text. */
bool fz_io_star_row_append(fz_io_star_table *table, int64_t offset, int64_t line);

/** The next value at *at on this line, quotes removed; false at the end of the line or at a comment.
 *  *at moves past the value; an unclosed quote gives a cell with length -1. */
bool fz_io_star_next(const char **at, fz_io_star_cell *cell);

#endif
