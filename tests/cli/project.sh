#!/bin/bash
# frazil project: the same bytes on any number of ranks, poses without image names, refusals.
fail() { echo "$*"; exit 1; }

# expect_error WORDS ARGUMENTS...
expect_error() {
  local code=0
  "$FRAZIL" project "${@:2}" --output refused.mrcs >out.txt 2>err.txt || code=$?
  [ "$code" = 1 ] || { cat out.txt err.txt; fail "project ${*:2} ended with $code, not 1"; }
  [ "$(wc -l <err.txt)" = 1 ] && grep -qF -- "$1" err.txt || { cat err.txt; fail "not one message with '$1'"; }
}

"$FRAZIL" --log warn simulate --box 20 --n 37 --no-noise --output sim >/dev/null
"$FRAZIL" --log warn project sim/truth.mrc --poses sim/truth.star --ctf --output one.mrcs >/dev/null
cmp one.mrcs sim/particles.mrcs || fail "project --ctf differs from the clean simulation"
"$MPIRUN" --oversubscribe -n 3 "$FRAZIL" --log warn project sim/truth.mrc --poses sim/truth.star --ctf --output three.mrcs >/dev/null
cmp one.mrcs three.mrcs || fail "the stack differs on 3 ranks"
[ "$(grep -c '@one.mrcs' one.star)" = 37 ] && grep -q rlnDefocusU one.star || fail "one.star"
"$FRAZIL" --log warn project sim/truth.mrc --poses sim/truth.star --output plain.mrcs >/dev/null
grep -q rlnDefocusU plain.star && fail "plain.star tells of a CTF that the images do not have"

# Angles alone: a loop without image names, optics or origins.
{ printf 'data_\n\nloop_\n_rlnAngleRot #1\n_rlnAngleTilt #2\n_rlnAnglePsi #3\n'
  printf '0 0 0\n10 20 30\n'; } >angles.star
"$FRAZIL" --log warn project sim/truth.mrc --poses angles.star --output bare.mrcs >/dev/null
[ "$(stat -c %s bare.mrcs)" = $((1024 + 2 * 20 * 20 * 4)) ] || fail "size of bare.mrcs"

expect_error "angles.star: --ctf needs _rlnDefocusU" sim/truth.mrc --poses angles.star --ctf
sed 's/ 4\.000000 / 5.000000 /' sim/truth.star >other.star
expect_error "other.star: optics group opticsGroup1 has pixels of 5 A, but the voxels of sim/truth.mrc are 4 A" \
  sim/truth.mrc --poses other.star
printf 'data_\n\nloop_\n_rlnAngleRot #1\n_rlnAnglePsi #2\n0 0\n' >two.star
expect_error "two.star: it lacks one of _rlnAngleRot, _rlnAngleTilt, _rlnAnglePsi" sim/truth.mrc --poses two.star
printf 'data_\n\nloop_\n_rlnAngleRot #1\n_rlnAngleTilt #2\n_rlnAnglePsi #3\n_rlnOriginX #4\n0 0 0 1\n' >old.star
expect_error "old.star: _rlnOriginX/Y are in pixels of unknown size" sim/truth.mrc --poses old.star
printf 'data_\n\nloop_\n_rlnDefocusU #1\n0\n' >none.star
expect_error "none.star: no block of this STAR file has a column _rlnAngleRot" sim/truth.mrc --poses none.star
expect_error "particles.mrcs" sim/particles.mrcs --poses angles.star
expect_error "option --poses FILE is required" sim/truth.mrc
code=0
"$FRAZIL" project sim/truth.mrc --poses angles.star --output x.mrc >out.txt 2>err.txt || code=$?
[ "$code" = 1 ] && grep -q 'must end in .mrcs' err.txt || fail "--output x.mrc"
[ -z "$(ls refused* ./*.partial 2>/dev/null)" ] || fail "something half-written is left"
