/* MRC2014 maps and image stacks: read in every mode and byte order in use, written as 32-bit reals.
 *  source  Cheng et al. 2015, J. Struct. Biol. 192, 146-150; https://www.ccpem.ac.uk/mrc_format/mrc2014.php
 *  shape   sections of rows of columns, columns fastest; voxel [z][y][x] once the file's axis order is undone
 *  units   Angstrom; a voxel size of 0 means that the file does not say */
#ifndef FZ_IO_MRC_H
#define FZ_IO_MRC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "model/map.h"

typedef struct fz_io_mrc_header {
  int64_t nx, ny, nz;                 /* columns, rows, sections, in the file's order */
  int mode;                           /* 0 int8, 1 int16, 2 float32, 6 uint16, 12 float16 */
  bool swapped;                       /* the other byte order than this machine's */
  bool unsigned_bytes;                /* mode 0 by the convention before 2014 */
  bool stamp_wrong;                   /* byte order found from the content, not from the machine stamp */
  int axis[3];                        /* 1, 2, 3 = x, y, z along columns, rows, sections */
  int ispg;                           /* 0 image stack, 1..230 volume, 401.. stack of volumes */
  double voxel_A[3];                  /* along x, y, z; 0 = unknown */
  double minimum, maximum, mean, rms; /* as the header states them; often unset */
  int64_t data_offset;                /* bytes before the first pixel: 1024 and the extended header */
  int64_t file_bytes;
  int64_t whole;  /* sections that the file holds to their end: nz, or fewer when it is truncated */
  char label[81]; /* the first label, without trailing blanks */
} fz_io_mrc_header;

typedef struct fz_io_mrc fz_io_mrc;

/** Open a map or stack; the header is validated against the length of the file.
 *  owns    *out: the caller, fz_io_mrc_close.  calls local
 *  fails   FZ_EINPUT: missing, not an MRC file, unknown mode, truncated (with expected and actual bytes); FZ_ENOMEM */
fz_status fz_io_mrc_open(const char *path, fz_io_mrc **out, fz_error *err);
/** The same for stacks of which some images may be missing at the end: a truncated file is opened, and reading images
 *  beyond `whole` fails with FZ_EINPUT. */
fz_status fz_io_mrc_open_part(const char *path, fz_io_mrc **out, fz_error *err);
/** The sentence that says how much of a truncated file is missing, in text [room]. */
void fz_io_mrc_say_truncated(const fz_io_mrc_header *header, char *text, int room);
void fz_io_mrc_close(fz_io_mrc **mrc);
const fz_io_mrc_header *fz_io_mrc_header_view(const fz_io_mrc *mrc);

/** Pixels of sections [first, first + count) converted to float, [count][ny][nx].
 *  calls   local, thread-safe on one handle (pread)
 *  fails   FZ_EINPUT when the sections are beyond the end, FZ_EIO, FZ_ENOMEM */
fz_status fz_io_mrc_read_slices(const fz_io_mrc *mrc, int64_t first, int64_t count, float *pixels, fz_error *err);

/** Bytes per pixel of a mode; 0 for modes that are not read. */
int fz_io_mrc_mode_bytes(int mode);

/** A file is a stack of images rather than one volume: ISPG 0, unless it is a cube not called .mrcs. local */
bool fz_io_mrc_is_stack(const char *path, const fz_io_mrc_header *header);

/** Read a cubic map, in x, y, z order whatever the file's axis order.
 *  owns    map->voxel: the caller, fz_map_clear; on failure the map is cleared
 *  fails   as fz_io_mrc_open; FZ_EINPUT with the shape when the map is not a cube */
fz_status fz_io_map_read(const char *path, fz_map *map, fz_error *err);

/** Write a map (mode 2, ISPG 1) under a temporary name, then rename: the final name is complete or absent.
 *  `label` (at most 80 characters) says what it is; NULL writes the program's name.
 *  calls   local, one caller per path;  fails FZ_EIO, FZ_ENOMEM */
fz_status fz_io_map_write(const char *path, const fz_map *map, const char *label, fz_error *err);

/* A stack of n images being written. */
typedef struct fz_io_stack fz_io_stack;

/** Start a stack (mode 2, ISPG 0) of n images of box x box pixels; voxel_A 0 = unknown. local
 *  owns    *out: the caller, fz_io_stack_close or fz_io_stack_abandon */
fz_status fz_io_stack_create(const char *path, int box, int64_t n, double voxel_A, fz_io_stack **out, fz_error *err);
/** Write images [first, first + count), pixels [count][box][box]; any order, thread-safe on distinct images. */
fz_status fz_io_stack_write(fz_io_stack *stack, int64_t first, int64_t count, const float *pixels, fz_error *err);
/** Write the header with the statistics, fsync and rename; frees the stack and sets NULL in every case.
 *  fails   FZ_EINVAL when an image was never written, FZ_EIO; then nothing is left behind */
fz_status fz_io_stack_close(fz_io_stack **stack, fz_error *err);
/** Give up: remove the partial file and free; accepts NULL. */
void fz_io_stack_abandon(fz_io_stack **stack);

/* Several processes can write one stack: one creates it, the others join, each writes its images; then the records are
 * brought together, the others leave, and the creator closes. */
/** Join a stack that another process has created with the same arguments and not yet closed. As fz_io_stack_create;
 *  a joined stack ends with fz_io_stack_leave, or with abandon, which leaves the file to its creator. */
fz_status fz_io_stack_join(const char *path, int box, int64_t n, double voxel_A, fz_io_stack **out, fz_error *err);
/** The statistics of the images, one record each, [n] of *record_bytes; those of images written here are filled in. */
void *fz_io_stack_records_view(fz_io_stack *stack, size_t *record_bytes);
/** Flush what was written here to the disk and leave a joined stack; frees it in every case. fails FZ_EIO */
fz_status fz_io_stack_leave(fz_io_stack **stack, fz_error *err);

#endif
