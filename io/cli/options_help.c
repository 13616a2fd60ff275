#include <string.h>

#include "io/cli/options.h"
#include "io/cli/options_table.h"

enum { WIDTH_MIN = 80, WIDTH_MAX = 100, COLUMN = 30 };

/* A page being filled: words are put one after the other, lines break before `width`. */
typedef struct page {
  FILE *out;
  int width, indent, column;
} page;

/* Characters, not bytes: UTF-8 continuation bytes take no room. */
static int text_width(const char *text, size_t n) {
  int width = 0;
  for (size_t i = 0; i < n; i++) width += ((unsigned char)text[i] & 0xC0) != 0x80;
  return width;
}

static void break_line(page *p) {
  fputc('\n', p->out);
  p->column = 0;
}

static void put_word(page *p, const char *word, size_t n) {
  int width = text_width(word, n);
  bool first = p->column <= p->indent;
  if (!first && p->column + 1 + width > p->width) {
    break_line(p);
    first = true;
  }
  if (first) {
    fprintf(p->out, "%*s", p->indent - p->column, "");
    p->column = p->indent;
  }
  fprintf(p->out, "%s%.*s", first ? "" : " ", (int)n, word);
  p->column += width + !first;
}

static void put_words(page *p, const char *text, size_t n) {
  for (size_t at = 0; at < n;) {
    size_t word = strcspn(text + at, " \n");
    if (word > n - at) word = n - at;
    if (word) put_word(p, text + at, word);
    at += word + 1;
  }
}

/* Lines are joined and wrapped; an empty line ends a paragraph, a line that starts with a blank is kept as it is. */
static void put_paragraphs(page *p, const char *text) {
  while (*text) {
    size_t n = strcspn(text, "\n");
    bool verbatim = text[0] == ' ';
    if ((n == 0 || verbatim) && p->column > 0) break_line(p);
    if (n == 0 || verbatim)
      fprintf(p->out, "%.*s\n", (int)n, text);
    else
      put_words(p, text, n);
    text += n + (text[n] == '\n');
  }
  if (p->column > 0) break_line(p);
}

static const char *metavar_of(const fz_option *option) {
  if (option->type == FZ_OPTION_FLAG) return NULL;
  if (option->metavar) return option->metavar;
  if (option->type == FZ_OPTION_CHOICE) return "NAME";
  return option->type == FZ_OPTION_TEXT || option->type == FZ_OPTION_LIST ? "TEXT" : "N";
}

/* Default, range, choices and duty of an option, in brackets after its sentence. */
static void put_facts(page *p, const fz_option *option) {
  char fact[5][640], range[80], text[5 * 640 + 16] = "";
  int n = 0;
  fz_option_range(option, range);
  if (option->required) snprintf(fact[n++], sizeof fact[0], "required");
  if (option->type == FZ_OPTION_CHOICE) {
    snprintf(fact[n], sizeof fact[0], "one of %s", option->choices);
    for (char *bar; (bar = strchr(fact[n], '|')) != NULL;) *bar = ' ';
    n++;
  }
  if (range[0]) snprintf(fact[n++], sizeof fact[0], "%s", range);
  if (option->type == FZ_OPTION_LIST) snprintf(fact[n++], sizeof fact[0], "may be repeated");
  if (option->default_text && option->type != FZ_OPTION_FLAG)
    snprintf(fact[n++], sizeof fact[0], "default %s", option->default_text);
  for (int i = 0; i < n; i++) {
    strcat(text, i ? "; " : "[");
    strcat(text, fact[i]);
  }
  if (n) strcat(text, "]");
  put_words(p, text, strlen(text));
}

static void put_option(page *p, const fz_option *option) {
  const char *metavar = metavar_of(option);
  int used = fprintf(p->out, "  --%s%s%s", option->name, metavar ? " " : "", metavar ? metavar : "");
  if (metavar) used -= (int)strlen(metavar) - text_width(metavar, strlen(metavar));
  if (used > COLUMN - 2) {
    fputc('\n', p->out);
    used = 0;
  }
  p->column = used;
  p->indent = COLUMN;
  if (option->help) put_words(p, option->help, strlen(option->help));
  put_facts(p, option);
  break_line(p);
  p->indent = 0;
}

void fz_options_print_help(const fz_command *command, const fz_option *table, int width, FILE *out) {
  page p = {.out = out, .width = width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width};
  fprintf(out, "Usage: %s%s [OPTIONS]%s%s\n\n", command->standalone ? "" : "frazil ", command->name,
          command->operands ? " " : "", command->operands ? command->operands : "");
  put_paragraphs(&p, command->summary);
  if (command->description) {
    fputc('\n', out);
    put_paragraphs(&p, command->description);
  }
  const char *group = NULL;
  for (int i = 0; table[i].name; i++) {
    const char *next = table[i].group ? table[i].group : group ? group : "Options";
    if (!group || strcmp(group, next) != 0) fprintf(out, "\n%s:\n", next);
    group = next;
    put_option(&p, &table[i]);
  }
  fprintf(out, "\nHelp:\n");
  const fz_option help = {.name = "help", .type = FZ_OPTION_FLAG, .help = "print this page and exit"};
  put_option(&p, &help);
  if (command->examples) {
    size_t n = strlen(command->examples);
    fprintf(out, "\nExamples:\n%s%s", command->examples, n && command->examples[n - 1] == '\n' ? "" : "\n");
  }
}
