/* Status codes and error details.  A function that the outside world can make fail returns fz_status
 * and fills a caller-owned fz_error; a programming error goes through FZ_ASSERT to the fatal hook. */
#ifndef FZ_CORE_STATUS_H
#define FZ_CORE_STATUS_H

typedef enum fz_status {
  FZ_OK = 0,
  FZ_EINVAL,    /* an argument or option is wrong                          -> exit 1  */
  FZ_EINPUT,    /* a file's content is wrong, missing or unsupported       -> exit 1  */
  FZ_EIO,       /* the system refused to read or write                     -> exit 2  */
  FZ_ENOMEM,    /* memory                                                  -> exit 2  */
  FZ_EDIVERGED, /* an iteration left the finite numbers or went uphill    -> exit 2  */
  FZ_ESTOPPED,  /* a stop request was honoured and a checkpoint stands     -> exit 75 */
  FZ_EINTERNAL  /* should not happen                                       -> exit 2  */
} fz_status;

typedef struct fz_error {
  fz_status code;
  char text[640];
} fz_error;

/** Record a failure and return its code, so that `return fz_fail(err, FZ_EINPUT, "%s:%ld: ...", ...)` reads well.
 *  owns    nothing; err may be NULL.  calls local, thread-safe on distinct err */
fz_status fz_fail(fz_error *err, fz_status code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** The process exit code that a status stands for (0, 1, 2 or 75). */
int fz_status_exit_code(fz_status st);
const char *fz_status_name(fz_status st);

/** Called with a complete message when the program cannot go on (assertions, failures inside a collective library
 *  call).  It must not return; the parallel layer installs one that ends in MPI_Abort. */
typedef void (*fz_fatal_hook)(const char *message);
void fz_set_fatal_hook(fz_fatal_hook hook);
_Noreturn void fz_fatal(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define FZ_TRY(expression)      \
  do {                          \
    st = (expression);          \
    if (st != FZ_OK) goto done; \
  } while (0)
#define FZ_ASSERT(condition)                                                            \
  do {                                                                                  \
    if (!(condition)) fz_fatal(__FILE__, __LINE__, "assertion failed: %s", #condition); \
  } while (0)

#endif
