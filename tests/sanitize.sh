#!/bin/bash
# Builds with sanitizers and runs what they can judge; a report of theirs ends a program, and this script, with an error.
#   bash tests/sanitize.sh [address | thread [TEST...]]      default: address; TEST: of tests/unit, all
# address: AddressSanitizer and UndefinedBehaviorSanitizer (build/asan) over the unit and io tests, the mpi tests on 2
#          ranks, the corpus of broken inputs, and reconstructions on 2 ranks x 2 threads.
# thread:  ThreadSanitizer (build/tsan), by clang, because GCC's OpenMP library hides its locks from it and LLVM's tells
#          them through archer: the unit tests on 4 threads, reconstructions on 1 rank x 4 threads. MPI, FFTW and BLAS
#          are not instrumented and left out.
# FZ_BUILD: another build folder.
set -eu -o pipefail
cd "$(dirname "$0")/.."
kind=${1:-address}
[ $# = 0 ] || shift
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# reconstructions LAUNCHER...: small ones, by every way to weigh poses and some optimizers, one of them stopped and resumed
reconstructions() {
  local work
  work=$(mktemp -d)
  "$build/frazil" --log warn simulate --box 24 --pixel-size 6 --snr 0.5 --n 80 --seed 3 --output "$work/sim"
  run() {
    echo "reconstruct $*"
    "${launcher[@]}" "$build/frazil" --log warn reconstruct --particles "$work/sim/particles.star" --output "$work/run" \
      --starts 1 --kmax-schedule 3 --max-resolution 30 --max-passes 1 "$@"
  }
  local launcher=("$@") how
  for how in '' '--marginalization exhaustive --engine direct' '--marginalization bounded' '--marginalization modal' \
    '--marginalization importance' '--precision double' '--classes 2' '--algorithm svrg-ii' '--algorithm sem-vr-qn' \
    '--algorithm hessian-free'; do
    rm -rf "$work/run"
    run --threads "$threads" $how
  done
  rm -rf "$work/run"
  run --threads "$threads" --checkpoint-interval 0 &
  local job=$!
  while [ ! -f "$work/run/checkpoint/manifest" ] && kill -0 $job; do sleep 0.1; done
  touch "$work/run/STOP"
  wait $job || [ $? = 75 ]
  rm -f "$work/run/STOP"
  run --threads "$threads"
  rm -r "$work"
}
case $kind in
  address)
    build=${FZ_BUILD:-build/asan} threads=2
    cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Debug -DFZ_SANITIZE=ON -DBUILD_TESTING=ON
    cmake --build "$build"
    ctest --test-dir "$build" --output-on-failure --no-tests=error -L '^(unit|io)$'
    ctest --test-dir "$build" --output-on-failure --no-tests=error -L '^mpi$' -R '_2$'
    ctest --test-dir "$build" --output-on-failure --no-tests=error -R '^cli_corpus$'
    # What MPI keeps at the end cannot be told from leaks of ours, which the tests count themselves.
    export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
    reconstructions mpirun --oversubscribe -n 2 ;;
  thread)
    build=${FZ_BUILD:-build/tsan} threads=4
    bash cmake/install-packages.sh build test fuzz
    CC=clang cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Debug -DFZ_SANITIZE=thread -DBUILD_TESTING=ON
    tests=("$@")
    [ $# -gt 0 ] || tests=($(cd tests/unit && ls test_*.c | sed 's/\.c$//'))
    cmake --build "$build" --target frazil "${tests[@]}"
    archer=$(readlink -f "$(clang -print-resource-dir)/../../libarcher.so")
    [ -f "$archer" ] || { echo "no libarcher.so beside clang's OpenMP library: without it all findings are false"; exit 1; }
    export OMP_TOOL_LIBRARIES=$archer OMP_NUM_THREADS=$threads OPENBLAS_NUM_THREADS=1
    export TSAN_OPTIONS='ignore_noninstrumented_modules=1 halt_on_error=1'
    printf 'int main(void) {\n  int n = 0;\n#pragma omp parallel for\n  for (int i = 0; i < 100000; i++) n += i;\n  return n == 1;\n}\n' \
      >"$build/race.c"
    clang -g -O1 -fopenmp -fsanitize=thread "$build/race.c" -o "$build/race"
    ! "$build/race" 2>"$build/out.txt" && grep -q 'data race' "$build/out.txt" || { echo "a race is not seen here"; exit 1; }
    for test in "${tests[@]}"; do
      "$build/tests/$test" >"$build/out.txt" 2>&1 || { tail -n 60 "$build/out.txt"; echo "$test"; exit 1; }
    done
    reconstructions ;;
  *) echo "address or thread?"; exit 2 ;;
esac
echo "no report"
