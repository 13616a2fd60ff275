/* A command line and a config file.  Up to the first empty line each line is an argument; what follows, if anything, is
 * the config file (YAML).  What is accepted is written as parameters.yaml, and read back as the same values. */
#include <string.h>

#include "fuzz.h"
#include "io/cli/options.h"

enum { ARGUMENTS_MAX = 32, ROWS = 11 };

typedef struct values {
  bool flag;
  int64_t whole, bounded;
  double real, positive;
  const char *text, *choice, *given, *config;
  fz_option_list list;
} values;

static void table_of(values *v, fz_option *table) {
  const fz_option rows[ROWS] = {
      {"flag", FZ_OPTION_FLAG, &v->flag, .help = "a"},
      {"whole", FZ_OPTION_INT, &v->whole, .help = "b"},
      {"bounded", FZ_OPTION_INT, &v->bounded, .default_text = "7", .minimum = -3, .maximum = 1000, .help = "c"},
      {"real", FZ_OPTION_REAL, &v->real, .help = "d"},
      {"positive", FZ_OPTION_REAL, &v->positive, .default_text = "0.1", .minimum = 1e-300, .maximum = 1e300,
       .help = "e"},
      {"text", FZ_OPTION_TEXT, &v->text, .help = "f"},
      {"given", FZ_OPTION_TEXT, &v->given, .default_text = "some", .help = "g"},
      {"choice", FZ_OPTION_CHOICE, &v->choice, .choices = "one|two|none", .default_text = "two", .help = "h"},
      {"list", FZ_OPTION_LIST, &v->list, .help = "i"},
      {"config", FZ_OPTION_TEXT, &v->config, .help = "j"},
      {.name = NULL}};
  memcpy(table, rows, sizeof rows);
}

static bool same_text(const char *a, const char *b) {
  return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same(const values *a, const values *b) {
  bool equal = a->flag == b->flag && a->whole == b->whole && a->bounded == b->bounded && a->real == b->real &&
               a->positive == b->positive && same_text(a->text, b->text) && same_text(a->given, b->given) &&
               same_text(a->choice, b->choice) && a->list.n == b->list.n;
  for (int i = 0; equal && i < a->list.n; i++) equal = same_text(a->list.item[i], b->list.item[i]);
  return equal;
}

static const fz_command COMMAND = {
    .name = "fuzz", .summary = "s", .description = "d", .operands = "A", .max_operands = 3};

static fz_status parse(int argc, char **argv, values *v, fz_option *table, fz_parsed *parsed, fz_error *err) {
  *v = (values){0};
  table_of(v, table);
  return fz_options_parse(&COMMAND, table, argc, argv, false, parsed, err);
}

/* The same table from the config file that `table` becomes. */
static void read_back(const values *v, const fz_option *table) {
  char *text = NULL, name[] = "fuzz", option[] = "--config";
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (!out || fz_options_write_yaml(table, out) != FZ_OK || fclose(out) != 0) abort();
  fuzz_file file = fuzz_open((uint8_t *)text, size);
  char *argv[] = {name, option, file.path, NULL};
  values again;
  fz_option rows[ROWS];
  fz_parsed parsed = {0};
  fz_error err = {0};
  if (parse(3, argv, &again, rows, &parsed, &err) != FZ_OK || !same(v, &again)) {
    fprintf(stderr, "written, but not read back: %s\n%s", err.text, text);
    abort();
  }
  fz_parsed_clear(&parsed);
  close(file.fd);
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  char *text = malloc(n + 1), *rest = text, *argv[ARGUMENTS_MAX + 4], name[] = "fuzz", option[] = "--config";
  memcpy(text, bytes, n);
  text[n] = '\0';
  int argc = 0;
  argv[argc++] = name;
  while (rest && *rest != '\n' && argc < ARGUMENTS_MAX) argv[argc++] = strsep(&rest, "\n");
  size_t head = rest ? (size_t)(rest - text) + (*rest == '\n') : n;
  fuzz_file file = fuzz_open(bytes + head, n - head);
  if (head < n) {
    argv[argc++] = option;
    argv[argc++] = file.path;
  }
  argv[argc] = NULL;
  values v;
  fz_option table[ROWS];
  fz_parsed parsed = {0};
  fz_error err = {0};
  fz_status st = parse(argc, argv, &v, table, &parsed, &err);
  if (st == FZ_OK && !parsed.help) read_back(&v, table);
  fz_parsed_clear(&parsed);
  free(text);
  fuzz_close(&file, st, &err);
  return 0;
}
