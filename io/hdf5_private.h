/* What the two HDF5 modules share (hdf5.c reads, hdf5_image.c lays out). */
#ifndef FZ_IO_HDF5_PRIVATE_H
#define FZ_IO_HDF5_PRIVATE_H
#include <hdf5.h>

#include "core/state.h"

/** Failures are told by our messages, not by HDF5's on the terminal. */
void fz_io_h5_be_quiet(void);
/** The type in the file: little-endian. borrowed */
hid_t fz_io_h5_file_type(fz_state_type type);

#endif
