#!/bin/bash
# frazil reconstruct on bad input: on three ranks ONE message that names file and place, the same exit code everywhere,
# nothing half-written, never a hang.
fail() { echo "$*"; exit 1; }

# Every rank leaves its exit code and mpirun is content, so that all of stderr is ours.
cat >each.sh <<'END'
code=0
"$@" || code=$?
echo $code >"code.$OMPI_COMM_WORLD_RANK"
END

# expect CODE WORDS ARGUMENTS...
expect() {
  rm -rf code.* refused
  timeout 60 "$MPIRUN" --oversubscribe -n 3 bash each.sh "$FRAZIL" --log error reconstruct --starts 1 --max-passes 1 \
    --kmax-schedule 3 --output refused "${@:3}" >out.txt 2>err.txt || fail "hangs: ${*:3}"
  [ "$(cat code.0 code.1 code.2 | tr '\n' ' ')" = "$1 $1 $1 " ] ||
    { cat err.txt; fail "exit codes $(cat code.? | tr '\n' ' ')of ${*:3}"; }
  [ "$(wc -l <err.txt)" = 1 ] && grep -qF -- "$2" err.txt || { cat err.txt; fail "not one message with '$2': ${*:3}"; }
  [ ! -s out.txt ] || { cat out.txt; fail "printed something: ${*:3}"; }
  [ ! -e refused ] || [ -z "$(ls refused | grep -vxE 'run.log|status.json')" ] || { ls -A refused; fail "left something: ${*:3}"; }
  [ ! -e refused/status.json ] || grep -q "\"state\": \"failed\", \"exit_code\": $1" refused/status.json || fail "status.json: ${*:3}"
}
# variant NAME SED-SCRIPT: sim/NAME.star, a changed table
variant() { sed "$2" sim/particles.star >"sim/$1.star"; }
# poison STACK FILL FIRST...: images (from 0) become not-a-number or constant
poison() {
  for image in "${@:3}"; do
    if [ "$2" = nan ]; then
      printf '\0\0\300\177' | dd of="sim/$1" bs=1 seek=$((1024 + image * 2304 + 700)) conv=notrunc status=none
    else
      head -c 2304 /dev/zero | dd of="sim/$1" bs=1 seek=$((1024 + image * 2304)) conv=notrunc status=none
    fi
  done
}

"$FRAZIL" --log warn simulate --box 24 --pixel-size 6 --n 200 --snr 0.5 --seed 3 --output sim >/dev/null
star=sim/particles.star
last=$(grep -n '000200@' $star | cut -d: -f1)
first_row=$(grep -n '000001@' $star | cut -d: -f1)

# ---- the table ----
expect 1 "nowhere.star: cannot open" --particles nowhere.star
: >sim/empty.star
expect 1 "sim/empty.star" --particles sim/empty.star
sed "$first_row,\$d" $star >sim/rowless.star
expect 1 "data_particles is empty" --particles sim/rowless.star
variant nameless 's/_rlnImageName/_rlnOtherName/'
expect 1 "_rlnImageName" --particles sim/nameless.star
variant text "$((first_row + 6))s/ [0-9.]* /  abc /"
expect 1 "sim/text.star:$((first_row + 6)): " --particles sim/text.star
variant cut "$last s/ 0.000000 .*//"
expect 1 "sim/cut.star:$last: " --particles sim/cut.star
variant zero 's/ 6\.000000 / 0.000000 /'
expect 1 "_rlnImagePixelSize: the pixel size is 0 A" --particles sim/zero.star
variant two_sizes 's/^\( *\)1 opticsGroup1 .*/&\n           2 second 300 2.7 0.1 5.0 24 2/;'"$last"'s/mrcs  *1 /mrcs 2 /'
expect 1 "more than one pixel size (6 A in optics group opticsGroup1, 5 A in second)" --particles sim/two_sizes.star
variant box 's/ 24  *2 $/ 32 2/'
expect 1 "_rlnImageSize: 32 in optics group opticsGroup1, but the images of" --particles sim/box.star
variant beyond "$last s/^000200/000201/"
expect 1 "sim/beyond.star:$last: _rlnImageName: 201@particles.mrcs: the stack has only 200 images" --particles sim/beyond.star

