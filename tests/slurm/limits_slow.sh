#!/bin/bash
# One run through five real time limits (--signal=B:USR1@50 of --time=1), five requeues at random moments and a time limit
# that nobody was told of: the bits of a clean mpirun.  Slurm looks at time limits twice a minute: this takes minutes.
source "$FZ_SOURCE/tests/slurm/cluster.bash"
start_cluster
script=$FZ_SOURCE/jobscripts/reconstruct.slurm
RANDOM=${SEED:-11} # N images: so many that the run lasts through all of this on two cores

"$FRAZIL" --log warn simulate --box 24 --pixel-size 6 --snr 0.5 --n "${N:-5000}" --seed 3 --output sim >/dev/null
options=(--starts 64 --kmax-schedule 3,4 --max-resolution 28 --max-passes 2 --threads 1)
export PARTICLES=sim/particles.star OUTPUT=run FRAZIL
shape=(--nodes=2 --ntasks-per-node=1 --cpus-per-task=1 --output=job.log)
stopped() { grep -q '"state": "stopped", "exit_code": 75' run/status.json; }
restarted() { [ "$(restarts_of "$job")" = "$1" ] && is "$job" PENDING; }

job=$(sbatch --parsable "${shape[@]}" --time=1 --signal=B:USR1@50 "$script" "${options[@]}")
for ((restarts = 1; restarts <= 10; restarts++)); do
  eventually 60 "it runs" is "$job" RUNNING
  if ((restarts % 2)); then
    eventually 100 "time limit $restarts" restarted $restarts
  else
    sleep "$((RANDOM % 9)).$((RANDOM % 10))"
    scontrol requeue "$job" || fail "requeue $restarts"
    eventually 30 "requeue $restarts" restarted $restarts
  fi
  # Only a job that was still starting has nothing to write down.
  stopped || tail -n 3 job.log | grep -q 'TERM\|Killed\|Terminated' || fail "stop $restarts: no checkpoint"
done
[ "$(grep -c 'goes back to the queue' job.log)" = 5 ] || fail "not five requeues by the script"
[ "$(grep -cE "^JobId=$job .* JobState=PENDING " slurm/jobs.log)" = 10 ] || fail "the completion log has not ten requeues"
scancel "$job"
eventually 20 "cancelled" ended "$job"

# Without --signal the limit itself ends the job: SIGTERM, and KillWait for a checkpoint.
job=$(sbatch --parsable "${shape[@]}" --time=1 --signal=B:URG@1 "$script" "${options[@]}")
eventually 150 "the time limit" ended "$job"
[ "$(state_of "$job")" = TIMEOUT ] && stopped || fail "time limit without a signal: $(state_of "$job")"

job=$(sbatch --parsable "${shape[@]}" "$script" "${options[@]}")
eventually 1500 "the end" ended "$job"
[ "$(state_of "$job") $(exit_code_of "$job")" = "COMPLETED 0:0" ] || fail "the last job"
grep -q '"state": "done", "exit_code": 0' run/status.json || fail "status.json does not say done"
"$MPIRUN" --oversubscribe -n 2 "$FRAZIL" reconstruct --particles sim/particles.star --output ref "${options[@]}" >ref.log 2>&1 ||
  fail "the clean run"
for file in map.mrc half1.mrc half2.mrc particles.star fsc.star; do cmp "ref/$file" "run/$file" || fail "$file"; done
echo "ten restarts and a TIMEOUT: the same bits"
