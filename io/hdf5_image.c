#include "io/hdf5_image.h"

#include <string.h>

#include <hdf5.h>

#include "core/memory.h"
#include "io/hdf5_private.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are written as they are in memory, little-endian");

enum {
  GRAIN = 4096, /* the memory file grows by this */
  FILE_BYTES = 4096,
  ITEM_BYTES = 1024, /* generous guesses for HDF5's own records, besides the texts in them */
  ATTEMPTS = 4
};

/* The memory that HDF5 takes for a file, kept when it closes the file. */
typedef struct arena {
  unsigned char *bytes;
  size_t n;
} arena;

void fz_io_h5_be_quiet(void) {
  H5open();
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

hid_t fz_io_h5_file_type(fz_state_type type) {
  switch (type) {
    case FZ_STATE_I64: return H5T_STD_I64LE;
    case FZ_STATE_F64: return H5T_IEEE_F64LE;
    case FZ_STATE_F32: return H5T_IEEE_F32LE;
    default: return H5T_STD_U8LE;
  }
}

/* ---- HDF5's memory file, in memory of ours ---- */

static void *arena_resize(void *bytes, size_t n, H5FD_file_image_op_t why, void *context) {
  arena *a = context;
  (void)bytes;
  (void)why;
  unsigned char *larger = fz_realloc(a->bytes, (ptrdiff_t)n, 1);
  if (!larger) return NULL;
  a->n = n;
  return a->bytes = larger;
}

static void *arena_take(size_t n, H5FD_file_image_op_t why, void *context) {
  return arena_resize(NULL, n, why, context);
}

static void *arena_copy(void *to, const void *from, size_t n, H5FD_file_image_op_t why, void *context) {
  (void)why;
  (void)context;
  return memcpy(to, from, n);
}

static herr_t arena_keep(void *bytes, H5FD_file_image_op_t why, void *context) {
  (void)bytes;
  (void)why;
  (void)context;
  return 0;
}

static void *arena_share(void *context) {
  return context;
}

static herr_t arena_unshare(void *context) {
  (void)context;
  return 0;
}

static hid_t create_in_memory(arena *a, int64_t room_for_records) {
  H5FD_file_image_callbacks_t callbacks = {arena_take,    arena_copy, arena_resize, arena_keep, arena_share,
                                           arena_unshare, a};
  hid_t access = H5Pcreate(H5P_FILE_ACCESS), create = H5Pcreate(H5P_FILE_CREATE), file = -1;
  /* All records lie in one block before the values, so that the memory file ends where the values begin. */
  if (H5Pset_fapl_core(access, GRAIN, false) >= 0 && H5Pset_file_image_callbacks(access, &callbacks) >= 0 &&
      H5Pset_meta_block_size(access, (hsize_t)room_for_records) >= 0 &&
      H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0 &&
      H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 && H5Pset_userblock(create, FZ_IO_H5_ROOM) >= 0)
    file = H5Fcreate("checkpoint", H5F_ACC_TRUNC, create, access);
  H5Pclose(create);
  H5Pclose(access);
  return file;
}

/* ---- what is in it ---- */

/* A fixed-length UTF-8 string of `size` bytes with its NUL. */
static hid_t text_type(size_t size) {
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type < 0 || H5Tset_size(type, size) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0) return -1;
  return type;
}

static bool put_attribute(hid_t object, const char *name, hid_t type, hid_t memory_type, const void *value) {
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  bool good = attribute >= 0 && H5Awrite(attribute, memory_type, value) >= 0;
  if (attribute >= 0) H5Aclose(attribute);
  H5Sclose(space);
  return good;
}

static bool put_text(hid_t object, const char *name, const char *value) {
  hid_t type = text_type(strlen(value) + 1);
  bool good = type >= 0 && put_attribute(object, name, type, type, value);
  if (type >= 0) H5Tclose(type);
  return good;
}

