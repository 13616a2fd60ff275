#!/bin/bash
# Checkpoints inside a pass: whatever way poses are searched, a run that is written down after every round of tiles and
# stopped again and again, each time going on with other ranks and threads, ends in the bits of one that was not.
sets="--starts 1 --kmax-schedule 3,4 --max-resolution 36 --max-passes 1"
"$FRAZIL" --log warn simulate --box 24 --pixel-size 6 --snr 0.5 --n 240 --seed 3 --output sim >/dev/null

# run FOLDER RANKS THREADS ARGUMENTS...
run() {
  local launcher=()
  [ "$2" = 1 ] || launcher=(timeout 100 "$MPIRUN" --oversubscribe -n "$2")
  "${launcher[@]}" "$FRAZIL" --log detail reconstruct --particles sim/particles.star $sets --output "$1" --threads "$3" "${@:4}"
}
fail() {
  echo "$*"
  for log in *.log; do echo "--- $log" && tail -n 5 "$log"; done
  exit 1
}

shapes=("3 1" "1 2" "5 1" "2 2" "4 1" "1 1")
number=0
for search in "adaptive polar" "exhaustive direct" "importance polar"; do
  read -r how engine <<<"$search"
  options=(--marginalization "$how" --engine "$engine" --classes $((1 + number % 2)))
  run ref.$number 1 1 "${options[@]}" >ref.log 2>&1 || fail "$search"
  rm -f attempts.log
  limit=0.1 code=75 inside=0
  while [ $code = 75 ]; do
    shape=${shapes[$((RANDOM % ${#shapes[@]}))]}
    code=0
    run cut.$number $shape "${options[@]}" --checkpoint-interval 0.002 --max-time $limit >attempt.log 2>&1 || code=$?
    grep -q "resumed after step .* tiles into the next" attempt.log && inside=$((inside + 1))
    cat attempt.log >>attempts.log
    limit=$(awk "BEGIN { print 1.3 * $limit }")
  done
  [ $code = 0 ] || fail "$search: ended with $code"
  [ "$(grep -c 'checkpoint inside step' attempts.log)" -ge 3 ] || fail "$search: no checkpoints inside a step"
  [ $inside -ge 1 ] || fail "$search: never resumed inside a step"
  for file in map.mrc half1.mrc half2.mrc particles.star fsc.star; do
    cmp ref.$number/$file cut.$number/$file || fail "$search: $file differs"
  done
  echo "$search: $(grep -c 'checkpoint inside step' attempts.log) checkpoints inside steps, $inside resumptions inside"
  number=$((number + 1))
done
