#!/bin/bash
# Run one test script in a new folder that goes away with it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
bash -eu -o pipefail "$@"
