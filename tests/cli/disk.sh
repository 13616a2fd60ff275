#!/bin/bash
# frazil reconstruct on disks that are full, read-only, over quota, slow, or gone, and with damaged checkpoints: one clear
# message, no half-written result, the last good checkpoint stands, and the run ends in the bits of an undisturbed one.
LD_PRELOAD=$FZ_INJECT_LIBRARY "$FRAZIL" --version >/dev/null 2>&1 || {
  echo "nothing can be preloaded into this build"
  exit 77
}
fail() {
  echo "$*"
  tail -n 8 job.log
  exit 1
}
results="map.mrc half1.mrc half2.mrc particles.star fsc.star"
mounted=""
trap '[ -z "$mounted" ] || umount "$mounted"' EXIT

"$FRAZIL" --log warn simulate --box 24 --pixel-size 6 --snr 0.5 --n 200 --seed 3 --output sim >/dev/null
options=(--particles sim/particles.star --starts 1 --kmax-schedule 3,4 --max-resolution 36 --max-passes 2 --threads 1)

# run FOLDER RULES [ARGUMENTS...]: with these faults under $under, on $ranks; sets $code
under="" ranks=1
run() {
  local launcher=()
  [ $ranks = 1 ] || launcher=(timeout 100 "$MPIRUN" --oversubscribe -n $ranks)
  code=0
  "${launcher[@]}" env LD_PRELOAD="$FZ_INJECT_LIBRARY" FZ_INJECT="$2" FZ_INJECT_UNDER="${under:-$1/}" FZ_INJECT_RANK=0 \
    "$FRAZIL" reconstruct --output "$1" --checkpoint-interval 0 "${options[@]}" "${@:3}" >job.log 2>&1 || code=$?
}
same() {
  local file
  for file in $results; do cmp -s "ref/$file" "$1/$file" || fail "$1: $file differs from the undisturbed run's"; done
  sed 's/, "seconds".*//' "$1/metrics.jsonl" | cmp -s - ref.steps || fail "$1: other steps"
  [ -z "$(find "$1" -name '*.partial')" ] || fail "$1: something half-written is left"
}
says() { grep -q "$1" job.log || fail "no message: $1"; }
# The run goes on from step $2 (any, when not given) and ends well.
resumes() {
  under=""
  run "$1" "" --threads 2
  [ $code = 0 ] || fail "$1: cannot go on: $code"
  says "resumed after step ${2:-}"
  same "$1"
}

# slowly FOLDER RULES: in the background
slowly() {
  env LD_PRELOAD="$FZ_INJECT_LIBRARY" FZ_INJECT="$2" FZ_INJECT_UNDER="$1/" \
    "$FRAZIL" reconstruct --output "$1" --checkpoint-interval 0 "${options[@]}" >job.log 2>&1 &
  job=$!
}
# until_there TEXT FILE
until_there() {
  for _ in $(seq 1000); do
    ! grep -q "$1" "$2" 2>/dev/null || return 0
    kill -0 $job 2>/dev/null || break
    sleep 0.03
  done
  fail "$2 never said: $1"
}
# stop FOLDER RULES TEXT: by the file STOP, once the log says so
stop() {
  slowly "$1" "$2,any:1+:sleep100"
  until_there "$3" job.log
  touch "$1/STOP"
  code=0
  wait $job || code=$?
}

run ref ""
[ $code = 0 ] || fail "the undisturbed run"
sed 's/, "seconds".*//' ref/metrics.jsonl >ref.steps
[ "$(wc -l <ref.steps)" -ge 6 ] || fail "too few steps"

# ---- checkpoints that cannot be written ----
run passing "allocate:2:ENOSPC,allocate:3:ENOSPC,write:100:EDQUOT"
[ $code = 0 ] || fail "three refused checkpoints ended the run: $code"
says "No space left on device; the run goes on"
says "Disk quota exceeded; the run goes on"
says "checkpoint: written again, after"
same passing

run full "allocate:3+:ENOSPC"
[ $code = 2 ] || fail "a run that cannot keep its end: $code"
says "^frazil reconstruct: .*No space left on device"
[ "$(grep -c '^frazil reconstruct: ' job.log)" = 1 ] || fail "more than one message"
[ ! -e full/map.mrc ] || fail "results of a run that failed"
grep -q '"state": "failed", "exit_code": 2.*No space left.*"checkpoint": 2,' full/status.json || fail "$(cat full/status.json)"
stop full "allocate:1+:ENOSPC" "resumed after step 2"
[ $code = 2 ] || fail "a stop without a checkpoint: $code"
says "stopped by the file STOP, but the checkpoint failed: .*No space left.*continues from that of step 2"
resumes full 2

stop none "allocate:1+:EROFS" "the run goes on"
[ $code = 2 ] || fail "a stop without any checkpoint: $code"
says "Read-only file system; there is none before it"

