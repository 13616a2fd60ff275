#!/bin/bash
# Every input of the corpus of broken ones is refused, by check and by the command that would use it, with the place
# named, exit code 1, no crash and no hang.
bash "$FZ_SOURCE/tests/corpus/make_broken.sh" corpus || exit 1
cd corpus
bad=0
# expect CODE PLACE COMMAND...
expect() {
  local code=0
  timeout 60 "$FRAZIL" --log warn "${@:3}" >out.txt 2>&1 || code=$?
  if [ $code != "$1" ] || { [ -n "$2" ] && ! grep -qF -- "$2" out.txt; } || grep -qE 'Sanitizer|runtime error|assertion' out.txt; then
    echo "exit code $code instead of $1, or not '$2': ${*:3}"
    head -n 5 out.txt | cut -c 1-300
    bad=$((bad + 1))
  fi
}
good=sim/particles.star
fast=(--starts 1 --kmax-schedule 3 --max-passes 1 --max-resolution 30 --seed 1)
n=0
while IFS='|' read -r kind file place; do
  n=$((n + 1))
  rm -rf refused
  case $kind in
    particles)
      expect 1 "$place" check --particles "$file" --images all --list 100
      expect 1 "$place" reconstruct --particles "$file" --output refused "${fast[@]}" ;;
    map)
      expect 1 "$place" check "$file"
      expect 1 "$place" reconstruct --particles $good --init "$file" --output refused --max-passes 1 ;;
    model)
      expect 1 "$place" check "$file"
      expect 1 "$place" simulate --atoms "$file" --n 2 --box 16 --pixel-size 6 --output refused ;;
    run)
      expect 1 "$place" check "$file"
      expect 1 "$place" reconstruct --particles $good --output "$file" "${fast[@]}" ;;
    *) echo "what is $kind?"; bad=$((bad + 1)) ;;
  esac
  [ ! -e refused ] || [ -z "$(ls refused | grep -vx run.log)" ] || { echo "left something: $file"; bad=$((bad + 1)); }
done <cases.txt
while read -r file; do
  expect 0 'no errors' check --particles "$file" --images all
  expect 0 '' reconstruct --particles "$file" --output accepted --dry-run
done <odd.txt
echo "$n broken inputs, $bad complaints"
[ $n -ge 60 ] && [ $bad = 0 ]
