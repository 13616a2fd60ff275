#include "io/mrc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/memory.h"
#include "io/file.h"
#include "io/mrc_header.h"

struct fz_io_mrc {
  int fd;
  char *path;
  fz_io_mrc_header header;
};

fz_status fz_io_mrc_open_part(const char *path, fz_io_mrc **out, fz_error *err) {
  fz_status st = FZ_OK;
  unsigned char bytes[FZ_MRC_HEADER_BYTES];
  struct stat info;
  *out = NULL;
  fz_io_mrc *mrc = fz_alloc(1, sizeof *mrc);
  if (!mrc) return fz_fail(err, FZ_ENOMEM, "%s: no memory", path);
  mrc->fd = -1;
  mrc->path = fz_strdup(path);
  if (!mrc->path) {
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory", path);
    goto done;
  }
  mrc->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (mrc->fd < 0 || fstat(mrc->fd, &info) != 0) {
    st = fz_fail(err, FZ_EINPUT, "%s: cannot open: %s", path, strerror(errno));
    goto done;
  }
  if (!S_ISREG(info.st_mode) || info.st_size < FZ_MRC_HEADER_BYTES) {
    st = fz_fail(err, FZ_EINPUT, "%s: not an MRC file: %s", path,
                 S_ISREG(info.st_mode) ? "shorter than the 1024 bytes of a header" : "not a regular file");
    goto done;
  }
  FZ_TRY(fz_io_file_pread(mrc->fd, path, bytes, sizeof bytes, 0, err));
  FZ_TRY(fz_io_mrc_header_decode(path, bytes, info.st_size, &mrc->header, err));
  *out = mrc;
  mrc = NULL;
done:
  fz_io_mrc_close(&mrc);
  return st;
}

fz_status fz_io_mrc_open(const char *path, fz_io_mrc **out, fz_error *err) {
  fz_status st = fz_io_mrc_open_part(path, out, err);
  if (st != FZ_OK || (*out)->header.whole == (*out)->header.nz) return st;
  char text[400];
  fz_io_mrc_say_truncated(&(*out)->header, text, (int)sizeof text);
  fz_io_mrc_close(out);
  return fz_fail(err, FZ_EINPUT, "%s: %s", path, text);
}

void fz_io_mrc_close(fz_io_mrc **mrc) {
  if (!*mrc) return;
  if ((*mrc)->fd >= 0) close((*mrc)->fd);
  fz_free(&(*mrc)->path);
  fz_free(mrc);
}

const fz_io_mrc_header *fz_io_mrc_header_view(const fz_io_mrc *mrc) {
  return &mrc->header;
}

/* IEEE 754 half precision, without needing the processor's help. */
static float half_to_float(uint16_t half) {
  int exponent = half >> 10 & 31, fraction = half & 1023;
  float value;
  if (exponent == 31)
    value = fraction ? NAN : INFINITY;
  else if (exponent == 0)
    value = ldexpf((float)fraction, -24);
  else
    value = ldexpf((float)(fraction + 1024), exponent - 25);
  return half >> 15 ? -value : value;
}

static void swap_words(void *raw, ptrdiff_t n, int size) {
  if (size == 2) {
    uint16_t *word = raw;
    for (ptrdiff_t i = 0; i < n; i++) word[i] = __builtin_bswap16(word[i]);
  } else if (size == 4) {
    uint32_t *word = raw;
    for (ptrdiff_t i = 0; i < n; i++) word[i] = __builtin_bswap32(word[i]);
  }
}

/* raw [n] in this machine's byte order, aligned for its type */
static void convert(const fz_io_mrc_header *h, const void *raw, ptrdiff_t n, float *out) {
  const int8_t *i8 = raw;
  const uint8_t *u8 = raw;
  const int16_t *i16 = raw;
  const uint16_t *u16 = raw;
  switch (h->mode) {
    case 0:
      for (ptrdiff_t i = 0; i < n; i++) out[i] = h->unsigned_bytes ? (float)u8[i] : (float)i8[i];
      break;
    case 1:
      for (ptrdiff_t i = 0; i < n; i++) out[i] = (float)i16[i];
      break;
    case 6:
      for (ptrdiff_t i = 0; i < n; i++) out[i] = (float)u16[i];
      break;
    default:
      for (ptrdiff_t i = 0; i < n; i++) out[i] = half_to_float(u16[i]);
      break;
  }
}

