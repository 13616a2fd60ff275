#!/bin/bash
# The same reconstruction from several seeds as a job array, then a table and the best of them.  On a login node:
#   PARTICLES=a.star OUTPUT=seeds bash jobscripts/seeds.sh 1-8 [SBATCH OPTIONS] [-- OPTIONS OF reconstruct]
# Each task is a reconstruct.slurm job in OUTPUT/seedN.  When all have ended, OUTPUT/seeds.csv holds one line per seed,
# best first, and OUTPUT/best leads to the run folder of the best one.  The table alone, at any time:
#   bash jobscripts/seeds.sh --summary OUTPUT
# Seeds are compared by the gain of their best start, which reconstruct measures alike for all: same images, same band
# limit. Gains after the refinement are not comparable.
set -eu -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The largest gain of the lines "comparison" of a run; empty before the first.
best_start() {
  sed -n 's/.*"place": "[^"]*comparison", "gain": \([^,]*\),.*/\1/p' "$1/metrics.jsonl" 2>/dev/null | sort -g | tail -1
}
state_of() { sed -n 's/.*"state": "\([a-z]*\)".*/\1/p' "$1/status.json" 2>/dev/null; }

summary() {
  local out=$1 folder
  for folder in "$out"/seed[0-9]*; do
    [ -d "$folder" ] || continue
    echo "${folder##*/seed},$(best_start "$folder"),$(state_of "$folder")"
  done | sort -t, -k2,2gr -k1,1n >"$out/seeds.part"
  { echo "seed,gain,state" && cat "$out/seeds.part"; } >"$out/seeds.csv"
  cat "$out/seeds.csv"
  local best
  best=$(awk -F, '$3 == "done" {print $1; exit}' "$out/seeds.part")
  rm "$out/seeds.part"
  if [ -z "$best" ]; then
    echo "no seed has finished yet"
    return 1
  fi
  ln -sfn "seed$best" "$out/best"
  echo "best of the finished: seed $best, $out/best/map.mrc"
}

[ $# -ge 1 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 1; }
if [ "$1" = --summary ]; then
  summary "${2:?the folder}"
  exit
fi

seeds=$1
shift
export PARTICLES=${PARTICLES:-particles.star} OUTPUT=${OUTPUT:-seeds}
for_sbatch=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  for_sbatch+=("$1")
  shift
done
[ $# = 0 ] || shift
mkdir -p "$OUTPUT"
array=$(sbatch --parsable "${for_sbatch[@]}" --array="$seeds" "$here/reconstruct.slurm" "$@")
array=${array%%;*}
# afterany: a seed that failed is no reason to have no table
table=$(sbatch --parsable --job-name=frazil-seeds --ntasks=1 --time=10 --dependency=afterany:"$array" \
  --output="$OUTPUT/seeds.log" --wrap "bash '$here/seeds.sh' --summary '$OUTPUT'")
echo "array $array, table ${table%%;*}: $OUTPUT/seeds.csv"
