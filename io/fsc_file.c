#include "io/fsc_file.h"

#include <libxml/xmlwriter.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/file.h"
#include "metrics/fsc.h"

static fz_status check_voxel(const char *path, double voxel_A, fz_error *err) {
  if (voxel_A > 0) return FZ_OK;
  return fz_fail(err, FZ_EINVAL, "%s: an FSC file needs the voxel size, and it is unknown", path);
}

fz_status fz_io_fsc_write_star(const char *path, const char *title, int n, double voxel_A, const double *fsc,
                               fz_error *err) {
  fz_status st = check_voxel(path, voxel_A, err);
  if (st != FZ_OK) return st;
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (!out) return fz_fail(err, FZ_ENOMEM, "%s: no memory", path);
  if (*title) fprintf(out, "# %s\n", title);
  fprintf(out,
          "\ndata_fsc\n\nloop_\n_rlnSpectralIndex #1\n_rlnResolution #2\n_rlnAngstromResolution #3\n"
          "_rlnFourierShellCorrelation #4\n");
  for (int s = 0; s < fz_fsc_shells(n); s++) {
    double frequency = s / (n * voxel_A);
    fprintf(out, "%6d %12.6f %12.6f %12.6f\n", s, frequency, s > 0 ? 1 / frequency : 999.0, fsc[s]);
  }
  fprintf(out, "\n");
  st = fclose(out) == 0 ? fz_io_file_write(path, text, (int64_t)size, err)
                        : fz_fail(err, FZ_ENOMEM, "%s: no memory", path);
  free(text);
  return st;
}

static int write_number(xmlTextWriterPtr writer, const char *name, double value) {
  return xmlTextWriterWriteFormatElement(writer, (const xmlChar *)name, "%.6f", value);
}

static bool write_document(xmlTextWriterPtr w, const char *title, int n, double voxel_A, const double *fsc) {
  int bad = 0; /* every call of the writer returns a negative number on failure */
  bad |= xmlTextWriterSetIndent(w, 1) < 0;
  bad |= xmlTextWriterStartDocument(w, "1.0", "UTF-8", NULL) < 0;
  bad |= xmlTextWriterStartElement(w, (const xmlChar *)"fsc") < 0;
  bad |= xmlTextWriterWriteAttribute(w, (const xmlChar *)"title", (const xmlChar *)title) < 0;
  bad |= xmlTextWriterWriteAttribute(w, (const xmlChar *)"xaxis", (const xmlChar *)"Resolution(A-1)") < 0;
  bad |= xmlTextWriterWriteAttribute(w, (const xmlChar *)"yaxis", (const xmlChar *)"Correlation Coefficient") < 0;
  for (int s = 0; s < fz_fsc_shells(n); s++) {
    bad |= xmlTextWriterStartElement(w, (const xmlChar *)"coordinate") < 0;
    bad |= write_number(w, "x", s / (n * voxel_A)) < 0;
    bad |= write_number(w, "y", fsc[s]) < 0;
    bad |= xmlTextWriterEndElement(w) < 0;
  }
  bad |= xmlTextWriterEndDocument(w) < 0;
  bad |= xmlTextWriterFlush(w) < 0;
  return !bad;
}

fz_status fz_io_fsc_write_xml(const char *path, const char *title, int n, double voxel_A, const double *fsc,
                              fz_error *err) {
  fz_status st = check_voxel(path, voxel_A, err);
  if (st != FZ_OK) return st;
  xmlBufferPtr buffer = xmlBufferCreate();
  xmlTextWriterPtr writer = buffer ? xmlNewTextWriterMemory(buffer, 0) : NULL;
  if (writer && write_document(writer, title, n, voxel_A, fsc))
    st = fz_io_file_write(path, (const char *)xmlBufferContent(buffer), xmlBufferLength(buffer), err);
  else
    st = fz_fail(err, FZ_ENOMEM, "%s: libxml2 could not build the document", path);
  if (writer) xmlFreeTextWriter(writer);
  if (buffer) xmlBufferFree(buffer);
  return st;
}
