/* The option table: values, ranges, refusals, suggestions, config files, the YAML round trip and the help page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/cli/options.h"

/* One option of each kind, as a command would declare them. */
typedef struct values {
  bool dry_run;
  int64_t seed, threads, grid;
  double resolution, angle;
  const char *particles, *engine, *config;
  fz_option_list map;
} values;

static values v;
static const fz_option table[] = {
    {.name = "particles",
     .type = FZ_OPTION_TEXT,
     .target = &v.particles,
     .required = true,
     .metavar = "FILE",
     .help = "particles to read: STAR, .cs or store",
     .group = "Input"},
    {.name = "map", .type = FZ_OPTION_LIST, .target = &v.map, .metavar = "MAP", .help = "maps of the mixture"},
    {.name = "seed",
     .type = FZ_OPTION_INT,
     .target = &v.seed,
     .default_text = "1",
     .help = "of every random number",
     .group = "Run"},
    {.name = "threads",
     .type = FZ_OPTION_INT,
     .target = &v.threads,
     .default_text = "2",
     .minimum = 1,
     .maximum = 64,
     .help = "OpenMP threads of each rank"},
    {.name = "grid",
     .type = FZ_OPTION_INT,
     .target = &v.grid,
     .minimum = 8,
     .maximum = 512,
     .help = "unset by default"},
    {.name = "max-resolution",
     .type = FZ_OPTION_REAL,
     .target = &v.resolution,
     .default_text = "8",
     .minimum = 0.5,
     .maximum = INFINITY,
     .metavar = "Å",
     .help = "finest resolution that is used"},
    {.name = "angle", .type = FZ_OPTION_REAL, .target = &v.angle, .metavar = "DEG", .help = "any number"},
    {.name = "engine",
     .type = FZ_OPTION_CHOICE,
     .target = &v.engine,
     .default_text = "auto",
     .choices = "auto|polar|direct",
     .help = "scoring engine"},
    {.name = "dry-run", .type = FZ_OPTION_FLAG, .target = &v.dry_run, .help = "only say what would be done"},
    {.name = "config", .type = FZ_OPTION_TEXT, .target = &v.config, .metavar = "FILE", .help = "options from a file"},
    {0}};
static const fz_command command = {.name = "demo",
                                   .summary = "a command for tests",
                                   .description = "First paragraph.\n\n  kept as it is\n",
                                   .examples = "  frazil demo --particles a.star",
                                   .operands = "OUT1 [OUT2]",
                                   .min_operands = 0,
                                   .max_operands = 2};

enum { ARGS_MAX = 200 };

/* Parse a line of words separated by single spaces. The caller clears `parsed`; words stay alive in `store`. */
static fz_status parse_with(const fz_command *c, const char *line, fz_parsed *parsed, fz_error *err) {
  static char store[4096];
  char *argv[ARGS_MAX], *rest = store;
  int argc = 0;
  snprintf(store, sizeof store, "demo%s%s", line[0] ? " " : "", line);
  for (char *word; (word = strsep(&rest, " ")) != NULL && argc < ARGS_MAX;) argv[argc++] = word;
  *err = (fz_error){0};
  return fz_options_parse(c, table, argc, argv, false, parsed, err);
}

static fz_status parse(const char *line, fz_parsed *parsed, fz_error *err) {
  return parse_with(&command, line, parsed, err);
}

static void refuses_with(const char *line, fz_status expected, const char *said) {
  fz_parsed parsed;
  fz_error err;
  fz_status st = parse(line, &parsed, &err);
  if (st != expected || !strstr(err.text, said))
    fail_msg("'%s' gave %d '%s', expected %d '%s'", line, (int)st, err.text, (int)expected, said);
  fz_parsed_clear(&parsed);
}

static void refuses(const char *line, const char *said) {
  refuses_with(line, FZ_EINVAL, said);
}

static void defaults(void **state) {
  (void)state;
  fz_parsed parsed;
  fz_error err;
  memset(&v, 0x55, sizeof v);
  assert_int_equal(parse("--particles a.star", &parsed, &err), FZ_OK);
  assert_string_equal(v.particles, "a.star");
  assert_int_equal(v.seed, 1);
  assert_int_equal(v.grid, 0);
  assert_true(v.resolution == 8 && v.angle == 0);
  assert_string_equal(v.engine, "auto");
  assert_false(v.dry_run);
  assert_null(v.config);
  assert_int_equal(v.map.n, 0);
  assert_int_equal(parsed.n_operands, 0);
  fz_parsed_clear(&parsed);
}

