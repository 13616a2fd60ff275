#!/bin/bash
# frazil reconstruct --polish-poses: poses nearer to the truth than the grid's, the same map; a run that fails in this last
# step takes it up again on other ranks.
fail() { echo "$*"; exit 1; }
run() {
  "${@:2}" "$FRAZIL" reconstruct --particles sim/particles.star --output "${1%% *}" --init sim/truth.mrc \
    --max-resolution 24 --annealing off --max-passes 1 --threads 1 ${1#* } >log.txt 2>&1 || { cat log.txt; fail "$1"; }
}
# median FOLDER WORDS: of the errors that the line of `frazil poses` tells
median() { "$FRAZIL" poses "$1/particles.star" sim/truth.star | sed -n "s/^$2.*median *\([0-9.]*\).*/\1/p"; }
better() {
  awk -v after="$(median "$1" "$3")" -v before="$(median "$2" "$3")" -v "words=$3" 'BEGIN {
    print words, before, "->", after
    exit !(after > 0 && after < 0.75 * before)}'
}

"$FRAZIL" --log warn simulate --box 32 --pixel-size 6 --snr 0.3 --n 200 --seed 3 --output sim >/dev/null
run "grid --polish-poses=false"
grep -q "local search" log.txt && fail "--polish-poses=false polishes"
run "polished --seed=1"
grep -q "local search turned the poses by [0-9.]* deg" log.txt || { cat log.txt; fail "not told"; }
for file in map.mrc half1.mrc half2.mrc; do cmp "grid/$file" "polished/$file" || fail "poses change $file"; done
better polished grid "global rotation removed" || fail "directions"
better polished grid "shift error" || fail "shifts"
[ "$(tail -1 polished/metrics.jsonl | grep -c '"place": *"local search of poses"')" = 1 ] || fail "no record"

code=0
FZ_FAULT=polish:0 "$FRAZIL" --log error reconstruct --particles sim/particles.star --output again --init sim/truth.mrc \
  --max-resolution 24 --annealing off --max-passes 1 --threads 1 --checkpoint-interval 0 >log.txt 2>&1 || code=$?
[ $code = 2 ] && [ ! -e again/particles.star ] || { cat log.txt; fail "the fault: $code"; }
run "again --seed=1" timeout 100 "$MPIRUN" --oversubscribe -n 3
grep -q "resumed after step 1 (local search of poses)" log.txt || { cat log.txt; fail "not resumed at the last step"; }
cmp again/particles.star polished/particles.star || fail "other poses after a resume"
