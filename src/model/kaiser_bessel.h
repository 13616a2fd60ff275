/* Kaiser-Bessel interpolation kernel of width 4 for grids oversampled at least twofold.
 *  maths   phi(u) = I0(beta sqrt(1 - (u/2)^2)) / I0(beta) for |u| < 2, else 0
 *          its transform phi^(x) = integral phi(u) exp(-2 pi i u x) du = 4 sinh(s)/(s I0(beta)), s^2 = beta^2 - (4 pi
 * x)^2 source  Jackson et al. 1991 (kernel), Beatty et al. 2005 (beta for width 4, oversampling 2) */
#ifndef FZ_MODEL_KAISER_BESSEL_H
#define FZ_MODEL_KAISER_BESSEL_H

enum { FZ_KB_WIDTH = 4, FZ_KB_TABLE = 1024 };

double fz_kb_value(double u);
/** phi^(x), x in cycles per grid spacing, |x| <= 1/4 for twofold oversampling. */
double fz_kb_transform(double x);
/** Weights of the four taps around a point: row t of [FZ_KB_TABLE + 1][4] holds phi(1+f), phi(f), phi(1-f), phi(2-f) at
 *  f = t / FZ_KB_TABLE; interpolate linearly between rows (error below 1e-6). */
void fz_kb_fill_table_f32(float *table);
void fz_kb_fill_table_f64(double *table);

#endif
