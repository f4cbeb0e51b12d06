/* policy_lookahead.c: the row whose next use is farthest goes first (Belady, IBM Systems Journal
 * 1966), as far as the lists foreseen tell; rows with no use among them go before all others, the
 * least recently wanted first.
 *
 * Lists are numbered. Behind a row's slot its index entry has a word of uses, one bit a list that
 * waits, at the list's number modulo 32; so at most 32 lists wait. The bits, turned so that the
 * list taken next comes first, give the next use by counting zeros:
 *
 *     uses        0 0 1 0 0 1 0 0 ...      lists 2 and 5 of the round want the row
 *     list taken      ^2                   its bit goes; then 5 is next
 *
 * A slot's key: the time of the last batch that wanted its row when no list does (small), else
 * KEY_TOP minus the number of the next list that does: the nearer, the larger. Rows of the list
 * being taken have the largest key of all, and as there are enough others they are never chosen:
 * that is why taking needs no marks. */
#include <string.h>

#include "cache/keys.h"
#include "cache/policy.h"

enum {
    ROUND   = 32,    /* bits of uses */
    KEY_TOP = 65535, /* of list `base` */
    SPAN    = 16384, /* lists after which the numbers of keys begin anew */
};

typedef struct lookahead {
    pri_keys  keys;
    uint16_t  clock;
    uint64_t  next_in, next_out; /* numbers of the list entered and taken next */
    uint64_t  base;              /* the list whose key would be KEY_TOP; next_out - base <= SPAN */
    uint16_t *new_key; /* [max_wanted] of the rows of the list taken; 0: not what was entered */
    pr_slot  *touched; /* [max_wanted + 1] slots that enter the window with a list */
    bool      taken;
    size_t    key_bytes, touched_bytes;
} lookahead;

static void lookahead_free(void *policy)
{
    lookahead *p = policy;

    if (!p) return;
    pri_pages_unmap(p->touched, p->touched_bytes);
    pri_pages_unmap(p->new_key, p->key_bytes);
    pri_keys_clear(&p->keys);
    pri_free(p);
}

static pr_status lookahead_create(const pri_policy_setup *setup, void **out)
{
    pr_status  st = PR_OK;
    lookahead *p  = NULL;

    *out = NULL;
    PR_NEW(p, 1);
    PR_TRY(pri_keys_init(&p->keys, setup->max_slots));
    p->key_bytes     = ((size_t)setup->max_wanted + 1) * sizeof *p->new_key;
    p->touched_bytes = ((size_t)setup->max_wanted + 1) * sizeof *p->touched;
    p->new_key       = pri_pages_map(p->key_bytes, 1);
    p->touched       = p->new_key ? pri_pages_map(p->touched_bytes, 1) : NULL;
    PR_CHECK(p->touched, PR_E_NOMEM, "cannot reserve the keys of %u rows", setup->max_wanted);
    *out = p;
    p    = NULL;
done:
    lookahead_free(p);
    return st;
}

static uint32_t bit_of(uint64_t list)
{
    return UINT32_C(1) << (list % ROUND);
}

static uint16_t key_of(const lookahead *p, uint64_t list)
{
    return (uint16_t)(KEY_TOP - (list - p->base));
}

/* Turn a word so that the bit of `list` comes first. */
static inline uint32_t from_list(uint32_t uses, uint64_t list)
{
    const uint32_t by = (uint32_t)(list % ROUND);
    return uses >> by | uses << ((ROUND - by) % ROUND);
}

/* Begin the numbers of keys anew once in SPAN lists: what lies ahead keeps its distance. */
static void rebase(lookahead *p, uint32_t num_slots)
{
    const uint64_t by = p->next_out - p->base;

    if (by < SPAN) return;
    for (uint32_t s = 0; s < num_slots; s++)
        if (p->keys.key[s] > PRI_STAMP_LAST) p->keys.key[s] = (uint16_t)(p->keys.key[s] + by);
    p->base       = p->next_out;
    p->keys.guess = 0;
}

