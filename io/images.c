#include "io/images.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "core/memory.h"
#include "io/image_cache.h"
#include "io/mrc.h"

enum { QUEUE = 1 << 14, AHEAD_BYTES = 8 << 20 };

typedef struct place {
  int32_t stack;
  int64_t slice;
} place;

typedef struct source {
  int64_t n;
  int box;
  ptrdiff_t plane; /* box^2 */
  place *place;    /* [n] */
  int n_stacks;
  char **path;           /* [n_stacks] */
  fz_image_cache *cache; /* NULL: none */

  pthread_mutex_t lock; /* guards everything below and the cache */
  pthread_cond_t loaded, wanted;
  pthread_t thread;
  bool thread_runs, stop;
  int64_t *queue; /* ring of QUEUE particles */
  int64_t head, queued, queue_room;
  fz_io_images_counts counts;

  float *ahead; /* the thread's buffer, [ahead_images][box][box] */
  int ahead_images;
} source;

/* A run is read through its own descriptor: data sets have more stacks than a process may hold open. */
static fz_status read_run(const source *s, place from, int count, float *pixels, fz_error *err) {
  fz_io_mrc *mrc;
  fz_status st = fz_io_mrc_open_part(s->path[from.stack], &mrc, err);
  if (st != FZ_OK) return st;
  const fz_io_mrc_header *h = fz_io_mrc_header_view(mrc);
  if (h->nx != s->box || h->ny != s->box)
    st = fz_fail(err, FZ_EINPUT, "%s: its images are %lld x %lld pixels now; it changed under the program",
                 s->path[from.stack], (long long)h->nx, (long long)h->ny);
  else
    st = fz_io_mrc_read_slices(mrc, from.slice, count, pixels, err);
  fz_io_mrc_close(&mrc);
  return st;
}

static bool follows(const source *s, int64_t a, int64_t b) {
  return s->place[a].stack == s->place[b].stack && s->place[a].slice + 1 == s->place[b].slice;
}

/* Copy an image out of the cache, waiting if the thread is just reading it; false: it is not there. */
static bool take_cached(source *s, int64_t particle, float *pixels) {
  pthread_mutex_lock(&s->lock);
  while (fz_image_cache_state(s->cache, particle) == FZ_CACHE_LOADING) pthread_cond_wait(&s->loaded, &s->lock);
  bool ready = fz_image_cache_state(s->cache, particle) == FZ_CACHE_READY;
  const float *from = ready ? fz_image_cache_pin(s->cache, particle) : NULL;
  if (ready) s->counts.hits++;
  pthread_mutex_unlock(&s->lock);
  if (!ready) return false;
  memcpy(pixels, from, (size_t)s->plane * sizeof *pixels);
  pthread_mutex_lock(&s->lock);
  fz_image_cache_unpin(s->cache, particle);
  pthread_mutex_unlock(&s->lock);
  return true;
}

/* Keep what was read from the file; another thread may have been faster. */
static void keep(source *s, const int64_t *particle, int n, const float *pixels) {
  pthread_mutex_lock(&s->lock);
  s->counts.misses += n;
  s->counts.calls++;
  pthread_mutex_unlock(&s->lock);
  for (int i = 0; s->cache && i < n; i++) {
    pthread_mutex_lock(&s->lock);
    bool absent = fz_image_cache_state(s->cache, particle[i]) == FZ_CACHE_ABSENT;
    float *to = absent ? fz_image_cache_claim(s->cache, particle[i]) : NULL;
    pthread_mutex_unlock(&s->lock);
    if (!to) continue;
    memcpy(to, pixels + i * s->plane, (size_t)s->plane * sizeof *to);
    pthread_mutex_lock(&s->lock);
    fz_image_cache_settle(s->cache, particle[i], true);
    pthread_cond_broadcast(&s->loaded);
    pthread_mutex_unlock(&s->lock);
  }
}

static bool absent(source *s, int64_t particle) {
  if (!s->cache) return true;
  pthread_mutex_lock(&s->lock);
  bool is = fz_image_cache_state(s->cache, particle) == FZ_CACHE_ABSENT;
  pthread_mutex_unlock(&s->lock);
  return is;
}

