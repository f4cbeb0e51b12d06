/* ring.c: two counters that only grow, each written by one side. What lies between them is
 * published; a counter modulo the capacity is a place. The release store of `head` makes the
 * records visible before the count, that of `tail` makes their reading end before their reuse. */
#include "pipeline/log/ring.h"

#include <stdatomic.h>

struct pri_ring {
    char            *records; /* [capacity * record_bytes] */
    size_t           record_bytes;
    uint64_t         capacity;
    char             apart[64];  /* each side's counter on a cache line of its own */
    _Atomic uint64_t head;       /* records published so far; the producer's */
    uint64_t         known_tail; /* the producer's last look at tail */
    char             further[64];
    _Atomic uint64_t tail; /* records released so far; the consumer's */
    char             end[64];
};

pr_status pri_ring_create(size_t record_bytes, uint32_t capacity, pri_ring **out)
{
    pr_status st   = PR_OK;
    pri_ring *ring = NULL;
    size_t    bytes;

    *out = NULL;
    PR_CHECK(record_bytes > 0 && capacity > 0 && (capacity & (capacity - 1)) == 0 &&
                 !__builtin_mul_overflow(record_bytes, (size_t)capacity, &bytes),
             PR_E_ARG, "a ring of %u records of %zu bytes: capacity must be a power of two",
             capacity, record_bytes);
    PR_NEW(ring, 1);
    ring->record_bytes = record_bytes;
    ring->capacity     = capacity;
    ring->records      = pri_pages_map(bytes, 0);
    PR_CHECK(ring->records, PR_E_NOMEM, "cannot reserve %zu bytes for a ring of %u records", bytes,
             capacity);
    atomic_init(&ring->head, 0);
    atomic_init(&ring->tail, 0);
    *out = ring;
    ring = NULL;
done:
    pri_ring_free(ring);
    return st;
}

void pri_ring_free(pri_ring *ring)
{
    if (!ring) return;
    pri_pages_unmap(ring->records, ring->record_bytes * ring->capacity);
    pri_free(ring);
}

static void *record_at(const pri_ring *ring, uint64_t counter)
{
    return ring->records + (counter & (ring->capacity - 1)) * ring->record_bytes;
}

bool pri_ring_has_room(pri_ring *ring, uint32_t n)
{
    const uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    PR_ASSERT(n <= ring->capacity);
    if (head + n - ring->known_tail <= ring->capacity) return true;
    ring->known_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    return head + n - ring->known_tail <= ring->capacity;
}

void *pri_ring_next(pri_ring *ring, uint32_t i)
{
    return record_at(ring, atomic_load_explicit(&ring->head, memory_order_relaxed) + i);
}

void pri_ring_publish(pri_ring *ring, uint32_t n)
{
    const uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    atomic_store_explicit(&ring->head, head + n, memory_order_release);
}

uint32_t pri_ring_count(const pri_ring *ring)
{
    const uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    return (uint32_t)(atomic_load_explicit(&ring->head, memory_order_acquire) - tail);
}

const void *pri_ring_peek(const pri_ring *ring, uint32_t i)
{
    return record_at(ring, atomic_load_explicit(&ring->tail, memory_order_relaxed) + i);
}

void pri_ring_release(pri_ring *ring, uint32_t n)
{
    const uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    atomic_store_explicit(&ring->tail, tail + n, memory_order_release);
}
