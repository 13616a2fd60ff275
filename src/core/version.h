/* What this build is: written into every output, so that a result can be traced to a binary. */
#ifndef FZ_CORE_VERSION_H
#define FZ_CORE_VERSION_H

/** "0.1.0" */
const char *fz_version(void);
/** The commit this build was configured from ("1a2b3c4d5e6f", "-dirty" when files differed), or "unknown". */
const char *fz_git_revision(void);
/** Compiler with its version, and the flags of the build type. */
const char *fz_compiler(void);
const char *fz_compiler_flags(void);

/** Called once per library: `version` is valid during the call only. */
typedef void (*fz_version_sink)(void *context, const char *name, const char *version);
/** Report the libraries this layer stands on, from the libraries themselves where they can tell. */
void fz_core_versions(fz_version_sink sink, void *context);

#endif