# ---- the stack ----
variant missing 's/particles.mrcs/gone.mrcs/'
expect 1 "the stack gone.mrcs does not exist" --particles sim/missing.star
head -c 200000 sim/particles.mrcs >sim/short.mrcs
variant short 's/particles.mrcs/short.mrcs/'
expect 1 "short.mrcs" --particles sim/short.star
head -c 5000 /dev/zero >sim/zeros.mrcs
variant zeros 's/particles.mrcs/zeros.mrcs/'
expect 1 "zeros.mrcs: not an MRC file" --particles sim/zeros.star
cp sim/particles.mrcs sim/tenth.mrcs
poison tenth.mrcs nan $(seq 7 10 199)
variant tenth 's/particles.mrcs/tenth.mrcs/'
expect 1 "20 of 200 images are unusable" --particles sim/tenth.star
grep -qF "the first is image 8 of" err.txt && grep -qF "tenth.star:$((first_row + 7)): " err.txt ||
  { cat err.txt; fail "the place of the first bad image"; }
cp sim/particles.mrcs sim/flat.mrcs
poison flat.mrcs flat $(seq 0 199)
variant flat 's/particles.mrcs/flat.mrcs/'
expect 1 "is constant" --particles sim/flat.star
expect 1 "half-set 1 is empty: of 200 particles 0 are usable" --particles sim/flat.star --max-excluded 100

# A few bad images are set aside and listed.
cp sim/particles.mrcs sim/few.mrcs
poison few.mrcs nan 41
poison few.mrcs flat 150
variant few 's/particles.mrcs/few.mrcs/'
timeout 60 "$MPIRUN" --oversubscribe -n 3 "$FRAZIL" --log warn reconstruct --particles sim/few.star --output few --starts 1 \
  --kmax-schedule 3 --max-passes 1 --max-resolution 36 --max-excluded 1 >out.txt 2>&1 || { cat out.txt; fail "two bad images of 200"; }
grep -q "image 42 of sim/few.mrcs: it has pixels that are not finite.* set aside" out.txt &&
  grep -q "image 151 of sim/few.mrcs: it is constant" out.txt || { cat out.txt; fail "no warning"; }
[ "$(grep -c @ few/excluded.star)" = 2 ] && grep '000042@' few/excluded.star | grep -q not_finite &&
  grep '000151@' few/excluded.star | grep -q constant || { cat few/excluded.star; fail "excluded.star"; }
[ "$(grep -c @ few/particles.star)" = 198 ] || fail "particles.star holds $(grep -c @ few/particles.star) particles"
# They were the only ones of their half-set.
variant one_half 's/particles.mrcs/few.mrcs/;s/_rlnPhaseShift/_rlnRandomSubset/;/0000*\(42\|151\)@/!s/ 0.000000     0.000000     1.000000 $/ 1 0 1/;s/ 0.000000     0.000000     1.000000 $/ 2 0 1/'
expect 1 "sim/one_half.star: half-set 2 is empty: of 200 particles 198 are usable" --particles sim/one_half.star

