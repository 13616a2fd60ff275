#!/bin/bash
# Other programs accept our files (mrcfile, RELION), and we read what mrcfile writes in every mode and byte order.
python=
for candidate in python3 /usr/bin/python3; do
  "$candidate" -c 'import mrcfile, numpy' 2>/dev/null && python=$candidate && break
done
relion=$(command -v relion_image_handler || true)
if [ -z "$python" ] && [ -z "$relion" ]; then
  echo "skipped: neither python3-mrcfile nor RELION is installed"
  exit 77
fi
fail() { echo "$*"; exit 1; }

libraries=("$FZ_BUILD/libfz_io.a" "$FZ_BUILD/libfz_par.a" "$FZ_BUILD/libfz_core.a")
build() { "$FZ_CC" "$@" -std=gnu11 -I"$FZ_SOURCE" -I"$FZ_SOURCE/src" "$FZ_SOURCE/tests/interop/write_files.c" \
  "${libraries[@]}" -fopenmp -lpthread -lm -o write_files; }
build 2>/dev/null || build -fsanitize=address,undefined # a build with sanitizers needs theirs
./write_files

if [ -n "$python" ]; then
  "$python" - <<'PYTHON'
import sys, warnings, mrcfile, numpy as np
for name, shape in (("map.mrc", (16, 16, 16)), ("stack.mrcs", (5, 16, 16))):
    if not mrcfile.validate(name):
        sys.exit(f"mrcfile does not validate {name}")
    with mrcfile.open(name) as f:
        assert f.data.shape == shape and abs(f.voxel_size.x - 1.25) < 1e-6 and abs(f.voxel_size.z - 1.25) < 1e-6
        assert f.is_volume() == (name == "map.mrc") and f.is_image_stack() == (name == "stack.mrcs")
        i = np.arange(f.data.size).reshape(shape)
        want = i % 97 - 20.0 if name == "map.mrc" else (i % 89) / 8.0
        assert np.array_equal(f.data, want.astype(np.float32)), name
# the other way: every mode and byte order, mean 3.5
for dtype in ("i1", "i2", "f4", "u2", "f2"):
    for order in "<>":
        with mrcfile.new(f"{dtype}{'le' if order == '<' else 'be'}.mrc", overwrite=True) as f:
            f.set_data((np.arange(8 * 8 * 8) % 8).reshape(8, 8, 8).astype(order + dtype))
            f.voxel_size = 2.5
            f.update_header_stats()
PYTHON
  for file in i1le i1be i2le i2be f4le f4be u2le u2be f2le f2be; do
    "$FRAZIL" info $file.mrc >info.txt
    grep -q 'map of 8 x 8 x 8 voxels' info.txt && grep -q 'voxel size      2.5 A' info.txt &&
      grep -q 'minimum 0, maximum 7, mean 3.5, ' info.txt || { cat info.txt; fail "$file.mrc is not read right"; }
  done
fi

if [ -n "$relion" ]; then
  "$relion" --i map.mrc --stats >relion.txt 2>&1 || { cat relion.txt; fail "RELION refuses map.mrc"; }
  grep -q '(x,y,z,n)= 16 x 16 x 16 x 1 ' relion.txt || { cat relion.txt; fail "RELION sees another map"; }
  # 42 cycles of mean 48 and 0..21, less 20: 195783 / 4096 - 20
  grep -q 'avg= 27.7986 .*minval= -20 maxval= 76' relion.txt || { cat relion.txt; fail "RELION sees other values"; }
  "$relion" --i stack.mrcs --stats >relion.txt 2>&1 || { cat relion.txt; fail "RELION refuses stack.mrcs"; }
  [ "$(grep -c '@stack.mrcs .*16 x 16 x 1 x 1 .*angpix = 1.25' relion.txt)" = 5 ] || { cat relion.txt; fail "RELION sees another stack"; }
  if command -v relion_reconstruct >/dev/null; then
    relion_reconstruct --i particles.star --o back.mrc --ctf >relion.txt 2>&1 ||
      { cat relion.txt; fail "RELION refuses particles.star"; }
    "$FRAZIL" info back.mrc | tee info.txt | grep -q 'map of 16 x 16 x 16 voxels' ||
      { cat info.txt; fail "RELION's map is not read"; }
    grep -q 'voxel size      1.25 A' info.txt || { cat info.txt; fail "the pixel size did not come through"; }
  fi
fi
