#!/bin/bash
# Every input of the corpus of broken ones is refused, by check and by the command that would use it, with the place
# named, exit code 1, no crash and no hang; nothing is left where the results would have been. batch.c runs them all.
bash "$FZ_SOURCE/tests/corpus/make_broken.sh" corpus
cd corpus
good=sim/particles.star
fast=(--starts 1 --kmax-schedule 3 --max-passes 1 --max-resolution 30 --seed 1)
# expect CODE PLACE COMMAND...: a line for batch.c
expect() { (IFS=$'\t'; printf '%s\n' "$*"); }
expectations() {
  local n=0 kind file place
  while IFS='|' read -r kind file place; do
    local out=refused/$((n += 1))
    case $kind in
      particles)
        expect 1 "$place" check --particles "$file" --images all --list 100
        expect 1 "$place" reconstruct --particles "$file" --output $out "${fast[@]}" ;;
      map)
        expect 1 "$place" check "$file"
        expect 1 "$place" reconstruct --particles $good --init "$file" --output $out --max-passes 1 ;;
      model)
        expect 1 "$place" check "$file"
        expect 1 "$place" simulate --atoms "$file" --n 2 --box 16 --pixel-size 6 --output $out ;;
      run)
        expect 1 "$place" check "$file"
        expect 1 "$place" reconstruct --particles $good --output "$file" "${fast[@]}" ;;
      *) expect "what is $kind?" ;;
    esac
  done <cases.txt
  while read -r file; do
    expect 0 'no errors' check --particles "$file" --images all
    expect 0 '' reconstruct --particles "$file" --output accepted --dry-run
  done <odd.txt
  while IFS='|' read -r file place; do
    expect 0 "$place" check "$file"
    expect 0 "$place" reconstruct --particles $good --output "$file" "${fast[@]}"
  done <mended.txt
}
expectations >list.txt
[ "$(wc -l <cases.txt)" -ge 60 ]
"$FZ_BUILD/tests/frazil_batch" <list.txt
left=$(find refused -type f ! -name run.log ! -name .lock ! -name status.json)
[ -z "$left" ] || { echo "left something: $left"; exit 1; }
# The program itself says and does the same: the first case of every kind.
for kind in particles map model run; do
  IFS='|' read -r _ file place < <(grep -m 1 "^$kind|" cases.txt)
  code=0
  "$FRAZIL" --log warn check "$file" >out.txt 2>&1 || code=$?
  [ $code = 1 ] && grep -qF -- "$place" out.txt || { echo "check $file: exit code $code"; cat out.txt; exit 1; }
done
