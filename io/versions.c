#include "io/versions.h"

#include <hdf5.h>
#include <libxml/parser.h>
#include <libxml/xmlversion.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>
#include <zlib.h>

#ifndef H5_HAVE_PARALLEL
#error "Frazil needs HDF5 built with MPI"
#endif

void fz_io_versions(fz_version_sink sink, void *context) {
  unsigned major, minor, release;
  char text[80];
  if (H5get_libversion(&major, &minor, &release) >= 0) {
    snprintf(text, sizeof text, "%u.%u.%u, parallel: yes", major, minor, release);
    sink(context, "HDF5", text);
  }
  sink(context, "libpng", png_get_libpng_ver(NULL));
  int xml = atoi(xmlParserVersion); /* 20914 = 2.9.14 */
  snprintf(text, sizeof text, "%d.%d.%d", xml / 10000, xml / 100 % 100, xml % 100);
  sink(context, "libxml2", text);
  sink(context, "libyaml", yaml_get_version_string());
  sink(context, "zlib", zlibVersion());
}
