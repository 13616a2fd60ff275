#!/bin/bash
# bench_thesis in short: files, the same curves on one rank and two, refusals.
fail() { cat out.txt; echo "$*"; exit 1; }
thesis() { "$FZ_BUILD/bench_thesis" "$@" >out.txt 2>&1; }
curves() { cut -d, -f1-3,6- "$1/curves.csv"; } # without times

thesis --help || fail "--help"
thesis --list || fail "--list"
grep -qE '^em +EM +em +3078$' out.txt || fail "no EM in the list"
thesis --methods em,sem-vr-stat --seeds 2 --max-passes 12 --out one --json one.json || fail "bench_thesis failed"
grep -qE '^\| EM \| 3078 \| 12\.0\+ \[12\.0, 12\.0\] \| .* 2 passes used up \|$' out.txt || fail "no row of EM"
for file in curves.csv table.csv table.md convergence.png convergence_seconds.png metrics.png; do
  [ -s one/$file ] || fail "no $file"
done
[ "$(grep -c '"experiment": "mra"' one.json)" = 4 ] || fail "rows of the JSON"
"$MPIRUN" --oversubscribe -n 2 "$FZ_BUILD/bench_thesis" --methods em,sem-vr-stat --seeds 2 --max-passes 12 --out two >out.txt 2>&1 ||
  fail "on two ranks"
diff <(curves one) <(curves two) >out.txt || fail "two ranks do otherwise"

thesis --methods em,nonsense --seeds 1 && fail "an unknown method"
grep -q 'there is no "nonsense"; there are gd, svrg' out.txt || fail "no word of the unknown method"
exit 0
