/* index.c: one dense table from row to slot, one from slot to row.
 *
 * What decides the speed of a lookup: entries are prefetched far ahead (a table of many megabytes
 * is random memory), hits and misses part without a branch, and slots are only written to, never
 * read back: marks are counted afterwards, many at a time, and that count also proves that no hit
 * came twice. A small batch over a large slab is the exception (few): a server's. */
#include "cache/index.h"

#include <string.h>

#include "base/clones.h"

enum {
    BLOCK         = 64,
    DUMMIES       = 64,
    DEFAULT_AHEAD = 128,
    FEW = 64 /* slots an id: from there on a pass over all marks costs more than the ids */
};

/* Map zeroed elements, at least one, so that an empty index is no special case. */
static void *map(size_t count, size_t size, size_t *bytes)
{
    *bytes = (count ? count : 1) * size;
    return pri_pages_map(*bytes, 1);
}

pr_status pri_index_init(pri_index *index, pr_vid num_rows, uint32_t max_slots, uint32_t stride)
{
    pr_status st = PR_OK;

    *index       = (pri_index){ .num_rows    = num_rows,
                                .max_slots   = max_slots,
                                .stride      = stride,
                                .prefetch_to = 2,
                                .ahead       = DEFAULT_AHEAD,
                                .sweeps      = pri_sweeps_best() };
    index->entry = map((size_t)num_rows * stride, sizeof *index->entry, &index->entry_bytes);
    PR_CHECK(index->entry, PR_E_NOMEM, "cannot reserve the index of %u rows", num_rows);
    if (stride == 1)
        memset(index->entry, 0xff, num_rows * sizeof *index->entry); /* PRI_ENTRY_NEVER */
    else
        for (size_t id = 0; id < num_rows; id++) index->entry[id * stride] = PRI_ENTRY_NEVER;
    index->id_of = map(max_slots, sizeof *index->id_of, &index->id_bytes);
    PR_CHECK(index->id_of, PR_E_NOMEM, "cannot reserve the index of %u slots", max_slots);
    index->mark = map((size_t)max_slots + DUMMIES + PRI_SWEEP_SLACK, 1, &index->mark_bytes);
    PR_CHECK(index->mark, PR_E_NOMEM, "cannot reserve the marks of %u slots", max_slots);
done:
    return st;
}

void pri_index_clear(pri_index *index)
{
    pri_pages_unmap(index->entry, index->entry_bytes);
    pri_pages_unmap(index->id_of, index->id_bytes);
    pri_pages_unmap(index->mark, index->mark_bytes);
    *index = (pri_index){ 0 };
}

static uint32_t *entry_of(const pri_index *index, pr_vid id)
{
    return index->entry + (size_t)id * index->stride;
}

PRI_CLONES static pr_vid highest(const pr_vid *ids, size_t n)
{
    pr_vid top = 0;
    for (size_t i = 0; i < n; i++) top = ids[i] > top ? ids[i] : top;
    return top;
}

pr_status pri_index_check_ids(const pri_index *index, pr_vids ids, const char *what)
{
    pr_status st = PR_OK;

    if (ids.n == 0 || highest(ids.at, ids.n) < index->num_rows) goto done;
    for (size_t i = 0;; i++)
        PR_CHECK(ids.at[i] < index->num_rows, PR_E_RANGE,
                 "%s[%zu] is row %u, the store has %u rows", what, i, ids.at[i], index->num_rows);
done:
    return st;
}

/* Ask for the rows that a block found missing; gives 0 unless one was asked for before. */
static uint32_t ask(pri_index *index, const pr_vid *wanted, const uint32_t *missing, uint32_t num,
                    uint32_t *num_first)
{
    uint32_t twice = 0, first = 0;

    for (uint32_t k = 0; k < num; k++) {
        uint32_t *entry = entry_of(index, wanted[missing[k]]);
        twice |= ~*entry & PRI_ENTRY_ASKED;
        first += *entry & 1; /* never; a row asked for before is an error anyway */
        *entry &= ~PRI_ENTRY_ASKED;
    }
    *num_first += first;
    return twice;
}

