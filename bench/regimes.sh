#!/bin/bash
# Reconstruction over regimes of data: does the map reach what the data hold, and does the run claim no more than it has?
#   bash bench/regimes.sh [options] [-- options of frazil reconstruct]
#
#   --sets LIST     names, comma-separated (all); --list tells them with what they are made from
#   --quick         a selection, one seed of each: about five minutes on two cores
#   --seeds N       seeds of data and search (3); large sets, marked 1 in --list, take the first one only
#   --first-seed K  the first of them (1)
#   --ranks N       MPI ranks (2); threads per rank are the cores' share unless OMP_NUM_THREADS is set
#   --need N        exit code 0 when so many rows pass (all)
#   --limits        no reconstruction: only what true poses reach
#   --out DIR       results by set and seed (regimes); those that are there are not made again
#   --json FILE     the table for machines
#   --help          this text
# claim_A: resolution_A of status.json.  truth_A: FSC = 0.5 of the map, aligned, against the true one.  limit_A: the same of
# a backprojection from the true poses; ratio: truth / limit.  mean, median: errors of the poses in degrees, in the hand
# that fits.  A row is right when truth is within 8 % of limit, or at Nyquist (a shell less); honest when the claim is
# not better than truth by more than 10 %, or the verdict is `uncertain`.  It passes when it is honest and right; where
# the set is hopeless, honest and uncertain will do.
set -eu -o pipefail
source "$(dirname "$0")/common.sh"

# name, seeds at most, hope, box, pixel size, images, SNR (- none), further options of frazil simulate
sets='
pure-noise     3 hopeless 32 6   200   1e-6
snr0.005       3 hopeless 32 6   1500  0.005
snr0.02        3 yes      32 6   1500  0.02
snr0.05        3 yes      32 6   1500  0.05
snr0.1         3 yes      32 6   800   0.1
snr0.3         3 yes      32 6   400   0.3
snr1           3 yes      32 6   300   1
snr20          3 yes      32 6   300   20
no-noise       3 yes      32 6   300   -
n60            3 hopeless 32 6   60    0.05
n60-clear      3 yes      32 6   60    1
n300           3 yes      32 6   300   0.05
n3000          3 yes      32 6   3000  0.05
n20000         1 yes      32 6   20000 0.05
box48          3 yes      48 4   800   0.1
box64          1 yes      64 3   800   0.1
box128         1 yes      128 1.5 600  0.05  --resolution 12
box160         1 yes      160 1.2 600  0.05  --resolution 12
pixel1.5       3 yes      48 1.5 800   0.1   --defocus-min 4000 --defocus-max 8000
pixel2.5       3 yes      40 2.5 800   0.1   --defocus-min 6000 --defocus-max 14000
pixel5         3 yes      32 5   800   0.1
no-ctf         3 yes      32 6   800   0.1   --no-ctf
low-defocus    3 yes      32 4   800   0.1   --defocus-min 2000 --defocus-max 5000 --astigmatism 100
shift0         3 yes      32 6   800   0.1   --shift-sd 0
shift15        3 yes      32 6   800   0.1   --shift-sd 15
shift30        1 yes      48 8   600   0.1   --shift-sd 30
side-views     3 yes      32 6   800   0.1   --view-peak 0,90,3 --view-peak 90,90,3 --view-peak 180,90,3 --view-peak 270,90,3
one-peak       3 hopeless 32 6   800   0.1   --view-peak 30,60,6
dipole         3 yes      48 4   800   0.3   --phantom dipole
axial          3 yes      32 6   800   0.3   --phantom axial
octahedral     3 yes      32 6   800   0.1   --phantom octahedral
protein        3 yes      40 4   800   0.1   --phantom protein
rod            3 yes      32 6   800   0.1   --phantom rod
coloured       3 yes      32 6   800   0.1   --noise-falloff 60
junk           3 yes      32 6   800   0.1   --junk 0.2
'
quick_sets=pure-noise,snr0.1,snr1,no-noise,axial,coloured,junk

