#!/bin/bash
# Runs the mpi tests and a small reconstruction on 2 ranks under valgrind: what neither compiler nor sanitizers see is
# memory that was never set.  An error of ours ends this script with an error.
#   bash tests/valgrind.sh [TEST...]      default: all of tests/mpi but test_algebra, and `frazil`
# valgrind has no AVX-512, so the kernels for AVX2 run; nor has it 80-bit numbers, by which OpenBLAS takes norms of the
# vectors of 1e-250 that test_algebra has.  FZ_BUILD: another build folder than build/debug.
set -eu -o pipefail
cd "$(dirname "$0")/.."
build=${FZ_BUILD:-build/debug}
command -v valgrind >/dev/null || { echo "valgrind is not installed"; exit 77; }
programs=("$@")
[ $# -gt 0 ] || programs=(frazil $(cd tests/mpi && ls test_*.c | sed 's/\.c$//' | grep -vx test_algebra))
cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Debug -DBUILD_TESTING=ON >/dev/null
cmake --build "$build" --target frazil "${programs[@]}"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# Two ranks on one node: shared memory by plain copies, which valgrind can follow.
export OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader OMPI_MCA_btl_vader_single_copy_mechanism=none
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
suppressions=(--suppressions="$PWD/tests/valgrind.supp")
for file in $(find /usr/share/openmpi "$(dirname "$(command -v mpirun)")/../share/openmpi" -name openmpi-valgrind.supp 2>/dev/null); do
  suppressions+=(--suppressions="$file")
done
watch() { # LOG COMMAND...
  mpirun --oversubscribe -n 2 valgrind -q --error-exitcode=9 --log-file="$work/$1.%p" --num-callers=30 "${suppressions[@]}" "${@:2}"
}
failed=0
for program in "${programs[@]}"; do
  code=0
  rm -rf "$work/run"
  if [ "$program" = frazil ]; then
    "$build/frazil" --log warn simulate --box 16 --pixel-size 6 --snr 0.5 --n 12 --seed 3 --output "$work/sim" >/dev/null
    watch frazil "$build/frazil" --log warn reconstruct --particles "$work/sim/particles.star" --output "$work/run" \
      --threads 1 --starts 1 --kmax-schedule 3 --max-resolution 30 --max-passes 1 >"$work/out.txt" 2>&1 || code=$?
  else
    watch "$program" "$build/tests/$program" >"$work/out.txt" 2>&1 || code=$?
  fi
  errors=$(cat "$work/$program".* | grep -c '^==[0-9]*== [A-Z]' || true)
  echo "$program: exit code $code, $errors lines of errors"
  if [ $code != 0 ] || [ "$errors" != 0 ]; then
    failed=1
    grep -E "^(frazil|test)" "$work/out.txt" || tail -n 5 "$work/out.txt"
    cat "$work/$program".* | head -n "${FZ_LINES:-60}"
  fi
done
exit $failed
