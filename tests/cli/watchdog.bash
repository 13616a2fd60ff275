# Losing ranks on purpose; sourced by watchdog.sh and watchdog_slow.sh.  `limit`: --stall-limit in seconds.
fail() {
  echo "$*"
  for log in *.log; do echo "--- $log" && tail -8 "$log"; done
  for folder in */; do [ ! -e "$folder/status.json" ] || { echo "--- $folder" && cat "$folder/status.json" && echo; }; done
  exit 1
}
"$FRAZIL" --log warn simulate --box 24 --pixel-size 6 --snr 0.5 --n 300 --seed 3 --output sim >/dev/null
options=(--particles sim/particles.star --starts 1 --kmax-schedule 3,4 --max-resolution 36 --max-passes 1
  --checkpoint-interval 0)
more=() # options

# start FOLDER RANKS THREADS FAULT: in the background, as $job; the full path lets `ranks_of` tell its processes
start() {
  FZ_FAULT=$4 timeout 200 "$MPIRUN" --oversubscribe -n "$2" "$FRAZIL" reconstruct --output "$PWD/$1" --threads "$3" \
    --stall-limit "$limit" "${options[@]}" ${more[@]+"${more[@]}"} >"$1.log" 2>&1 &
  job=$!
}
ranks_of() { pgrep -f "^$FRAZIL reconstruct --output $PWD/$1 " || true; }
wait_for_step() {
  for _ in $(seq 1000); do
    [ -f "$1/metrics.jsonl" ] && [ "$(wc -l <"$1/metrics.jsonl")" -ge "$2" ] && return 0
    sleep 0.03
  done
  fail "$1 never reached step $2"
}

# What a rank is at where the fault is, by the words of status.json.
declare -A doing=([read]="reading the particle file" [scan]="scanning the images" [tile]="scoring images"
  [reduce]="." [m-step]="solving for the map" [checkpoint-write]="writing a checkpoint" [results]="writing results"
  [polish]="polishing poses")
declare -A how=([kill]="died or was killed" [suspend]="no sign of life for .* suspended (SIGSTOP)" [stall]="is stuck")

# ended FOLDER SECONDS [SINCE]: the job did, with an error, within so many seconds of the fault, with all its processes
ended() {
  local code=0 end since=${3:-}
  wait $job || code=$?
  end=$(date +%s)
  [ $code != 0 ] && [ $code != 124 ] && [ $code != 75 ] || fail "$1: the job ended with $code"
  [ -n "$since" ] || since=$(date -d "$(sed -n 's/^\([^ ]*\) error .*injected fault.*/\1/p' "$1.log" | head -1)" +%s)
  took=$((end - since))
  [ $took -le "$2" ] || fail "$1: it took $took s to end"
  [ -z "$(ranks_of "$1")" ] || fail "$1: processes are left: $(ranks_of "$1")"
}

# loses RANKS RANK KIND PHASE: the job ends in time and names the rank; the next one, without the fault, gets through
loses() {
  local name=$3-$4-$2of$1 said
  start "$name" "$1" 1 "$3-$4:$2"
  ended "$name" ${longest:-$((limit + 12))}
  said="rank $2 (host .*, process [0-9]*) .*${how[$3]}.*${doing[$4]}"
  grep -qE "frazil: ${said//[()]/.}.*exit code 2" "$name.log" || fail "$name: the cause is not told: $said"
  if [ "$4" != read ]; then # before the run folder is there, nothing can be written into it
    grep -q '"state": "failed", "exit_code": 2' "$name/status.json" || fail "$name: status"
    grep -qE "\"message\": \"${said//[()]/.}" "$name/status.json" || fail "$name: the status does not name it: $said"
  fi
  echo "$took s: $(grep -o "frazil: rank.*" "$name.log")"
  [ -n "${keep_going:-}" ] || return 0
  start "$name" "$1" 1 ""
  wait $job || fail "$name: it does not go on"
}

# loses_a_node RANKS RANK: its process is suspended; as its own node it is known by its heartbeat in the run folder
loses_a_node() {
  local name=node$2of$1 victim= more=(--starts 8)
  start "$name" "$1" 1 apart:0
  for _ in $(seq 1000); do
    victim=$(sed -n "s/.*\"rank $2\": \"process \([0-9]*\).*/\1/p" "$name/heartbeat/node$2.json" 2>/dev/null || true)
    [ -z "$victim" ] || break
    sleep 0.03
  done
  kill -s STOP "$victim" || fail "$name: nobody to suspend"
  ended "$name" ${longest:-$((limit + 12))} "$(date +%s)"
  grep -qE "\"message\": \"node $2 .* gave no sign of life" "$name/status.json" || fail "$name: status"
  echo "$took s: $(grep -o "frazil: node.*" "$name.log" | head -1)"
}
