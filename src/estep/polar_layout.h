/* How the polar engine stores angular spectra: pairs (angular frequency q, ring r), frequencies outermost.
 *  maths   f(r, theta) on n angles has the spectrum f_q(r), q = 0 .. n/2 - 1; images are real, so f(r, theta + pi) is
 *          the conjugate of f(r, theta), f_{-q} = (-1)^q conj f_q, and q >= 0 tells all.  A slice of a map that lies
 *          within a sphere of radius rho (in boxes) holds nothing above q = 2 pi r rho and a short tail (Bessel
 *          functions of order q at 2 pi r rho vanish there), so low rings have few frequencies: pairs that hold nothing
 *          are not stored, and cost nothing.
 *  layout  pair (q, r) at first[q] + r - lowest[q], rings lowest[q] .. n_rings - 1 of each q together */
#ifndef FZ_ESTEP_POLAR_LAYOUT_H
#define FZ_ESTEP_POLAR_LAYOUT_H
#include <stddef.h>

#include "core/status.h"
#include "model/rings.h"

typedef struct fz_polar_layout {
  int n_rings, n_angles;
  int top;           /* highest angular frequency kept */
  int step;          /* frequencies are 0, step, 2 step, ..: 1 for images and slices, 2 for their squares */
  ptrdiff_t n_pairs; /* all pairs */
  int *lowest;       /* [top + 1] first ring that holds frequency q */
  ptrdiff_t *first;  /* [top + 2] its index; first[top + 1] = n_pairs */
  int left_out;      /* highest rings that products pass over: 0 but in copies that borrow the arrays */
} fz_polar_layout;

/** Spectra of slices of a map within a sphere of radius rho (boxes).  fails FZ_ENOMEM.  owns the caller */
fz_status fz_polar_layout_slices(fz_polar_layout *layout, const fz_rings *rings, double rho);
/** Spectra of |slice|^2 and of c^2: even frequencies only, all rings of norms. */
fz_status fz_polar_layout_squares(fz_polar_layout *layout, const fz_rings *rings);
void fz_polar_layout_clear(fz_polar_layout *layout);

#endif
