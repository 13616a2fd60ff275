/* The options of reconstruct, for every command that takes them. */
#ifndef FZ_CLI_RECONSTRUCT_COMMAND_H
#define FZ_CLI_RECONSTRUCT_COMMAND_H
#include "io/cli/reconstruction.h"

typedef fz_status (*fz_reconstruct_action)(fz_mpi *comm, const fz_reconstruction_request *r, const fz_option *table,
                                           void *context, fz_error *err);

/** Parse them and act.  own: options that come first, for commands that only foresee a run, which then takes none of
 *  those that are about doing it, and needs no --output; NULL: reconstruct itself.
 *  calls collective.  fails as fz_options_parse and the action do */
fz_status fz_reconstruct_command(fz_mpi *comm, const fz_command *page, const fz_option *own,
                                 fz_reconstruct_action action, void *context, int argc, char **argv, fz_error *err);

#endif
