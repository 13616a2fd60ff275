/* Compiled once per instruction set (FZ_ISA names it) and precision; see CMakeLists.txt. */
#include "estep/polar_kernels.h"

#include <math.h>
#include <string.h>

#include "core/exponential.h"

#define NAME_OF(isa) FZ_REAL_NAME(fz_polar_set_##isa)
#define NAME(isa) NAME_OF(isa)
#define kernels_name NAME(FZ_ISA)

enum { LANES = FZ_POLAR_LANES, CELL = FZ_POLAR_CELL, ROWS = FZ_POLAR_ROWS };

/* One register, and how many rows (or rings) fit into the registers beside it. */
#if defined(__AVX512F__)
enum { REGISTER = 64, DEPTH = 12 };
#elif defined(__AVX__)
enum { REGISTER = 32, DEPTH = 6 };
#else
enum { REGISTER = 16, DEPTH = 6 };
#endif
enum { WIDTH = REGISTER / (int)sizeof(fz_real) };

typedef fz_real vec __attribute__((vector_size(REGISTER)));
#ifdef FZ_DOUBLE
typedef int64_t mask __attribute__((vector_size(REGISTER)));
#else
typedef int32_t mask __attribute__((vector_size(REGISTER)));
typedef uint32_t words __attribute__((vector_size(REGISTER)));
FZ_DEFINE_EXP_NEGATIVE(exp_float, vec, words)
#endif

FZ_INLINE vec load(const fz_real *from) {
  vec x;
  memcpy(&x, from, sizeof x);
  return x;
}
FZ_INLINE void store(fz_real *to, vec x) {
  memcpy(to, &x, sizeof x);
}
FZ_INLINE vec select(mask m, vec a, vec b) {
  return (vec)((m & (mask)a) | (~m & (mask)b));
}
FZ_INLINE vec larger(vec a, vec b) {
  return select(a > b, a, b);
}
FZ_INLINE double sum_vec(vec x) {
  double sum = 0;
  for (int i = 0; i < WIDTH; i++) sum += x[i];
  return sum;
}
FZ_INLINE vec exp_negative(vec x) {
#ifdef FZ_DOUBLE
  for (int i = 0; i < WIDTH; i++) x[i] = exp(x[i]);
  return x;
#else
  return exp_float(x);
#endif
}

/* g_q of DEPTH rows, one register of lanes. */
FZ_INLINE void product_rows(int count, const fz_real *const *row, ptrdiff_t at, const fz_real *slice, vec *re,
                            vec *im) {
  for (int r = 0; r < count; r++) {
    vec sr = load(slice + r * CELL), si = load(slice + r * CELL + LANES);
#pragma GCC unroll 12
    for (int i = 0; i < DEPTH; i++) {
      fz_real xr = row[i][2 * (at + r)], xi = row[i][2 * (at + r) + 1];
      re[i] += sr * xr;
      im[i] += si * xr;
      re[i] += si * xi;
      im[i] -= sr * xi;
    }
  }
}

/* Two spectra become one complex one: z_q = a + i b, z_{-q} = conj a + i conj b. */
FZ_INLINE void write_pairs(const vec *re, const vec *im, int q, int n, fz_real *z) {
#pragma GCC unroll 6
  for (int p = 0; p < DEPTH / 2; p++) {
    fz_real *pair = z + (ptrdiff_t)p * n * CELL, *up = pair + q * CELL, *down = pair + (n - q) * CELL;
    vec ar = re[2 * p], ai = im[2 * p], br = re[2 * p + 1], bi = im[2 * p + 1];
    if (q == 0) {
      store(up, ar);
      store(up + LANES, br);
    } else {
      store(up, ar - bi);
      store(up + LANES, ai + br);
      store(down, ar + bi);
      store(down + LANES, br - ai);
    }
  }
}

static void products(const fz_polar_layout *l, const fz_real *const *row, const fz_real *const *norm,
                     const fz_real *offset, const fz_real *lane_offset, const fz_real *slices, fz_real *z) {
  int n = l->n_angles;
  for (int q = 0; q <= l->top; q++) {
    ptrdiff_t at = l->first[q];
    int count = (int)(l->first[q + 1] - at) - l->left_out, with_norm = norm && q % 2 == 0;
    const fz_real *slice = slices + at * CELL;
    for (int i0 = 0; i0 < ROWS; i0 += DEPTH)
      for (int w = 0; w < LANES; w += WIDTH) {
        vec re[DEPTH], im[DEPTH];
#pragma GCC unroll 12
        for (int i = 0; i < DEPTH; i++) {
          re[i] = with_norm ? load(norm[i0 + i] + q / 2 * CELL + w) : (vec){0};
          im[i] = with_norm ? load(norm[i0 + i] + q / 2 * CELL + LANES + w) : (vec){0};
        }
        if (q == 0) {
          vec shift = load(lane_offset + w);
#pragma GCC unroll 12
          for (int i = 0; i < DEPTH; i++) re[i] += shift + offset[i0 + i];
        }
        product_rows(count, row + i0, at, slice + w, re, im);
        write_pairs(re, im, q, n, z + (ptrdiff_t)(i0 / 2) * n * CELL + w);
      }
  }
}

