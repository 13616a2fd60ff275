#!/bin/bash
# Every tracked C file is formatted as .clang-format says, by the pinned version of the tool.
tool=$(command -v clang-format-14 || command -v clang-format || true)
if [ -z "$tool" ] || ! "$tool" --version | grep -q 'version 14\.'; then
  echo "skipped: clang-format 14 is not installed"
  exit 77
fi
cd "$FZ_SOURCE" || exit 1
if ! git ls-files >/dev/null 2>&1; then
  echo "skipped: not a git checkout"
  exit 77
fi
git ls-files -z '*.c' '*.h' | xargs -0 "$tool" --dry-run --Werror