/* The narrow modes pass through a small buffer; nothing of the size of the request is allocated. */
static fz_status read_narrow(const fz_io_mrc *mrc, int64_t offset, ptrdiff_t n, float *pixels, fz_error *err) {
  enum { CHUNK = 1 << 14 };
  uint16_t raw[CHUNK];
  int size = fz_io_mrc_mode_bytes(mrc->header.mode);
  for (ptrdiff_t done = 0; done < n; done += CHUNK) {
    ptrdiff_t now = n - done < CHUNK ? n - done : CHUNK;
    fz_status st = fz_io_file_pread(mrc->fd, mrc->path, raw, now * size, offset + done * size, err);
    if (st != FZ_OK) return st;
    if (mrc->header.swapped) swap_words(raw, now, size);
    convert(&mrc->header, raw, now, pixels + done);
  }
  return FZ_OK;
}

fz_status fz_io_mrc_read_slices(const fz_io_mrc *mrc, int64_t first, int64_t count, float *pixels, fz_error *err) {
  const fz_io_mrc_header *h = &mrc->header;
  if (first < 0 || count < 0 || first > h->nz - count)
    return fz_fail(err, FZ_EINPUT, "%s: images %lld to %lld were asked for, but it has %lld", mrc->path,
                   (long long)first + 1, (long long)(first + count), (long long)h->nz);
  if (first + count > h->whole)
    return fz_fail(err, FZ_EINPUT, "%s: truncated: it ends within image %lld of %lld; copy it again", mrc->path,
                   (long long)h->whole + 1, (long long)h->nz);
  int64_t plane = h->nx * h->ny, n = plane * count;
  int64_t offset = h->data_offset + first * plane * fz_io_mrc_mode_bytes(h->mode);
  if (h->mode != 2) return read_narrow(mrc, offset, (ptrdiff_t)n, pixels, err);
  fz_status st = fz_io_file_pread(mrc->fd, mrc->path, pixels, n * 4, offset, err);
  if (st == FZ_OK && h->swapped) swap_words(pixels, (ptrdiff_t)n, 4);
  return st;
}

bool fz_io_mrc_is_stack(const char *path, const fz_io_mrc_header *h) {
  size_t length = strlen(path);
  bool named_stack = length >= 5 && strcmp(path + length - 5, ".mrcs") == 0;
  if (named_stack) return true;
  bool cube = h->nx == h->ny && h->ny == h->nz; /* old programs leave ISPG 0 in volumes too */
  return h->ispg == 0 && !cube;
}

/* file [n][n][n] sections, rows, columns -> voxel [z][y][x] */
static void undo_axis_order(const int *axis, ptrdiff_t n, const float *file, float *voxel) {
  const ptrdiff_t stride_of[4] = {0, 1, n, n * n};
  ptrdiff_t column = stride_of[axis[0]], row = stride_of[axis[1]], section = stride_of[axis[2]];
  for (ptrdiff_t s = 0; s < n; s++)
    for (ptrdiff_t r = 0; r < n; r++)
      for (ptrdiff_t c = 0; c < n; c++) voxel[s * section + r * row + c * column] = file[(s * n + r) * n + c];
}

static fz_status refuse_shape(const char *path, const fz_io_mrc_header *h, fz_error *err) {
  return fz_fail(err, FZ_EINPUT, "%s: not a cubic map: %lld x %lld x %lld voxels; pad or crop it to a cube", path,
                 (long long)h->nx, (long long)h->ny, (long long)h->nz);
}