static fz_status read_images(void *self, const int64_t *particle, int n, float *pixels, fz_error *err) {
  source *s = self;
  for (int i = 0; i < n; i++)
    if (particle[i] < 0 || particle[i] >= s->n)
      return fz_fail(err, FZ_EINVAL, "particle %lld of %lld was asked for", (long long)particle[i], (long long)s->n);
  for (int i = 0; i < n;) {
    if (s->cache && take_cached(s, particle[i], pixels + i * s->plane)) {
      i++;
      continue;
    }
    int run = 1;
    while (i + run < n && follows(s, particle[i + run - 1], particle[i + run]) && absent(s, particle[i + run])) run++;
    fz_status st = read_run(s, s->place[particle[i]], run, pixels + i * s->plane, err);
    if (st != FZ_OK) return st;
    keep(s, particle + i, run, pixels + i * s->plane);
    i += run;
  }
  return FZ_OK;
}

static void prefetch_images(void *self, const int64_t *particle, int n) {
  source *s = self;
  if (!s->cache) return;
  pthread_mutex_lock(&s->lock);
  for (int i = 0; i < n && s->queued < s->queue_room; i++)
    if (particle[i] >= 0 && particle[i] < s->n) s->queue[(s->head + s->queued++) % QUEUE] = particle[i];
  pthread_cond_signal(&s->wanted);
  pthread_mutex_unlock(&s->lock);
}

/* Take the next run of absent images off the queue and claim their places; called with the lock held. */
static int next_run(source *s, int64_t *particle, float **to) {
  int n = 0;
  while (s->queued > 0 && n < s->ahead_images) {
    int64_t next = s->queue[s->head];
    if (fz_image_cache_state(s->cache, next) != FZ_CACHE_ABSENT) {
      if (n > 0) break;
    } else {
      if (n > 0 && !follows(s, particle[n - 1], next)) break;
      to[n] = fz_image_cache_claim(s->cache, next);
      if (!to[n]) break; /* all in use: drop the hint below when it is the first */
      particle[n++] = next;
    }
    s->head = (s->head + 1) % QUEUE;
    s->queued--;
  }
  if (n == 0 && s->queued > 0) {
    s->head = (s->head + 1) % QUEUE;
    s->queued--;
  }
  return n;
}

static void *read_ahead(void *self) {
  source *s = self;
  enum { MOST = 256 };
  int64_t particle[MOST];
  float *to[MOST];
  pthread_mutex_lock(&s->lock);
  while (!s->stop) {
    if (s->queued == 0) {
      pthread_cond_wait(&s->wanted, &s->lock);
      continue;
    }
    int n = next_run(s, particle, to);
    if (n == 0) continue;
    pthread_mutex_unlock(&s->lock);
    /* A failure is left for read() to meet and to report. */
    bool ready = read_run(s, s->place[particle[0]], n, s->ahead, NULL) == FZ_OK;
    for (int i = 0; ready && i < n; i++) memcpy(to[i], s->ahead + i * s->plane, (size_t)s->plane * sizeof(float));
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < n; i++) fz_image_cache_settle(s->cache, particle[i], ready);
    if (ready) s->counts.ahead += n;
    pthread_cond_broadcast(&s->loaded);
  }
  pthread_mutex_unlock(&s->lock);
  return NULL;
}

static fz_status copy_places(source *s, const fz_particles *table, fz_error *err) {
  s->place = fz_alloc((ptrdiff_t)table->n, sizeof *s->place);
  s->path = fz_alloc(table->n_stacks, sizeof *s->path);
  if (!s->place || !s->path) return fz_fail(err, FZ_ENOMEM, "no memory for %lld images", (long long)table->n);
  for (int64_t i = 0; i < table->n; i++)
    s->place[i] = (place){.stack = table->particle[i].stack, .slice = table->particle[i].slice};
  for (int i = 0; i < table->n_stacks; i++) {
    s->path[i] = fz_strdup(table->stack_path[i]);
    s->n_stacks = i + 1;
    if (!s->path[i]) return fz_fail(err, FZ_ENOMEM, "no memory for stack names");
  }
  return FZ_OK;
}

/* last [n_stacks]: highest image asked of each stack, -1 for none */
static fz_status check_stack(source *s, int stack, int64_t last, fz_error *err) {
  fz_io_mrc *mrc;
  fz_status st = fz_io_mrc_open_part(s->path[stack], &mrc, err);
  if (st != FZ_OK) return st;
  const fz_io_mrc_header *h = fz_io_mrc_header_view(mrc);
  if (s->box == 0) s->box = (int)h->nx;
  if (h->nx != h->ny || h->nx != s->box)
    st = fz_fail(err, FZ_EINPUT, "%s: its images are %lld x %lld pixels; %d x %d were expected", s->path[stack],
                 (long long)h->nx, (long long)h->ny, s->box, s->box);
  else if (last >= h->nz)
    st = fz_fail(err, FZ_EINPUT, "%s: image %lld was asked for, but the stack has only %lld", s->path[stack],
                 (long long)last + 1, (long long)h->nz);
  fz_io_mrc_close(&mrc);
  return st;
}

