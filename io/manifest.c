#include "io/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "io/file.h"
#include "io/run_dir.h"

static const char HEAD[] = "frazil checkpoints 1\n";
static const char TAIL[] = "end\n"; /* a file cut short is not taken for a whole one */

void fz_io_manifest_file_name(int64_t sequence, char name[FZ_MANIFEST_NAME_MAX]) {
  snprintf(name, FZ_MANIFEST_NAME_MAX, "state-%06" PRId64 ".h5", sequence);
}

/* One line per checkpoint; false unless the text is exactly what was written. */
static bool parse(const char *text, fz_io_manifest *manifest) {
  if (strncmp(text, HEAD, strlen(HEAD)) != 0) return false;
  text += strlen(HEAD);
  while (strcmp(text, TAIL) != 0) {
    if (manifest->n == FZ_MANIFEST_MAX) return false;
    fz_io_manifest_entry *e = &manifest->entry[manifest->n++];
    int used = -1;
    sscanf(text, "state-%" SCNd64 ".h5 generation %" SCNd64 " bytes %" SCNd64 " crc32 %" SCNx32 "%n", &e->sequence,
           &e->generation, &e->bytes, &e->crc, &used);
    if (used < 0 || text[used] != '\n' || e->sequence < 0 || e->bytes < 0) return false;
    text += used + 1;
  }
  return true;
}

fz_status fz_io_manifest_read(const char *path, fz_io_manifest *manifest, fz_error *err) {
  struct stat info;
  char *text;
  int64_t size;
  *manifest = (fz_io_manifest){0};
  if (stat(path, &info) != 0 && errno == ENOENT) return FZ_OK;
  fz_status st = fz_io_file_read(path, &text, &size, err);
  if (st != FZ_OK) return st;
  if (strlen(text) != (size_t)size || !parse(text, manifest)) {
    *manifest = (fz_io_manifest){0};
    st = fz_fail(err, FZ_EINPUT, "%s: damaged list of checkpoints", path);
  }
  fz_free(&text);
  return st;
}

fz_status fz_io_manifest_write(const char *path, const fz_io_manifest *manifest, fz_error *err) {
  char text[512], name[FZ_MANIFEST_NAME_MAX];
  int used = snprintf(text, sizeof text, "%s", HEAD);
  for (int i = 0; i < manifest->n; i++) {
    const fz_io_manifest_entry *e = &manifest->entry[i];
    fz_io_manifest_file_name(e->sequence, name);
    used += snprintf(text + used, sizeof text - (size_t)used,
                     "%s generation %" PRId64 " bytes %" PRId64 " crc32 %08" PRIx32 "\n", name, e->generation, e->bytes,
                     e->crc);
  }
  used += snprintf(text + used, sizeof text - (size_t)used, "%s", TAIL);
  return fz_io_write_atomic(path, text, used, err);
}