static void values_are_read(void **state) {
  (void)state;
  fz_parsed parsed;
  fz_error err;
  const char *line =
      "--particles=a.star out1 --seed -9223372036854775808 --map x --map=y --angle -1.5e-3 --dry-run --threads 3 "
      "--engine polar --threads 4 -- --out2";
  assert_int_equal(parse(line, &parsed, &err), FZ_OK);
  assert_true(v.seed == INT64_MIN);
  assert_true(v.angle == -1.5e-3);
  assert_true(v.dry_run);
  assert_int_equal(v.threads, 4);
  assert_string_equal(v.engine, "polar");
  assert_int_equal(v.map.n, 2);
  assert_string_equal(v.map.item[1], "y");
  assert_int_equal(parsed.n_operands, 2);
  assert_string_equal(parsed.operand[0], "out1");
  assert_string_equal(parsed.operand[1], "--out2");
  fz_parsed_clear(&parsed);
  assert_int_equal(parse("--particles a --dry-run --dry-run=false -5 -", &parsed, &err), FZ_OK);
  assert_false(v.dry_run);
  assert_string_equal(parsed.operand[0], "-5");
  assert_string_equal(parsed.operand[1], "-");
  fz_parsed_clear(&parsed);
}

static void bad_values_are_refused(void **state) {
  (void)state;
  refuses("--particles a --seed 12x", "--seed: '12x' is not a whole number");
  refuses("--particles a --seed 1.5", "not a whole number");
  refuses("--particles a --seed=", "not a whole number");
  refuses("--particles a --seed 99999999999999999999", "64 bits");
  refuses("--particles a --threads 0", "--threads: 0 is out of range; it must be 1 to 64");
  refuses("--particles a --threads 65", "1 to 64");
  refuses("--particles a --max-resolution 0.4", "at least 0.5");
  refuses("--particles a --max-resolution inf", "not a finite number");
  refuses("--particles a --angle nan", "not a finite number");
  refuses("--particles a --angle 1e999", "not a finite number");
  refuses("--particles a --angle 3deg", "'3deg' is not a number");
  refuses("--particles a --engine polr", "not one of auto|polar|direct; did you mean polar?");
  refuses("--particles a --dry-run=maybe", "neither true nor false");
  refuses("--particles=", "empty");
}

static void bad_lines_are_refused(void **state) {
  (void)state;
  refuses("--particels a", "unknown option --particels; did you mean --particles?");
  refuses("--max-res 3", "did you mean --max-resolution?");
  refuses("--xyzzy 3", "unknown option --xyzzy; --help lists");
  refuses("-seed 3", "unknown option --seed; did you mean --seed?");
  refuses("--particles", "option --particles needs a value (--particles FILE)");
  refuses("--particles --seed 3", "option --particles needs a value");
  refuses("--seed 3", "option --particles FILE is required");
  refuses("--particles a b c d", "'d' is one too many: expected OUT1 [OUT2]");
  char many[ARGS_MAX * 8] = "--particles a";
  for (int i = 0; i <= FZ_OPTION_LIST_MAX; i++) strcat(many, " --map=m");
  refuses(many, "more than 64 times");
  fz_command closed = command, hungry = command;
  closed.operands = NULL;
  hungry.min_operands = 2;
  fz_parsed parsed;
  fz_error err;
  assert_int_equal(parse_with(&closed, "--particles a b", &parsed, &err), FZ_EINVAL);
  assert_non_null(strstr(err.text, "'b' is not an option"));
  fz_parsed_clear(&parsed);
  assert_int_equal(parse_with(&hungry, "--particles a b", &parsed, &err), FZ_EINVAL);
  assert_non_null(strstr(err.text, "got 1 of at least 2"));
  fz_parsed_clear(&parsed);
}

/* A file with this content, under a name that is valid until the next call. */
static const char *file_with(const char *content) {
  static char path[64];
  snprintf(path, sizeof path, "test_options_%ld.yaml", (long)getpid());
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(content, file);
  fclose(file);
  return path;
}

static fz_status parse_config(const char *content, const char *more, fz_parsed *parsed, fz_error *err) {
  char line[256];
  snprintf(line, sizeof line, "--config %s%s%s", file_with(content), more[0] ? " " : "", more);
  fz_status st = parse(line, parsed, err);
  remove(file_with(""));
  return st;
}

