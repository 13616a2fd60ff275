#!/bin/bash
# The scripts of bench/ on a tiny set: tables, resuming by seed, verdicts, JSON, refusals.
fail() { cat out.txt; echo "$*"; exit 1; }
export FRAZIL
abinitio() { bash "$FZ_SOURCE/bench/abinitio.sh" --n 64 --box 32 --snr 1 --out ab "$@" -- --starts 1 --kmax-schedule 3 --max-passes 1 --max-resolution 40 >out.txt 2>&1; }

abinitio --seeds 1 --ranks 1 --target 1000 --json ab.json || fail "abinitio.sh failed"
[ "$(grep -cE '^ +1 +[0-9.]+ +[0-9.]+ +[0-9.]+ +(same|mirrored) .* passed$' out.txt)" = 1 ] || fail "rows"
grep -q '^1 passed, 0 failed' out.txt || fail "summary"
[ "$(grep -o '"verdict": "passed"' ab.json | wc -l)" = 1 ] || { cat ab.json; fail "JSON"; }
! command -v python3 >/dev/null || python3 -m json.tool ab.json >/dev/null || fail "ab.json is not valid"

# What is there is not made again; what is not, is.
cp -p ab/seed1/result.tsv before.tsv
abinitio --seeds 2 --ranks 1 --target 1 && fail "a missed target must give exit code 1"
grep -q '^0 passed, 2 failed' out.txt || fail "summary of missed targets"
cmp before.tsv ab/seed1/result.tsv || fail "seed 1 was run again"
[ -e ab/seed2/result.tsv ] || fail "seed 2 was not run"
abinitio --seeds 2 --ranks 1 --target 1 --need 0 || fail "--need 0"
abinitio --seeds 1 --ranks 2 && fail "results of other settings were taken"
grep -q 'other settings' out.txt || fail "no word of the settings"

cat >judge.py <<'PYTHON'
print("hand same coarse\n  same nomask FSC=0.5: <=50.0 A (shell 2.50) [x]\nhand flip coarse\n  flip nomask FSC=0.5: 45.5 A (shell 2.81) [x]")
print("best hand relative to the reference: flip")
PYTHON
if [ -x /usr/bin/python3 ]; then
  abinitio --seeds 1 --ranks 1 --target 46 --judge judge.py || fail "--judge"
  grep -q ' 45.5 ' out.txt || fail "the judge's better hand was not taken"
fi

bash "$FZ_SOURCE/bench/check.sh" --rows 100 --stacks 3 --ranks 2 --out ck --json ck.json >out.txt 2>&1 || fail "check.sh failed"
grep -q '^3 passed, 0 failed' out.txt && grep -q '"rows": 100, ' ck.json || fail "check.sh"
for script in abinitio interop seven check; do
  bash "$FZ_SOURCE/bench/$script.sh" --help | grep -qE -- '--(json FILE|truth MAP)' || fail "$script.sh --help"
  bash "$FZ_SOURCE/bench/$script.sh" --nonsense >out.txt 2>&1 && fail "$script.sh took an unknown option"
done
exit 0
