# shellcheck shell=bash
# Sourced by the scripts of bench/: where the program is, how it is started, how results are told to machines.
fz_source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
FRAZIL=${FRAZIL:-${FZ_BUILD:-$fz_source/build/release}/frazil}

die() { echo "$(basename "$0"): $*" >&2; exit 1; }
usage() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"; }
# take_options "--a --b" ARGUMENTS...: each sets the variable of its name
take_options() {
  local known=" $1 "
  shift
  while [ $# -gt 0 ]; do
    [ "$1" != --help ] || { usage; exit 0; }
    [[ $known == *" $1 "* ]] || die "unknown option $1 (see --help)"
    need_value "$@"
    printf -v "${1#--}" '%s' "$2"
    shift 2
  done
}
need_value() { [ $# -ge 2 ] || die "$1 wants a value"; }
absolute() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }

need_program() {
  [ -x "$FRAZIL" ] || die "no program at $FRAZIL: build it (bash jobscripts/quickstart.sh), or set FRAZIL"
  FRAZIL=$(absolute "$FRAZIL")
}

# Open MPI wants root confirmed (containers), and counts fewer slots than a laptop has hardware threads.
if [ "$(id -u)" = 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# launch RANKS PROGRAM...: FZ_LAUNCH replaces mpirun, e.g. FZ_LAUNCH="srun --mpi=pmix"
launch() {
  local ranks=$1 threads=$(($(nproc) / $1))
  shift
  local launcher=(mpirun --oversubscribe --bind-to none)
  [ -z "${FZ_LAUNCH:-}" ] || read -ra launcher <<<"$FZ_LAUNCH"
  OMP_NUM_THREADS=${OMP_NUM_THREADS:-$((threads > 0 ? threads : 1))} "${launcher[@]}" -n "$ranks" "$@"
}

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN {printf "%.1f", b - a}'; }
at_most() { awk -v a="$1" -v b="$2" 'BEGIN {exit !(a + 0 <= b + 0)}'; }

# JSON: text is quoted, numbers are left alone, "-" is null.
json_text() { local s=${1//\\/\\\\}; printf '"%s"' "${s//\"/\\\"}"; }
json_value() { if [[ $1 =~ ^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$ ]]; then printf '%s' "$1"; elif [ "$1" = - ]; then printf null; else json_text "$1"; fi; }
# json_row KEY VALUE ...
json_row() {
  local separator='{'
  while [ $# -ge 2 ]; do
    printf '%s"%s": ' "$separator" "$1"
    json_value "$2"
    separator=', '
    shift 2
  done
  printf '}'
}
# json_report FILE NAME ROWS: ROWS is a comma-separated list of objects; written complete or not at all.
json_report() {
  local cpu
  cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -1)
  {
    printf '{"bench": '; json_text "$2"
    printf ', "program": '; json_text "$("$FRAZIL" --version | head -1)"
    printf ', "processor": '; json_text "$cpu"
    printf ', "cores": %s, "date": "%s",\n "rows": [%s]}\n' "$(nproc)" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$3"
  } >"$1.part"
  mv "$1.part" "$1"
}

# From what `frazil align` and `frazil fsc` print: resolution and shell at FSC 0.5, the hand that was chosen.
resolution_of() { sed -n 's/^resolution at FSC = 0.5: \(<= \)\{0,1\}\([0-9.]*\) A .*/\2/p' "$1"; }
shell_of() { sed -n 's/^resolution at FSC = 0.5: [^(]*(shell \([0-9.]*\) of.*/\1/p' "$1"; }
hand_of() { sed -n 's/^hand \([a-z]*\): .*<- chosen.*/\1/p' "$1"; }
# last_metric FILE KEY: its value in the last line that has it
last_metric() { sed -n 's/.*"'"$2"'": \([-0-9.e+]*\).*/\1/p' "$1" | tail -1; }
