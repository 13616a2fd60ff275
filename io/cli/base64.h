/* Bytes as letters (RFC 4648): what YAML's !!binary holds. */
#ifndef FZ_CLI_BASE64_H
#define FZ_CLI_BASE64_H
#include <stdio.h>

#include "core/status.h"

/** Write n bytes, padded with '='. */
void fz_base64_write(const void *bytes, size_t n, FILE *out);
/** The bytes of a text of letters and blanks, a NUL behind them.
 *  owns    *bytes: the caller, fz_free.  fails FZ_EINVAL when it is no such text, FZ_ENOMEM.  calls local */
fz_status fz_base64_read(const char *text, char **bytes, size_t *n);

#endif
