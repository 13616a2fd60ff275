#!/bin/bash
# Ab initio reconstruction from several random seeds against a known truth: time, resolution, gain, memory.
#   bash bench/abinitio.sh [--particles FILE --truth MAP | --simulate] [options] [-- options of frazil reconstruct]
#
#   --particles FILE --truth MAP   the data and the map behind it
#   --simulate      make a set from the built-in phantom instead (the default)
#   --n N --box N --pixel-size A --snr RATIO   of that set (2000, 48, 4, 0.1)
#   --seeds N       seeds 1 .. N (5)
#   --ranks N       MPI ranks (2); threads per rank are the cores' share unless OMP_NUM_THREADS is set
#   --target A      a seed passes when FSC = 0.5 against the truth is at this resolution or better
#   --limit SECONDS and when it took no longer than this, from launch to the final files
#   --need N        exit code 0 when so many seeds pass (all)
#   --judge SCRIPT  also let another program judge: python SCRIPT map.mrc truth.mrc, as data/tools/align.py prints
#   --out DIR       results by seed (abinitio); seeds that have one are not run again
#   --json FILE     the table for machines
#   --help          this text
set -eu -o pipefail
source "$(dirname "$0")/common.sh"

particles='' truth='' simulate='' n=2000 box=48 pixel=4 snr=0.1 seeds=5 ranks=2 target='' limit='' need='' judge='' out=abinitio json=''
extra=()
while [ $# -gt 0 ]; do
  case $1 in
    --particles | --truth | --n | --box | --pixel-size | --snr | --seeds | --ranks | --target | --limit | --need | --judge | --out | --json)
      need_value "$@"
      name=${1#--}
      [ "$name" = pixel-size ] && name=pixel
      printf -v "$name" '%s' "$2"
      shift 2 ;;
    --simulate) simulate=yes; shift ;;
    --help) usage; exit 0 ;;
    --) shift; extra=("$@"); break ;;
    *) die "unknown option $1 (see --help)" ;;
  esac
done
need_program
[ -z "$particles$truth" ] || [ -z "$simulate" ] || die "--simulate or --particles, not both"
[ -n "$particles" ] || [ -z "$truth" ] || die "--truth wants --particles"
[ -z "$particles" ] || [ -n "$truth" ] || die "--particles wants --truth"
[ -z "$judge" ] || [ -r "$judge" ] || die "no script $judge"
mkdir -p "$out"

# Results of other settings must not be taken for results of these.
settings="particles=$particles truth=$truth ranks=$ranks extra=${extra[*]:-}"
[ -n "$particles" ] || settings="n=$n box=$box pixel=$pixel snr=$snr $settings"
if [ -e "$out/settings" ] && [ "$(cat "$out/settings")" != "$settings" ]; then
  die "$out holds results of other settings ($(cat "$out/settings")): give another --out"
fi
echo "$settings" >"$out/settings"

if [ -z "$particles" ]; then
  particles=$out/data/particles.star truth=$out/data/truth.mrc
  [ -e "$truth" ] || "$FRAZIL" --log warn simulate --box "$box" --pixel-size "$pixel" --n "$n" --snr "$snr" --seed 1 --output "$out/data" >"$out/simulate.txt"
fi
for file in "$particles" "$truth"; do [ -r "$file" ] || die "no file $file"; done

# judge_seed FOLDER: "resolution shell" that the other program finds, for the hand it prefers
judge_seed() {
  /usr/bin/python3 "$judge" "$1/run/map.mrc" "$truth" >"$1/judge.txt" 2>&1 || { cat "$1/judge.txt" >&2; die "$judge failed"; }
  awk '/^best hand/ {best = $NF}
       match($0, /FSC=0.5: *(<=)?[0-9.]+ A \(shell [0-9.]+\)/) {
         line = substr($0, RSTART, RLENGTH); gsub(/FSC=0.5:|<=|A|\(shell|\)/, " ", line); split(line, v, " ")
         found[$1] = v[1] " " v[2]; last = $1 }
       END {if (!(best in found)) best = last; print found[best]}' "$1/judge.txt"
}

