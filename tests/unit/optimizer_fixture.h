/* What the tests of optimizers share: the model of linear_model.h, options, running, looking at the state. */
#ifndef FZ_TEST_OPTIMIZER_FIXTURE_H
#define FZ_TEST_OPTIMIZER_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "core/memory.h"
#include "linear_model.h"
#include "optim/optimizer.h"

enum { BATCHES = 8 }; /* of 50 images, 5 tiles each */
static const double start[LINEAR_DIM] = {-3, 3, 2};
static const double usual = 16; /* no |E[z]| comes near it: |x| < 2 + 5/sqrt(.4) */

/* Sums are rounded to 2^-49 per image (2^62 / (400 * 16), rounded down to a power of 2), means and w a few times in
 * double: 10 roundings below 2^-50 each in one update, which repeated contractions by at most 0.9 sum up to 10 times
 * that. */
static const double exact = 100 * 0x1p-50;

static inline fz_optimizer_options usual_options(void) {
  fz_optimizer_options options = fz_optimizer_options_default();
  options.batch_images = 50;
  options.step_rule = FZ_STEP_GIVEN;
  options.step = 0.3;
  options.damping = 1;
  options.memory = 3;
  options.eigenpairs = 2;
  options.seed = 5;
  options.eigenpairs = LINEAR_DIM - 1;
  return options;
}

static inline fz_optimizer *create(const linear_model *m, const char *name, const fz_optimizer_options *options) {
  fz_error err = {0};
  fz_optimizer *o;
  const fz_optimizer_kind *kind = fz_optimizer_find(name);
  assert_non_null(kind);
  if (fz_optimizer_create(kind, &m->f, options, start, &o, &err) != FZ_OK) fail_msg("%s", err.text);
  return o;
}

static inline void run(fz_optimizer *o, int64_t steps) {
  fz_error err = {0};
  for (int64_t i = 0; i < steps; i++)
    if (fz_optimizer_step(o, &err) != FZ_OK) fail_msg("%s: %s", o->kind->name, err.text);
}

static inline void assert_at_optimum(const linear_model *m, const fz_optimizer *o, double tolerance) {
  for (int j = 0; j < LINEAR_DIM; j++)
    if (!(fabs(o->w[j] - m->optimum[j]) <= tolerance))
      fail_msg("%s: w[%d] is off by %.3e after %g passes, allowed %.3e", o->kind->name, j, o->w[j] - m->optimum[j],
               fz_optimizer_passes(o), tolerance);
}

static inline void assert_no_blocks(void) {
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Hessian of F in coordinate j; preconditioned, relative to the curvature of Q. */
static inline double curvature_of(const linear_model *m, int j, bool precondition) {
  return (1 - m->rate[j]) * (precondition ? 1 : 1 + linear_ridge / (double)m->f.n_images);
}

static inline double state_number(fz_optimizer *o, const char *name) {
  fz_state_list list = {0};
  fz_optimizer_state(o, &list);
  double value = *(const double *)fz_state_find(&list, name)->data;
  fz_state_clear(&list);
  return value;
}

/* All that `from` would write to a checkpoint, into `to`; sizes and names must agree. */
static inline void copy_state(fz_optimizer *from, fz_optimizer *to) {
  fz_state_list a = {0}, b = {0};
  fz_optimizer_state(from, &a);
  fz_optimizer_state(to, &b);
  assert_false(a.out_of_memory || b.out_of_memory);
  assert_int_equal(a.n, b.n);
  for (int i = 0; i < a.n; i++) {
    const fz_state_item *x = &a.item[i], *y = &b.item[i];
    assert_string_equal(x->name, y->name);
    assert_int_equal(fz_state_bytes(x), fz_state_bytes(y));
    int64_t bytes = x->distributed ? x->count * fz_state_row_bytes(x) : fz_state_bytes(x);
    memcpy(y->data, x->data, (size_t)bytes);
  }
  fz_state_clear(&a);
  fz_state_clear(&b);
}

#endif
