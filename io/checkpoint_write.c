/* Writing a checkpoint: agree, reserve, write, read back, synchronize, rename, list, tidy up. */
#define _GNU_SOURCE /* fallocate */
#include "io/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <zlib.h>

#include "core/memory.h"
#include "io/checksum.h"
#include "io/hdf5.h"
#include "io/manifest.h"
#include "io/run_dir.h"
#include "mpi/fault.h"
#include "mpi/node.h"
#include "mpi/reduce.h"

static const char PARTIAL[] = "state.partial";
enum { HEADER_BYTES = 1 << 16, ITEM_BYTES = 1 << 12 }; /* generous guesses for HDF5's own records */

/* What one checkpoint is about to become. */
typedef struct plan {
  char folder[FZ_PATH_MAX], partial[FZ_PATH_MAX], final[FZ_PATH_MAX], manifest_path[FZ_PATH_MAX];
  fz_io_manifest manifest; /* rank 0's: as it was found */
  fz_io_manifest_entry fresh;
} plan;

static uint32_t crc_of(uint32_t crc, const void *bytes, int64_t n) {
  return (uint32_t)crc32_z(crc, bytes, (z_size_t)n);
}

/* All that must be the same on all ranks, in one number. */
static uint32_t item_fingerprint(const fz_state_item *item) {
  int64_t shape[3 + FZ_STATE_RANK_MAX] = {item->type, item->rank, item->distributed};
  for (int d = 0; d < item->rank; d++) shape[3 + d] = item->dims[d];
  uint32_t crc = crc_of(0, item->name, (int64_t)strlen(item->name) + 1);
  crc = crc_of(crc, shape, sizeof shape);
  if (item->distributed) return crc;
  int64_t bytes = item->type == FZ_STATE_TEXT ? (int64_t)strlen(item->data) : fz_state_bytes(item);
  return crc_of(crc, item->data, bytes);
}

static fz_status compare_items(fz_mpi *comm, const fz_state_list *list, uint32_t *theirs, int64_t *rows,
                               fz_error *err) {
  fz_status st = FZ_OK;
  for (int i = 0; i < list->n; i++) theirs[i] = item_fingerprint(&list->item[i]);
  fz_mpi_broadcast(comm, theirs, (size_t)list->n * sizeof *theirs);
  for (int i = 0; st == FZ_OK && i < list->n; i++)
    if (theirs[i] != item_fingerprint(&list->item[i]))
      st = fz_fail(err, FZ_EINTERNAL, "checkpoint: the ranks hold different values of %s", list->item[i].name);
  FZ_TRY(fz_mpi_agree(comm, st, err));
  for (int i = 0; i < list->n; i++) rows[i] = list->item[i].count;
  fz_mpi_sum_i64(comm, rows, list->n);
  for (int i = 0; st == FZ_OK && i < list->n; i++)
    if (list->item[i].distributed && rows[i] != list->item[i].dims[0])
      st = fz_fail(err, FZ_EINTERNAL, "checkpoint: the ranks' slices do not tile %s", list->item[i].name);
done:
  return st;
}

/* collective: one list for all, the same content in what all share, slices that fill their arrays */
static fz_status check_list(fz_mpi *comm, const fz_state_list *list, fz_error *err) {
  int n = list->n;
  fz_mpi_broadcast(comm, &n, sizeof n);
  uint32_t *theirs = fz_alloc(list->n, sizeof *theirs);
  int64_t *rows = fz_alloc(list->n, sizeof *rows);
  fz_status st = FZ_OK;
  if (list->out_of_memory || !theirs || !rows)
    st = fz_fail(err, FZ_ENOMEM, "no memory to list the state of a checkpoint");
  else if (n != list->n)
    st = fz_fail(err, FZ_EINTERNAL, "checkpoint: the ranks list different numbers of items");
  FZ_TRY(fz_mpi_agree(comm, st, err));
  FZ_TRY(compare_items(comm, list, theirs, rows, err));
done:
  fz_free(&rows);
  fz_free(&theirs);
  return st;
}

/* A full disk inside MPI-IO is ugly; so the space is asked for before.  Some file systems cannot reserve: there the
 * free space is looked up. local, rank 0 */
