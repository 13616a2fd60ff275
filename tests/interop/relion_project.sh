#!/bin/bash
# The forward model against relion_project: hand, Euler angles, sign of the origin, CTF and scale.
fail() { echo "$*"; exit 1; }
command -v relion_project >/dev/null || { echo "skipped: no relion_project"; exit 77; }
/usr/bin/python3 -c 'import mrcfile, numpy' 2>/dev/null || { echo "skipped: no python3-mrcfile"; exit 77; }
compare() { /usr/bin/python3 "$FZ_SOURCE/tests/interop/compare_images.py" "$@"; }

# RELION interpolates linearly on a twofold grid: 1 to 2 % of a projection's norm are its own error, ours is 0.05 %.
limit=0.03
# make_set FOLDER PHANTOM BOX PIXEL SEED OPTIONS...; the second set has strong astigmatism and amplitude contrast.
make_set() {
  "$FRAZIL" --log warn simulate --phantom "$2" --box "$3" --pixel-size "$4" --n 30 --no-noise --shift-sd 7 \
    --seed "$5" --output "$1" "${@:6}"
}
make_set first asymmetric 48 4 1
make_set second rod 40 3 2 --astigmatism 3000 --defocus-min 4000 --defocus-max 6000 --amplitude-contrast 0.5 --voltage 200
for set in first second; do
  cd $set
  pixel=4
  [ $set = second ] && pixel=3
  for kind in plain ctf; do
    flag=
    [ $kind = ctf ] && flag=--ctf
    relion_project --i truth.mrc --ang truth.star --o relion_$kind --angpix $pixel $flag >relion.txt 2>&1 ||
      { cat relion.txt; fail "relion_project failed"; }
    "$FRAZIL" --log warn project truth.mrc --poses truth.star --output ours_$kind.mrcs $flag
    echo "$set, $kind:"
    compare ours_$kind.mrcs relion_$kind.mrcs $limit || fail "$set: $kind projections differ from RELION's"
  done
  cmp ours_ctf.mrcs particles.mrcs || fail "simulate and project disagree"
  # The same poses through RELION's own STAR file.
  "$FRAZIL" --log warn project truth.mrc --poses relion_ctf.star --output again.mrcs --ctf
  compare again.mrcs ours_ctf.mrcs 1e-4 || fail "poses change on their way through RELION"
  cd ..
done

# The comparison can fail: wrong sign of the shift, other hand, no CTF.
cd first
awk '/@/ {$6 = -$6; $7 = -$7} {print}' truth.star >moved.star
"$FRAZIL" --log warn project truth.mrc --poses moved.star --output moved.mrcs
compare moved.mrcs relion_plain.mrcs $limit && fail "blind to the sign of the shift"
awk '/@/ {$3 = -$3; $4 = -$4; $5 = -$5} {print}' truth.star >turned.star
"$FRAZIL" --log warn project truth.mrc --poses turned.star --output turned.mrcs
compare turned.mrcs relion_plain.mrcs $limit && fail "blind to the sense of the angles"
compare ours_plain.mrcs relion_ctf.mrcs $limit && fail "blind to the CTF"
cd ..

# Projections made elsewhere with RELION.  In odd boxes its images are displaced by one pixel in x and y.
data=${FZ_SHARED_DATA:-$FZ_SOURCE/../shared/data}
if [ -e "$data/interop/rln_proj_65.mrcs" ]; then
  "$FRAZIL" --log warn project "$data/maps/70S_ribosome_65.mrc" --pixel-size 1 \
    --poses "$data/interop/rln_proj_65.star" --output odd.mrcs
  compare odd.mrcs "$data/interop/rln_proj_65.mrcs" $limit --any-shift | tee shift.txt || fail "rln_proj_65 differs"
  grep -q 'shift (y, x): \[1, 1\]' shift.txt || fail "rln_proj_65 is displaced otherwise"
fi
exit 0
