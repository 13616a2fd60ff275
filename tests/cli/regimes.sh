#!/bin/bash
# bench/regimes.sh on three small sets: a clear one and one without noise are solved, pure noise is not taken for a map.
fail() { cat out.txt; echo "$*"; exit 1; }
export FRAZIL
regimes() { bash "$FZ_SOURCE/bench/regimes.sh" --seeds 1 --out rg "$@" >out.txt 2>&1; }

regimes --sets pure-noise,snr1,no-noise --ranks 2 --json rg.json || fail "a row failed"
[ "$(grep -cE ' PASS$' out.txt)" = 3 ] && grep -q '^3 passed, 0 failed' out.txt || fail "rows"
[ "$(grep -o '"result": "PASS"' rg.json | wc -l)" = 3 ] || { cat rg.json; fail "JSON"; }
! command -v python3 >/dev/null || python3 -m json.tool rg.json >/dev/null || fail "rg.json is not valid"

# What is there is not made again; a row that is not right fails; other settings are refused.
cp -p rg/snr1/seed1/result.tsv before.tsv
printf '10.00 30.00 6.00 5 4 1 reproduced\n' >rg/snr1/seed1/result.tsv
regimes --sets snr1 && fail "a claim beyond the truth must give exit code 1"
grep -q ' FAIL$' out.txt || fail "no row failed"
regimes --sets snr1 --need 0 || fail "--need 0"
cp -p before.tsv rg/snr1/seed1/result.tsv
regimes --sets snr1 || fail "the result was not taken again"
regimes --sets snr1 --ranks 1 && fail "results of other settings were taken"
grep -q 'other settings' out.txt || fail "no word of the settings"

regimes --sets nothing && fail "an unknown set"
grep -q 'there are: pure-noise' out.txt || fail "the sets are not listed"
bash "$FZ_SOURCE/bench/regimes.sh" --help | grep -q -- '--json FILE' || fail "--help"
[ "$(bash "$FZ_SOURCE/bench/regimes.sh" --list | wc -l)" -ge 30 ] || fail "--list"
exit 0
