#!/bin/bash
# frazil reconstruct announces the memory that a rank will take: the peak stays below it, and is at least 0.8 of it.
fail() { echo "$*"; exit 1; }
# Sanitizers keep memory of their own, which no plan can know.
if nm "$FRAZIL" | grep -q __asan_init; then exit 77; fi

# check RANKS THREADS ARGUMENTS...
check() {
  rm -rf run
  timeout 200 "$MPIRUN" --oversubscribe -n "$1" "$FRAZIL" reconstruct --output run --threads "$2" "${@:3}" >out.txt 2>&1 ||
    { cat out.txt; fail "reconstruct ${*:3}"; }
  local announced peak
  announced=$(sed -n 's/.*memory per rank up to \([0-9.]*\) GB.*/\1/p' out.txt)
  peak=$(sed -n 's/.*peak memory \([0-9.]*\) GB per rank.*/\1/p' out.txt)
  awk -v a="$announced" -v p="$peak" 'BEGIN {exit !(p > 0 && p <= a && p >= 0.8 * a)}' ||
    fail "announced '$announced' GB, taken '$peak' GB: $1 ranks x $2 threads, ${*:3}"
}

"$FRAZIL" --log warn simulate --box 64 --pixel-size 4 --snr 0.3 --n 120 --seed 3 --output middle >/dev/null
"$FRAZIL" --log warn simulate --box 24 --pixel-size 6 --snr 0.3 --n 200 --seed 3 --output small >/dev/null
"$FRAZIL" --log warn simulate --box 128 --pixel-size 2 --snr 0.3 --n 40 --seed 3 --output large >/dev/null

refine=(--particles middle/particles.star --init middle/truth.mrc --max-resolution 18.2 --annealing off --shift-range 6)
climb=(--starts 1 --kmax-schedule 3,4 --max-resolution 28 --max-passes 1)
check 1 1 "${refine[@]}" # refinement to shell 14
check 2 1 "${refine[@]}"
check 1 2 --particles small/particles.star "${climb[@]}" # mostly the program itself
check 2 1 --particles small/particles.star "${climb[@]}" --algorithm svrg --classes 3
check 2 1 --particles middle/particles.star --starts 1 --kmax-schedule 6 --max-resolution 42 --max-passes 1 \
  --algorithm incremental --batch 16 # a batch's statistics each, shared by the ranks
check 1 1 --particles large/particles.star --starts 1 --kmax-schedule 3 --max-resolution 60 --max-passes 1 # the maps written

# refused WORDS COMMAND...: before it starts, with both numbers
refused() {
  local code=0
  rm -rf run
  "${@:2}" "$FRAZIL" reconstruct --output run --threads 1 --particles small/particles.star "${climb[@]}" >out.txt 2>&1 || code=$?
  [ "$code" = 1 ] || { cat out.txt; fail "$*: ended with $code"; }
  grep -q "$1" out.txt || { cat out.txt; fail "$*: does not say '$1'"; }
  grep -q "GB" out.txt && [ ! -e run/metrics.jsonl ] || fail "$*: it started"
}
refused "may take 0.052 GB there (SLURM_MEM_PER_NODE)" env SLURM_MEM_PER_NODE=50
refused "(2 ranks of" env SLURM_MEM_PER_CPU=50 SLURM_CPUS_ON_NODE=2 "$MPIRUN" --oversubscribe -n 2
climb=(--particles middle/particles.star --classes 12 --max-resolution 8.6) # gigabytes
refused "ulimit -v" bash -c 'ulimit -v 2000000; exec "$@"' with_little_space
climb=(--kmax-schedule 3,4 --max-resolution 28 --max-passes 1 --starts 1)
timeout 100 env SLURM_MEM_PER_NODE=4000 "$FRAZIL" reconstruct --output run --particles small/particles.star "${climb[@]}" >out.txt 2>&1 ||
  { cat out.txt; fail "a run within the limit was refused"; }
exit 0
