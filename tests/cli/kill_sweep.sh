#!/bin/bash
# COUNT kills of frazil reconstruct (30 when not given), of one rank or all, at random times and at every write, sync and
# rename of a checkpoint; each followed by a resume on 1 to 5 ranks.  No state may be unusable, every run must end in the
# bits of the uninterrupted one, and no kill may cost more than what came after the last checkpoint that was due.
# Prints a table.  SEED chooses the random moments, FIRST the call of a checkpoint to begin with.
COUNT=${COUNT:-30}
RANDOM=${SEED:-5}
KILLS_PER_RUN=8
results="map.mrc half1.mrc half2.mrc particles.star fsc.star"
kinds="time-one time-all call-one call-all torn after anywhere"
declare -A kills unusable differing lost_steps lost_seconds
for kind in $kinds; do kills[$kind]=0 unusable[$kind]=0 differing[$kind]=0 lost_steps[$kind]=0 lost_seconds[$kind]=0; done

LD_PRELOAD=$FZ_INJECT_LIBRARY "$FRAZIL" --version >/dev/null 2>&1 || {
  echo "nothing can be preloaded into this build"
  exit 77
}
fail() {
  echo "$*"
  tail -n 15 job.log
  exit 1
}

"$FRAZIL" --log warn simulate --box 24 --pixel-size 6 --snr 0.5 --n 300 --seed 3 --output sim >/dev/null
options=(--particles sim/particles.star --starts 2 --kmax-schedule 3,4 --max-resolution 28 --max-passes 2)

# job FOLDER RANKS THREADS INTERVAL [VARIABLE=VALUE...]: in the background; its processes leave their numbers in pids/
job() {
  local launcher=()
  [ "$2" = 1 ] || launcher=("$MPIRUN" --oversubscribe -n "$2")
  rm -rf pids
  mkdir pids
  "${launcher[@]}" env LD_PRELOAD="$FZ_INJECT_LIBRARY" FZ_INJECT_PIDS="$PWD/pids" "${@:5}" "$FRAZIL" reconstruct \
    --output "$PWD/$1" --threads "$3" --checkpoint-interval "$4" "${options[@]}" >job.log 2>&1 &
  running=$!
}
# The exit code of the job; one that hangs is a failure.
finish() {
  code=0
  (sleep 100 && kill -9 $running) 2>/dev/null &
  local alarm=$!
  wait $running 2>/dev/null || code=$?
  pkill -P $alarm 2>/dev/null || true
  kill $alarm 2>/dev/null || true
  wait $alarm 2>/dev/null || true
}
lines() { if [ -f "$1/metrics.jsonl" ]; then wc -l <"$1/metrics.jsonl"; else echo 0; fi; }
# Steps in the newest checkpoint; when it was written, or the job began when that was later
newest() { sed -n '2s/^\(state-[0-9]*\.h5\) generation \([0-9]*\) .*/\1 \2/p' "$1/checkpoint/manifest" 2>/dev/null || true; }
generation() {
  local entry
  entry=$(newest "$1")
  echo "${entry##* }" | sed 's/^$/0/'
}
newest_time() {
  local entry
  entry=$(newest "$1")
  larger "$began" "$(stat -c %.Y "$1/checkpoint/${entry%% *}" 2>/dev/null || echo 0)"
}
same() {
  local file
  for file in $results; do cmp -s "ref/$file" "$1/$file" || return 1; done
  sed 's/, "seconds".*//' "$1/metrics.jsonl" | cmp -s - ref.steps
}
larger() { awk -v a="$1" -v b="$2" 'BEGIN {print (a + 0 > b + 0 ? a : b)}'; }

