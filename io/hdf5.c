#include "io/hdf5.h"

#include <stdio.h>
#include <string.h>

#include <hdf5.h>

#include "core/memory.h"
#include "io/hdf5_private.h"

enum { PATH_CAPACITY = 4096 };

struct fz_io_h5 {
  hid_t file;
  char path[PATH_CAPACITY];
  char failure[256]; /* of the last read: the next call of HDF5 forgets the reason */
};

/* The innermost message of HDF5's error stack: the one that knows the system's reason. */
static herr_t keep_innermost(unsigned n, const H5E_error2_t *error, void *text) {
  if (n == 0) snprintf(text, 256, "%s", error->desc ? error->desc : "no details");
  return 0;
}

static const char *reason(char text[256]) {
  snprintf(text, 256, "no details");
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, text);
  return text;
}

static hid_t memory_type(fz_state_type type) {
  switch (type) {
    case FZ_STATE_I64: return H5T_NATIVE_INT64;
    case FZ_STATE_F64: return H5T_NATIVE_DOUBLE;
    case FZ_STATE_F32: return H5T_NATIVE_FLOAT;
    default: return H5T_NATIVE_UINT8;
  }
}

static const char *type_name(fz_state_type type) {
  static const char *const names[] = {"int64", "float64", "float32", "uint8", "text"};
  return names[type];
}

static fz_io_h5 *handle_create(const char *path) {
  fz_io_h5 *h5 = fz_alloc(1, sizeof *h5);
  if (!h5 || strlen(path) >= PATH_CAPACITY) {
    fz_free(&h5);
    return NULL;
  }
  strcpy(h5->path, path);
  h5->file = -1;
  return h5;
}

fz_status fz_io_h5_open(const char *path, fz_io_h5 **out, fz_error *err) {
  char text[256];
  *out = NULL;
  fz_io_h5 *h5 = handle_create(path);
  if (!h5) return fz_fail(err, FZ_ENOMEM, "%s: no memory to open it", path);
  fz_io_h5_be_quiet();
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  /* Many parallel file systems have no locks; nobody writes a file under its final name. */
  H5Pset_file_locking(access, false, true);
  h5->file = H5Fopen(path, H5F_ACC_RDONLY, access);
  if (h5->file < 0) {
    fz_fail(err, FZ_EINPUT, "%s: cannot open as HDF5: %s", path, reason(text));
    fz_free(&h5);
  }
  H5Pclose(access);
  *out = h5;
  return h5 ? FZ_OK : FZ_EINPUT;
}

void fz_io_h5_close(fz_io_h5 **h5) {
  if (!*h5) return;
  H5Fclose((*h5)->file);
  fz_free(h5);
}

bool fz_io_h5_get_i64(fz_io_h5 *h5, const char *object, const char *name, int64_t *value) {
  hid_t attribute = H5Aopen_by_name(h5->file, object, name, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute < 0) return false;
  hid_t space = H5Aget_space(attribute);
  bool good = H5Sget_simple_extent_npoints(space) == 1 && H5Aread(attribute, H5T_NATIVE_INT64, value) >= 0;
  if (space >= 0) H5Sclose(space);
  H5Aclose(attribute);
  return good;
}

/* Rows of dimension 0; the memory side is the same number of elements in a line. */
static bool select_rows(const fz_state_item *item, hid_t space, int64_t first, int64_t count, hid_t *memory) {
  hsize_t start[FZ_STATE_RANK_MAX] = {(hsize_t)first}, extent[FZ_STATE_RANK_MAX] = {(hsize_t)count};
  for (int d = 1; d < item->rank; d++) extent[d] = (hsize_t)item->dims[d];
  *memory = H5Screate_simple(item->rank, extent, NULL);
  return *memory >= 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, extent, NULL) >= 0;
}

static bool read_rows(fz_io_h5 *h5, hid_t data, const fz_state_item *item, int64_t first, int64_t count, void *into) {
  hid_t space = H5Dget_space(data), memory = -1;
  bool good = space >= 0 && select_rows(item, space, first, count, &memory) &&
              H5Dread(data, memory_type(item->type), memory, space, H5P_DEFAULT, into) >= 0;
  if (!good) reason(h5->failure);
  if (memory >= 0) H5Sclose(memory);
  if (space >= 0) H5Sclose(space);
  return good;
}

