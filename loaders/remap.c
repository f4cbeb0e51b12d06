/* remap.c: number scattered node ids 0, 1, ... in ascending order. Ids are collected in order of
 * discovery behind a hash table, sorted once, and the pairs get the places of the sorted order. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "loaders/edges.h"

/* An id and where it was discovered. */
typedef struct found {
    uint64_t id;
    uint64_t order;
} found;

typedef struct id_set {
    uint64_t  key;       /* scrambles the hash, so that no file can be made to collide */
    uint32_t *slot;      /* [num_slots] place in `list` + 1, 0: free */
    uint64_t  num_slots; /* a power of two */
    found    *list;      /* [capacity], half of num_slots */
    uint64_t  n;
} id_set;

enum { FIRST_SLOTS = 1 << 12, STOP_EVERY = 1 << 16 };

static uint64_t home_of(const id_set *set, uint64_t id)
{
    return pri_mix64(id ^ set->key) & (set->num_slots - 1);
}

/* Give the slot that holds `id`, or the free one where it belongs. */
static uint64_t find_slot(const id_set *set, uint64_t id)
{
    uint64_t s = home_of(set, id);
    while (set->slot[s] && set->list[set->slot[s] - 1].id != id) s = (s + 1) & (set->num_slots - 1);
    return s;
}

/* Double the table. */
static pr_status widen(id_set *set, const char *path)
{
    pr_status      st    = PR_OK;
    const uint64_t slots = set->num_slots ? 2 * set->num_slots : FIRST_SLOTS;

    found *list = pri_realloc(set->list, slots / 2, sizeof *list);
    PR_CHECK(list, PR_E_NOMEM, "%s: cannot allocate %" PRIu64 " node ids", path, slots / 2);
    set->list = list;
    pri_free(set->slot);
    set->slot = NULL;
    PR_NEW(set->slot, slots);
    set->num_slots = slots;
    for (uint64_t i = 0; i < set->n; i++)
        set->slot[find_slot(set, set->list[i].id)] = (uint32_t)(i + 1);
done:
    return st;
}

/* Give the id's place in the order of discovery. */
static pr_status discover(id_set *set, uint64_t id, const char *path, uint64_t *order)
{
    pr_status st = PR_OK;

    if (set->n == set->num_slots / 2) PR_TRY(widen(set, path));
    const uint64_t s = find_slot(set, id);
    if (!set->slot[s]) {
        PR_CHECK(set->n < PR_MAX_NODES, PR_E_RANGE, "%s: has more than %u distinct node ids", path,
                 PR_MAX_NODES);
        set->list[set->n] = (found){ id, set->n };
        set->slot[s]      = (uint32_t)++set->n;
    }
    *order = set->slot[s] - 1;
done:
    return st;
}

static int by_id(const void *a, const void *b)
{
    const uint64_t x = ((const found *)a)->id, y = ((const found *)b)->id;
    return (x > y) - (x < y);
}

/* Replace each wide id by its place in the order of discovery. */
static pr_status discover_all(pri_edges *edges, const char *path, const volatile int *stop,
                              id_set *set)
{
    pr_status st = PR_OK;

    for (uint64_t i = 0; i < 2 * edges->num_pairs; i++) {
        if (i % STOP_EVERY == 0)
            PR_CHECK(!stop || !*stop, PR_E_INTERRUPTED, "%s: interrupted while numbering ids",
                     path);
        PR_TRY(discover(set, edges->wide[i], path, &edges->wide[i]));
    }
    pri_free(set->slot);
    set->slot = NULL;
done:
    return st;
}

/* Turn the wide pairs, now orders of discovery, into ranks in place, and shrink them. Entry i is
 * written to bytes that were read before. */
static pr_status narrow(pri_edges *edges, const pr_vid *rank)
{
    pr_status st    = PR_OK;
    char     *bytes = (char *)edges->wide;

    for (uint64_t i = 0; i < 2 * edges->num_pairs; i++) {
        uint64_t order;
        memcpy(&order, bytes + i * sizeof order, sizeof order);
        memcpy(bytes + i * sizeof *rank, &rank[order], sizeof *rank);
    }
    pr_vid *pair = pri_realloc(bytes, edges->num_pairs, 2 * sizeof *pair);
    PR_CHECK(pair, PR_E_NOMEM, "cannot shrink %" PRIu64 " edges", edges->num_pairs);
    edges->wide     = NULL;
    edges->pair     = pair;
    edges->capacity = edges->num_pairs;
done:
    return st;
}

pr_status pri_edges_remap(pri_edges *edges, const char *path, const volatile int *stop,
                          int64_t **ids, uint64_t *num_ids)
{
    pr_status st   = PR_OK;
    id_set    set  = { .key = pri_mix64((uint64_t)pr_now_ns()) };
    pr_vid   *rank = NULL;

    *ids     = NULL;
    *num_ids = 0;
    PR_TRY(discover_all(edges, path, stop, &set));
    PR_NEW(rank, set.n);
    PR_NEW(*ids, set.n);
    if (set.n > 0) qsort(set.list, set.n, sizeof *set.list, by_id);
    for (uint64_t i = 0; i < set.n; i++) {
        rank[set.list[i].order] = (pr_vid)i;
        (*ids)[i]               = (int64_t)set.list[i].id;
    }
    PR_TRY(narrow(edges, rank));
    edges->max_id = set.n ? set.n - 1 : 0;
    *num_ids      = set.n;
done:
    if (st != PR_OK) {
        pri_free(*ids);
        *ids     = NULL;
        *num_ids = 0;
    }
    pri_free(set.slot);
    pri_free(set.list);
    pri_free(rank);
    return st;
}