chosen='' seeds='' first=1 ranks=2 need='' limits='' quick='' out=regimes json=''
extra=()
while [ $# -gt 0 ]; do
  case $1 in
    --sets) need_value "$@"; chosen=$2; shift 2 ;;
    --first-seed) need_value "$@"; first=$2; shift 2 ;;
    --seeds | --ranks | --need | --out | --json)
      need_value "$@"
      printf -v "${1#--}" '%s' "$2"
      shift 2 ;;
    --quick | --limits) printf -v "${1#--}" yes; shift ;;
    --list) echo "name seeds hope box pixel_A images snr options" | cat - <(grep . <<<"$sets"); exit 0 ;;
    --help) usage; exit 0 ;;
    --) shift; extra=("$@"); break ;;
    *) die "unknown option $1 (see --help)" ;;
  esac
done
need_program
[ -z "$quick" ] || { chosen=${chosen:-$quick_sets} seeds=${seeds:-1}; }
[ -n "$chosen" ] || chosen=$(awk 'NF {printf "%s%s", c, $1; c = ","}' <<<"$sets")
for name in ${chosen//,/ }; do
  grep -q "^$name " <<<"$sets" || die "no set $name; there are: $(awk 'NF {print $1}' <<<"$sets" | tr '\n' ' ')"
done
mkdir -p "$out"

# simulate DIR SEED BOX PIXEL N SNR OPTIONS...: the data, and truth.star without what shows no particle
simulate() {
  local quality=(--snr "$6")
  [ "$6" != - ] || quality=(--no-noise)
  "$FRAZIL" --log warn simulate --box "$3" --pixel-size "$4" --n "$5" "${quality[@]}" --seed "$2" "${@:7}" \
    --output "$1" >"$1/simulate.txt"
  if grep -q frazilJunk "$1/truth.star"; then
    awk '!(/@particles.mrcs/ && $NF == 1)' "$1/truth.star" >"$1/shown.star"
  else
    cp "$1/truth.star" "$1/shown.star"
  fi
}
# limit_of DIR BOX PIXEL: "A shell" that true poses reach.  Large boxes are made with little beyond a quarter of them.
limit_of() {
  local fine=0
  [ "$2" -le 64 ] || fine=$(awk -v p="$3" 'BEGIN {print 4 * p}')
  "$FRAZIL" --log error backproject "$1/shown.star" --prior spectrum --max-resolution "$fine" --output "$1/limit.mrc" >"$1/backproject.txt"
  "$FRAZIL" fsc "$1/limit.mrc" "$1/truth.mrc" >"$1/limit.txt"
  echo "$(resolution_of "$1/limit.txt") $(shell_of "$1/limit.txt")"
}
# pose_errors DIR NAME: "mean median"; nothing to say of poses that an exact symmetry makes equal
pose_errors() {
  [ "$2" != octahedral ] || { echo "- -"; return; }
  "$FRAZIL" poses "$1/run/particles.star" "$1/shown.star" >"$1/poses.txt"
  awk '/^global rotation removed/ {same = $5 " " $7} /^mirrored, rotation removed/ {mirrored = $5 " " $7}
    /^hand:/ {print ($2 == "same" ? same : mirrored)}' "$1/poses.txt"
}
status_of() { sed -n 's/.*"'"$2"'": "\{0,1\}\([^",}]*\).*/\1/p' "$1/run/status.json"; }

# reconstruct DIR NAME: "claim truth shell mean median seconds verdict", dashes where the run failed
reconstruct() {
  local began seconds claim mean median
  began=$(now)
  if ! launch "$ranks" "$FRAZIL" reconstruct --particles "$1/particles.star" --output "$1/run" --seed "$seed" --fresh \
    "${extra[@]}" >"$1/log.txt" 2>&1 </dev/null; then
    grep '^frazil reconstruct:' "$1/log.txt" >&2 || tail -n 3 "$1/log.txt" >&2
    echo "- - - - - $(since "$began") failed"
    return
  fi
  seconds=$(since "$began")
  "$FRAZIL" fsc "$1/run/map.mrc" "$1/truth.mrc" --align >"$1/fsc.txt"
  claim=$(status_of "$1" resolution_A)
  read -r mean median < <(pose_errors "$1" "$2")
  printf '%.2f %s %s %s %s %s %s\n' "${claim:-0}" "$(resolution_of "$1/fsc.txt")" "$(shell_of "$1/fsc.txt")" "$mean" "$median" "$seconds" \
    "$(status_of "$1" verdict)"
}

# judge HOPE BOX CLAIM TRUTH SHELL LIMIT VERDICT: "ratio right honest result"
judge() {
  awk -v hope="$1" -v box="$2" -v claim="$3" -v truth="$4" -v shell="$5" -v limit="$6" -v verdict="$7" 'BEGIN {
    if (truth == "-") {print "- no no FAIL"; exit}
    right = truth <= 1.08 * limit || shell >= int(box / 2) - 1
    unsure = verdict == "uncertain"
    honest = unsure || (claim > 0 && claim * 1.1 >= truth)
    pass = honest && (right || (hope == "hopeless" && unsure))
    printf "%.2f %s %s %s\n", truth / limit, right ? "yes" : "no", honest ? "yes" : "no", pass ? "PASS" : "FAIL"
  }'
}

