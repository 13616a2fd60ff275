/* The first bytes of a checkpoint file say which one it is and how the rest must be, so that it can be told whole and
 * right without the manifest.  Text, in the room that HDF5 leaves. */
#ifndef FZ_IO_SEAL_H
#define FZ_IO_SEAL_H
#include <stdbool.h>

#include "io/manifest.h"

enum { FZ_SEAL_BYTES = 512 };

/** entry.crc is that of the bytes after the seal here. local */
void fz_io_seal_make(const fz_io_manifest_entry *entry, char seal[FZ_SEAL_BYTES]);
/** False unless it is, to the last byte, what fz_io_seal_make made. local */
bool fz_io_seal_parse(const char seal[FZ_SEAL_BYTES], fz_io_manifest_entry *entry);
/** CRC-32 of the whole file. local */
uint32_t fz_io_seal_whole_crc(const char seal[FZ_SEAL_BYTES], const fz_io_manifest_entry *entry);

#endif
