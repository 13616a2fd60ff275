#!/bin/bash
# Backprojection against relion_reconstruct --ctf and against the truth: clean images, the same poses.
fail() { echo "$*"; exit 1; }
command -v relion_reconstruct >/dev/null || { echo "skipped: no relion_reconstruct"; exit 77; }

# least_fsc MAP1 MAP2 LAST: least correlation of shells 1 .. LAST.
least_fsc() {
  "$FRAZIL" fsc "$1" "$2" --table | awk -v last="$3" '$1 ~ /^[0-9]+$/ && $1 >= 1 && $1 <= last {if (!n++ || $4 < least) least = $4}
    END {print n == last ? least : "none"}'
}
above() { awk -v value="$1" -v limit="$2" 'BEGIN {exit !(value > limit)}'; }

# 0.8 of Nyquist is shell 16 of a box of 40. RELION's gridding leaves the outermost voxels to themselves: a sphere.
"$FRAZIL" --log warn simulate --box 40 --n 1200 --no-noise --seed 4 --shift-sd 7 --output sim
cd sim
relion_reconstruct --i truth.star --o relion.mrc --ctf >relion.txt 2>&1 || { cat relion.txt; fail "relion_reconstruct failed"; }
"$FRAZIL" --log warn backproject truth.star --output ours.mrc
ours=$(least_fsc ours.mrc truth.mrc 16)
relion=$(least_fsc relion.mrc truth.mrc 16)
both=$(least_fsc ours.mrc relion.mrc 16)
echo "least FSC up to 0.8 of Nyquist: ours and the truth $ours, RELION's and the truth $relion, ours and RELION's $both"
above "$ours" 0.999 || fail "the map is not the truth"
above "$both" 0.99 || fail "the maps differ"

# The comparison can fail: the wrong sign of the shifts.
awk '/@/ {$6 = -$6; $7 = -$7} {print}' truth.star >moved.star
"$FRAZIL" --log warn backproject moved.star --output moved.mrc >/dev/null
above "$(least_fsc moved.mrc relion.mrc 16)" 0.9 && fail "blind to the sign of the shift"
exit 0