passed=0 failed=0 rows=
# row NAME SEED HOPE BOX PIXEL N SNR OPTIONS...
row() {
  local name=$1 seed=$2 dir=$out/$1/seed$2 settings="${*:4} ranks=$ranks extra=${extra[*]:-}"
  local claim truth shell limit mean median seconds verdict ratio right honest result
  mkdir -p "$dir"
  if [ -e "$dir/settings" ] && [ "$(cat "$dir/settings")" != "$settings" ]; then
    die "$dir holds results of other settings ($(cat "$dir/settings")): give another --out"
  fi
  echo "$settings" >"$dir/settings"
  [ -e "$dir/limit.tsv" ] || { simulate "$dir" "$seed" "${@:4}" && limit_of "$dir" "$4" "$5" >"$dir/limit.part" && mv "$dir/limit.part" "$dir/limit.tsv"; }
  read -r limit shell <"$dir/limit.tsv"
  if [ -n "$limits" ]; then
    printf '%-12s %4s %9s  shell %s of %s\n' "$name" "$seed" "$limit" "$shell" $(($4 / 2))
    return
  fi
  [ -e "$dir/result.tsv" ] || { reconstruct "$dir" "$name" >"$dir/result.part" && mv "$dir/result.part" "$dir/result.tsv"; }
  read -r claim truth shell mean median seconds verdict <"$dir/result.tsv"
  read -r ratio right honest result < <(judge "$3" "$4" "$claim" "$truth" "$shell" "$limit" "$verdict")
  if [ "$result" = PASS ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  printf '%-12s %4s %8s %8s %8s %6s %7s %7s %8s  %-10s %s\n' "$name" "$seed" "$claim" "$truth" "$limit" "$ratio" "$mean" "$median" \
    "$seconds" "$verdict" "$result"
  rows+="${rows:+,$'\n'  }$(json_row set "$name" seed "$seed" hope "$3" claim_A "$claim" truth_A "$truth" limit_A "$limit" ratio "$ratio" \
    pose_mean_deg "$mean" pose_median_deg "$median" seconds "$seconds" verdict "$verdict" right "$right" honest "$honest" result "$result")"
}

if [ -z "$limits" ]; then
  printf '%-12s %4s %8s %8s %8s %6s %7s %7s %8s  %-10s %s\n' set seed claim_A truth_A limit_A ratio mean median seconds verdict result
else
  printf '%-12s %4s %9s\n' set seed limit_A
fi
for name in ${chosen//,/ }; do
  read -r _ most hope box pixel n snr options < <(grep "^$name " <<<"$sets")
  [ "${seeds:-3}" -ge "$most" ] || most=$seeds
  read -ra options <<<"$options"
  for ((s = first; s < first + most; s++)); do row "$name" "$s" "$hope" "$box" "$pixel" "$n" "$snr" "${options[@]}"; done
done
[ -z "$limits" ] || exit 0
echo "$passed passed, $failed failed"
[ -z "$json" ] || json_report "$json" regimes "$rows"
[ "$passed" -ge "${need:-$((passed + failed))}" ]
