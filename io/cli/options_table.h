/* What the parser, the config reader and the help page share about one row of an option table. */
#ifndef FZ_CLI_OPTIONS_TABLE_H
#define FZ_CLI_OPTIONS_TABLE_H
#include "io/cli/options.h"

/** Index of the row called `name` (n characters, no dashes), or -1. */
int fz_option_find(const fz_option *table, const char *name, size_t n);
int fz_option_count(const fz_option *table);

/** Parse one value into the row's target; a list row gets it appended.
 *  owns    nothing: TEXT, CHOICE and LIST targets borrow `text`
 *  fails   FZ_EINVAL, naming option, value and what is allowed; the target is then unchanged */
fz_status fz_option_set(const fz_option *option, const char *text, fz_error *err);
/** Zero, NULL, false or the empty list. */
void fz_option_unset(const fz_option *option);
/** The default, from default_text; a default that does not parse is a programming error. */
void fz_option_reset(const fz_option *option);

/** Fail with "unknown option PREFIXname; did you mean PREFIXother?" */
fz_status fz_option_unknown(const fz_option *table, const char *prefix, const char *name, fz_error *err);

/** The allowed range of a number in words ("1 to 64", "at least 0"), empty when unchecked.
 *  shape   text [80] */
void fz_option_range(const fz_option *option, char *text);

/** Set every row that the YAML file names and that is not yet `given`, and mark it so.
 *  owns    strings go to parsed->text */
fz_status fz_options_read_yaml(const char *path, const fz_option *table, bool *given, fz_parsed *parsed, fz_error *err);

#endif
