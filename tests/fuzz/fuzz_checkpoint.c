/* Checkpoints on resume.  Garbage in the bytes of an HDF5 file is kept from HDF5, which does not survive all of it, by
 * the checksum of the whole file in the manifest.  What passes is what some program has written on purpose: so the
 * input chooses how the datasets of a well-formed file, rightly listed, differ from those that the run wants.  Then
 * each value is taken as it was written, or the file is refused and no buffer has changed; a byte changed after listing
 * is noticed. */
#include <hdf5.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "core/log.h"
#include "fuzz.h"
#include "io/checkpoint.h"
#include "io/checksum.h"
#include "io/manifest.h"
#include "mpi/comm.h"

enum { UNTOUCHED = 0xa5, WRITTEN = 0x5a, ITEMS = 6, BYTES_MAX = 1 << 16, TEXT_ROOM = 16 };

typedef struct script { /* what is left of the input */
  const uint8_t *at, *end;
} script;

static unsigned next(script *s, unsigned choices) {
  return s->at < s->end ? *s->at++ % choices : 0;
}

static fz_mpi *comm;
static char run_dir[48], checkpoint_dir[64], state[96], manifest[80];

static void nowhere(fz_log_level level, const char *text) {
  (void)level;
  (void)text;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
  comm = fz_mpi_start(argc, argv);
  fz_set_log_sink(nowhere);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  snprintf(run_dir, sizeof run_dir, "/dev/shm/fuzz_checkpoint.%d", (int)getpid());
  snprintf(checkpoint_dir, sizeof checkpoint_dir, "%s/checkpoint", run_dir);
  snprintf(state, sizeof state, "%s/state-000001.h5", checkpoint_dir);
  snprintf(manifest, sizeof manifest, "%s/manifest", checkpoint_dir);
  mkdir(run_dir, 0777);
  return mkdir(checkpoint_dir, 0777);
}

/* One of the kinds of dataset that a stranger may have written under our names. */
static hid_t some_type(script *s, hid_t usual) {
  const size_t size = 1 + next(s, 40);
  hid_t type;
  switch (next(s, 12)) {
    case 0: return H5Tcopy(H5T_STD_I64LE);
    case 1: return H5Tcopy(H5T_IEEE_F64BE);
    case 2: return H5Tcopy(H5T_IEEE_F32LE);
    case 3: return H5Tcopy(H5T_STD_U8LE);
    case 4: return H5Tcopy(H5T_STD_REF_OBJ);
    case 5: return H5Tvlen_create(H5T_STD_I64LE);
    case 6: return H5Tarray_create2(H5T_IEEE_F64LE, 1, (hsize_t[]){size});
    case 7: return H5Tcreate(H5T_COMPOUND, size);
    case 8: return H5Tcreate(H5T_OPAQUE, size);
    case 9:
      type = H5Tcopy(H5T_C_S1);
      H5Tset_size(type, H5T_VARIABLE);
      return type;
    case 10:
      type = H5Tcopy(H5T_C_S1);
      H5Tset_size(type, size);
      H5Tset_strpad(type, (H5T_str_t)next(s, 3));
      return type;
    default: return H5Tcopy(usual);
  }
}

static hid_t some_space(script *s, int rank, const hsize_t *dims) {
  hsize_t other[6], unlimited[6];
  int n;
  switch (next(s, 6)) {
    case 0: return H5Screate(H5S_NULL);
    case 1: return H5Screate(H5S_SCALAR);
    case 2:
      n = (int)next(s, 7);
      for (int d = 0; d < n; d++) other[d] = next(s, 5);
      return n ? H5Screate_simple(n, other, NULL) : H5Screate(H5S_SCALAR);
    case 3:
      for (int d = 0; d < rank; d++) unlimited[d] = H5S_UNLIMITED;
      return rank ? H5Screate_simple(rank, dims, unlimited) : H5Screate(H5S_SCALAR);
    default: return rank ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
  }
}

/* Chunks, filters, no space reserved: stored otherwise, but the same values; sometimes with nothing written at all. */
static hid_t some_storage(script *s, hid_t space) {
  hid_t create = H5Pcreate(H5P_DATASET_CREATE);
  hsize_t dims[6];
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank > 0 && next(s, 2)) {
    H5Sget_simple_extent_dims(space, dims, NULL);
    for (int d = 0; d < rank; d++) dims[d] = dims[d] ? 1 + next(s, (unsigned)dims[d]) : 1;
    H5Pset_chunk(create, rank, dims);
    if (next(s, 2)) H5Pset_shuffle(create);
    if (next(s, 2)) H5Pset_fletcher32(create);
  } else if (next(s, 3) == 0) {
    H5Pset_layout(create, H5D_COMPACT);
  }
  return create;
}

