/* index.h: which slot holds which row, which rows the present batch found, and which rows were ever
 * wanted.
 *
 * One entry a row, four bytes: its slot, or one of four words for rows without:
 *
 *     never   no batch wanted it yet          never, asked for   the batch being looked up
 *     gone    some batch wanted it            gone, asked for    does, and found it missing
 *
 * A batch that is dropped leaves no trace: what a lookup wrote, pri_index_drop takes back.
 *
 * With policy lookahead an entry has a second word behind the first, so that one access serves both
 * (window.h). */
#ifndef CACHE_INDEX_H
#define CACHE_INDEX_H

#include "base/check.h"
#include "cache/plan.h"
#include "cache/sweep.h"

#define PRI_ENTRY_NEVER 0xffffffffu
#define PRI_ENTRY_GONE  0xfffffffeu
#define PRI_ENTRY_ASKED 2u          /* this bit is 0 while a missing row is asked for */
#define PRI_ENTRY_NONE  0xfffffffcu /* words from here on are not slots */

typedef struct pri_index {
    pr_vid    num_rows; /* rows of the store, N */
    uint32_t  max_slots;
    uint32_t  num_resident; /* slots 0 .. num_resident-1 hold rows */
    uint32_t  stride;       /* words an entry */
    uint32_t  ahead;        /* ids from the one looked up to the one prefetched */
    int       prefetch_to;  /* as in pr_tuning */
    uint32_t *entry;        /* [num_rows, stride] */
    pr_vid   *id_of;        /* [max_slots] the row in a slot, below num_resident */
    uint8_t  *mark;         /* [max_slots + 64 + slack] 1: a hit of the present batch; the 64
                               behind max_slots take the marks of rows that are missing */
    bool few;               /* the batch looked up is so small that its marks are followed one by
                               one; no pass over all slots */
    const pri_sweeps *sweeps;
    size_t            entry_bytes, id_bytes, mark_bytes;
} pri_index;

/* Make an empty index: 4 bytes a row and word, and address space for 5 bytes a slot, committed when
 * first used. Free with pri_index_clear, also after a failure. */
pr_status pri_index_init(pri_index *index, pr_vid num_rows, uint32_t max_slots, uint32_t stride);
void      pri_index_clear(pri_index *index); /* zeroed is fine */

/* Prefetch an entry, to read it or to write to it. */
static inline void pri_index_prefetch(const pri_index *index, const void *entry)
{
    if (index->prefetch_to == 2)
        __builtin_prefetch(entry, 0, 2);
    else
        __builtin_prefetch(entry, 0, 3);
}

/* What a lookup gives. */
typedef struct pri_lookup {
    pr_vids   wanted;
    pr_slot  *slot_of; /* out [n] the slot of each row that has one, else some word >= max_slots */
    uint32_t *missing; /* out [n + 16] places in `wanted` of the rows that have none, ascending */
    uint32_t  num_missing;
    uint32_t  num_first; /* how many of them no earlier batch wanted */
} pri_lookup;

/* PR_E_RANGE unless all ids are below num_rows; `what` names the list. */
pr_status pri_index_check_ids(const pri_index *index, pr_vids ids, const char *what);

/* Look a batch up: hits are marked, missing rows asked for. PR_E_RANGE for an id outside the store,
 * PR_E_ARG when one comes twice; nothing has changed then. O(n + slots / 64), and O(n) where that
 * is less: about one random 4-byte read an id. */
pr_status pri_index_find(pri_index *index, pri_lookup *look);

/* Take back what pri_index_find wrote. */
void pri_index_drop(pri_index *index, const pri_lookup *look);

/* Forget which rows were hits.
 *
 *   look   that marked them, where no row has changed its slot since; NULL: one has */
void pri_index_unmark(pri_index *index, const pri_lookup *look);

/* Let the rows in `num` slots leave. */
void pri_index_free(pri_index *index, const pr_slot *slot, uint32_t num);

/* Let rows change slots. */
void pri_index_move(pri_index *index, const pri_move *move, uint32_t num);

/* Enter writes begin .. end-1: rows take their slots, and the rows that were there leave (slots
 * below rows_before). Writes from num_added on are bypassed rows: they have no slot afterwards.
 * Writes up to `limit` are prefetched. Other threads may enter other ranges, from limit on. */
void pri_index_enter(pri_index *index, const pri_write *write, size_t limit, size_t begin,
                     size_t end, size_t num_added, uint32_t rows_before);

/* Enter writes begin .. end-1 whose rows were noted, and are warm: the rows that were there have
 * left before. */
void pri_index_enter_noted(pri_index *index, const pri_write *write, size_t begin, size_t end);

/* PR_E_BUG unless both tables say the same and no mark is left. O(num_rows). */
pr_status pri_index_check(const pri_index *index);

#endif
