/* For test programs linked with faults/inject.c, where the rules are explained. */
#ifndef FZ_TESTS_INJECT_H
#define FZ_TESTS_INJECT_H

/** From now on these rules, counted from here, for paths that contain `under` (borrowed); "" for none. */
void fz_inject(const char *rules, const char *under);
/** How often a rule struck since then. */
long fz_inject_hits(void);

#endif
