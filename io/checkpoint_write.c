/* Writing a checkpoint: agree, lay out, reserve, write, synchronize, read back, rename, list, tidy up. */
#define _GNU_SOURCE /* fallocate */
#include "io/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <zlib.h>

#include "core/memory.h"
#include "core/progress.h"
#include "io/checkpoint_list.h"
#include "io/checksum.h"
#include "io/file.h"
#include "io/hdf5_image.h"
#include "io/run_dir.h"
#include "io/seal.h"
#include "mpi/fault.h"
#include "mpi/node.h"
#include "mpi/reduce.h"

static const char PARTIAL[] = "state.partial";
enum { KEPT = 2 };
_Static_assert((int)FZ_SEAL_BYTES == (int)FZ_IO_H5_ROOM, "the seal is what HDF5 leaves room for");

/* What one checkpoint is about to become. */
typedef struct plan {
  char folder[FZ_PATH_MAX], partial[FZ_PATH_MAX], final[FZ_PATH_MAX];
  fz_io_manifest manifest; /* rank 0's: as it was found */
  fz_io_manifest_entry fresh;
  fz_io_h5_image image; /* bytes: rank 0's; offset: all */
  uint32_t *crc;        /* [items] of each item's values */
} plan;

/* One rank's rows of a distributed item. */
typedef struct piece {
  int64_t first, count;
  uint32_t crc;
} piece;

static uint32_t crc_of(uint32_t crc, const void *bytes, int64_t n) {
  return (uint32_t)crc32_z(crc, bytes, (z_size_t)n);
}

/* All that must be the same on all ranks, in one number; `values` is the checksum of what they all hold. */
static uint32_t fingerprint(const fz_state_item *item, uint32_t values) {
  int64_t shape[4 + FZ_STATE_RANK_MAX] = {item->type, item->rank, item->distributed, item->distributed ? 0 : values};
  for (int d = 0; d < item->rank; d++) shape[4 + d] = item->dims[d];
  return crc_of(crc_of(0, item->name, (int64_t)strlen(item->name) + 1), shape, sizeof shape);
}

static fz_status compare_items(fz_mpi *comm, const fz_state_list *list, const uint32_t *crc, uint32_t *theirs,
                               fz_error *err) {
  fz_status st = FZ_OK;
  for (int i = 0; i < list->n; i++) theirs[i] = fingerprint(&list->item[i], crc[i]);
  fz_mpi_broadcast(comm, theirs, (size_t)list->n * sizeof *theirs);
  for (int i = 0; st == FZ_OK && i < list->n; i++)
    if (theirs[i] != fingerprint(&list->item[i], crc[i]))
      st = fz_fail(err, FZ_EINTERNAL, "checkpoint: the ranks hold different values of %s", list->item[i].name);
  return fz_mpi_agree(comm, st, err);
}

static int by_first_row(const void *a, const void *b) {
  const piece *x = a, *y = b;
  if (x->first != y->first) return x->first < y->first ? -1 : 1;
  return (x->count > y->count) - (x->count < y->count);
}

/* From the checksum of this rank's rows to that of the whole array; the pieces must tile it. collective */
static fz_status combine_pieces(fz_mpi *comm, const fz_state_item *item, uint32_t *crc, fz_error *err) {
  void *all = NULL;
  int64_t n = 0, row = 0;
  piece mine = {.first = item->first, .count = item->count, .crc = *crc};
  fz_status st = fz_mpi_allgather_bytes(comm, &mine, sizeof mine, &all, &n, err);
  if (st != FZ_OK) return st;
  piece *pieces = all;
  qsort(pieces, (size_t)fz_mpi_size(comm), sizeof *pieces, by_first_row);
  *crc = 0;
  for (int r = 0; st == FZ_OK && r < fz_mpi_size(comm); r++) {
    if (pieces[r].count == 0) continue;
    if (pieces[r].first != row) st = FZ_EINTERNAL;
    *crc = (uint32_t)crc32_combine(*crc, pieces[r].crc, (z_off_t)(pieces[r].count * fz_state_row_bytes(item)));
    row += pieces[r].count;
  }
  fz_free(&all);
  if (st == FZ_OK && row == item->dims[0]) return FZ_OK;
  return fz_fail(err, FZ_EINTERNAL, "checkpoint: the ranks' slices do not tile %s", item->name);
}

