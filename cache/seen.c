/* seen.c: two bits a row. */
#include "cache/seen.h"

static size_t num_words(pr_vid num_rows)
{
    return ((size_t)num_rows + 63) / 64;
}

pr_status pri_seen_init(pri_seen *seen, pr_vid num_rows)
{
    pr_status st = PR_OK;

    *seen       = (pri_seen){ .num_rows = num_rows };
    seen->bytes = (num_words(num_rows) + 1) * sizeof *seen->bits;
    seen->bits  = pri_pages_map(seen->bytes, 1);
    PR_CHECK(seen->bits, PR_E_NOMEM, "cannot reserve the marks of %u rows", num_rows);
done:
    return st;
}

void pri_seen_clear(pri_seen *seen)
{
    pri_pages_unmap(seen->bits, seen->bytes);
    *seen = (pri_seen){ 0 };
}

pr_status pri_seen_find(pri_seen *seen, pr_vids wanted, uint32_t *num_first)
{
    pr_status st    = PR_OK;
    uint32_t  first = 0;
    size_t    i     = 0;

    for (; i < wanted.n; i++) {
        const pr_vid id = wanted.at[i];
        PR_CHECK(id < seen->num_rows, PR_E_RANGE, "wanted[%zu] is row %u, the store has %u rows", i,
                 id, seen->num_rows);
        pri_seen_bits *bits = &seen->bits[id / 64];
        const uint64_t bit  = UINT64_C(1) << (id % 64);
        PR_CHECK(!(bits->marked & bit), PR_E_ARG, "wanted[%zu] is row %u, which came before", i,
                 id);
        bits->marked |= bit;
        first += !(bits->seen & bit);
    }
done:
    while (i-- > 0) seen->bits[wanted.at[i] / 64].marked &= ~(UINT64_C(1) << (wanted.at[i] % 64));
    *num_first = first;
    return st;
}

void pri_seen_note(pri_seen *seen, pr_vids wanted)
{
    for (size_t i = 0; i < wanted.n; i++)
        seen->bits[wanted.at[i] / 64].seen |= UINT64_C(1) << (wanted.at[i] % 64);
}