# While it goes on, status.json says so; killed then, it loses what came after the last good one.
slowly trouble "allocate:3+:ENOSPC,any:1+:sleep40"
until_there '"state": "running".*No space left' trouble/status.json
kill -9 $job
wait $job 2>/dev/null || true
resumes trouble 2

# ---- other files ----
under=lines/metrics.jsonl
run lines "write:2:ENOSPC,write:3:short,write:5:ENOSPC"
[ $code = 0 ] || fail "lines that waited: $code"
says "metrics.jsonl: .*No space left on device; the run goes on"
same lines
under=quota/metrics.jsonl
run quota "write:2+:EDQUOT"
[ $code = 2 ] || fail "lines that can never be written: $code"
says "^frazil reconstruct: .*metrics.jsonl: cannot write: Disk quota exceeded"
resumes quota 1
under=status/status.json
run status "open:2+:EIO"
[ $code = 0 ] || fail "a status that cannot be written: $code"
same status
mkdir log
ln -s /dev/full log/run.log
run log ""
[ $code = 0 ] || fail "a log that cannot be written: $code"
[ "$(grep -c "the copy of this log in the run folder cannot be written: No space left" job.log)" = 1 ] || fail "not told once"
same log
for file in map.mrc half2.mrc particles.star fsc.png; do
  under=/$file
  rm -rf results/*.mrc results/*.png results/particles.star
  run results "write:1:ENOSPC"
  [ $code = 2 ] || fail "no room for $file: $code"
  says "^frazil reconstruct: .*/$file.*No space left on device"
  [ ! -e results/$file ] && [ ! -e results/particles.star ] || fail "$file is there"
done
resumes results

# ---- read-only, full for real, slow, gone ----
run readonly "any:1+:EROFS"
[ $code = 1 ] || fail "read-only folder: $code"
says "^frazil reconstruct: readonly/.lock: cannot create: Read-only file system"

mkdir -p real
if mount -t tmpfs -o size=2m none real 2>/dev/null; then
  mounted=$PWD/real
  under=real/run/checkpoint/
  run real/run "rename:7:kill"
  under=""
  head -c 10000000 /dev/zero >real/filler 2>/dev/null || true
  run real/run ""
  [ $code = 2 ] || fail "on a full disk: $code"
  says "^frazil reconstruct: .*No space left on device"
  [ ! -e real/run/particles.star ] || fail "results on a full disk"
  rm real/filler
  resumes real/run 3
  umount "$mounted"
  mounted=""
fi

ranks=2
run slow "any:1+:sleep5"
[ $code = 0 ] || fail "a slow file system: $code"
same slow
# Everything fails from some call on: no hang, and what stands is used.
for at in 60 130 200; do
  rm -rf stale
  run stale "any:$at+:ESTALE"
  [ $code != 0 ] && [ $code != 124 ] || fail "a dead file system from call $at: $code"
  grep -q "Stale file handle" job.log || fail "not named"
  ranks=1
  run stale ""
  [ $code = 0 ] || fail "after a dead file system: $code"
  same stale
  ranks=2
done
ranks=1
slowly gone "any:1+:sleep40"
until_there "end crc32" gone/checkpoint/manifest
mv gone elsewhere
code=0
wait $job || code=$?
[ $code = 2 ] || fail "without its folder: $code"
says "^frazil reconstruct: gone: the run folder is gone (No such file or directory): bring it back"
mv elsewhere gone
resumes gone

# ---- damage ----
flip() { # FILE OFFSET
  local byte
  byte=$(od -An -tu1 -j "$2" -N 1 "$1")
  printf "\\x$(printf %02x $((byte ^ 4)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
under=damaged/checkpoint/
run damaged "rename:9:kill" # in the fifth checkpoint (each renames twice)
[ -f damaged/checkpoint/state-000004.h5 ] || fail "not killed in the fifth checkpoint"
for offset in 40 520 3000 last; do
  rm -rf copy
  cp -r damaged copy
  newest=$(ls copy/checkpoint/state-*.h5 | tail -1)
  [ $offset != last ] || offset=$(($(stat -c %s "$newest") - 1))
  flip "$newest" $offset
  resumes copy 3
  says "damaged checkpoint: .*its checksum is wrong; going on from the one before"
done
for offset in 3 30 100; do
  rm -rf copy
  cp -r damaged copy
  flip copy/checkpoint/manifest $offset
  resumes copy 4
  says "manifest: this list of checkpoints is damaged; the files beside it say which of them are good"
done
rm -rf copy
cp -r damaged copy
for file in copy/checkpoint/state-*.h5; do flip "$file" 5000; done
run copy ""
[ $code = 1 ] || fail "only damaged checkpoints: $code"
says "^frazil reconstruct: .*no checkpoint there can be used.*--fresh"
