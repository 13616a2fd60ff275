#!/bin/bash
# The documents keep up with the program: links lead somewhere, options exist, named files are there.
cd "$FZ_SOURCE" || exit 1
documents=$(find . -path './build*' -prune -o -name '*.md' -print)
[ "$(wc -l <<<"$documents")" -ge 8 ]
bad=0
complain() { echo "$*"; bad=1; }

for document in $documents; do
  folder=$(dirname "$document")
  for link in $(grep -o '](\([^)#:]*\))' "$document" | sed 's/^](//; s/)$//'); do
    [ -e "$folder/$link" ] || complain "$document: no $link"
  done
  # `tests/...`, `src/...` and the like, as files of the source tree
  for file in $(grep -oE '`(bench|doc|io|jobscripts|mpi|src|tests)/[A-Za-z0-9_./-]+\.(c|h|sh|slurm|md|py)`' "$document" | tr -d '`'); do
    [ -e "$file" ] || complain "$document: no $file"
  done
done

# Every --option is one of a command, of a script in bench/, or of a program that we do not write.
known=$(
  for command in $("$FRAZIL" --help | sed -n 's/^  \([a-z]\{1,\}\)  .*/\1/p'); do "$FRAZIL" "$command" --help; done
  "$FRAZIL" --help
  cat bench/*.sh jobscripts/*
  for program in "$FZ_BUILD"/bench_*; do "$program" --help; done
  echo "--build --install --preset --prefix --bind-to --oversubscribe --mpi --pty --duplicates --jobs"
)
known=$(grep -oE -- '--[a-z][a-z-]+' <<<"$known" | sort -u)
for document in $documents; do
  for option in $(grep -v -e '^spack' -e 'name' -e 'flag' "$document" | grep -oE -- '(^|[^-a-z])--[a-z][a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u); do
    grep -qx -- "$option" <<<"$known" || complain "$document: nothing has the option $option"
  done
done
exit $bad
