/* The writer of parameters.yaml, which options_yaml.c reads. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/version.h"
#include "io/cli/base64.h"
#include "io/cli/options.h"
#include "io/cli/options_table.h"
#include "io/run_dir.h"

/* Bytes of the UTF-8 character at c, and the character; 0: it is none. */
static int character_at(const unsigned char *c, uint32_t *code) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const int n = c[0] < 0x80 ? 1 : c[0] >> 5 == 6 ? 2 : c[0] >> 4 == 14 ? 3 : c[0] >> 3 == 30 ? 4 : 0;
  *code = n == 1 ? c[0] : c[0] & (0x7fu >> n);
  for (int i = 1; i < n; i++) {
    if (c[i] >> 6 != 2) return 0;
    *code = *code << 6 | (c[i] & 0x3f);
  }
  return n && *code >= least[n] && *code <= 0x10ffff && *code >> 11 != 0x1b ? n : 0;
}

static bool is_utf8(const char *text) {
  uint32_t code;
  int n = 1;
  for (const unsigned char *c = (const unsigned char *)text; *c && n; c += n) n = character_at(c, &code);
  return n;
}

/* Characters that YAML does not allow, or takes for the end of a line. */
static bool must_be_escaped(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 || code == 0xfeff ||
         code == 0xfffe || code == 0xffff;
}

/* A file name may be any bytes. */
static void write_text(const char *text, FILE *out) {
  uint32_t code;
  const bool binary = !is_utf8(text);
  fputs(binary ? "!!binary \"" : "\"", out);
  if (binary) fz_base64_write(text, strlen(text), out);
  for (const unsigned char *c = (const unsigned char *)text; *c && !binary;) {
    const int n = character_at(c, &code);
    if (code == '"' || code == '\\') fputc('\\', out);
    if (must_be_escaped(code))
      fprintf(out, code < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)code);
    else
      fwrite(c, 1, (size_t)n, out);
    c += n;
  }
  fputc('"', out);
}

static void write_real(double value, FILE *out) {
  char text[40];
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (strtod(text, NULL) == value) break;
  }
  fputs(text, out);
}

/* Zero without a default means "unset" to the command, and may lie outside the range a user must keep to. */
static bool is_unset(const fz_option *option) {
  if (option->default_text) return false;
  if (option->type == FZ_OPTION_INT) return *(const int64_t *)option->target == 0;
  if (option->type == FZ_OPTION_REAL) return *(const double *)option->target == 0;
  return false;
}

static void write_value(const fz_option *option, FILE *out) {
  const fz_option_list *list = option->target;
  switch (option->type) {
    case FZ_OPTION_FLAG: fputs(*(const bool *)option->target ? "true" : "false", out); return;
    case FZ_OPTION_INT: fprintf(out, "%lld", (long long)*(const int64_t *)option->target); return;
    case FZ_OPTION_REAL: write_real(*(const double *)option->target, out); return;
    case FZ_OPTION_TEXT:
    case FZ_OPTION_CHOICE: {
      const char *text = *(const char *const *)option->target;
      if (text)
        write_text(text, out);
      else
        fputs("null", out);
      return;
    }
    case FZ_OPTION_LIST: break;
  }
  fputc('[', out);
  for (int i = 0; i < list->n; i++) {
    if (i) fputs(", ", out);
    write_text(list->item[i], out);
  }
  fputc(']', out);
}

fz_status fz_options_write_yaml(const fz_option *table, FILE *out) {
  for (int i = 0; table[i].name; i++) {
    if (strcmp(table[i].name, "config") == 0) continue;
    fprintf(out, "%s: ", table[i].name);
    if (is_unset(&table[i]))
      fputs("null", out);
    else
      write_value(&table[i], out);
    fputc('\n', out);
  }
  return fflush(out) == 0 && !ferror(out) ? FZ_OK : FZ_EIO;
}

static void write_comment(const char *heading, const char *text, FILE *out) {
  fprintf(out, "\n# %s\n", heading);
  for (const char *c = text; *c; c++) {
    if (c == text || c[-1] == '\n') fputs("#   ", out);
    fputc(*c, out);
  }
  fputc('\n', out);
}

fz_status fz_options_save(const fz_option *table, const char *dir, const char *what, const char *depends,
                          fz_error *err) {
  char path[FZ_PATH_MAX], *text = NULL;
  size_t size = 0;
  fz_status st = fz_io_path_join(path, dir, "parameters.yaml", err);
  if (st != FZ_OK) return st;
  FILE *out = open_memstream(&text, &size);
  if (!out) return fz_fail(err, FZ_ENOMEM, "%s: no memory", path);
  fprintf(out, "# frazil %s (%s) %s\n", fz_version(), fz_git_revision(), what);
  st = fz_options_write_yaml(table, out);
  if (depends) write_comment("The result depends on:", depends, out);
  bool failed = ferror(out);
  if (fclose(out) != 0 || failed || st != FZ_OK)
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory", path);
  else
    st = fz_io_write_atomic(path, text, (int64_t)size, err);
  free(text);
  return st;
}
