/* What an object must keep to go on later: a list of named arrays and scalars.  Whoever owns the data fills the list;
 * checkpoints walk it without knowing whose it is. */
#ifndef FZ_CORE_STATE_H
#define FZ_CORE_STATE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum fz_state_type { FZ_STATE_I64, FZ_STATE_F64, FZ_STATE_F32, FZ_STATE_U8, FZ_STATE_TEXT } fz_state_type;

enum { FZ_STATE_NAME_MAX = 96, FZ_STATE_RANK_MAX = 4 };

typedef struct fz_state_item {
  char name[FZ_STATE_NAME_MAX]; /* letters, digits, _ - . and / between groups: "half1/volume" */
  fz_state_type type;
  int rank;                        /* 0: a scalar, dims unused */
  int64_t dims[FZ_STATE_RANK_MAX]; /* of the whole array, in global order; of a text: its buffer's size in dims[0] */
  void *data;                      /* borrowed */
  bool distributed;                /* data holds rows first .. first+count-1 of dimension 0; else all ranks hold all */
  int64_t first, count;
  const char *unit;    /* borrowed; "1" when it has none */
  const char *meaning; /* borrowed; one sentence for a reader of the file */
} fz_state_item;

typedef struct fz_state_list {
  int n, capacity;
  fz_state_item *item;
  bool out_of_memory; /* an add failed: writing or reading the list then fails with FZ_ENOMEM */
} fz_state_list;

/** Forget the items (not the data). A list starts as {0}. */
void fz_state_clear(fz_state_list *list);

/* Adding: names, data, units and meanings stay the caller's and must outlive the list; the name is copied.  An empty,
 * overlong, ill-formed or repeated name is a programming error.  calls local */
void fz_state_add_i64(fz_state_list *list, const char *name, int64_t *value, const char *unit, const char *meaning);
void fz_state_add_f64(fz_state_list *list, const char *name, double *value, const char *unit, const char *meaning);
/** A text in a buffer of `capacity` bytes with its closing NUL. */
void fz_state_add_text(fz_state_list *list, const char *name, char *text, int64_t capacity, const char *meaning);
/** An array that every rank holds in full: shape dims[rank]. */
void fz_state_add_array(fz_state_list *list, const char *name, fz_state_type type, int rank, const int64_t *dims,
                        void *data, const char *unit, const char *meaning);
/** An array in slices: this rank holds rows first .. first+count-1 of dimension 0; the slices tile the whole. */
void fz_state_add_slice(fz_state_list *list, const char *name, fz_state_type type, int rank, const int64_t *dims,
                        int64_t first, int64_t count, void *data, const char *unit, const char *meaning);

/** The item called `name`, or NULL. */
const fz_state_item *fz_state_find(const fz_state_list *list, const char *name);
/** Bytes of one element; of one row (dims[1] x ...); of the whole array (of a text: of its buffer). */
size_t fz_state_element_bytes(fz_state_type type);
int64_t fz_state_row_bytes(const fz_state_item *item);
int64_t fz_state_bytes(const fz_state_item *item);

#endif
