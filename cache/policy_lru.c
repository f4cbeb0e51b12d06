/* policy_lru.c: least recently wanted first. A slot's key is the time of the last batch that wanted
 * its row; of rows last wanted by the same batch the lower slot goes first. */
#include "cache/keys.h"
#include "cache/policy.h"

typedef struct lru {
    pri_keys keys;
    uint16_t clock; /* of the batch placed last; 1, 2, ... */
} lru;

static void lru_free(void *policy)
{
    lru *p = policy;

    if (!p) return;
    pri_keys_clear(&p->keys);
    pri_free(p);
}

static pr_status lru_create(const pri_policy_setup *setup, void **out)
{
    pr_status st = PR_OK;
    lru      *p  = NULL;

    *out = NULL;
    PR_NEW(p, 1);
    PR_TRY(pri_keys_init(&p->keys, setup->max_slots));
    *out = p;
    p    = NULL;
done:
    lru_free(p);
    return st;
}

static void lru_choose(void *policy, const pri_index *index, const uint8_t *mark, uint32_t count,
                       pr_slot *victims)
{
    lru *p = policy;
    pri_keys_choose(&p->keys, mark, index->num_resident, count, victims);
}

static void lru_placed(void *policy, const pri_placed *placed)
{
    lru *p = policy;

    pri_keys_tick(&p->keys, &p->clock, placed->rows_before);
    p->keys.sweeps->stamp(p->keys.key, placed->mark, placed->rows_before, p->clock);
    for (uint32_t i = 0; i < placed->num_added; i++) p->keys.key[placed->write[i].to] = p->clock;
}

static void lru_ranges(const void *policy, pr_ranges *ranges)
{
    pri_keys_ranges(&((const lru *)policy)->keys, ranges);
}

static pr_status lru_check(const void *policy, const pri_index *index)
{
    pr_status  st = PR_OK;
    const lru *p  = policy;

    for (pr_slot s = 0; s < index->num_resident; s++)
        PR_CHECK(p->keys.key[s] <= p->clock, PR_E_BUG, "lru has slot %u wanted at %u, it is %u", s,
                 p->keys.key[s], p->clock);
done:
    return st;
}

const pri_policy pri_policy_lru = {
    .name   = "lru",
    .stride = 1,
    .create = lru_create,
    .free   = lru_free,
    .choose = lru_choose,
    .placed = lru_placed,
    .ranges = lru_ranges,
    .check  = lru_check,
};
