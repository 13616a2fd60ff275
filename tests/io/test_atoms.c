/* Atomic models: the same atoms from PDB and mmCIF, what is left out, broken files; density of what was read. */
#include "files.h"

#include <math.h>

#include "io/atoms.h"

static const char pdb[] =
    "HEADER    TEST\n"
    "MODEL        1\n"
    "ATOM      1  N   MET A   1      10.000  -2.500   3.000  1.00 20.00           N  \n"
    "ATOM      2  CA AMET A   1      11.250  -2.000   4.125  0.60 30.00           C  \n"
    "ATOM      3  CA BMET A   1      11.500  -2.000   4.250  0.40 30.00           C  \n"
    "ATOM      4  HA  MET A   1      11.250  -1.000   4.125  1.00 30.00           H  \n"
    "ATOM      5  SD  MET A   1      12.000  -2.000   4.125  0.00 30.00           S  \n"
    "HETATM    6 ZN    ZN A   2     -12.000   2.000  -4.000  1.00 10.00          ZN\r\n"
    "HETATM    7  O   HOH A   3       0.000   0.000   0.000  1.00 30.00           O  \n"
    "ENDMDL\n"
    "MODEL        2\n"
    "ATOM      8  N   MET A   1      99.000  99.000  99.000  1.00 20.00           N  \n"
    "ENDMDL\n";

static const char cif[] =
    "# made by hand\n"
    "data_TEST\n"
    "_entry.id 'it''s; loop_'\n"
    ";a text field\nloop_ _atom_site.no\n;\n"
    "loop_\n_other.a\n_other.b\n1 \"_atom_site.x y\"\n"
    "loop_\n"
    "_atom_site.group_PDB\n_atom_site.type_symbol\n_atom_site.label_atom_id\n_atom_site.label_comp_id\n"
    "_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n_atom_site.occupancy\n"
    "_atom_site.B_iso_or_equiv\n_atom_site.pdbx_PDB_model_num\n"
    "ATOM N N MET 10.000 -2.500 3.000 1.00 20.00 1\n"
    "ATOM C CA MET 11.250 -2.000 4.125 0.60 30.00 1\n"
    "ATOM C \"C'A\" MET 11.500\n-2.000 4.250 0.40 30.00 1\n"
    "ATOM H HA MET 11.250 -1.000 4.125 1.00 30.00 1\n"
    "ATOM S SD MET 12.000 -2.000 4.125 0.00 30.00 1\n"
    "HETATM Zn ZN ZN -12.000 2.000 -4.000 ? 10.00 1\n"
    "HETATM O O HOH 0.0 0.0 0.0 1.00 30.00 1\n"
    "ATOM N N MET 99.0 99.0 99.0 1.00 20.00 2\n"
    "#\nloop_\n_after.a\n7\n";

static void check_atoms(const char *path) {
  static const fz_atom want[] = {{{10, -2.5, 3}, 1, 20, 7},
                                 {{11.25, -2, 4.125}, 0.6, 30, 6},
                                 {{11.5, -2, 4.25}, 0.4, 30, 6},
                                 {{-12, 2, -4}, 1, 10, 30}};
  fz_atoms atoms;
  fz_error err = {0};
  if (fz_io_atoms_read(path, &atoms, &err) != FZ_OK) fail_msg("%s", err.text);
  assert_int_equal(atoms.n, 4);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(atoms.atom[i].number, want[i].number);
    for (int c = 0; c < 3; c++) assert_true(atoms.atom[i].at_A[c] == want[i].at_A[c]);
    assert_true(atoms.atom[i].occupancy == want[i].occupancy && atoms.atom[i].b_factor_A2 == want[i].b_factor_A2);
  }
  fz_atoms_clear(&atoms);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void both_formats_give_the_same_atoms(void **state) {
  (void)state;
  files_write_text("a.pdb", pdb);
  files_write_text("a.cif", cif);
  check_atoms("a.pdb");
  check_atoms("a.cif");
}

