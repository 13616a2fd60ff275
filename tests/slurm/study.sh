#!/bin/bash
# jobscripts/seeds.sh and jobscripts/scaling.slurm on a real Slurm: a job array over seeds, one of them requeued, with
# a table of the best; the same run on 1, 2 and 4 ranks, with a table of its speed.
source "$FZ_SOURCE/tests/slurm/cluster.bash"
start_cluster
"$FRAZIL" --log warn simulate --box 24 --pixel-size 6 --snr 0.5 --n 200 --seed 3 --output sim >/dev/null
options=(--starts 2 --kmax-schedule 3 --max-resolution 36 --max-passes 1 --threads 1)
small=(--nodes=1 --ntasks-per-node=1 --cpus-per-task=1)
export PARTICLES=$PWD/sim/particles.star FRAZIL

export OUTPUT=$PWD/seeds
bash "$FZ_SOURCE/jobscripts/seeds.sh" 1-3 "${small[@]}" --output="$PWD/seed-%a.log" -- "${options[@]}" >submitted.log 2>&1 ||
  fail "seeds.sh"
array=$(sed -n 's/^array \([0-9]*\), table.*/\1/p' submitted.log)
job=$(sed -n 's/.*, table \([0-9]*\):.*/\1/p' submitted.log)
# The table waits for a task that is requeued, too.
runs() { squeue --noheader --states=RUNNING --jobs="${array}_2" 2>/dev/null | grep -q .; }
eventually 30 "the second seed runs" runs
scontrol requeue "${array}_2"
eventually 120 "the table of seeds" ended "$job"
is "$job" COMPLETED || fail "the table of seeds: $(cat seeds/seeds.log)"
[ "$(head -1 seeds/seeds.csv)" = "seed,gain,state" ] && [ "$(grep -c ',done$' seeds/seeds.csv)" = 3 ] || fail "$(cat seeds/seeds.csv)"
[ "$(sed 1d seeds/seeds.csv | cut -d, -f2 | sort -gr)" = "$(sed 1d seeds/seeds.csv | cut -d, -f2)" ] || fail "not best first"
best=$(sed -n '2s/,.*//p' seeds/seeds.csv)
[ "$(readlink seeds/best)" = "seed$best" ] || fail "best is $(readlink seeds/best), not seed$best"
# The gain in the table is that of the run's log, and a task is the run of that seed.
"$FRAZIL" reconstruct --particles "$PARTICLES" --output one --seed "$best" "${options[@]}" >one.log 2>&1
cmp one/map.mrc seeds/best/map.mrc || fail "seed $best: other bits than without Slurm"
gain=$(sed -n 's/.*start [0-9]*: gain \([0-9.]*\) per image, refined.*/\1/p' one.log)
awk -F, -v gain="$gain" 'NR == 2 {exit !($2 - gain < 1e-3 && gain - $2 < 1e-3)}' seeds/seeds.csv || fail "gain $gain"

export OUTPUT=$PWD/scaling
sbatch --wait --nodes=2 --ntasks-per-node=2 --cpus-per-task=1 --output=scaling.log "$FZ_SOURCE/jobscripts/scaling.slurm" \
  "${options[@]}" >submitted.log || fail "scaling.slurm"
[ "$(head -1 scaling/scaling.csv)" = "ranks,nodes,threads,seconds,images_per_second,speedup,efficiency" ] || fail "the header"
[ "$(sed 1d scaling/scaling.csv | cut -d, -f1-3 | tr '\n' ' ')" = "1,1,1 2,1,1 4,2,1 " ] || fail "$(cat scaling/scaling.csv)"
for n in 1 2 4; do grep -q "$n rank.* x 1 thread" "scaling/ranks$n.log" || fail "not $n ranks"; done
# The seconds are those of the run's steps, the rest follows from them.
awk -F, 'NR == 2 {t1 = $4} NR > 1 {
  if (!($4 > 0 && $5 > 0)) exit 1
  e = t1 / $4 / $1
  if ((e - $7) ^ 2 > 1e-4 || ($7 * $1 - $6) ^ 2 > 1e-4) exit 1
}' scaling/scaling.csv || fail "$(cat scaling/scaling.csv)"
# Submitted again nothing is computed anew.
cp scaling/scaling.csv before.csv
sbatch --wait --nodes=2 --ntasks-per-node=2 --cpus-per-task=1 --output=again.log "$FZ_SOURCE/jobscripts/scaling.slurm" \
  "${options[@]}" >submitted.log || fail "scaling.slurm again"
cmp before.csv scaling/scaling.csv || fail "other figures of the same runs"
