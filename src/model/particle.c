#include "model/particle.h"

#include <stddef.h>

#include "core/memory.h"

void fz_particles_clear(fz_particles *table) {
  for (int i = 0; i < table->n_stacks; i++) fz_free(&table->stack_path[i]);
  fz_free(&table->stack_path);
  fz_free(&table->particle);
  fz_free(&table->optics);
  *table = (fz_particles){0};
}
