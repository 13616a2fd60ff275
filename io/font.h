/* A small alphabet of strokes for pictures: digits, letters, punctuation and the Angstrom sign. */
#ifndef FZ_IO_FONT_H
#define FZ_IO_FONT_H

/* Grid of a glyph: x from 0 to 4, y upwards; baseline at 2, small letters up to 6, capitals up to 8, descenders to 0.
 */
enum { FZ_IO_FONT_BASELINE = 2, FZ_IO_FONT_CAPITAL = 8, FZ_IO_FONT_GAP = 2, FZ_IO_FONT_SPACE = 3 };

/** Strokes of the first character of a UTF-8 text: polylines of "xy" digit pairs, blanks between points, ';' between
 *  lines; empty for a space, a box for what is not in the alphabet.  *bytes: its length in the text. local */
const char *fz_io_font_glyph(const char *text, int *bytes);

#endif
