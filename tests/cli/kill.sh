#!/bin/bash
# frazil reconstruct: killed or asked to stop at any moment, on any number of ranks, it ends in the same bits.
source "$FZ_SOURCE/tests/cli/algorithms.bash"
fail() {
  echo "$*"
  for log in *.log; do echo "--- $log" && tail -5 "$log"; done
  exit 1
}
results="map.mrc half1.mrc half2.mrc particles.star fsc.star"
RANDOM=7 # the moments are the same every time

"$FRAZIL" --log warn simulate --box 24 --pixel-size 6 --snr 0.5 --n 300 --seed 3 --output sim >/dev/null
options=(--particles sim/particles.star --starts 2 --kmax-schedule 3,4 --max-resolution 28 --max-passes 2)

# run FOLDER RANKS THREADS ARGUMENTS...; the full path lets `ranks_of` tell its processes from all others
run() {
  local launcher=()
  [ "$2" = 1 ] || launcher=(timeout 100 "$MPIRUN" --oversubscribe -n "$2")
  "${launcher[@]}" "$FRAZIL" reconstruct --output "$PWD/$1" --threads "$3" "${options[@]}" "${@:4}"
}
ranks_of() { pgrep -f "^$FRAZIL reconstruct --output $PWD/$1 " || true; }
lines() { if [ -f "$1/metrics.jsonl" ]; then wc -l <"$1/metrics.jsonl"; else echo 0; fi; }
# wait_for FOLDER LINES: until so many steps are written down; fails if the job ends before
wait_for() {
  for _ in $(seq 1000); do
    [ "$(lines "$1")" -ge "$2" ] && return 0
    sleep 0.03
  done
  fail "$1 never reached step $2"
}
# ends_with CODE: of the job in the background
ends_with() {
  local code=0
  wait $job || code=$?
  [ "$code" = "$1" ] || fail "the job ended with $code, not $1"
}
# same FOLDER [REFERENCE]: results and steps
same() {
  local reference=${2:-ref}
  for file in $results; do cmp "$reference/$file" "$1/$file" || fail "$1: $file differs from the uninterrupted run's"; done
  for folder in "$reference" "$1"; do sed 's/, "seconds".*//' "$folder/metrics.jsonl" >"$folder.steps"; done
  diff "$reference.steps" "$1.steps" || fail "$1: other steps than in the uninterrupted run"
}

run ref 1 1 >ref.log 2>&1 || fail "the uninterrupted run"
steps=$(lines ref)
[ "$steps" -ge 15 ] || fail "only $steps steps: too few to interrupt"

# Killed three times, each time on other ranks and threads.
at=0
for shape in "3 1" "1 2" "2 2"; do
  read -r ranks threads <<<"$shape"
  run killed "$ranks" "$threads" --checkpoint-interval 0 >killed.log 2>&1 &
  job=$!
  at=$((at + 1 + RANDOM % 4))
  wait_for killed $at
  sleep "0.0$((RANDOM % 10))"
  victims=$(ranks_of killed)
  [ -n "$victims" ] || fail "nothing to kill at step $at"
  kill -9 $victims
  code=0
  wait $job 2>/dev/null || code=$?
  [ $code != 0 ] && [ ! -f killed/map.mrc ] || fail "it was not killed at step $at"
  at=$(lines killed)
done
run killed 2 1 >killed.log 2>&1 || fail "the killed run does not go on"
grep -q "resumed after step" killed.log || fail "the killed run started over"
same killed

# A finished run says so; other parameters are refused, naming the line; --fresh starts over.
run killed 2 1 >again.log 2>&1 || fail "a finished run must end well"
grep -q "holds a finished run" again.log || fail "a finished run does not say so"
code=0
run killed 1 1 --batch 60 >refused.log 2>&1 || code=$?
[ $code = 1 ] && grep -q 'holds a run with "batch 0", this one has "batch 60"' refused.log ||
  fail "other parameters in a finished folder: $code"
same killed
run killed 1 1 --fresh >fresh.log 2>&1 || fail "--fresh"
grep -q "resumed" fresh.log && fail "--fresh does not start over"
same killed

# Asked to stop: each signal to one rank, and the file STOP.
ranks=3
for request in TERM USR1 INT STOP; do
  rm -rf asked
  run asked $ranks 1 >asked.log 2>&1 &
  job=$!
  wait_for asked 3
  if [ $request = STOP ]; then
    kill -s STOP $(ranks_of asked) # it must not end meanwhile
    code=0
    run asked 1 1 >second.log 2>&1 || code=$?
    [ $code = 1 ] && grep -q "another job is running in this folder" second.log || fail "a second job: $code"
    touch asked/STOP
    sleep 0.5 # it looks twice a second
    kill -s CONT $(ranks_of asked)
  else
    kill -s $request "$(ranks_of asked | tail -1)"
  fi
  ends_with 75
  grep -q "stopped by .*at a checkpoint; the same command continues" asked.log || fail "$request: no message"
  grep -q '"state": "stopped", "exit_code": 75' asked/status.json || { cat asked/status.json; fail "$request: status"; }
  [ "$(lines asked)" -lt "$steps" ] || fail "$request: the run was over already"
  if [ $request = USR1 ]; then
    code=0
    run asked 2 1 --seed 2 >refused.log 2>&1 || code=$?
    [ $code = 1 ] && grep -q 'holds a run with "seed 1", this one has "seed 2"' refused.log ||
      fail "another seed in an unfinished folder: $code"
  fi
  ranks=$((ranks % 3 + 1))
  run asked $ranks 2 >resumed.log 2>&1 || fail "$request: cannot go on"
  grep -q "resumed after step" resumed.log || fail "$request: started over"
  same asked
  [ ! -e asked/STOP ] || fail "the file STOP is left"
done

# A time limit that grows until the run is through.
stops=0
for limit in 0.2 0.4 0.8 1.6 3.2 6.4 12.8 60; do
  code=0
  run limited 2 1 --max-time $limit >limited.log 2>&1 || code=$?
  [ $code = 75 ] || break
  grep -q "stopped by the time limit at a checkpoint" limited.log || fail "no message of the time limit"
  stops=$((stops + 1))
done
[ $code = 0 ] && [ $stops -ge 1 ] || fail "time limit: code $code after $stops stops"
same limited

# The state of every optimizer, with classes, is all there: killed on two ranks, resumed on one or three.
options=(--particles sim/particles.star --starts 1 --kmax-schedule 3,4 --max-resolution 36 --max-passes 1 --classes 2
  --checkpoint-interval 0)
ranks=1
for algorithm in $(algorithms); do
  options+=(--algorithm "$(with_batch "$algorithm" 40)")
  run $algorithm 1 1 >whole.log 2>&1 || fail "$algorithm"
  run $algorithm.killed 2 1 >killed.log 2>&1 &
  job=$!
  wait_for $algorithm.killed 2
  kill -9 $(ranks_of $algorithm.killed) || true # em is soon done
  wait $job 2>/dev/null || true
  run $algorithm.killed $ranks 1 >resumed.log 2>&1 || fail "$algorithm: cannot go on"
  [[ "$(with_batch "$algorithm" 40)" != *batch* ]] || grep -q "resumed after step" resumed.log || fail "$algorithm: not interrupted"
  same $algorithm.killed $algorithm
  ranks=$((4 - ranks))
done
exit 0
