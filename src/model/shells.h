/* Volumes seen shell by shell of their Fourier transform.
 *  shape   volumes [m]^3, centred at m/2; shell s holds the coefficients with round(|k|) = s, k in cycles per box */
#ifndef FZ_MODEL_SHELLS_H
#define FZ_MODEL_SHELLS_H
#include "core/status.h"

/* Means over one shell: |A|^2, |B|^2, Re A conj(B), A and B the unscaled transforms. */
typedef struct fz_shell_products {
  double aa, bb, ab;
} fz_shell_products;

/** whole: of the maps; turned: of what is left of them without their rotational averages (model/radial.h).  These are
 *  found without a single pose, and agree for any images of the same particle: what is left agrees only where poses do.
 *  shape   whole, turned [shells], shells <= m/2; turned may be NULL
 *  calls   local.  fails FZ_ENOMEM.  cost two m^3 transforms */
fz_status fz_shells_multiply(int m, const double *a, const double *b, int shells, fz_shell_products *whole,
                             fz_shell_products *turned);

/** Correlation over the shell; 0 where one of the maps has no power. */
double fz_shell_fsc(const fz_shell_products *p);

/** Shell at which a correlation first falls below `threshold` from shell 2 on (maps without a mean may have nothing in
 *  shell 1), by linear interpolation; kmax if it never does.
 *  shape fsc [kmax + 1] */
double fz_shells_part(const double *fsc, int kmax, double threshold);
/** The last shell that ends three whose mean correlation is at least `threshold`; 0 if there are none.  For maps
 * without their rotational averages: of a nearly round particle little is left of the first shells. */
double fz_shells_last(const double *fsc, int kmax, double threshold);

/** `to` takes the shells of `from` up to `last`, by a cosine over last .. last + 2.
 *  calls   local.  fails FZ_ENOMEM, `to` is then as before.  cost two m^3 transforms */
fz_status fz_shells_take(int m, const double *from, int last, double *to);

#endif
