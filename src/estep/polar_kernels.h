/* The inner loops of the polar engine, over 16 directions (lanes) at a time.  Compiled for float and for double and for
 * several instruction sets; fz_polar_kernels_best picks at run time.
 *  maths   an image (row) has spectrum x_q(r), a slice s_q(r); its score at in-plane angle psi, norm and prior
 * included: score(psi) = sum_q g_q exp(i q psi),  g_q = sum_r conj(x_q(r)) s_q(r) + norm_q,  g_{-q} = conj g_q Two rows
 * a, b make one complex transform of z = g_a + i g_b, whose real part is a's scores, imaginary b's. layout  lanes
 * innermost: complex lane data is [..][2][16], real and imaginary parts; pairs (q, r) as in polar_layout.h.  Rows come
 * in groups of FZ_POLAR_ROWS, each row its own array [n_pairs][2] calls   all local, thread-safe, no allocation; the
 * arithmetic of a pair of rows does not depend on the group's others source  algorithms of FFT-based rotational
 * matching; Stockham's self-sorting transform */
#ifndef FZ_ESTEP_POLAR_KERNELS_H
#define FZ_ESTEP_POLAR_KERNELS_H
#include "core/real.h"
#include "estep/polar_layout.h"

enum {
  FZ_POLAR_LANES = 16,
  FZ_POLAR_CELL = 2 * FZ_POLAR_LANES,
  FZ_POLAR_ROWS = 12,
  FZ_POLAR_PAIRS = FZ_POLAR_ROWS / 2
};

#define fz_polar_fft FZ_REAL_NAME(fz_polar_fft)
#define fz_polar_fft_init FZ_REAL_NAME(fz_polar_fft_init)
#define fz_polar_fft_clear FZ_REAL_NAME(fz_polar_fft_clear)
#define fz_polar_kernels FZ_REAL_NAME(fz_polar_kernels)
#define fz_polar_kernels_best FZ_REAL_NAME(fz_polar_kernels_best)

/* A transform of length n = product of radices, each 2, 3, 4, 5 or 8. */
typedef struct fz_polar_fft {
  int n, passes, radix[16];
  fz_real *twiddle; /* pass by pass [n / (radices so far)][radix - 1][2] */
} fz_polar_fft;

/** fails FZ_EINVAL when n has other prime factors or is below 4, FZ_ENOMEM.  owns the caller */
fz_status fz_polar_fft_init(fz_polar_fft *fft, int n);
void fz_polar_fft_clear(fz_polar_fft *fft);

typedef struct fz_polar_kernels {
  const char *name;
  /** z of FZ_POLAR_PAIRS pairs of rows against one block of slices.
   *  shape   row [FZ_POLAR_ROWS] pointers; norm [FZ_POLAR_ROWS] pointers to lane cells of the even q (0, 2, ..), or
   * NULL for none; offset [FZ_POLAR_ROWS] is added to every score of the row, lane_offset [16] to every lane; slices
   * [n_pairs] cells; z [FZ_POLAR_PAIRS][n_angles] cells, of which |q| <= top are written.  Without the highest
   * l->left_out rings */
  void (*products)(const fz_polar_layout *l, const fz_real *const *row, const fz_real *const *norm,
                   const fz_real *offset, const fz_real *lane_offset, const fz_real *slices, fz_real *z);
  /** out(p) = sum_q in(q) exp(+2 pi i p q / n); in is kept.  shape in, work, out [n] cells, no overlap; returns where
   *  the result is (work or out).  largest [2]: largest real and imaginary part of all lanes */
  fz_real *(*transform)(const fz_polar_fft *fft, const fz_real *in, fz_real *work, fz_real *out, fz_real *largest);
  /** Sum of exp(score - shift) of one part (0 real, 1 imaginary) of n cells; shift >= the largest score. */
  double (*sum_exp)(const fz_real *cells, int n, int part, fz_real shift);
  /** log sum exp over n cells of one part, lane by lane: logs [16]. */
  void (*lane_logs)(const fz_real *cells, int n, int part, fz_real *logs);
  /** Scores to posterior weights in place: exp(score - log_total), 0 below floor_weight, for one part of n cells.
   *  moment += sum weight x score; lanes [16] += sums over cells by lane; returns the sum */
  double (*weights)(fz_real *cells, int n, int part, fz_real log_total, fz_real floor_weight, double *moment,
                    fz_real *lanes);
  /** Spectra of the two real rows of a transformed pair: g_a = (z_q + conj z_{-q})/2, g_b = (z_q - conj z_{-q})/2i,
   *  q = 0 .. top.  shape z [n_angles] cells; a, b: cell q at a + q stride */
  void (*untangle)(const fz_real *z, int n_angles, int top, fz_real *a, fz_real *b, ptrdiff_t stride);
  /** sum(q, r) += sum over rows of x_q(r) conj(gamma_q): the adjoint of products.
   *  shape   gamma [top / step + 1][n_rows] cells; sum [n_pairs] cells */
  void (*accumulate)(const fz_polar_layout *l, int n_rows, const fz_real *const *row, const fz_real *gamma,
                     fz_real *sum);
  /** norm_q = scale * sum_r conj(x_q(r)) s_q(r) for one row at the frequencies of the layout (0, step, ..).
   *  shape   norm [top / step + 1] cells */
  void (*norms)(const fz_polar_layout *l, const fz_real *row, fz_real scale, const fz_real *slices, fz_real *norm);
} fz_polar_kernels;

/** The kernels for this processor. */
const fz_polar_kernels *fz_polar_kernels_best(void);

#endif
