#!/bin/bash
# frazil reconstruct: a rank that dies, is suspended or hangs ends the job soon, on all ranks, and status.json says who
# it was and what it was at; the same command then goes on.  With a short --stall-limit; watchdog_slow.sh has the real.
source "$FZ_SOURCE/tests/cli/watchdog.bash"
limit=4

# One of each kind and phase, on two and three ranks.
loses 2 1 kill read
loses 3 2 stall scan
loses 3 1 kill tile
loses 3 0 suspend tile
loses 2 1 stall reduce
loses 3 2 suspend m-step
loses 2 0 stall checkpoint-write
loses 3 1 kill polish
loses 2 1 suspend results
loses 1 0 stall tile

# Between nodes: every rank counts as one, and sees of the others only what is in the run folder.
loses_a_node 3 2
loses_a_node 2 0

# The run folder hangs (a pipe that nobody reads stands for it) when heartbeats are written: a job that is well ends
# well, and of one that is not the cause is still told.
hang() {
  for _ in $(seq 1000); do
    [ -s "$1/heartbeat/node0.json" ] && break
    sleep 0.03
  done
  mkfifo "$1.pipe"
  mv "$1.pipe" "$1/heartbeat/node0.json" || fail "$1: no heartbeat"
}
more=(--starts 3)
start hanging 2 1 ""
hang hanging
code=0
wait $job || code=$?
[ $code = 0 ] && [ -f hanging/map.mrc ] || fail "a job whose heartbeat hangs: $code"
start hanging_stuck 2 1 stall-polish:1
hang hanging_stuck
ended hanging_stuck $((limit + 18))
grep -q '"message": "rank 1 .* is stuck' hanging_stuck/status.json || fail "the cause is not told where heartbeats hang"

more=(--starts 8)
# A job that is suspended as a whole for longer than the limit goes on as if nothing had been.
start whole 3 1 ""
wait_for_step whole 2
kill -s STOP $(ranks_of whole)
sleep $((limit + 2))
kill -s CONT $(ranks_of whole)
code=0
wait $job || code=$?
[ $code = 0 ] || fail "a job that was suspended as a whole: $code"

# All killed, nobody left to say so: the next reader finds out.
rm -rf whole
start whole 2 1 ""
wait_for_step whole 2
"$FRAZIL" info whole >info.txt
grep -q "running" info.txt && grep -q "rank 1 .*process" info.txt || { cat info.txt; fail "info on a running job"; }
kill -s KILL $(ranks_of whole)
wait $job 2>/dev/null || true
"$FRAZIL" info whole >info.txt
grep -q "was killed" info.txt || { cat info.txt; fail "info on a killed job"; }
start whole 2 1 ""
wait $job || fail "the killed job does not go on"
grep -q "ended without a word" whole.log || fail "the next job does not say how the last one ended"
"$FRAZIL" info whole | grep -q "state *done" || fail "info on a finished run"
[ ! -e whole/heartbeat ] || fail "heartbeats are left behind"
