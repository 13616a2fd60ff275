#!/bin/bash
# jobscripts/reconstruct.slurm with a stand-in for Slurm: the signal reaches the ranks, 75 goes back to the queue, any
# other end is passed on, options are handed through.
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
S
chmod +x bin/*
export PATH=$PWD/bin:$PATH FRAZIL=frazil SLURM_JOB_ID=42 SLURM_CPUS_PER_TASK=3 PARTICLES=a.star OUTPUT=run7
template=$FZ_SOURCE/jobscripts/reconstruct.slurm

bash "$template" --symmetry C4 >out.txt &
script=$!
for _ in $(seq 100); do [ -e started ] && break || sleep 0.1; done
kill -USR1 "$script"
code=0
wait "$script" || code=$?
[ "$code" = 0 ] && [ -e checkpoint ] && [ "$(cat scontrol.txt)" = "requeue 42" ] || { echo "code $code"; cat out.txt; exit 1; }
grep -q -- '--kill-on-bad-exit=1 frazil reconstruct --particles a.star --output run7 --symmetry C4' srun.txt
rm scontrol.txt

for expected in 0 1 2; do
  code=0
  QUICK=$expected bash "$template" || code=$?
  [ "$code" = "$expected" ] && [ ! -e scontrol.txt ] || { echo "srun's $expected became $code"; exit 1; }
done
grep -q '^#SBATCH --signal=B:USR1@' "$template"
grep -q '^#SBATCH --requeue' "$template"
grep -q '^#SBATCH --open-mode=append' "$template"