/* collective: one list for all, the same content in what all share, slices that fill their arrays; crc [items] */
static fz_status check_list(fz_mpi *comm, const fz_state_list *list, uint32_t *crc, fz_error *err) {
  int n = list->n;
  fz_mpi_broadcast(comm, &n, sizeof n);
  uint32_t *theirs = fz_alloc(list->n, sizeof *theirs);
  fz_status st = FZ_OK;
  if (list->out_of_memory || !theirs || !crc)
    st = fz_fail(err, FZ_ENOMEM, "no memory to list the state of a checkpoint");
  else if (n != list->n)
    st = fz_fail(err, FZ_EINTERNAL, "checkpoint: the ranks list different numbers of items");
  FZ_TRY(fz_mpi_agree(comm, st, err));
  for (int i = 0; i < list->n; i++) {
    const fz_state_item *item = &list->item[i];
    crc[i] =
        crc_of(0, item->data, item->distributed ? item->count * fz_state_row_bytes(item) : fz_io_h5_image_bytes(item));
  }
  FZ_TRY(compare_items(comm, list, crc, theirs, err));
  for (int i = 0; i < list->n; i++)
    if (list->item[i].distributed) FZ_TRY(combine_pieces(comm, &list->item[i], &crc[i], err));
done:
  fz_free(&theirs);
  return st;
}

/* Space is asked for before anything is written: a full disk then costs nothing.  Some file systems cannot reserve;
 * there the free space is looked up. local, rank 0 */
static int reserve(int fd, int64_t bytes) {
  struct statvfs volume;
  struct rlimit limit;
  int why = fallocate(fd, 0, 0, bytes) == 0 ? 0 : errno;
  if ((why == EOPNOTSUPP || why == ENOSYS || why == EINTR) && fstatvfs(fd, &volume) == 0)
    why = (double)volume.f_bavail * (double)volume.f_frsize < (double)bytes ? ENOSPC : 0;
  if (why == 0 && getrlimit(RLIMIT_FSIZE, &limit) == 0 && (rlim_t)bytes > limit.rlim_cur) why = EFBIG;
  if (why == 0 && ftruncate(fd, bytes) != 0) why = errno; /* what nobody writes reads as zeros */
  return why;
}