static void config_file(void **state) {
  (void)state;
  fz_parsed parsed;
  fz_error err;
  const char *text =
      "particles: b.star  # comment\nseed: 7\nthreads: 8\nmap: [x, 'y z']\ndry-run: true\nengine: null\n";
  assert_int_equal(parse_config(text, "--seed 9 --map w", &parsed, &err), FZ_OK);
  assert_string_equal(v.particles, "b.star");
  assert_int_equal(v.seed, 9);
  assert_int_equal(v.threads, 8);
  assert_int_equal(v.map.n, 1);
  assert_string_equal(v.map.item[0], "w");
  assert_true(v.dry_run);
  assert_string_equal(v.engine, "auto"); /* as if it were not there */
  fz_parsed_clear(&parsed);
  assert_int_equal(parse_config(text, "", &parsed, &err), FZ_OK);
  assert_int_equal(v.map.n, 2);
  assert_string_equal(v.map.item[1], "y z");
  fz_parsed_clear(&parsed);
  assert_int_equal(parse_config("# nothing\n", "--particles a", &parsed, &err), FZ_OK);
  fz_parsed_clear(&parsed);
}

static void bad_config_names_line(void **state) {
  (void)state;
  const struct {
    const char *text, *said;
    fz_status status;
  } cases[] = {
      {"particles: a\nsede: 7\n", ".yaml:2: unknown option sede; did you mean seed?", FZ_EINVAL},
      {"particles: a\nthreads: 70\n", ".yaml:2: --threads: 70 is out of range", FZ_EINVAL},
      {"particles: a\nseed: [1, 2]\n", ".yaml:2: seed must be one plain value", FZ_EINVAL},
      {"seed: 1\nseed: 2\n", ".yaml:2: seed is set twice", FZ_EINVAL},
      {"particles: \"a\\0b\"\n", ".yaml:1: a value holds a zero byte", FZ_EINVAL},
      {"particles: !!binary \"YQBi\"\n", ".yaml:1: a value holds a zero byte", FZ_EINVAL},
      {"particles: !!binary \"YQ?=\"\n", ".yaml:1: !!binary without base64", FZ_EINVAL},
      {"config: other.yaml\n", "cannot name another", FZ_EINVAL},
      {"- a\n- b\n", "name: value", FZ_EINPUT},
      {"particles: [a\n", "not valid YAML", FZ_EINPUT},
      {"seed: 3\n", "--particles FILE is required", FZ_EINVAL},
      {"particles: ~\n", "--particles FILE is required", FZ_EINVAL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fz_parsed parsed;
    fz_error err;
    fz_status st = parse_config(cases[i].text, "", &parsed, &err);
    if (st != cases[i].status || !strstr(err.text, cases[i].said))
      fail_msg("config '%s' gave %d '%s'", cases[i].text, (int)st, err.text);
    fz_parsed_clear(&parsed);
  }
  refuses_with("--particles a --config no-such-file.yaml", FZ_EINPUT, "no-such-file.yaml: cannot open");
}

/* What is written reads back to the same values, awkward strings and numbers included. */
static void yaml_round_trip(void **state) {
  (void)state;
  fz_parsed parsed, again;
  fz_error err;
  char *argv[] = {"demo",
                  "--particles",
                  "a \"b\"\\ #:\tä.star",
                  "--angle",
                  "0.1",
                  "--map",
                  "null",
                  "--map",
                  "",
                  "--max-resolution=3.3333333333333335"};
  assert_int_equal(fz_options_parse(&command, table, 10, argv, false, &parsed, &err), FZ_OK);
  values before = v;
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  assert_int_equal(fz_options_write_yaml(table, out), FZ_OK);
  fclose(out);
  assert_non_null(strstr(text, "angle: 0.1\n"));
  assert_non_null(strstr(text, "grid: null\n"));
  assert_int_equal(parse_config(text, "", &again, &err), FZ_OK);
  assert_string_equal(v.particles, before.particles);
  assert_true(v.angle == before.angle && v.resolution == before.resolution && v.seed == before.seed);
  assert_int_equal(v.map.n, 2);
  assert_string_equal(v.map.item[0], "null");
  assert_string_equal(v.map.item[1], "");
  assert_string_equal(v.engine, "auto");
  free(text);
  fz_parsed_clear(&again);
  fz_parsed_clear(&parsed);
}

/* Names of files may be any bytes; YAML takes some characters for line ends, and forbids others. */
static void yaml_round_trip_of_any_bytes(void **state) {
  (void)state;
  static const char *const texts[] = {"caf\xe9.star",         "\xff\xfe",      "a\xc2\x85z",   "a\xe2\x80\xa8 z",
                                      "\xef\xbb\xbfz",        "\xef\xbf\xbe",  "\xed\xa0\x80", "\xc0\xaf",
                                      "\xf0\x9f\xa7\x8a ice", "\x7f\x01\n \r", " two  words ", "\xc3"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    fz_parsed parsed, again;
    fz_error err = {0};
    char *argv[] = {"demo", "--particles", (char *)texts[i], "--map", (char *)texts[i]}, *text = NULL;
    size_t size;
    assert_int_equal(fz_options_parse(&command, table, 5, argv, false, &parsed, &err), FZ_OK);
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(fz_options_write_yaml(table, out), FZ_OK);
    fclose(out);
    if (parse_config(text, "", &again, &err) != FZ_OK) fail_msg("%s\n%s", err.text, text);
    assert_string_equal(v.particles, texts[i]);
    assert_string_equal(v.map.item[0], texts[i]);
    free(text);
    fz_parsed_clear(&again);
    fz_parsed_clear(&parsed);
  }
}

static void write_fails_on_full_disk(void **state) {
  (void)state;
  fz_parsed parsed;
  fz_error err;
  assert_int_equal(parse("--particles a", &parsed, &err), FZ_OK);
  FILE *full = fopen("/dev/full", "w");
  assert_non_null(full);
  assert_int_equal(fz_options_write_yaml(table, full), FZ_EIO);
  fclose(full);
  fz_parsed_clear(&parsed);
}

static void help_page(void **state) {
  (void)state;
  fz_parsed parsed;
  fz_error err;
  assert_int_equal(parse("--nonsense --help", &parsed, &err), FZ_OK);
  assert_true(parsed.help);
  fz_parsed_clear(&parsed);
  for (int width = 60; width <= 140; width += 10) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fz_options_print_help(&command, table, width, out);
    fclose(out);
    int limit = width < 80 ? 80 : width > 100 ? 100 : width;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
      int characters = 0;
      for (char *c = line; c < end; c++) characters += ((unsigned char)*c & 0xC0) != 0x80;
      assert_true(characters <= limit);
      assert_true(end == line || end[-1] != ' ');
    }
    for (int i = 0; table[i].name; i++) {
      char option[64];
      snprintf(option, sizeof option, "\n  --%s", table[i].name);
      assert_non_null(strstr(text, option));
    }
    const char *const parts[] = {"Usage: frazil demo [OPTIONS] OUT1 [OUT2]\n",
                                 "\nInput:\n",
                                 "\nRun:\n",
                                 "\n  --help",
                                 "[1 to 64; default 2]",
                                 "[one of auto polar direct; default",
                                 "\n  kept as it is\n",
                                 "\nExamples:\n  frazil demo"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
      if (!strstr(text, parts[i])) fail_msg("'%s' is missing in\n%s", parts[i], text);
    free(text);
  }
}

