/* The present as people and programs write it down. */
#ifndef FZ_IO_UTC_H
#define FZ_IO_UTC_H

enum { FZ_UTC_MAX = 32 };

/** "2026-11-21T23:15:00Z". local */
void fz_io_utc_now(char text[FZ_UTC_MAX]);

#endif
