#!/bin/bash
# Every parser is fuzzed for a short while; tests/fuzz/run.sh 600 does it at length.
command -v clang >/dev/null || exit 77
FZ_BUILD=$PWD/fuzz bash "$FZ_SOURCE/tests/fuzz/run.sh" "${FZ_FUZZ_SECONDS:-10}"
