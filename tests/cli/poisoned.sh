#!/bin/bash
# Poisoned particles are set aside, with their reasons, and change nothing: the map of a set with some of them is, bit
# for bit, the map of the set that never had them, on another number of ranks too.
fail() { echo "$*"; exit 1; }
run() { timeout 300 "$MPIRUN" --oversubscribe -n "$1" "$FRAZIL" --log warn reconstruct --starts 2 --kmax-schedule 3,4x2 \
  --max-passes 2 --max-resolution 36 --seed 4 "${@:2}"; }

"$FRAZIL" --log warn simulate --box 24 --pixel-size 6 --n 1030 --snr 0.3 --seed 3 --output sim >/dev/null
plane=$((24 * 24 * 4))
at() { echo $((1024 + $1 * plane)); } # where image $1 (from 0) begins
put() { dd of=sim/bad.mrcs bs=1 seek="$1" conv=notrunc status=none; }
cp sim/particles.mrcs sim/bad.mrcs
printf '\0\0\300\177' | put $(($(at 5) + 700))                                # NaN
printf '\0\0\200\177' | put $(($(at 77) + 4))                                 # infinity
head -c $plane /dev/zero | put "$(at 300)"                                    # constant
printf '%04d' $(seq $((plane / 4))) | put "$(at 500)"                        # bytes of something else
printf '\0\0\0\112' | put $(($(at 801) + 1400))                               # one pixel of 2097152
for i in $(seq 0 $((plane - 1)) | sed -n '4~4p'); do printf '\104' | put $(($(at 900) + i)); done # exponents: hundreds
truncate -s $(($(at 1028) + 100)) sim/bad.mrcs                                # the last two are cut off
bad='0*\(6\|78\|301\|501\|802\|901\|1029\|1030\)@'
sed s/particles.mrcs/bad.mrcs/ sim/particles.star >sim/bad.star
sed "/^ *$bad/d" sim/particles.star >sim/without.star
[ "$(grep -c @ sim/without.star)" = 1022 ] || fail "sim/without.star: $(grep -c @ sim/without.star)"

run 1 --particles sim/without.star --output without >out.txt 2>&1 || { cat out.txt; fail "without"; }
run 3 --particles sim/bad.star --output bad --pose-blocks 2 >out.txt 2>&1 || { cat out.txt; fail "with"; }
for file in map.mrc half1.mrc half2.mrc; do cmp without/$file bad/$file || fail "$file differs"; done
# The same poses, too, but for the name of the stack and the comment with it.
same() { grep -v '^#' "$1/particles.star" | sed 's/bad.mrcs/particles.mrcs/; s/  */ /g'; }
cmp <(same without) <(same bad) || fail "particles.star differs"
[ -z "$(ls without/excluded.star 2>/dev/null)" ] || fail "without/excluded.star"
reasons() { awk '/@/ {print $1 + 0 ":" $NF}' bad/excluded.star | tr '\n' ' '; }
[ "$(reasons)" = "6:not_finite 78:not_finite 301:constant 501:wrong_scale 802:wrong_scale 901:wrong_scale 1029:unreadable 1030:unreadable " ] ||
  { cat bad/excluded.star; fail "reasons: $(reasons)"; }
grep -q 'truncated: .* 2 of its 1030 particles cannot be read' out.txt || { cat out.txt; fail "no word of the truncation"; }
grep -q 'image 501 of .*sim/bad.mrcs: it has a mean or a deviation far .* (and 2 more like it)' out.txt ||
  { cat out.txt; fail "no word of the scale"; }

# One more than --max-excluded allows: both say so, and where the first one is.
line=$(grep -n '000006@' sim/bad.star | cut -d: -f1)
for command in check reconstruct; do
  code=0
  run=()
  [ $command = check ] && run=(--images all) || run=(--output refused --starts 1 --max-passes 1)
  "$FRAZIL" $command --particles sim/bad.star --max-excluded 0.7 "${run[@]}" >out.txt 2>&1 || code=$?
  [ $code = 1 ] && grep -q "sim/bad.star:$line: 8 of 1030 images are unusable" out.txt || { cat out.txt; fail "$command: $code"; }
done

# Dark particles are named, bright ones are not; a small noisy set is enough.
"$FRAZIL" --log warn simulate --box 32 --n 300 --snr 0.02 --seed 8 --output dark >/dev/null
"$FRAZIL" check --particles dark/particles.star >out.txt || { cat out.txt; fail "bright"; }
grep -q 'particles are bright' out.txt && ! grep -q inverted out.txt || { cat out.txt; fail "bright"; }
# The sign is the highest bit of every fourth byte.
od -An -v -tu1 -w4 -j1024 dark/particles.mrcs |
  awk '{printf "\\x%02x\\x%02x\\x%02x\\x%02x", $1, $2, $3, $4 < 128 ? $4 + 128 : $4 - 128}' >hex.txt
{ head -c 1024 dark/particles.mrcs; printf "$(cat hex.txt)"; } >dark/dark.mrcs
[ "$(stat -c %s dark/dark.mrcs)" = "$(stat -c %s dark/particles.mrcs)" ] || fail "dark.mrcs"
sed s/particles.mrcs/dark.mrcs/ dark/particles.star >dark/dark.star
"$FRAZIL" check --particles dark/dark.star >out.txt || { cat out.txt; fail "dark"; }
grep -q 'dark.star: the contrast is inverted: .*invert contrast' out.txt || { cat out.txt; fail "dark"; }
"$FRAZIL" reconstruct --particles dark/dark.star --output dark/run --dry-run >out.txt 2>&1 || { cat out.txt; fail "dark"; }
grep -q 'warn .*dark.star: the contrast is inverted' out.txt || { cat out.txt; fail "dark, reconstruct"; }
exit 0
