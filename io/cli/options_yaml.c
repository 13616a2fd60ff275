#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "core/memory.h"
#include "io/cli/base64.h"
#include "io/cli/options.h"
#include "io/cli/options_table.h"

/* The config file on its way into the table. */
typedef struct reader {
  const char *path;
  const fz_option *table;
  bool *given; /* [rows] set by the command line, then also by the file */
  fz_parsed *parsed;
} reader;

static int line_of(const yaml_node_t *node) {
  return (int)node->start_mark.line + 1;
}
static const char *scalar_text(const yaml_node_t *node) {
  return (const char *)node->data.scalar.value;
}

static bool is_null(const yaml_node_t *node) {
  const char *text = scalar_text(node);
  return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
         (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static fz_status keep_text(fz_parsed *parsed, const char *text, const char **kept, fz_error *err) {
  char **grown = fz_realloc(parsed->text, parsed->n_texts + 1, sizeof *grown);
  char *copy = fz_strdup(text);
  if (grown) parsed->text = grown;
  if (!grown || !copy) {
    fz_free(&copy);
    return fz_fail(err, FZ_ENOMEM, "no memory for the config file");
  }
  *kept = parsed->text[parsed->n_texts++] = copy;
  return FZ_OK;
}

/* Put the file and line in front of what fz_option_set or fz_option_unknown said. */
static fz_status at_line(const reader *r, const yaml_node_t *node, fz_status st, fz_error *err) {
  if (st == FZ_OK || st == FZ_ENOMEM || !err) return st;
  fz_error inner = *err;
  return fz_fail(err, st, "%s:%d: %s", r->path, line_of(node), inner.text);
}

/* What a scalar says; bytes that are no text stand as !!binary. */
static fz_status read_scalar(reader *r, const yaml_node_t *node, const char **text, fz_error *err) {
  char *bytes = NULL;
  size_t n = node->data.scalar.length;
  fz_status st = FZ_OK;
  if (strcmp((const char *)node->tag, "tag:yaml.org,2002:binary") == 0)
    st = fz_base64_read(scalar_text(node), &bytes, &n);
  if (st == FZ_ENOMEM) return fz_fail(err, st, "no memory for the config file");
  const char *is = bytes ? bytes : scalar_text(node);
  if (st != FZ_OK || strlen(is) != n)
    st = fz_fail(err, FZ_EINVAL, "%s:%d: %s", r->path, line_of(node),
                 st != FZ_OK ? "!!binary without base64 behind it" : "a value holds a zero byte");
  else
    st = keep_text(r->parsed, is, text, err);
  fz_free(&bytes);
  return st;
}

static fz_status set_scalar(reader *r, const fz_option *option, const yaml_node_t *node, fz_error *err) {
  if (node->type != YAML_SCALAR_NODE)
    return fz_fail(err, FZ_EINVAL, "%s:%d: %s must be one plain value", r->path, line_of(node), option->name);
  const char *text = NULL;
  fz_status st = read_scalar(r, node, &text, err);
  if (st != FZ_OK) return st;
  return at_line(r, node, fz_option_set(option, text, err), err);
}

static fz_status set_value(reader *r, const fz_option *option, yaml_document_t *document, yaml_node_t *node,
                           fz_error *err) {
  if (node->type == YAML_SCALAR_NODE && is_null(node)) {
    fz_option_reset(option);
    return FZ_OK;
  }
  if (option->type == FZ_OPTION_LIST) fz_option_unset(option);
  if (option->type != FZ_OPTION_LIST || node->type != YAML_SEQUENCE_NODE) return set_scalar(r, option, node, err);
  fz_status st = FZ_OK;
  for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top && st == FZ_OK; i++)
    st = set_scalar(r, option, yaml_document_get_node(document, *i), err);
  return st;
}

static fz_status set_pair(reader *r, yaml_document_t *document, const yaml_node_pair_t *pair, bool *seen,
                          fz_error *err) {
  yaml_node_t *key = yaml_document_get_node(document, pair->key);
  yaml_node_t *value = yaml_document_get_node(document, pair->value);
  if (key->type != YAML_SCALAR_NODE)
    return fz_fail(err, FZ_EINVAL, "%s:%d: an option name is expected here", r->path, line_of(key));
  const char *name = scalar_text(key);
  int row = fz_option_find(r->table, name, strlen(name));
  if (row < 0) return at_line(r, key, fz_option_unknown(r->table, "", name, err), err);
  if (strcmp(name, "config") == 0)
    return fz_fail(err, FZ_EINVAL, "%s:%d: a config file cannot name another one", r->path, line_of(key));
  if (seen[row]) return fz_fail(err, FZ_EINVAL, "%s:%d: %s is set twice", r->path, line_of(key), name);
  seen[row] = true;
  if (r->given[row]) return FZ_OK;
  r->given[row] = !(value->type == YAML_SCALAR_NODE && is_null(value));
  return set_value(r, &r->table[row], document, value, err);
}

static fz_status read_document(reader *r, yaml_document_t *document, fz_error *err) {
  yaml_node_t *root = yaml_document_get_root_node(document);
  if (!root || (root->type == YAML_SCALAR_NODE && is_null(root))) return FZ_OK;
  if (root->type != YAML_MAPPING_NODE)
    return fz_fail(err, FZ_EINPUT, "%s:%d: expected lines of the form 'name: value'", r->path, line_of(root));
  bool *seen = fz_alloc(fz_option_count(r->table), sizeof *seen);
  if (!seen) return fz_fail(err, FZ_ENOMEM, "no memory for the config file");
  fz_status st = FZ_OK;
  for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top && st == FZ_OK; p++)
    st = set_pair(r, document, p, seen, err);
  fz_free(&seen);
  return st;
}

fz_status fz_options_read_yaml(const char *path, const fz_option *table, bool *given, fz_parsed *parsed,
                               fz_error *err) {
  FILE *file = fopen(path, "rb");
  if (!file) return fz_fail(err, FZ_EINPUT, "%s: cannot open the config file: %s", path, strerror(errno));
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser)) {
    fclose(file);
    return fz_fail(err, FZ_ENOMEM, "no memory for the config file");
  }
  yaml_parser_set_input_file(&parser, file);
  yaml_document_t document;
  fz_status st;
  if (yaml_parser_load(&parser, &document)) {
    reader r = {.path = path, .table = table, .given = given, .parsed = parsed};
    st = read_document(&r, &document, err);
    yaml_document_delete(&document);
  } else if (parser.error == YAML_READER_ERROR && ferror(file)) {
    st = fz_fail(err, FZ_EIO, "%s: cannot read the config file: %s", path, strerror(errno));
  } else {
    st = fz_fail(err, FZ_EINPUT, "%s:%d: not valid YAML: %s", path, (int)parser.problem_mark.line + 1,
                 parser.problem ? parser.problem : "unreadable");
  }
  yaml_parser_delete(&parser);
  fclose(file);
  return st;
}
