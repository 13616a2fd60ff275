#include "io/describe_particles.h"

#include <stdbool.h>
#include <string.h>

#include "core/memory.h"
#include "io/particles.h"
#include "io/star.h"

static void print_optics(const fz_particles *t, int g, int64_t count, FILE *out) {
  const fz_optics *o = &t->optics[g];
  fprintf(out, "  optics group    %s: %lld particles", o->name, (long long)count);
  if (o->box > 0)
    fprintf(out, ", %d px", o->box);
  else
    fprintf(out, ", box unknown");
  if (o->pixel_A > 0)
    fprintf(out, " of %.6g A", o->pixel_A);
  else
    fprintf(out, ", pixel size unknown");
  if (o->voltage_kV > 0)
    fprintf(out, ", %.6g kV, Cs %.6g mm, amplitude contrast %.6g", o->voltage_kV, o->cs_mm, o->amplitude_contrast);
  if (!o->has_ctf) fprintf(out, ", no CTF");
  if (o->ctf_premultiplied) fprintf(out, ", CTF-premultiplied");
  fputc('\n', out);
}

static fz_status print_all_optics(const fz_particles *t, FILE *out, fz_error *err) {
  int64_t *count = fz_alloc(t->n_optics, sizeof *count);
  if (!count) return fz_fail(err, FZ_ENOMEM, "no memory");
  for (int64_t i = 0; i < t->n; i++) count[t->particle[i].optics]++;
  for (int g = 0; g < t->n_optics; g++) print_optics(t, g, count[g], out);
  fz_free(&count);
  return FZ_OK;
}

static void print_stacks(const fz_io_particles *p, FILE *out) {
  const fz_particles *t = fz_io_particles_table(p);
  int missing = 0, first = -1;
  for (int s = 0; s < t->n_stacks; s++) {
    if (fz_io_particles_stack_found(p, s)) continue;
    if (missing++ == 0) first = s;
  }
  if (missing == 0)
    fprintf(out, "  stacks          %d, all present (%s%s)\n", t->n_stacks, t->stack_path[0],
            t->n_stacks > 1 ? ", ..." : "");
  else
    fprintf(out, "  stacks          %d, missing %d (%s%s)\n", t->n_stacks, missing, t->stack_path[first],
            missing > 1 ? ", ..." : "");
}

fz_status fz_io_describe_particles(const char *path, FILE *out, fz_error *err) {
  fz_io_particles *p;
  fz_status st = fz_io_particles_read(path, &p, err);
  if (st != FZ_OK) return st;
  const fz_particles *t = fz_io_particles_table(p);
  int64_t half[3] = {0, 0, 0};
  for (int64_t i = 0; i < t->n; i++) half[t->particle[i].subset]++;
  fprintf(out, "%s: %lld particles, %s\n", path, (long long)t->n, fz_io_particles_style(p));
  fprintf(out, "  poses           %s\n", fz_io_particles_have_poses(p) ? "given" : "none");
  if (half[1] + half[2] > 0) fprintf(out, "  half-sets       %lld and %lld\n", (long long)half[1], (long long)half[2]);
  FZ_TRY(print_all_optics(t, out, err));
  print_stacks(p, out);
  for (int i = 0; i < fz_io_particles_unsupported_count(p); i++)
    fprintf(out, "  not supported   %s\n", fz_io_particles_unsupported(p, i));
  fz_error refusal = {0};
  if (fz_io_particles_unsupported_count(p) == 0 && fz_io_particles_require_supported(p, &refusal) != FZ_OK)
    fprintf(out, "  not usable yet  %s\n", refusal.text);
done:
  fz_io_particles_destroy(&p);
  return st;
}

static void print_columns(const fz_io_star_table *table, bool used, FILE *out) {
  int printed = 0;
  for (int c = 0; c < fz_io_star_columns(table); c++) {
    const char *label = fz_io_star_label(table, c);
    if (fz_io_particles_uses_label(label) != used) continue;
    if (printed++ == 0) fprintf(out, used ? "    used         " : "    kept only    ");
    fprintf(out, " %s", label);
  }
  if (printed > 0) fputc('\n', out);
}

fz_status fz_io_describe_star(const char *path, FILE *out, fz_error *err) {
  fz_io_star *star;
  bool particles = false;
  fz_status st = fz_io_star_read(path, &star, err);
  if (st != FZ_OK) return st;
  int n = fz_io_star_table_count(star);
  for (int i = 0; i < n; i++) particles |= fz_io_star_column(fz_io_star_table_at(star, i), "rlnImageName") >= 0;
  if (particles)
    FZ_TRY(fz_io_describe_particles(path, out, err));
  else
    fprintf(out, "%s: STAR file without particle images (_rlnImageName)\n", path);
  for (int i = 0; i < n; i++) {
    const fz_io_star_table *table = fz_io_star_table_at(star, i);
    fprintf(out, "  block           data_%s: %lld rows, %d columns\n", fz_io_star_name(table),
            (long long)fz_io_star_rows(table), fz_io_star_columns(table));
    if (particles) print_columns(table, true, out);
    print_columns(table, false, out);
  }
done:
  fz_io_star_destroy(&star);
  return st;
}