static void norms(const fz_polar_layout *l, const fz_real *row, fz_real scale, const fz_real *slices, fz_real *norm) {
  for (int q = 0; q <= l->top; q += l->step, norm += CELL)
    for (int w = 0; w < LANES; w += WIDTH) {
      vec re = {0}, im = {0};
      for (ptrdiff_t p = l->first[q]; p < l->first[q + 1]; p++) {
        vec sr = load(slices + p * CELL + w), si = load(slices + p * CELL + LANES + w);
        fz_real xr = scale * row[2 * p], xi = scale * row[2 * p + 1];
        re += sr * xr;
        im += si * xr;
        re += si * xi;
        im -= sr * xi;
      }
      store(norm + w, re);
      store(norm + LANES + w, im);
    }
}

/* acc[r] += x_q(r) conj gamma_q over the rows, `count` rings in registers. */
FZ_INLINE void accumulate_rings(int count, int n_rows, const fz_real *const *row, ptrdiff_t at, const fz_real *gamma,
                                fz_real *sum) {
  vec re[DEPTH], im[DEPTH];
#pragma GCC unroll 12
  for (int r = 0; r < count; r++) {
    re[r] = load(sum + r * CELL);
    im[r] = load(sum + r * CELL + LANES);
  }
  for (int i = 0; i < n_rows; i++) {
    vec gr = load(gamma + i * CELL), gi = load(gamma + i * CELL + LANES);
    const fz_real *x = row[i] + 2 * at;
#pragma GCC unroll 12
    for (int r = 0; r < count; r++) {
      fz_real xr = x[2 * r], xi = x[2 * r + 1];
      re[r] += gr * xr;
      im[r] += gr * xi;
      re[r] += gi * xi;
      im[r] -= gi * xr;
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < count; r++) {
    store(sum + r * CELL, re[r]);
    store(sum + r * CELL + LANES, im[r]);
  }
}

static void accumulate(const fz_polar_layout *l, int n_rows, const fz_real *const *row, const fz_real *gamma,
                       fz_real *sum) {
  for (int q = 0; q <= l->top; q += l->step)
    for (int w = 0; w < LANES; w += WIDTH) {
      const fz_real *g = gamma + (ptrdiff_t)(q / l->step) * n_rows * CELL + w;
      ptrdiff_t at = l->first[q], end = l->first[q + 1];
      for (; end - at >= DEPTH; at += DEPTH) accumulate_rings(DEPTH, n_rows, row, at, g, sum + at * CELL + w);
      for (; end - at >= DEPTH / 2; at += DEPTH / 2)
        accumulate_rings(DEPTH / 2, n_rows, row, at, g, sum + at * CELL + w);
      for (; end - at >= 2; at += 2) accumulate_rings(2, n_rows, row, at, g, sum + at * CELL + w);
      for (; at < end; at++) accumulate_rings(1, n_rows, row, at, g, sum + at * CELL + w);
    }
}

typedef struct point {
  vec re, im;
} point;

FZ_INLINE point take(const fz_real *from) {
  return (point){load(from), load(from + LANES)};
}
FZ_INLINE point add(point a, point b) {
  return (point){a.re + b.re, a.im + b.im};
}
FZ_INLINE point subtract(point a, point b) {
  return (point){a.re - b.re, a.im - b.im};
}
FZ_INLINE point times_i(point a) {
  return (point){-a.im, a.re};
}
FZ_INLINE point times(point a, fz_real c, fz_real s) {
  return (point){a.re * c - a.im * s, a.im * c + a.re * s};
}

/* y_t = sum_u x_u exp(+2 pi i t u / R), in place. */
FZ_INLINE void butterfly2(point *x) {
  point a = x[0], b = x[1];
  x[0] = add(a, b);
  x[1] = subtract(a, b);
}
FZ_INLINE void butterfly3(point *x) {
  point sum = add(x[1], x[2]), difference = times_i(subtract(x[1], x[2]));
  point middle = {x[0].re - sum.re * (fz_real)0.5, x[0].im - sum.im * (fz_real)0.5};
  point turn = {difference.re * (fz_real)0.866025403784438647, difference.im * (fz_real)0.866025403784438647};
  x[0] = add(x[0], sum);
  x[1] = add(middle, turn);
  x[2] = subtract(middle, turn);
}
FZ_INLINE void butterfly4(point *x) {
  point a = add(x[0], x[2]), b = subtract(x[0], x[2]), c = add(x[1], x[3]), d = times_i(subtract(x[1], x[3]));
  x[0] = add(a, c);
  x[1] = add(b, d);
  x[2] = subtract(a, c);
  x[3] = subtract(b, d);
}
FZ_INLINE void butterfly5(point *x) {
  const fz_real c1 = (fz_real)0.309016994374947424, c2 = (fz_real)-0.809016994374947424;
  const fz_real s1 = (fz_real)0.951056516295153572, s2 = (fz_real)0.587785252292473129;
  point a = add(x[1], x[4]), b = add(x[2], x[3]), c = times_i(subtract(x[1], x[4])), d = times_i(subtract(x[2], x[3]));
  point p = {x[0].re + a.re * c1 + b.re * c2, x[0].im + a.im * c1 + b.im * c2};
  point q = {x[0].re + a.re * c2 + b.re * c1, x[0].im + a.im * c2 + b.im * c1};
  point u = {c.re * s1 + d.re * s2, c.im * s1 + d.im * s2}, v = {c.re * s2 - d.re * s1, c.im * s2 - d.im * s1};
  x[0] = add(x[0], add(a, b));
  x[1] = add(p, u);
  x[2] = add(q, v);
  x[3] = subtract(q, v);
  x[4] = subtract(p, u);
}
FZ_INLINE void butterfly8(point *x) {
  const fz_real h = (fz_real)0.707106781186547524;
  point even[4] = {x[0], x[2], x[4], x[6]}, odd[4] = {x[1], x[3], x[5], x[7]};
  butterfly4(even);
  butterfly4(odd);
  odd[1] = (point){(odd[1].re - odd[1].im) * h, (odd[1].re + odd[1].im) * h};
  odd[2] = times_i(odd[2]);
  odd[3] = (point){-(odd[3].re + odd[3].im) * h, (odd[3].re - odd[3].im) * h};
#pragma GCC unroll 4
  for (int t = 0; t < 4; t++) {
    x[t] = add(even[t], odd[t]);
    x[t + 4] = subtract(even[t], odd[t]);
  }
}

FZ_INLINE void butterfly(int radix, point *x) {
  if (radix == 2) butterfly2(x);
  if (radix == 3) butterfly3(x);
  if (radix == 4) butterfly4(x);
  if (radix == 5) butterfly5(x);
  if (radix == 8) butterfly8(x);
}

typedef struct maxima {
  vec re, im;
} maxima;

/* One pass of Stockham's transform: `s` interleaved transforms of length m radix. */
FZ_INLINE void pass(int radix, int m, int s, const fz_real *twiddle, const fz_real *x, fz_real *y, maxima *top) {
  for (int p = 0; p < m; p++)
    for (int q = 0; q < s; q++) {
      point v[8];
#pragma GCC unroll 8
      for (int u = 0; u < radix; u++) v[u] = take(x + (q + s * (p + (ptrdiff_t)m * u)) * CELL);
      butterfly(radix, v);
#pragma GCC unroll 8
      for (int t = 0; t < radix; t++) {
        /* Frequency 0 may carry huge offsets; it only ever meets p = 0, where there is nothing to multiply. */
        if (t && p) {
          const fz_real *w = twiddle + 2 * ((ptrdiff_t)p * (radix - 1) + t - 1);
          v[t] = times(v[t], w[0], w[1]);
        }
        fz_real *to = y + (q + s * ((ptrdiff_t)radix * p + t)) * CELL;
        store(to, v[t].re);
        store(to + LANES, v[t].im);
        if (top) {
          top->re = larger(top->re, v[t].re);
          top->im = larger(top->im, v[t].im);
        }
      }
    }
}

#define PASS(radix, top) \
  case radix: pass(radix, m, s, twiddle, x, y, top); break

static void run_pass(int radix, int m, int s, const fz_real *twiddle, const fz_real *x, fz_real *y) {
  switch (radix) {
    PASS(2, NULL);
    PASS(3, NULL);
    PASS(4, NULL);
    PASS(5, NULL);
    PASS(8, NULL);
  }
}

static void run_last_pass(int radix, int s, const fz_real *x, fz_real *y, maxima *top) {
  const int m = 1;
  const fz_real *twiddle = NULL;
  switch (radix) {
    PASS(2, top);
    PASS(3, top);
    PASS(4, top);
    PASS(5, top);
    PASS(8, top);
  }
}

/* All passes over one register of lanes; the result is in work or out, the same for every register. */
static fz_real *transform_register(const fz_polar_fft *fft, const fz_real *in, fz_real *work, fz_real *out, int w,
                                   maxima *top) {
  const fz_real *x = in + w, *twiddle = fft->twiddle;
  fz_real *to = work, *other = out;
  int m = fft->n, s = 1, last = fft->passes - 1;
  for (int i = 0; i < last; i++) {
    int radix = fft->radix[i];
    m /= radix;
    run_pass(radix, m, s, twiddle, x, to + w);
    twiddle += 2 * (ptrdiff_t)m * (radix - 1);
    s *= radix;
    x = to + w;
    fz_real *swap = to;
    to = other;
    other = swap;
  }
  run_last_pass(fft->radix[last], s, x, to + w, top);
  return to;
}

static fz_real *transform(const fz_polar_fft *fft, const fz_real *in, fz_real *work, fz_real *out, fz_real *largest) {
  fz_real *result = NULL;
  largest[0] = largest[1] = (fz_real)-1e38;
  for (int w = 0; w < LANES; w += WIDTH) {
    vec least = (vec){0} - (fz_real)1e38;
    maxima top = {least, least};
    result = transform_register(fft, in, work, out, w, &top);
    for (int i = 0; i < WIDTH; i++) {
      largest[0] = largest[0] > top.re[i] ? largest[0] : top.re[i];
      largest[1] = largest[1] > top.im[i] ? largest[1] : top.im[i];
    }
  }
  return result;
}

static double sum_exp(const fz_real *cells, int n, int part, fz_real shift) {
  double total = 0;
  for (int w = 0; w < LANES; w += WIDTH) {
    vec sum = {0};
    for (int p = 0; p < n; p++) sum += exp_negative(load(cells + p * CELL + part * LANES + w) - shift);
    total += sum_vec(sum);
  }
  return total;
}

static void lane_logs(const fz_real *cells, int n, int part, fz_real *logs) {
  for (int w = 0; w < LANES; w += WIDTH) {
    const fz_real *from = cells + part * LANES + w;
    vec top = load(from), sum = {0};
    for (int p = 1; p < n; p++) top = larger(top, load(from + p * CELL));
    for (int p = 0; p < n; p++) sum += exp_negative(load(from + p * CELL) - top);
    for (int i = 0; i < WIDTH; i++) logs[w + i] = top[i] + (fz_real)log((double)sum[i]);
  }
}

static double weights(fz_real *cells, int n, int part, fz_real log_total, fz_real floor_weight, double *moment,
                      fz_real *by_lane) {
  double total = 0;
  for (int w = 0; w < LANES; w += WIDTH) {
    vec sum = {0}, first = {0}, zero = {0};
    for (int p = 0; p < n; p++) {
      fz_real *at = cells + p * CELL + part * LANES + w;
      vec score = load(at), weight = exp_negative(score - log_total); /* above 0 by rounding only */
      weight = select(weight > floor_weight, weight, zero);
      store(at, weight);
      sum += weight;
      first += weight * score;
    }
    store(by_lane + w, load(by_lane + w) + sum);
    total += sum_vec(sum);
    *moment += sum_vec(first);
  }
  return total;
}

static void untangle(const fz_real *z, int n_angles, int top, fz_real *a, fz_real *b, ptrdiff_t stride) {
  const fz_real half = (fz_real)0.5;
  for (int q = 0; q <= top; q++, a += stride, b += stride)
    for (int w = 0; w < LANES; w += WIDTH) {
      point up = take(z + q * CELL + w), down = take(z + (q ? n_angles - q : 0) * CELL + w);
      store(a + w, (up.re + down.re) * half);
      store(a + LANES + w, (up.im - down.im) * half);
      store(b + w, (up.im + down.im) * half);
      store(b + LANES + w, (down.re - up.re) * half);
    }
}

extern const fz_polar_kernels kernels_name;
#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)
const fz_polar_kernels kernels_name = {.name = TEXT(FZ_ISA),
                                       .products = products,
                                       .transform = transform,
                                       .sum_exp = sum_exp,
                                       .lane_logs = lane_logs,
                                       .weights = weights,
                                       .untangle = untangle,
                                       .accumulate = accumulate,
                                       .norms = norms};
