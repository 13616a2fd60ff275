/* What an E-step returns, as exact integers: sums over images that any rank, thread or order reproduces bit for bit.
 *  maths   value = integer / scale; one power-of-two scale per section, from a bound that no sum can exceed
 *  layout  one int64 vector: per class B cells, A cells, gradient cells, class mass; then per noise group the residual
 *          and data power by shell and the image count; the log-likelihood gain; the direction and shift histograms */
#ifndef FZ_ESTEP_STATISTICS_H
#define FZ_ESTEP_STATISTICS_H
#include <stdint.h>

#include "core/status.h"
#include "model/cube.h"

typedef enum fz_section {
  FZ_SECTION_B,         /* [class][b cells][2]  sum of gamma c S* x w/sigma2, scattered on the 2m grid */
  FZ_SECTION_A,         /* [class][a cells]     sum of gamma c^2 w/sigma2, scattered on the 4m grid */
  FZ_SECTION_GRADIENT,  /* [class][b cells][2]  sum over poses of A_j P_j V - B_j, scattered on the 2m grid */
  FZ_SECTION_CLASS,     /* [class]              posterior mass */
  FZ_SECTION_RESIDUAL,  /* [group][shell]       sum of gamma |x - c S P V|^2 w/sigma2 */
  FZ_SECTION_IMAGES,    /* [group]              images */
  FZ_SECTION_GAIN,      /* [1]                  sum of log-likelihood gains over pure noise */
  FZ_SECTION_DIRECTION, /* [direction]          posterior mass */
  FZ_SECTION_SHIFT,     /* [shift]              posterior mass */
  FZ_SECTIONS
} fz_section;

enum { FZ_WANT_MOMENTS = 1, FZ_WANT_GRADIENT = 2 };

typedef struct fz_statistics_layout {
  int n_classes, n_groups, n_shells, n_directions, n_shifts, want;
  fz_cube b_cube, a_cube;
  ptrdiff_t offset[FZ_SECTIONS], length[FZ_SECTIONS]; /* in int64 words */
  double scale[FZ_SECTIONS];
  ptrdiff_t total;
} fz_statistics_layout;

/** bound_b, bound_a: largest |c x| w/sigma2 and c^2 w/sigma2 of any image; images: most that one sum may hold. */
fz_statistics_layout fz_statistics_layout_make(int m, int kmax, int n_classes, int n_groups, int n_directions,
                                               int n_shifts, int want, double bound_b, double bound_a, double images);

/** Room for gains up to `gain` nats per image and residuals of maps that fit worse than none by as much; for the start
 *  there is room for a million. */
void fz_statistics_bound_gains(fz_statistics_layout *layout, double gain, double images);

/** The section as doubles. */
void fz_statistics_read(const fz_statistics_layout *layout, const int64_t *words, fz_section section, double *out);
double fz_statistics_scalar(const fz_statistics_layout *layout, const int64_t *words, fz_section section, ptrdiff_t i);

#endif
