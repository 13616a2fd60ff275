#include "io/describe.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/describe_particles.h"
#include "io/describe_run.h"
#include "io/file.h"
#include "io/mrc.h"
#include "io/npy.h"

typedef struct moments {
  double minimum, maximum, mean, deviation;
  int64_t not_finite;
} moments;

/* One pass over the sections; sums are shifted by the first pixel so that a large mean costs no digits. */
static fz_status measure(const fz_io_mrc *mrc, moments *m, fz_error *err) {
  const fz_io_mrc_header *h = fz_io_mrc_header_view(mrc);
  fz_status st = FZ_OK;
  int64_t plane = h->nx * h->ny, count = 0;
  double sum = 0, square = 0, origin = 0;
  *m = (moments){.minimum = INFINITY, .maximum = -INFINITY};
  float *pixels = fz_alloc((ptrdiff_t)plane, sizeof *pixels);
  if (!pixels) return fz_fail(err, FZ_ENOMEM, "no memory for a section of %lld pixels", (long long)plane);
  for (int64_t z = 0; z < h->nz; z++) {
    FZ_TRY(fz_io_mrc_read_slices(mrc, z, 1, pixels, err));
    for (int64_t i = 0; i < plane; i++) {
      double v = (double)pixels[i];
      if (!isfinite(v)) {
        m->not_finite++;
        continue;
      }
      if (count++ == 0) origin = v;
      m->minimum = fmin(m->minimum, v);
      m->maximum = fmax(m->maximum, v);
      sum += v - origin;
      square += (v - origin) * (v - origin);
    }
  }
  double n = count > 0 ? (double)count : 1;
  m->mean = origin + sum / n;
  m->deviation = sqrt(fmax(0, square / n - sum / n * (sum / n)));
done:
  fz_free(&pixels);
  return st;
}

static const char *mode_name(const fz_io_mrc_header *h) {
  switch (h->mode) {
    case 0: return h->unsigned_bytes ? "8-bit unsigned integers (the convention before 2014)" : "8-bit integers";
    case 1: return "16-bit integers";
    case 2: return "32-bit reals";
    case 6: return "16-bit unsigned integers";
    default: return "16-bit reals";
  }
}

static void print_mrc_header(const char *path, const fz_io_mrc_header *h, FILE *out) {
  bool stack = fz_io_mrc_is_stack(path, h);
  bool cube = h->nx == h->ny && h->ny == h->nz;
  if (stack)
    fprintf(out, "%s: stack of %lld images of %lld x %lld pixels\n", path, (long long)h->nz, (long long)h->nx,
            (long long)h->ny);
  else if (cube)
    fprintf(out, "%s: map of %lld x %lld x %lld voxels\n", path, (long long)h->nx, (long long)h->ny, (long long)h->nz);
  else
    fprintf(out, "%s: map of %lld x %lld x %lld voxels, not a cube, or a stack of %lld images\n", path,
            (long long)h->nx, (long long)h->ny, (long long)h->nz, (long long)h->nz);
  fprintf(out, "  values          MRC mode %d, %s%s\n", h->mode, mode_name(h),
          h->swapped ? ", the other byte order than this machine's" : "");
  if (h->stamp_wrong) fprintf(out, "  machine stamp   absent or wrong; byte order found from the content\n");
  const double *v = h->voxel_A;
  if (!(v[0] > 0))
    fprintf(out, "  %s      unknown\n", stack ? "pixel size" : "voxel size");
  else if (stack || (fabs(v[1] - v[0]) <= 0.01 * v[0] && fabs(v[2] - v[0]) <= 0.01 * v[0]))
    fprintf(out, "  %s      %.6g A\n", stack ? "pixel size" : "voxel size", v[0]);
  else
    fprintf(out, "  voxel size      %.6g x %.6g x %.6g A\n", v[0], v[1], v[2]);
  if (h->axis[0] != 1 || h->axis[1] != 2)
    fprintf(out, "  axis order      %d, %d, %d (columns, rows, sections)\n", h->axis[0], h->axis[1], h->axis[2]);
  if (h->data_offset > 1024) fprintf(out, "  extra header    %lld bytes, skipped\n", (long long)h->data_offset - 1024);
  if (h->label[0]) fprintf(out, "  label           %s\n", h->label);
}

static fz_status describe_mrc(const char *path, FILE *out, fz_error *err) {
  fz_io_mrc *mrc;
  moments m;
  fz_status st = fz_io_mrc_open(path, &mrc, err);
  if (st != FZ_OK) return st;
  FZ_TRY(measure(mrc, &m, err));
  print_mrc_header(path, fz_io_mrc_header_view(mrc), out);
  fprintf(out, "  statistics      minimum %.6g, maximum %.6g, mean %.6g, standard deviation %.6g\n", m.minimum,
          m.maximum, m.mean, m.deviation);
  if (m.not_finite > 0) fprintf(out, "  not finite      %lld values (NaN or infinite)\n", (long long)m.not_finite);
done:
  fz_io_mrc_close(&mrc);
  return st;
}

