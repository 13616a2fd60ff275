#!/bin/bash
# Build and run every test that is not labelled slow.  FZ_BUILD: the build folder (default build/release);
# further arguments go to ctest, e.g.  bash tests/run.sh -R layering
set -eu -o pipefail
cd "$(dirname "$0")/.."
build=${FZ_BUILD:-build/release}
bash cmake/install-packages.sh build test
cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=ON
cmake --build "$build"
ctest --test-dir "$build" --output-on-failure --no-tests=error -LE '^slow$' -j "$(nproc)" "$@"
