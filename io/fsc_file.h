/* Fourier shell correlations as files that other programs read. */
#ifndef FZ_IO_FSC_FILE_H
#define FZ_IO_FSC_FILE_H
#include "core/status.h"

/** STAR with the title as a comment (may be empty; one line) and one loop `data_fsc` in RELION's names:
 * rlnSpectralIndex, rlnResolution (1/Angstrom), rlnAngstromResolution (999 for shell 0), rlnFourierShellCorrelation.
 *  shape   fsc [n/2 + 1].  calls local; complete under its name or absent
 *  fails   FZ_EINVAL when the voxel size is unknown, FZ_EIO, FZ_ENOMEM */
fz_status fz_io_fsc_write_star(const char *path, const char *title, int n, double voxel_A, const double *fsc,
                               fz_error *err);

/** XML as the EM Data Bank takes it: <fsc title xaxis yaxis><coordinate><x/><y/></coordinate>..., x in 1/Angstrom.
 *  `title` may be empty.  Otherwise as above. */
fz_status fz_io_fsc_write_xml(const char *path, const char *title, int n, double voxel_A, const double *fsc,
                              fz_error *err);

#endif
