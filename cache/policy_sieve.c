/* policy_sieve.c: SIEVE (Zhang et al., NSDI 2024). Rows queue in the order they came in; a hand
 * walks from the oldest to the newest and around. A row that was wanted since the hand last came by
 * keeps its place and loses the mark that says so, another leaves.
 *
 * A batch is looked up as a whole: its hits are marked when it is placed, and the hand passes by
 * rows of the running batch.
 *
 * The queue is a log that rows are appended to. A row that left leaves a hole, which is an entry
 * that its slot does not point back to:
 *
 *     log   | 4 | 1 | . | 7 |      entry e counts when entry_of[log[e]] == e
 *             ^tail   ^hand   ^head
 *
 * The log has two entries a slot; when its end is reached, those that count move to its beginning:
 * at most once in max_slots appends. */
#include "cache/policy.h"

#include <string.h>

enum { AHEAD = 32 };

typedef struct sieve {
    uint32_t  max_slots, num_used;
    uint64_t  head;     /* entries in the log */
    uint64_t  hand;     /* the entry the hand looks at next */
    uint64_t  new_hand; /* where the last choice left it */
    uint64_t  walked;   /* entries the last choice looked at, those of a second round too */
    pr_slot  *log;      /* [2 * max_slots + 1] */
    uint64_t *entry_of; /* [max_slots] */
    uint8_t  *visited;  /* [max_slots] */
    size_t    log_bytes, entry_bytes, visited_bytes;
} sieve;

static void sieve_free(void *policy)
{
    sieve *p = policy;

    if (!p) return;
    pri_pages_unmap(p->visited, p->visited_bytes);
    pri_pages_unmap(p->entry_of, p->entry_bytes);
    pri_pages_unmap(p->log, p->log_bytes);
    pri_free(p);
}

static pr_status sieve_create(const pri_policy_setup *setup, void **out)
{
    pr_status    st    = PR_OK;
    sieve       *p     = NULL;
    const size_t slots = (size_t)setup->max_slots + 1; /* none is no special case */

    *out = NULL;
    PR_NEW(p, 1);
    p->max_slots     = setup->max_slots;
    p->log_bytes     = 2 * slots * sizeof *p->log;
    p->entry_bytes   = slots * sizeof *p->entry_of;
    p->visited_bytes = slots;
    p->log           = pri_pages_map(p->log_bytes, 1);
    p->entry_of      = p->log ? pri_pages_map(p->entry_bytes, 1) : NULL;
    p->visited       = p->entry_of ? pri_pages_map(p->visited_bytes, 1) : NULL;
    PR_CHECK(p->visited, PR_E_NOMEM, "cannot reserve the queue of %u slots", setup->max_slots);
    *out = p;
    p    = NULL;
done:
    sieve_free(p);
    return st;
}

static void sieve_choose(void *policy, const pri_index *index, const uint8_t *mark, uint32_t count,
                         pr_slot *victims)
{
    sieve   *p = policy;
    uint64_t e = p->hand;
    uint32_t n = 0;

    (void)index;
    p->walked = 0;
    for (; n < count; p->walked++, e++) {
        PR_ASSERT(p->walked <= 2 * p->head);
        if (e == p->head) e = 0;
        if (e + AHEAD < p->head) {
            __builtin_prefetch(&p->entry_of[p->log[e + AHEAD]]);
            __builtin_prefetch(&p->visited[p->log[e + AHEAD]]);
        }
        const pr_slot slot   = p->log[e];
        const bool    second = p->walked >= p->head; /* takes those the first round cleared */
        victims[n]           = slot;
        n += (p->entry_of[slot] == e) & !mark[slot] & (second == p->visited[slot]);
    }
    p->new_hand = e == p->head ? 0 : e; /* behind the newest comes the oldest, not a newcomer */
}

static void clear_between(sieve *p, uint64_t begin, uint64_t end)
{
    for (uint64_t e = begin; e < end; e++)
        if (p->entry_of[p->log[e]] == e) p->visited[p->log[e]] = 0;
}

