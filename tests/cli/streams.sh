#!/bin/bash
# Closed and full streams, readers that leave, awkward folders: no output is lost without a word, nothing else goes wrong.
fail() { echo "$*"; exit 1; }
quiet() { "$FRAZIL" --log warn "$@"; }
quiet simulate --box 16 --pixel-size 6 --snr 1 --n 12 --output sim >/dev/null
# expect CODE COMMAND...
expect() {
  local code=0
  "${@:2}" || code=$?
  [ $code = "$1" ] || fail "exit code $code instead of $1: ${*:2}"
}
for arguments in 'check --particles sim/particles.star' 'info sim/truth.mrc' 'fsc sim/truth.mrc sim/truth.mrc' \
  'poses sim/truth.star sim/truth.star'; do
  expect 2 quiet $arguments >/dev/full 2>err.txt
  [ "$(cat err.txt)" = 'frazil: cannot write to standard output: No space left on device' ] || fail "$arguments: $(cat err.txt)"
  expect 2 quiet $arguments >&- 2>err.txt
  grep -q '^frazil: cannot write to standard output' err.txt || fail "$arguments, closed: $(cat err.txt)"
  expect 0 quiet $arguments <&- 2>&- >out.txt
  [ -s out.txt ] || fail "$arguments: nothing without standard input and error"
  { code=0; quiet $arguments 2>err.txt || code=$?; echo $code >code.txt; } | true
  [ "$(cat code.txt)" = 0 ] && [ ! -s err.txt ] || fail "$arguments: a reader that left: $(cat code.txt err.txt)"
done

fast=(--starts 1 --kmax-schedule 3 --max-passes 1 --max-resolution 30)
# Whatever the closed streams were, no file took their place.
expect 0 quiet reconstruct --particles sim/particles.star --output run "${fast[@]}" <&- >&- 2>&-
expect 0 quiet check --particles run/particles.star >/dev/null
expect 0 quiet check run >/dev/null

# Names of any bytes: the results, and the parameters as a config file, can be read again.
for folder in 'two words' $'caf\xe9' "quote'\"d" '#@ '; do
  mkdir "$folder"
  cp -r sim "$folder/in put"
  expect 0 quiet reconstruct --particles "$folder/in put/particles.star" --output "$folder/run" "${fast[@]}"
  expect 0 "$FRAZIL" reconstruct --config "$folder/run/parameters.yaml" 2>out.txt
  grep -q 'holds a finished run of these parameters' out.txt || fail "$folder: parameters.yaml says something else"
  expect 0 quiet check --particles "$folder/run/particles.star" >/dev/null
done
mkdir $'a\nb'
cp -r sim $'a\nb/sim'
expect 1 quiet reconstruct --particles $'a\nb/sim/particles.star' --output broken "${fast[@]}" 2>err.txt
grep -q 'line break in this name' err.txt || fail "a line break: $(cat err.txt)"

# Longer than any path may be, and nearly as long.
name=$(printf 'x%.0s' $(seq 250))
long=$PWD
while [ ${#long} -lt 3400 ]; do long=$long/$name; done
mkdir -p "$long"
expect 0 quiet reconstruct --particles sim/particles.star --output "$long/run" "${fast[@]}"
expect 1 quiet reconstruct --particles sim/particles.star --output "$long/$name/$name/$name" "${fast[@]}" 2>err.txt
grep -q 'too long' err.txt || fail "a long path: $(cat err.txt)"

# A working folder that has gone.
home=$PWD
mkdir gone
cd gone
rmdir ../gone
expect 0 quiet info "$home/sim/truth.mrc" >/dev/null 2>&1
expect 2 quiet simulate --box 16 --n 2 --snr 1 --output here >"$home/out.txt" 2>&1
grep -q 'here: cannot make this folder: No such file or directory' "$home/out.txt" || fail "no folder: $(cat "$home/out.txt")"
cd "$home"
