/* A map on another grid of the same physical box, by cropping or padding its Fourier transform. */
#ifndef FZ_MODEL_RESAMPLE_H
#define FZ_MODEL_RESAMPLE_H
#include "core/status.h"

/** out [m_out]^3 takes the values of in [m_in]^3 at its own grid points; frequencies that one of the grids lacks, and
 *  Nyquist frequencies of the smaller even grid, are dropped.  Both centred at index m/2.  calls local. fails FZ_ENOMEM
 */
fz_status fz_resample(const double *in, int m_in, double *out, int m_out);

#endif
