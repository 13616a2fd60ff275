#!/bin/bash
# frazil reconstruct --marginalization importance: the same bytes on any number of ranks and threads and after stops, and
# nearly the likelihood of all poses.
fail() { [ -f out.txt ] && cat out.txt; echo "$*"; exit 1; }
options=(--particles sim/particles.star --init sim/truth.mrc --max-resolution 12 --max-passes 4 --shift-range 10 --seed 2)

# run FOLDER RANKS THREADS ARGUMENTS...; gives the exit code
run() {
  local launcher=()
  [ "$2" = 1 ] || launcher=(timeout 100 "$MPIRUN" --oversubscribe -n "$2")
  "${launcher[@]}" "$FRAZIL" --log warn reconstruct --output "$1" --threads "$3" "${options[@]}" "${@:4}" >out.txt 2>&1
}
# same FOLDER WORDS
same() {
  for file in map.mrc half1.mrc half2.mrc particles.star; do cmp "one/$file" "$1/$file" || fail "$2: $file differs"; done
}
gain() { sed -n 's/.*"gain": *\([-0-9.e+]*\).*/\1/p' "$1/metrics.jsonl" | sed -n "$2p"; }

"$FRAZIL" --log warn simulate --box 32 --pixel-size 5 --snr 0.2 --n 96 --seed 3 --output sim >/dev/null
importance=(--marginalization importance)
run one 1 1 "${importance[@]}" || fail "one rank"
run ranks 3 1 "${importance[@]}" || fail "three ranks"
same ranks "three ranks"
run threads 2 2 "${importance[@]}" || fail "two ranks of two threads"
same threads "two ranks of two threads"

# Stopped again and again, continued on other ranks: proposals and draws go on where they were.
lines() { if [ -f stopped/metrics.jsonl ]; then wc -l <stopped/metrics.jsonl; else echo 0; fi; }
stops=0
for ranks in 3 1 2; do
  mkdir -p stopped
  touch stopped/STOP # in the middle of a pass
  code=0
  run stopped $ranks 1 "${importance[@]}" --checkpoint-interval 0 || code=$?
  [ $code = 75 ] && stops=$((stops + 1))
  rm -f stopped/STOP
  before=$(lines)
  run stopped $ranks 1 "${importance[@]}" --checkpoint-interval 0 & # somewhere in the next but one
  job=$!
  for _ in $(seq 1000); do
    [ "$(lines)" -gt "$before" ] && break
    sleep 0.02
  done
  touch stopped/STOP
  code=0
  wait $job || code=$?
  [ $code = 75 ] && stops=$((stops + 1))
  rm -f stopped/STOP
  [ $code = 0 ] && break
done
[ $stops -ge 2 ] || fail "stopped only $stops times, at last with code $code"
run stopped 2 1 "${importance[@]}" || fail "the continued run"
same stopped "a run stopped $stops times"

# The first pass sums every pose; later ones are drawn, so their gains differ, by little.
run all 1 1 --marginalization exhaustive --engine direct || fail "all poses"
passes=$(grep -c gain all/metrics.jsonl)
[ "$passes" -ge 3 ] || fail "only $passes passes"
close() { awk -v a="$(gain all "$1")" -v b="$(gain one "$1")" -v t="$2" 'BEGIN {exit !(a > 0 && (a - b)^2 < (t * a)^2)}'; }
close 1 1e-5 || fail "first pass: $(gain all 1), $(gain one 1)"
close "$passes" 2e-2 || fail "last pass: $(gain all "$passes") for all poses, $(gain one "$passes") for drawn ones"
close "$passes" 1e-5 && fail "no poses were drawn"
run other 1 1 "${importance[@]}" --seed 3 || fail "another seed"
cmp -s one/map.mrc other/map.mrc && fail "the seed changes nothing"
exit 0