static fz_status check_stacks(source *s, fz_error *err) {
  fz_status st = FZ_OK;
  int64_t *last = fz_alloc(s->n_stacks, sizeof *last);
  if (!last) return fz_fail(err, FZ_ENOMEM, "no memory for stack names");
  for (int i = 0; i < s->n_stacks; i++) last[i] = -1;
  for (int64_t i = 0; i < s->n; i++)
    if (s->place[i].slice > last[s->place[i].stack]) last[s->place[i].stack] = s->place[i].slice;
  for (int i = 0; i < s->n_stacks && st == FZ_OK; i++)
    if (last[i] >= 0) st = check_stack(s, i, last[i], err);
  fz_free(&last);
  return st;
}

static fz_status start_cache(source *s, int64_t cache_bytes, fz_error *err) {
  int64_t image_bytes = (int64_t)s->plane * (int64_t)sizeof(float), capacity = cache_bytes / image_bytes;
  if (capacity < 1 || s->n < 1) return FZ_OK;
  s->ahead_images = (int)(AHEAD_BYTES / image_bytes);
  if (s->ahead_images > 256) s->ahead_images = 256;
  if (s->ahead_images > capacity / 2) s->ahead_images = (int)(capacity / 2);
  if (s->ahead_images < 1) s->ahead_images = 1;
  /* Hints beyond half the cache would push out what was read ahead before it is used. */
  s->queue_room = capacity / 2 < 1 ? 1 : capacity / 2 < QUEUE ? capacity / 2 : QUEUE;
  s->queue = fz_alloc(QUEUE, sizeof *s->queue);
  s->ahead = fz_alloc(s->ahead_images * s->plane, sizeof *s->ahead);
  s->cache = fz_image_cache_create(s->n, capacity, s->plane);
  if (!s->queue || !s->ahead || !s->cache) return fz_fail(err, FZ_ENOMEM, "no memory for the image cache");
  s->thread_runs = pthread_create(&s->thread, NULL, read_ahead, s) == 0;
  return s->thread_runs ? FZ_OK : fz_fail(err, FZ_EIO, "cannot start the thread that reads images ahead");
}

fz_status fz_io_images_open(const fz_particles *table, int64_t cache_bytes, fz_images *out, fz_error *err) {
  fz_status st = FZ_OK;
  *out = (fz_images){0};
  source *s = fz_alloc(1, sizeof *s);
  if (!s) return fz_fail(err, FZ_ENOMEM, "no memory for the image source");
  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->loaded, NULL);
  pthread_cond_init(&s->wanted, NULL);
  fz_images images = {.self = s};
  s->n = table->n;
  FZ_TRY(copy_places(s, table, err));
  FZ_TRY(check_stacks(s, err));
  s->plane = (ptrdiff_t)s->box * s->box;
  FZ_TRY(start_cache(s, cache_bytes, err));
  *out = (fz_images){.self = s, .n = s->n, .box = s->box, .read = read_images, .prefetch = prefetch_images};
done:
  if (st != FZ_OK) fz_io_images_close(&images);
  return st;
}

void fz_io_images_close(fz_images *images) {
  source *s = images->self;
  if (!s) return;
  if (s->thread_runs) {
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->wanted);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
  }
  pthread_cond_destroy(&s->wanted);
  pthread_cond_destroy(&s->loaded);
  pthread_mutex_destroy(&s->lock);
  fz_image_cache_destroy(&s->cache);
  for (int i = 0; i < s->n_stacks; i++) fz_free(&s->path[i]);
  fz_free(&s->path);
  fz_free(&s->place);
  fz_free(&s->queue);
  fz_free(&s->ahead);
  fz_free(&s);
  *images = (fz_images){0};
}

fz_io_images_counts fz_io_images_count(const fz_images *images) {
  source *s = images->self;
  pthread_mutex_lock(&s->lock);
  fz_io_images_counts counts = s->counts;
  counts.resident_images = s->cache ? fz_image_cache_resident(s->cache) : 0;
  counts.bytes = s->cache ? fz_image_cache_bytes(s->cache) : 0;
  pthread_mutex_unlock(&s->lock);
  return counts;
}
