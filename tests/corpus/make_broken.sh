#!/bin/bash
# Makes a corpus of broken inputs, from good ones that the program simulates; nothing is stored.
#   FRAZIL=... bash make_broken.sh FOLDER
# FOLDER/cases.txt has one case a line: KIND|FILE|PLACE, where PLACE is what a message about it must contain, and KIND
# says how the file is given: particles, map (--init), model (simulate --atoms), run (a run folder to be resumed).
# FOLDER/odd.txt has particle files that look strange and are good: these must be accepted.  FOLDER/mended.txt has run
# folders, FOLDER|PLACE, that are damaged and go on all the same, saying so.
set -eu -o pipefail
mkdir -p "$1"
cd "$1"
: >cases.txt
: >odd.txt
: >mended.txt

"$FRAZIL" --log warn simulate --box 16 --pixel-size 6 --n 40 --snr 1 --seed 3 --output sim >/dev/null
good=sim/particles.star
first=$(grep -n -m 1 '@' $good | cut -d: -f1)
optics=$(grep -n -m 1 'opticsGroup1' $good | cut -d: -f1)
plane=$((16 * 16 * 4))

case_of() { printf '%s|%s|%s\n' "$1" "$2" "$3" >>cases.txt; }
# star NAME PLACE SED-SCRIPT: a changed table.  In PLACE, @N is ":LINE: " of row N (from 0), @o that of the optics group.
star() {
  sed "$3" $good >"sim/$1.star"
  local place=$2
  [[ $place != @o* ]] || place=":$optics: ${place#@o}"
  [[ ! $place =~ ^@([0-9]+) ]] || place=":$((first + BASH_REMATCH[1])): ${place#@"${BASH_REMATCH[1]}"}"
  case_of particles "sim/$1.star" "sim/$1.star$place"
}
row() { echo $((first + $1)); }
# column LABEL: sed pattern of a row's cells up to this one, all but which is \1; optics_column: the same in data_optics
pattern() { printf '^\\(\\( *[^ ]\\+\\)\\{%d\\} *\\)[^ ]\\+' $(($1 - 1)); }
column() { pattern "$(sed -n "s/^_$1 #\([0-9]*\).*/\1/p" $good | tail -n 1)"; }
optics_column() { pattern "$(sed -n "1,${optics}s/^_$1 #\([0-9]*\).*/\1/p" $good)"; }
# cell NAME ROW LABEL VALUE [PLACE]: one cell of one row is VALUE
cell() { star "$1" "@$2${5:-_$3: }" "$(row "$2")s/$(column "$3")/\1$4/"; }
# glass NAME LABEL VALUE [PLACE]: the same of the optics group
glass() { star "$1" "${4:-@o_$2: }" "${optics}s/$(optics_column "$2")/\1$3/"; }

# ---- the file itself ----
case_of particles nowhere.star 'nowhere.star: cannot open'
: >sim/empty.star
case_of particles sim/empty.star 'sim/empty.star: '
mkdir -p sim/folder.star
case_of particles sim/folder.star 'sim/folder.star: '
ln -sfn cycle2.star sim/cycle1.star
ln -sfn cycle1.star sim/cycle2.star
case_of particles sim/cycle1.star 'sim/cycle1.star: '
ln -sfn gone.star sim/dangling.star
case_of particles sim/dangling.star 'sim/dangling.star: '
[ -p sim/pipe.star ] || mkfifo sim/pipe.star
case_of particles sim/pipe.star 'sim/pipe.star: '
case_of particles /dev/null '/dev/null: '
if [ "$(id -u)" != 0 ]; then
  cp $good sim/locked.star
  chmod 000 sim/locked.star
  case_of particles sim/locked.star 'sim/locked.star: cannot open'
fi
cp sim/particles.mrcs sim/stack_as_table.star
case_of particles sim/stack_as_table.star 'sim/stack_as_table.star: not a STAR file'
tr '\n' '\r' <$good >sim/returns.star
case_of particles sim/returns.star 'sim/returns.star: its lines end with carriage returns'
sed 's/./&\x0/g' $good >sim/wide.star
case_of particles sim/wide.star 'sim/wide.star: not a STAR file'
echo 'once upon a time' >sim/prose.star
case_of particles sim/prose.star 'sim/prose.star:1: '

# ---- blocks, loops, rows ----
star no_block ':' '/^data_/d'
star no_loop ':' '/^loop_/d'
star no_name ': _rlnImageName' 's/_rlnImageName/_rlnOtherName/'
star double_column ':' 's/_rlnDefocusV/_rlnDefocusU/'
star short_row "@2" "$(row 2)s/ [^ ]* *$//"
star long_row "@3" "$(row 3)s/$/ 7/"
star cut_file @39 "$(row 39)s/ 0\.0.*//;$(row 40),\$d"
star open_quote "@4" "$(row 4)s/ \([^ ]*\) *$/ \"\1/"
star text_block "@5" "$(row 5)i ;"
star no_rows ': data_particles is empty' "$first,\$d"
star no_optics_rows ': data_optics is empty' "${optics}d"
{ sed "$((first - 1))q" $good; for i in $(seq 3000); do echo "_rlnColumn$i"; done; } >sim/many_columns.star
case_of particles sim/many_columns.star 'sim/many_columns.star:'
{ echo data_; for i in $(seq 200000); do echo loop_; done; } >sim/many_loops.star
case_of particles sim/many_loops.star 'sim/many_loops.star: '
{ head -n "$((first - 1))" $good; head -c 3000000 /dev/zero | tr '\0' 'x'; } >sim/long_line.star
case_of particles sim/long_line.star "sim/long_line.star:$first: "

# ---- numbers ----
cell nan 6 rlnDefocusU nan
cell inf 7 rlnDefocusV -inf
cell overflow 8 rlnAngleRot 1e999
cell text 9 rlnAngleTilt 12.5.7
cell comma 10 rlnPhaseShift '0,5'
cell no_digits 11 rlnCtfScalefactor -
cell image_zero 12 rlnImageName 0@particles.mrcs
cell image_negative 13 rlnImageName -4@particles.mrcs
cell image_huge 14 rlnImageName 99999999999999999999@particles.mrcs
cell image_half 15 rlnImageName 1.5@particles.mrcs
cell image_text 16 rlnImageName one@particles.mrcs
cell no_stack_name 17 rlnImageName 3@
cell beyond 18 rlnImageName 41@particles.mrcs
cell far_beyond 19 rlnImageName 2147483648@particles.mrcs

# ---- stacks that the table names ----
cell missing_stack 20 rlnImageName 1@gone.mrcs
cell folder_stack 21 rlnImageName 1@folder.star
cell itself 22 rlnImageName 1@itself.star
cell device_stack 23 rlnImageName '1@\/dev\/null'
cell pipe_stack 24 rlnImageName 1@pipe.star
cell cyclic_stack 25 rlnImageName 1@cycle1.star

# ---- optics ----
cell unknown_group 26 rlnOpticsGroup 7
cell text_group 27 rlnOpticsGroup first
star double_group ":$((optics + 1)): _rlnOpticsGroup: " "${optics}p"
glass pixel_zero rlnImagePixelSize 0
glass pixel_negative rlnImagePixelSize -6
glass pixel_nan rlnImagePixelSize nan
glass pixel_text rlnImagePixelSize 6A
star pixel_unequal ': _rlnImagePixelSize: more than one pixel size' \
  "${optics}s/.*/&\n&/;$(row 3)s/$(column rlnOpticsGroup)/\12/"
sed -i "$((optics + 1))s/$(optics_column rlnOpticsGroup)/\12/;$((optics + 1))s/$(optics_column rlnImagePixelSize)/\15.5/" sim/pixel_unequal.star
star box_unequal ': _rlnImageSize: more than one box' "${optics}s/.*/&\n&/"
sed -i "$((optics + 1))s/$(optics_column rlnOpticsGroup)/\12/;$((optics + 1))s/$(optics_column rlnImageSize)/\120/" sim/box_unequal.star
glass box_of_stack rlnImageSize 20 ":$first: _rlnImageSize: 20 in optics group"
glass box_zero rlnImageSize 0
glass box_negative rlnImageSize -16
glass box_half rlnImageSize 16.5
glass box_huge rlnImageSize 4000000000
glass voltage_zero rlnVoltage 0 ': _rlnVoltage: '
glass voltage_nan rlnVoltage nan
glass cs_text rlnSphericalAberration high
glass contrast_percent rlnAmplitudeContrast 10 ': _rlnAmplitudeContrast: '
glass volumes rlnImageDimensionality 3

# further LABEL VALUE NAME: a column more in the optics table
further() {
  local labels
  labels=$(grep -n '^_' $good | cut -d: -f1 | awk -v o="$optics" '$1 < o' | tail -n 1)
  sed "${optics}s/ *$/ $2/;${labels}s/$/\n_$1 #99/" $good >"sim/$3.star"
  case_of particles "sim/$3.star" "sim/$3.star:$((optics + 1)): _${4:-$1}: "
}
further rlnBeamTiltX 0.3 beam_tilt rlnBeamTiltX/Y
further rlnOddZernike '[0,0,0.1]' odd_zernike
further rlnEvenZernike '[0.1]' even_zernike
further rlnMagMat00 1.02 magnification
star premultiplied ': _rlnCtfDataAreCtfPremultiplied: ' "s/^_rlnImageDimensionality/_rlnCtfDataAreCtfPremultiplied/;${optics}s/2 *$/1/"
star tomogram ': _rlnTomoName: ' 's/^_rlnPhaseShift/_rlnTomoName/'
star half_set '@0_rlnRandomSubset: ' "s/^_rlnPhaseShift/_rlnRandomSubset/;$first,\$s/$(column rlnPhaseShift)/\13/"
printf 'data_\nloop_\n_rlnImageName\n_rlnMagnification\n_rlnDetectorPixelSize\n1@particles.mrcs 0 5\n' >sim/old_magnification.star
case_of particles sim/old_magnification.star 'sim/old_magnification.star:6: _rlnMagnification: '
{ printf 'data_\nloop_\n_rlnImageName\n_rlnVoltage\n'; for i in $(seq 1100); do echo "1@particles.mrcs $i"; done; } >sim/old_groups.star
case_of particles sim/old_groups.star 'sim/old_groups.star:1005: '

# ---- MRC stacks ----
bytes32() { # little-endian bytes of a 32-bit number, for printf
  local n=$(($1 & 0xffffffff))
  printf '\\%03o\\%03o\\%03o\\%03o' $((n & 255)) $((n >> 8 & 255)) $((n >> 16 & 255)) $((n >> 24 & 255))
}
poke() { printf "$(bytes32 "$3")" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; } # FILE OFFSET NUMBER
# stack NAME PLACE: a table that names sim/NAME.mrcs; with OFFSET NUMBER..., a copy of the good one with these words
stack() {
  local name=$1 place=$2
  shift 2
  [ -e "sim/$name.mrcs" ] || cp sim/particles.mrcs "sim/$name.mrcs"
  while [ $# -ge 2 ]; do poke "sim/$name.mrcs" "$1" "$2"; shift 2; done
  sed "s/particles.mrcs/$name.mrcs/" $good >"sim/$name.star"
  case_of particles "sim/$name.star" "$place"
}
said() { echo "sim/$1.star:$first: _rlnImageName: sim/$1.mrcs: ${2:-}"; }
head -c 100 sim/particles.mrcs >sim/stump.mrcs
stack stump "$(said stump 'not an MRC file')"
head -c 20000 /dev/zero >sim/zeros.mrcs
stack zeros "$(said zeros 'not an MRC file')"
head -c 20000 /dev/zero | tr '\0' '\377' >sim/ones.mrcs
stack ones "$(said ones 'not an MRC file')"
: >sim/nothing.mrcs
stack nothing "$(said nothing)"
sed 's/^/# /' $good >sim/words.mrcs
stack words "$(said words 'not an MRC file')"
gzip -c sim/particles.mrcs >sim/packed.mrcs
stack packed "$(said packed 'not an MRC file')"
stack mode3 "$(said mode3 'MRC mode 3')" 12 3
stack mode4 "$(said mode4 'MRC mode 4')" 12 4
stack mode101 "$(said mode101 'MRC mode 101')" 12 101
stack mode7 "$(said mode7 'not an MRC file')" 12 7
stack mode_negative "$(said mode_negative 'not an MRC file')" 12 -2
stack nx_zero "$(said nx_zero 'not an MRC file')" 0 0
stack nx_negative "$(said nx_negative 'not an MRC file')" 0 -16
stack nx_overflow "$(said nx_overflow 'not an MRC file')" 0 0x7fffffff
stack plane_overflow "$(said plane_overflow truncated)" 0 0x100000 4 0x100000
stack nz_overflow 'sim/nz_overflow.star:' 8 0x3fffffff 0 8
stack all_overflow "$(said all_overflow truncated)" 0 0x100000 4 0x100000 8 0x3fffffff
stack extended_header "$(said extended_header truncated)" 92 0x7ffffff0
stack extended_negative "$(said extended_negative 'not an MRC file')" 92 -8
stack oblong "$(said oblong 'its images are not square')" 0 8 4 32
stack turned "$(said turned 'its axes are in the order 2, 1, 3')" 64 2 68 1
stack axes_twice "$(said axes_twice 'not an MRC file')" 64 2 68 2
stack other_box "sim/other_box.star:$first: _rlnImageSize: " 0 32 4 32 8 10
head -c $((1024 + 12 * plane + 99)) sim/particles.mrcs >sim/truncated.mrcs
stack truncated "sim/truncated.star:$((first + 12)): 28 of 40 images are unusable"
head -c $((1024 + plane - 1)) sim/particles.mrcs >sim/no_image.mrcs
stack no_image "$(said no_image truncated)"
{ head -c 1024 sim/particles.mrcs; head -c $((40 * plane)) /dev/zero; } >sim/constant.mrcs
stack constant "sim/constant.star:$first: 40 of 40 images are unusable"
{ head -c 1024 sim/particles.mrcs; head -c $((40 * plane)) /dev/zero | tr '\0' '\377'; } >sim/not_finite.mrcs
stack not_finite "sim/not_finite.star:$first: 40 of 40 images are unusable"
sed "${optics}s/$(optics_column rlnImageSize)/\18/;s/particles.mrcs/tiny.mrcs/" $good >sim/tiny.star
cp sim/particles.mrcs sim/tiny.mrcs
poke sim/tiny.mrcs 0 8
poke sim/tiny.mrcs 4 8
case_of particles sim/tiny.star 'sim/tiny.star: _rlnImageSize: images of 8 px are too small'

# ---- cryoSPARC ----
fields="('blob/path', 'S16'), ('blob/idx', '<u4'), ('blob/shape', '<u4', (2,)), ('blob/psize_A', '<f4')"
npy() { # NAME DICTIONARY: magic, version 1, header; rows follow from standard input
  { printf '\223NUMPY\1\0'; printf "$(bytes32 ${#2})" | head -c 2; printf '%s' "$2"; cat; } >"sim/$1.cs"
}
cs_row() { # PATH IDX BOX BOX PSIZE-BITS
  printf '%s' "$1"
  head -c $((16 - ${#1})) /dev/zero
  local word
  for word in "${@:2}"; do printf "$(bytes32 "$word")"; done
}
good_row() { cs_row particles.mrcs "$1" 16 16 0x40c00000; }
cs() { # NAME PLACE ROW...: row 0 is good, then this one
  { good_row 0; cs_row "${@:3}"; } | npy "$1" "{'descr': [$fields], 'fortran_order': False, 'shape': (2,), }"
  case_of particles "sim/$1.cs" "sim/$1.cs: $2"
}
cs cs_beyond 'row 2: blob/path: ' particles.mrcs 40 16 16 0x40c00000
cs cs_far 'row 2: blob/path: ' particles.mrcs 0xffffffff 16 16 0x40c00000
cs cs_no_path 'row 2: blob/path: ' '' 1 16 16 0x40c00000
cs cs_gone 'row 2: blob/path: ' gone.mrcs 1 16 16 0x40c00000
cs cs_oblong 'row 2: blob/shape: ' particles.mrcs 1 16 8 0x40c00000
cs cs_huge 'row 2: blob/shape: ' particles.mrcs 1 0xffffffff 0xffffffff 0x40c00000
cs cs_box 'blob/shape: more than one box' particles.mrcs 1 20 20 0x40c00000
cs cs_pixel_zero 'row 2: blob/psize_A: ' particles.mrcs 1 16 16 0
cs cs_pixel_nan 'row 2: blob/psize_A: ' particles.mrcs 1 16 16 0x7fc00000
cs cs_pixel_negative 'row 2: blob/psize_A: ' particles.mrcs 1 16 16 0xc0c00000
cs_text() { good_row 0 | npy "$1" "$2"; case_of particles "sim/$1.cs" "sim/$1.cs: $3"; }
cs_text cs_truncated "{'descr': [$fields], 'fortran_order': False, 'shape': (9,), }" truncated
cs_text cs_rows_overflow "{'descr': [$fields], 'fortran_order': False, 'shape': (9223372036854775807,), }" ''
cs_text cs_rows_product "{'descr': [$fields], 'fortran_order': False, 'shape': (1000000, 1000000, 1000000,), }" ''
cs_text cs_rows_negative "{'descr': [$fields], 'fortran_order': False, 'shape': (-1,), }" ''
cs_text cs_rows_zero "{'descr': [$fields], 'fortran_order': False, 'shape': (0,), }" 'is empty'
cs_text cs_no_field "{'descr': [('uid', '<u8')], 'fortran_order': False, 'shape': (1,), }" 'blob/path: '
cs_text cs_objects "{'descr': [('blob/path', '|O')], 'fortran_order': False, 'shape': (1,), }" ''
cs_text cs_plain "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }" ''
cs_text cs_subarray "{'descr': [('a', '<f4', (99999999, 99999999))], 'fortran_order': False, 'shape': (1,), }" ''
cs_text cs_not_closed "{'descr': [('blob/path', 'S16'), ('blob/idx" ''
cs_text cs_no_dictionary 'what is this' ''
printf '\223NUMPY\1\0\377\377{ }' >sim/cs_header_cut.cs
case_of particles sim/cs_header_cut.cs 'sim/cs_header_cut.cs: truncated'
printf '\223NUMPY' >sim/cs_magic.cs
case_of particles sim/cs_magic.cs 'sim/cs_magic.cs: '

# ---- maps ----
map() { # NAME WORDS OFFSET NUMBER...
  local name=$1 words=$2
  shift 2
  [ -e "sim/$name.mrc" ] || cp sim/truth.mrc "sim/$name.mrc"
  while [ $# -ge 2 ]; do poke "sim/$name.mrc" "$1" "$2"; shift 2; done
  case_of map "sim/$name.mrc" "sim/$name.mrc: $words"
}
map map_oblong 'not a cubic map' 8 8
map map_nan 'voxel (x 3, y 0, z 0)' 1036 0x7fc00000
map map_mode 'MRC mode 4' 12 4
head -c 5000 sim/truth.mrc >sim/map_cut.mrc
map map_cut truncated
cp $good sim/map_words.mrc
map map_words ''

# ---- atomic models ----
atom='ATOM      1  CA  ALA A   1      11.104   6.134  -6.504  1.00  0.00           C'
model() { case_of model "sim/$1" "sim/$1$2"; }
echo "$atom" | sed 's/ 6.134/ six  /' >sim/text.pdb
model text.pdb ':1: coordinate y'
echo "$atom" | sed 's/ 6.134/   nan/' >sim/nan.pdb
model nan.pdb ':1: coordinate y'
{ echo "$atom"; echo "$atom" | sed 's/C$/Qq/'; } >sim/element.pdb
model element.pdb ':2: '
echo "$atom" | cut -c 1-40 >sim/cut.pdb
model cut.pdb ':1: '
echo 'HEADER    NOTHING' >sim/none.pdb
model none.pdb ': '
head -c 3000 sim/truth.mrc >sim/binary.pdb
model binary.pdb ': not a text file'
cif='data_x\nloop_\n_atom_site.type_symbol\n_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n'
printf "${cif}C 1 2 3\nC 1 2 3.x\n" >sim/text.cif
model text.cif ':8: Cartn_z'
printf "${cif}C 1 2 3\nC 1 2\n" >sim/cut.cif
model cut.cif ':8: '
printf "${cif}C 1 2 3\nXx 1 2 3\n" >sim/element.cif
model element.cif ':8: '
printf 'data_x\nloop_\n_atom_site.type_symbol\n_atom_site.Cartn_x\nC 1\n' >sim/column.cif
model column.cif ': '
printf 'data_x\n_cell.length_a 3\n' >sim/none.cif
model none.cif ': '
{ printf 'data_x\nloop_\n'; for i in $(seq 200); do echo "_atom_site.c$i"; done; } >sim/columns.cif
model columns.cif ':'

# ---- checkpoints ----
fast=(--starts 1 --kmax-schedule 3 --max-passes 1 --max-resolution 30 --seed 1)
"$FRAZIL" --log error reconstruct --particles $good --output sim/run "${fast[@]}" --checkpoint-interval 0 >/dev/null
[ "$(ls sim/run/checkpoint/*.h5 | wc -l)" = 2 ] || { echo "make_broken.sh: not two checkpoints were written"; exit 1; }
run() { # NAME WORDS: sim/NAME is a copy of the run folder to be damaged by the command that follows
  rm -rf "sim/$1"
  cp -r sim/run "sim/$1"
  case_of run "sim/$1" "sim/$1/checkpoint$2"
}
# lists NAME COMMAND: the manifest is changed by the command.  sim/NAME has good files beside it, which is said and mended;
# those of sim/lost_NAME are no use either.
lists() {
  local name
  for name in "$1" "lost_$1"; do
    rm -rf "sim/$name"
    cp -r sim/run "sim/$name"
    (cd "sim/$name/checkpoint" && eval "$2")
  done
  for file in "sim/lost_$1"/checkpoint/*.h5; do poke "$file" 3 0x12345678; done
  printf '%s|%s\n' "sim/$1" "sim/$1/checkpoint/manifest: this list of checkpoints is damaged" >>mended.txt
  case_of run "sim/lost_$1" "sim/lost_$1/checkpoint/manifest: this list of checkpoints is damaged"
}
lists manifest_text 'echo what is this >manifest'
lists manifest_cut 'truncate -s -5 manifest'
lists manifest_empty ': >manifest'
lists manifest_zeros 'head -c 200 /dev/zero >manifest'
lists manifest_numbers "sed -i 's/bytes [0-9]*/bytes -1/' manifest"
lists manifest_many "sed -i '2p;2p;2p' manifest"
run manifest_folder /manifest
rm sim/manifest_folder/checkpoint/manifest && mkdir sim/manifest_folder/checkpoint/manifest
run states_gone ''
rm sim/states_gone/checkpoint/*.h5
run states_cut ''
truncate -s -100 sim/states_cut/checkpoint/*.h5
run states_flipped ''
for file in sim/states_flipped/checkpoint/*.h5; do poke "$file" 2000 0x12345678; done
run states_zero ''
for file in sim/states_zero/checkpoint/*.h5; do head -c "$(stat -c %s "$file")" /dev/zero >zero && mv zero "$file"; done

# ---- strange, but good ----
odd() { echo "sim/$1.star" >>odd.txt; }
sed 's/$/\r/' $good >sim/odd_crlf.star
odd odd_crlf
sed "$(row 3)s/\$/\r/;$(row 9)s/\$/\r/;2s/^/\r/" $good >sim/odd_mixed_ends.star
odd odd_mixed_ends
{ printf '\357\273\277'; cat $good; } >sim/odd_mark.star
odd odd_mark
sed 's/  */\t/g; s/$/   # a comment/' $good >sim/odd_blanks.star
odd odd_blanks
printf '%s' "$(cat $good)" >sim/odd_no_end.star
odd odd_no_end
sed "s/opticsGroup1/'group one'/;s/particles.mrcs/\"&\"/;s/\"//g" $good >sim/odd_quotes.star
odd odd_quotes
