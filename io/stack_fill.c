#include "io/stack_fill.h"

#include "core/memory.h"
#include "io/mrc.h"
#include "mpi/reduce.h"

enum { RUN = 32 }; /* images per write */

/* Images [first, first + count), in runs. */
static fz_status fill(fz_io_stack *stack, int box, int64_t first, int64_t count, fz_io_image_maker make, void *context,
                      fz_error *err) {
  ptrdiff_t plane = (ptrdiff_t)box * box;
  fz_status st = FZ_OK;
  float *pixels = fz_alloc(RUN * plane, sizeof *pixels);
  if (!pixels) return fz_fail(err, FZ_ENOMEM, "no memory for %d images of %d pixels", (int)RUN, box);
  for (int64_t done = 0; done < count; done += RUN) {
    int64_t run = count - done < RUN ? count - done : RUN;
    for (int64_t i = 0; i < run; i++) FZ_TRY(make(context, first + done + i, pixels + i * plane, err));
    FZ_TRY(fz_io_stack_write(stack, first + done, run, pixels, err));
  }
done:
  fz_free(&pixels);
  return st;
}

/* Every rank's image statistics to all, so that rank 0 can write the header. */
static fz_status exchange(fz_mpi *comm, fz_io_stack *stack, int64_t n, ptrdiff_t first, ptrdiff_t count,
                          fz_error *err) {
  size_t bytes;
  void *records = fz_io_stack_records_view(stack, &bytes);
  int64_t *mine = fz_alloc(count, sizeof *mine);
  fz_status st = mine ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory");
  st = fz_mpi_agree(comm, st, err);
  if (st != FZ_OK) goto done;
  for (ptrdiff_t i = 0; i < count; i++) mine[i] = first + i;
  st = fz_mpi_merge_records(comm, records, bytes, n, mine, count, err);
done:
  fz_free(&mine);
  return st;
}

fz_status fz_io_stack_fill(fz_mpi *comm, const char *path, int box, int64_t n, double voxel_A, fz_io_image_maker make,
                           void *context, fz_error *err) {
  bool creator = fz_mpi_rank(comm) == 0;
  ptrdiff_t first, count;
  fz_io_stack *stack = NULL;
  fz_status st = creator ? fz_io_stack_create(path, box, n, voxel_A, &stack, err) : FZ_OK;
  FZ_TRY(fz_mpi_agree(comm, st, err));
  if (!creator) st = fz_io_stack_join(path, box, n, voxel_A, &stack, err);
  FZ_TRY(fz_mpi_agree(comm, st, err));
  fz_mpi_slice(comm, n, &first, &count);
  FZ_TRY(fz_mpi_agree(comm, fill(stack, box, first, count, make, context, err), err));
  FZ_TRY(exchange(comm, stack, n, first, count, err));
  if (!creator) st = fz_io_stack_leave(&stack, err);
  FZ_TRY(fz_mpi_agree(comm, st, err));
  if (creator) st = fz_io_stack_close(&stack, err);
  st = fz_mpi_agree(comm, st, err);
done:
  /* The creator removes the partial file only after all have left it: on network file systems a file in use stays. */
  if (!creator) fz_io_stack_abandon(&stack);
  fz_mpi_barrier(comm);
  fz_io_stack_abandon(&stack);
  return st;
}
