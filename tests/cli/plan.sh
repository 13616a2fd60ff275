#!/bin/bash
# frazil plan: what it promises of memory holds in a run, and is not much too high; what it prints can be used.
fail() { echo "$*"; exit 1; }
# Sanitizers keep memory of their own, which no plan can know.
if nm "$FRAZIL" | grep -q __asan_init; then exit 77; fi

# value LABEL FILE: the number behind "LABEL: "
value() { sed -n "s/^$1: \([0-9.]*\).*/\1/p" "$2"; }

# check RANKS THREADS ARGUMENTS...: plan, run, compare
check() {
  rm -rf run
  timeout 100 "$FRAZIL" plan --ranks "$1" --threads "$2" --calibrate 0 "${@:3}" >plan.txt 2>&1 || { cat plan.txt; fail "plan ${*:3}"; }
  timeout 200 "$MPIRUN" --oversubscribe -n "$1" "$FRAZIL" reconstruct --output run --threads "$2" "${@:3}" >out.txt 2>&1 ||
    { cat out.txt; fail "reconstruct ${*:3}"; }
  local promised peak
  promised=$(value "memory per rank" plan.txt)
  peak=$(sed -n 's/.*peak memory \([0-9.]*\) GB per rank.*/\1/p' out.txt)
  awk -v a="$promised" -v p="$peak" 'BEGIN {exit !(p > 0 && p <= a && p >= 0.8 * a)}' ||
    { cat plan.txt; fail "promised '$promised' GB, taken '$peak' GB: $1 ranks x $2 threads, ${*:3}"; }
}

"$FRAZIL" --log warn simulate --box 32 --pixel-size 5 --snr 0.3 --n 200 --seed 3 --output small >/dev/null
climb=(--particles small/particles.star --starts 1 --kmax-schedule 3,4 --max-resolution 26 --max-passes 1)
check 1 1 "${climb[@]}"
check 2 2 "${climb[@]}" --classes 3 --algorithm sem-vr
check 1 2 --particles small/particles.star --init small/truth.mrc --max-resolution 20 --max-passes 1

# Times, and lines for Slurm that the template knows.
"$FRAZIL" plan "${climb[@]}" --output nowhere/run --nodes 3 --ranks-per-node 4 --threads 2 --calibrate 100 >plan.txt 2>&1 ||
  { cat plan.txt; fail "plan with times"; }
[ ! -e nowhere ] || fail "plan left something"
grep -q "12 ranks x 2 threads on 3 nodes of 8 cores" plan.txt || fail "another layout"
awk '/^climb, shell|^refinement, shell/ {n++; if (!($5 > 0 && $7 > 0)) bad = 1} END {exit !(n == 3 && !bad)}' plan.txt ||
  { cat plan.txt; fail "no times"; }
grep -q "extrapolated" plan.txt && fail "100 s are plenty for three places"
for line in "nodes=3" "ntasks-per-node=4" "cpus-per-task=2" "signal=B:USR1@120" "requeue" "open-mode=append"; do
  grep -qx "#SBATCH --$line" plan.txt || { cat plan.txt; fail "no line --$line"; }
done
# Every kind of line but those of memory and time stands in the template, too.
sed -n 's/^#SBATCH --\([a-z-]*\).*/\1/p' plan.txt | grep -vx mem | while read -r name; do
  grep -q "^#SBATCH --$name\b" "$FZ_SOURCE/jobscripts/reconstruct.slurm" || fail "the template has no --$name"
done
megabytes=$(sed -n 's/^#SBATCH --mem=\([0-9]*\)M$/\1/p' plan.txt)
awk -v m="$megabytes" -v g="$(value "memory per node" plan.txt)" 'BEGIN {exit !(m * 1.048576e-3 >= 1.1 * g && m < 2000 * g)}' ||
  fail "--mem=${megabytes}M for a node"
grep -qE '^#SBATCH --time=[0-9]{2}:[0-9]{2}:00$' plan.txt || fail "no time limit"

# An hour of rehearsal it is not: without time every place but the first is extrapolated, and told so.
"$FRAZIL" plan "${climb[@]}" --calibrate 0.001 >plan.txt 2>&1 || fail "a short rehearsal"
[ "$(grep -c extrapolated plan.txt)" -ge 2 ] || { cat plan.txt; fail "what is extrapolated is not told"; }
"$FRAZIL" plan "${climb[@]}" --calibrate 0 >plan.txt 2>&1 || fail "no rehearsal"
! grep -q "SBATCH --time" plan.txt || fail "a time without a rehearsal"

# refused WORDS ARGUMENTS...
refused() {
  local code=0
  "$FRAZIL" plan "${climb[@]}" --calibrate 0 "${@:2}" >out.txt 2>&1 || code=$?
  [ "$code" = 1 ] && grep -q -- "$1" out.txt || { cat out.txt; fail "$*: ended with $code"; }
}
refused "leave one of the three out" --ranks 8 --ranks-per-node 2 --nodes 3
refused "unknown option --fresh" --fresh
refused "--max-memory allows" --max-memory 0.01
code=0
"$MPIRUN" --oversubscribe -n 2 "$FRAZIL" plan "${climb[@]}" >out.txt 2>&1 || code=$?
[ "$code" = 1 ] && grep -q "without mpirun" out.txt || fail "plan on two ranks"
