#!/bin/bash
# frazil simulate: the same bytes on any number of ranks, what is in the files, and its refusals.
fail() { echo "$*"; exit 1; }
ranks() { "$MPIRUN" --oversubscribe -n "$1" "$FRAZIL" --log warn "${@:2}"; }

# expect_error WORDS ARGUMENTS...
expect_error() {
  local code=0
  "$FRAZIL" simulate "${@:2}" --output refused >out.txt 2>err.txt || code=$?
  [ "$code" = 1 ] || { cat out.txt err.txt; fail "simulate ${*:2} ended with $code, not 1"; }
  [ "$(wc -l <err.txt)" = 1 ] && grep -qF -- "$1" err.txt || { cat err.txt; fail "not one message with '$1'"; }
}

options=(simulate --phantom asymmetric --phantom rod --class-weight 3 --class-weight 1 --box 24 --pixel-size 6 --n 71
  --snr 0.5 --seed 5 --view-peak 0,90,4 --view-uniform 0.3)
"$FRAZIL" --log warn "${options[@]}" --output one >one.txt
for n in 2 3; do
  ranks $n "${options[@]}" --output "on$n" >"on$n.txt"
  for file in particles.mrcs particles.star truth.star truth_class1.mrc truth_class2.mrc; do
    cmp "one/$file" "on$n/$file" || fail "$file differs on $n ranks"
  done
done
[ "$(ls one | tr '\n' ' ')" = "parameters.yaml particles.mrcs particles.star truth.star truth_class1.mrc truth_class2.mrc " ] ||
  fail "files: $(ls one)"
[ "$(stat -c %s one/particles.mrcs)" = $((1024 + 71 * 24 * 24 * 4)) ] || fail "size of the stack"
[ "$(grep -c '@particles.mrcs' one/truth.star)" = 71 ] && [ "$(grep -c '@particles.mrcs' one/particles.star)" = 71 ] ||
  fail "rows of the STAR files"
grep -q rlnClassNumber one/truth.star || fail "no class numbers"
grep -q rlnClassNumber one/particles.star && fail "class numbers are given away"
awk '/@particles.mrcs/ && ($3 != 0 || $4 != 0 || $5 != 0 || $6 != 0 || $7 != 0) {exit 1}' one/particles.star ||
  fail "poses are given away"
awk '/@particles.mrcs/ {n[$NF]++} END {exit !(n[1] > 2 * n[2] && n[2] > 5)}' one/truth.star || fail "shares of the classes"
"$FRAZIL" info one/particles.star | grep -q '71' || fail "info"

# Other images from another seed; the same ones from the written parameters.
"$FRAZIL" --log warn "${options[@]}" --seed 6 --output other >/dev/null
cmp -s one/particles.mrcs other/particles.mrcs && fail "the seed changes nothing"
"$FRAZIL" --log warn simulate --config one/parameters.yaml --output again >/dev/null
cmp one/particles.mrcs again/particles.mrcs || fail "parameters.yaml does not repeat the run"

# Given poses: same images from truth.star as from the draw (one class: the class is drawn, too).
options=(simulate --phantom open --box 24 --n 9 --no-noise --seed 5)
"$FRAZIL" --log warn "${options[@]}" --output drawn >/dev/null
"$FRAZIL" --log warn "${options[@]}" --poses drawn/truth.star --output given >/dev/null
cmp drawn/particles.mrcs given/particles.mrcs || fail "--poses"

# A map of another box is padded about its centre and keeps its pixel size.
"$FRAZIL" --log warn simulate --map drawn/truth.mrc --box 30 --n 3 --no-noise --output padded >/dev/null
"$FRAZIL" info padded/truth.mrc | grep -q '30 x 30 x 30' || fail "padding"
"$FRAZIL" --log warn simulate --map padded/truth.mrc --box 24 --n 3 --no-noise --output cropped >/dev/null
cmp drawn/truth.mrc cropped/truth.mrc || fail "padding and cropping do not undo each other"

cat >tri.pdb <<'END'
ATOM      1  CA  GLY A   1       0.000   0.000   0.000  1.00 20.00           C
ATOM      2  CA  GLY A   2      20.000   0.000   0.000  1.00 20.00           C
ATOM      3  ZN   ZN A   3       0.000  30.000   0.000  1.00 20.00          ZN
END
"$FRAZIL" --log warn simulate --atoms tri.pdb --n 2 --output atoms >/dev/null

# Coloured noise and junk: the same bytes on any number of ranks, rows marked, particles that are none of it untouched.
options=(simulate --phantom protein --box 24 --n 40 --seed 5)
"$FRAZIL" --log warn "${options[@]}" --output white >/dev/null
"$FRAZIL" --log warn "${options[@]}" --noise-falloff 40 --junk 0.3 --output hard1 >/dev/null
ranks 3 "${options[@]}" --noise-falloff 40 --junk 0.3 --output hard3 >/dev/null
for file in particles.mrcs particles.star truth.star truth.mrc; do cmp "hard1/$file" "hard3/$file" || fail "$file of junk"; done
cmp white/truth.mrc hard1/truth.mrc || fail "colour changes the noise's variance"
cmp white/particles.star hard1/particles.star || fail "junk is given away"
grep -q frazilJunk white/truth.star && fail "a column frazilJunk without junk"
grep -q frazilJunk hard1/truth.star || fail "no column frazilJunk"
awk '/@particles.mrcs/ {n++; junk += $NF} END {exit !(n == 40 && junk > 3 && junk < 24)}' hard1/truth.star || fail "share of junk"
"$FRAZIL" --log warn "${options[@]}" --junk 0.3 --output junk >/dev/null
image=$((24 * 24 * 4)) row=0
for flag in $(awk '/@particles.mrcs/ {print $NF}' junk/truth.star); do
  same=0
  cmp -s -n $image -i $((1024 + row * image)) white/particles.mrcs junk/particles.mrcs || same=1
  [ "$same" = "$flag" ] || fail "image $row: junk $flag, changed $same"
  row=$((row + 1))
done

expect_error "--no-noise leaves nothing for --junk" --no-noise --junk 0.1
expect_error "there is no phantom 'cube'" --phantom cube
expect_error "--class-weight is given 1 times for 2 maps" --phantom rod --phantom open --class-weight 1
expect_error "--class-weight: '0' is not a number above 0" --class-weight 0
expect_error "nowhere.mrc" --map nowhere.mrc
expect_error "nowhere.cif" --atoms nowhere.cif
expect_error "resample the map first" --map drawn/truth.mrc --pixel-size 3
expect_error "does not fit a box" --atoms tri.pdb --box 8
expect_error "'0,90' is not ROT,TILT,KAPPA" --view-peak 0,90
expect_error "--defocus-max 5 is below" --defocus-max 5
expect_error "exclude each other" --poses drawn/truth.star --view-peak 0,0,1
expect_error "lists 9 poses, but --n asks for 10" --poses drawn/truth.star --n 10
expect_error "leaves no background" --mask-diameter 1000
expect_error "did you mean --snr" --snrr 1
code=0
"$FRAZIL" simulate --n 2 --output one/truth.star/x >out.txt 2>err.txt || code=$?
[ "$code" = 2 ] && grep -q 'cannot make this folder' err.txt || { cat err.txt; fail "a folder inside a file: $code"; }
ls refused/*.partial refused/*.mrcs 2>/dev/null && fail "something half-written is left"
exit 0