# ---- what a run and a checkpoint consist of ----
clock() { date +%s.%N; }
job ref 2 1 0 FZ_INJECT_LIST="$PWD/calls" FZ_INJECT_UNDER="/ref/"
began=$(clock)
finish
[ $code = 0 ] || fail "the uninterrupted run: $code"
duration=$(awk -v a="$began" -v b="$(clock)" 'BEGIN {print b - a}')
sed 's/, "seconds".*//' ref/metrics.jsonl >ref.steps
[ "$(wc -l <ref.steps)" -ge 15 ] || fail "too few steps to interrupt"
everywhere=$(grep -c '^0 ' calls)
# Up to and with the removal of the third oldest: one whole checkpoint of each of two ranks, call by call.
grep /checkpoint calls >checkpoint.calls
for rank in 0 1; do
  awk -v r=$rank '$1 != r || over {next}
    {print ++n, $2}
    r == 0 && $2 == "rename" && $3 ~ /manifest/ {last = 1}
    r == 0 && last && $2 == "sync" || r == 1 && $2 == "close" {over = 1}' checkpoint.calls >of_rank.$rank
done
# "RANK N KIND", the rare and delicate ones first
{
  grep -hE 'sync|rename|allocate|truncate|open|close' of_rank.0 | sed 's/^/0 /'
  grep -h write of_rank.0 | sed 's/^/0 /'
  sed 's/^/1 /' of_rank.1
} >places
calls_of_a_checkpoint=$(wc -l <of_rank.0)
n_places=$(wc -l <places)
echo "a run: $(wc -l <ref.steps) steps, $duration s, $everywhere dealings with files; a checkpoint: $calls_of_a_checkpoint" \
  "on rank 0, $(wc -l <of_rank.1) on rank 1"

# ---- the sweep ----
declare -A lasts
done_kills=0 runs=0 wrong_runs=0 folder=""
first_place=${FIRST:-0} next_place=${FIRST:-0}
# Half of the kills at random times, half at calls.
schedule=(call-one time-one call-all time-all torn time-one after time-all anywhere call-all time-one call-one time-all)

start_run() {
  runs=$((runs + 1))
  folder=run$runs
  kinds_of_run=()
}
end_run() { # its job ended by itself
  local kind
  if ! same "$folder"; then
    wrong_runs=$((wrong_runs + 1))
    for kind in "${kinds_of_run[@]}"; do differing[$kind]=$((differing[$kind] + 1)); done
    echo "$folder differs: ${kinds_of_run[*]}"
  fi
  rm -rf "$folder"
}
# A job that was not killed must have ended well.
complete() {
  local had=$1
  if [ $code != 0 ]; then
    unusable[${kinds_of_run[-1]}]=$((unusable[${kinds_of_run[-1]}] + 1))
    fail "$folder cannot go on after ${kinds_of_run[*]}: $code"
  fi
  [ "$had" = 0 ] || grep -qE "resumed after step|holds a finished run" job.log || fail "$folder started over"
  end_run
}

