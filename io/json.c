#include "io/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"

static void append(fz_io_json *json, const char *bytes, size_t n) {
  size_t need = json->used + n + 1, old = json->text ? json->used + 1 : 0;
  /* Capacities are powers of two, so the present one follows from the length. */
  size_t capacity = 256, present = 256;
  while (capacity < need) capacity *= 2;
  while (present < old) present *= 2;
  if (!json->text || capacity > present) {
    char *grown = fz_realloc(json->text, (ptrdiff_t)capacity, 1);
    if (!grown) {
      json->out_of_memory = true;
      return;
    }
    json->text = grown;
  }
  memcpy(json->text + json->used, bytes, n);
  json->used += n;
  json->text[json->used] = '\0';
}

static void append_text(fz_io_json *json, const char *text) {
  append(json, text, strlen(text));
}

static void append_escaped(fz_io_json *json, const char *text) {
  append_text(json, "\"");
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    char escape[8];
    if (c == '"' || c == '\\')
      snprintf(escape, sizeof escape, "\\%c", c);
    else if (c < 0x20)
      snprintf(escape, sizeof escape, "\\u%04x", c);
    else
      snprintf(escape, sizeof escape, "%c", c);
    append_text(json, escape);
  }
  append_text(json, "\"");
}

static void append_number(fz_io_json *json, double value) {
  char text[32] = "null";
  if (isfinite(value)) snprintf(text, sizeof text, "%.17g", value);
  append_text(json, text);
}

static void field(fz_io_json *json, const char *name) {
  if (json->used > 1) append_text(json, ", ");
  append_escaped(json, name);
  append_text(json, ": ");
}

void fz_io_json_begin(fz_io_json *json) {
  *json = (fz_io_json){0};
  append_text(json, "{");
}

void fz_io_json_text(fz_io_json *json, const char *name, const char *value) {
  field(json, name);
  append_escaped(json, value);
}

void fz_io_json_i64(fz_io_json *json, const char *name, int64_t value) {
  char text[32];
  snprintf(text, sizeof text, "%" PRId64, value);
  field(json, name);
  append_text(json, text);
}

void fz_io_json_f64(fz_io_json *json, const char *name, double value) {
  field(json, name);
  append_number(json, value);
}

void fz_io_json_bool(fz_io_json *json, const char *name, bool value) {
  field(json, name);
  append_text(json, value ? "true" : "false");
}

void fz_io_json_f64_array(fz_io_json *json, const char *name, const double *value, ptrdiff_t n) {
  field(json, name);
  append_text(json, "[");
  for (ptrdiff_t i = 0; i < n; i++) {
    if (i > 0) append_text(json, ", ");
    append_number(json, value[i]);
  }
  append_text(json, "]");
}

const char *fz_io_json_end(fz_io_json *json) {
  append_text(json, "}");
  return json->out_of_memory ? NULL : json->text;
}

void fz_io_json_clear(fz_io_json *json) {
  fz_free(&json->text);
  *json = (fz_io_json){0};
}

/* Quotes inside texts are escaped, so that "name": can only be a field. */
static const char *find_value(const char *json, const char *name) {
  char key[80];
  int length = snprintf(key, sizeof key, "\"%s\": ", name);
  if (length >= (int)sizeof key) return NULL;
  const char *at = strstr(json, key);
  return at ? at + length : NULL;
}

bool fz_io_json_find_text(const char *json, const char *name, char *value, size_t room) {
  const char *at = find_value(json, name);
  size_t n = 0;
  if (!at || *at != '"') return false;
  for (at++; *at && *at != '"'; at++) {
    unsigned code = (unsigned char)*at;
    if (code == '\\' && at[1] == 'u' && sscanf(at + 2, "%4x", &code) == 1)
      at += 5;
    else if (code == '\\' && at[1])
      code = (unsigned char)*++at;
    if (n + 1 < room) value[n++] = (char)code;
  }
  value[n] = '\0';
  return *at == '"';
}

bool fz_io_json_find_f64(const char *json, const char *name, double *value) {
  const char *at = find_value(json, name);
  return at && sscanf(at, "%lf", value) == 1;
}

bool fz_io_json_find_bool(const char *json, const char *name, bool *value) {
  const char *at = find_value(json, name);
  if (!at || (strncmp(at, "true", 4) != 0 && strncmp(at, "false", 5) != 0)) return false;
  *value = *at == 't';
  return true;
}
