/* A cubic real-space map. voxel [z][y][x], x fastest; the rotation centre is at index n/2 (integer division). */
#ifndef FZ_MODEL_MAP_H
#define FZ_MODEL_MAP_H

typedef struct fz_map {
  int n;
  double voxel_A; /* 0 = unknown */
  float *voxel;   /* [n][n][n], from fz_alloc; fz_map_clear frees */
} fz_map;

void fz_map_clear(fz_map *map);

#endif