# ---- options ----
sim=(--particles $star)
expect 1 "did you mean --max-passes?" "${sim[@]}" --max-pases 3
expect 1 "option --particles FILE is required"
expect 1 "--algorithm newton: unknown optimizer 'newton'" "${sim[@]}" --algorithm newton
expect 1 "did you mean svrg?" "${sim[@]}" --algorithm svgr
expect 1 "em has no option batch" "${sim[@]}" --algorithm em --batch 10
expect 1 "sem has no option step" "${sim[@]}" --algorithm sem --step 0.1
expect 1 "svrg has no line search" "${sim[@]}" --algorithm svrg --step search
expect 1 "step=-1: it must be" "${sim[@]}" --algorithm svrg:step=-1
expect 1 "options: batch" "${sim[@]}" --algorithm svrg:help
expect 1 "want NAME:OPTION=VALUE" "${sim[@]}" --algorithm svrg:batch
expect 1 "--starts: 0 is out of range" "${sim[@]}" --starts 0
expect 1 "--pose-blocks: 9 is out of range" "${sim[@]}" --pose-blocks 9
expect 1 "--seed: '1.5' is not a whole number" "${sim[@]}" --seed 1.5
expect 1 "--batch 201 is larger than the data (200 images)" "${sim[@]}" --batch 201
expect 1 "--max-resolution 1: these images allow" "${sim[@]}" --max-resolution 1
expect 1 "--max-resolution 500: these images allow" "${sim[@]}" --max-resolution 500
expect 1 "--mask-diameter 150: the box of 24 px leaves room for" "${sim[@]}" --mask-diameter 150
expect 1 "--shift-range 100: at most half a box" "${sim[@]}" --shift-range 100
expect 1 "--kmax-schedule 3,x" "${sim[@]}" --kmax-schedule 3,x
expect 1 "--kmax-schedule 3,4,90" "${sim[@]}" --kmax-schedule 3,4,90
expect 1 "--kmax-schedule 3,," "${sim[@]}" --kmax-schedule 3,,
expect 1 "--kmax-schedule 3,: want rising shells" "${sim[@]}" --kmax-schedule 3,
expect 1 "--kmax-schedule 4,3" "${sim[@]}" --kmax-schedule 4,3
expect 1 "the run needs" "${sim[@]}" --max-memory 0.001
echo "batsch: 3" >config.yaml
expect 1 "config.yaml:1: unknown option batsch; did you mean batch?" "${sim[@]}" --config config.yaml

# ---- the starting map ----
"$FRAZIL" --log warn simulate --box 32 --n 2 --no-noise --output large >/dev/null
expect 1 "large/truth.mrc: its box is 32, the images have 24" "${sim[@]}" --init large/truth.mrc
expect 1 "sim/particles.mrcs" "${sim[@]}" --init sim/particles.mrcs
expect 1 "nowhere.mrc: cannot open" "${sim[@]}" --init nowhere.mrc
expect 1 "--init MAP with --classes 2" "${sim[@]}" --init sim/truth.mrc --classes 2

# ---- the run folder ----
expect 1 "$star: cannot make this folder: Not a directory" "${sim[@]}" --output $star/x
expect 1 "/proc/frazil: cannot make this folder" "${sim[@]}" --output /proc/frazil
sum=$(cksum <$star)
expect 1 "sim/particles.star is an input, and --output sim would overwrite it" "${sim[@]}" --output sim
[ "$(cksum <$star)" = "$sum" ] || fail "the input was overwritten"

# A rank that fails alone in the middle of a step takes the others along; the run can be taken up again.
for site in m-step tile polish checkpoint-write; do
  rm -rf code.* broken
  broken=(reconstruct "${sim[@]}" --output broken --starts 1 --kmax-schedule 3 --max-passes 1 --max-resolution 36
    --checkpoint-interval 0 --pose-blocks 3)
  FZ_FAULT=$site:1 timeout 60 "$MPIRUN" --oversubscribe -n 3 bash each.sh "$FRAZIL" --log error "${broken[@]}" \
    >out.txt 2>err.txt || fail "$site: hangs"
  [ "$(cat code.0 code.1 code.2 | tr '\n' ' ')" = "2 2 2 " ] && [ "$(wc -l <err.txt)" = 1 ] &&
    grep -q '(rank 1)' err.txt || { cat err.txt; fail "$site: exit codes $(cat code.? | tr '\n' ' ')"; }
  grep -q '"state": "failed", "exit_code": 2' broken/status.json || { cat broken/status.json; fail "$site: status"; }
  "$FRAZIL" --log error "${broken[@]}" || fail "$site: cannot go on"
  [ -f broken/map.mrc ] || fail "$site: no map"
done

# mpirun, left to itself, ends at once with the same code.
code=0
timeout 60 "$MPIRUN" --oversubscribe -n 3 "$FRAZIL" reconstruct --particles sim/tenth.star --output refused >out.txt 2>&1 || code=$?
[ $code = 1 ] && [ "$(grep -c 'images are unusable' out.txt)" = 1 ] || { cat out.txt; fail "plain mpirun: $code"; }
exit 0