/* Old files have no element columns: CA in columns 13-14 is calcium, in 14-15 a carbon. */
static void elements_from_names(void **state) {
  (void)state;
  fz_atoms atoms;
  files_write_text("old.pdb",
                   "ATOM      1  CA  MET A   1      10.000  -2.500   3.000\n"
                   "HETATM    2 CA    CA A   1      10.000  -2.500   3.000\n"
                   "ATOM      3 HG21 VAL A   1      10.000  -2.500   3.000\n"
                   "ATOM      4 1HB  VAL A   1      10.000  -2.500   3.000\n"
                   "ATOM      5  OXT VAL A   1      10.000  -2.500   3.000  0.50\n");
  assert_int_equal(fz_io_atoms_read("old.pdb", &atoms, NULL), FZ_OK);
  assert_int_equal(atoms.n, 3);
  assert_int_equal(atoms.atom[0].number, 6);
  assert_int_equal(atoms.atom[1].number, 20);
  assert_int_equal(atoms.atom[2].number, 8);
  assert_true(atoms.atom[2].occupancy == 0.5);
  fz_atoms_clear(&atoms);
  assert_int_equal(fz_element_number("og", 2), 118);
  assert_int_equal(fz_element_number("Fe", 2), 26);
  assert_int_equal(fz_element_number("D", 1), 1);
  assert_int_equal(fz_element_number("Q", 1), 0);
  assert_int_equal(fz_element_number("U", 1), 92);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void expect_message(const char *name, const char *text, const char *part1, const char *part2) {
  fz_atoms atoms;
  fz_error err = {0};
  files_write_text(name, text);
  assert_int_equal(fz_io_atoms_read(name, &atoms, &err), FZ_EINPUT);
  if (!strstr(err.text, part1) || !strstr(err.text, part2)) fail_msg("%s", err.text);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void broken_files(void **state) {
  (void)state;
  static const char head[] = "data_x\nloop_\n_atom_site.type_symbol\n_atom_site.Cartn_x\n_atom_site.Cartn_y\n";
  char text[512];
  expect_message("e.pdb", "hello\n", "e.pdb", "no atoms");
  expect_message("e.pdb", "", "e.pdb", "no atoms");
  expect_message("e.pdb", "REMARK\nATOM      1  N   MET A   1      10.0x0  -2.500   3.000  1.00 20.00           N  \n",
                 "e.pdb:2", "coordinate x");
  expect_message("e.pdb", "ATOM      1  N   MET A   1      10.000  -2.500\n", "e.pdb:1", "coordinate z");
  expect_message("e.pdb", "ATOM      1  N   MET A   1      10.000  -2.500   3.000  1.00 20.00          QQ\n", "e.pdb:1",
                 "'QQ'");
  expect_message("e.cif", "data_x\n_cell.a 1\n", "e.cif", "no atoms");
  expect_message("e.cif", head, "e.cif", "_atom_site.Cartn_z");
  snprintf(text, sizeof text, "%s_atom_site.Cartn_z\nN 1 2 3\nC 1 2\n", head);
  expect_message("e.cif", text, "e.cif:8", "3 of 4");
  snprintf(text, sizeof text, "%s_atom_site.Cartn_z\nN 1 . 3\n", head);
  expect_message("e.cif", text, "e.cif:7", "Cartn_y");
  snprintf(text, sizeof text, "%s_atom_site.Cartn_z\nXy 1 2 3\n", head);
  expect_message("e.cif", text, "e.cif:7", "'Xy'");
  files_write("e.bin", "data\0_\1", 7);
  fz_atoms atoms;
  fz_error err = {0};
  assert_int_equal(fz_io_atoms_read("e.bin", &atoms, &err), FZ_EINPUT);
  assert_non_null(strstr(err.text, "not a text file"));
  assert_int_equal(fz_io_atoms_read("nowhere.pdb", &atoms, &err), FZ_EINPUT);
  assert_non_null(strstr(err.text, "nowhere.pdb"));
}

/* Total weight, centre and width are those of the formula. */
static void density_of_atoms(void **state) {
  (void)state;
  fz_atom list[] = {{{1, 2, 3}, 1, 0, 6}, {{4, 2, 3}, 0.5, 78.95683520871486, 8}};
  fz_atoms atoms = {.n = 2, .atom = list};
  fz_gaussians g;
  assert_int_equal(fz_atoms_density(&atoms, 10, &g, NULL), FZ_OK);
  assert_true(g.item[0].weight == 6 && g.item[1].weight == 4);
  assert_true(fabs(g.item[0].at_A[0] + 1.2) < 1e-12 && fabs(g.item[1].at_A[0] - 1.8) < 1e-12);
  assert_true(fabs(g.item[0].width_A - 2.25) < 1e-12);
  assert_true(fabs(g.item[1].width_A - sqrt(2.25 * 2.25 + 1)) < 1e-12); /* B = 8 pi^2: mean square amplitude 1 */
  fz_map map;
  assert_int_equal(fz_gaussians_density(&g, 24, 2, &map), FZ_OK);
  double sum = 0;
  for (int i = 0; i < 24 * 24 * 24; i++) sum += (double)map.voxel[i] * 8;
  assert_true(fabs(sum - 10) < 1e-4);
  fz_map_clear(&map);
  fz_gaussians_clear(&g);
  list[0].occupancy = list[1].occupancy = 0;
  assert_int_equal(fz_atoms_density(&atoms, 10, &g, NULL), FZ_EINPUT);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(both_formats_give_the_same_atoms),
                                     cmocka_unit_test(elements_from_names), cmocka_unit_test(broken_files),
                                     cmocka_unit_test(density_of_atoms)};
  return cmocka_run_group_tests(tests, files_enter, files_leave);
}
