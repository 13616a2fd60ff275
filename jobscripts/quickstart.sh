#!/bin/bash
# From nothing to a structure on one machine: install what is missing, build, simulate particles of a phantom, find the
# map back ab initio on two ranks, compare it with the truth.   bash jobscripts/quickstart.sh [OUTPUT_FOLDER]
# In the environment: PARTICLES BOX PIXEL_A SNR FINEST_A RANKS SEED. The same command again continues, or shows what there is.
set -eu -o pipefail
cd "$(dirname "$0")/.."

particles=${PARTICLES:-2000}
box=${BOX:-48}
pixel_A=${PIXEL_A:-4}
snr=${SNR:-0.1}
finest_A=${FINEST_A:-16} # the last shells cost most; without this limit the run goes on to shell 14
ranks=${RANKS:-2}
seed=${SEED:-1}
out=${1:-quickstart}
build=${FZ_BUILD:-build/release}

step() { printf '\n== %s\n' "$*"; }

step "Build"
bash cmake/install-packages.sh build
cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF
cmake --build "$build"
frazil=$build/frazil
mkdir -p "$out"

# Containers run as root, which Open MPI wants confirmed; laptops have fewer cores than it counts slots.
if [ "$(id -u)" = 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
threads=$(($(nproc) / ranks))
export OMP_NUM_THREADS=$((threads > 0 ? threads : 1))
parallel=(mpirun --oversubscribe --bind-to none -n "$ranks")

step "Simulate $particles particles of $box pixels of $pixel_A A, signal-to-noise ratio $snr"
"$frazil" simulate --phantom asymmetric --box "$box" --pixel-size "$pixel_A" --n "$particles" --snr "$snr" \
  --seed "$seed" --output "$out/data"

step "Reconstruct ab initio on $ranks ranks"
"${parallel[@]}" "$frazil" reconstruct --particles "$out/data/particles.star" --output "$out/run" --seed "$seed" \
  --max-resolution "$finest_A"

step "Compare with the truth"
"$frazil" align "$out/run/map.mrc" "$out/data/truth.mrc" --output "$out/aligned.mrc" --plot "$out/aligned.png" >"$out/align.txt"
grep -v '^resolution' "$out/align.txt"
"$frazil" fsc "$out/aligned.mrc" "$out/data/truth.mrc" --plot "$out/fsc_truth.png" | sed 's/^/against the truth: /'

step "Results"
echo "map       $out/run/map.mrc, on the truth: $out/aligned.mrc"
echo "truth     $out/data/truth.mrc"
find "$out" -name '*.png' -printf 'picture   %p\n' | sort
