#include "io/mrc_header.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"

/* Byte offsets of the header's words. */
enum {
  AT_NX = 0,
  AT_MODE = 12,
  AT_MX = 28,
  AT_CELL = 40,
  AT_ANGLES = 52,
  AT_MAPC = 64,
  AT_DMIN = 76,
  AT_ISPG = 88,
  AT_NSYMBT = 92,
  AT_NVERSION = 108,
  AT_IMOD_STAMP = 152,
  AT_IMOD_FLAGS = 156,
  AT_MAP = 208,
  AT_STAMP = 212,
  AT_RMS = 216,
  AT_NLABL = 220,
  AT_LABEL = 224,
  LABEL_BYTES = 80
};
static const int64_t LARGEST_EDGE = 1 << 20;

static bool machine_is_little(void) {
  const uint16_t one = 1;
  unsigned char first;
  memcpy(&first, &one, 1);
  return first == 1;
}

static int32_t get_int(const unsigned char *bytes, int at, bool swapped) {
  uint32_t word;
  memcpy(&word, bytes + at, 4);
  if (swapped) word = __builtin_bswap32(word);
  int32_t value;
  memcpy(&value, &word, 4);
  return value;
}

static double get_real(const unsigned char *bytes, int at, bool swapped) {
  int32_t word = get_int(bytes, at, swapped);
  float value;
  memcpy(&value, &word, 4);
  return (double)value;
}

int fz_io_mrc_mode_bytes(int mode) {
  switch (mode) {
    case 0: return 1;
    case 1:
    case 6:
    case 12: return 2;
    case 2: return 4;
    default: return 0;
  }
}

static bool known_mode(int32_t mode) {
  return (mode >= 0 && mode <= 4) || mode == 6 || mode == 12 || mode == 101;
}

static bool axes_are_a_permutation(const int32_t *axis) {
  int seen = 0;
  for (int i = 0; i < 3; i++) {
    if (axis[i] < 1 || axis[i] > 3) return false;
    seen |= 1 << axis[i];
  }
  return seen == (1 << 1 | 1 << 2 | 1 << 3);
}

/* Could these bytes be a header in this byte order? */
static bool plausible(const unsigned char *bytes, bool swapped) {
  for (int i = 0; i < 3; i++) {
    int32_t n = get_int(bytes, AT_NX + 4 * i, swapped);
    if (n < 1 || n > LARGEST_EDGE * (i == 2 ? 1024 : 1)) return false;
  }
  int32_t axis[3];
  for (int i = 0; i < 3; i++) axis[i] = get_int(bytes, AT_MAPC + 4 * i, swapped);
  bool axes_unset = axis[0] == 0 && axis[1] == 0 && axis[2] == 0;
  return known_mode(get_int(bytes, AT_MODE, swapped)) && get_int(bytes, AT_NSYMBT, swapped) >= 0 &&
         (axes_unset || axes_are_a_permutation(axis));
}

/* The machine stamp is believed when the content agrees with it; too many programs write it wrong. */
static fz_status find_byte_order(const char *path, const unsigned char *bytes, fz_io_mrc_header *h, fz_error *err) {
  bool little = machine_is_little(), stamped = true, by_stamp = false;
  if (bytes[AT_STAMP] == 0x44)
    by_stamp = !little;
  else if (bytes[AT_STAMP] == 0x11)
    by_stamp = little;
  else
    stamped = false;
  if (plausible(bytes, by_stamp)) {
    h->swapped = by_stamp;
    h->stamp_wrong = !stamped;
    return FZ_OK;
  }
  if (plausible(bytes, !by_stamp)) {
    h->swapped = !by_stamp;
    h->stamp_wrong = true;
    return FZ_OK;
  }
  return fz_fail(err, FZ_EINPUT,
                 "%s: not an MRC file: as one its header would say %d x %d x %d, mode %d; check the name and the copy",
                 path, get_int(bytes, AT_NX, by_stamp), get_int(bytes, AT_NX + 4, by_stamp),
                 get_int(bytes, AT_NX + 8, by_stamp), get_int(bytes, AT_MODE, by_stamp));
}

static void decode_label(const unsigned char *bytes, fz_io_mrc_header *h) {
  memcpy(h->label, bytes + AT_LABEL, LABEL_BYTES);
  h->label[LABEL_BYTES] = 0;
  for (char *c = h->label; *c; c++)
    if ((unsigned char)*c < 32) *c = ' ';
  for (size_t n = strlen(h->label); n > 0 && h->label[n - 1] == ' '; n--) h->label[n - 1] = 0;
}

/* IMOD marks which convention its bytes follow; else values above 127 can only be unsigned. */
static bool bytes_are_unsigned(const unsigned char *bytes, const fz_io_mrc_header *h) {
  if (h->mode != 0) return false;
  if (get_int(bytes, AT_IMOD_STAMP, h->swapped) == 1146047817)
    return (get_int(bytes, AT_IMOD_FLAGS, h->swapped) & 1) == 0;
  return h->minimum >= 0 && h->maximum > 127 && h->maximum <= 255;
}

