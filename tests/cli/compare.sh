#!/bin/bash
# fsc, align and poses on maps and poses made here: files written, figures right, bad input refused in one line.
fail() { echo "$*"; exit 1; }
expect() {
  local code=$1 got=0
  shift
  "$@" >out.txt 2>err.txt || got=$?
  [ "$got" = "$code" ] || { cat out.txt err.txt; fail "$* ended with $got, not $code"; }
}

# Twenty Gaussians in a box of 32 voxels of 3 A; turned by 90 degrees about z (index y -> -x), or mirrored in x.
cat >make.c <<'EOF'
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
enum { N = 32 };
int main(int argc, char **argv) {
  const char *kind = argv[1];
  double voxel = argc > 3 ? atof(argv[3]) : 3, blob[20][4];
  unsigned long seed = 12345;
  for (int i = 0; i < 80; i++) {
    seed = (seed * 1103515245 + 12345) % 2147483648UL;
    blob[i / 4][i % 4] = (double)(seed >> 8) / (2147483648UL >> 8) - 0.5;
  }
  int head[256] = {N, N, N, 2, 0, 0, 0, N, N, N};
  float cell[6] = {(float)(N * voxel), (float)(N * voxel), (float)(N * voxel), 90, 90, 90};
  memcpy(head + 10, cell, sizeof cell);
  head[16] = 1, head[17] = 2, head[18] = 3, head[22] = 1, head[27] = 20140;
  memcpy(head + 52, "MAP ", 4);
  head[53] = 0x4444;
  FILE *f = fopen(argv[2], "wb");
  fwrite(head, 4, 256, f);
  for (int z = -N / 2; z < N / 2; z++)
    for (int y = -N / 2; y < N / 2; y++)
      for (int x = -N / 2; x < N / 2; x++) {
        double p[3] = {x, y, z};
        float v = 0;
        if (!strcmp(kind, "turned")) p[0] = y, p[1] = -x;
        if (!strcmp(kind, "mirrored")) p[0] = -x;
        for (int i = 0; i < 20; i++) {
          double d2 = 0;
          for (int k = 0; k < 3; k++) d2 += pow(p[k] - 14 * blob[i][k], 2);
          v += (float)((1 + blob[i][3]) * exp(-d2 / 5));
        }
        fwrite(&v, 4, 1, f);
      }
  return fclose(f);
}
EOF
"$FZ_CC" -O1 -o make make.c -lm
./make plain plain.mrc
./make turned turned.mrc
./make mirrored mirrored.mrc
./make plain other_size.mrc 4
./make plain unknown_size.mrc 0

# A map agrees with itself to the last shell; a turned one does not.
expect 0 "$FRAZIL" fsc plain.mrc plain.mrc --table --star fsc.star --xml fsc.xml --plot fsc.png --mask-diameter 60
grep -q 'FSC = 0.5: <= 6.00 A (shell 16.00 of 16), at FSC = 0.143: <= 6.00 A' out.txt || { cat out.txt; fail "not perfect"; }
[ "$(grep -c ' 1.0000$' out.txt)" = 17 ] || fail "the table has not 17 ones"
grep -q '^_rlnFourierShellCorrelation #4' fsc.star
[ "$(grep -c '<coordinate>' fsc.xml)" = 17 ] || fail "the XML file has not 17 points"
[ "$(head -c 4 fsc.png | tail -c 3)" = PNG ] || fail "fsc.png is no PNG"
expect 0 "$FRAZIL" fsc plain.mrc turned.mrc
grep -q 'FSC = 0.5: <=' out.txt && fail "a turned map looks perfect"
expect 0 "$FRAZIL" fsc turned.mrc plain.mrc --align
grep -q 'hand same: .*chosen' out.txt || fail "fsc --align chose the wrong hand"
"$MPIRUN" --oversubscribe -n 2 "$FRAZIL" fsc plain.mrc plain.mrc >twice.txt
[ "$(grep -c resolution twice.txt)" = 1 ] || fail "two ranks print twice"

# Align: motion, hand, output.
expect 0 "$FRAZIL" align turned.mrc plain.mrc --output aligned.mrc --angular-step 18 --plot aligned.png
grep -q 'hand same: .*chosen' out.txt || { cat out.txt; fail "wrong hand"; }
awk '/^rotation/ {gsub(",", ""); turn = $3 + $7; if (turn < 0) turn = -turn; exit !($5 < 0.5 && turn > 89.5 && turn < 90.5)}' \
  out.txt || { cat out.txt; fail "not 90 degrees about z"; }
