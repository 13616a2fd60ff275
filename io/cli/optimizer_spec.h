/* Optimizers as users write them: NAME, or NAME:OPTION=VALUE,OPTION=VALUE,...  such as svrg-ii:step=0.1,memory=20. */
#ifndef FZ_CLI_OPTIMIZER_SPEC_H
#define FZ_CLI_OPTIMIZER_SPEC_H
#include "optim/optimizer.h"

typedef struct fz_optimizer_spec {
  const fz_optimizer_kind *kind;
  fz_optimizer_options options;
} fz_optimizer_spec;

/** Read `text`; spec->options holds what options not named start from.  An option that the optimizer does not read is
 *  refused with those that it does; NAME:help fails with these, too.  calls local.  fails FZ_EINVAL */
fz_status fz_optimizer_spec_parse(const char *text, fz_optimizer_spec *spec, fz_error *err);
/** One option of it, as in the text: "step", "0.1". */
fz_status fz_optimizer_spec_set(fz_optimizer_spec *spec, const char *name, const char *value, fz_error *err);
/** Names of all registered optimizers, "a, b, c"; static storage. */
const char *fz_optimizer_spec_names(void);

#endif
