#!/bin/bash
# frazil check reports ALL that is wrong with a data set, each with its place, on any number of ranks; a good set passes.
fail() { echo "$*"; exit 1; }
"$FRAZIL" --log warn simulate --box 24 --pixel-size 6 --n 300 --snr 0.5 --seed 3 --output sim >/dev/null
star=sim/particles.star
first=$(grep -n '000001@' $star | cut -d: -f1)

"$FRAZIL" check --particles $star --json good.json >out.txt || { cat out.txt; fail "a good set"; }
grep -qx 'no errors, 0 warnings' out.txt && grep -q '300 in 1 stack, 1 optics group, poses given' out.txt &&
  grep -q 'pixel size *6 A' out.txt && grep -q 'box *24 px' out.txt && grep -q 'images *300 looked at' out.txt ||
  { cat out.txt; fail "a good set's summary"; }
grep -q '"errors": 0, "warnings": 0' good.json && grep -q '"particles": 300' good.json || { cat good.json; fail json; }

# Eleven things at once.  Line L of the table is image L - first + 1.
at() { echo $((first + $1)); }
sed "$(at 4)s/ [0-9.]* /  abc /
  $(at 5)s/ 0.000000 .*//
  $(at 6)s/@/x@/
  $(at 7)s/00000[0-9]*@/900008@/
  $(at 8)s/particles.mrcs/gone.mrcs/
  $(at 9)s/mrcs *1/mrcs 7/
  $(at 10)s/mrcs *1 *[0-9.]*/mrcs 1 nan/
  $(at 11)s/000012@/000013@/
  s/ 300.000000 / 300000 /
  s/ 2.700000 / -27 /" $star >sim/many.star
cp sim/particles.mrcs sim/nan.mrcs
printf '\0\0\300\177' | dd of=sim/nan.mrcs bs=1 seek=$((1024 + 200 * 2304)) conv=notrunc status=none
sed -i 's/particles.mrcs/nan.mrcs/' sim/many.star
cat >want.txt <<END
error: sim/many.star:$(at 4): 
error: sim/many.star:$(at 5): 2 values for the 13 columns
error: sim/many.star:$(at 6): _rlnImageName: "000007x@nan.mrcs"
error: sim/many.star:$(at 7): _rlnImageName: 900008@nan.mrcs: the stack has only 300 images
error: sim/many.star:$(at 8): _rlnImageName: the stack gone.mrcs does not exist
error: sim/many.star:$(at 9): _rlnOpticsGroup: group 7 is not in data_optics
error: sim/many.star:$(at 10): _rln
warning: sim/many.star:$(at 12): _rlnImageName: 13@nan.mrcs stands in line $(at 11) too
warning: sim/many.star: _rlnVoltage: optics group opticsGroup1 has 300000 kV; it is in kV
warning: sim/many.star: _rlnSphericalAberration: optics group opticsGroup1 has a spherical aberration of -27 mm
warning: sim/many.star:$(at 200): image 201 of sim/nan.mrcs: it has pixels that are not finite numbers
END
for ranks in 1 3; do
  code=0
  timeout 60 "$MPIRUN" --oversubscribe -n $ranks "$FRAZIL" check --particles sim/many.star --images all --json many.json \
    >out.txt 2>err.txt || code=$?
  [ $code = 1 ] && grep -q 'frazil check: 7 errors, 4 warnings' err.txt || { cat out.txt err.txt; fail "$ranks ranks: $code"; }
  while IFS= read -r line; do grep -qF -- "$line" out.txt || { cat out.txt; fail "lacks: $line"; }; done <want.txt
  [ "$(grep -c '"severity"' many.json)" = 11 ] && grep -q '"errors": 7, "warnings": 4' many.json || { cat many.json; fail json; }
  grep -q "\"kind\": \"optics-group\", \"file\": \"sim/many.star\", \"line\": $(at 9), \"label\": \"_rlnOpticsGroup\"" many.json ||
    { cat many.json; fail "json lacks the place"; }
done

# Many of a kind: some are printed, all are counted; --list says how many.
sed "$first,\$s/mrcs *1 /mrcs 7 /" $star >sim/all.star
"$FRAZIL" check --particles sim/all.star --list 3 >out.txt 2>err.txt && fail "all.star passes"
grep -q '300 errors' err.txt && [ "$(grep -c 'group 7 is not in data_optics' out.txt)" = 3 ] &&
  grep -qF '... and 297 more of this kind at _rlnOpticsGroup' out.txt || { cat out.txt err.txt; fail "many of a kind"; }

# A sample is spread over the set; none is none.
"$FRAZIL" check --particles sim/many.star --sample 50 >out.txt 2>&1 && fail "passes"
grep -q ' 50 looked at' out.txt || { cat out.txt; fail "sample"; }
"$FRAZIL" check --particles $star --images none >out.txt || fail "none"
grep -q 'none looked at' out.txt || { cat out.txt; fail "none"; }

# Other files, all of them.
printf 'ATOM  what\n' >bad.pdb
head -c 3000 sim/truth.mrc >cut.mrc
"$FRAZIL" check sim/truth.mrc bad.pdb cut.mrc nowhere.star $star >out.txt 2>err.txt && fail "bad files pass"
grep -q '3 errors' err.txt && grep -q 'error: bad.pdb:1: ' out.txt && grep -q 'error: cut.mrc: truncated' out.txt &&
  grep -q 'error: nowhere.star: cannot open' out.txt || { cat out.txt err.txt; fail "other files"; }
"$FRAZIL" check sim/truth.mrc >/dev/null || fail "a good map"
code=0
"$FRAZIL" check >out.txt 2>&1 || code=$?
[ $code = 1 ] && grep -q 'nothing to check' out.txt || { cat out.txt; fail "no file"; }
exit 0
