/* Particle files, STAR or .cs by their first bytes: read, checked, and described by findings. */
#include "core/log.h"
#include "fuzz.h"
#include "io/particles.h"

static void nowhere(fz_log_level level, const char *text) {
  (void)level;
  (void)text;
}

static void use(fz_io_particles *p, fz_io_findings *all) {
  char message[1500];
  fz_error err = {0};
  if (fz_io_particles_check(p, all, &err) != FZ_OK || fz_io_particles_check_box(p, all, &err) != FZ_OK) abort();
  for (int64_t i = 0; i < fz_io_particles_table(p)->n; i++) fz_io_particles_image_usable(p, i);
  for (int g = 0; g < fz_io_findings_groups(all); g++)
    for (int64_t i = 0; i < fz_io_findings_group(all, g).kept; i++)
      fz_io_finding_message(fz_io_findings_at(all, g, i), message, (int)sizeof message);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  fuzz_file file = fuzz_open(bytes, n);
  fz_error err = {0};
  fz_io_particles *p;
  fz_set_log_sink(nowhere);
  fz_io_findings *all = fz_io_findings_create(false);
  fz_status st = fz_io_particles_read_noting(file.path, all, &p, &err);
  bool good = st == FZ_OK && fz_io_findings_count(all, FZ_FINDING_ERROR) == 0;
  if (st == FZ_OK) use(p, all);
  fz_io_particles_destroy(&p);
  fz_io_findings_destroy(&all);
  st = fz_io_particles_read(file.path, &p, &err);
  if (good != (st == FZ_OK)) abort();
  fz_io_particles_destroy(&p);
  fuzz_close(&file, st, &err);
  return 0;
}
