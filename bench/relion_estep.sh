#!/bin/bash
# Pose scoring side by side with RELION: the same images, HEALPix order and shift grid, each program at its own in-plane
# step, one process with one thread each, processor time.
#   bash bench/relion_estep.sh [options]
#
#   --n N           images (100), simulated, 64 px of 5 A
#   --snr RATIO     of the images (0.1)
#   --order N       HEALPix order of both programs: 12 x 4^N directions (2)
#   --range PX --step PX   shifts on a grid of this step within this radius (8, 2)
#   --size PX       image size of the scoring, twice the band limit in shells (20)
#   --repeats N     repetitions; the programs take turns, medians count (3)
#   --engine NAME   of Frazil (polar)
#   --need RATIO    exit code 0 when Frazil's scores per second and core exceed RELION's this many times (300)
#   --out DIR       files (relion_estep)
#   --json FILE     the table for machines
#   --help          this text
# RELION's coarse pass is timed as the difference of two runs of relion_refine on the same images: one with all poses,
# one with a single shift and 72 orientations, which has the rest of the work (start, noise, preparing the images).  Both
# go on with the best coarse pose only (--maxsig 1), so that the second pass takes next to nothing.  Installs RELION
# (Debian package relion) when it is not there.
set -eu -o pipefail
source "$(dirname "$0")/common.sh"

n=100 snr=0.1 order=2 range=8 step=2 size=20 repeats=3 engine=polar need=300 out=relion_estep json=
take_options "--n --snr --order --range --step --size --repeats --engine --need --out --json" "$@"
need_program
bench_estep=$(dirname "$FRAZIL")/bench_estep
[ -x "$bench_estep" ] || die "no program at $bench_estep: build it, it comes with frazil"

if ! command -v relion_refine >/dev/null; then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo -n)
  echo "Installing RELION"
  { "${as_root[@]}" apt-get update -q && "${as_root[@]}" apt-get install -y -q --no-install-recommends relion; } >&2 ||
    die "no relion_refine, and it cannot be installed: install RELION (Debian package relion)"
fi
[ -z "$json" ] || json=$(absolute "$json")
mkdir -p "$out"
cd "$out"

median() { printf '%s\n' "$@" | sort -g | awk '{x[NR] = $1} END {print NR % 2 ? x[(NR + 1) / 2] : (x[NR / 2] + x[NR / 2 + 1]) / 2}'; }
calculate() { awk "BEGIN {printf \"%.6g\", $1}"; }

# relion NAME OPTIONS...: user and system seconds of the run in NAME.time, its output in NAME.txt.
relion() (
  name=$1 TIMEFORMAT='%U %S'
  shift
  rm -rf "$name" && mkdir "$name"
  cd data # RELION looks for the stacks from where it stands
  { time relion_refine --o "../$name/run" --i particles.star --ref truth.mrc --ini_high 20 --ctf \
    --particle_diameter 300 --zero_mask --flatten_solvent --norm --scale --iter 1 --skip_maximize --pad 2 --pool 1 \
    --j 1 --preread_images --dont_check_norm --random_seed 1 --perturb 0 --oversampling 1 --maxsig 1 \
    --coarse_size "$size" "$@" >"../$name.txt" 2>&1; } 2>"../$name.time" ||
    { tail -n 3 "../$name.txt" >&2; die "relion_refine failed"; }
)
# coarse NAME WHAT: the number that RELION announces for its first pass
coarse() { tr '\r' '\n' <"$1.txt" | sed -n '/Oversampling= 0/,/Oversampling= 1/s/.*'"$2"'= \([0-9]*\).*/\1/p' | head -1; }

"$FRAZIL" --log warn simulate --box 64 --pixel-size 5 --n "$n" --snr "$snr" --shift-sd 5 --seed 1 --output data >simulate.txt
full_user=() full_all=() frazil_sweep=() frazil_estep=() sweep_ms=() estep_ms=()
for ((r = 1; r <= repeats; r++)); do
  relion rest --healpix_order 0 --offset_range 0 --offset_step 2
  relion full --healpix_order "$order" --offset_range "$range" --offset_step "$step"
  read -r rest_user rest_system <rest.time
  read -r user system <full.time
  full_user+=("$(calculate "$user - $rest_user")")
  full_all+=("$(calculate "$user + $system - $rest_user - $rest_system")")
  "$bench_estep" --engine "$engine" --particles data/particles.star --map data/truth.mrc --kmax $((size / 2)) --nside $((1 << order)) \
    --shift-step "$step" --shift-range "$range" --repeats 1 --json frazil.json >frazil.txt
  frazil_sweep+=("$(last_metric frazil.json first_sweep_scores_per_s)")
  frazil_estep+=("$(last_metric frazil.json estep_scores_per_s)")
  sweep_ms+=("$(last_metric frazil.json first_sweep_ms_per_image)")
  estep_ms+=("$(last_metric frazil.json estep_ms_per_image)")
