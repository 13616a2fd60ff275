#!/bin/bash
# Agreement with RELION on the same map, poses, shifts and CTF: projections, and maps from known poses.
#   bash bench/interop.sh [options]
#
#   --box N         box of the sets (64)
#   --images N      images to project (200)
#   --particles N   noise-free images to reconstruct from (3000)
#   --ranks N       MPI ranks (2)
#   --out DIR       files (interop)
#   --json FILE     the table for machines
#   --help          this text
# Limits: relative distance of projections within 0.8 of Nyquist 0.03, the worst image counting; Fourier shell
# correlation of the two programs' maps 0.99 up to 0.8 of Nyquist.  Needs relion_project, relion_reconstruct, mrcfile.
set -eu -o pipefail
source "$(dirname "$0")/common.sh"

box=64 images=200 particles=3000 ranks=2 out=interop json=
take_options "--box --images --particles --ranks --out --json" "$@"
need_program
for program in relion_project relion_reconstruct; do
  command -v $program >/dev/null || die "no $program: install RELION (Debian package relion)"
done
/usr/bin/python3 -c 'import mrcfile, numpy' 2>/dev/null || die "no python3-mrcfile"
[ -z "$json" ] || json=$(absolute "$json")
mkdir -p "$out"
cd "$out"

passed=0 failed=0 rows=
# report WHAT VALUE LIMIT SENSE(most|least)
report() {
  local verdict=failed
  if [ "$4" = most ]; then at_most "$2" "$3" && verdict=passed; else at_most "$3" "$2" && verdict=passed; fi
  if [ $verdict = passed ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  printf '%-62s %9s  at %-5s %5s  %s\n' "$1" "$2" "$4" "$3" $verdict
  rows+="${rows:+,$'\n'  }$(json_row what "$1" value "$2" limit "$3" sense "$4" verdict $verdict)"
}
relion() { "$@" >relion.txt 2>&1 || { tail -n 3 relion.txt >&2; die "$1 failed"; }; }
# least_fsc MAP1 MAP2: least correlation of the shells from 1 to 0.8 of Nyquist
least_fsc() {
  "$FRAZIL" fsc "$1" "$2" --table | awk -v last=$((box * 2 / 5)) \
    '$1 ~ /^[0-9]+$/ && $1 >= 1 && $1 <= last && (!n++ || $4 < least) {least = $4} END {print n == last ? least : -1}'
}

"$FRAZIL" --log warn simulate --box "$box" --pixel-size 4 --n "$images" --no-noise --shift-sd 7 --astigmatism 3000 --seed 1 \
  --output projections >simulate.txt
for kind in plain ctf; do
  flag=()
  [ $kind = plain ] || flag=(--ctf)
  relion relion_project --i projections/truth.mrc --ang projections/truth.star --o relion_$kind --angpix 4 "${flag[@]}"
  launch "$ranks" "$FRAZIL" --log warn project projections/truth.mrc --poses projections/truth.star --output ours_$kind.mrcs "${flag[@]}" >project.txt
  # The comparison's own limit is beside the point here: the figure is wanted whatever it is.
  /usr/bin/python3 "$fz_source/tests/interop/compare_images.py" ours_$kind.mrcs relion_$kind.mrcs 1e9 >distance.txt
  report "$images projections, box $box, $kind: largest relative distance" "$(sed -n 's/.*largest \([0-9.]*\).*/\1/p' distance.txt)" 0.03 most
done

"$FRAZIL" --log warn simulate --box "$box" --pixel-size 4 --n "$particles" --no-noise --shift-sd 7 --seed 4 --output known >simulate.txt
began=$(now)
# RELION looks for the stacks from where it stands.
(cd known && relion relion_reconstruct --i truth.star --o ../relion.mrc --ctf)
theirs=$(since "$began") began=$(now)
launch "$ranks" "$FRAZIL" --log warn backproject known/truth.star --output ours.mrc >ours.txt
ours=$(since "$began")
report "map of $particles images: least FSC, ours and RELION's" "$(least_fsc ours.mrc relion.mrc)" 0.99 least
report "map of $particles images: least FSC, ours and the truth" "$(least_fsc ours.mrc known/truth.mrc)" 0.99 least
echo "for comparison: least FSC of RELION's map and the truth $(least_fsc relion.mrc known/truth.mrc);" \
  "seconds: frazil ($ranks ranks) $ours, relion_reconstruct (1 process) $theirs"
echo "$passed passed, $failed failed"
[ -z "$json" ] || json_report "$json" interop "$rows"
[ "$failed" = 0 ]
