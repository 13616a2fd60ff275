#!/bin/bash
# What a run says of its map: reproduced, or uncertain and why; and the annealing that gets it there.
fail() { cat out.txt; echo "$*"; exit 1; }
run() { "$FRAZIL" reconstruct --threads 2 --particles "$1/particles.star" --output "$2" "${@:3}" >out.txt 2>&1; }
# value_of RUN KEY: text or number in its status.json
value_of() { sed -n 's/.*"'"$2"'": "\{0,1\}\([^",}]*\).*/\1/p' "$1/status.json"; }
# annealing RUN PLACE: at the steps of a place
annealing() { sed -n '/"place": "'"$2"'/s/.*"annealing": \([-0-9.e]*\).*/\1/p' "$1/metrics.jsonl"; }

"$FRAZIL" --log warn simulate --box 32 --pixel-size 6 --n 300 --snr 1 --seed 11 --output clear >/dev/null
run clear good || fail "a clear set"
[ "$(value_of good verdict)" = reproduced ] || fail "two starts: $(cat good/status.json)"
grep -q 'resolution [0-9.]* A .*; reproduced' out.txt || fail "the log has no verdict"
truth=$("$FRAZIL" fsc --align good/map.mrc clear/truth.mrc | sed -n 's/^resolution at FSC = 0.5: \(<= \)\{0,1\}\([0-9.]*\) A .*/\2/p')
awk -v c="$(value_of good resolution_A)" -v t="$truth" 'BEGIN {exit !(c > 0 && t > 0 && c > t / 1.1 && t < 22)}' ||
  fail "claims $(value_of good resolution_A), is right to $truth"
[ "$(annealing good start | sort -u)" = 1 ] || fail "so much signal wants annealing: $(annealing good start)"
[ "$(annealing good refinement | tail -1)" = 0 ] || fail "annealed to the end: $(annealing good refinement)"

run clear alone --starts 1 --annealing off --max-passes 1 --kmax-schedule 3,4 || fail "one start"
[ "$(value_of alone verdict)" = uncertain ] || fail "one start is nothing to be compared"
value_of alone reason | grep -q 'one random start' || fail "why: $(cat alone/status.json)"
[ "$(annealing alone '' | sort -u)" = 0 ] || fail "--annealing off anneals"
run clear early --max-passes 1 || fail "one pass"
value_of early reason | grep -q 'annealing' || fail "an end before the annealing's: $(cat early/status.json)"

for value in 1.01 -0.1 some 0.5x; do
  run clear never --annealing "$value" && fail "--annealing '$value' is accepted"
  grep -q "want auto, off" out.txt || fail "--annealing '$value': no advice"
done
exit 0
