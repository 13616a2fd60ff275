#include "io/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <zlib.h>

#include "core/memory.h"
#include "io/file.h"
#include "io/run_dir.h"

enum { TEXT_BYTES = 1024 };
static const char HEAD[] = "frazil checkpoints 2\n";
static const char HEAD_BEFORE[] = "frazil checkpoints 1\n", TAIL_BEFORE[] = "\nend\n";

void fz_io_manifest_file_name(int64_t sequence, char name[FZ_MANIFEST_NAME_MAX]) {
  snprintf(name, FZ_MANIFEST_NAME_MAX, "state-%06" PRId64 ".h5", sequence);
}

/* Head, one line per checkpoint, and the checksum of all that. */
static int print(const fz_io_manifest *manifest, char text[TEXT_BYTES]) {
  char name[FZ_MANIFEST_NAME_MAX];
  int used = snprintf(text, TEXT_BYTES, "%s", HEAD);
  for (int i = 0; i < manifest->n; i++) {
    const fz_io_manifest_entry *e = &manifest->entry[i];
    fz_io_manifest_file_name(e->sequence, name);
    used += snprintf(text + used, (size_t)(TEXT_BYTES - used),
                     "%s generation %" PRId64 " bytes %" PRId64 " crc32 %08" PRIx32 "\n", name, e->generation, e->bytes,
                     e->crc);
  }
  uLong own = crc32_z(0, (const Bytef *)text, (z_size_t)used);
  return used + snprintf(text + used, (size_t)(TEXT_BYTES - used), "end crc32 %08lx\n", own);
}

/* False unless the text is, to the last byte, what was written. */
static bool parse(const char *text, fz_io_manifest *manifest) {
  char again[TEXT_BYTES];
  if (strncmp(text, HEAD, strlen(HEAD)) != 0) return false;
  for (const char *line = text + strlen(HEAD); strncmp(line, "end ", 4) != 0;) {
    if (manifest->n == FZ_MANIFEST_MAX) return false;
    fz_io_manifest_entry *e = &manifest->entry[manifest->n++];
    int used = -1;
    sscanf(line, "state-%" SCNd64 ".h5 generation %" SCNd64 " bytes %" SCNd64 " crc32 %" SCNx32 "%n", &e->sequence,
           &e->generation, &e->bytes, &e->crc, &used);
    if (used < 0 || line[used] != '\n' || e->sequence < 0 || e->bytes < 0) return false;
    line += used + 1;
  }
  print(manifest, again);
  return strcmp(text, again) == 0;
}

static bool is_of_before(const char *text, int64_t size) {
  return strncmp(text, HEAD_BEFORE, strlen(HEAD_BEFORE)) == 0 && size >= (int64_t)strlen(TAIL_BEFORE) &&
         strcmp(text + size - strlen(TAIL_BEFORE), TAIL_BEFORE) == 0;
}

fz_status fz_io_manifest_read(const char *path, fz_io_manifest *manifest, fz_io_manifest_condition *condition,
                              fz_error *err) {
  struct stat info;
  char *text;
  int64_t size;
  *manifest = (fz_io_manifest){0};
  *condition = FZ_MANIFEST_MISSING;
  if (stat(path, &info) != 0)
    return errno == ENOENT ? FZ_OK : fz_fail(err, FZ_EIO, "%s: cannot examine: %s", path, strerror(errno));
  if (!S_ISREG(info.st_mode)) return fz_fail(err, FZ_EINPUT, "%s: is not a regular file", path);
  fz_status st = fz_io_file_read(path, &text, &size, err);
  /* It was there a moment ago: what fails now is the system. */
  if (st == FZ_EINPUT && err) err->code = FZ_EIO;
  if (st != FZ_OK) return st == FZ_EINPUT ? FZ_EIO : st;
  bool whole = strlen(text) == (size_t)size;
  *condition = FZ_MANIFEST_GOOD;
  if (whole && is_of_before(text, size)) {
    st = fz_fail(err, FZ_EINPUT,
                 "%s: was written by another version of frazil; resume with that version or start over with --fresh",
                 path);
  } else if (!whole || !parse(text, manifest)) {
    *manifest = (fz_io_manifest){0};
    *condition = FZ_MANIFEST_DAMAGED;
  }
  fz_free(&text);
  return st;
}

fz_status fz_io_manifest_write(const char *path, const fz_io_manifest *manifest, fz_error *err) {
  char text[TEXT_BYTES];
  int length = print(manifest, text);
  return fz_io_write_atomic(path, text, length, err);
}
