/* Writes one of each kind of file with the library, for files.sh: map.mrc, stack.mrcs, particles.star. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/mrc.h"
#include "io/particles.h"

enum { BOX = 16, N = 5, PLANE = BOX * BOX };

static void must(fz_status st, const fz_error *err) {
  if (st == FZ_OK) return;
  fprintf(stderr, "%s\n", err->text);
  exit(1);
}

int main(void) {
  fz_error err = {0};
  static float voxel[BOX * BOX * BOX], image[N * PLANE];
  for (int i = 0; i < BOX * BOX * BOX; i++) voxel[i] = (float)(i % 97) - 20;
  for (int i = 0; i < N * PLANE; i++) image[i] = (float)(i % 89) / 8;
  fz_map map = {.n = BOX, .voxel_A = 1.25, .voxel = voxel};
  must(fz_io_map_write("map.mrc", &map, "a map for other programs", &err), &err);

  fz_io_stack *stack;
  must(fz_io_stack_create("stack.mrcs", BOX, N, 1.25, &stack, &err), &err);
  must(fz_io_stack_write(stack, 0, N, image, &err), &err);
  must(fz_io_stack_close(&stack, &err), &err);

  fz_optics optics = {.voltage_kV = 300,
                      .cs_mm = 2.7,
                      .amplitude_contrast = 0.1,
                      .pixel_A = 1.25,
                      .box = BOX,
                      .has_ctf = true,
                      .name = "group1"};
  fz_particle particle[N] = {0};
  for (int i = 0; i < N; i++)
    particle[i] = (fz_particle){.rot_deg = 40 * i,
                                .tilt_deg = 30 * i,
                                .psi_deg = 10 * i,
                                .origin_x_A = 0.5 * i,
                                .ctf = {.defocus_u_A = 10000, .defocus_v_A = 9500, .defocus_angle_deg = 20, .scale = 1},
                                .slice = i,
                                .subset = 1 + i % 2};
  char name[] = "stack.mrcs", *names[] = {name};
  fz_particles table = {
      .n = N, .particle = particle, .n_optics = 1, .optics = &optics, .n_stacks = 1, .stack_path = names};
  fz_io_particles *particles;
  fz_io_particles_output what = {.comment = "written for other programs"};
  must(fz_io_particles_from_table(&table, NULL, &particles, &err), &err);
  must(fz_io_particles_write(particles, "particles.star", &what, &err), &err);
  fz_io_particles_destroy(&particles);
  return fz_memory_blocks() == 0 ? 0 : 1;
}
