#!/bin/bash
# How ranks come up and go down under srun: unconnected ones are refused at once, a single process passes everywhere, a
# rank that is killed ends the job within seconds, and a job that gets no further is not requeued for ever.
source "$FZ_SOURCE/tests/slurm/cluster.bash"
start_cluster
"$FRAZIL" --log warn simulate --box 24 --pixel-size 6 --snr 0.5 --n 300 --seed 3 --output sim >/dev/null
small=(--particles sim/particles.star --starts 1 --kmax-schedule 3 --max-resolution 36 --max-passes 1 --threads 1)

# Tasks that do not know of each other.
code=0 began=$SECONDS
srun --mpi=none -n 4 "$FRAZIL" reconstruct --output alone \
  "${small[@]}" >none.log 2>&1 || code=$?
[ $code = 1 ] && [ $((SECONDS - began)) -le 10 ] || fail "srun --mpi=none -n 4: code $code after $((SECONDS - began)) s"
[ "$(grep -c 'srun started 4 processes, but the MPI library cannot connect them.*--mpi=TYPE' none.log)" = 1 ] ||
  fail "not one message"
[ ! -e alone ] || fail "they have begun all the same"

# One process is no mistake: a step of one task, a batch script and a shell in an allocation of four.
srun --mpi=none -n 1 "$FRAZIL" info sim/truth.mrc >one.log 2>&1 || fail "srun --mpi=none -n 1"
cat >inside.sh <<'S'
#!/bin/bash
set -e
"$FRAZIL" info sim/truth.mrc
srun --mpi=none -n 1 -N 1 "$FRAZIL" info sim/truth.mrc
"$MPIRUN" -n 2 "$FRAZIL" info sim/truth.mrc
S
sbatch --wait --nodes=2 --ntasks=4 --output=inside.log inside.sh >inside.id || fail "one process inside a batch script"
[ "$(grep -c '^sim/truth.mrc: map of 24 x 24 x 24' inside.log)" = 3 ] || fail "one process inside a batch script"
salloc --quiet --ntasks=3 "$FRAZIL" info sim/truth.mrc >salloc.log 2>&1 || fail "salloc"
# ... and so does a shell that srun --pty holds.
if command -v script >/dev/null; then
  timeout 60 script --quiet --return --command \
    "srun --mpi=none --ntasks=2 --pty bash -c '$FRAZIL info sim/truth.mrc; true'" /dev/null </dev/null >pty.log 2>&1 ||
    fail "srun --pty"
  grep -q 'map of 24 x 24 x 24' pty.log || fail "srun --pty"
fi

# Connected, on one node and on two: the bits of one rank.
"$FRAZIL" reconstruct --output ref "${small[@]}" >ref.log 2>&1
for shape in "1 3" "2 4"; do
  read -r nodes tasks <<<"$shape"
  srun --mpi=pmix -N "$nodes" -n "$tasks" "$FRAZIL" reconstruct --output "on$nodes" "${small[@]}" \
    >"on$nodes.log" 2>&1 ||
    fail "$tasks ranks on $nodes nodes"
  grep -q "$tasks ranks x 1 thread" "on$nodes.log" || fail "not $tasks ranks"
  cmp ref/map.mrc "on$nodes/map.mrc" || fail "$tasks ranks on $nodes nodes: other bits"
done

# No one-sided communication between nodes (as Debian's Open MPI comes): one message says what to set.
code=0
OMPI_MCA_osc=sm srun --mpi=pmix --kill-on-bad-exit=1 -N 2 -n 2 "$FRAZIL" reconstruct --output one_sided \
  "${small[@]}" >one_sided.log 2>&1 || code=$?
[ $code != 0 ] && grep -q "no one-sided communication.*export OMPI_MCA_osc=^ucx" one_sided.log || fail "one-sided communication: code $code"

# A rank dies: the job fails within seconds, and resumes.
long=(--starts 16 --kmax-schedule 3,4 --max-resolution 28 --max-passes 1 --threads 1 --checkpoint-interval 0)
export PARTICLES=sim/particles.star OUTPUT=$PWD/killed FRAZIL
submit() {
  job=$(sbatch --parsable --nodes=2 --ntasks-per-node=1 --cpus-per-task=1 --output=job.log \
    "$FZ_SOURCE/jobscripts/reconstruct.slurm" "${long[@]}" "$@")
}
far() { [ "$(lines killed)" -ge "$1" ]; }
submit
eventually 60 "the first steps" far 4
victim=$(pgrep -f "^$FRAZIL reconstruct --particles sim/particles.star --output $OUTPUT " | tail -1)
began=$SECONDS
kill -9 "$victim"
eventually 30 "the end after a rank was killed" ended "$job"
[ $((SECONDS - began)) -le 20 ] || fail "a rank was killed: the job took $((SECONDS - began)) s to end"
[ "$(state_of "$job")" = FAILED ] && [ "$(exit_code_of "$job")" != 0:0 ] || fail "a rank was killed: $(state_of "$job")"
grep -q "Killed" job.log || fail "the log does not say that a rank was killed"

# Jobs without time to get anywhere are requeued once, and then no more.
MAX_IDLE_JOBS=1 submit --max-time 0.001
eventually 60 "no more requeues" ended "$job"
[ "$(state_of "$job") $(exit_code_of "$job") $(restarts_of "$job")" = "FAILED 75:0 1" ] || fail "jobs that get no further"
grep -q "1 jobs in a row got no further" job.log || fail "jobs that get no further: no word"

submit
eventually 100 "the end" ended "$job"
[ "$(state_of "$job") $(exit_code_of "$job")" = "COMPLETED 0:0" ] || fail "it does not resume"
grep -q "resumed after step" job.log || fail "it started over"
"$FRAZIL" reconstruct --particles sim/particles.star --output whole "${long[@]}" >whole.log 2>&1
for file in map.mrc half1.mrc particles.star; do cmp "whole/$file" "killed/$file" || fail "$file"; done
