#!/bin/bash
# Under srun, on two nodes: a rank that is killed, suspended or stuck ends the job within a minute, with the cause in
# status.json, and the next job goes on.  PHASES, LIMIT (of --stall-limit): one phase and a short limit when not given.
phases=${PHASES:-tile}
limit=${LIMIT:-4}
source "$FZ_SOURCE/tests/slurm/cluster.bash"
start_cluster
"$FRAZIL" --log warn simulate --box 24 --pixel-size 6 --snr 0.5 --n 300 --seed 3 --output sim >/dev/null
options=(--particles sim/particles.star --starts 1 --kmax-schedule 3,4 --max-resolution 36 --max-passes 1 --threads 1
  --checkpoint-interval 0 --stall-limit "$limit")
# A rank that is alone on its node is seen by the others as its node only.
declare -A how=([kill]="rank R .*died or was killed|node [01] .*no sign of life" [stall]="rank R .*is stuck|node [01] .*is stuck"
  [suspend]="rank R .*no sign of life for .* suspended|node [01] .*no sign of life")
on_nodes() { srun --mpi=pmix --kill-on-bad-exit=1 -N 2 -n 3 "$FRAZIL" reconstruct --output "$PWD/$1" "${options[@]}"; }

on_nodes ref >ref.log 2>&1 || fail "the run without a loss"
rank=0 longest=0
for phase in $phases; do
  for kind in kill suspend stall; do
    rank=$(((rank + 1) % 3))
    name=$kind-$phase-$rank
    code=0
    FZ_FAULT="$kind-$phase:$rank" on_nodes "$name" >"$name.log" 2>&1 || code=$?
    took=$(($(date +%s) - $(date -d "$(sed -n 's/^\([^ ]*\) error .*injected fault.*/\1/p' "$name.log" | head -n 1)" +%s)))
    [ $code != 0 ] && [ $code != 75 ] || fail "$name: ended with $code"
    [ $took -le $((limit + 20)) ] || fail "$name: it took $took s to end"
    [ $took -le $longest ] || longest=$took
    [ -z "$(pgrep -f "^$FRAZIL reconstruct --output $PWD/$name " || true)" ] || fail "$name: processes are left"
    "$FRAZIL" info "$name" >"$name.info" || fail "$name: info"
    # When a rank is killed srun may be faster than the survivors; then info says it.
    grep -qE "\"message\": \"(${how[$kind]//R/$rank})" "$name/status.json" ||
      { [ $kind = kill ] && grep -q "running no more" "$name.info"; } || fail "$name: the cause is not told: $(cat "$name/status.json")"
    echo "$name: $took s, $(grep -o '"message": "[^"]*"' "$name/status.json" | head -c 200)"
    on_nodes "$name" >again.log 2>&1 || fail "$name: it does not go on"
    for file in map.mrc half1.mrc particles.star; do cmp "ref/$file" "$name/$file" || fail "$name: $file"; done
  done
done
echo "at most $longest s from the loss to the end of the job, --stall-limit $limit"
