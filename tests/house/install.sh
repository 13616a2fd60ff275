#!/bin/bash
# The installed tree works alone: the program runs, a program finds the library through pkg-config.
cmake --install "$FZ_BUILD" --prefix "$PWD/usr" >install.txt
usr/bin/frazil --version >version.txt
grep -q '^frazil [0-9]' version.txt
cat >user.c <<'C'
#include <core/version.h>
#include <io/versions.h>
#include <stdio.h>
static void show(void *context, const char *name, const char *version) {
  (void)context;
  printf("%s %s\n", name, version);
}
int main(void) {
  fz_io_versions(show, NULL);
  return fz_version()[0] == '\0';
}
C
pc=$(find "$PWD/usr" -name frazil.pc -printf '%h')
sanitize=()
nm "$FZ_BUILD/libfz_core.a" >symbols.txt 2>/dev/null
grep -q __asan_init symbols.txt && sanitize=(-fsanitize=address -fsanitize=undefined)
PKG_CONFIG_PATH=$pc pkg-config --define-variable=prefix="$PWD/usr" --cflags --libs frazil >flags.txt
read -r -a flags <flags.txt
"$FZ_CC" "${sanitize[@]}" user.c "${flags[@]}" -o user
./user >versions.txt
grep -q '^HDF5 ' versions.txt
