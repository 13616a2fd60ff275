#!/bin/bash
# A configure on a machine without the libraries stops with one message that names the packages.
if PKG_CONFIG_LIBDIR=/nonexistent PKG_CONFIG_PATH='' cmake -S "$FZ_SOURCE" -B build -DCMAKE_C_COMPILER="$FZ_CC" \
  >out.txt 2>err.txt; then
  echo "configured without any library"
  exit 1
fi
for word in 'Missing:' libfftw3-dev 'Spack:  hdf5 +mpi' libpetsc-real-dev libyaml-dev 'install-packages.sh build test'; do
  grep -qF -- "$word" err.txt || { echo "the message lacks '$word':"; cat err.txt; exit 1; }
done
[ "$(grep -c 'CMake Error' err.txt)" = 1 ] || { echo "more than one error:"; cat err.txt; exit 1; }
