#include "io/image_cache.h"

#include "core/memory.h"

typedef struct slot {
  int64_t particle;     /* -1: free */
  int64_t newer, older; /* neighbours in the order of use; -1: none */
  int pins;
  bool ready;
} slot;

struct fz_image_cache {
  int64_t n, capacity, used; /* used: slots handed out so far */
  int64_t resident;
  ptrdiff_t pixels;
  int64_t per_slab;
  float **slab; /* [slabs], filled in order */
  int64_t slabs;
  slot *slots;      /* [capacity] */
  int64_t *slot_of; /* [n], slot + 1; 0: absent */
  int64_t newest, oldest;
};

enum { SLAB_BYTES = 32 << 20 };

fz_image_cache *fz_image_cache_create(int64_t n, int64_t capacity, ptrdiff_t pixels) {
  fz_image_cache *c = fz_alloc(1, sizeof *c);
  if (!c) return NULL;
  c->n = n;
  c->capacity = capacity < n ? capacity : n;
  c->pixels = pixels;
  c->per_slab = SLAB_BYTES / ((int64_t)pixels * (int64_t)sizeof(float));
  if (c->per_slab < 1) c->per_slab = 1;
  if (c->per_slab > c->capacity) c->per_slab = c->capacity > 0 ? c->capacity : 1;
  c->newest = c->oldest = -1;
  c->slab = fz_alloc((ptrdiff_t)((c->capacity + c->per_slab - 1) / c->per_slab), sizeof *c->slab);
  c->slots = fz_alloc((ptrdiff_t)c->capacity, sizeof *c->slots);
  c->slot_of = fz_alloc((ptrdiff_t)n, sizeof *c->slot_of);
  if (!c->slab || !c->slots || !c->slot_of) fz_image_cache_destroy(&c);
  return c;
}

void fz_image_cache_destroy(fz_image_cache **p) {
  fz_image_cache *c = *p;
  if (!c) return;
  for (int64_t i = 0; i < c->slabs; i++) fz_free(&c->slab[i]);
  fz_free(&c->slab);
  fz_free(&c->slots);
  fz_free(&c->slot_of);
  fz_free(p);
}

static float *pixels_of(const fz_image_cache *c, int64_t s) {
  return c->slab[s / c->per_slab] + (s % c->per_slab) * c->pixels;
}

static void unlink_slot(fz_image_cache *c, int64_t s) {
  slot *x = &c->slots[s];
  *(x->newer >= 0 ? &c->slots[x->newer].older : &c->newest) = x->older;
  *(x->older >= 0 ? &c->slots[x->older].newer : &c->oldest) = x->newer;
}

static void link_newest(fz_image_cache *c, int64_t s) {
  c->slots[s].newer = -1;
  c->slots[s].older = c->newest;
  *(c->newest >= 0 ? &c->slots[c->newest].newer : &c->oldest) = s;
  c->newest = s;
}

static void link_oldest(fz_image_cache *c, int64_t s) {
  c->slots[s].older = -1;
  c->slots[s].newer = c->oldest;
  *(c->oldest >= 0 ? &c->slots[c->oldest].older : &c->newest) = s;
  c->oldest = s;
}

/* A slot never used before, or -1 when all are in use or memory has run out (then the cache stays smaller). */
static int64_t fresh_slot(fz_image_cache *c) {
  if (c->used == c->capacity) return -1;
  if (c->used == c->slabs * c->per_slab) {
    int64_t images = c->capacity - c->used < c->per_slab ? c->capacity - c->used : c->per_slab;
    float *slab = fz_alloc((ptrdiff_t)(images * c->pixels), sizeof *slab);
    if (!slab) {
      c->capacity = c->used;
      return -1;
    }
    c->slab[c->slabs++] = slab;
  }
  return c->used++;
}

static int64_t evict(fz_image_cache *c) {
  for (int64_t s = c->oldest; s >= 0; s = c->slots[s].newer) {
    if (c->slots[s].pins > 0) continue;
    unlink_slot(c, s);
    if (c->slots[s].particle >= 0) {
      c->slot_of[c->slots[s].particle] = 0;
      c->resident--;
    }
    return s;
  }
  return -1;
}

fz_cache_state fz_image_cache_state(const fz_image_cache *c, int64_t particle) {
  int64_t s = c->slot_of[particle] - 1;
  if (s < 0) return FZ_CACHE_ABSENT;
  return c->slots[s].ready ? FZ_CACHE_READY : FZ_CACHE_LOADING;
}

float *fz_image_cache_claim(fz_image_cache *c, int64_t particle) {
  int64_t s = fresh_slot(c);
  if (s < 0) s = evict(c);
  if (s < 0) return NULL;
  c->slots[s] = (slot){.particle = particle, .pins = 1};
  c->slot_of[particle] = s + 1;
  c->resident++;
  link_newest(c, s);
  return pixels_of(c, s);
}

void fz_image_cache_settle(fz_image_cache *c, int64_t particle, bool ready) {
  int64_t s = c->slot_of[particle] - 1;
  c->slots[s].pins--;
  c->slots[s].ready = ready;
  if (ready) return;
  c->slots[s].particle = -1;
  c->slot_of[particle] = 0;
  c->resident--;
  unlink_slot(c, s);
  link_oldest(c, s); /* first to be used again */
}

const float *fz_image_cache_pin(fz_image_cache *c, int64_t particle) {
  int64_t s = c->slot_of[particle] - 1;
  c->slots[s].pins++;
  unlink_slot(c, s);
  link_newest(c, s);
  return pixels_of(c, s);
}

void fz_image_cache_unpin(fz_image_cache *c, int64_t particle) {
  c->slots[c->slot_of[particle] - 1].pins--;
}
int64_t fz_image_cache_resident(const fz_image_cache *c) {
  return c->resident;
}

int64_t fz_image_cache_bytes(const fz_image_cache *c) {
  int64_t images = c->slabs * c->per_slab;
  return (images < c->capacity ? images : c->capacity) * c->pixels * (int64_t)sizeof(float);
}
