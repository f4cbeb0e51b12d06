/* remap.h: number scattered node ids 0, 1, ... in ascending order. Ids are collected in order of
 * discovery behind a hash table, then sorted once. */
#ifndef LOADERS_REMAP_H
#define LOADERS_REMAP_H

#include <packrat/nouns.h>

#include "loaders/paged.h"

typedef struct pri_id_set {
    uint64_t  key;       /* scrambles the hash, so that no file can be made to collide */
    uint64_t  most;      /* ids that fit */
    uint64_t  num_slots; /* half as many again, and a few */
    uint64_t  n;         /* ids found */
    pri_paged slots, list;
    uint32_t *slot; /* [num_slots] order of discovery + 1, 0: free */
    uint64_t *id;   /* [most] by order of discovery */
} pri_id_set;

/* Make room for so many ids, at most PR_MAX_NODES; clear with pri_id_set_clear. */
pr_status pri_id_set_init(pri_id_set *set, uint64_t most);

/* Give the id's place in the order of discovery, PR_VID_NONE where it is one too many. */
pr_vid pri_id_set_add(pri_id_set *set, uint64_t id);

/* Bring near what an add of the id looks at first. */
void pri_id_set_prefetch(const pri_id_set *set, uint64_t id);

/* Sort what was found; the set is empty then.
 *
 *   ids    out, [n] i64, ascending
 *   rank   out, [n] pr_vid: place in `ids` by order of discovery
 *
 * Both NULL on failure. */
pr_status pri_id_set_sort(pri_id_set *set, pri_paged *ids, pri_paged *rank);

/* Bytes: while ids are found, and while they are sorted (what is given included). */
uint64_t pri_id_set_bytes(uint64_t most);
uint64_t pri_id_set_sort_bytes(uint64_t most);

void pri_id_set_clear(pri_id_set *set); /* zeroed and cleared ones are fine */

#endif
