#include "io/cli/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/cli/options_table.h"

enum { OPTIONS_MAX = 256, CHOICES_MAX = 32 };

int fz_option_count(const fz_option *table) {
  int n = 0;
  while (table[n].name) n++;
  FZ_ASSERT(n <= OPTIONS_MAX);
  return n;
}

int fz_option_find(const fz_option *table, const char *name, size_t n) {
  for (int i = 0; table[i].name; i++)
    if (strlen(table[i].name) == n && memcmp(table[i].name, name, n) == 0) return i;
  return -1;
}

fz_status fz_option_unknown(const fz_option *table, const char *prefix, const char *name, fz_error *err) {
  const char *known[OPTIONS_MAX + 1];
  int n = fz_option_count(table);
  for (int i = 0; i < n; i++) known[i] = table[i].name;
  known[n++] = "help";
  const char *near = fz_nearest_word(name, known, n);
  if (near) return fz_fail(err, FZ_EINVAL, "unknown option %s%s; did you mean %s%s?", prefix, name, prefix, near);
  return fz_fail(err, FZ_EINVAL, "unknown option %s%s; --help lists the options", prefix, name);
}

static bool range_checked(const fz_option *option) {
  return option->minimum != 0 || option->maximum != 0;
}

void fz_option_range(const fz_option *option, char *text) {
  enum { ROOM = 80 };
  double huge = option->type == FZ_OPTION_INT ? 0x1p62 : 1e300;
  bool number = option->type == FZ_OPTION_INT || option->type == FZ_OPTION_REAL;
  bool low = number && range_checked(option) && option->minimum > -huge;
  bool high = number && range_checked(option) && option->maximum < huge;
  text[0] = '\0';
  if (low && high) snprintf(text, ROOM, "%.10g to %.10g", option->minimum, option->maximum);
  if (low && !high) snprintf(text, ROOM, "at least %.10g", option->minimum);
  if (!low && high) snprintf(text, ROOM, "at most %.10g", option->maximum);
}

static fz_status out_of_range(const fz_option *option, const char *text, fz_error *err) {
  char range[80];
  fz_option_range(option, range);
  return fz_fail(err, FZ_EINVAL, "--%s: %s is out of range; it must be %s", option->name, text, range);
}

static bool has_blank_front(const char *text) {
  return text[0] == '\0' || strchr(" \t\n\r\v\f", text[0]);
}

static fz_status set_int(const fz_option *option, const char *text, fz_error *err) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (has_blank_front(text) || end == text || *end)
    return fz_fail(err, FZ_EINVAL, "--%s: '%s' is not a whole number", option->name, text);
  if (errno == ERANGE) return fz_fail(err, FZ_EINVAL, "--%s: %s does not fit in 64 bits", option->name, text);
  if (range_checked(option) && ((double)value < option->minimum || (double)value > option->maximum))
    return out_of_range(option, text, err);
  *(int64_t *)option->target = value;
  return FZ_OK;
}

static fz_status set_real(const fz_option *option, const char *text, fz_error *err) {
  char *end;
  double value = strtod(text, &end);
  if (has_blank_front(text) || end == text || *end)
    return fz_fail(err, FZ_EINVAL, "--%s: '%s' is not a number", option->name, text);
  if (!isfinite(value)) return fz_fail(err, FZ_EINVAL, "--%s: %s is not a finite number", option->name, text);
  if (range_checked(option) && (value < option->minimum || value > option->maximum))
    return out_of_range(option, text, err);
  *(double *)option->target = value;
  return FZ_OK;
}

static fz_status set_flag(const fz_option *option, const char *text, fz_error *err) {
  bool yes = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "on") == 0;
  bool no = strcmp(text, "false") == 0 || strcmp(text, "no") == 0 || strcmp(text, "off") == 0;
  if (!yes && !no) return fz_fail(err, FZ_EINVAL, "--%s: '%s' is neither true nor false", option->name, text);
  *(bool *)option->target = yes;
  return FZ_OK;
}