/* Look ids begin .. end-1 up, at most BLOCK. The stride is given as a constant. */
static inline __attribute__((always_inline)) uint32_t look_up(pri_index *index, pri_lookup *look,
                                                              size_t begin, size_t end,
                                                              uint32_t count, uint32_t stride)
{
    const pr_vid *const   wanted    = look->wanted.at;
    const uint32_t *const entry     = index->entry;
    uint8_t *const        mark      = index->mark;
    uint32_t *const       missing   = look->missing;
    pr_slot *const        slot_of   = look->slot_of;
    const uint32_t        max_slots = index->max_slots;

    for (size_t i = begin; i < end; i++) {
        const uint32_t slot = entry[(size_t)wanted[i] * stride];
        const uint32_t to   = max_slots + (uint32_t)(i % DUMMIES);
        slot_of[i]          = slot;
        missing[count]      = (uint32_t)i;
        count += slot >= PRI_ENTRY_NONE;
        mark[slot < to ? slot : to] = 1;
    }
    return count;
}

/* The same for a batch whose marks are read back as they are set, in place of a count over all
 * slots; gives how many are hits. */
static uint32_t look_up_few(pri_index *index, pri_lookup *look, size_t begin, size_t end,
                            uint32_t *count)
{
    uint32_t hits = 0;

    for (size_t i = begin; i < end; i++) {
        const uint32_t slot = *entry_of(index, look->wanted.at[i]);
        look->slot_of[i]    = slot;
        if (slot >= PRI_ENTRY_NONE) {
            look->missing[(*count)++] = (uint32_t)i;
        } else {
            hits += !index->mark[slot];
            index->mark[slot] = 1;
        }
    }
    return hits;
}

/* Prefetch the entries of a later block. */
static inline void fetch_ahead(const pri_index *index, pr_vids wanted, size_t begin, size_t end)
{
    const size_t from = begin + index->ahead, to = end + index->ahead;
    for (size_t i = from; i < to && i < wanted.n; i++)
        pri_index_prefetch(index, entry_of(index, wanted.at[i]));
}

/* Find the first id that comes twice and say so. The index is as before the lookup. */
static pr_status raise_twice(pri_index *index, pri_lookup *look)
{
    pr_status st = PR_OK;
    size_t    i  = 0;

    for (; i < look->wanted.n; i++) {
        uint32_t *entry = entry_of(index, look->wanted.at[i]);
        if (*entry >= PRI_ENTRY_NONE) {
            if (!(*entry & PRI_ENTRY_ASKED)) break;
            *entry &= ~PRI_ENTRY_ASKED;
        } else {
            if (index->mark[*entry]) break;
            index->mark[*entry] = 1;
        }
    }
    look->num_missing = 0;
    for (size_t k = 0; k < i; k++) {
        uint32_t *entry = entry_of(index, look->wanted.at[k]);
        if (*entry >= PRI_ENTRY_NONE)
            *entry |= PRI_ENTRY_ASKED;
        else
            index->mark[*entry] = 0;
    }
    PR_CHECK(i == look->wanted.n, PR_E_ARG, "wanted[%zu] is row %u, which came before", i,
             look->wanted.at[i]);
    PR_RAISE(PR_E_BUG, "the marks of a lookup do not add up");
done:
    return st;
}

pr_status pri_index_find(pri_index *index, pri_lookup *look)
{
    pr_status     st     = PR_OK;
    const pr_vids wanted = look->wanted;
    uint32_t      count = 0, twice = 0, hits = 0;

    look->num_missing = look->num_first = 0;
    PR_TRY(pri_index_check_ids(index, wanted, "wanted"));
    if (wanted.n > index->num_rows) { /* one comes twice, and the lists have no room for more */
        st = raise_twice(index, look);
        goto done;
    }
    index->few = wanted.n < index->num_resident / FEW;
    for (uint32_t s = 0; s < index->num_resident && !index->few; s += 64)
        __builtin_prefetch(&index->mark[s], 1);
    for (size_t begin = 0; begin < wanted.n && !twice; begin += BLOCK) {
        const size_t   end    = wanted.n - begin < BLOCK ? wanted.n : begin + BLOCK;
        const uint32_t before = count;
        fetch_ahead(index, wanted, begin, end);
        if (index->few)
            hits += look_up_few(index, look, begin, end, &count);
        else
            count = index->stride == 1 ? look_up(index, look, begin, end, count, 1)
                                       : look_up(index, look, begin, end, count, 2);
        twice = ask(index, wanted.at, look->missing + before, count - before, &look->num_first);
    }
    look->num_missing = count;
    if (!index->few) hits = index->sweeps->count(index->mark, index->num_resident);
    if (twice || hits + count != wanted.n) {
        pri_index_drop(index, look);
        st = raise_twice(index, look);
    }
done:
    return st;
}

