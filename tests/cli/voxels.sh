#!/bin/bash
# bench_voxels and seven.sh on a tiny set: tables, figures, maps, refusals; the same on two ranks as on one.
fail() { cat out.txt; echo "$*"; exit 1; }
export FRAZIL
export OMP_NUM_THREADS=1
bash "$FZ_SOURCE/bench/seven.sh" --n 64 --box 24 --pixel-size 8 --snr 1 --methods sem --passes 1,2 --ladder 3,4 --out seven \
  -- --every 0 --batch 16 >out.txt 2>&1 || fail "seven.sh failed"
[ "$(wc -l <seven/table.csv)" = 11 ] || { cat seven/table.csv; fail "rows of table.csv"; }
grep -qE '^\| projection matching, no ladder \| [0-9. |-]+$' seven/table.md || { cat seven/table.md; fail "table.md"; }
for file in curves.png budgets.png maps.png maps/sem_2passes.mrc; do [ -s "seven/$file" ] || fail "no $file"; done
"$MPIRUN" --oversubscribe -n 2 "$FZ_BUILD/bench_voxels" --particles seven/data/particles.star --truth seven/data/truth.mrc \
  --method sem --passes 1,2 --ladder 3,4 --every 1 --batch 16 --output a/two >out.txt 2>&1 || fail "bench_voxels on two ranks"
for folder in seven a/two; do grep '^"sem"' $folder/table.csv | cut -d, -f1-8 >"$(basename $folder).txt"; done
[ "$(grep -c '^"sem",2,' a/two/curves.csv)" = 3 ] || { cat a/two/curves.csv; fail "points of the curve"; }
cmp seven.txt two.txt || fail "two ranks found something else"
refused() { "$FZ_BUILD/bench_voxels" --output no "${@:2}" >out.txt 2>&1 && fail "bench_voxels took ${*:2}"; grep -q -- "$1" out.txt || fail "no word of $1"; }
refused 'unknown optimizer' --method nonsense
refused 'two are called sem' --method sem --method sem
refused 'rising shells' --ladder 4,3
refused 'rising numbers' --passes 5,1
refused 'go together' --truth seven/data/truth.mrc
exit 0
