/* Atomic models, PDB or mmCIF by their first words. */
#include <math.h>

#include "fuzz.h"
#include "io/atoms.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  fuzz_file file = fuzz_open(bytes, n);
  fz_error err = {0};
  fz_atoms atoms;
  fz_status st = fz_io_atoms_read(file.path, &atoms, &err);
  for (ptrdiff_t i = 0; st == FZ_OK && i < atoms.n; i++)
    if (!isfinite(atoms.atom[i].at_A[0]) || atoms.atom[i].number < 1) abort();
  if (st == FZ_OK) fz_atoms_clear(&atoms);
  fuzz_close(&file, st, &err);
  return 0;
}
