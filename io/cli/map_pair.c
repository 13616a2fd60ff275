#include "io/cli/map_pair.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/mrc.h"
#include "metrics/fsc.h"

fz_status fz_map_pair_read(const char *first, const char *second, double voxel_A, fz_map_pair *maps, fz_error *err) {
  fz_status st = FZ_OK;
  FZ_TRY(fz_io_map_read(first, &maps->first, err));
  FZ_TRY(fz_io_map_read(second, &maps->second, err));
  double a = maps->first.voxel_A, b = maps->second.voxel_A;
  if (maps->first.n != maps->second.n) {
    st = fz_fail(err, FZ_EINPUT, "%s has %d^3 voxels, %s has %d^3: the boxes must be equal", first, maps->first.n,
                 second, maps->second.n);
  } else if (voxel_A <= 0 && a > 0 && b > 0 && fabs(a - b) > 0.01 * b) {
    st = fz_fail(err, FZ_EINPUT, "%s has voxels of %.4g A, %s of %.4g A: rescale one, or state the size with --apix",
                 first, a, second, b);
  } else {
    double voxel = voxel_A > 0 ? voxel_A : b > 0 ? b : a;
    maps->first.voxel_A = maps->second.voxel_A = voxel;
  }
done:
  return st;
}

void fz_map_pair_clear(fz_map_pair *maps) {
  fz_map_clear(&maps->first);
  fz_map_clear(&maps->second);
}

const char *fz_map_pair_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

void fz_map_pair_print_fsc(const double *fsc, int n, double voxel_A) {
  const double threshold[] = {0.5, 0.143};
  printf("resolution");
  for (int i = 0; i < 2; i++) {
    fz_fsc_crossing c = fz_fsc_cross(fsc, n, voxel_A, threshold[i]);
    printf("%s at FSC = %g: ", i ? "," : "", threshold[i]);
    if (voxel_A > 0) printf("%s%.2f A ", c.never ? "<= " : "", c.resolution_A);
    printf("(shell %.2f of %d)", c.shell, n / 2);
  }
  printf("\n");
  if (voxel_A <= 0) printf("the voxel size is unknown: give it with --apix to see Angstrom\n");
}

void fz_map_pair_print_alignment(const fz_align_result *found, double voxel_A) {
  static const char *const name[] = {"same", "mirrored"};
  for (int h = 0; h < 2; h++)
    if (found->hand[h].tried)
      printf("hand %s: correlation %.4f coarse, %.4f middle, %.4f fine%s\n", name[h],
             found->hand[h].correlation[FZ_ALIGN_COARSE], found->hand[h].correlation[FZ_ALIGN_MIDDLE],
             found->hand[h].correlation[FZ_ALIGN_FINE], h == found->best ? "  <- chosen" : "");
  const fz_rigid *m = &found->hand[found->best].motion;
  double rot, tilt, psi;
  fz_rotation_to_euler(&m->rotation, &rot, &tilt, &psi);
  printf("rotation: rot %.3f, tilt %.3f, psi %.3f degrees (ZYZ)\n", rot, tilt, psi);
  printf("shift: %.3f %.3f %.3f voxels", m->shift[0], m->shift[1], m->shift[2]);
  if (voxel_A > 0) printf(" (%.2f %.2f %.2f A)", m->shift[0] * voxel_A, m->shift[1] * voxel_A, m->shift[2] * voxel_A);
  printf("\n");
}