static void put_crc(script *s, hid_t data, const void *bytes, size_t n) {
  const int64_t crc = (int64_t)crc32(0, bytes, (uInt)n) + (next(s, 8) == 1);
  if (next(s, 8) == 1) return;
  hid_t space = next(s, 8) == 1 ? H5Screate_simple(1, (hsize_t[]){1}, NULL) : H5Screate(H5S_SCALAR);
  hid_t attribute = H5Acreate2(data, "crc32", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, H5T_NATIVE_INT64, &crc);
  H5Aclose(attribute);
  H5Sclose(space);
}

static void write_item(script *s, hid_t file, const fz_state_item *item, hid_t usual) {
  const unsigned how = next(s, 8);
  hsize_t dims[FZ_STATE_RANK_MAX];
  if (how == 1) return; /* missing */
  hid_t links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  for (int d = 0; d < item->rank; d++) dims[d] = (hsize_t)item->dims[d];
  hid_t type = how == 2 || how == 3 ? some_type(s, usual) : H5Tcopy(usual);
  hid_t space = how == 3 || how == 4 ? some_space(s, item->rank, dims)
                : item->rank         ? H5Screate_simple(item->rank, dims, NULL)
                                     : H5Screate(H5S_SCALAR);
  hid_t create = how == 5 ? some_storage(s, space) : H5Pcreate(H5P_DATASET_CREATE);
  hid_t data = how == 6 ? H5Gcreate2(file, item->name, links, H5P_DEFAULT, H5P_DEFAULT)
                        : H5Dcreate2(file, item->name, type, space, links, create, H5P_DEFAULT);
  if (how != 6 && data >= 0) {
    static uint8_t bytes[BYTES_MAX];
    const bool variable = H5Tis_variable_str(type) > 0 || H5Tget_class(type) == H5T_VLEN;
    const hssize_t n = H5Sget_simple_extent_npoints(space);
    const bool plain = H5Tget_class(type) != H5T_REFERENCE && H5Tget_class(type) != H5T_COMPOUND && !variable;
    memset(bytes, WRITTEN, sizeof bytes);
    if (item->type == FZ_STATE_TEXT && how < 2) bytes[H5Tget_size(type) - 1] = '\0';
    put_crc(s, data, bytes, (size_t)n * H5Tget_size(type) <= sizeof bytes ? (size_t)n * H5Tget_size(type) : 0);
    if (plain && n >= 0 && (size_t)n * H5Tget_size(type) <= sizeof bytes)
      H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes);
  }
  if (data >= 0) H5Oclose(data);
  H5Pclose(create);
  H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  H5Pclose(links);
}

static void write_schema(script *s, hid_t file) {
  const unsigned how = next(s, 8);
  const int64_t values[16] = {how == 1 ? 77 : FZ_CHECKPOINT_SCHEMA, 2, 3};
  if (how == 2) return;
  hid_t type = how == 3 ? some_type(s, H5T_STD_I64LE) : H5Tcopy(H5T_STD_I64LE);
  hid_t space = how == 4   ? H5Screate_simple(1, (hsize_t[]){16}, NULL)
                : how == 5 ? H5Screate(H5S_NULL)
                           : H5Screate(H5S_SCALAR);
  hid_t attribute = H5Acreate2(file, "frazil_schema", type, space, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute >= 0 && H5Tget_class(type) == H5T_INTEGER) H5Awrite(attribute, H5T_NATIVE_INT64, values);
  if (attribute >= 0) H5Aclose(attribute);
  H5Sclose(space);
  if (type >= 0) H5Tclose(type);
}

/* The list of a run, its buffers of just the right size with guards behind them. */
static void list_state(fz_state_list *list, uint8_t *buffer[ITEMS]) {
  static const int64_t box[] = {2, 3, 1, 2}, square[] = {3, 5}, rows[] = {7};
  for (int i = 0; i < ITEMS; i++) buffer[i] = memset(malloc(256), UNTOUCHED, 256);
  fz_state_add_i64(list, "run/steps", (int64_t *)buffer[0], "1", "m");
  fz_state_add_f64(list, "run/eta", (double *)buffer[1], "1", "m");
  fz_state_add_array(list, "map", FZ_STATE_F32, 2, square, buffer[2], "1", "m");
  fz_state_add_slice(list, "poses", FZ_STATE_F64, 1, rows, 0, 7, buffer[3], "1", "m");
  fz_state_add_array(list, "a/b/c", FZ_STATE_U8, 4, box, buffer[4], "1", "m");
  fz_state_add_text(list, "run/name", (char *)buffer[5], TEXT_ROOM, "m");
}

