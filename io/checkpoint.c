#include "io/checkpoint.h"

#include <string.h>

#include <zlib.h>

#include "core/log.h"
#include "core/memory.h"
#include "core/progress.h"
#include "io/checksum.h"
#include "io/hdf5.h"
#include "io/hdf5_image.h"
#include "io/checkpoint_list.h"
#include "io/run_dir.h"

struct fz_io_checkpoint {
  char path[FZ_PATH_MAX];
  int64_t sequence, generation;
};

/* Try the listed checkpoints, newest first. collective */
static fz_status find_good(fz_mpi *comm, const char *folder, const fz_io_manifest *manifest, fz_io_checkpoint *found,
                           fz_error *err) {
  char name[FZ_MANIFEST_NAME_MAX];
  fz_error why = {0};
  for (int i = 0; i < manifest->n; i++) {
    const fz_io_manifest_entry *e = &manifest->entry[i];
    int64_t bytes;
    uint32_t crc;
    fz_io_manifest_file_name(e->sequence, name);
    fz_status st = fz_io_path_join(found->path, folder, name, err);
    if (st != FZ_OK) return st;
    st = fz_io_file_crc32(comm, found->path, &bytes, &crc, &why);
    if (st == FZ_OK && bytes != e->bytes)
      st = fz_fail(&why, FZ_EINPUT, "%s: has %lld bytes instead of %lld", found->path, (long long)bytes,
                   (long long)e->bytes);
    if (st == FZ_OK && crc != e->crc) st = fz_fail(&why, FZ_EINPUT, "%s: its checksum is wrong", found->path);
    found->sequence = e->sequence;
    found->generation = e->generation;
    if (st == FZ_OK) return FZ_OK;
    if (st == FZ_ENOMEM) {
      if (err) *err = why;
      return st;
    }
    if (fz_mpi_rank(comm) == 0)
      fz_log(FZ_LOG_WARN, "damaged checkpoint: %s%s", why.text,
             i + 1 < manifest->n ? "; going on from the one before" : "");
  }
  return fz_fail(err, FZ_EINPUT,
                 "%s: no checkpoint there can be used (the last one tried: %s); start over with --fresh", folder,
                 why.text);
}

static fz_status check_schema(fz_mpi *comm, const char *path, fz_error *err) {
  fz_status st = FZ_OK;
  if (fz_mpi_rank(comm) == 0) {
    fz_io_h5 *h5;
    int64_t schema = -1;
    st = fz_io_h5_open(path, &h5, err);
    if (st == FZ_OK && (!fz_io_h5_get_i64(h5, "/", "frazil_schema", &schema) || schema != FZ_CHECKPOINT_SCHEMA))
      st = fz_fail(err, FZ_EINPUT,
                   "%s: was written by another version of frazil (schema %lld, this one reads %d); resume with that "
                   "version or start over with --fresh",
                   path, (long long)schema, FZ_CHECKPOINT_SCHEMA);
    fz_io_h5_close(&h5);
  }
  return fz_mpi_agree(comm, st, err);
}

fz_status fz_io_checkpoint_open(fz_mpi *comm, const char *run_dir, fz_io_checkpoint **out, fz_error *err) {
  char folder[FZ_PATH_MAX];
  fz_io_manifest manifest = {0};
  *out = NULL;
  fz_io_checkpoint *found = fz_alloc(1, sizeof *found);
  fz_status st = found ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for a checkpoint's name");
  if (st == FZ_OK) st = fz_io_path_join(folder, run_dir, "checkpoint", err);
  if (st == FZ_OK && fz_mpi_rank(comm) == 0) st = fz_io_checkpoint_list(folder, &manifest, err);
  FZ_TRY(fz_mpi_agree(comm, st, err));
  fz_mpi_broadcast(comm, &manifest, sizeof manifest);
  if (manifest.n == 0) goto done;
  FZ_TRY(find_good(comm, folder, &manifest, found, err));
  FZ_TRY(check_schema(comm, found->path, err));
  *out = found;
  found = NULL;
done:
  fz_free(&found);
  return st;
}

void fz_io_checkpoint_close(fz_io_checkpoint **checkpoint) {
  fz_free(checkpoint);
}

int64_t fz_io_checkpoint_generation(const fz_io_checkpoint *checkpoint) {
  return checkpoint->generation;
}

int64_t fz_io_checkpoint_sequence(const fz_io_checkpoint *checkpoint) {
  return checkpoint->sequence;
}

bool fz_io_checkpoint_describe(fz_mpi *comm, const fz_io_checkpoint *checkpoint, const char *name,
                               fz_state_item *found) {
  bool known = false;
  *found = (fz_state_item){0};
  if (fz_mpi_rank(comm) == 0) {
    fz_io_h5 *h5;
    if (fz_io_h5_open(checkpoint->path, &h5, NULL) == FZ_OK) known = fz_io_h5_describe(h5, name, found);
    fz_io_h5_close(&h5);
  }
  fz_mpi_broadcast(comm, found, sizeof *found);
  found->unit = found->meaning = ""; /* pointers do not travel */
  return fz_mpi_any(comm, known);
}

static bool any_distributed(const fz_state_list *list) {
  for (int i = 0; i < list->n; i++)
    if (list->item[i].distributed) return true;
  return false;
}

/* Rank 0 reads what all share; everybody reads its own rows. local */
static fz_status read_mine(fz_io_h5 *h5, const char *path, const fz_state_list *list, bool shared_too, fz_error *err) {
  fz_status st = FZ_OK;
  for (int i = 0; st == FZ_OK && i < list->n; i++) {
    const fz_state_item *item = &list->item[i];
    int64_t promised = -1;
    if (!item->distributed && !shared_too) continue;
    FZ_TRY(fz_io_h5_read_rows(h5, item, item->first, item->rank ? item->count : 1, item->data, err));
    /* Only who holds the whole can tell; the rows of the others were covered by the checksum of the file. */
    if (item->distributed && item->count != item->dims[0]) continue;
    uLong crc = crc32_z(0, item->data, (z_size_t)fz_io_h5_image_bytes(item));
    if (!fz_io_h5_get_i64(h5, item->name, "crc32", &promised) || promised != (int64_t)crc)
      st = fz_fail(err, FZ_EIO, "%s: the checksum of %s is wrong; start again from what is left: the same command",
                   path, item->name);
  }
done:
  return st;
}

fz_status fz_io_checkpoint_read(fz_mpi *comm, const fz_io_checkpoint *checkpoint, const fz_state_list *list,
                                fz_error *err) {
  fz_progress_at(FZ_AT_RESUME);
  fz_io_h5 *h5 = NULL;
  bool first_rank = fz_mpi_rank(comm) == 0;
  fz_status st = list->out_of_memory ? fz_fail(err, FZ_ENOMEM, "no memory to list what to read") : FZ_OK;
  if (st == FZ_OK && (first_rank || any_distributed(list))) st = fz_io_h5_open(checkpoint->path, &h5, err);
  for (int i = 0; st == FZ_OK && h5 && i < list->n; i++) st = fz_io_h5_check(h5, &list->item[i], err);
  FZ_TRY(fz_mpi_agree(comm, st, err));
  if (h5) st = read_mine(h5, checkpoint->path, list, first_rank, err);
  FZ_TRY(fz_mpi_agree(comm, st, err));
  for (int i = 0; i < list->n; i++)
    if (!list->item[i].distributed) fz_mpi_broadcast(comm, list->item[i].data, (size_t)fz_state_bytes(&list->item[i]));
done:
  fz_io_h5_close(&h5);
  return st;
}