static fz_status set_choice(const fz_option *option, const char *text, fz_error *err) {
  char words[512], *known[CHOICES_MAX], *rest = words;
  FZ_ASSERT(option->choices && strlen(option->choices) < sizeof words);
  strcpy(words, option->choices);
  int n = 0;
  for (char *word; (word = strsep(&rest, "|")) != NULL;) {
    FZ_ASSERT(n < CHOICES_MAX);
    known[n++] = word;
    if (strcmp(word, text) == 0) {
      *(const char **)option->target = text;
      return FZ_OK;
    }
  }
  const char *near = fz_nearest_word(text, (const char *const *)known, n);
  return fz_fail(err, FZ_EINVAL, "--%s: '%s' is not one of %s%s%s%s", option->name, text, option->choices,
                 near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static fz_status append_list(const fz_option *option, const char *text, fz_error *err) {
  fz_option_list *list = option->target;
  if (list->n == FZ_OPTION_LIST_MAX)
    return fz_fail(err, FZ_EINVAL, "--%s is given more than %d times", option->name, FZ_OPTION_LIST_MAX);
  list->item[list->n++] = text;
  return FZ_OK;
}

fz_status fz_option_set(const fz_option *option, const char *text, fz_error *err) {
  switch (option->type) {
    case FZ_OPTION_FLAG: return set_flag(option, text, err);
    case FZ_OPTION_INT: return set_int(option, text, err);
    case FZ_OPTION_REAL: return set_real(option, text, err);
    case FZ_OPTION_CHOICE: return set_choice(option, text, err);
    case FZ_OPTION_LIST: return append_list(option, text, err);
    case FZ_OPTION_TEXT: break;
  }
  if (text[0] == '\0') return fz_fail(err, FZ_EINVAL, "--%s: the value is empty", option->name);
  *(const char **)option->target = text;
  return FZ_OK;
}

void fz_option_unset(const fz_option *option) {
  switch (option->type) {
    case FZ_OPTION_FLAG: *(bool *)option->target = false; break;
    case FZ_OPTION_INT: *(int64_t *)option->target = 0; break;
    case FZ_OPTION_REAL: *(double *)option->target = 0; break;
    case FZ_OPTION_TEXT:
    case FZ_OPTION_CHOICE: *(const char **)option->target = NULL; break;
    case FZ_OPTION_LIST: ((fz_option_list *)option->target)->n = 0; break;
  }
}

void fz_option_reset(const fz_option *option) {
  fz_option_unset(option);
  if (!option->default_text) return;
  fz_error err = {0};
  if (fz_option_set(option, option->default_text, &err) != FZ_OK)
    fz_fatal(__FILE__, __LINE__, "default of option --%s: %s", option->name, err.text);
}

/* The command line on its way through the parser. */
typedef struct cursor {
  const fz_command *command;
  const fz_option *table;
  int argc, at;
  char **argv;
  bool given[OPTIONS_MAX];
} cursor;

static bool is_number(const char *text) {
  char *end;
  strtod(text, &end);
  return end != text && *end == '\0';
}

static bool is_operand(const char *arg) {
  return arg[0] != '-' || arg[1] == '\0' || is_number(arg);
}

static bool asks_for_help(int argc, char **argv) {
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
  return false;
}

static fz_status take_option(cursor *c, fz_error *err) {
  const char *arg = c->argv[c->at], *name = arg + (arg[1] == '-' ? 2 : 1);
  size_t length = strcspn(name, "=");
  const char *value = name[length] == '=' ? name + length + 1 : NULL;
  int row = arg[1] == '-' ? fz_option_find(c->table, name, length) : -1;
  if (row < 0) {
    char word[80];
    snprintf(word, sizeof word, "%.*s", (int)length, name);
    return fz_option_unknown(c->table, "--", word, err);
  }
  const fz_option *option = &c->table[row];
  if (!value && option->type == FZ_OPTION_FLAG) value = "true";
  if (!value) {
    bool there = c->at + 1 < c->argc && strncmp(c->argv[c->at + 1], "--", 2) != 0;
    if (!there)
      return fz_fail(err, FZ_EINVAL, "option --%s needs a value (--%s %s)", option->name, option->name,
                     option->metavar ? option->metavar : "VALUE");
    value = c->argv[++c->at];
  }
  if (option->type == FZ_OPTION_LIST && !c->given[row]) fz_option_unset(option);
  c->given[row] = true;
  return fz_option_set(option, value, err);
}

static fz_status take_arguments(cursor *c, fz_parsed *parsed, fz_error *err) {
  bool options_ended = false;
  for (c->at = 1; c->at < c->argc; c->at++) {
    const char *arg = c->argv[c->at];
    if (!options_ended && strcmp(arg, "--") == 0) {
      options_ended = true;
    } else if (options_ended || is_operand(arg)) {
      parsed->operand[parsed->n_operands++] = arg;
    } else {
      fz_status st = take_option(c, err);
      if (st != FZ_OK) return st;
    }
  }
  return FZ_OK;
}

static fz_status check_complete(const cursor *c, const fz_parsed *parsed, fz_error *err) {
  for (int i = 0; c->table[i].name; i++) {
    const fz_option *option = &c->table[i];
    if (option->required && !c->given[i] && !option->default_text)
      return fz_fail(err, FZ_EINVAL, "option --%s %s is required", option->name,
                     option->metavar ? option->metavar : "VALUE");
  }
  const fz_command *command = c->command;
  if (!command->operands && parsed->n_operands > 0)
    return fz_fail(err, FZ_EINVAL, "'%s' is not an option, and the command takes nothing else", parsed->operand[0]);
  if (!command->operands) return FZ_OK;
  if (parsed->n_operands < command->min_operands)
    return fz_fail(err, FZ_EINVAL, "expected %s, got %d of at least %d", command->operands, parsed->n_operands,
                   command->min_operands);
  if (command->max_operands >= 0 && parsed->n_operands > command->max_operands)
    return fz_fail(err, FZ_EINVAL, "'%s' is one too many: expected %s", parsed->operand[command->max_operands],
                   command->operands);
  return FZ_OK;
}

static int terminal_width(void) {
  struct winsize size;
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

fz_status fz_options_parse(const fz_command *command, const fz_option *table, int argc, char **argv, bool print_help,
                           fz_parsed *parsed, fz_error *err) {
  *parsed = (fz_parsed){0};
  cursor c = {.command = command, .table = table, .argc = argc, .argv = argv};
  int n = fz_option_count(table);
  for (int i = 0; i < n; i++) fz_option_reset(&table[i]);
  if (asks_for_help(argc, argv)) {
    parsed->help = true;
    if (print_help) fz_options_print_help(command, table, terminal_width(), stdout);
    return FZ_OK;
  }
  parsed->operand = fz_alloc(argc, sizeof *parsed->operand);
  if (!parsed->operand) return fz_fail(err, FZ_ENOMEM, "no memory for %d arguments", argc);
  fz_status st = take_arguments(&c, parsed, err);
  int config = fz_option_find(table, "config", strlen("config"));
  if (st == FZ_OK && config >= 0) {
    const char *path = *(const char **)table[config].target;
    if (path) st = fz_options_read_yaml(path, table, c.given, parsed, err);
  }
  return st == FZ_OK ? check_complete(&c, parsed, err) : st;
}

void fz_parsed_clear(fz_parsed *parsed) {
  for (int i = 0; i < parsed->n_texts; i++) fz_free(&parsed->text[i]);
  fz_free(&parsed->text);
  fz_free(&parsed->operand);
  *parsed = (fz_parsed){0};
}
