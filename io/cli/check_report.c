/* What `frazil check` says. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/cli/check.h"
#include "io/file.h"
#include "io/json.h"

typedef struct range {
  double least, most;
} range;

static void widen(range *r, double x) {
  r->least = fmin(r->least, x);
  r->most = fmax(r->most, x);
}

typedef struct summary {
  int64_t particles, half[3];
  int groups, stacks;
  bool ctf, poses;
  range pixel_A, box, defocus_A, astigmatism_A, voltage_kV, cs_mm, contrast;
} summary;

static summary summarize(const fz_io_particles *p) {
  const range none = {INFINITY, -INFINITY};
  summary s = {.pixel_A = none,
               .box = none,
               .defocus_A = none,
               .astigmatism_A = none,
               .voltage_kV = none,
               .cs_mm = none,
               .contrast = none};
  if (!p) return s;
  const fz_particles *t = fz_io_particles_table(p);
  s.particles = t->n;
  s.groups = t->n_optics;
  s.stacks = t->n_stacks;
  s.poses = fz_io_particles_have_poses(p);
  for (int g = 0; g < t->n_optics; g++) {
    const fz_optics *o = &t->optics[g];
    s.ctf |= o->has_ctf;
    widen(&s.pixel_A, o->pixel_A);
    widen(&s.box, o->box);
    widen(&s.voltage_kV, o->voltage_kV);
    widen(&s.cs_mm, o->cs_mm);
    widen(&s.contrast, o->amplitude_contrast);
  }
  for (int64_t i = 0; i < t->n; i++) {
    const fz_particle *q = &t->particle[i];
    s.half[q->subset]++;
    widen(&s.defocus_A, 0.5 * (q->ctf.defocus_u_A + q->ctf.defocus_v_A));
    widen(&s.astigmatism_A, fabs(q->ctf.defocus_u_A - q->ctf.defocus_v_A));
  }
  return s;
}

static void print_range(FILE *out, const char *name, range r, const char *unit) {
  if (!(r.least <= r.most)) return;
  if (r.least == r.most)
    fprintf(out, "  %-15s %.6g%s\n", name, r.least, unit);
  else
    fprintf(out, "  %-15s %.6g to %.6g%s\n", name, r.least, r.most, unit);
}

static void print_images(const fz_check *c, FILE *out) {
  if (c->looked_at == 0) {
    fprintf(out, "  images          none looked at\n");
    return;
  }
  fprintf(out, "  images          %" PRId64 " looked at", c->looked_at);
  if (fabs(c->contrast) >= 5)
    fprintf(out, ", particles are %s (by %.0f standard errors)", c->contrast > 0 ? "bright" : "dark",
            fabs(c->contrast));
  fputc('\n', out);
}

static void print_summary(const fz_check *c, FILE *out) {
  if (!c->particles) return;
  summary s = summarize(c->particles);
  fprintf(out, "%s: %s\n", c->r->particles, fz_io_particles_style(c->particles));
  fprintf(out, "  particles       %" PRId64 " in %d stack%s, %d optics group%s, poses %s\n", s.particles, s.stacks,
          s.stacks == 1 ? "" : "s", s.groups, s.groups == 1 ? "" : "s", s.poses ? "given" : "not given");
  print_range(out, "pixel size", s.pixel_A, " A");
  print_range(out, "box", s.box, " px");
  if (s.ctf) {
    print_range(out, "voltage", s.voltage_kV, " kV");
    print_range(out, "Cs", s.cs_mm, " mm");
    print_range(out, "amp. contrast", s.contrast, "");
    print_range(out, "defocus", s.defocus_A, " A");
    print_range(out, "astigmatism", s.astigmatism_A, " A");
  } else {
    fprintf(out, "  CTF             none\n");
  }
  if (s.half[1] + s.half[2]) fprintf(out, "  half-sets       %" PRId64 " and %" PRId64 "\n", s.half[1], s.half[2]);
  print_images(c, out);
}

static void print_findings(const fz_check *c, fz_io_severity severity, FILE *out) {
  char message[1500];
  for (int g = 0; g < fz_io_findings_groups(c->findings); g++) {
    fz_io_finding_group group = fz_io_findings_group(c->findings, g);
    if (group.first->severity != severity) continue;
    int64_t shown = group.kept < c->r->list ? group.kept : c->r->list;
    for (int64_t i = 0; i < shown; i++) {
      fz_io_finding_message(fz_io_findings_at(c->findings, g, i), message, (int)sizeof message);
      fprintf(out, "%s: %s\n", severity == FZ_FINDING_ERROR ? "error" : "warning", message);
    }
    if (group.count > shown)
      fprintf(out, "%s: ... and %" PRId64 " more of this kind%s%s\n",
              severity == FZ_FINDING_ERROR ? "error" : "warning", group.count - shown,
              group.first->at.label ? " at " : "", group.first->at.label ? group.first->at.label : "");
  }
}

void fz_check_print(const fz_check *c, FILE *out) {
  print_findings(c, FZ_FINDING_ERROR, out);
  print_findings(c, FZ_FINDING_WARNING, out);
  print_summary(c, out);
}

/* ---- for machines ---- */