done

poses=$(coarse full NrHiddenVariableSamplingPoints) orientations=$(coarse full NrOrientations) shifts=$(coarse full NrTranslations)
our_poses=$(last_metric frazil.json poses) directions=$(last_metric frazil.json directions)
in_plane=$(last_metric frazil.json in_plane) our_shifts=$(last_metric frazil.json shifts)
[ $((orientations * shifts)) = "$poses" ] || die "RELION's poses are not understood: $orientations x $shifts, but $poses"
[ "$shifts" = "$our_shifts" ] || die "the shift grids differ: RELION has $shifts, Frazil $our_shifts"
[ $((orientations % directions)) = 0 ] || die "the directions differ: RELION has $orientations orientations, Frazil $directions directions"
# The first pass found one pose for each image, or the second pass had more to do than thought.
significant=$(awk '/_rlnNrOfSignificantSamples/ {c = substr($2, 2)} c && NF >= c && /@/ {sum += $c; k++} END {print sum / k}' full/run_it001_data.star)
[ "$significant" = 1 ] || die "RELION went on with $significant poses per image"

user=$(median "${full_user[@]}") all=$(median "${full_all[@]}")
theirs=$(calculate "$poses * $n / $user") theirs_all=$(calculate "$poses * $n / $all")
sweep=$(median "${frazil_sweep[@]}") estep=$(median "${frazil_estep[@]}")
ours_ms=$(median "${sweep_ms[@]}") ours_estep_ms=$(median "${estep_ms[@]}") theirs_ms=$(calculate "1000 * $user / $n")
ratio=$(calculate "$sweep / $theirs") ratio_all=$(calculate "$sweep / $theirs_all") ratio_estep=$(calculate "$estep / $theirs")
common=$(calculate "$theirs_ms / $ours_ms")
verdict=failed
at_most "$need" "$ratio" && verdict=passed

version=$(relion_refine --version 2>&1 | sed -n 's/.*RELION version: *\([0-9.]*\).*/\1/p' | head -1)
million='%8.2f million scores/s/core, %8.2f ms per image'
echo "$n images, $size px in scoring, HEALPix order $order, $shifts shifts; one thread each, $repeats repetitions"
printf "%-36s %3d directions x %3d in plane x %d shifts: $million (user time; with system time %.2f million)\n" "RELION $version, coarse pass:" \
  "$directions" $((orientations / directions)) "$shifts" "$(calculate "$theirs * 1e-6")" "$theirs_ms" "$(calculate "$theirs_all * 1e-6")"
printf "%-36s %3d directions x %3d in plane x %d shifts: $million\n" "Frazil, $engine engine, first sweep:" \
  "$directions" "$in_plane" "$our_shifts" "$(calculate "$sweep * 1e-6")" "$ours_ms"
printf "%-36s %3d directions x %3d in plane x %d shifts: $million\n" "Frazil, $engine engine, E-step:" \
  "$directions" "$in_plane" "$our_shifts" "$(calculate "$estep * 1e-6")" "$ours_estep_ms"
printf 'ratio of scores/s/core: %.0f (%.0f with RELION'\''s system time; %.0f with statistics); at least %s wanted: %s\n' \
  "$ratio" "$ratio_all" "$ratio_estep" "$need" "$verdict"
printf 'ratio on common poses, time per image for at least RELION'\''s: %.0f\n' "$common"
[ -z "$json" ] || json_report "$json" relion_estep "$(json_row relion "$version" images "$n" size_px "$size" order "$order" shifts "$shifts" \
  relion_poses "$poses" relion_in_plane $((orientations / directions)) relion_user_scores_per_s "$theirs" \
  relion_scores_per_s "$theirs_all" relion_ms_per_image "$theirs_ms" engine "$engine" frazil_poses "$our_poses" \
  frazil_in_plane "$in_plane" frazil_first_sweep_scores_per_s "$sweep" frazil_estep_scores_per_s "$estep" \
  frazil_first_sweep_ms_per_image "$ours_ms" frazil_estep_ms_per_image "$ours_estep_ms" ratio "$ratio" \
  ratio_with_system_time "$ratio_all" ratio_with_statistics "$ratio_estep" ratio_on_common_poses "$common" verdict $verdict)"
[ $verdict = passed ]
