/* ring.h: a queue of fixed records between one producer and one consumer, without locks. The
 * producer fills records behind the last published one and publishes them together; the consumer
 * sees all of a publication or nothing of it. */
#ifndef PIPELINE_LOG_RING_H
#define PIPELINE_LOG_RING_H

#include "base/check.h"

typedef struct pri_ring pri_ring;

/* Create a ring.
 *
 *   record_bytes   size of one record; a multiple of 8 keeps records aligned
 *   capacity       records, a power of two
 *   out            free with pri_ring_free; NULL on failure
 *
 * Reserves record_bytes * capacity of address space; pages are committed as they are first used.
 */
pr_status pri_ring_create(size_t record_bytes, uint32_t capacity, pri_ring **out);
void      pri_ring_free(pri_ring *ring); /* NULL is fine */

/* Producer: whether n more records fit; n <= capacity. */
bool pri_ring_has_room(pri_ring *ring, uint32_t n);

/* Producer: the i-th record not yet published; i below an n that has room. */
void *pri_ring_next(pri_ring *ring, uint32_t i);

/* Producer: hand over the next n records. */
void pri_ring_publish(pri_ring *ring, uint32_t n);

/* Consumer: how many records are there; more may follow. */
uint32_t pri_ring_count(const pri_ring *ring);

/* Consumer: the i-th oldest record, i below the count. */
const void *pri_ring_peek(const pri_ring *ring, uint32_t i);

/* Consumer: give the n oldest records back. */
void pri_ring_release(pri_ring *ring, uint32_t n);

#endif
