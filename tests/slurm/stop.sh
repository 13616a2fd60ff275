#!/bin/bash
# jobscripts/reconstruct.slurm on two nodes: requeued by the administrator, preempted with and without grace, told of its
# time limit, stopped by the file STOP, limited by --max-time, cancelled: it ends in the bits of a clean mpirun, and
# Slurm, status.json and the exit codes agree on every stop.
source "$FZ_SOURCE/tests/slurm/cluster.bash"
start_cluster
script=$FZ_SOURCE/jobscripts/reconstruct.slurm
results="map.mrc half1.mrc half2.mrc particles.star fsc.star"
RANDOM=5

"$FRAZIL" --log warn simulate --box 24 --pixel-size 6 --snr 0.5 --n 300 --seed 3 --output sim >/dev/null
options=(--starts 24 --kmax-schedule 3,4 --max-resolution 28 --max-passes 2 --threads 1)
"$MPIRUN" --oversubscribe -n 2 "$FRAZIL" reconstruct --particles sim/particles.star --output ref "${options[@]}" >ref.log 2>&1 ||
  fail "the clean run"
steps=$(lines ref)
export PARTICLES=sim/particles.star OUTPUT=run FRAZIL

# submit PARTITION OPTIONS...: of reconstruct; sets job
submit() {
  job=$(sbatch --parsable --partition="$1" --nodes=2 --ntasks-per-node=1 --cpus-per-task=1 --output=job.log "$script" \
    "${options[@]}" "${@:2}")
}
# The job computes: it is past step N of its run.
reached() { [ "$(lines "$OUTPUT")" -ge "$1" ] && is "$job" RUNNING; }
further() { # some steps more than there are
  local goal=$(($(lines "$OUTPUT") + 2 + RANDOM % 4))
  [ $goal -lt $((steps - 10)) ] || fail "the run is over too soon: $goal of $steps steps"
  eventually 100 "step $goal" reached $goal
}
stopped() { grep -q '"state": "stopped", "exit_code": 75' "$OUTPUT/status.json"; }
# back_in_queue WHY: Slurm or the script has requeued the job, there is a checkpoint, and it will run again
back_in_queue() {
  eventually 30 "requeued after $1" is "$job" PENDING
  stopped || { cat "$OUTPUT/status.json"; fail "$1: no checkpoint"; }
  restarts=$((restarts + 1))
  [ "$(restarts_of "$job")" = $restarts ] || fail "$1: Slurm counts $(restarts_of "$job") restarts, not $restarts"
}
same() {
  for file in $results; do cmp "ref/$file" "$1/$file" || fail "$1/$file differs from the clean run's"; done
}

# Preempted again and again.
submit low
first=$job restarts=0
for event in requeue preempt time-limit requeue; do
  further
  case $event in
    requeue) scontrol requeue "$job" ;;
    preempt) srun --partition=high --nodes=2 --ntasks=8 --mpi=none true 2>/dev/null ;;
    time-limit) scancel --batch --signal=USR1 "$job" ;; # what --signal=B:USR1@120 does near the limit
  esac
  back_in_queue $event
done
grep -q "goes back to the queue" job.log || fail "the script did not requeue the job itself"

# With grace the ranks have stopped before Slurm has ended the job: the script sends it back.
scontrol update JobId="$job" Partition=grace
further
srun --partition=high --nodes=2 --ntasks=8 --mpi=none true 2>/dev/null
back_in_queue "preemption with grace"

# STOP: no requeue, 75 for all to see; submitted again it goes on.
further
touch run/STOP
eventually 30 "stopped by STOP" ended "$job"
[ "$(state_of "$job") $(exit_code_of "$job")" = "FAILED 75:0" ] && stopped || fail "STOP"
grep -q "stopped by the file STOP" job.log || fail "STOP: no word of it"

# Cancelled: it must not come back; a checkpoint is left.
submit low
further
scancel "$job"
eventually 30 "cancelled" ended "$job"
sleep 1
is "$job" CANCELLED && stopped || fail "scancel: $(state_of "$job")"

is_requeued() { is "$job" PENDING && [ "$(restarts_of "$job")" -gt 0 ]; }
# --max-time sends it back to the queue, too.
submit low --max-time 1
eventually 60 "stopped by --max-time" is_requeued
grep -q "stopped by the time limit" job.log || fail "--max-time: no message"
scancel "$job"
eventually 30 "cancelled" ended "$job"

# On one rank to the end, with the bits of the clean run.
job=$(sbatch --parsable --nodes=1 --ntasks-per-node=1 --cpus-per-task=1 --output=job.log "$script" "${options[@]}")
eventually 120 "the end" ended "$job"
[ "$(state_of "$job") $(exit_code_of "$job")" = "COMPLETED 0:0" ] || fail "the last job"
grep -q '"state": "done", "exit_code": 0' run/status.json || fail "status.json does not say done"
same run
# Slurm's completion log holds every stop.
log() { grep -cE "^JobId=$1 .* JobState=$2 .* ExitCode=$3" slurm/jobs.log || true; }
counts="$(log $first '(PENDING|PREEMPTED)' 0:0) $(log $first FAILED 75:0) $(log $job COMPLETED 0:0)"
[ "$counts" = "$restarts 1 1" ] || { cat slurm/jobs.log; fail "the completion log: $counts"; }
