/* slab.c: reserve, move, check. */
#include "cache/slab.h"

#include <math.h>
#include <string.h>

size_t pri_slab_ld(uint32_t num_cols)
{
    return ((size_t)num_cols + 15) / 16 * 16;
}

pr_status pri_slab_init(pri_slab *slab, uint64_t num_slots, uint32_t num_cols)
{
    pr_status st = PR_OK;
    size_t    bytes;

    *slab = (pri_slab){ .num_cols = num_cols, .ld = pri_slab_ld(num_cols), .num_slots = num_slots };
    PR_CHECK(!__builtin_mul_overflow((size_t)num_slots + 1, slab->ld * sizeof(float), &bytes),
             PR_E_NOMEM, "a slab of %llu slots of %zu bytes is beyond any memory",
             (unsigned long long)num_slots, slab->ld * sizeof(float));
    slab->rows = pri_pages_map(bytes, 1);
    PR_CHECK(slab->rows, PR_E_NOMEM, "cannot reserve a slab of %llu slots of %zu bytes",
             (unsigned long long)num_slots, slab->ld * sizeof(float));
    slab->bytes = bytes;
done:
    return st;
}

void pri_slab_clear(pri_slab *slab)
{
    pri_pages_unmap(slab->rows, slab->bytes);
    *slab = (pri_slab){ 0 };
}

void pri_slab_move(const pri_slab *slab, const pri_move *move, size_t begin, size_t end)
{
    enum { AHEAD = 2 };
    float *const rows = slab->rows;
    const size_t ld = slab->ld, bytes = slab->num_cols * sizeof(float);

    for (size_t i = begin; i < end; i++) {
        if (i + AHEAD < end) __builtin_prefetch(rows + move[i + AHEAD].from * ld);
        memcpy(rows + move[i].to * ld, rows + move[i].from * ld, bytes);
    }
}

/* Whether a row is that of the store. Products of many rows are summed in another order than those
 * of one; what that may come to goes by the largest element. */
static bool is_same(const float *row, const float *want, size_t cols, bool derived)
{
    float largest = 0;

    if (!memcmp(row, want, cols * sizeof *row)) return true;
    if (!derived) return false;
    for (size_t c = 0; c < cols; c++)
        if (fabsf(want[c]) > largest) largest = fabsf(want[c]);
    for (size_t c = 0; c < cols; c++)
        if (!(fabsf(row[c] - want[c]) <= 1e-4f * largest)) return false;
    return true;
}

pr_status pri_slab_check(const pri_slab *slab, const pri_index *index, const pr_store *store)
{
    pr_status st = PR_OK;

    if (index->num_resident == 0) goto done; /* mode off has no slab */
    float *const scratch = slab->rows + slab->num_slots * slab->ld;
    for (pr_slot slot = 0; slot < index->num_resident; slot++) {
        const float    *row   = slab->rows + slot * slab->ld;
        const pri_write want  = { .id = index->id_of[slot], .to = 0 };
        const pri_place place = { .write       = &want,
                                  .n           = 1,
                                  .rows        = scratch,
                                  .ld          = slab->ld,
                                  .stores      = PRI_STORES_PLAIN,
                                  .prefetch_to = 1,
                                  .row_ahead   = 1 };
        if (store->calls->read_row)
            PR_TRY(store->calls->read_row(store, want.id, scratch));
        else
            store->calls->place(store, &place, 0, 1);
        PR_CHECK(is_same(row, scratch, slab->num_cols, store->derived), PR_E_BUG,
                 "slot %u does not hold row %u as the store has it", slot, want.id);
        for (size_t f = slab->num_cols; f < slab->ld; f++)
            PR_CHECK(row[f] == 0.0f, PR_E_BUG, "slot %u has %g in padding column %zu", slot,
                     (double)row[f], f);
    }
done:
    return st;
}
