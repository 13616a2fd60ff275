#include "model/atoms.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "model/phantom.h"

/* Two characters each, in the order of atomic number. */
static const char symbols[] =
    "H HELIBEB C N O F NENAMGALSIP S CLARK CASCTIV CRMNFECONICUZNGAGEASSEBRKRRBSRY ZRNBMOTCRURHPDAGCDINSNSBTEI XECSBA"
    "LACEPRNDPMSMEUGDTBDYHOERTMYBLUHFTAW REOSIRPTAUHGTLPBBIPOATRNFRRAACTHPAU NPPUAMCMBKCFESFMMDNOLRRFDBSGBHHSMTDSRGCN"
    "NHFLMCLVTSOG";
enum { ELEMENTS = (sizeof symbols - 1) / 2 };

void fz_atoms_clear(fz_atoms *atoms) {
  fz_free(&atoms->atom);
  *atoms = (fz_atoms){0};
}

static char upper(char c) {
  return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

int fz_element_number(const char *symbol, ptrdiff_t length) {
  if (length < 1 || length > 2) return 0;
  char first = upper(symbol[0]), second = length == 2 ? upper(symbol[1]) : ' ';
  if (first == 'D' && second == ' ') return 1;
  if (first == ' ') return 0;
  for (int e = 0; e < ELEMENTS; e++)
    if (symbols[2 * e] == first && symbols[2 * e + 1] == second) return e + 1;
  return 0;
}

fz_status fz_atoms_density(const fz_atoms *atoms, double resolution_A, fz_gaussians *g, fz_error *err) {
  static const double EIGHT_PI2 = 78.95683520871486;
  double blur = fz_resolution_width_A(resolution_A), mass = 0;
  *g = (fz_gaussians){.n = atoms->n, .item = fz_alloc(atoms->n, sizeof *g->item)};
  if (!g->item) return fz_fail(err, FZ_ENOMEM, "no memory for %td atoms", atoms->n);
  for (ptrdiff_t j = 0; j < atoms->n; j++) {
    const fz_atom *a = &atoms->atom[j];
    fz_gaussian *t = &g->item[j];
    memcpy(t->at_A, a->at_A, sizeof t->at_A);
    t->weight = a->occupancy * a->number;
    t->width_A = sqrt(blur * blur + fmax(0, a->b_factor_A2) / EIGHT_PI2);
    mass += t->weight;
  }
  if (!(mass > 0)) {
    fz_gaussians_clear(g);
    return fz_fail(err, FZ_EINPUT, "no atom has a positive occupancy");
  }
  fz_gaussians_centre(g);
  return FZ_OK;
}
