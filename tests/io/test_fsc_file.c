/* FSC files: read back with independent parsers (our STAR text by hand, libxml2 for XML), refusals, nothing left. */
#include "files.h"

#include <libxml/parser.h>
#include <math.h>

#include "io/fsc_file.h"

enum { N = 10, SHELLS = 6 };
static const double fsc[SHELLS] = {1, 0.95, 0.7, 0.25, -0.05, 0.001};
static const double voxel = 2.5;

static void star(void **state) {
  (void)state;
  fz_error err;
  assert_int_equal(fz_io_fsc_write_star("fsc.star", "half-maps", N, voxel, fsc, &err), FZ_OK);
  char *text = files_slurp("fsc.star");
  const char *labels[] = {"# half-maps\n",
                          "data_fsc\n",
                          "loop_\n",
                          "_rlnSpectralIndex #1\n",
                          "_rlnResolution #2\n",
                          "_rlnAngstromResolution #3\n",
                          "_rlnFourierShellCorrelation #4\n"};
  const char *at = text;
  for (int i = 0; i < 7; i++) {
    at = strstr(at, labels[i]);
    assert_non_null(at);
    at += strlen(labels[i]);
  }
  for (int s = 0; s < SHELLS; s++) {
    int index, used;
    double frequency, resolution, value;
    assert_int_equal(sscanf(at, "%d %lf %lf %lf%n", &index, &frequency, &resolution, &value, &used), 4);
    at += used;
    assert_int_equal(index, s);
    assert_true(fabs(frequency - s / 25.0) < 1e-6);
    assert_true(fabs(resolution - (s ? 25.0 / s : 999)) < 1e-5);
    assert_true(fabs(value - fsc[s]) < 1e-6);
  }
  free(text);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void xml(void **state) {
  (void)state;
  fz_error err;
  assert_int_equal(fz_io_fsc_write_xml("fsc.xml", "a & <b>", N, voxel, fsc, &err), FZ_OK);
  xmlDocPtr doc = xmlReadFile("fsc.xml", NULL, XML_PARSE_NOBLANKS);
  assert_non_null(doc);
  xmlNodePtr root = xmlDocGetRootElement(doc);
  assert_string_equal((const char *)root->name, "fsc");
  const char *expected[3][2] = {
      {"title", "a & <b>"}, {"xaxis", "Resolution(A-1)"}, {"yaxis", "Correlation Coefficient"}};
  for (int i = 0; i < 3; i++) {
    xmlChar *value = xmlGetProp(root, (const xmlChar *)expected[i][0]);
    assert_string_equal((const char *)value, expected[i][1]);
    xmlFree(value);
  }
  int s = 0;
  for (xmlNodePtr point = root->children; point; point = point->next, s++) {
    assert_string_equal((const char *)point->name, "coordinate");
    xmlChar *x = xmlNodeGetContent(point->children), *y = xmlNodeGetContent(point->children->next);
    assert_string_equal((const char *)point->children->name, "x");
    assert_string_equal((const char *)point->children->next->name, "y");
    assert_true(fabs(atof((const char *)x) - s / 25.0) < 1e-6);
    assert_true(fabs(atof((const char *)y) - fsc[s]) < 1e-6);
    xmlFree(x);
    xmlFree(y);
  }
  assert_int_equal(s, SHELLS);
  xmlFreeDoc(doc);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void refusals(void **state) {
  (void)state;
  fz_error err;
  assert_int_equal(fz_io_fsc_write_star("none.star", "", N, 0, fsc, &err), FZ_EINVAL);
  assert_int_equal(fz_io_fsc_write_xml("none.xml", "", N, 0, fsc, &err), FZ_EINVAL);
  assert_int_equal(fz_io_fsc_write_star("nowhere/none.star", "", N, 1, fsc, &err), FZ_EIO);
  assert_non_null(strstr(err.text, "nowhere/none.star"));
  assert_int_equal(access("none.star", F_OK), -1);
  assert_int_equal(access("none.xml", F_OK), -1);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(star), cmocka_unit_test(xml), cmocka_unit_test(refusals)};
  return cmocka_run_group_tests(tests, files_enter, files_leave);
}
