#!/bin/bash
# frazil backproject: the same bits on any number of ranks, agreement with the truth, refusals.
fail() { echo "$*"; exit 1; }

# expect_error CODE WORDS ARGUMENTS...
expect_error() {
  local code=0
  "$FRAZIL" backproject "${@:3}" >out.txt 2>err.txt || code=$?
  [ "$code" = "$1" ] || { cat out.txt err.txt; fail "backproject ${*:3} ended with $code, not $1"; }
  [ "$(wc -l <err.txt)" = 1 ] && grep -qF -- "$2" err.txt || { cat err.txt; fail "not one message with '$2'"; }
}
# least_fsc MAP1 MAP2 LAST: least correlation of shells 1 .. LAST.
least_fsc() {
  "$FRAZIL" fsc "$1" "$2" --table | awk -v last="$3" '$1 ~ /^[0-9]+$/ && $1 >= 1 && $1 <= last {if (!n++ || $4 < least) least = $4}
    END {print n == last ? least : "none"}'
}

"$FRAZIL" --log warn simulate --box 28 --n 600 --snr 0.3 --seed 2 --output sim >/dev/null
for prior in none spectrum; do
  "$FRAZIL" --log error backproject sim/truth.star --halves --prior $prior --output $prior.mrc >$prior.txt
  for n in 2 3; do
    "$MPIRUN" --oversubscribe -n $n "$FRAZIL" --log error backproject sim/truth.star --halves --prior $prior \
      --output on$n.mrc >on$n.txt
    for part in '' _half1 _half2; do
      cmp "$prior$part.mrc" "on$n$part.mrc" || fail "$prior: map$part differs on $n ranks"
    done
  done
  least=$(least_fsc $prior.mrc sim/truth.mrc 5)
  awk -v least="$least" 'BEGIN {exit !(least > 0.97)}' || fail "$prior: FSC with the truth is down to $least"
  grep -q '^half-maps of [0-9]* and [0-9]* images agree (FSC 0.143) to ' $prior.txt || { cat $prior.txt; fail "no resolution"; }
done
cmp -s none.mrc spectrum.mrc && fail "--prior changes nothing"

# Half-sets of the file are kept: the first half-map is the map of the rows of subset 1.
awk '/@/ {print $0, NR % 2 + 1; next} /^_rlnCtfScalefactor/ {print; print "_rlnRandomSubset #14"; next} {print}' \
  sim/truth.star >sim/subsets.star
awk '!/@/ || $NF == 1' sim/subsets.star >sim/odd.star
"$FRAZIL" --log error backproject sim/subsets.star --halves --output both.mrc >/dev/null
"$FRAZIL" --log error backproject sim/odd.star --output odd.mrc >/dev/null
# A table that names one half-set only says nothing of halves: they are drawn.
"$FRAZIL" --log error backproject sim/odd.star --halves --output drawn.mrc >/dev/null
[ -e drawn_half1.mrc ] && [ -e drawn_half2.mrc ] || fail "no half-maps from a table with one half-set"
least=$(least_fsc both_half1.mrc odd.mrc 12)
awk -v least="$least" 'BEGIN {exit !(least > 0.9999)}' || fail "rlnRandomSubset is not followed: $least"

"$FRAZIL" --log error backproject sim/truth.star --max-resolution 20 --output low.mrc >low.txt
grep -q 'up to 22.40 A' low.txt || { cat low.txt; fail "--max-resolution"; }
least=$(least_fsc low.mrc none.mrc 4)
awk -v least="$least" 'BEGIN {exit !(least > 0.999)}' || fail "a coarse grid changes low frequencies: $least"
"$FRAZIL" --log error backproject sim/truth.star --no-ctf --output blurred.mrc >/dev/null
cmp -s none.mrc blurred.mrc && fail "--no-ctf changes nothing"

sed '/^_rlnAngleTilt/s/Tilt/TiltPrior/' sim/truth.star >sim/flat.star
expect_error 1 "sim/flat.star has no poses" sim/flat.star --output x.mrc
expect_error 1 "nowhere.star" nowhere.star --output x.mrc
expect_error 1 "must end in .mrc" sim/truth.star --output x.map
expect_error 1 "lower --max-resolution, run fewer ranks per node or raise --max-memory" sim/truth.star --output x.mrc \
  --max-memory 0.001
expect_error 1 "fewer than 3 shells" sim/truth.star --output x.mrc --max-resolution 100
expect_error 1 "is larger than the box" sim/truth.star --output x.mrc --mask-diameter 200
expect_error 1 "did you mean" sim/truth.star --output x.mrc --prior spectum
expect_error 2 "nowhere/x.mrc" sim/truth.star --output nowhere/x.mrc
head -c 100000 sim/particles.mrcs >short.mrcs
sed 's/particles.mrcs/short.mrcs/' sim/truth.star >short.star
expect_error 1 "short.mrcs" short.star --output x.mrc
[ -z "$(ls x* ./*.partial nowhere 2>/dev/null)" ] || fail "something is left of a refused run"