# run_seed SEED: result.tsv of one seed, written when all is done
run_seed() {
  local dir=$out/seed$1 began seconds
  mkdir -p "$dir"
  began=$(now)
  if ! launch "$ranks" "$FRAZIL" reconstruct --particles "$particles" --output "$dir/run" --seed "$1" --fresh "${extra[@]}" \
    >"$dir/log.txt" 2>&1 </dev/null; then
    tail -n 3 "$dir/log.txt" >&2
    die "seed $1: reconstruct failed (see $dir/log.txt)"
  fi
  seconds=$(since "$began")
  "$FRAZIL" align "$dir/run/map.mrc" "$truth" --output "$dir/aligned.mrc" >"$dir/align.txt"
  # run.log grows over restarts: its last lines are this run's
  local gain memory planned
  gain=$(last_metric "$dir/run/metrics.jsonl" gain)
  memory=$(sed -n 's/.*peak memory \([0-9.]*\) GB per rank.*/\1/p' "$dir/run/run.log" | tail -1)
  planned=$(sed -n 's/.*memory per rank up to \([0-9.]*\) GB.*/\1/p' "$dir/run/run.log" | tail -1)
  printf '%s\t%s\t%s\t%s\t%.2f\t%s\t%s\n' "$seconds" "$(resolution_of "$dir/align.txt")" "$(shell_of "$dir/align.txt")" \
    "$(hand_of "$dir/align.txt")" "$gain" "$memory" "$planned" >"$dir/result.part"
  mv "$dir/result.part" "$dir/result.tsv"
}

echo "$particles against $truth, $ranks ranks${extra[*]:+, ${extra[*]}}"
printf '%4s %9s %9s %7s %9s %10s %9s %9s' seed seconds FSC0.5_A shell hand gain memory_GB planned_GB
[ -z "$judge" ] || printf ' %9s %8s' judge_A d_shell
printf '  %s\n' verdict
passed=0 rows=
for ((seed = 1; seed <= seeds; seed++)); do
  dir=$out/seed$seed
  [ -e "$dir/result.tsv" ] || run_seed "$seed"
  IFS=$'\t' read -r seconds resolution shell hand gain memory planned <"$dir/result.tsv"
  judged=- difference=-
  if [ -n "$judge" ]; then
    [ -e "$dir/judged.txt" ] || { judge_seed "$dir" >"$dir/judged.part" && mv "$dir/judged.part" "$dir/judged.txt"; }
    read -r judged judge_shell <"$dir/judged.txt"
    difference=$(awk -v a="$judge_shell" -v b="$shell" 'BEGIN {printf "%.2f", a - b}')
  fi
  # The other program's figure decides where there is one.
  deciding=$resolution verdict=passed
  [ -z "$judge" ] || deciding=$judged
  [ -z "$target" ] || at_most "$deciding" "$target" || verdict=failed
  [ -z "$limit" ] || at_most "$seconds" "$limit" || verdict=failed
  [ $verdict = failed ] || passed=$((passed + 1))
  printf '%4s %9s %9s %7s %9s %10s %9s %9s' "$seed" "$seconds" "$resolution" "$shell" "$hand" "$gain" "$memory" "$planned"
  [ -z "$judge" ] || printf ' %9s %8s' "$judged" "$difference"
  printf '  %s\n' "$verdict"
  rows+="${rows:+,$'\n'  }$(json_row seed "$seed" seconds "$seconds" resolution_A "$resolution" shell "$shell" hand "$hand" \
    gain "$gain" memory_GB "$memory" planned_GB "$planned" judge_A "$judged" judge_shell_difference "$difference" verdict $verdict)"
done
echo "$passed passed, $((seeds - passed)) failed${target:+ (target $target A)}${limit:+ (limit $limit s)}"
[ -z "$json" ] || json_report "$json" abinitio "$rows"
[ "$passed" -ge "${need:-$seeds}" ]
