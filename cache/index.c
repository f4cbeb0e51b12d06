/* index.c: one dense table from row to slot, one from slot to row. */
#include "cache/index.h"

#include <string.h>

/* Ids from the one looked up to the one prefetched; far, because a table of many megabytes is
 * random memory (16 to 32 ahead is half as fast as 128). */
enum { FIND_AHEAD = 128 };

static size_t num_words(pr_vid num_rows)
{
    return ((size_t)num_rows + 63) / 64;
}

/* Map zeroed elements, at least one, so that an empty index is no special case. */
static void *map(size_t count, size_t size)
{
    return pri_pages_map((count ? count : 1) * size, 1);
}

static void unmap(void *ptr, size_t count, size_t size)
{
    pri_pages_unmap(ptr, (count ? count : 1) * size);
}

pr_status pri_index_init(pri_index *index, pr_vid num_rows, uint32_t max_slots)
{
    pr_status st = PR_OK;

    *index      = (pri_index){ .num_rows = num_rows, .max_slots = max_slots };
    index->bits = map(num_words(num_rows), sizeof *index->bits);
    PR_CHECK(index->bits, PR_E_NOMEM, "cannot reserve the marks of %u rows", num_rows);
    if (max_slots == 0) goto done;

    index->slot_of = map(num_rows, sizeof *index->slot_of);
    PR_CHECK(index->slot_of, PR_E_NOMEM, "cannot reserve the index of %u rows", num_rows);
    memset(index->slot_of, 0xff, num_rows * sizeof *index->slot_of); /* all PR_SLOT_NONE */
    index->id_of = map(max_slots, sizeof *index->id_of);
    PR_CHECK(index->id_of, PR_E_NOMEM, "cannot reserve the index of %u slots", max_slots);
    index->last_wanted = map(max_slots, sizeof *index->last_wanted);
    PR_CHECK(index->last_wanted, PR_E_NOMEM, "cannot reserve the marks of %u slots", max_slots);
done:
    return st;
}

void pri_index_clear(pri_index *index)
{
    unmap(index->bits, num_words(index->num_rows), sizeof *index->bits);
    unmap(index->slot_of, index->num_rows, sizeof *index->slot_of);
    unmap(index->id_of, index->max_slots, sizeof *index->id_of);
    unmap(index->last_wanted, index->max_slots, sizeof *index->last_wanted);
    *index = (pri_index){ 0 };
}

static bool is_set(uint64_t word, pr_vid id)
{
    return word >> (id % 64) & 1;
}

/* Begin a batch: no slot is a hit of it yet. */
static uint32_t begin(pri_index *index)
{
    if (index->now == UINT32_MAX) { /* once in four thousand million batches */
        memset(index->last_wanted, 0, index->max_slots * sizeof *index->last_wanted);
        index->now = 0;
    }
    return ++index->now;
}

pr_status pri_index_find(pri_index *index, pr_vids wanted, pr_slot *slot_of, uint32_t *missing,
                         uint32_t *num_missing, uint32_t *first)
{
    pr_status      st    = PR_OK;
    uint32_t       count = 0, num_first = 0;
    const uint32_t now   = begin(index);
    const bool     empty = index->num_resident == 0;

    /* Of more ids than rows one comes twice or is outside: the loop ends before it writes more
     * than num_rows elements. */
    for (size_t i = 0; i < wanted.n; i++) {
        const pr_vid id = wanted.at[i];
        if (!empty && i + FIND_AHEAD < wanted.n && wanted.at[i + FIND_AHEAD] < index->num_rows)
            __builtin_prefetch(&index->slot_of[wanted.at[i + FIND_AHEAD]]);
        PR_CHECK(id < index->num_rows, PR_E_RANGE, "wanted[%zu] is row %u, the store has %u rows",
                 i, id, index->num_rows);
        const pr_slot   slot = empty ? PR_SLOT_NONE : index->slot_of[id];
        pri_index_bits *bits = &index->bits[id / 64];
        PR_CHECK(slot == PR_SLOT_NONE ? !is_set(bits->marked, id) : index->last_wanted[slot] != now,
                 PR_E_ARG, "wanted[%zu] is row %u, which came before", i, id);
        if (slot == PR_SLOT_NONE) {
            bits->marked |= UINT64_C(1) << (id % 64);
            missing[count++] = (uint32_t)i;
        } else {
            index->last_wanted[slot] = now;
        }
        slot_of[i] = slot;
    }
done:
    for (uint32_t i = 0; i < count; i++) {
        const pr_vid    id   = wanted.at[missing[i]];
        pri_index_bits *bits = &index->bits[id / 64];
        bits->marked &= ~(UINT64_C(1) << (id % 64));
        num_first += !is_set(bits->wanted, id);
    }
    *num_missing = count;
    *first       = num_first;
    return st;
}

void pri_index_commit(pri_index *index, const pri_plan *plan, const pri_write *write)
{
    for (uint32_t i = 0; i < plan->num_freed; i++)
        index->slot_of[index->id_of[plan->freed[i]]] = PR_SLOT_NONE;
    for (uint32_t i = 0; i < plan->num_moved; i++) {
        const pr_vid id                = index->id_of[plan->move[i].from];
        index->id_of[plan->move[i].to] = id;
        index->slot_of[id]             = plan->move[i].to;
    }
    for (uint32_t i = 0; i < plan->num_added; i++) {
        index->id_of[write[i].to]   = write[i].id;
        index->slot_of[write[i].id] = write[i].to;
    }
    index->num_resident = plan->rows_after;
}

void pri_index_note(pri_index *index, pr_vids wanted, const uint32_t *missing, uint32_t num_missing)
{
    for (uint32_t i = 0; i < num_missing; i++) {
        const pr_vid id = wanted.at[missing[i]];
        index->bits[id / 64].wanted |= UINT64_C(1) << (id % 64);
    }
}

pr_status pri_index_check(const pri_index *index)
{
    pr_status st    = PR_OK;
    uint32_t  found = 0;

    for (size_t i = 0; i < num_words(index->num_rows); i++)
        PR_CHECK(index->bits[i].marked == 0, PR_E_BUG, "marks of rows from %zu on are left",
                 i * 64);
    PR_CHECK(index->num_resident <= index->max_slots, PR_E_BUG, "%u rows in %u slots",
             index->num_resident, index->max_slots);
    if (index->max_slots == 0) goto done;

    for (pr_vid id = 0; id < index->num_rows; id++) {
        const pr_slot slot = index->slot_of[id];
        if (slot == PR_SLOT_NONE) continue;
        found++;
        PR_CHECK(slot < index->num_resident, PR_E_BUG, "row %u is in slot %u, %u slots hold rows",
                 id, slot, index->num_resident);
        PR_CHECK(index->id_of[slot] == id, PR_E_BUG, "row %u is in slot %u, which holds row %u", id,
                 slot, index->id_of[slot]);
        PR_CHECK(is_set(index->bits[id / 64].wanted, id), PR_E_BUG,
                 "row %u is in slot %u but was never wanted", id, slot);
    }
    PR_CHECK(found == index->num_resident, PR_E_BUG, "%u rows are indexed, %u slots hold rows",
             found, index->num_resident);
done:
    return st;
}
