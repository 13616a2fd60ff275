/* One option table drives parsing, --help, validation, the config file and the echo into outputs. */
#ifndef FZ_CLI_OPTIONS_H
#define FZ_CLI_OPTIONS_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/status.h"

typedef enum fz_option_type {
  FZ_OPTION_FLAG,   /* bool *   : present or not                      */
  FZ_OPTION_INT,    /* int64_t *                                      */
  FZ_OPTION_REAL,   /* double *                                       */
  FZ_OPTION_TEXT,   /* const char ** : borrowed from argv or config   */
  FZ_OPTION_CHOICE, /* const char ** : one of choices, "a|b|c"        */
  FZ_OPTION_LIST    /* fz_option_list * : every occurrence is kept     */
} fz_option_type;

enum { FZ_OPTION_LIST_MAX = 64 };
typedef struct fz_option_list {
  int n;
  const char *item[FZ_OPTION_LIST_MAX];
} fz_option_list;

typedef struct fz_option {
  const char *name; /* without the dashes; NULL ends the table */
  fz_option_type type;
  void *target;             /* set to the default first, then to what the user said */
  const char *default_text; /* parsed like user input; NULL = unset (0, NULL, false) */
  bool required;
  double minimum, maximum; /* INT and REAL; both 0 = unchecked */
  const char *choices;     /* CHOICE */
  const char *metavar;     /* FILE, DIR, A, DEG, N, ... */
  const char *help;        /* one sentence; says unit, meaning, effect */
  const char *group;       /* heading in --help; NULL = same as the option before */
} fz_option;

typedef struct fz_command {
  const char *name;
  const char *summary;            /* one line for `frazil --help` */
  const char *description;        /* paragraphs that teach: what it does, what it needs, what it writes */
  const char *examples;           /* indented command lines, last part of --help */
  const char *operands;           /* e.g. "MAP1 MAP2"; NULL when none are taken */
  int min_operands, max_operands; /* max_operands < 0: no upper limit */
  bool standalone;                /* a program of its own (bench/), not one of `frazil` */
} fz_command;

typedef struct fz_parsed {
  bool help; /* --help was given: it has been printed on `out`, nothing else was set */
  int n_operands;
  const char **operand; /* [n_operands], points into argv; owned, fz_parsed_clear */
  int n_texts;
  char **text; /* [n_texts], values read from the config file; owned: targets may point here until fz_parsed_clear */
} fz_parsed;

/** Parse argv[1..] (argv[0] is the command's name).  Accepts --name value, --name=value, --flag, --flag=false; `--`
 * ends the options; the last occurrence wins except for lists.  A `config` TEXT option in the table, when given, is a
 * YAML file of the same names (the command line wins; null: as if not there; a list takes a sequence).  An unknown name
 * fails with "unknown option --x; did you mean --y?"; a bad value names the option, the value and what is allowed. owns
 * parsed, also after a failure: give it back with fz_parsed_clear once the targets are no longer read calls   local,
 * same result on all ranks when they see the same config file (agree before acting on it) fails   FZ_EINVAL; FZ_EINPUT
 * and FZ_EIO for the config file; FZ_ENOMEM */
fz_status fz_options_parse(const fz_command *command, const fz_option *table, int argc, char **argv, bool print_help,
                           fz_parsed *parsed, fz_error *err);
void fz_parsed_clear(fz_parsed *parsed);

/** Write --help for a command: usage, description, options by group in two columns, examples.
 *  width   of the page in characters, 80 to 100 (clamped) */
void fz_options_print_help(const fz_command *command, const fz_option *table, int width, FILE *out);

/** Write the resolved values of the table as YAML, one `name: value` per line, in a form that `--config` reads back to
 *  the same values.  The `config` option itself is left out, because its content is already in the others.
 *  fails   FZ_EIO when the stream refuses */
fz_status fz_options_write_yaml(const fz_option *table, FILE *out);

/** Write DIR/parameters.yaml: "# frazil VERSION (REVISION) `what`", the table as above, then as a comment the lines
 * that the result depends on (NULL: none).  calls local.  fails FZ_EIO, FZ_ENOMEM */
fz_status fz_options_save(const fz_option *table, const char *dir, const char *what, const char *depends,
                          fz_error *err);

/** The known word nearest to `word` (edit distance at most 3, adjacent swaps count one) or that starts with it; NULL
 *  when none is near.  Used for options, choices and commands. */
const char *fz_nearest_word(const char *word, const char *const *known, int n);

#endif
