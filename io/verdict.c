#include "io/verdict.h"

static void look(const fz_io_sign *s, fz_io_watched *w, double seconds) {
  bool excused = s->left || s->process == FZ_PROCESS_TRACED;
  w->silent = excused || s->beat != w->beat ? 0 : w->silent + seconds;
  w->still = excused || s->moved != w->moved ? 0 : w->still + seconds;
  w->beat = s->beat;
  w->moved = s->moved;
}

static bool is(fz_io_verdict verdict, const fz_io_sign *s, const fz_io_watched *w, double limit) {
  if (s->left) return false;
  if (verdict == FZ_VERDICT_GONE) return s->process == FZ_PROCESS_GONE;
  if (!(limit > 0)) return false;
  return verdict == FZ_VERDICT_SILENT ? w->silent >= limit : w->still >= limit && !s->waiting;
}

/* They wait for each other, and nobody who could end it is left.  One alone waits for something else. */
static bool deadlocked(const fz_io_sign *sign, const fz_io_watched *watched, int n, double limit, int *culprit) {
  int waiting = 0;
  if (!(limit > 0)) return false;
  for (int i = n - 1; i >= 0; i--) {
    if (sign[i].left) continue;
    if (!sign[i].waiting || watched[i].still < limit) return false;
    waiting++;
    *culprit = i;
  }
  return waiting > 1;
}

fz_io_verdict fz_io_judge(const fz_io_sign *sign, fz_io_watched *watched, int n, double seconds, double limit,
                          bool whole, int *culprit) {
  for (int i = 0; i < n; i++) look(&sign[i], &watched[i], seconds);
  for (fz_io_verdict v = FZ_VERDICT_GONE; v <= FZ_VERDICT_STUCK; v++)
    for (int i = 0; i < n; i++)
      if (is(v, &sign[i], &watched[i], limit)) {
        *culprit = i;
        return v;
      }
  return whole && deadlocked(sign, watched, n, limit, culprit) ? FZ_VERDICT_DEADLOCK : FZ_VERDICT_NONE;
}