static void decode_fields(const unsigned char *bytes, fz_io_mrc_header *h) {
  h->nx = get_int(bytes, AT_NX, h->swapped);
  h->ny = get_int(bytes, AT_NX + 4, h->swapped);
  h->nz = get_int(bytes, AT_NX + 8, h->swapped);
  h->mode = get_int(bytes, AT_MODE, h->swapped);
  h->ispg = get_int(bytes, AT_ISPG, h->swapped);
  for (int i = 0; i < 3; i++) {
    int32_t axis = get_int(bytes, AT_MAPC + 4 * i, h->swapped), m = get_int(bytes, AT_MX + 4 * i, h->swapped);
    h->axis[i] = axis ? axis : i + 1;
    double voxel = m > 0 ? get_real(bytes, AT_CELL + 4 * i, h->swapped) / m : 0;
    h->voxel_A[i] = isfinite(voxel) && voxel > 0 ? voxel : 0;
  }
  h->minimum = get_real(bytes, AT_DMIN, h->swapped);
  h->maximum = get_real(bytes, AT_DMIN + 4, h->swapped);
  h->mean = get_real(bytes, AT_DMIN + 8, h->swapped);
  h->rms = get_real(bytes, AT_RMS, h->swapped);
  h->data_offset = FZ_MRC_HEADER_BYTES + (int64_t)get_int(bytes, AT_NSYMBT, h->swapped);
  h->unsigned_bytes = bytes_are_unsigned(bytes, h);
  decode_label(bytes, h);
}

fz_status fz_io_mrc_header_decode(const char *path, const unsigned char *bytes, int64_t file_bytes, fz_io_mrc_header *h,
                                  fz_error *err) {
  *h = (fz_io_mrc_header){.file_bytes = file_bytes};
  fz_status st = find_byte_order(path, bytes, h, err);
  if (st != FZ_OK) return st;
  decode_fields(bytes, h);
  int size = fz_io_mrc_mode_bytes(h->mode);
  if (size == 0)
    return fz_fail(err, FZ_EINPUT, "%s: MRC mode %d (%s) is not read; convert it to mode 2 (32-bit real)", path,
                   h->mode, h->mode == 101 ? "4-bit integers" : "complex numbers");
  int64_t section = h->nx * h->ny * size; /* edges are at most 2^20: no overflow */
  int64_t there = file_bytes < h->data_offset ? 0 : (file_bytes - h->data_offset) / section;
  h->whole = there < h->nz ? there : h->nz;
  return FZ_OK;
}

void fz_io_mrc_say_truncated(const fz_io_mrc_header *h, char *text, int room) {
  double expected =
      (double)h->nx * (double)h->ny * (double)h->nz * fz_io_mrc_mode_bytes(h->mode) + (double)h->data_offset;
  snprintf(text, (size_t)room,
           "truncated: the header says %lld x %lld x %lld pixels of mode %d, which take %.0f bytes, but the file has "
           "%lld (%.0f missing); copy it again",
           (long long)h->nx, (long long)h->ny, (long long)h->nz, h->mode, expected, (long long)h->file_bytes,
           expected - (double)h->file_bytes);
}

static void put_int(unsigned char *bytes, int at, int64_t value) {
  int32_t word = (int32_t)value;
  memcpy(bytes + at, &word, 4);
}

static void put_real(unsigned char *bytes, int at, double value) {
  float word = (float)value;
  memcpy(bytes + at, &word, 4);
}

void fz_io_mrc_header_encode(const fz_io_mrc_summary *s, unsigned char *bytes) {
  memset(bytes, 0, FZ_MRC_HEADER_BYTES);
  const int64_t n[3] = {s->nx, s->ny, s->nz};
  for (int i = 0; i < 3; i++) {
    int64_t m = i == 2 && !s->volume ? 1 : n[i]; /* MZ is sections per volume: 1 in a stack of images */
    put_int(bytes, AT_NX + 4 * i, n[i]);
    put_int(bytes, AT_MX + 4 * i, m);
    put_real(bytes, AT_CELL + 4 * i, (double)m * s->voxel_A);
    put_real(bytes, AT_ANGLES + 4 * i, 90);
    put_int(bytes, AT_MAPC + 4 * i, i + 1);
  }
  put_int(bytes, AT_MODE, 2);
  put_real(bytes, AT_DMIN, s->minimum);
  put_real(bytes, AT_DMIN + 4, s->maximum);
  put_real(bytes, AT_DMIN + 8, s->mean);
  put_int(bytes, AT_ISPG, s->volume ? 1 : 0);
  put_int(bytes, AT_NVERSION, 20140);
  memcpy(bytes + AT_MAP, "MAP ", 4);
  bytes[AT_STAMP] = machine_is_little() ? 0x44 : 0x11;
  bytes[AT_STAMP + 1] = bytes[AT_STAMP];
  put_real(bytes, AT_RMS, s->rms);
  put_int(bytes, AT_NLABL, 1);
  memset(bytes + AT_LABEL, ' ', LABEL_BYTES);
  const char *label = s->label && *s->label ? s->label : "frazil";
  size_t length = strlen(label);
  memcpy(bytes + AT_LABEL, label, length < LABEL_BYTES ? length : LABEL_BYTES);
}