static bool read_scalar(fz_io_h5 *h5, hid_t data, const fz_state_item *item, void *into) {
  bool is_text = item->type == FZ_STATE_TEXT;
  hid_t type = is_text ? H5Dget_type(data) : memory_type(item->type);
  bool good = type >= 0 && H5Dread(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, into) >= 0;
  if (!good) reason(h5->failure);
  if (good && is_text && into && !memchr(into, '\0', H5Tget_size(type))) {
    snprintf(h5->failure, sizeof h5->failure, "the text has no end");
    good = false;
  }
  if (is_text && type >= 0) H5Tclose(type);
  return good;
}

fz_status fz_io_h5_read_rows(fz_io_h5 *h5, const fz_state_item *item, int64_t first, int64_t count, void *into,
                             fz_error *err) {
  int64_t row = fz_state_row_bytes(item);
  if (item->rank > 0 && (count == 0 || row == 0)) return FZ_OK;
  hid_t data = H5Dopen2(h5->file, item->name, H5P_DEFAULT);
  bool good = data >= 0;
  if (!good) reason(h5->failure);
  if (good) good = item->rank == 0 ? read_scalar(h5, data, item, into) : read_rows(h5, data, item, first, count, into);
  if (data >= 0) H5Dclose(data);
  if (good) return FZ_OK;
  return fz_fail(err, FZ_EIO, "%s: cannot read %s: %s", h5->path, item->name, h5->failure);
}

static bool describe_open(hid_t type, hid_t space, fz_state_item *found) {
  int rank = H5Sget_simple_extent_ndims(space);
  hsize_t dims[FZ_STATE_RANK_MAX];
  if (H5Sget_simple_extent_type(space) == H5S_NULL) return false; /* its rank is 0, but it holds no scalar */
  if (rank < 0 || rank > FZ_STATE_RANK_MAX || H5Sget_simple_extent_dims(space, dims, NULL) < 0) return false;
  found->rank = rank;
  for (int d = 0; d < rank; d++) found->dims[d] = (int64_t)dims[d];
  if (H5Tget_class(type) == H5T_STRING) {
    found->type = FZ_STATE_TEXT;
    found->dims[0] = (int64_t)H5Tget_size(type);
    return rank == 0 && H5Tis_variable_str(type) == 0;
  }
  for (fz_state_type t = FZ_STATE_I64; t < FZ_STATE_TEXT; t++)
    if (H5Tequal(type, fz_io_h5_file_type(t)) > 0) {
      found->type = t;
      return true;
    }
  return false;
}

bool fz_io_h5_describe(fz_io_h5 *h5, const char *name, fz_state_item *found) {
  *found = (fz_state_item){.unit = "", .meaning = ""};
  snprintf(found->name, sizeof found->name, "%s", name);
  hid_t data = H5Dopen2(h5->file, name, H5P_DEFAULT);
  if (data < 0) return false;
  hid_t type = H5Dget_type(data), space = H5Dget_space(data);
  bool known = type >= 0 && space >= 0 && describe_open(type, space, found);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  H5Dclose(data);
  return known;
}

static const char *shape_text(const fz_state_item *item, char text[128]) {
  int used = snprintf(text, 128, "%s", type_name(item->type));
  for (int d = 0; d < item->rank; d++)
    used += snprintf(text + used, 128 - (size_t)used, "%s%lld", d ? " x " : " ", (long long)item->dims[d]);
  return text;
}

fz_status fz_io_h5_check(fz_io_h5 *h5, const fz_state_item *item, fz_error *err) {
  fz_state_item found;
  char wanted[128], is[128];
  if (!fz_io_h5_describe(h5, item->name, &found))
    return fz_fail(err, FZ_EINPUT, "%s: dataset %s is missing or of an unknown type", h5->path, item->name);
  bool same = found.type == item->type && found.rank == item->rank;
  for (int d = 0; same && d < item->rank; d++) same = found.dims[d] == item->dims[d];
  if (!same)
    return fz_fail(err, FZ_EINPUT, "%s: dataset %s is %s, but this run needs %s", h5->path, item->name,
                   shape_text(&found, is), shape_text(item, wanted));
  if (item->type == FZ_STATE_TEXT && found.dims[0] > item->dims[0])
    return fz_fail(err, FZ_EINPUT, "%s: text %s has %lld bytes, but there is room for %lld", h5->path, item->name,
                   (long long)found.dims[0], (long long)item->dims[0]);
  return FZ_OK;
}
