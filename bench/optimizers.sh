#!/bin/bash
# The registered optimizers at equal cost: the same particles, the same random start, the same ladder of band limits.
#   bash bench/optimizers.sh [options] [-- options of frazil reconstruct]
#
#   --particles FILE --truth MAP   data and the map behind them; without, a set of the built-in phantom is made
#   --n N --box N --pixel-size A --snr RATIO   of that set (1000, 48, 4, 0.1)
#   --algorithms "A B ..."         which (all that the program has)
#   --ladder LIST   band limits and passes (3x2,4x2,6x3,8x4): more than one pass, because snapshots cost one
#   --seed N        of the start (1)
#   --ranks N       MPI ranks (2)
#   --out DIR       runs, one folder each (optimizers); finished ones are not run again
#   --json FILE     the table for machines, with the whole curve of each run
#   --help          this text
# The gain is the mean log-likelihood per image above that of noise, over all images, in one E-step that is the same for
# all but for the shifts, which it looks for around each image's last best one (the first refinement pass); the resolution is that of the map after this one pass.  Seconds are those of the
# climb alone.
set -eu -o pipefail
source "$(dirname "$0")/common.sh"

particles='' truth='' n=1000 box=48 pixel=4 snr=0.1 algorithms='' ladder=3x2,4x2,6x3,8x4 seed=1 ranks=2 out=optimizers json=''
extra=()
while [ $# -gt 0 ]; do
  case $1 in
    --particles | --truth | --n | --box | --pixel-size | --snr | --algorithms | --ladder | --seed | --ranks | --out | --json)
      need_value "$@"
      name=${1#--}
      [ "$name" = pixel-size ] && name=pixel
      printf -v "$name" '%s' "$2"
      shift 2 ;;
    --help) usage; exit 0 ;;
    --) shift; extra=("$@"); break ;;
    *) die "unknown option $1 (see --help)" ;;
  esac
done
need_program
[ -n "$particles" ] || [ -z "$truth" ] || die "--truth wants --particles"
[ -z "$particles" ] || [ -n "$truth" ] || die "--particles wants --truth"
if [ -z "$algorithms" ]; then
  algorithms=$("$FRAZIL" reconstruct --help | tr -s ' \n' ' ' | sed -n 's/.*memory=20; one of \([^;]*\); doc.*/\1/p' | tr -d ,)
fi
[ -n "$algorithms" ] || die "cannot read the list of algorithms from the help page; give --algorithms"
mkdir -p "$out"
if [ -z "$particles" ]; then
  particles=$out/data/particles.star truth=$out/data/truth.mrc
  [ -e "$truth" ] || "$FRAZIL" --log warn simulate --box "$box" --pixel-size "$pixel" --n "$n" --snr "$snr" --seed 1 --output "$out/data" >"$out/simulate.txt"
fi
for file in "$particles" "$truth"; do [ -r "$file" ] || die "no file $file"; done

echo "$particles, ladder $ladder, seed $seed, $ranks ranks"
printf '%-14s %10s %8s %9s %9s %7s\n' algorithm gain passes seconds FSC0.5_A shell
rows='' failed=0
for algorithm in $algorithms; do
  dir=$out/$algorithm
  mkdir -p "$dir"
  gain=- passes=- seconds=- resolution=- shell=- curve=
  # A finished run says so and returns at once; one of other settings is refused, and the message shown.
  code=0
  launch "$ranks" "$FRAZIL" reconstruct --particles "$particles" --output "$dir/run" --algorithm "$algorithm" --starts 1 \
    --seed "$seed" --kmax-schedule "$ladder" --max-passes 1 "${extra[@]}" >"$dir/log.txt" 2>&1 </dev/null || code=$?
  if [ $code = 0 ]; then
    "$FRAZIL" align "$dir/run/map.mrc" "$truth" --output "$dir/aligned.mrc" >"$dir/align.txt"
    metrics=$dir/run/metrics.jsonl
    gain=$(grep '"place": "refinement' "$metrics" | head -1 | sed -n 's/.*"gain": \([-0-9.e+]*\).*/\1/p')
    gain=$(printf '%.3f' "$gain")
    passes=$(grep '"place": "start' "$metrics" | sed -n 's/.*"passes": \([0-9.e+]*\).*/\1/p' | tail -1)
    passes=$(printf '%.2f' "$passes")
    seconds=$(grep '"place": "start' "$metrics" | sed -n 's/.*"seconds": \([0-9.e-]*\).*/\1/p' | awk '{sum += $1} END {printf "%.1f", sum}')
    resolution=$(resolution_of "$dir/align.txt") shell=$(shell_of "$dir/align.txt")
    curve=$(paste -sd, "$metrics")
  else
    failed=$((failed + 1))
    echo "$algorithm: $(tail -n 1 "$dir/log.txt")" >&2
  fi
  printf '%-14s %10s %8s %9s %9s %7s\n' "$algorithm" "$gain" "$passes" "$seconds" "$resolution" "$shell"
  row=$(json_row algorithm "$algorithm" gain "$gain" passes "$passes" seconds "$seconds" resolution_A "$resolution" shell "$shell" exit_code $code)
  rows+="${rows:+,$'\n'  }${row%\}}, \"curve\": [$curve]}"
done
[ -z "$json" ] || json_report "$json" optimizers "$rows"
[ $failed = 0 ]
