#!/bin/bash
# Fuzz every parser for some seconds; a finding is an input that crashes, hangs, leaks or is taken wrongly.
#   bash tests/fuzz/run.sh [SECONDS [TARGET...]]      600 seconds each; fuzz_mrc fuzz_star ...: all
# Builds with clang in FZ_BUILD (build/fuzz). Inputs start from the corpus of broken files and from good ones; what was
# learnt stays in $FZ_BUILD/corpus, findings in $FZ_BUILD/findings. Exit code 1 when there are findings.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-600}
[ $# = 0 ] || shift
build=${FZ_BUILD:-build/fuzz}
bash cmake/install-packages.sh build fuzz
CC=clang cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Debug -DFZ_FUZZ=ON -DBUILD_TESTING=OFF >/dev/null
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=($(cd tests/fuzz && ls fuzz_*.c | sed 's/\.c$//'))
cmake --build "$build" --target frazil "${targets[@]}" >"$build/build.txt" || { tail -n 20 "$build/build.txt"; exit 1; }
build=$(cd "$build" && pwd)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 ASAN_OPTIONS=detect_leaks=0 OMP_NUM_THREADS=1
[ -f "$build/seeds/cases.txt" ] || FRAZIL=$build/frazil bash tests/corpus/make_broken.sh "$build/seeds"
mkdir -p "$build/findings"
# seeds TARGET: the files of its kind, small enough to be changed fast
seeds() {
  local kind
  case $1 in
    fuzz_mrc) kind='-name *.mrcs -o -name *.mrc' ;;
    fuzz_star) kind='-name *.star' ;;
    fuzz_particles) kind='-name *.star -o -name *.cs' ;;
    fuzz_npy) kind='-name *.cs' ;;
    fuzz_atoms) kind='-name *.pdb -o -name *.cif' ;;
    fuzz_manifest) kind='-name manifest' ;;
    fuzz_options | fuzz_spec | fuzz_numbers | fuzz_checkpoint) kind='-name none' ;;
    *) kind='-name *' ;;
  esac
  (set -f; find "$build/seeds" -type f -size -8 \( $kind \))
}
# written TARGET FOLDER: seeds that are no files of the corpus
written() {
  local spec
  case $1 in
    fuzz_options)
      printf '%s\n' --flag --whole=3 --real 1e-3 --list a --list b --choice one operand '' 'text: "a b"' >"$2/seed_line"
      printf '\n%s\n' 'flag: true' 'whole: -4' 'positive: 0.25' 'text: null' 'given: "\x41"' 'list: [a, "b c", ~]' >"$2/seed_yaml" ;;
    fuzz_spec)
      for spec in em svrg-ii:step=0.1,memory=20 svrg-i:eigenpairs=3,hessian-images=100 sgd:batch=100,rate-power=0.5 \
        momentum:momentum=0.9,precondition=none gd:step=search,safeguards=none hessian-free:damping=1e-3 em:help; do
        printf %s $spec >"$2/seed_$spec"
      done ;;
    fuzz_numbers) printf '# x y\n1 2\n3e4, -5.5\n' >"$2/seed" ;;
    fuzz_checkpoint)
      for spec in '' '\1' '\0\4\1' '\1\4\4\0\1' '\0\1\0\0\2\3\4\5\6\7' '\1\20\0\3\2\3\3\3\4\5\6\7\1\1\1'; do
        printf "$spec" >"$2/seed_${spec//\\/_}"
      done ;;
  esac
}
failed=0
for target in "${targets[@]}"; do
  corpus=$build/corpus/$target
  mkdir -p "$corpus"
  n=0
  while read -r file; do cp "$file" "$corpus/seed$((n += 1))"; done < <(seeds "$target")
  written "$target" "$corpus"
  head -c 4096 "$build/seeds/sim/particles.mrcs" >"$corpus/seed_mrc"
  [ $target = fuzz_mrc ] || rm "$corpus/seed_mrc"
  code=0
  "$build/tests/fuzz/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 -max_len=16384 \
    -print_final_stats=1 -artifact_prefix="$build/findings/$target-" "$corpus" >"$build/$target.txt" 2>&1 || code=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$target.txt")
  cover=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$build/$target.txt" | tail -n 1)
  printf '%-16s %10s runs  %6s edges  %s\n' "$target" "${runs:--}" "${cover:--}" \
    "$([ $code = 0 ] && echo 'no finding' || echo "FINDING, see $build/$target.txt")"
  [ $code = 0 ] || failed=1
done
exit $failed
