/* Contrast transfer function of one particle, RELION's parameters and sign.
 *  maths   gamma(k) = -pi lambda dz(angle) k^2 + pi/2 Cs lambda^3 k^4 - asin(Q) - phase
 *          dz(angle) = (dU + dV)/2 + (dU - dV)/2 cos 2(angle - angle_U);   CTF = -sin(gamma) scale exp(-B k^2/4)
 *  units   Angstrom for lengths; CTF(0) = +Q, so protein is bright when images are as RELION wants them */
#ifndef FZ_MODEL_CTF_H
#define FZ_MODEL_CTF_H
#include <stdbool.h>

typedef struct fz_ctf {
  double defocus_u_A, defocus_v_A; /* underfocus positive */
  double defocus_angle_deg;        /* of U, from the image's x axis */
  double phase_shift_deg;
  double b_factor_A2; /* amplitude falls as exp(-B k^2 / 4) */
  double scale;       /* 1 unless the table says otherwise */
} fz_ctf;

typedef struct fz_optics {
  double voltage_kV, cs_mm, amplitude_contrast;
  double pixel_A;
  int box;                /* image edge in pixels */
  bool ctf_premultiplied; /* images are already multiplied by their CTF */
  bool has_ctf;           /* false: no CTF columns, c = 1 */
  char name[64];
} fz_optics;

/** Relativistic electron wavelength in Angstrom. */
double fz_ctf_wavelength_A(double voltage_kV);

/* gamma(k) = offset + square k^2 + along (kx^2 - ky^2) + across kx ky + fourth k^4, the same without trigonometry of
 * the angle; the amplitude is scale exp(decay k^2).  Without a CTF gamma stays at -pi/2, where it is 1. */
typedef struct fz_ctf_terms {
  double offset, square, along, across, fourth; /* radians, Angstrom */
  double scale, decay;
} fz_ctf_terms;

/** For many frequencies of one particle: fz_ctf_at(terms, ..) = fz_ctf_value(ctf, optics, ..).  calls local, pure */
fz_ctf_terms fz_ctf_prepare(const fz_ctf *ctf, const fz_optics *optics);
double fz_ctf_at(const fz_ctf_terms *terms, double kx, double ky);

/** CTF at the spatial frequency (kx, ky) in 1/Angstrom; 1 if !optics->has_ctf.  calls local, pure */
double fz_ctf_value(const fz_ctf *ctf, const fz_optics *optics, double kx, double ky);

#endif
