#!/bin/bash
# Plans against runs: what `frazil plan` promises of memory and predicts of time, beside small runs of every shape.
#   bash bench/plan.sh [options]
#
#   --boxes LIST    32,64,128
#   --classes LIST  1,3
#   --ranks LIST    1,2,4
#   --threads LIST  1,2
#   --cores N       that the ranks share (all of this machine's)
#   --calibrate S   seconds for the rehearsal of a plan (6)
#   --out DIR       files, among them the table as plan.md (plan)
#   --json FILE     the table for machines
#   --help          this text
# A cell: an ab initio run of one start on shells 3, 6 and 9 and one refinement pass at shell 11.  Wanted: the peak memory of
# a rank is 0.80 to 1.00 of what was promised, and the passes together take what was predicted, within a factor 1.5.
# worst: the place of the run where the two differ most.  Small runs: a pass takes seconds, the images' part is small.
set -eu -o pipefail
source "$(dirname "$0")/common.sh"

boxes=32,64,128 classes=1,3 ranks=1,2,4 threads=1,2 cores=$(nproc) calibrate=6 out=plan json=
take_options "--boxes --classes --ranks --threads --cores --calibrate --out --json" "$@"
need_program
[ -z "$json" ] || json=$(absolute "$json")
mkdir -p "$out"
cd "$out"

# Enough images that scoring them counts; the half-maps of so few do not stop the refinement before its one pass.
declare -A pixel=([32]=6 [64]=3 [128]=1.5) images=([32]=800 [64]=800 [128]=600)
simulate() {
  [ -e "set$1/particles.star" ] || "$FRAZIL" --log warn simulate --box "$1" --pixel-size "${pixel[$1]:-$((192 / $1))}" \
    --n "${images[$1]:-400}" --snr 0.1 --seed 3 --output "set$1" >simulate.txt
}

# place|seconds, all passes together, in the plan's names
predicted() { awk '/^(climb|refinement), shell/ {print $1 " " $2 " " $3 "|" $4 * $5}' plan.txt; }
measured() {
  awk '{
    match($0, /"place": "[^"]*"/)
    place = substr($0, RSTART + 10, RLENGTH - 11)
    match($0, /"seconds": [0-9.e+-]*/)
    seconds = substr($0, RSTART + 11, RLENGTH - 11)
    if (!match(place, /shell [0-9]+/)) next
    place = (place ~ /^refinement/ ? "refinement, " : "climb, ") substr(place, RSTART, RLENGTH)
    sum[place] += seconds
  } END {for (place in sum) print place "|" sum[place]}' run/metrics.jsonl
}
# "predicted measured ratio farthest place" over the places that both have
compare() {
  awk -F'|' 'NR == FNR {p[$1] = $2; next} {m[$1] = $2}
    END {
      worst = 1
      for (at in m) if (p[at] > 0) {
        P += p[at]; M += m[at]; r = m[at] / p[at]; far = r > 1 ? r : 1 / r
        if (far >= worst) {worst = far; ratio = r; where = at}
      }
      printf "%.2f %.2f %.2f %.2f %s\n", P, M, (P > 0 ? M / P : 0), ratio, where
    }' predicted.txt measured.txt
}

passed=0 failed=0 table=
tell() {
  printf '%4s %2s %5s %7s | %9s %9s %6s | %9s %9s %6s | %-7s | %s\n' "$@"
  printf '| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n' "$@" >>plan.md
}
: >plan.md
tell box K ranks threads "promised" "peak GB" ratio "predicted" "taken s" ratio verdict worst
echo '|---|---|---|---|---|---|---|---|---|---|---|---|' >>plan.md
# cell BOX K RANKS THREADS
cell() {
  local options=(--particles "set$1/particles.star" --classes "$2" --threads "$4" --starts 1 --kmax-schedule "3,6,9"
    --max-passes 1 --max-resolution 17 --polish-poses=false)
  "$FRAZIL" --log error plan "${options[@]}" --ranks "$3" --cores-per-node "$cores" --calibrate "$calibrate" --sample 0 >plan.txt
  rm -rf run
  launch "$3" "$FRAZIL" reconstruct --output run "${options[@]}" >run.txt 2>&1 || { cat run.txt; die "the run failed"; }
  predicted >predicted.txt
  measured >measured.txt
  local promised peak P M ratio far where memory verdict=passed
  promised=$(sed -n 's/^memory per rank: \([0-9.]*\) GB/\1/p' plan.txt)
  peak=$(sed -n 's/.*peak memory \([0-9.]*\) GB per rank.*/\1/p' run.txt)
  memory=$(awk -v a="$promised" -v p="$peak" 'BEGIN {printf "%.3f", p / a}')
  read -r P M ratio far where < <(compare)
  awk -v m="$memory" -v r="$ratio" 'BEGIN {exit !(m >= 0.8 && m <= 1 && r <= 1.5 && r >= 1 / 1.5)}' || verdict=failed
  if [ $verdict = passed ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  tell "$1" "$2" "$3" "$4" "$promised" "$peak" "$memory" "$P" "$M" "$ratio" $verdict "$far: $where"
  table+="${table:+,$'\n'  }$(json_row box "$1" classes "$2" ranks "$3" threads "$4" promised_GB "$promised" peak_GB "$peak" \
    memory_ratio "$memory" predicted_s "$P" taken_s "$M" time_ratio "$ratio" worst_ratio "$far" worst "$where" verdict $verdict)"
}
for box in ${boxes//,/ }; do
  simulate "$box"
  for k in ${classes//,/ }; do
    for n in ${ranks//,/ }; do
      for t in ${threads//,/ }; do cell "$box" "$k" "$n" "$t"; done
    done
  done
done
echo "$passed passed, $failed failed"
[ -z "$json" ] || json_report "$json" plan "$table"
[ "$failed" = 0 ]
