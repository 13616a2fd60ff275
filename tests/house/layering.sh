#!/bin/bash
# The link order is the law: src <- mpi <- io <- io/cli.  Undefined symbols of the libraries and #include lines.
problems=0

# complain ABOUT LINES: lines, if any, are violations.
complain() {
  [ -z "$2" ] && return
  printf '%s:\n%s\n' "$1" "$2"
  problems=1
}

# undefined ARCHIVE PATTERN: members and undefined symbols that match.
undefined() {
  nm -u -A "$FZ_BUILD/$1" 2>/dev/null | awk -v pattern="^($2)\$" '$NF ~ pattern || $(NF) ~ pattern {print "  " $1 " " $NF}'
}

files='fopen|fopen64|fdopen|freopen|open|open64|creat|fread|fwrite|fprintf|__fprintf_chk|vfprintf|printf|__printf_chk|puts|putchar|fputs|fputc'
for archive in libfz_core.a libfz_par.a libfz_io.a; do
  # An archive that shows nothing would let everything pass.
  [ "$(nm -u "$FZ_BUILD/$archive" | wc -l)" -gt 10 ] || { echo "$archive: no symbols read"; exit 1; }
done
complain "fz_core uses MPI, HDF5, PETSc or ScaLAPACK" \
  "$(undefined libfz_core.a 'MPI_.*|H5.*|Petsc.*|KSP.*|Mat[A-Z].*|Vec[A-Z].*|fftw_mpi_.*|p[sd][a-z]+_|Cblacs_.*')"
complain "fz_core touches files, prints, exits or reads the environment" \
  "$(undefined libfz_core.a "$files|exit|_exit|getenv|secure_getenv|time|gettimeofday")"
complain "fz_par uses HDF5 or files" "$(undefined libfz_par.a "H5.*|$files")"
complain "fz_io calls MPI itself" "$(undefined libfz_io.a 'MPI_.*' | grep -v 'ompi_')"

# includes FOLDER PATTERN: offending #include lines of the sources directly in a folder (src: of the whole tree).
includes() {
  local depth=1
  [ "$1" = src ] && depth=9
  find "$FZ_SOURCE/$1" -maxdepth $depth -name '*.[ch]' -print0 |
    xargs -0 -r grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($2)" | sed "s#^$FZ_SOURCE/#  #" || true
}
complain "src includes from above" "$(includes src 'mpi\.h|mpi/|io/|hdf5|H5|petsc|fftw3-mpi|yaml|png|libxml')"
complain "mpi includes from above" "$(includes mpi 'io/|hdf5|H5|yaml|png|libxml')"
complain "io includes the front-end" "$(includes io 'io/cli/')"
complain "io includes science that it should be handed" "$(includes io 'estep/|optim/')"
exit $problems
