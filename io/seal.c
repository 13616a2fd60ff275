#include "io/seal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <zlib.h>

void fz_io_seal_make(const fz_io_manifest_entry *entry, char seal[FZ_SEAL_BYTES]) {
  memset(seal, 0, FZ_SEAL_BYTES);
  int used = snprintf(seal, FZ_SEAL_BYTES,
                      "frazil checkpoint\nsequence %" PRId64 "\ngeneration %" PRId64 "\nbytes %" PRId64
                      "\ncrc32 %08" PRIx32 " from byte %d\nHDF5 follows\n",
                      entry->sequence, entry->generation, entry->bytes, entry->crc, FZ_SEAL_BYTES);
  uLong own = crc32_z(0, (const Bytef *)seal, (z_size_t)used);
  snprintf(seal + used, (size_t)(FZ_SEAL_BYTES - used), "seal %08lx\n", own);
}

bool fz_io_seal_parse(const char seal[FZ_SEAL_BYTES], fz_io_manifest_entry *entry) {
  char text[FZ_SEAL_BYTES + 1], again[FZ_SEAL_BYTES];
  memcpy(text, seal, FZ_SEAL_BYTES);
  text[FZ_SEAL_BYTES] = '\0';
  if (sscanf(text, "frazil checkpoint\nsequence %" SCNd64 "\ngeneration %" SCNd64 "\nbytes %" SCNd64 "\ncrc32 %" SCNx32,
             &entry->sequence, &entry->generation, &entry->bytes, &entry->crc) != 4)
    return false;
  fz_io_seal_make(entry, again);
  return memcmp(seal, again, FZ_SEAL_BYTES) == 0;
}

uint32_t fz_io_seal_whole_crc(const char seal[FZ_SEAL_BYTES], const fz_io_manifest_entry *entry) {
  uLong own = crc32_z(0, (const Bytef *)seal, FZ_SEAL_BYTES);
  return (uint32_t)crc32_combine(own, entry->crc, (z_off_t)(entry->bytes - FZ_SEAL_BYTES));
}
