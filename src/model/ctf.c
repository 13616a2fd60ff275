#include "model/ctf.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

double fz_ctf_wavelength_A(double voltage_kV) {
  double v = voltage_kV * 1e3;
  return 12.2643247 / sqrt(v * (1.0 + v * 0.978466e-6));
}

fz_ctf_terms fz_ctf_prepare(const fz_ctf *ctf, const fz_optics *optics) {
  if (!optics->has_ctf) return (fz_ctf_terms){.offset = -0.5 * PI, .scale = 1.0};
  double lambda = fz_ctf_wavelength_A(optics->voltage_kV), cs_A = optics->cs_mm * 1e7;
  double mean = 0.5 * (ctf->defocus_u_A + ctf->defocus_v_A), half = 0.5 * (ctf->defocus_u_A - ctf->defocus_v_A);
  double twice = 2 * ctf->defocus_angle_deg * (PI / 180.0);
  return (fz_ctf_terms){.offset = -asin(optics->amplitude_contrast) - ctf->phase_shift_deg * (PI / 180.0),
                        .square = -PI * lambda * mean,
                        .along = -PI * lambda * half * cos(twice),
                        .across = -2 * PI * lambda * half * sin(twice),
                        .fourth = 0.5 * PI * cs_A * lambda * lambda * lambda,
                        .scale = ctf->scale,
                        .decay = -0.25 * ctf->b_factor_A2};
}

double fz_ctf_at(const fz_ctf_terms *t, double kx, double ky) {
  double k2 = kx * kx + ky * ky;
  double gamma =
      t->offset + t->square * k2 + t->along * (kx * kx - ky * ky) + t->across * kx * ky + t->fourth * k2 * k2;
  double c = -sin(gamma) * t->scale;
  return t->decay == 0 ? c : c * exp(t->decay * k2);
}

double fz_ctf_value(const fz_ctf *ctf, const fz_optics *optics, double kx, double ky) {
  fz_ctf_terms t = fz_ctf_prepare(ctf, optics);
  return fz_ctf_at(&t, kx, ky);
}
