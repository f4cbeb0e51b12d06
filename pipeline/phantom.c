/* phantom.c: see phantom.h. */
#include "pipeline/phantom.h"

#include <string.h>

struct pri_phantom {
    pr_store   head; /* first: the cache sees this store */
    pri_write *rows; /* [max_rows] of the last fetch */
    size_t     num_rows, bytes;
    uint32_t   max_rows;
};

static pr_status keep_rows(const pr_store *store, pri_fetcher *fetcher, const pri_write *write,
                           size_t n, pr_fetch_cost *cost)
{
    pr_status    st  = PR_OK;
    pri_phantom *own = (pri_phantom *)(uintptr_t)store;

    (void)fetcher;
    PR_CHECK(n <= own->max_rows, PR_E_BUG, "%zu rows are fetched at once, at most %u were said", n,
             own->max_rows);
    if (n) memcpy(own->rows, write, n * sizeof *write);
    own->num_rows = n;
    cost->rows += n;
done:
    return st;
}

static void place_nothing(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    (void)store;
    (void)place;
    (void)begin;
    (void)end;
}

static void free_phantom(pr_store *store)
{
    pri_phantom_free((pri_phantom *)store);
}

static const pri_store_calls calls = {
    .free      = free_phantom,
    .fetch     = keep_rows,
    .place     = place_nothing,
    .no_direct = "they are not there",
};

pr_status pri_phantom_create(pr_vid num_rows, uint32_t max_rows, pri_phantom **out)
{
    pr_status    st  = PR_OK;
    pri_phantom *own = NULL;

    *out = NULL;
    PR_NEW(own, 1);
    own->head     = (pr_store){ .calls = &calls, .num_rows = num_rows, .num_cols = 1 };
    own->max_rows = max_rows;
    own->bytes    = ((size_t)max_rows + 1) * sizeof *own->rows;
    own->rows     = pri_pages_map(own->bytes, 0);
    PR_CHECK(own->rows, PR_E_NOMEM, "cannot reserve a list of %u rows", max_rows);
    *out = own;
    own  = NULL;
done:
    pri_phantom_free(own);
    return st;
}

const pr_store *pri_phantom_store(const pri_phantom *phantom)
{
    return &phantom->head;
}

const pri_write *pri_phantom_fetched(const pri_phantom *phantom, size_t *n)
{
    *n = phantom->num_rows;
    return phantom->rows;
}

void pri_phantom_free(pri_phantom *phantom)
{
    if (!phantom) return;
    pri_pages_unmap(phantom->rows, phantom->bytes);
    pri_free(phantom);
}
