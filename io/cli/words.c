#include <string.h>

#include "io/cli/options.h"

enum { WORD_MAX = 64, DISTANCE_MAX = 3 };

static int min3(int a, int b, int c) {
  int least = a < b ? a : b;
  return least < c ? least : c;
}

/* Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours, three rows at a time. */
static int edit_distance(const char *a, const char *b) {
  int na = (int)strlen(a), nb = (int)strlen(b);
  int rows[3][WORD_MAX + 1];
  for (int j = 0; j <= nb; j++) rows[0][j] = j;
  for (int i = 1; i <= na; i++) {
    int *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
    now[0] = i;
    for (int j = 1; j <= nb; j++) {
      now[j] = min3(now[j - 1] + 1, last[j] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
      bool swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swap && before[j - 2] + 1 < now[j]) now[j] = before[j - 2] + 1;
    }
  }
  return rows[na % 3][nb];
}

const char *fz_nearest_word(const char *word, const char *const *known, int n) {
  size_t length = strlen(word);
  if (length == 0 || length > WORD_MAX) return NULL;
  const char *best = NULL;
  int best_distance = DISTANCE_MAX + 1;
  for (int i = 0; i < n; i++) {
    if (strlen(known[i]) > WORD_MAX) continue;
    int distance = edit_distance(word, known[i]);
    /* A word of which nothing remains is no typo. */
    if (distance < best_distance && 2 * distance <= (int)length + 1) {
      best = known[i];
      best_distance = distance;
    }
  }
  for (int i = 0; i < n && !best; i++)
    if (length >= 2 && strncmp(word, known[i], length) == 0) best = known[i];
  return best;
}
