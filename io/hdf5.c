#include "io/hdf5.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hdf5.h>

#include "core/memory.h"
#include "mpi/comm_private.h"

enum { PATH_CAPACITY = 4096 };
/* MPI-IO counts bytes in an int. */
static const int64_t MOST_BYTES_PER_CALL = 1 << 29;

struct fz_io_h5 {
  hid_t file;
  char path[PATH_CAPACITY];
  char failure[256]; /* of the last transfer: the next call of HDF5 forgets the reason */
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

static void be_quiet(void) {
  H5open();
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* Inside a collective call the other ranks may be waiting: nobody can leave in good order. */
static void insist(bool good, const fz_io_h5 *h5, const char *what) {
  char text[256];
  if (!good) fz_fatal(__FILE__, __LINE__, "%s: cannot write %s: %s", h5->path, what, reason(text));
}

static hid_t memory_type(fz_state_type type) {
  switch (type) {
    case FZ_STATE_I64: return H5T_NATIVE_INT64;
    case FZ_STATE_F64: return H5T_NATIVE_DOUBLE;
    case FZ_STATE_F32: return H5T_NATIVE_FLOAT;
    default: return H5T_NATIVE_UINT8;
  }
}

static hid_t file_type(fz_state_type type) {
  switch (type) {
    case FZ_STATE_I64: return H5T_STD_I64LE;
    case FZ_STATE_F64: return H5T_IEEE_F64LE;
    case FZ_STATE_F32: return H5T_IEEE_F32LE;
    default: return H5T_STD_U8LE;
  }
}

static const char *type_name(fz_state_type type) {
  static const char *const names[] = {"int64", "float64", "float32", "uint8", "text"};
  return names[type];
}

/* A fixed-length UTF-8 string of `size` bytes with its NUL. */
static hid_t text_type(size_t size) {
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type < 0 || H5Tset_size(type, size) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0) return -1;
  return type;
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

fz_status fz_io_h5_create(fz_mpi *comm, const char *path, fz_io_h5 **out, fz_error *err) {
  fz_io_h5 *h5 = handle_create(path);
  fz_status st = h5 ? FZ_OK : fz_fail(err, FZ_ENOMEM, "%s: no memory to create it", path);
  *out = NULL;
  be_quiet();
  if (st == FZ_OK && fz_mpi_rank(comm) == 0) { /* what can go wrong is tried by one rank alone first */
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) st = fz_fail(err, FZ_EIO, "%s: cannot create: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
  }
  st = fz_mpi_agree(comm, st, err);
  if (st != FZ_OK) {
    fz_free(&h5);
    return st;
  }
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  bool good = H5Pset_fapl_mpio(access, fz_mpi_handle(comm), MPI_INFO_NULL) >= 0 &&
              H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0 &&
              H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0;
  if (good) h5->file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
  insist(h5->file >= 0, h5, "a new HDF5 file");
  H5Pclose(access);
  *out = h5;
  return FZ_OK;
}

fz_status fz_io_h5_open(const char *path, fz_io_h5 **out, fz_error *err) {
  char text[256];
  *out = NULL;
  fz_io_h5 *h5 = handle_create(path);
  if (!h5) return fz_fail(err, FZ_ENOMEM, "%s: no memory to open it", path);
  be_quiet();
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

bool fz_io_h5_close(fz_io_h5 **h5) {
  if (!*h5) return true;
  bool good = H5Fclose((*h5)->file) >= 0;
  fz_free(h5);
  return good;
}

static void put_text_attribute(const fz_io_h5 *h5, hid_t object, const char *name, const char *value) {
  hid_t type = text_type(strlen(value) + 1), space = H5Screate(H5S_SCALAR);
  hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  insist(attribute >= 0 && H5Awrite(attribute, type, value) >= 0, h5, name);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

static hid_t data_space(const fz_state_item *item) {
  if (item->rank == 0) return H5Screate(H5S_SCALAR);
  hsize_t dims[FZ_STATE_RANK_MAX];
  for (int d = 0; d < item->rank; d++) dims[d] = (hsize_t)item->dims[d];
  return H5Screate_simple(item->rank, dims, NULL);
}

void fz_io_h5_define(fz_io_h5 *h5, const fz_state_item *item) {
  bool is_text = item->type == FZ_STATE_TEXT;
  hid_t type = is_text ? text_type(strlen(item->data) + 1) : file_type(item->type);
  hid_t space = data_space(item), links = H5Pcreate(H5P_LINK_CREATE), create = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  H5Pset_fill_time(create, H5D_FILL_TIME_NEVER); /* all of it will be written anyway */
  H5Pset_alloc_time(create, H5D_ALLOC_TIME_EARLY);
  hid_t data = H5Dcreate2(h5->file, item->name, type, space, links, create, H5P_DEFAULT);
  insist(data >= 0, h5, item->name);
  put_text_attribute(h5, data, "unit", item->unit);
  put_text_attribute(h5, data, "meaning", item->meaning);
  insist(H5Dclose(data) >= 0, h5, item->name);
  H5Pclose(create);
  H5Pclose(links);
  H5Sclose(space);
  if (is_text) H5Tclose(type);
}

void fz_io_h5_put_i64(fz_io_h5 *h5, const char *name, int64_t value) {
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t attribute = H5Acreate2(h5->file, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
  insist(attribute >= 0 && H5Awrite(attribute, H5T_NATIVE_INT64, &value) >= 0, h5, name);
  H5Aclose(attribute);
  H5Sclose(space);
}

bool fz_io_h5_get_i64(fz_io_h5 *h5, const char *name, int64_t *value) {
  hid_t attribute = H5Aopen(h5->file, name, H5P_DEFAULT);
  if (attribute < 0) return false;
  bool good = H5Aread(attribute, H5T_NATIVE_INT64, value) >= 0;
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

static bool move_rows(fz_io_h5 *h5, hid_t data, const fz_state_item *item, int64_t first, int64_t count, void *into,
                      const void *from) {
  hid_t space = H5Dget_space(data), memory = -1;
  bool good = space >= 0 && select_rows(item, space, first, count, &memory);
  hid_t type = memory_type(item->type);
  if (good)
    good = (into ? H5Dread(data, type, memory, space, H5P_DEFAULT, into)
                 : H5Dwrite(data, type, memory, space, H5P_DEFAULT, from)) >= 0;
  if (!good) reason(h5->failure);
  if (memory >= 0) H5Sclose(memory);
  if (space >= 0) H5Sclose(space);
  return good;
}

static bool move_scalar(fz_io_h5 *h5, hid_t data, const fz_state_item *item, void *into, const void *from) {
  bool is_text = item->type == FZ_STATE_TEXT;
  hid_t type = is_text ? H5Dget_type(data) : memory_type(item->type);
  bool good = type >= 0 && (into ? H5Dread(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, into)
                                 : H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, from)) >= 0;
  if (!good) reason(h5->failure);
  if (is_text && type >= 0) H5Tclose(type);
  return good;
}

/* One of `into` and `from` is NULL. */
static bool move(fz_io_h5 *h5, const fz_state_item *item, int64_t first, int64_t count, void *into, const void *from) {
  int64_t row = fz_state_row_bytes(item);
  if (item->rank > 0 && (count == 0 || row == 0)) return true;
  hid_t data = H5Dopen2(h5->file, item->name, H5P_DEFAULT);
  bool good = data >= 0;
  if (!good) reason(h5->failure);
  if (good && item->rank == 0) good = move_scalar(h5, data, item, into, from);
  int64_t rows = row > 0 && MOST_BYTES_PER_CALL / row > 1 ? MOST_BYTES_PER_CALL / row : 1;
  for (int64_t done = 0; good && item->rank > 0 && done < count; done += rows) {
    int64_t now = count - done < rows ? count - done : rows;
    good = move_rows(h5, data, item, first + done, now, into ? (char *)into + done * row : NULL,
                     from ? (const char *)from + done * row : NULL);
  }
  if (data >= 0) H5Dclose(data);
  return good;
}

fz_status fz_io_h5_write_rows(fz_io_h5 *h5, const fz_state_item *item, int64_t first, int64_t count, const void *data,
                              fz_error *err) {
  if (move(h5, item, first, count, NULL, data)) return FZ_OK;
  return fz_fail(err, FZ_EIO, "%s: cannot write %s: %s", h5->path, item->name, h5->failure);
}

fz_status fz_io_h5_read_rows(fz_io_h5 *h5, const fz_state_item *item, int64_t first, int64_t count, void *data,
                             fz_error *err) {
  if (move(h5, item, first, count, data, NULL)) return FZ_OK;
  return fz_fail(err, FZ_EIO, "%s: cannot read %s: %s", h5->path, item->name, h5->failure);
}

static bool same_type(hid_t a, fz_state_type b) {
  return H5Tequal(a, file_type(b)) > 0;
}

static bool describe_open(hid_t type, hid_t space, fz_state_item *found) {
  int rank = H5Sget_simple_extent_ndims(space);
  hsize_t dims[FZ_STATE_RANK_MAX];
  if (rank < 0 || rank > FZ_STATE_RANK_MAX || H5Sget_simple_extent_dims(space, dims, NULL) < 0) return false;
  found->rank = rank;
  for (int d = 0; d < rank; d++) found->dims[d] = (int64_t)dims[d];
  if (H5Tget_class(type) == H5T_STRING) {
    found->type = FZ_STATE_TEXT;
    found->dims[0] = (int64_t)H5Tget_size(type);
    return rank == 0 && H5Tis_variable_str(type) == 0;
  }
  for (fz_state_type t = FZ_STATE_I64; t < FZ_STATE_TEXT; t++)
    if (same_type(type, t)) {
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
