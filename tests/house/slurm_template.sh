#!/bin/bash
# jobscripts/reconstruct.slurm with a stand-in for Slurm: the signal reaches the ranks, 75 goes back to the queue unless
# there is a reason against it, any other end is passed on, options are handed through.  tests/slurm has the real one.
mkdir bin
cat >bin/srun <<'S'
#!/bin/bash
echo "$*" >srun.txt
[ -z "${QUICK:-}" ] || exit "$QUICK"
trap 'sleep 0.3; touch checkpoint; exit 75' USR1
touch started
for _ in $(seq 300); do sleep 0.1; done
exit 9
S
cat >bin/scontrol <<'S'
#!/bin/bash
echo "$*" >scontrol.txt
exit "${REFUSED:-0}"
S
cat >bin/squeue <<'S'
#!/bin/bash
echo "${STATE-RUNNING}"
S
chmod +x bin/*
export PATH=$PWD/bin:$PATH FRAZIL=frazil SLURM_JOB_ID=42 SLURM_CPUS_PER_TASK=3 PARTICLES=a.star OUTPUT=run7
unset SLURM_ARRAY_TASK_ID SLURM_RESTART_COUNT
template=$FZ_SOURCE/jobscripts/reconstruct.slurm
fail() {
  echo "$*"
  cat out.txt
  exit 1
}
# ends CODE REQUEUED VARIABLES...: the script's exit code, and whether it asked for the requeue
ends() {
  local code=0 requeued=no
  rm -f scontrol.txt
  env "${@:3}" bash "$template" >out.txt || code=$?
  [ ! -e scontrol.txt ] || requeued=yes
  [ "$code $requeued" = "$1 $2" ] || fail "${*:3}: code $code, requeued $requeued"
}
status() { echo '{"state": "stopped", "message": "stopped by '"$1"' at a checkpoint", "fraction": '"$2"', "ranks": 2}' >run7/status.json; }

bash "$template" --symmetry C4 >out.txt &
script=$!
for _ in $(seq 100); do [ -e started ] && break || sleep 0.1; done
kill -USR1 "$script"
code=0
wait "$script" || code=$?
[ "$code" = 0 ] && [ -e checkpoint ] && [ "$(cat scontrol.txt)" = "requeue 42" ] || fail "code $code"
grep -q -- '--kill-on-bad-exit=1 frazil reconstruct --particles a.star --output run7 --symmetry C4' srun.txt

for code in 0 1 2 137 139; do ends $code no QUICK=$code; done

rm run7/requeues
status "the time limit" 0.25
ends 0 yes QUICK=75
ends 75 yes QUICK=75 REFUSED=1
grep -q "does not requeue" out.txt || fail "a refused requeue"
# A job that Slurm has ended must not come back: scontrol would requeue a cancelled one.
for state in COMPLETING CANCELLED PENDING ""; do ends 75 no QUICK=75 STATE="$state"; done

# Three jobs in a row that get no further are the end; progress begins the count anew.
rm run7/requeues
for fraction in 0.25 0.25 0.5 0.5 0.5; do
  status SIGUSR1 $fraction
  ends 0 yes QUICK=75
done
ends 75 no QUICK=75
grep -q "3 jobs in a row got no further than 0.5" out.txt || fail "no progress"
for tiles in 5 9; do
  echo "resumed after step 7, 0 passes and $tiles tiles into the next" >>run7/run.log # inside a step that takes many jobs
  ends 0 yes QUICK=75 MAX_IDLE_JOBS=1
done
ends 75 no QUICK=75 MAX_IDLE_JOBS=1
status SIGUSR1 0.75
ends 75 no QUICK=75 SLURM_RESTART_COUNT=100
ends 0 yes QUICK=75 SLURM_RESTART_COUNT=99
status "the file STOP" 0.8
ends 75 no QUICK=75

# A task of an array is a seed with a folder of its own.
ends 0 no QUICK=0 SLURM_ARRAY_TASK_ID=6
grep -q -- '--output run7/seed6 --seed 6$' srun.txt || fail "the array: $(cat srun.txt)"

for line in '--signal=B:USR1@' '--requeue' '--open-mode=append'; do grep -q "^#SBATCH $line" "$template"; done
