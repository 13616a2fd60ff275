#!/bin/bash
# Every script parses; where shellcheck is installed, it finds no error. The package list is well-formed.
cd "$FZ_SOURCE" || exit 1
scripts=$(find . -path './build*' -prune -o -type f \( -name '*.sh' -o -name '*.slurm' -o -path ./.ci/run \) -print)
[ "$(wc -l <<<"$scripts")" -ge 8 ]
for script in $scripts; do bash -n "$script"; done
if command -v shellcheck >/dev/null; then shellcheck -S error -s bash $scripts; fi
if grep -vnE '^(# .*|[a-z0-9][a-z0-9.+-]*)$' cmake/debian-packages.txt; then exit 1; fi
grep -v '^#' cmake/debian-packages.txt | sort | uniq -d | { ! grep .; }
