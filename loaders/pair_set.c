/* pair_set.c: a hash table of pairs, linear probing. */
#include "loaders/pair_set.h"

#include "base/rng.h"

__extension__ typedef unsigned __int128 u128;

static uint64_t capacity_of(uint64_t num_pairs)
{
    return num_pairs + num_pairs / 2 + 16;
}

uint64_t pri_pair_set_bytes(uint64_t num_pairs)
{
    return capacity_of(num_pairs) * sizeof(uint64_t);
}

pr_status pri_pair_set_init(pri_pair_set *set, uint64_t num_pairs)
{
    pr_status st = PR_OK;

    *set = (pri_pair_set){ .capacity = capacity_of(num_pairs) };
    PR_NEW(set->key, set->capacity);
done:
    return st;
}

void pri_pair_set_clear(pri_pair_set *set)
{
    pri_free(set->key);
    *set = (pri_pair_set){ 0 };
}

static uint64_t key_of(pr_vid a, pr_vid b)
{
    return a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
}

static uint64_t place_of(const pri_pair_set *set, uint64_t key)
{
    return (uint64_t)(((u128)pri_mix64(key) * set->capacity) >> 64);
}

bool pri_pair_set_add(pri_pair_set *set, pr_vid a, pr_vid b)
{
    const uint64_t key = key_of(a, b);
    uint64_t       at  = place_of(set, key);

    PR_ASSERT(a != b);
    while (set->key[at] != 0) {
        if (set->key[at] == key) return false;
        if (++at == set->capacity) at = 0;
    }
    set->key[at] = key;
    return true;
}

bool pri_pair_set_has(const pri_pair_set *set, pr_vid a, pr_vid b)
{
    const uint64_t key = key_of(a, b);
    uint64_t       at  = place_of(set, key);

    while (set->key[at] != 0) {
        if (set->key[at] == key) return true;
        if (++at == set->capacity) at = 0;
    }
    return false;
}

void pri_pair_set_prefetch(const pri_pair_set *set, pr_vid a, pr_vid b)
{
    __builtin_prefetch(&set->key[place_of(set, key_of(a, b))], 1);
}
