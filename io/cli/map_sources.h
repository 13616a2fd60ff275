/* The maps that a command is given as files, atomic models or phantoms, brought to one box and pixel size. */
#ifndef FZ_CLI_MAP_SOURCES_H
#define FZ_CLI_MAP_SOURCES_H
#include "io/cli/options.h"
#include "model/map.h"

typedef struct fz_map_sources {
  fz_option_list maps, atoms, phantoms; /* used in this order */
  int64_t box;                          /* 0: that of the first map; else what the objects need */
  double pixel_A;                       /* 0: that of the first map, else 4 */
  double resolution_A;                  /* blur of atoms and phantoms; 0: four pixels */
} fz_map_sources;

int fz_map_sources_count(const fz_map_sources *s);

/** Load all; fills in what was 0 in `s`.  Maps of another box are padded with zeros or cropped about their centre.
 *  owns    map [fz_map_sources_count]: the caller, fz_map_clear each; cleared after a failure.  calls local
 *  fails   FZ_EINVAL, FZ_EINPUT naming the file: unequal pixel sizes, objects larger than the box, no numbers */
fz_status fz_map_sources_load(fz_map_sources *s, fz_map *map, fz_error *err);

#endif