start_run
while [ $done_kills -lt "$COUNT" ]; do
  if [ ${#kinds_of_run[@]} -ge $KILLS_PER_RUN ]; then
    had=$(generation $folder)
    job $folder $((1 + RANDOM % 3)) 1 0
    finish
    complete "$had"
    start_run
  fi
  kind=${schedule[$((done_kills % ${#schedule[@]}))]}
  ranks=$((1 + RANDOM % 5)) threads=$((1 + RANDOM % 2)) interval=0 victim=0
  inject=()
  had=$(generation $folder)
  case $kind in
    call-* | torn | after)
      read -r victim nth what < <(sed -n "$((next_place % n_places + 1))p" places)
      next_place=$((next_place + 1))
      [ "$victim" = 0 ] || [ $ranks -gt 1 ] || ranks=2
      action=kill
      [ $kind = call-all ] && action=killall
      [ $kind = after ] && action=after
      [ $kind = torn ] && [ "$what" = write ] && action=torn
      # In the first checkpoint of the job or one or two later
      [ "$victim" = 1 ] || nth=$((nth + calls_of_a_checkpoint * (RANDOM % 3)))
      inject=(FZ_INJECT="any:$nth:$action" FZ_INJECT_UNDER="/$folder/checkpoint" FZ_INJECT_RANK="$victim")
      ;;
    anywhere) inject=(FZ_INJECT="any:$((1 + (RANDOM * 32768 + RANDOM) % everywhere)):kill" FZ_INJECT_UNDER="/$folder/" FZ_INJECT_RANK=0) ;;
    time-*)
      case $((RANDOM % 3)) in 1) interval=0.1 ;; 2) interval=0.3 ;; esac
      ;;
  esac
  began=$(clock)
  job $folder $ranks $threads $interval "${inject[@]}"
  if [[ $kind = time-* ]]; then
    for _ in $(seq 200); do # until its processes are there
      [ "$(ls pids | wc -l)" -lt $ranks ] || break
      sleep 0.05
    done
    sleep "$(awk -v d="${lasts[$ranks]:-$duration}" -v u=$RANDOM 'BEGIN {print d * u / 32768}')"
    victims=($(ls pids))
    at=$(clock)
    if [ ${#victims[@]} -gt 0 ]; then
      [ $kind = time-all ] || victims=("${victims[$((RANDOM % ${#victims[@]}))]}")
      for pid in "${victims[@]}"; do
        # a number may belong to somebody else by now
        ! grep -qa "$PWD/$folder" "/proc/$pid/cmdline" 2>/dev/null || kill -9 "$pid" 2>/dev/null || true
      done
    fi
    finish
  else
    finish
    at=$(clock)
  fi
  if [ $code = 0 ]; then # over before it could be killed: the next one like it is given less time
    lasts[$ranks]=$(awk -v a="$began" -v b="$(clock)" 'BEGIN {print (b - a) / 2}')
    [ ${#inject[@]} = 0 ] || [ $kind = anywhere ] || next_place=$((next_place - 1)) # it is still to be hit
    complete "$had"
    start_run
    continue
  fi
  # Killed, and not ended by an error of its own.
  if grep -qE "^frazil reconstruct: |fatal error" job.log; then
    unusable[$kind]=$((unusable[$kind] + 1))
    fail "$folder: the job failed by itself"
  fi
  done_kills=$((done_kills + 1))
  kills[$kind]=$((kills[$kind] + 1))
  kinds_of_run+=("$kind")
  lost=$(($(lines $folder) - $(generation $folder)))
  lost_steps[$kind]=$(larger $lost "${lost_steps[$kind]}")
  lost_seconds[$kind]=$(larger "$(awk -v a="$(newest_time $folder)" -v b="$at" 'BEGIN {printf "%.2f", b - a}')" "${lost_seconds[$kind]}")
  # With a checkpoint after every step: the step in progress, and one whose checkpoint was under way.
  [ $interval != 0 ] || [ $lost -le 1 ] || fail "$folder: $lost steps lost with a checkpoint after each"
  # Otherwise: what was done after the last one took less than the interval, but for the step in which it was written,
  # which it holds in part, and the step after which the next one was due.
  [ ! -f $folder/metrics.jsonl ] || tail -n +$(($(generation $folder) + 1)) $folder/metrics.jsonl | sed '1d;$d' |
    awk -v most=$interval 'match($0, /"seconds": [0-9.e-]+/) {s += substr($0, RSTART + 11, RLENGTH - 11)}
      END {exit !(s <= most + 0.001)}' || fail "$folder: more than the interval of $interval s was lost"
done
had=$(generation $folder)
job $folder 2 2 0
finish
[ ${#kinds_of_run[@]} = 0 ] || complete "$had"

printf '%-34s %6s %9s %10s %18s %18s\n' kill count unusable differing 'most steps lost' 'most seconds lost'
declare -A meaning=([time-one]="one rank, at a random time" [time-all]="all ranks, at a random time"
  [call-one]="one rank, at a checkpoint's call" [call-all]="all ranks, at a checkpoint's call"
  [torn]="one rank, half of a write done" [after]="one rank, right after a call" [anywhere]="rank 0, at any call of the run")
for kind in $kinds; do
  printf '%-34s %6d %9d %10d %18d %18s\n' "${meaning[$kind]}" "${kills[$kind]}" "${unusable[$kind]}" "${differing[$kind]}" \
    "${lost_steps[$kind]}" "${lost_seconds[$kind]}"
done
echo "$done_kills kills in $runs runs, $wrong_runs runs with other bits; $((next_place - first_place < n_places ? next_place - first_place : n_places))" \
  "of $n_places calls of a checkpoint were hit"
[ $wrong_runs = 0 ]