/* Find the id that comes twice in a list. Its bits are clear. */
static pr_status raise_twice(pri_index *index, pr_vids wanted, uint32_t bit)
{
    pr_status st = PR_OK;
    size_t    i  = 0;

    while (i < wanted.n && !(index->entry[2 * (size_t)wanted.at[i] + 1] & bit))
        index->entry[2 * (size_t)wanted.at[i++] + 1] |= bit;
    for (size_t k = 0; k < i; k++) index->entry[2 * (size_t)wanted.at[k] + 1] &= ~bit;
    PR_CHECK(i == wanted.n, PR_E_ARG, "wanted[%zu] is row %u, which came before", i, wanted.at[i]);
done:
    return st;
}

static pr_status lookahead_enter(void *policy, pri_index *index, pr_vids wanted)
{
    pr_status           st    = PR_OK;
    lookahead          *p     = policy;
    const uint32_t      bit   = bit_of(p->next_in);
    const pr_vid *const at    = wanted.at;
    const size_t        ahead = index->ahead;
    uint32_t *const     entry = index->entry;
    uint32_t            twice = 0;
    size_t              num   = 0;

    PR_TRY(pri_index_check_ids(index, wanted, "wanted"));
    if (wanted.n > index->num_rows) {
        st = raise_twice(index, wanted, bit);
        goto done;
    }
    rebase(p, index->num_resident);
    for (size_t i = 0; i < wanted.n; i++) {
        if (i + ahead < wanted.n) pri_index_prefetch(index, &entry[2 * (size_t)at[i + ahead]]);
        uint32_t      *e    = &entry[2 * (size_t)at[i]];
        const uint32_t slot = e[0], uses = e[1];
        twice |= uses & bit;
        e[1]            = uses | bit;
        p->touched[num] = slot;
        num += (size_t)((uses == 0) & (slot < PRI_ENTRY_NONE));
    }
    if (twice) {
        for (size_t i = 0; i < wanted.n; i++) entry[2 * (size_t)at[i] + 1] &= ~bit;
        st = raise_twice(index, wanted, bit);
        goto done;
    }
    for (size_t i = 0; i < num; i++) p->keys.key[p->touched[i]] = key_of(p, p->next_in);
    p->next_in++;
done:
    return st;
}

/* Give the key of a row with those uses left: of the next list, or the present time. */
static inline uint16_t key_after(uint32_t ahead, uint16_t nearest, uint16_t now)
{
    const uint16_t next = (uint16_t)(nearest - __builtin_ctz(ahead | UINT32_C(1) << (ROUND - 1)));
    return ahead ? next : now;
}

/* The stamp that placed() will give to the batch being looked up. */
static uint16_t coming_stamp(lookahead *p, uint32_t num_slots)
{
    if (p->clock == PRI_STAMP_LAST) { /* number the stamps anew now, so that the clock can step */
        pri_keys_tick(&p->keys, &p->clock, num_slots);
        p->clock--;
    }
    return (uint16_t)(p->clock + 1);
}

static void lookahead_drop(void *policy, pri_index *index, const pri_lookup *look)
{
    lookahead     *p   = policy;
    const uint32_t bit = bit_of(p->next_out - 1);

    for (size_t i = 0; i < look->wanted.n; i++)
        if (p->new_key[i]) index->entry[2 * (size_t)look->wanted.at[i] + 1] |= bit;
    p->next_out--;
    p->taken = false;
}

static pr_status lookahead_take(void *policy, pri_index *index, pri_lookup *look)
{
    pr_status           st = PR_OK;
    lookahead          *p  = policy;
    const pr_vid *const at = look->wanted.at;
    const size_t        n = look->wanted.n, ahead = index->ahead;
    const uint64_t      list    = p->next_out;
    const uint32_t      bit     = bit_of(list);
    const uint16_t      nearest = key_of(p, list + 1);
    uint32_t *const     entry   = index->entry;
    uint32_t            missing = 0, first = 0, changed = 0;

    look->num_missing = look->num_first = 0;
    PR_TRY(pri_index_check_ids(index, look->wanted, "wanted"));
    const uint16_t now = coming_stamp(p, index->num_resident);
    for (size_t i = 0; i < n; i++) {
        if (i + ahead < n) pri_index_prefetch(index, &entry[2 * (size_t)at[i + ahead]]);
        uint32_t      *e    = &entry[2 * (size_t)at[i]];
        const uint32_t slot = e[0], uses = e[1];
        const bool     good = uses & bit;
        changed |= !good;
        e[1]             = uses & ~bit;
        p->new_key[i]    = good ? key_after(from_list(uses & ~bit, list + 1), nearest, now) : 0;
        look->slot_of[i] = slot;
        look->missing[missing] = (uint32_t)i;
        missing += slot >= PRI_ENTRY_NONE;
        first += slot == PRI_ENTRY_NEVER;
    }
    p->next_out++;
    p->taken          = true;
    look->num_missing = missing;
    look->num_first   = first;
    if (changed) {
        lookahead_drop(p, index, look);
        for (size_t i = 0;; i++)
            PR_CHECK(p->new_key[i], PR_E_ARG,
                     "wanted[%zu] is row %u now, which the list did not have when it was foreseen",
                     i, at[i]);
    }
done:
    return st;
}

