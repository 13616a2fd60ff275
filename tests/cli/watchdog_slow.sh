#!/bin/bash
# frazil reconstruct: any rank lost in any phase, by death, suspension or a call that never returns, with the limits that
# users have: everything ends within 60 s, the cause is named, and the same command goes on.  Most of the time all sleep,
# so several jobs are under way at once: AT_ONCE of them (6).  RANKS: numbers of ranks (2 3).
source "$FZ_SOURCE/tests/cli/watchdog.bash"
limit=40 longest=60 keep_going=1 bad=0 done=0
one() {
  while [ "$(jobs -rp | wc -l)" -ge "${AT_ONCE:-6}" ]; do wait -n || bad=1; done
  ("$@") &
  done=$((done + 1))
}
for phase in read scan tile reduce m-step checkpoint-write polish results; do
  for kind in kill suspend stall; do
    for ranks in ${RANKS:-2 3}; do
      one loses "$ranks" $((done % ranks)) "$kind" "$phase"
    done
  done
done
for rank in 0 1 2; do one loses_a_node 3 $rank; done
while [ -n "$(jobs -rp)" ]; do wait -n || bad=1; done
echo "$done losses"
exit $bad