/* Clear what the hand passed by: `walked` entries from where it was. */
static void clear_passed(sieve *p)
{
    if (p->walked >= p->head) {
        clear_between(p, 0, p->head);
    } else if (p->hand + p->walked > p->head) {
        clear_between(p, p->hand, p->head);
        clear_between(p, 0, p->new_hand);
    } else {
        clear_between(p, p->hand, p->hand + p->walked);
    }
}

/* Move the entries that count to the beginning of the log, in their order. */
static void compact(sieve *p)
{
    uint64_t to = 0, hand = UINT64_MAX;

    for (uint64_t e = 0; e < p->head; e++) {
        const pr_slot slot = p->log[e];
        if (e == p->hand) hand = to;
        if (p->entry_of[slot] != e) continue;
        p->log[to]        = slot;
        p->entry_of[slot] = to++;
    }
    p->hand = hand == UINT64_MAX ? to : hand;
    p->head = to;
}

/* Mark what was wanted. Newcomers are in the list too, and lose their marks below. */
static void note_hits(sieve *p, const pri_placed *placed)
{
    if (placed->index->few) {
        for (size_t i = 0; i < placed->wanted.n; i++)
            if (placed->slot_of[i] < placed->rows_before) p->visited[placed->slot_of[i]] = 1;
        return;
    }
    for (uint32_t s = 0; s < placed->rows_before; s++) p->visited[s] |= placed->mark[s];
}

static void sieve_placed(void *policy, const pri_placed *placed)
{
    sieve *p = policy;

    if (placed->num_added > placed->rows_after - placed->rows_before) { /* there were victims */
        clear_passed(p);
        p->hand = p->new_hand;
    }
    note_hits(p, placed);
    for (uint32_t i = 0; i < placed->num_added; i++)
        p->entry_of[placed->write[i].to] = UINT64_MAX; /* the rows that were there have left */
    while (p->hand < p->head && p->entry_of[p->log[p->hand]] != p->hand) p->hand++;
    if (p->hand == p->head) p->hand = 0; /* only holes were left before the newcomers */
    for (uint32_t i = 0; i < placed->num_added; i++) {
        const pr_slot slot = placed->write[i].to;
        if (p->head == 2 * (uint64_t)p->max_slots) compact(p);
        p->visited[slot]  = 0;
        p->log[p->head]   = slot;
        p->entry_of[slot] = p->head++;
    }
    p->num_used = placed->rows_after;
}

static void sieve_ranges(const void *policy, pr_ranges *ranges)
{
    const sieve *p = policy;

    pr_ranges_add(ranges, "index", p->log, p->log_bytes);
    pr_ranges_add(ranges, "index", p->entry_of, p->entry_bytes);
    pr_ranges_add(ranges, "index", p->visited, p->visited_bytes);
}

static pr_status sieve_check(const void *policy, const pri_index *index)
{
    pr_status    st    = PR_OK;
    const sieve *p     = policy;
    uint32_t     count = 0;

    PR_CHECK(p->num_used == index->num_resident, PR_E_BUG, "sieve knows %u slots, %u hold rows",
             p->num_used, index->num_resident);
    PR_CHECK(p->hand <= p->head && p->head <= 2 * (uint64_t)p->max_slots, PR_E_BUG,
             "sieve's hand is at %llu of %llu", (unsigned long long)p->hand,
             (unsigned long long)p->head);
    for (uint64_t e = 0; e < p->head; e++) {
        PR_CHECK(p->log[e] < index->num_resident, PR_E_BUG, "sieve has slot %u, %u hold rows",
                 p->log[e], index->num_resident);
        count += p->entry_of[p->log[e]] == e;
    }
    PR_CHECK(count == index->num_resident, PR_E_BUG, "sieve queues %u slots, %u hold rows", count,
             index->num_resident);
done:
    return st;
}

const pri_policy pri_policy_sieve = {
    .name   = "sieve",
    .stride = 1,
    .create = sieve_create,
    .free   = sieve_free,
    .choose = sieve_choose,
    .placed = sieve_placed,
    .ranges = sieve_ranges,
    .check  = sieve_check,
};
