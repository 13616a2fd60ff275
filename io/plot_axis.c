#include "io/plot_axis.h"

#include <math.h>
#include <stdio.h>

static double shown(const fz_io_axis *axis, double value) {
  if (!isfinite(value)) return NAN;
  if (axis->scale == FZ_IO_LINEAR || value > axis->floor) return value;
  return axis->floor > 0 ? axis->floor : NAN;
}

void fz_io_axis_add(const fz_io_axis *axis, const double *value, ptrdiff_t n, double *least, double *most) {
  for (ptrdiff_t i = 0; i < n; i++) {
    double v = shown(axis, value[i]);
    if (isnan(v)) continue;
    *least = fmin(*least, v);
    *most = fmax(*most, v);
  }
}

/* Whole decades, at least one. */
static void settle_log(fz_io_axis *a, double least, double most) {
  if (!(least <= most)) least = most = a->floor > 0 ? a->floor : 1;
  a->low = fmax(pow(10, floor(log10(least) + 1e-9)), a->floor);
  a->high = pow(10, ceil(log10(most) - 1e-9));
  if (!(a->high > a->low * 5)) a->high = a->low * 10;
}

static void settle_linear(fz_io_axis *a, double least, double most) {
  if (!(least <= most)) least = most = 0;
  double margin = 0.04 * (most - least);
  if (!(margin > 1e-12 * fmax(fabs(least), fabs(most)))) margin = most != 0 ? 0.1 * fabs(most) : 1;
  /* Counts and costs begin at zero, and are shown so. */
  a->low = least >= 0 && least < 0.2 * most ? 0 : least - margin;
  a->high = most + margin;
}

void fz_io_axis_settle(fz_io_axis *axis, double least, double most) {
  if (axis->low < axis->high) return;
  if (axis->scale == FZ_IO_LOG)
    settle_log(axis, least, most);
  else
    settle_linear(axis, least, most);
}

double fz_io_ruler_place(const fz_io_ruler *r, double value) {
  const double far = 5000;
  double v = shown(&r->axis, value);
  if (isnan(v)) return NAN;
  double share = r->axis.scale == FZ_IO_LOG ? log10(v / r->axis.low) / log10(r->axis.high / r->axis.low)
                                            : (v - r->axis.low) / (r->axis.high - r->axis.low);
  return fmin(fmax(r->from + share * (r->to - r->from), -far), far);
}

/* 1, 2 or 5 times a power of ten that cuts the range into at most n parts. */
static double round_step(double range, int n) {
  double power = pow(10, floor(log10(range / n)));
  const double factor[] = {1, 2, 5, 10};
  for (int i = 0; i < 3; i++)
    if (factor[i] * power >= range / n * (1 - 1e-9)) return factor[i] * power;
  return 10 * power;
}

static int linear_ticks(const fz_io_axis *a, int most, fz_io_tick *tick) {
  double step = round_step(a->high - a->low, most);
  int decimals = (int)fmin(fmax(0, ceil(-log10(step) - 1e-9)), 12), n = 0;
  bool plain = fmax(fabs(a->low), fabs(a->high)) < 1e7 && step > 1e-6;
  for (double i = ceil(a->low / step - 1e-9); i * step <= a->high + 1e-9 * step && n < FZ_IO_TICKS_MOST; i++) {
    tick[n] = (fz_io_tick){.value = i * step, .labelled = true};
    if (plain)
      snprintf(tick[n].text, sizeof tick[n].text, "%.*f", decimals, i == 0 ? 0 : i * step);
    else
      snprintf(tick[n].text, sizeof tick[n].text, "%.6g", i == 0 ? 0 : i * step);
    n++;
  }
  return n;
}

/* Decades, labelled as often as there is room; between them 2 .. 9 while decades are few. */
static int log_ticks(const fz_io_axis *a, int most, fz_io_tick *tick) {
  int first = (int)floor(log10(a->low) + 1e-9), last = (int)ceil(log10(a->high) - 1e-9), n = 0;
  int every = (last - first) / most + 1, fine = last - first <= 4 ? 9 : 1;
  for (int decade = first; decade <= last; decade++)
    for (int k = 1; k <= fine && n < FZ_IO_TICKS_MOST; k++) {
      double value = k * pow(10, decade);
      if (value < a->low * (1 - 1e-9) || value > a->high * (1 + 1e-9)) continue;
      tick[n++] = (fz_io_tick){.value = value, .labelled = k == 1 && (decade - last) % every == 0};
    }
  return n;
}

int fz_io_ruler_ticks(const fz_io_ruler *r, int most_labels, fz_io_tick tick[FZ_IO_TICKS_MOST]) {
  return r->axis.scale == FZ_IO_LOG ? log_ticks(&r->axis, most_labels, tick)
                                    : linear_ticks(&r->axis, most_labels, tick);
}

static void power_text(const fz_io_tick *tick, char *text, size_t size) {
  snprintf(text, size, "%d", (int)lrint(log10(tick->value)));
}

static const double small = 0.72, white = 0.25; /* an exponent's size, and its distance, over that of the ten */

double fz_io_tick_width(const fz_io_ruler *r, const fz_io_tick *tick, double size) {
  char text[16];
  if (r->axis.scale == FZ_IO_LINEAR) return fz_io_canvas_text_width(size, tick->text);
  power_text(tick, text, sizeof text);
  return fz_io_canvas_text_width(size, "10") + white * size + fz_io_canvas_text_width(small * size, text);
}

void fz_io_tick_draw(fz_io_canvas *c, const fz_io_ruler *r, const fz_io_tick *tick, double x, double y, double size,
                     fz_io_anchor anchor, fz_io_color color) {
  char text[16];
  double width = fz_io_tick_width(r, tick, size);
  double left = x - (anchor == FZ_IO_RIGHT ? width : anchor == FZ_IO_CENTRE ? width / 2 : 0);
  if (r->axis.scale == FZ_IO_LINEAR) {
    fz_io_canvas_text(c, left, y, size, FZ_IO_LEFT, color, tick->text);
    return;
  }
  power_text(tick, text, sizeof text);
  fz_io_canvas_text(c, left, y, size, FZ_IO_LEFT, color, "10");
  fz_io_canvas_text(c, left + width, y - 0.65 * size, small * size, FZ_IO_RIGHT, color, text);
}
