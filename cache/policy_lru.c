/* policy_lru.c: least recently wanted first. Slots are ordered by the last batch that wanted their
 * row, and within a batch by the row's place in the wanted list: the earlier goes first.
 *
 * The order is a log: wanting a row appends its slot, and only a slot's last entry counts.
 *
 *     log   | 4 | 1 | 4 | 7 | 1 |      entry e counts when entry_of[log[e]] == e: here the
 *                     ^head       ^tail  last three, so 4 goes first, then 7, then 1
 *
 * Appending costs one random write, and victims are read off in sequence, where a linked list
 * would wait for one slot to learn the next. The log has two entries a slot; when its end is
 * reached, the entries that count move to its beginning: at most once in max_slots appends. */
#include "cache/policy.h"

/* Entries from the one read to the one whose slot is prefetched. */
enum { AHEAD = 32 };

typedef struct lru {
    uint32_t  max_slots;
    uint32_t  num_used;   /* slots 0 .. num_used-1 have an entry that counts */
    uint64_t  head, tail; /* no entry before head counts */
    pr_slot  *log;        /* [2 * max_slots] */
    uint64_t *entry_of;   /* [max_slots] each slot's last entry */
    size_t    log_bytes, entry_bytes;
} lru;

static void lru_free(void *policy)
{
    lru *p = policy;

    if (!p) return;
    pri_pages_unmap(p->entry_of, p->entry_bytes);
    pri_pages_unmap(p->log, p->log_bytes);
    pri_free(p);
}

static pr_status lru_create(uint32_t max_slots, void **out)
{
    pr_status    st    = PR_OK;
    lru         *p     = NULL;
    const size_t slots = max_slots ? max_slots : 1; /* an empty one is no special case */

    *out = NULL;
    PR_NEW(p, 1);
    p->max_slots   = max_slots;
    p->log_bytes   = 2 * slots * sizeof *p->log;
    p->entry_bytes = slots * sizeof *p->entry_of;
    p->log         = pri_pages_map(p->log_bytes, 1);
    PR_CHECK(p->log, PR_E_NOMEM, "cannot reserve the lru log of %u slots", max_slots);
    p->entry_of = pri_pages_map(p->entry_bytes, 1);
    PR_CHECK(p->entry_of, PR_E_NOMEM, "cannot reserve the lru entries of %u slots", max_slots);
    *out = p;
    p    = NULL;
done:
    lru_free(p);
    return st;
}

static void lru_choose(void *policy, const uint32_t *last_wanted, uint32_t now, uint32_t count,
                       pr_slot *victims)
{
    const lru *p = policy;

    for (uint64_t n = 0, e = p->head; n < count; e++) {
        PR_ASSERT(e < p->tail);
        if (e + AHEAD < p->tail) {
            __builtin_prefetch(&p->entry_of[p->log[e + AHEAD]]);
            __builtin_prefetch(&last_wanted[p->log[e + AHEAD]]);
        }
        const pr_slot slot = p->log[e];
        victims[n]         = slot;
        n += (p->entry_of[slot] == e) & (last_wanted[slot] != now);
    }
}

/* Move the entries that count to the beginning of the log, in their order. */
static void compact(lru *p)
{
    uint64_t tail = 0;

    for (uint64_t e = p->head; e < p->tail; e++) {
        const pr_slot slot = p->log[e];
        if (p->entry_of[slot] != e) continue;
        p->log[tail]      = slot;
        p->entry_of[slot] = tail++;
    }
    p->head = 0;
    p->tail = tail;
}

static void lru_placed(void *policy, const pr_slot *slot_of, size_t n, uint32_t capacity)
{
    lru *p = policy;

    for (size_t i = 0; i < n; i++) {
        const pr_slot slot = slot_of[i];
        if (slot >= capacity) continue;
        if (p->tail == 2 * (uint64_t)p->max_slots) compact(p);
        PR_ASSERT(slot <= p->num_used);
        p->num_used += slot == p->num_used;
        p->log[p->tail]   = slot;
        p->entry_of[slot] = p->tail++;
    }
    while (p->head < p->tail && p->entry_of[p->log[p->head]] != p->head) p->head++;
}

static pr_status lru_check(const void *policy, uint32_t num_resident)
{
    pr_status  st    = PR_OK;
    const lru *p     = policy;
    uint32_t   count = 0;

    PR_CHECK(p->num_used == num_resident, PR_E_BUG, "lru knows %u slots, %u hold rows", p->num_used,
             num_resident);
    PR_CHECK(p->tail <= 2 * (uint64_t)p->max_slots, PR_E_BUG, "the lru log overflows");
    for (uint64_t e = p->head; e < p->tail; e++) {
        PR_CHECK(p->log[e] < num_resident, PR_E_BUG, "lru has slot %u, %u hold rows", p->log[e],
                 num_resident);
        count += p->entry_of[p->log[e]] == e;
    }
    PR_CHECK(count == num_resident, PR_E_BUG, "lru orders %u slots, %u hold rows", count,
             num_resident);
done:
    return st;
}

const pri_policy pri_policy_lru = {
    .name   = "lru",
    .create = lru_create,
    .free   = lru_free,
    .choose = lru_choose,
    .placed = lru_placed,
    .check  = lru_check,
};
