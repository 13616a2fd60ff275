#include "model/ctf.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

double fz_ctf_wavelength_A(double voltage_kV) {
  double v = voltage_kV * 1e3;
  return 12.2643247 / sqrt(v * (1.0 + v * 0.978466e-6));
}

double fz_ctf_value(const fz_ctf *ctf, const fz_optics *optics, double kx, double ky) {
  if (!optics->has_ctf) return 1.0;
  double lambda = fz_ctf_wavelength_A(optics->voltage_kV), cs_A = optics->cs_mm * 1e7;
  double k2 = kx * kx + ky * ky, angle = atan2(ky, kx) - ctf->defocus_angle_deg * (PI / 180.0);
  double mean = 0.5 * (ctf->defocus_u_A + ctf->defocus_v_A), half = 0.5 * (ctf->defocus_u_A - ctf->defocus_v_A);
  double dz = mean + half * cos(2.0 * angle);
  double gamma = -PI * lambda * dz * k2 + 0.5 * PI * cs_A * lambda * lambda * lambda * k2 * k2 -
                 asin(optics->amplitude_contrast) - ctf->phase_shift_deg * (PI / 180.0);
  return -sin(gamma) * ctf->scale * exp(-0.25 * ctf->b_factor_A2 * k2);
}
