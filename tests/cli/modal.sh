#!/bin/bash
# frazil reconstruct --marginalization modal from a given map: one pose per image, the same bytes on any number of ranks.
fail() { echo "$*"; exit 1; }
run() {
  "${@:3}" "$FRAZIL" --log warn reconstruct --particles sim/particles.star --output "$1" --marginalization "$2" \
    --init sim/truth.mrc --max-resolution 28 --max-passes 3 --threads 1 --pose-blocks 3 >out.txt 2>&1 || { cat out.txt; fail "$1"; }
}
# column LABEL: its values
column() {
  awk -v label="_$1" '$1 == label {at = substr($2, 2)} NF > 5 && $1 !~ /^_/ && at {print $at}' modal/particles.star
}
first_gain() { sed -n '1s/.*"gain": *\([-0-9.e+]*\).*/\1/p' "$1/metrics.jsonl"; }

"$FRAZIL" --log warn simulate --box 24 --pixel-size 6 --snr 0.5 --n 300 --seed 3 --output sim >/dev/null
run modal modal
run ranks modal timeout 100 "$MPIRUN" --oversubscribe -n 3
run all exhaustive
for file in map.mrc half1.mrc half2.mrc particles.star; do
  cmp "modal/$file" "ranks/$file" || fail "$file differs on 3 ranks"
done
cmp -s modal/map.mrc all/map.mrc && fail "the option changes nothing"

[ "$(column rlnMaxValueProbDistribution | sort -u)" = 1 ] || fail "a peak below 1"
[ "$(column frazilPoseEntropy | sort -u)" = 0 ] || fail "an entropy above 0"
[ "$(column frazilPoseEntropy | wc -l)" = 300 ] || fail "not all particles"
awk -v best="$(first_gain modal)" -v all="$(first_gain all)" 'BEGIN {exit !(best > 0 && best < all)}' ||
  fail "the best pose cannot be likelier ($(first_gain modal)) than all together ($(first_gain all))"

"$FRAZIL" fsc modal/map.mrc sim/truth.mrc --table >fsc.txt
awk '$1 ~ /^[0-9]+$/ && $1 >= 1 && $1 <= 4 && $4 > 0.95 {n++} END {exit n != 4}' fsc.txt ||
  { cat fsc.txt; fail "the map is not what it started from"; }