expect 0 "$FRAZIL" align mirrored.mrc plain.mrc --output aligned.mrc --angular-step 18
grep -q 'hand mirrored: .*chosen' out.txt || { cat out.txt; fail "wrong hand"; }
expect 0 "$FRAZIL" fsc aligned.mrc plain.mrc
awk '{for (i = 1; i < NF; i++) if ($i == "(shell" && $(i + 1) < 12) exit 1}' out.txt || { cat out.txt; fail "aligned badly"; }
expect 0 "$FRAZIL" align mirrored.mrc plain.mrc --output same.mrc --hands same --angular-step 30
grep -q 'mirrored' out.txt && fail "--hands same tried the mirror"

# Bad input: one message that says what to do, nothing written.
refused() {
  expect 1 "${@:2}"
  [ "$(wc -l <err.txt)" = 1 ] && [ ! -s out.txt ] || { cat out.txt err.txt; fail "not one message: $1"; }
  grep -qF -- "$1" err.txt || { cat err.txt; fail "the message lacks '$1'"; }
}
refused "state the size with --apix" "$FRAZIL" fsc plain.mrc other_size.mrc
refused "give it with --apix" "$FRAZIL" fsc unknown_size.mrc unknown_size.mrc --star none.star
refused "give the voxel size with --apix" "$FRAZIL" fsc unknown_size.mrc unknown_size.mrc --mask-diameter 50
refused "missing.mrc" "$FRAZIL" align missing.mrc plain.mrc --output none.mrc
refused "--output" "$FRAZIL" align plain.mrc turned.mrc
[ ! -e none.star ] && [ ! -e none.mrc ] || fail "something was written after an error"

# Poses: every estimate turned by the same 30 degrees about the map's z axis, i.e. rot + 30; rows in another order.
poses() { # ADD_TO_ROT ORDER EVERY: rot grows in every n-th particle
  printf '\ndata_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnImagePixelSize #2\n_rlnImageSize #3\n_rlnVoltage #4\n'
  printf '_rlnSphericalAberration #5\n_rlnAmplitudeContrast #6\n1 3.0 32 300 2.7 0.1\n\n\ndata_particles\n\nloop_\n'
  printf '_rlnImageName #1\n_rlnAngleRot #2\n_rlnAngleTilt #3\n_rlnAnglePsi #4\n_rlnOpticsGroup #5\n'
  printf '_rlnOriginXAngst #6\n_rlnOriginYAngst #7\n_rlnDefocusU #8\n_rlnDefocusV #9\n_rlnDefocusAngle #10\n'
  awk -v add="$1" -v order="$2" -v every="$3" 'BEGIN {for (j = 1; j <= 60; j++) {i = order > 0 ? j : 61 - j;
    printf "%d@stack.mrcs %.4f %.4f %.4f 1 0 0 15000 15000 0\n", i, (i * 77) % 360 + (i % every == 0 ? add : 0), (i * 29) % 180, (i * 131) % 360}}'
}
poses 0 1 1 >truth.star
poses 30 -1 1 >estimate.star
poses 120 1 3 >third.star
expect 0 "$FRAZIL" poses estimate.star truth.star
grep -q '^particles: 60$' out.txt
grep -Eq '^global rotation removed +mean +0\.000 +median +0\.000' out.txt || { cat out.txt; fail "poses do not agree"; }
grep -q '^hand: same' out.txt
grep -q '^removed rotation: 30.000 deg' out.txt || { cat out.txt; fail "not 30 degrees"; }
expect 0 "$FRAZIL" poses third.star truth.star --symmetry C3
grep -Eq '^global rotation removed +mean +0\.000 ' out.txt || { cat out.txt; fail "symmetry mates are not equal"; }
expect 0 "$FRAZIL" poses third.star truth.star
grep -Eq '^global rotation removed .*above 30: 33\.33%' out.txt || { cat out.txt; fail "a third should be off"; }
refused "'D7' is not C1" "$FRAZIL" poses estimate.star truth.star --symmetry D7
sed 's/stack.mrcs/else.mrcs/' truth.star >stranger.star
refused "no image in common" "$FRAZIL" poses stranger.star truth.star
