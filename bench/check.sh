#!/bin/bash
# Time of `frazil check` on a large particle file: rows and headers, and a sample of the images, on some ranks; and the
# same file with something wrong in every row.
#   bash bench/check.sh [options]
#
#   --rows N        particles (1000000)
#   --stacks N      stacks that they are in (1000)
#   --ranks LIST    numbers of ranks to try (1,2)
#   --limit S       seconds that a check may take (60)
#   --out DIR       files (check)
#   --json FILE     the table for machines
#   --help          this text
# Of 1000 simulated images one stack is written and linked under the names of all others. cpu: user and system time of
# all ranks, which other programs on the machine disturb little.
set -eu -o pipefail
source "$(dirname "$0")/common.sh"

rows=1000000 stacks=1000 ranks=1,2 limit=60 out=check json=
take_options "--rows --stacks --ranks --limit --out --json" "$@"
need_program
[ -z "$json" ] || json=$(absolute "$json")
mkdir -p "$out"
cd "$out"

each=$(((rows + stacks - 1) / stacks))
"$FRAZIL" --log warn simulate --box 32 --pixel-size 4 --n "$each" --snr 0.1 --seed 1 --output sim >simulate.txt
for ((s = 1; s <= stacks; s++)); do ln -sf ../sim/particles.mrcs "sim/stack$s.mrcs"; done
head=$(($(grep -n -m 1 '@' sim/particles.star | cut -d: -f1) - 1))
{ head -n "$head" sim/particles.star
  awk -v n="$rows" -v each="$each" '/@/ {sub(/.*@particles.mrcs/, ""); rest[++k] = $0}
    END {for (i = 0; i < n; i++) printf "%06d@stack%d.mrcs%s\n", i % each + 1, int(i / each) + 1, rest[i % each + 1]}' \
    sim/particles.star; } >sim/good.star
sed 's/mrcs *1 /mrcs 7 /' sim/good.star >sim/bad.star

passed=0 failed=0 table=
printf '%-32s %5s %9s %9s\n' "$rows rows, $stacks stacks" ranks seconds cpu
# measure WHAT RANKS CODE OPTIONS...
measure() {
  local code=0 seconds cpu verdict=failed
  TIMEFORMAT='%R %U %S'
  { time launch "$2" "$FRAZIL" --log warn check "${@:4}" >check.txt 2>check.err || code=$?; } 2>time.txt
  read -r seconds user system <time.txt
  cpu=$(awk -v u="$user" -v s="$system" 'BEGIN {printf "%.1f", u + s}')
  [ $code = "$3" ] && at_most "$seconds" "$limit" && verdict=passed
  if [ $verdict = passed ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  printf '%-32s %5s %9s %9s  %s\n' "$1" "$2" "$seconds" "$cpu" $verdict
  table+="${table:+,$'\n'  }$(json_row what "$1" ranks "$2" rows "$rows" seconds "$seconds" cpu "$cpu" verdict $verdict)"
}
for n in ${ranks//,/ }; do
  measure "rows and headers" "$n" 0 --particles sim/good.star --images none
  measure "and a sample of 2000 images" "$n" 0 --particles sim/good.star
  measure "an error in every row" "$n" 1 --particles sim/bad.star
done
echo "$passed passed, $failed failed"
[ -z "$json" ] || json_report "$json" check "$table"
[ $failed = 0 ]