static void write_state(script *s, const fz_state_list *list) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS), text = H5Tcopy(H5T_C_S1);
  H5Pset_libver_bounds(access, next(s, 2) ? H5F_LIBVER_EARLIEST : H5F_LIBVER_V110, H5F_LIBVER_V110);
  H5Tset_size(text, 1 + next(s, TEXT_ROOM + 2));
  H5Tset_cset(text, H5T_CSET_UTF8);
  hid_t file = H5Fcreate(state, H5F_ACC_TRUNC, H5P_DEFAULT, access);
  if (file < 0) abort();
  write_schema(s, file);
  const hid_t usual[ITEMS] = {H5T_STD_I64LE, H5T_IEEE_F64LE, H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_STD_U8LE, text};
  for (int i = 0; i < list->n; i++) write_item(s, file, &list->item[i], usual[i]);
  if (H5Fclose(file) < 0) abort();
  H5Tclose(text);
  H5Pclose(access);
}

/* Some bytes of the file after it was listed. true: it is not the same any more */
static bool damage(script *s, int64_t bytes) {
  if (s->end - s->at < 4 || next(s, 4) != 1) return false;
  int64_t at = (next(s, 256) * 256 + next(s, 256)) % bytes;
  FILE *file = fopen(state, "r+b");
  fseek(file, (long)at, SEEK_SET);
  int old = fgetc(file), new = (int)next(s, 256);
  fseek(file, (long)at, SEEK_SET);
  fputc(new, file);
  fclose(file);
  return old != new;
}

static void judge(fz_status st, const fz_state_list *list, uint8_t *buffer[ITEMS]) {
  for (int i = 0; i < list->n; i++) {
    const fz_state_item *item = &list->item[i];
    const size_t bytes = (size_t)fz_state_bytes(item);
    const bool text = item->type == FZ_STATE_TEXT;
    for (size_t b = bytes; b < 256; b++)
      if (buffer[i][b] != UNTOUCHED) abort();
    for (size_t b = 0; b < bytes && st == FZ_EINPUT; b++)
      if (buffer[i][b] != UNTOUCHED) abort();
    for (size_t b = 0; b < bytes && st == FZ_OK && !text; b++)
      if (buffer[i][b] != WRITTEN) abort();
    if (st == FZ_OK && text && !memchr(buffer[i], '\0', bytes)) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  const ptrdiff_t blocks = fz_memory_blocks();
  script s = {bytes, bytes + n};
  fz_state_list list = {0};
  uint8_t *buffer[ITEMS];
  fz_error err = {0};
  fz_io_manifest entry = {.n = 1, .entry = {{.sequence = 1, .generation = 1}}};
  fz_io_checkpoint *checkpoint = NULL;
  list_state(&list, buffer);
  write_state(&s, &list);
  if (fz_io_file_crc32(comm, state, &entry.entry[0].bytes, &entry.entry[0].crc, &err) != FZ_OK) abort();
  if (fz_io_manifest_write(manifest, &entry, &err) != FZ_OK) abort();
  const bool damaged = damage(&s, entry.entry[0].bytes);
  fz_status st = fz_io_checkpoint_open(comm, run_dir, &checkpoint, &err);
  if ((st == FZ_OK) != (checkpoint != NULL) || (damaged && st == FZ_OK)) abort();
  for (int i = 0; i < list.n && checkpoint; i++) {
    fz_state_item found;
    fz_io_checkpoint_describe(comm, checkpoint, list.item[i].name, &found);
  }
  if (st == FZ_OK) st = fz_io_checkpoint_read(comm, checkpoint, &list, &err);
  judge(st, &list, buffer);
  if (st != FZ_OK && !err.text[0]) abort();
  fz_io_checkpoint_close(&checkpoint);
  fz_state_clear(&list);
  for (int i = 0; i < ITEMS; i++) free(buffer[i]);
  if (fz_memory_blocks() != blocks) abort();
  return 0;
}