void pri_index_drop(pri_index *index, const pri_lookup *look)
{
    for (uint32_t k = 0; k < look->num_missing; k++)
        *entry_of(index, look->wanted.at[look->missing[k]]) |= PRI_ENTRY_ASKED;
    pri_index_unmark(index, look);
}

void pri_index_unmark(pri_index *index, const pri_lookup *look)
{
    if (!index->few || !look) {
        memset(index->mark, 0, index->num_resident);
        return;
    }
    for (size_t i = 0; i < look->wanted.n; i++)
        if (look->slot_of[i] < index->num_resident) index->mark[look->slot_of[i]] = 0;
}

void pri_index_free(pri_index *index, const pr_slot *slot, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++) *entry_of(index, index->id_of[slot[i]]) = PRI_ENTRY_GONE;
}

void pri_index_move(pri_index *index, const pri_move *move, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++) {
        const pr_vid id          = index->id_of[move[i].from];
        index->id_of[move[i].to] = id;
        *entry_of(index, id)     = move[i].to;
    }
}

/* What pri_index_enter does, the stride given as a constant. */
static inline __attribute__((always_inline)) void enter(pri_index *index, const pri_write *write,
                                                        size_t limit, size_t begin, size_t end,
                                                        size_t num_added, uint32_t rows_before,
                                                        size_t stride)
{
    enum { AHEAD = 64 };
    const size_t    kept  = end < num_added ? end : num_added;
    const size_t    known = limit < num_added ? limit : num_added;
    uint32_t *const entry = index->entry;
    pr_vid *const   id_of = index->id_of;

    for (size_t i = begin + AHEAD; i < end + AHEAD && i < known; i++) {
        const pri_write w = write[i];
        pri_index_prefetch(index, &entry[w.id * stride]);
        if (w.to < rows_before) pri_index_prefetch(index, &entry[id_of[w.to] * stride]);
    }
    for (size_t i = begin; i < kept; i++) {
        const pri_write w = write[i];
        if (w.to < rows_before) entry[id_of[w.to] * stride] = PRI_ENTRY_GONE;
        id_of[w.to]          = w.id;
        entry[w.id * stride] = w.to;
    }
    for (size_t i = begin > num_added ? begin : num_added; i < end; i++)
        entry[write[i].id * stride] = PRI_ENTRY_GONE;
}

void pri_index_enter(pri_index *index, const pri_write *write, size_t limit, size_t begin,
                     size_t end, size_t num_added, uint32_t rows_before)
{
    if (index->stride == 1)
        enter(index, write, limit, begin, end, num_added, rows_before, 1);
    else
        enter(index, write, limit, begin, end, num_added, rows_before, 2);
}

void pri_index_enter_noted(pri_index *index, const pri_write *write, size_t begin, size_t end)
{
    uint32_t *const entry  = index->entry;
    pr_vid *const   id_of  = index->id_of;
    const size_t    stride = index->stride;

    for (size_t i = begin; i < end; i++) {
        id_of[write[i].to]          = write[i].id;
        entry[write[i].id * stride] = write[i].to;
    }
}

pr_status pri_index_check(const pri_index *index)
{
    pr_status st    = PR_OK;
    uint32_t  found = 0;

    PR_CHECK(index->num_resident <= index->max_slots, PR_E_BUG, "%u rows in %u slots",
             index->num_resident, index->max_slots);
    PR_CHECK(!index->mark || index->sweeps->count(index->mark, index->num_resident) == 0, PR_E_BUG,
             "marks of slots are left");
    for (pr_vid id = 0; id < index->num_rows; id++) {
        const uint32_t slot = *entry_of(index, id);
        if (slot >= PRI_ENTRY_GONE) continue;
        PR_CHECK(slot < PRI_ENTRY_NONE, PR_E_BUG, "row %u is still asked for", id);
        found++;
        PR_CHECK(slot < index->num_resident, PR_E_BUG, "row %u is in slot %u, %u slots hold rows",
                 id, slot, index->num_resident);
        PR_CHECK(index->id_of[slot] == id, PR_E_BUG, "row %u is in slot %u, which holds row %u", id,
                 slot, index->id_of[slot]);
    }
    PR_CHECK(found == index->num_resident, PR_E_BUG, "%u rows are indexed, %u slots hold rows",
             found, index->num_resident);
done:
    return st;
}
