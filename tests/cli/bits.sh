#!/bin/bash
# frazil reconstruct: the same bytes on any number of ranks and threads, however many share a tile, with every optimizer.
source "$FZ_SOURCE/tests/cli/algorithms.bash"
fail() { echo "$*"; exit 1; }
results="map.mrc half1.mrc half2.mrc particles.star fsc.star"

# run FOLDER RANKS THREADS ARGUMENTS...
run() {
  local launcher=()
  [ "$2" = 1 ] || launcher=(timeout 300 "$MPIRUN" --oversubscribe -n "$2")
  "${launcher[@]}" "$FRAZIL" --log warn reconstruct --particles "$data/particles.star" --output "$1" --threads "$3" \
    --starts 1 --kmax-schedule 3,4 --max-resolution 28 --max-passes 2 "${@:4}" >out.txt 2>&1 ||
    { cat out.txt; fail "reconstruct ${*:4} on $2 ranks x $3 threads"; }
}
# same FOLDER FOLDER WORDS
same() {
  for file in $results; do cmp "$1/$file" "$2/$file" || fail "$3: $file differs"; done
}

simulate() { "$FRAZIL" --log warn simulate --box 24 --pixel-size 6 --snr 0.5 --output "$@" >/dev/null; }
simulate sim --n 200 --seed 3
simulate mix --n 200 --seed 4 --phantom asymmetric --phantom rod
simulate few --n 40 --seed 5

data=sim
run one 1 1
for shape in "1 2" "2 1" "3 2" "5 1"; do
  read -r ranks threads <<<"$shape"
  rm -rf other
  run other "$ranks" "$threads"
  same one other "$ranks ranks x $threads threads"
done
run seed 1 1 --seed 2
cmp -s one/map.mrc seed/map.mrc && fail "the seed changes nothing"

# check NAME RANKS ARGUMENTS...: against one rank
check() {
  rm -rf one other
  run one 1 1 "${@:3}"
  run other "$2" 1 "${@:3}"
  same one other "$1"
}
ranks=2
for algorithm in $(algorithms); do
  check "$algorithm" $ranks --algorithm "$(with_batch "$algorithm" 50)"
  ranks=$((ranks % 4 + 1))
done
check "two starts, double precision" 2 --starts 2 --kmax-schedule 3 --precision double
check "from a map" 3 --init sim/truth.mrc
data=mix
results="$results class1_map.mrc class2_map.mrc class1_half1.mrc class2_half2.mrc"
check "two classes" 3 --classes 2
check "two classes, shared tiles" 3 --classes 2 --pose-blocks 3
results="map.mrc half1.mrc half2.mrc particles.star fsc.star"
data=few # four tiles
# A tile shared by ranks and threads; batches of one tile and whole passes.
rm -rf one
run one 1 1 --batch 16
for shape in "2 2 0" "3 1 2" "3 1 3" "4 1 1" "4 1 3" "4 2 4" "1 3 8"; do
  read -r ranks threads blocks <<<"$shape"
  rm -rf other
  run other "$ranks" "$threads" --batch 16 --pose-blocks "$blocks"
  same one other "$ranks ranks x $threads threads, $blocks pose blocks"
done
check "more ranks than tiles" 6
check "more ranks than tiles, one tile at a time" 5 --algorithm incremental --batch 10
exit 0
