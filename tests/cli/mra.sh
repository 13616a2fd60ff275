#!/bin/bash
# frazil mra: simulates, solves, plots; the same bits on any number of ranks and threads; its own data read back.
source "$FZ_SOURCE/tests/cli/algorithms.bash"
fail() { echo "$*"; exit 1; }

# run FOLDER RANKS THREADS ARGUMENTS...
run() {
  local launcher=()
  [ "$2" = 1 ] || launcher=("$MPIRUN" --oversubscribe -n "$2")
  OMP_NUM_THREADS=$3 "${launcher[@]}" "$FRAZIL" mra --output "$1" "${@:4}" >"$1.txt" 2>&1
}
value_of() { sed -n 's/.*: F \([-0-9.e]*\) after.*/\1/p' "$1.txt"; }

# The thesis' problem, to its tolerance.
run whole 1 1 --save-observations || fail "mra: $(cat whole.txt)"
grep -q converged whole.txt || fail "not converged"
for file in estimate.csv metrics.jsonl mra.png parameters.yaml observations.txt; do
  [ -s whole/$file ] || fail "no $file"
done
[ "$(wc -l <whole/estimate.csv)" = 17 ] || fail "estimate.csv"
# The error of a signal that 3000 observations of noise 0.2 leave: well below a fifth, and not nothing.
awk '/relative error/ {exit !($NF > 0.005 && $NF < 0.2)}' whole.txt || fail "error: $(cat whole.txt)"

# What was saved is the data: the same bits from the file, but for the truth, which it does not know.
run again 1 1 --data whole/observations.txt
[ "$(value_of again)" = "$(value_of whole)" ] || fail "data from a file: $(value_of again), $(value_of whole)"
grep -q "relative error" again.txt && fail "an error without a truth"

# Plain alignment, density known: it ends at a maximum, too.
run plain 1 1 --window 0 --known-density --shifts two-gaussians --algorithm em
grep -q converged plain.txt || fail "plain: $(cat plain.txt)"
awk '/relative error/ {exit !($NF < 0.1)}' plain.txt || fail "plain: $(cat plain.txt)"

# Bits: every optimizer, ranks and threads.
ranks=2
for algorithm in $(algorithms); do
  options=(--algorithm "$(with_batch "$algorithm" 100)" --observations 400 --max-passes 6 --tolerance 0)
  run one 1 1 "${options[@]}" || fail "$algorithm: $(cat one.txt)"
  run other $ranks 2 "${options[@]}" || fail "$algorithm on $ranks ranks: $(cat other.txt)"
  cmp -s one/estimate.csv other/estimate.csv || fail "$algorithm: not the same bits on $ranks ranks"
  ranks=$((ranks % 4 + 1))
done

# expect TEXT ARGUMENTS...: refused with that text, in one message, on all ranks
expect() {
  local code=0
  run bad 2 1 "${@:2}" || code=$?
  [ $code = 1 ] || fail "exit $code: ${*:2}: $(cat bad.txt)"
  grep -qF -- "$1" bad.txt || fail "no '$1': ${*:2}: $(cat bad.txt)"
}
expect "--window 12 is larger than --length 8" --length 8
expect "a batch of 5000 images; the data have 3000" --algorithm sem-vr:batch=5000
expect "unknown optimizer 'newton'" --algorithm newton
expect "no-such.txt" --data no-such.txt
printf '1 2 3\n4 5\n' >ragged.txt
expect "ragged.txt:2: 2 numbers, but the rows above have 3" --data ragged.txt
printf '1 2\n# a comment\n3, nan\n' >nan.txt
expect "nan.txt:3: number 2 of the row is not a finite number" --data nan.txt
seq 20 | tr '\n' ' ' >long.txt
expect "rows of 20 numbers do not fit a signal of --length 16" --data long.txt
printf -- '-1 %.0s' {1..16} >negative.txt
expect "a density cannot be negative" --shifts negative.txt
code=0
run diverged 2 1 --algorithm sgd:step=1e9,precondition=none || code=$?
if [ $code != 2 ] || ! grep -q "take a smaller step" diverged.txt; then fail "divergence: $code $(cat diverged.txt)"; fi
exit 0