static bool put_i64(hid_t object, const char *name, int64_t value) {
  return put_attribute(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

static hid_t data_space(const fz_state_item *item) {
  if (item->rank == 0) return H5Screate(H5S_SCALAR);
  hsize_t dims[FZ_STATE_RANK_MAX];
  for (int d = 0; d < item->rank; d++) dims[d] = (hsize_t)item->dims[d];
  return H5Screate_simple(item->rank, dims, NULL);
}

static hid_t create_dataset(hid_t file, const fz_state_item *item) {
  bool is_text = item->type == FZ_STATE_TEXT;
  hid_t type = is_text ? text_type(strlen(item->data) + 1) : fz_io_h5_file_type(item->type);
  hid_t space = data_space(item), links = H5Pcreate(H5P_LINK_CREATE), create = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  H5Pset_layout(create, H5D_CONTIGUOUS);
  H5Pset_fill_time(create, H5D_FILL_TIME_NEVER); /* HDF5 must not touch the values */
  H5Pset_alloc_time(create, H5D_ALLOC_TIME_EARLY);
  H5Pset_obj_track_times(create, false);
  hid_t data = H5Dcreate2(file, item->name, type, space, links, create, H5P_DEFAULT);
  H5Pclose(create);
  H5Pclose(links);
  H5Sclose(space);
  if (is_text) H5Tclose(type);
  return data;
}

int64_t fz_io_h5_image_bytes(const fz_state_item *item) {
  return item->type == FZ_STATE_TEXT ? (int64_t)strlen(item->data) + 1 : fz_state_bytes(item);
}

static bool define(hid_t file, const fz_state_item *item, uint32_t crc, int64_t *offset) {
  hid_t data = create_dataset(file, item);
  if (data < 0) return false;
  bool good =
      put_text(data, "unit", item->unit) && put_text(data, "meaning", item->meaning) && put_i64(data, "crc32", crc);
  haddr_t at = H5Dget_offset(data);
  *offset = fz_io_h5_image_bytes(item) > 0 ? (int64_t)at : -1;
  return H5Dclose(data) >= 0 && at != HADDR_UNDEF && good;
}

static bool fill(hid_t file, const fz_state_list *list, const uint32_t *crc, int64_t schema, int64_t generation,
                 fz_io_h5_image *image) {
  hsize_t length = 0;
  bool good = put_i64(file, "frazil_schema", schema) && put_i64(file, "generation", generation);
  for (int i = 0; good && i < list->n; i++) good = define(file, &list->item[i], crc[i], &image->offset[i]);
  good = good && H5Fget_filesize(file, &length) >= 0;
  image->total = (int64_t)length;
  return good;
}

/* The records end where the values begin; false when some had no room there and lie behind. */
static bool cut(fz_io_h5_image *image, const fz_state_list *list, const arena *a) {
  int64_t end = (int64_t)a->n < image->total ? (int64_t)a->n : image->total;
  for (int i = 0; i < list->n; i++)
    if (image->offset[i] >= 0 && image->offset[i] < end) end = image->offset[i];
  for (size_t i = (size_t)end; i < a->n; i++)
    if (a->bytes[i]) return false;
  image->n = end;
  return true;
}

static int64_t room_for_records(const fz_state_list *list) {
  int64_t bytes = FILE_BYTES;
  for (int i = 0; i < list->n; i++) {
    const fz_state_item *item = &list->item[i];
    bytes += ITEM_BYTES + (int64_t)(2 * strlen(item->name) + strlen(item->unit) + strlen(item->meaning));
  }
  return bytes;
}

fz_status fz_io_h5_image_create(const fz_state_list *list, const uint32_t *crc32, int64_t schema, int64_t generation,
                                fz_io_h5_image *image, fz_error *err) {
  int64_t room = room_for_records(list);
  bool good = false;
  *image = (fz_io_h5_image){0};
  fz_io_h5_be_quiet();
  image->offset = fz_alloc(list->n, sizeof *image->offset);
  for (int attempt = 0; image->offset && !good && attempt < ATTEMPTS; attempt++, room *= 2) {
    arena a = {0};
    hid_t file = create_in_memory(&a, room);
    bool filled = file >= 0 && fill(file, list, crc32, schema, generation, image);
    if (file >= 0) filled = H5Fclose(file) >= 0 && filled;
    good = filled && cut(image, list, &a);
    image->bytes = a.bytes;
    if (!good) fz_free(&image->bytes);
  }
  if (good) return FZ_OK;
  fz_io_h5_image_clear(image);
  return fz_fail(err, FZ_ENOMEM, "HDF5 cannot lay out a checkpoint of %d items in memory", list->n);
}

void fz_io_h5_image_clear(fz_io_h5_image *image) {
  fz_free(&image->offset);
  fz_free(&image->bytes);
}
