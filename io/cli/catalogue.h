/* The commands that this binary has, with what `frazil --help` says about them. */
#ifndef FZ_CLI_CATALOGUE_H
#define FZ_CLI_CATALOGUE_H
#include <stdio.h>

#include "io/cli/command.h"

typedef struct fz_catalogue_entry {
  const char *name;
  fz_command_main run;
} fz_catalogue_entry;

/** Write the command groups and one-line summaries. */
void fz_catalogue_print(const fz_catalogue_entry *commands, int n, FILE *out);
/** The command called `name`; NULL with "unknown command ..." in err when there is none. */
const fz_catalogue_entry *fz_catalogue_find(const fz_catalogue_entry *commands, int n, const char *name, fz_error *err);

#endif