static fz_status describe_fields(const char *path, FILE *out, fz_error *err) {
  fz_io_npy npy;
  fz_status st = fz_io_npy_read(path, &npy, err);
  if (st != FZ_OK) return st;
  bool particles = fz_io_npy_find(&npy, "blob/path") && fz_io_npy_find(&npy, "blob/idx");
  if (particles) {
    st = fz_io_describe_particles(path, out, err);
    if (st != FZ_OK) goto done;
  } else {
    fprintf(out, "%s: NumPy table without particle images (blob/path, blob/idx)\n", path);
  }
  fprintf(out, "  rows            %lld\n  fields         ", (long long)npy.rows);
  for (int i = 0; i < npy.fields; i++) fprintf(out, " %s", npy.field[i].name);
  fputc('\n', out);
done:
  fz_io_npy_clear(&npy);
  return st;
}

/* Atom records stand on lines of their own in both formats. */
static fz_status describe_atoms(const char *path, FILE *out, fz_error *err) {
  char *text;
  int64_t size, atoms = 0, hetero = 0;
  fz_status st = fz_io_file_read(path, &text, &size, err);
  if (st != FZ_OK) return st;
  for (const char *line = text; line; line = strchr(line, '\n')) {
    if (*line == '\n') line++;
    atoms += strncmp(line, "ATOM ", 5) == 0;
    hetero += strncmp(line, "HETATM", 6) == 0;
    if (strncmp(line, "ENDMDL", 6) == 0) break; /* the first model only */
  }
  fz_free(&text);
  if (atoms + hetero == 0) return fz_fail(err, FZ_EINPUT, "%s: named like an atomic model, but holds no atoms", path);
  fprintf(out, "%s: atomic model\n  atoms           %lld, of which hetero %lld\n", path, (long long)(atoms + hetero),
          (long long)hetero);
  return FZ_OK;
}

static bool named(const char *path, const char *const *endings) {
  size_t length = strlen(path);
  for (; *endings; endings++) {
    size_t n = strlen(*endings);
    if (length > n && strcasecmp(path + length - n, *endings) == 0) return true;
  }
  return false;
}

/* STAR begins, after comments, with a data_ block; n bytes at `start`. */
static bool looks_like_star(const char *start) {
  const char *line = start;
  if (strncmp(line, "\xef\xbb\xbf", 3) == 0) line += 3;
  while (*line) {
    line += strspn(line, " \t\r");
    if (strncmp(line, "data_", 5) == 0) return true;
    if (*line != '#' && *line != '\n' && *line != 0) return false;
    line = strchr(line, '\n');
    if (!line) return false;
    line++;
  }
  return false;
}

static fz_status read_start(const char *path, char *start, size_t room, int64_t *size, fz_error *err) {
  struct stat info;
  fz_status st = FZ_OK;
  memset(start, 0, room);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fz_fail(err, FZ_EINPUT, "%s: cannot open: %s", path, strerror(errno));
  if (fstat(fd, &info) != 0) {
    st = fz_fail(err, FZ_EIO, "%s: cannot examine: %s", path, strerror(errno));
  } else if (!S_ISREG(info.st_mode)) {
    st = fz_fail(err, FZ_EINPUT, "%s: is %s, not a file", path, S_ISDIR(info.st_mode) ? "a folder" : "a device");
  } else {
    *size = info.st_size;
    int64_t n = *size < (int64_t)room - 1 ? *size : (int64_t)room - 1;
    st = fz_io_file_pread(fd, path, start, n, 0, err);
  }
  close(fd);
  return st;
}

fz_status fz_io_describe(const char *path, FILE *out, fz_error *err) {
  static const char *const atoms[] = {".pdb", ".ent", ".cif", ".mmcif", NULL};
  static const char *const maps[] = {".mrc", ".mrcs", ".map", ".ccp4", ".st", NULL};
  static const char *const stars[] = {".star", NULL};
  char start[8192];
  int64_t size = 0;
  if (fz_io_is_run(path)) return fz_io_describe_run(path, out, err);
  fz_status st = read_start(path, start, sizeof start, &size, err);
  if (st != FZ_OK) return st;
  if (size == 0) return fz_fail(err, FZ_EINPUT, "%s: is empty", path);
  if (memcmp(start, "\x89HDF\r\n\x1a\n", 8) == 0) {
    fprintf(out, "%s: HDF5 file, as this program's checkpoints and particle stores are\n  size            %lld bytes\n",
            path, (long long)size);
    return FZ_OK;
  }
  if (memcmp(start, "\x1f\x8b", 2) == 0) return fz_fail(err, FZ_EINPUT, "%s: is compressed (gzip); unpack it", path);
  if (fz_io_npy_is(path)) return describe_fields(path, out, err);
  if (named(path, atoms)) return describe_atoms(path, out, err);
  if (named(path, stars) || looks_like_star(start)) return fz_io_describe_star(path, out, err);
  if (named(path, maps) || memcmp(start + 208, "MAP", 3) == 0) return describe_mrc(path, out, err);
  return fz_fail(err, FZ_EINPUT,
                 "%s: unknown kind of file; known are MRC maps and stacks, STAR, cryoSPARC .cs, PDB, mmCIF and HDF5",
                 path);
}