static fz_status reserve(const char *path, int64_t bytes, bool empty_it, fz_error *err) {
  struct statvfs volume;
  struct rlimit limit;
  int fd = open(path, O_WRONLY | O_CREAT | (empty_it ? O_TRUNC : 0) | O_CLOEXEC, 0666);
  if (fd < 0) return fz_fail(err, FZ_EIO, "%s: cannot create: %s", path, strerror(errno));
  int why = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, bytes) == 0 ? 0 : errno;
  if ((why == EOPNOTSUPP || why == ENOSYS || why == EINTR) && fstatvfs(fd, &volume) == 0)
    why = (double)volume.f_bavail * (double)volume.f_frsize < (double)bytes ? ENOSPC : 0;
  if (why == 0 && getrlimit(RLIMIT_FSIZE, &limit) == 0 && (rlim_t)bytes > limit.rlim_cur) why = EFBIG;
  close(fd);
  if (why == 0) return FZ_OK;
  return fz_fail(err, FZ_EIO, "%s: cannot reserve the %.1f MB of a checkpoint: %s", path, (double)bytes * 1e-6,
                 strerror(why));
}

static int64_t bytes_needed(const fz_state_list *list) {
  int64_t bytes = HEADER_BYTES;
  for (int i = 0; i < list->n; i++) bytes += fz_state_bytes(&list->item[i]) + ITEM_BYTES;
  return bytes;
}

static fz_status prepare_folder(plan *p, const fz_state_list *list, fz_error *err) {
  fz_status st = FZ_OK;
  FZ_TRY(fz_io_make_dir(p->folder, err));
  FZ_TRY(fz_io_manifest_read(p->manifest_path, &p->manifest, err));
  p->fresh.sequence = p->manifest.n > 0 ? p->manifest.entry[0].sequence + 1 : 1;
  FZ_TRY(reserve(p->partial, bytes_needed(list), true, err));
done:
  return st;
}

static fz_status plan_create(fz_mpi *comm, const char *run_dir, const fz_state_list *list, plan *p, fz_error *err) {
  char name[FZ_MANIFEST_NAME_MAX];
  fz_status st = fz_io_path_join(p->folder, run_dir, "checkpoint", err);
  if (st == FZ_OK) st = fz_io_path_join(p->partial, p->folder, PARTIAL, err);
  if (st == FZ_OK) st = fz_io_path_join(p->manifest_path, p->folder, "manifest", err);
  if (st == FZ_OK && fz_mpi_rank(comm) == 0) st = prepare_folder(p, list, err);
  st = fz_mpi_agree(comm, st, err);
  if (st != FZ_OK) return st;
  fz_mpi_broadcast(comm, &p->fresh.sequence, sizeof p->fresh.sequence);
  fz_io_manifest_file_name(p->fresh.sequence, name);
  return fz_io_path_join(p->final, p->folder, name, err);
}

/* What all ranks hold is written in equal shares, so that no rank writes it alone. local */
static fz_status write_mine(fz_mpi *comm, fz_io_h5 *h5, const fz_state_list *list, fz_error *err) {
  fz_status st = FZ_OK;
  for (int i = 0; st == FZ_OK && i < list->n; i++) {
    const fz_state_item *item = &list->item[i];
    ptrdiff_t first = item->first, count = item->count;
    const char *data = item->data;
    if (!item->distributed) {
      fz_mpi_slice(comm, item->rank ? item->dims[0] : 1, &first, &count);
      data += first * fz_state_row_bytes(item);
    }
    if (count > 0) st = fz_io_h5_write_rows(h5, item, first, count, data, err);
  }
  if (st == FZ_OK && fz_mpi_fault(comm, "checkpoint-write"))
    st = fz_fail(err, FZ_EIO, "injected fault while writing a checkpoint");
  return st;
}

static fz_status write_file(fz_mpi *comm, const plan *p, const fz_state_list *list, fz_error *err) {
  fz_io_h5 *h5;
  fz_status st = fz_io_h5_create(comm, p->partial, &h5, err);
  if (st != FZ_OK) return st;
  fz_io_h5_put_i64(h5, "frazil_schema", FZ_CHECKPOINT_SCHEMA);
  fz_io_h5_put_i64(h5, "generation", p->fresh.generation);
  for (int i = 0; i < list->n; i++) fz_io_h5_define(h5, &list->item[i]);
  /* Creating the file gave the first reservation back. */
  if (fz_mpi_rank(comm) == 0) st = reserve(p->partial, bytes_needed(list), false, err);
  st = fz_mpi_agree(comm, st, err);
  if (st == FZ_OK) st = fz_mpi_agree(comm, write_mine(comm, h5, list, err), err);
  if (st != FZ_OK && fz_mpi_rank(comm) == 0) unlink(p->partial);
  /* HDF5 cannot let go of a file that it failed to close, and would crash at the end of the program. */
  if (!fz_io_h5_close(&h5))
    fz_fatal(__FILE__, __LINE__, "%s", st != FZ_OK && err ? err->text : "cannot complete the checkpoint");
  return st;
}