static void warn_unequal_voxels(const char *path, const fz_io_mrc_header *h) {
  for (int i = 1; i < 3; i++)
    if (h->voxel_A[i] > 0 && fabs(h->voxel_A[i] - h->voxel_A[0]) > 0.01 * h->voxel_A[0]) {
      fz_log(FZ_LOG_WARN, "%s: the header's voxel is %g x %g x %g A; %g A is used for all axes", path, h->voxel_A[0],
             h->voxel_A[1], h->voxel_A[2], h->voxel_A[0]);
      return;
    }
}

fz_status fz_io_map_read(const char *path, fz_map *map, fz_error *err) {
  fz_io_mrc *mrc = NULL;
  float *file = NULL;
  *map = (fz_map){0};
  fz_status st = fz_io_mrc_open(path, &mrc, err);
  if (st != FZ_OK) return st;
  const fz_io_mrc_header *h = &mrc->header;
  if (h->nx != h->ny || h->ny != h->nz || h->nx > INT_MAX) {
    st = refuse_shape(path, h, err);
    goto done;
  }
  ptrdiff_t n = (ptrdiff_t)h->nx;
  bool ordered = h->axis[0] == 1 && h->axis[1] == 2 && h->axis[2] == 3;
  map->voxel = fz_alloc(n * n * n, sizeof(float));
  if (!ordered) file = fz_alloc(n * n * n, sizeof(float));
  if (!map->voxel || (!ordered && !file)) {
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory for %td^3 voxels", path, n);
    goto done;
  }
  FZ_TRY(fz_io_mrc_read_slices(mrc, 0, n, ordered ? map->voxel : file, err));
  if (!ordered) undo_axis_order(h->axis, n, file, map->voxel);
  for (ptrdiff_t i = 0; i < n * n * n; i++)
    if (!isfinite(map->voxel[i])) {
      st = fz_fail(err, FZ_EINPUT, "%s: voxel (x %td, y %td, z %td) is not a finite number", path, i % n, i / n % n,
                   i / n / n);
      goto done;
    }
  warn_unequal_voxels(path, h);
  map->n = (int)n;
  map->voxel_A = h->voxel_A[0];
done:
  fz_free(&file);
  fz_io_mrc_close(&mrc);
  if (st != FZ_OK) fz_map_clear(map);
  return st;
}

static void summarize(const float *x, ptrdiff_t n, fz_io_mrc_summary *s) {
  double sum = 0, square = 0;
  s->minimum = s->maximum = (double)x[0];
  for (ptrdiff_t i = 0; i < n; i++) {
    double v = (double)x[i];
    if (v < s->minimum) s->minimum = v;
    if (v > s->maximum) s->maximum = v;
    sum += v;
  }
  s->mean = sum / (double)n;
  for (ptrdiff_t i = 0; i < n; i++) square += ((double)x[i] - s->mean) * ((double)x[i] - s->mean);
  s->rms = sqrt(square / (double)n);
}

fz_status fz_io_map_write(const char *path, const fz_map *map, const char *label, fz_error *err) {
  unsigned char bytes[FZ_MRC_HEADER_BYTES];
  fz_io_output out;
  FZ_ASSERT(map->n > 0 && map->voxel);
  ptrdiff_t n = map->n;
  fz_io_mrc_summary summary = {.nx = n, .ny = n, .nz = n, .voxel_A = map->voxel_A, .volume = true, .label = label};
  summarize(map->voxel, n * n * n, &summary);
  fz_io_mrc_header_encode(&summary, bytes);
  fz_status st = fz_io_output_open(path, &out, err);
  if (st != FZ_OK) return st;
  FZ_TRY(fz_io_file_pwrite(out.fd, out.partial, bytes, sizeof bytes, 0, err));
  FZ_TRY(fz_io_file_pwrite(out.fd, out.partial, map->voxel, (int64_t)n * n * n * 4, sizeof bytes, err));
  FZ_TRY(fz_io_output_commit(&out, err));
done:
  fz_io_output_abandon(&out);
  return st;
}