static void put_object(FILE *out, fz_io_json *json) {
  const char *text = fz_io_json_end(json);
  fputs(text ? text : "null", out);
  fz_io_json_clear(json);
}

static void put_range(fz_io_json *json, const char *name, range r) {
  const double both[2] = {r.least, r.most};
  fz_io_json_f64_array(json, name, both, 2);
}

static void put_summary(const fz_check *c, FILE *out) {
  fz_io_json json;
  summary s = summarize(c->particles);
  fz_io_json_begin(&json);
  fz_io_json_text(&json, "style", fz_io_particles_style(c->particles));
  fz_io_json_i64(&json, "particles", s.particles);
  fz_io_json_i64(&json, "optics_groups", s.groups);
  fz_io_json_i64(&json, "stacks", s.stacks);
  fz_io_json_bool(&json, "poses", s.poses);
  fz_io_json_bool(&json, "ctf", s.ctf);
  put_range(&json, "pixel_A", s.pixel_A);
  put_range(&json, "box", s.box);
  if (s.ctf) {
    put_range(&json, "voltage_kV", s.voltage_kV);
    put_range(&json, "cs_mm", s.cs_mm);
    put_range(&json, "amplitude_contrast", s.contrast);
    put_range(&json, "defocus_A", s.defocus_A);
    put_range(&json, "astigmatism_A", s.astigmatism_A);
  }
  fz_io_json_i64(&json, "half1", s.half[1]);
  fz_io_json_i64(&json, "half2", s.half[2]);
  fz_io_json_i64(&json, "images_looked_at", c->looked_at);
  fz_io_json_f64(&json, "contrast_standard_errors", c->contrast);
  put_object(out, &json);
}

static void put_finding(const fz_io_finding *x, FILE *out) {
  fz_io_json json;
  fz_io_json_begin(&json);
  fz_io_json_text(&json, "severity", x->severity == FZ_FINDING_ERROR ? "error" : "warning");
  fz_io_json_text(&json, "kind", x->kind);
  fz_io_json_text(&json, "file", x->at.file);
  if (x->at.line) fz_io_json_i64(&json, x->at.rows ? "row" : "line", x->at.line);
  if (x->at.label) fz_io_json_text(&json, "label", x->at.label);
  if (x->at.stack) fz_io_json_text(&json, "stack", x->at.stack);
  if (x->at.image) fz_io_json_i64(&json, "image", x->at.image);
  fz_io_json_text(&json, "text", x->text);
  if (x->advice && *x->advice) fz_io_json_text(&json, "advice", x->advice);
  put_object(out, &json);
}

static void put_findings(const fz_check *c, FILE *out) {
  const char *separator = "\n  ";
  for (int g = 0; g < fz_io_findings_groups(c->findings); g++) {
    fz_io_finding_group group = fz_io_findings_group(c->findings, g);
    for (int64_t i = 0; i < group.kept; i++) {
      fputs(separator, out);
      put_finding(fz_io_findings_at(c->findings, g, i), out);
      separator = ",\n  ";
    }
  }
}

fz_status fz_check_write_json(const fz_check *c, const char *path, fz_error *err) {
  char *text = NULL;
  size_t n = 0;
  FILE *out = open_memstream(&text, &n);
  if (!out) return fz_fail(err, FZ_ENOMEM, "%s: no memory", path);
  fprintf(out, "{\"errors\": %" PRId64 ", \"warnings\": %" PRId64 ",\n \"summary\": ",
          fz_io_findings_count(c->findings, FZ_FINDING_ERROR), fz_io_findings_count(c->findings, FZ_FINDING_WARNING));
  if (c->particles)
    put_summary(c, out);
  else
    fputs("null", out);
  fputs(",\n \"findings\": [", out);
  put_findings(c, out);
  fputs("]}\n", out);
  bool failed = ferror(out) != 0;
  failed |= fclose(out) != 0;
  fz_status st =
      failed ? fz_fail(err, FZ_ENOMEM, "%s: no memory", path) : fz_io_file_write(path, text, (int64_t)n, err);
  free(text);
  return st;
}
