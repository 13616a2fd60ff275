#!/bin/bash
# Third-party files, where they are at hand: each is described or refused in one line, none brings the program down.
data=${FZ_SHARED_DATA:-$FZ_SOURCE/../shared/data}
if [ ! -d "$data" ]; then
  echo "skipped: no folder of third-party files (FZ_SHARED_DATA)"
  exit 77
fi
find "$data" -type f | sort >files.txt
described=0
while read -r file; do
  code=0
  "$FRAZIL" --log error info "$file" >out.txt 2>err.txt || code=$?
  case $code in
    0) [ -s out.txt ] && [ ! -s err.txt ] || { cat out.txt err.txt; echo "$file: described badly"; exit 1; }
       described=$((described + 1)) ;;
    1) [ "$(wc -l <err.txt)" = 1 ] && grep -qF -- "$(basename "$file")" err.txt ||
         { cat err.txt; echo "$file: refused without one message that names it"; exit 1; } ;;
    *) cat out.txt err.txt; echo "$file: exit code $code"; exit 1 ;;
  esac
  # Every format that a user may bring is read, not refused.
  case $file in
    *.star | *.cs | *.mrc | *.mrcs | *.map | *.pdb | *.cif)
      [ $code = 0 ] || { cat err.txt; echo "$file: refused"; exit 1; } ;;
  esac
done <files.txt
[ "$described" -gt 0 ]
echo "$described of $(wc -l <files.txt) files described, the others refused"
