#!/bin/bash
# Asked to stop at any moment (while reading, scoring, solving, writing), by any signal, on any rank, a run leaves within
# 20 s with exit code 75 and goes on later, elsewhere, to the same bits.
"$FRAZIL" --log warn simulate --box 40 --pixel-size 4 --snr 0.5 --n 1200 --seed 3 --output sim >/dev/null
options=(--particles sim/particles.star --starts 1 --kmax-schedule 3,5,8 --max-resolution 16 --max-passes 3)
RANDOM=11
fail() {
  echo "$*"
  for log in *.log; do echo "--- $log" && tail -n 5 "$log"; done
  cat cut/status.json || true
  exit 1
}
ranks_of() { pgrep -f "^$FRAZIL reconstruct --output $PWD/$1 " || true; }

# All ranks catch SIGTERM (bit 14 of the mask of caught signals); before that they end by it as any process does.
listens() {
  local pid mask n=0
  for pid in $(ranks_of cut); do
    mask=$(awk '/^SigCgt/ { print $2 }' "/proc/$pid/status" 2>/dev/null) || return 1
    [ -n "$mask" ] && [ $((0x$mask & 0x4000)) != 0 ] || return 1
    n=$((n + 1))
  done
  [ $n = "$ranks" ]
}

began=$(date +%s%N)
"$FRAZIL" reconstruct --output "$PWD/ref" "${options[@]}" >ref.log 2>&1 || fail "the uninterrupted run"
whole=$((($(date +%s%N) - began) / 1000000)) # ms
stops=0 early=0 latest=0 code=75
signals=(TERM USR1 INT)
while [ $code = 75 ]; do
  [ $stops -lt 60 ] || fail "no progress after $stops stops"
  ranks=$((1 + RANDOM % 4))
  launcher=("$MPIRUN" --oversubscribe -n $ranks)
  [ $ranks -gt 1 ] || launcher=()
  "${launcher[@]}" "$FRAZIL" reconstruct --output "$PWD/cut" --threads $((1 + RANDOM % 2)) "${options[@]}" >cut.log 2>&1 &
  job=$!
  until listens || ! kill -0 $job 2>/dev/null; do sleep 0.02; done
  sleep "$(awk "BEGIN { print 0.0004 * $whole * $((RANDOM % 100)) / 100 }")" # up to two fifths of it
  victims=($(ranks_of cut))
  began=$(date +%s%N)
  [ ${#victims[@]} = 0 ] || kill -s "${signals[$((stops % 3))]}" "${victims[$((RANDOM % ${#victims[@]}))]}" || true
  code=0
  wait $job || code=$?
  took=$((($(date +%s%N) - began) / 1000000))
  [ $code = 75 ] || break
  [ $took -lt 20000 ] || fail "$took ms from the signal to the end"
  [ $took -le $latest ] || latest=$took
  grep -q '"state": "stopped", "exit_code": 75' cut/status.json || fail "status.json does not say it stopped"
  grep -q "stopped on request while reading" cut.log && early=$((early + 1))
  stops=$((stops + 1))
done
[ $code = 0 ] || fail "ended with $code after $stops stops"
[ $stops -ge 2 ] || fail "only $stops stops: too few to say anything"
for file in map.mrc half1.mrc half2.mrc particles.star fsc.star; do cmp ref/$file cut/$file || fail "$file differs"; done
echo "$stops stops, $early of them before the first step, at most $latest ms from signal to end"
