/* Distinct file names in order of first appearance, found again by hashing. */
#ifndef FZ_IO_NAMES_H
#define FZ_IO_NAMES_H
#include <stddef.h>
#include <stdint.h>

typedef struct fz_io_names {
  int n, room;
  char **name;   /* [n] */
  int slots;     /* a power of two, or 0 */
  int32_t *slot; /* [slots], index + 1 */
} fz_io_names;

/** The index of this name, added when it is new; -1 when memory runs out.  A zeroed fz_io_names is empty. local */
int fz_io_names_index(fz_io_names *names, const char *text, ptrdiff_t length);
void fz_io_names_clear(fz_io_names *names);

#endif
