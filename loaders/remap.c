/* remap.c: see remap.h. Slots hold orders of discovery and not ids: 4 bytes each, so that the table
 * costs 6 bytes an id. */
#include "loaders/remap.h"

#include "base/rng.h"

__extension__ typedef unsigned __int128 u128;

/* An id above, its order of discovery below: one number, so that ids sort with what they carry. */
typedef u128 found;

#define RADIX_SORT sort_found
#define RADIX_KEY  found
#include "loaders/radix_kernel.h"

static uint64_t slots_for(uint64_t most)
{
    return most + most / 2 + 16;
}

uint64_t pri_id_set_bytes(uint64_t most)
{
    return pri_paged_bytes(slots_for(most), sizeof(uint32_t)) +
           pri_paged_bytes(most, sizeof(uint64_t));
}

uint64_t pri_id_set_sort_bytes(uint64_t most)
{
    const uint64_t list = pri_paged_bytes(most, sizeof(uint64_t));
    const uint64_t sort = pri_paged_bytes(most, sizeof(found));
    const uint64_t rank = pri_paged_bytes(most, sizeof(pr_vid));
    return sort + list + rank;
}

pr_status pri_id_set_init(pri_id_set *set, uint64_t most)
{
    pr_status st = PR_OK;

    *set = (pri_id_set){ .key       = pri_mix64((uint64_t)pr_now_ns()),
                         .most      = most,
                         .num_slots = slots_for(most) };
    PR_TRY(pri_paged_take(&set->slots, set->num_slots, sizeof *set->slot, "a table of node ids"));
    PR_TRY(pri_paged_take(&set->list, most, sizeof *set->id, "node ids"));
    set->slot = set->slots.at;
    set->id   = set->list.at;
done:
    if (st != PR_OK) pri_id_set_clear(set);
    return st;
}

static uint64_t home_of(const pri_id_set *set, uint64_t id)
{
    return (uint64_t)(((u128)pri_mix64(id ^ set->key) * set->num_slots) >> 64);
}

void pri_id_set_prefetch(const pri_id_set *set, uint64_t id)
{
    __builtin_prefetch(&set->slot[home_of(set, id)], 1);
}

pr_vid pri_id_set_add(pri_id_set *set, uint64_t id)
{
    uint64_t s = home_of(set, id);

    while (set->slot[s]) {
        if (set->id[set->slot[s] - 1] == id) return set->slot[s] - 1;
        if (++s == set->num_slots) s = 0;
    }
    if (set->n == set->most) return PR_VID_NONE;
    set->id[set->n] = id;
    set->slot[s]    = (uint32_t)++set->n;
    return set->slot[s] - 1;
}

pr_status pri_id_set_sort(pri_id_set *set, pri_paged *ids, pri_paged *rank)
{
    pr_status      st   = PR_OK;
    const uint64_t n    = set->n;
    pri_paged      sort = { 0 };

    *ids = *rank = (pri_paged){ 0 };
    pri_paged_free(&set->slots);
    PR_TRY(pri_paged_take(&sort, n, sizeof(found), "sorting node ids"));
    found *at = sort.at;
    for (uint64_t i = 0; i < n; i++) at[i] = (found)set->id[i] << 32 | i;
    pri_paged_free(&set->list);
    sort_found(at, n, 32 + 62); /* the highest bit of an id below 2^63 */
    PR_TRY(pri_paged_take(ids, n, sizeof(int64_t), "node ids"));
    PR_TRY(pri_paged_take(rank, n, sizeof(pr_vid), "numbers of node ids"));
    for (uint64_t i = 0; i < n; i++) {
        ((int64_t *)ids->at)[i]               = (int64_t)(at[i] >> 32);
        ((pr_vid *)rank->at)[(uint32_t)at[i]] = (pr_vid)i;
    }
done:
    if (st != PR_OK) {
        pri_paged_free(ids);
        pri_paged_free(rank);
    }
    pri_paged_free(&sort);
    pri_id_set_clear(set);
    return st;
}

void pri_id_set_clear(pri_id_set *set)
{
    pri_paged_free(&set->slots);
    pri_paged_free(&set->list);
    *set = (pri_id_set){ 0 };
}
