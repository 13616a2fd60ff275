#include "io/checkpoint_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "io/file.h"
#include "io/run_dir.h"
#include "io/seal.h"

/* What a file of a checkpoint's name says of itself. */
static bool read_seal(const char *folder, const char *file, fz_io_manifest_entry *entry) {
  char path[FZ_PATH_MAX], seal[FZ_SEAL_BYTES], name[FZ_MANIFEST_NAME_MAX];
  if (fz_io_path_join(path, folder, file, NULL) != FZ_OK) return false;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  bool good = fz_io_file_pread(fd, path, seal, sizeof seal, 0, NULL) == FZ_OK && fz_io_seal_parse(seal, entry);
  close(fd);
  if (!good) return false;
  entry->crc = fz_io_seal_whole_crc(seal, entry);
  fz_io_manifest_file_name(entry->sequence, name);
  return strcmp(file, name) == 0;
}

/* The newest FZ_MANIFEST_MAX, in order. */
static void insert(fz_io_manifest *list, const fz_io_manifest_entry *fresh) {
  int at = list->n;
  while (at > 0 && list->entry[at - 1].sequence < fresh->sequence) at--;
  if (at == FZ_MANIFEST_MAX) return;
  if (list->n < FZ_MANIFEST_MAX) list->n++;
  memmove(&list->entry[at + 1], &list->entry[at], (size_t)(list->n - 1 - at) * sizeof *list->entry);
  list->entry[at] = *fresh;
}

static bool has_final_name(const char *file) {
  const char *end = strrchr(file, '.');
  return strncmp(file, "state-", 6) == 0 && end && strcmp(end, ".h5") == 0;
}

static fz_status scan(const char *folder, fz_io_manifest *list, bool *damage, fz_error *err) {
  DIR *entries = opendir(folder);
  if (!entries && errno == ENOENT) return FZ_OK;
  if (!entries) return fz_fail(err, FZ_EIO, "%s: cannot list: %s", folder, strerror(errno));
  for (struct dirent *e; (e = readdir(entries));) {
    fz_io_manifest_entry found;
    if (!has_final_name(e->d_name)) continue;
    if (read_seal(folder, e->d_name, &found))
      insert(list, &found);
    else
      *damage = true;
  }
  closedir(entries);
  return FZ_OK;
}

fz_status fz_io_checkpoint_list(const char *folder, fz_io_manifest *list, fz_error *err) {
  char path[FZ_PATH_MAX];
  fz_io_manifest_condition condition;
  fz_status st = fz_io_path_join(path, folder, "manifest", err);
  if (st == FZ_OK) st = fz_io_manifest_read(path, list, &condition, err);
  if (st != FZ_OK || condition == FZ_MANIFEST_GOOD) return st;
  bool damage = condition == FZ_MANIFEST_DAMAGED;
  st = scan(folder, list, &damage, err);
  if (st != FZ_OK) return st;
  const char *what = condition == FZ_MANIFEST_DAMAGED ? "damaged" : "missing";
  if (list->n > 0)
    fz_log(FZ_LOG_WARN, "%s: this list of checkpoints is %s; the files beside it say which of them are good", path,
           what);
  else if (damage) /* not the same as no checkpoint at all: somebody's work was here */
    return fz_fail(err, FZ_EINPUT,
                   "%s: this list of checkpoints is %s, and no good one is beside it; start over with "
                   "--fresh",
                   path, what);
  return FZ_OK;
}
