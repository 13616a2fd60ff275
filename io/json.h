/* One JSON object on one line, built field by field: status.json, lines of metrics.jsonl. */
#ifndef FZ_IO_JSON_H
#define FZ_IO_JSON_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fz_io_json {
  char *text; /* grows; NUL-terminated between _begin and _clear */
  size_t used;
  bool out_of_memory;
} fz_io_json;

/** Start an object "{".  owns  json->text: the caller, fz_io_json_clear */
void fz_io_json_begin(fz_io_json *json);
/* Add a field; names are plain words, values are escaped. A number that is not finite becomes null. */
void fz_io_json_text(fz_io_json *json, const char *name, const char *value);
void fz_io_json_i64(fz_io_json *json, const char *name, int64_t value);
void fz_io_json_f64(fz_io_json *json, const char *name, double value);
void fz_io_json_bool(fz_io_json *json, const char *name, bool value);
void fz_io_json_f64_array(fz_io_json *json, const char *name, const double *value, ptrdiff_t n);
/** Close the object "}" and return its text, borrowed; NULL when memory ran out. */
const char *fz_io_json_end(fz_io_json *json);
void fz_io_json_clear(fz_io_json *json);

/* Reading back what was built here: fields of one object.  False when there is no such field, or it is of another kind.
 * A text longer than the room is cut. */
bool fz_io_json_find_text(const char *json, const char *name, char *value, size_t room);
bool fz_io_json_find_f64(const char *json, const char *name, double *value);
bool fz_io_json_find_bool(const char *json, const char *name, bool *value);

#endif