/* Create the file, ask for its space, write what HDF5 and the seal put before the values. local, rank 0 */
static fz_status write_head(const plan *p, fz_error *err) {
  int fd = open(p->partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return fz_fail(err, FZ_EIO, "%s: cannot create: %s", p->partial, strerror(errno));
  int why = reserve(fd, p->image.total);
  fz_status st = FZ_OK;
  if (why != 0)
    st = fz_fail(err, FZ_EIO, "%s: cannot reserve the %.1f MB of a checkpoint: %s", p->partial,
                 (double)p->image.total * 1e-6, strerror(why));
  if (st == FZ_OK) st = fz_io_file_pwrite(fd, p->partial, p->image.bytes, p->image.n, 0, err);
  if (close(fd) != 0 && st == FZ_OK) st = fz_fail(err, FZ_EIO, "%s: cannot close: %s", p->partial, strerror(errno));
  return st;
}

static fz_status prepare_folder(plan *p, fz_error *err) {
  fz_status st = fz_io_make_last_dir(p->folder, err);
  if (st == FZ_OK) st = fz_io_checkpoint_list(p->folder, &p->manifest, err);
  p->fresh.sequence = p->manifest.n > 0 ? p->manifest.entry[0].sequence + 1 : 1;
  return st;
}

static uint32_t zeros(uint32_t crc, int64_t n) {
  static const unsigned char none[4096];
  for (; n > 0; n -= (int64_t)sizeof none) crc = crc_of(crc, none, n < (int64_t)sizeof none ? n : (int64_t)sizeof none);
  return crc;
}

typedef struct place {
  int64_t offset;
  int item;
} place;

static int by_offset(const void *a, const void *b) {
  const place *x = a, *y = b;
  return (x->offset > y->offset) - (x->offset < y->offset);
}

/* The checksum that the file after its seal must have, from what is in memory. rank 0 */
static fz_status seal(plan *p, const fz_state_list *list, fz_error *err) {
  place *places = fz_alloc(list->n, sizeof *places);
  if (!places) return fz_fail(err, FZ_ENOMEM, "no memory to seal a checkpoint");
  int64_t at = p->image.n;
  for (int i = 0; i < list->n; i++) places[i] = (place){p->image.offset[i], i};
  qsort(places, (size_t)list->n, sizeof *places, by_offset);
  uint32_t crc = crc_of(0, p->image.bytes + FZ_SEAL_BYTES, p->image.n - FZ_SEAL_BYTES);
  for (int i = 0; i < list->n; i++) {
    if (places[i].offset < 0) continue;
    int64_t bytes = fz_io_h5_image_bytes(&list->item[places[i].item]);
    crc = zeros(crc, places[i].offset - at);
    crc = (uint32_t)crc32_combine(crc, p->crc[places[i].item], (z_off_t)bytes);
    at = places[i].offset + bytes;
  }
  fz_free(&places);
  p->fresh.crc = zeros(crc, p->image.total - at);
  p->fresh.bytes = p->image.total;
  fz_io_seal_make(&p->fresh, (char *)p->image.bytes);
  p->fresh.crc = fz_io_seal_whole_crc((char *)p->image.bytes, &p->fresh);
  return FZ_OK;
}

static fz_status lay_out(plan *p, const fz_state_list *list, fz_error *err) {
  fz_status st = FZ_OK;
  FZ_TRY(prepare_folder(p, err));
  FZ_TRY(fz_io_h5_image_create(list, p->crc, FZ_CHECKPOINT_SCHEMA, p->fresh.generation, &p->image, err));
  FZ_TRY(seal(p, list, err));
  FZ_TRY(write_head(p, err));
done:
  return st;
}

/* Rank 0 makes the file, all learn where their values go. */
static fz_status plan_create(fz_mpi *comm, const char *run_dir, const fz_state_list *list, plan *p, fz_error *err) {
  char name[FZ_MANIFEST_NAME_MAX];
  bool first_rank = fz_mpi_rank(comm) == 0;
  fz_status st = fz_io_path_join(p->folder, run_dir, "checkpoint", err);
  if (st == FZ_OK) st = fz_io_path_join(p->partial, p->folder, PARTIAL, err);
  if (st == FZ_OK && first_rank) st = lay_out(p, list, err);
  if (st == FZ_OK && !first_rank) {
    p->image.offset = fz_alloc(list->n, sizeof *p->image.offset);
    if (!p->image.offset) st = fz_fail(err, FZ_ENOMEM, "no memory to plan a checkpoint");
  }
  st = fz_mpi_agree(comm, st, err);
  if (st != FZ_OK) return st;
  fz_mpi_broadcast(comm, &p->fresh, sizeof p->fresh);
  fz_mpi_broadcast(comm, p->image.offset, (size_t)list->n * sizeof *p->image.offset);
  fz_io_manifest_file_name(p->fresh.sequence, name);
  return fz_io_path_join(p->final, p->folder, name, err);
}

/* What all ranks hold is written in equal shares, so that no rank writes it alone. local */
static fz_status write_mine(fz_mpi *comm, const plan *p, int fd, const fz_state_list *list, fz_error *err) {
  fz_status st = FZ_OK;
  for (int i = 0; st == FZ_OK && i < list->n; i++) {
    const fz_state_item *item = &list->item[i];
    if (p->image.offset[i] < 0) continue;
    ptrdiff_t first = item->first, count = item->count;
    int64_t row = item->rank ? fz_state_row_bytes(item) : fz_io_h5_image_bytes(item);
    const char *data = item->data;
    if (!item->distributed) {
      fz_mpi_slice(comm, item->rank ? item->dims[0] : 1, &first, &count);
      data += first * row;
    }
    st = fz_io_file_pwrite(fd, p->partial, data, count * row, p->image.offset[i] + first * row, err);
  }
  if (st == FZ_OK && fz_mpi_fault(comm, "checkpoint-write"))
    st = fz_fail(err, FZ_EIO, "injected fault while writing a checkpoint");
  return st;
}

/* Plain writes, each rank at its places, and every failure agreed on. One rank of each node sends its node's pages to
 * the disk, when all of them are written. collective */
static fz_status write_values(fz_mpi *comm, const plan *p, const fz_state_list *list, fz_error *err) {
  fz_status st = FZ_OK;
  /* O_CREAT: network file systems may still remember on other nodes that there was no such file. */
  int fd = open(p->partial, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) st = fz_fail(err, FZ_EIO, "%s: cannot open: %s", p->partial, strerror(errno));
  if (st == FZ_OK) st = write_mine(comm, p, fd, list, err);
  st = fz_mpi_agree(comm, st, err);
  if (fz_mpi_node_leader(comm) && st == FZ_OK && fz_io_file_sync(fd) != 0)
    st = fz_fail(err, FZ_EIO, "%s: cannot synchronize: %s", p->partial, strerror(errno));
  if (fd >= 0 && close(fd) != 0 && st == FZ_OK)
    st = fz_fail(err, FZ_EIO, "%s: cannot close: %s", p->partial, strerror(errno));
  return fz_mpi_agree(comm, st, err);
}

/* What the disk gives back must be what is in memory. collective */
static fz_status read_back(fz_mpi *comm, const plan *p, fz_error *err) {
  int64_t bytes;
  uint32_t crc;
  fz_status st = fz_io_file_crc32(comm, p->partial, &bytes, &crc, err);
  if (st == FZ_EINPUT && err) err->code = FZ_EIO; /* it was there a moment ago */
  if (st != FZ_OK) return st == FZ_EINPUT ? FZ_EIO : st;
  if (bytes == p->fresh.bytes && crc == p->fresh.crc) return FZ_OK;
  return fz_fail(err, FZ_EIO, "%s: what was read back is not what was written: do not trust this disk", p->partial);
}

static fz_status synchronize(const char *path, fz_error *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  fz_status st = FZ_OK;
  if (fd < 0 || fz_io_file_sync(fd) != 0)
    st = fz_fail(err, FZ_EIO, "%s: cannot synchronize: %s", path, strerror(errno));
  if (fd >= 0) close(fd);
  return st;
}

/* Remove what the manifest does not name: checkpoints older than the last two, and what killed jobs left. rank 0 */
static void tidy_up(const char *path_of_folder, const fz_io_manifest *keep) {
  DIR *folder = opendir(path_of_folder);
  if (!folder) return;
  for (struct dirent *entry; (entry = readdir(folder));) {
    char name[FZ_MANIFEST_NAME_MAX], path[FZ_PATH_MAX];
    bool listed = false;
    for (int i = 0; i < keep->n; i++) {
      fz_io_manifest_file_name(keep->entry[i].sequence, name);
      listed = listed || strcmp(entry->d_name, name) == 0;
    }
    if (!listed && strncmp(entry->d_name, "state", 5) == 0 &&
        fz_io_path_join(path, path_of_folder, entry->d_name, NULL) == FZ_OK)
      unlink(path);
  }
  closedir(folder);
}

static fz_status publish(plan *p, fz_error *err) {
  char path[FZ_PATH_MAX];
  fz_status st = fz_io_path_join(path, p->folder, "manifest", err);
  if (st != FZ_OK) return st;
  fz_io_manifest next = {.n = 1, .entry = {p->fresh}};
  for (int i = 0; i < p->manifest.n && next.n < KEPT; i++) next.entry[next.n++] = p->manifest.entry[i];
  if (rename(p->partial, p->final) != 0)
    return fz_fail(err, FZ_EIO, "%s: cannot rename to %s: %s", p->partial, p->final, strerror(errno));
  FZ_TRY(synchronize(p->folder, err));
  FZ_TRY(fz_io_manifest_write(path, &next, err));
  tidy_up(p->folder, &next);
done:
  if (st != FZ_OK) unlink(p->final);
  return st;
}

fz_status fz_io_checkpoint_write(fz_mpi *comm, const char *run_dir, int64_t generation, const fz_state_list *list,
                                 fz_error *err) {
  plan *p = fz_alloc(1, sizeof *p);
  fz_status st = p ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory to plan a checkpoint");
  FZ_TRY(fz_mpi_agree(comm, st, err));
  p->fresh.generation = generation;
  fz_progress_at(FZ_AT_CHECKPOINT);
  p->crc = fz_alloc(list->n, sizeof *p->crc);
  FZ_TRY(check_list(comm, list, p->crc, err));
  FZ_TRY(plan_create(comm, run_dir, list, p, err));
  FZ_TRY(write_values(comm, p, list, err));
  FZ_TRY(read_back(comm, p, err));
  if (fz_mpi_rank(comm) == 0) st = publish(p, err);
  st = fz_mpi_agree(comm, st, err);
done:
  if (st != FZ_OK && p && fz_mpi_rank(comm) == 0 && p->partial[0]) unlink(p->partial);
  if (p) {
    fz_io_h5_image_clear(&p->image);
    fz_free(&p->crc);
  }
  fz_free(&p);
  return st;
}

static fz_status strike_newer(const char *run_dir, int64_t sequence, fz_error *err) {
  char folder[FZ_PATH_MAX], path[FZ_PATH_MAX];
  fz_io_manifest list, written = {0}, kept = {0};
  fz_io_manifest_condition condition;
  fz_status st = fz_io_path_join(folder, run_dir, "checkpoint", err);
  if (st == FZ_OK) st = fz_io_path_join(path, folder, "manifest", err);
  if (st == FZ_OK) st = fz_io_manifest_read(path, &written, &condition, err);
  list = written;
  if (st == FZ_OK && condition != FZ_MANIFEST_GOOD) st = fz_io_checkpoint_list(folder, &list, err);
  if (st != FZ_OK) return st;
  for (int i = 0; i < list.n; i++)
    if (list.entry[i].sequence <= sequence) kept.entry[kept.n++] = list.entry[i];
  return kept.n == written.n ? FZ_OK : fz_io_manifest_write(path, &kept, err);
}

fz_status fz_io_checkpoint_adopt(fz_mpi *comm, const char *run_dir, const fz_io_checkpoint *checkpoint, fz_error *err) {
  fz_status st = FZ_OK;
  if (fz_mpi_rank(comm) == 0) st = strike_newer(run_dir, fz_io_checkpoint_sequence(checkpoint), err);
  return fz_mpi_agree(comm, st, err);
}

/* First the list that says that there is none: a kill in between must not leave files that look like somebody's work
 * whose list was lost. */
static fz_status discard_all(const char *run_dir, fz_error *err) {
  char folder[FZ_PATH_MAX], path[FZ_PATH_MAX];
  const fz_io_manifest none = {0};
  struct stat info;
  fz_status st = fz_io_path_join(folder, run_dir, "checkpoint", err);
  if (st == FZ_OK) st = fz_io_path_join(path, folder, "manifest", err);
  if (st != FZ_OK || stat(folder, &info) != 0 || !S_ISDIR(info.st_mode)) return st;
  FZ_TRY(fz_io_manifest_write(path, &none, err));
  tidy_up(folder, &none);
done:
  return st;
}

fz_status fz_io_checkpoint_discard(fz_mpi *comm, const char *run_dir, fz_error *err) {
  fz_status st = FZ_OK;
  if (fz_mpi_rank(comm) == 0) st = discard_all(run_dir, err);
  return fz_mpi_agree(comm, st, err);
}
