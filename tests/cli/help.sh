#!/bin/bash
# The program's manners: help, versions, unknown words, closed streams; the same for every command it has.
fail() { echo "$*"; exit 1; }

# expect CODE COMMAND...: run it, keep out.txt and err.txt.
expect() {
  local code=$1 got=0
  shift
  "$@" >out.txt 2>err.txt || got=$?
  [ "$got" = "$code" ] || { cat out.txt err.txt; fail "$* ended with $got, not $code"; }
}
one_line_error() {
  [ "$(wc -l <err.txt)" = 1 ] && [ ! -s out.txt ] || { cat out.txt err.txt; fail "not exactly one message: $1"; }
  grep -qF -- "$1" err.txt || { cat err.txt; fail "the message lacks '$1'"; }
}

expect 0 "$FRAZIL" --help
grep -q '^Usage: frazil' out.txt
cp out.txt help.txt
expect 0 "$FRAZIL" --version
for library in 'git revision' 'Open MPI\|MPI ' PETSc ScaLAPACK FFTW3-MPI OpenBLAS 'HDF5 .*parallel: yes' libpng libxml2 \
  libyaml zlib chealpix Random123; do
  grep -q "$library" out.txt || fail "--version does not mention $library"
done
expect 1 "$FRAZIL"
one_line_error "frazil: no command given"
expect 1 "$FRAZIL" --nonsense
one_line_error "unknown option --nonsense"
expect 1 "$FRAZIL" --log loud info
one_line_error "--log: 'loud' is not one of"
expect 1 "$FRAZIL" qqqqqq
one_line_error "frazil: unknown command 'qqqqqq'"

# A reader that leaves early is no error; a full disk and a closed output are.
"$FRAZIL" --help | head -c 1 >/dev/null
expect 2 bash -c '"$FRAZIL" --help >/dev/full'
grep -q 'cannot write to standard output' err.txt
expect 2 bash -c '"$FRAZIL" --help >&-'
"$MPIRUN" --oversubscribe -n 2 "$FRAZIL" --help >twice.txt
cmp -s twice.txt help.txt || fail "help is printed by more than one rank"

commands=$(sed -n 's/.*{"\([a-z0-9]*\)", fz_cmd_.*/\1/p' "$FZ_BUILD/generated/frazil_commands.h")
for command in $commands; do
  summary=$(sed -n "s/^  $command  *//p" help.txt)
  [ -n "$summary" ] || fail "frazil --help does not list $command"
  expect 0 "$FRAZIL" "$command" --help
  grep -q "^Usage: frazil $command " out.txt || fail "$command --help has no usage line"
  [ ! -s err.txt ] || fail "$command --help wrote to standard error"
  awk 'length($0) > 300 {exit 1}' out.txt
  options=$(sed -n 's/^  --\([a-z0-9-]*\).*/\1/p' out.txt)
  # Every option of the table is in the source as .name or first member; every one must be on the page.
  for option in $(sed -n 's/^ *{ *\(\.name *= *\)\{0,1\}"\([a-z0-9-]*\)", *\(\.type *= *\)\{0,1\}FZ_OPTION_.*/\2/p' \
    "$FZ_SOURCE/io/cli/cmd_$command.c"); do
    grep -qxF -- "$option" <<<"$options" || fail "$command --help does not name --$option"
  done
  expect 1 "$FRAZIL" "$command" --hepl
  one_line_error "frazil $command: unknown option --hepl; did you mean --help?"
  expect 1 "$FRAZIL" "${command}x"
  one_line_error "did you mean '$command'?"
  # One message, however many ranks.
  "$MPIRUN" --oversubscribe -n 2 "$FRAZIL" "$command" --hepl >out.txt 2>err.txt && fail "$command --hepl passed on 2 ranks"
  [ "$(grep -c "^frazil $command: " err.txt)" = 1 ] || { cat err.txt; fail "$command: not one message from 2 ranks"; }
done
