/* Versions of the file libraries. */
#ifndef FZ_IO_VERSIONS_H
#define FZ_IO_VERSIONS_H
#include "core/version.h"

/** HDF5 (and whether it is parallel), libpng, libxml2, libyaml, zlib.  calls local */
void fz_io_versions(fz_version_sink sink, void *context);

#endif
