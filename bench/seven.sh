#!/bin/bash
# The seven stochastic optimizers of the slides and ours, with EM and projection matching, from one random start: after
# one pass over the images and after five, against the truth.
#   bash bench/seven.sh [options] [-- options of bench_voxels]
#
#   --particles FILE --truth MAP   data and the map behind them; without, a set is made by frazil simulate
#   --atoms FILE    of this model, PDB or mmCIF, such as a 70S ribosome (the built-in phantom)
#   --n N --box N --pixel-size A --snr RATIO   of that set (3000, 64, 5, 0.1)
#   --methods "A B ..."   optimizers (all that the program has but those of whole passes, em and gd)
#   --passes LIST   budgets, rising (1,5)
#   --ladder LIST   band limits in shells, with their weights in a budget (3,4,5,6,8x2)
#   --seed N        of the start (1)
#   --ranks N       MPI ranks (1; alignments want threads)
#   --out DIR       table.md, table.csv, curves.png, maps.png, aligned maps (seven)
#   --help          this text
# Everything starts from the same volume and sees the same band limits after the same share of its passes; EM and
# projection matching (one best pose per image) also straight at the last band limit, as programs without a ladder do.
set -eu -o pipefail
source "$(dirname "$0")/common.sh"

particles='' truth='' atoms='' n=3000 box=64 pixel=5 snr=0.1 passes=1,5 ladder=3,4,5,6,8x2 seed=1 ranks=1 out=seven
methods=
extra=()
while [ $# -gt 0 ]; do
  case $1 in
    --particles | --truth | --atoms | --n | --box | --pixel-size | --snr | --methods | --passes | --ladder | --seed | --ranks | --out)
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
bench=$(dirname "$FRAZIL")/bench_voxels
[ -x "$bench" ] || die "no program at $bench: build it"
[ -n "$particles" ] || [ -z "$truth" ] || die "--truth wants --particles"
[ -z "$particles" ] || [ -n "$truth" ] || die "--particles wants --truth"
mkdir -p "$out"
if [ -z "$particles" ]; then
  particles=$out/data/particles.star truth=$out/data/truth.mrc
  what=()
  [ -z "$atoms" ] || what=(--atoms "$atoms")
  [ -e "$truth" ] || "$FRAZIL" --log warn simulate "${what[@]}" --box "$box" --pixel-size "$pixel" --n "$n" --snr "$snr" --seed 1 --output "$out/data" >"$out/simulate.txt"
fi
for file in "$particles" "$truth"; do [ -r "$file" ] || die "no file $file"; done

if [ -z "$methods" ]; then
  methods=$("$FRAZIL" reconstruct --help | tr -s ' \n' ' ' | sed -n 's/.*memory=20; one of \([^;]*\); doc.*/\1/p' | tr -d ,)
  [ -n "$methods" ] || die "cannot read the list of algorithms from the help page; give --methods"
  methods=$(for method in $methods; do case $method in em | gd) ;; *) echo "$method" ;; esac; done)
fi
list=()
for method in $methods; do list+=(--method "$method"); done
for method in "EM=em" "EM, no ladder=em/straight" "projection matching=em/modal" "projection matching, no ladder=em/modal/straight"; do
  list+=(--method "$method")
done
launch "$ranks" "$bench" --particles "$particles" --truth "$truth" "${list[@]}" --passes "$passes" --ladder "$ladder" \
  --seed "$seed" --output "$out" "${extra[@]}"