static void lookahead_choose(void *policy, const pri_index *index, const uint8_t *mark,
                             uint32_t count, pr_slot *victims)
{
    lookahead *p = policy;
    pri_keys_choose(&p->keys, mark, index->num_resident, count, victims);
}

static void lookahead_placed(void *policy, const pri_placed *placed)
{
    lookahead      *p    = policy;
    uint16_t *const key  = p->keys.key;
    const uint32_t  none = p->keys.max_slots; /* takes the keys of bypassed rows */

    pri_keys_tick(&p->keys, &p->clock, placed->rows_before);
    if (p->taken) {
        for (size_t i = 0; i < placed->wanted.n; i++) {
            const pr_slot slot                         = placed->slot_of[i];
            key[slot < placed->capacity ? slot : none] = p->new_key[i];
        }
        p->taken = false;
        return;
    }
    for (size_t i = 0; i < placed->wanted.n; i++) { /* a batch in between: all lists still wait */
        const uint32_t uses = placed->index->entry[2 * (size_t)placed->wanted.at[i] + 1];
        const pr_slot  slot = placed->slot_of[i];
        key[slot < placed->capacity ? slot : none] =
            key_after(from_list(uses, p->next_out), key_of(p, p->next_out), p->clock);
    }
}

static void lookahead_ranges(const void *policy, pr_ranges *ranges)
{
    const lookahead *p = policy;

    pri_keys_ranges(&p->keys, ranges);
    pr_ranges_add(ranges, "index", p->new_key, p->key_bytes);
    pr_ranges_add(ranges, "index", p->touched, p->touched_bytes);
}

static pr_status lookahead_check(const void *policy, const pri_index *index)
{
    pr_status        st      = PR_OK;
    const lookahead *p       = policy;
    uint32_t         waiting = 0;

    for (uint64_t list = p->next_out; list < p->next_in; list++) waiting |= bit_of(list);
    PR_CHECK(p->next_in - p->next_out <= ROUND, PR_E_BUG, "%llu lists wait, at most %d can",
             (unsigned long long)(p->next_in - p->next_out), (int)ROUND);
    for (pr_vid id = 0; id < index->num_rows; id++)
        PR_CHECK(!(index->entry[2 * (size_t)id + 1] & ~waiting) || p->taken, PR_E_BUG,
                 "row %u is wanted by a list that does not wait", id);
    for (pr_slot s = 0; s < index->num_resident && !p->taken; s++) {
        const uint32_t uses = index->entry[2 * (size_t)index->id_of[s] + 1];
        const uint16_t key  = p->keys.key[s];
        if (uses)
            PR_CHECK(key == key_after(from_list(uses, p->next_out), key_of(p, p->next_out), 0),
                     PR_E_BUG, "slot %u has key %u, its row is wanted by %08x", s, key, uses);
        else
            PR_CHECK(key <= p->clock, PR_E_BUG, "slot %u has key %u, nobody waits for its row", s,
                     key);
    }
done:
    return st;
}

const pri_policy pri_policy_lookahead = {
    .name   = "lookahead",
    .stride = 2,
    .create = lookahead_create,
    .free   = lookahead_free,
    .choose = lookahead_choose,
    .placed = lookahead_placed,
    .enter  = lookahead_enter,
    .take   = lookahead_take,
    .drop   = lookahead_drop,
    .ranges = lookahead_ranges,
    .check  = lookahead_check,
};
