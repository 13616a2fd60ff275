#include "model/map.h"

#include <stddef.h>

#include "core/memory.h"

void fz_map_clear(fz_map *map) {
  fz_free(&map->voxel);
  *map = (fz_map){0};
}
