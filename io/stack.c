/* The stack writer of mrc.h. */
#include <math.h>

#include "core/memory.h"
#include "io/file.h"
#include "io/mrc.h"
#include "io/mrc_header.h"

/* Statistics stay per image until the end, so that they do not depend on the order of writing. */
typedef struct image_summary {
  double minimum, maximum, mean, square; /* square: sum of squared deviations from this image's mean */
  bool written;
} image_summary;

struct fz_io_stack {
  fz_io_output out;
  int box;
  int64_t n;
  double voxel_A;
  bool joined;          /* out.fd is open on a partial file that another process owns */
  image_summary *image; /* [n] */
};

/* Everything but the file. */
static fz_status make(const char *path, int box, int64_t n, double voxel_A, fz_io_stack **out, fz_error *err) {
  *out = NULL;
  if (box < 1 || n < 1 || n > INT32_MAX)
    return fz_fail(err, FZ_EINVAL, "%s: a stack of %lld images of %d x %d pixels cannot be written", path, (long long)n,
                   box, box);
  fz_io_stack *stack = fz_alloc(1, sizeof *stack);
  if (!stack) return fz_fail(err, FZ_ENOMEM, "%s: no memory", path);
  stack->out.fd = -1;
  stack->box = box;
  stack->n = n;
  stack->voxel_A = voxel_A;
  stack->image = fz_alloc((ptrdiff_t)n, sizeof *stack->image);
  fz_status st = stack->image ? FZ_OK : fz_fail(err, FZ_ENOMEM, "%s: no memory", path);
  if (st != FZ_OK) fz_io_stack_abandon(&stack);
  *out = stack;
  return st;
}

fz_status fz_io_stack_create(const char *path, int box, int64_t n, double voxel_A, fz_io_stack **out, fz_error *err) {
  fz_status st = make(path, box, n, voxel_A, out, err);
  if (st != FZ_OK) return st;
  st = fz_io_output_open(path, &(*out)->out, err);
  if (st != FZ_OK) fz_io_stack_abandon(out);
  return st;
}

fz_status fz_io_stack_join(const char *path, int box, int64_t n, double voxel_A, fz_io_stack **out, fz_error *err) {
  fz_status st = make(path, box, n, voxel_A, out, err);
  if (st != FZ_OK) return st;
  st = fz_io_output_join(path, &(*out)->out, err);
  (*out)->joined = true;
  if (st != FZ_OK) fz_io_stack_abandon(out);
  return st;
}

void *fz_io_stack_records_view(fz_io_stack *stack, size_t *record_bytes) {
  *record_bytes = sizeof *stack->image;
  return stack->image;
}

fz_status fz_io_stack_leave(fz_io_stack **p, fz_error *err) {
  fz_status st = fz_io_output_leave(&(*p)->out, err);
  fz_io_stack_abandon(p);
  return st;
}

static void summarize(const float *x, ptrdiff_t n, image_summary *s) {
  double sum = 0, square = 0;
  s->minimum = s->maximum = (double)x[0];
  for (ptrdiff_t i = 0; i < n; i++) {
    double v = (double)x[i];
    if (v < s->minimum) s->minimum = v;
    if (v > s->maximum) s->maximum = v;
    sum += v;
  }
  s->mean = sum / (double)n;
  for (ptrdiff_t i = 0; i < n; i++) square += ((double)x[i] - s->mean) * ((double)x[i] - s->mean);
  s->square = square;
  s->written = true;
}

fz_status fz_io_stack_write(fz_io_stack *stack, int64_t first, int64_t count, const float *pixels, fz_error *err) {
  if (first < 0 || count < 0 || first > stack->n - count)
    return fz_fail(err, FZ_EINVAL, "%s: images %lld to %lld do not fit a stack of %lld", stack->out.path,
                   (long long)first + 1, (long long)(first + count), (long long)stack->n);
  ptrdiff_t plane = (ptrdiff_t)stack->box * stack->box;
  fz_status st = fz_io_file_pwrite(stack->out.fd, stack->out.partial, pixels, count * plane * 4,
                                   FZ_MRC_HEADER_BYTES + first * plane * 4, err);
  if (st != FZ_OK) return st;
  for (int64_t i = 0; i < count; i++) summarize(pixels + i * plane, plane, &stack->image[first + i]);
  return FZ_OK;
}

/* Combine the images' statistics in their order; equal counts, so the mean of means is the mean. */
static fz_status combine(const fz_io_stack *stack, fz_io_mrc_summary *s, fz_error *err) {
  double plane = (double)stack->box * stack->box, square = 0;
  s->minimum = stack->image[0].minimum;
  s->maximum = stack->image[0].maximum;
  for (int64_t i = 0; i < stack->n; i++) {
    const image_summary *image = &stack->image[i];
    if (!image->written)
      return fz_fail(err, FZ_EINVAL, "%s: image %lld of %lld was never written", stack->out.path, (long long)i + 1,
                     (long long)stack->n);
    if (image->minimum < s->minimum) s->minimum = image->minimum;
    if (image->maximum > s->maximum) s->maximum = image->maximum;
    s->mean += image->mean;
  }
  s->mean /= (double)stack->n;
  for (int64_t i = 0; i < stack->n; i++) {
    double off = stack->image[i].mean - s->mean;
    square += stack->image[i].square + plane * off * off;
  }
  s->rms = sqrt(square / (plane * (double)stack->n));
  return FZ_OK;
}

fz_status fz_io_stack_close(fz_io_stack **p, fz_error *err) {
  fz_status st = FZ_OK;
  fz_io_stack *stack = *p;
  unsigned char bytes[FZ_MRC_HEADER_BYTES];
  fz_io_mrc_summary summary = {.nx = stack->box, .ny = stack->box, .nz = stack->n, .voxel_A = stack->voxel_A};
  FZ_TRY(combine(stack, &summary, err));
  fz_io_mrc_header_encode(&summary, bytes);
  FZ_TRY(fz_io_file_pwrite(stack->out.fd, stack->out.partial, bytes, sizeof bytes, 0, err));
  FZ_TRY(fz_io_output_commit(&stack->out, err));
done:
  fz_io_stack_abandon(p);
  return st;
}

void fz_io_stack_abandon(fz_io_stack **stack) {
  if (!*stack) return;
  if ((*stack)->joined)
    fz_io_output_leave(&(*stack)->out, NULL);
  else
    fz_io_output_abandon(&(*stack)->out);
  fz_free(&(*stack)->image);
  fz_free(stack);
}