static fz_status synchronize(const char *path, fz_error *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  fz_status st = FZ_OK;
  if (fd < 0 || fsync(fd) != 0) st = fz_fail(err, FZ_EIO, "%s: cannot synchronize: %s", path, strerror(errno));
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
  fz_status st = FZ_OK;
  fz_io_manifest next = {.n = 1, .entry = {p->fresh}};
  for (int i = 0; i < p->manifest.n && next.n < FZ_MANIFEST_MAX; i++) next.entry[next.n++] = p->manifest.entry[i];
  if (rename(p->partial, p->final) != 0)
    return fz_fail(err, FZ_EIO, "%s: cannot rename to %s: %s", p->partial, p->final, strerror(errno));
  FZ_TRY(synchronize(p->folder, err));
  FZ_TRY(fz_io_manifest_write(p->manifest_path, &next, err));
  tidy_up(p->folder, &next);
done:
  if (st != FZ_OK) unlink(p->final);
  return st;
}

static fz_status complete(fz_mpi *comm, plan *p, fz_error *err) {
  fz_status st = fz_io_file_crc32(comm, p->partial, &p->fresh.bytes, &p->fresh.crc, err);
  if (st != FZ_OK) return st;
  if (fz_mpi_node_leader(comm)) st = synchronize(p->partial, err);
  st = fz_mpi_agree(comm, st, err);
  if (st != FZ_OK) return st;
  if (fz_mpi_rank(comm) == 0) st = publish(p, err);
  return fz_mpi_agree(comm, st, err);
}

fz_status fz_io_checkpoint_write(fz_mpi *comm, const char *run_dir, int64_t generation, const fz_state_list *list,
                                 fz_error *err) {
  plan *p = fz_alloc(1, sizeof *p);
  fz_status st = p ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory to plan a checkpoint");
  FZ_TRY(fz_mpi_agree(comm, st, err));
  p->fresh.generation = generation;
  FZ_TRY(check_list(comm, list, err));
  FZ_TRY(plan_create(comm, run_dir, list, p, err));
  st = write_file(comm, p, list, err);
  if (st == FZ_OK) st = complete(comm, p, err);
done:
  if (st != FZ_OK && p && fz_mpi_rank(comm) == 0 && p->partial[0]) unlink(p->partial);
  fz_free(&p);
  return st;
}

static fz_status strike_newer(const char *run_dir, int64_t sequence, fz_error *err) {
  char folder[FZ_PATH_MAX], path[FZ_PATH_MAX];
  fz_io_manifest manifest, kept = {0};
  fz_status st = fz_io_path_join(folder, run_dir, "checkpoint", err);
  if (st == FZ_OK) st = fz_io_path_join(path, folder, "manifest", err);
  if (st == FZ_OK) st = fz_io_manifest_read(path, &manifest, err);
  if (st != FZ_OK) return st;
  for (int i = 0; i < manifest.n; i++)
    if (manifest.entry[i].sequence <= sequence) kept.entry[kept.n++] = manifest.entry[i];
  return kept.n == manifest.n ? FZ_OK : fz_io_manifest_write(path, &kept, err);
}

fz_status fz_io_checkpoint_adopt(fz_mpi *comm, const char *run_dir, const fz_io_checkpoint *checkpoint, fz_error *err) {
  fz_status st = FZ_OK;
  if (fz_mpi_rank(comm) == 0) st = strike_newer(run_dir, fz_io_checkpoint_sequence(checkpoint), err);
  return fz_mpi_agree(comm, st, err);
}

static fz_status discard_all(const char *run_dir, fz_error *err) {
  char folder[FZ_PATH_MAX], path[FZ_PATH_MAX];
  const fz_io_manifest none = {0};
  fz_status st = fz_io_path_join(folder, run_dir, "checkpoint", err);
  if (st == FZ_OK) st = fz_io_path_join(path, folder, "manifest", err);
  if (st != FZ_OK) return st;
  if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR)
    return fz_fail(err, FZ_EIO, "%s: cannot remove: %s", path, strerror(errno));
  tidy_up(folder, &none);
  return FZ_OK;
}

fz_status fz_io_checkpoint_discard(fz_mpi *comm, const char *run_dir, fz_error *err) {
  fz_status st = FZ_OK;
  if (fz_mpi_rank(comm) == 0) st = discard_all(run_dir, err);
  return fz_mpi_agree(comm, st, err);
}