static void nearest_words(void **state) {
  (void)state;
  const char *const known[] = {"simulate", "reconstruct", "backproject", "fsc", "align"};
  assert_string_equal(fz_nearest_word("recontsruct", known, 5), "reconstruct");
  assert_string_equal(fz_nearest_word("fcs", known, 5), "fsc");
  assert_string_equal(fz_nearest_word("sim", known, 5), "simulate");
  assert_null(fz_nearest_word("xyz", known, 5));
  assert_null(fz_nearest_word("", known, 5));
  assert_null(fz_nearest_word("fsc", known, 0));
}

static int nothing_is_left(void **state) {
  (void)state;
  return fz_memory_blocks() == 0 ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(defaults, nothing_is_left),
      cmocka_unit_test_teardown(values_are_read, nothing_is_left),
      cmocka_unit_test_teardown(bad_values_are_refused, nothing_is_left),
      cmocka_unit_test_teardown(bad_lines_are_refused, nothing_is_left),
      cmocka_unit_test_teardown(config_file, nothing_is_left),
      cmocka_unit_test_teardown(bad_config_names_line, nothing_is_left),
      cmocka_unit_test_teardown(yaml_round_trip, nothing_is_left),
      cmocka_unit_test_teardown(yaml_round_trip_of_any_bytes, nothing_is_left),
      cmocka_unit_test_teardown(write_fails_on_full_disk, nothing_is_left),
      cmocka_unit_test_teardown(help_page, nothing_is_left),
      cmocka_unit_test(nearest_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
