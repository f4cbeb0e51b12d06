/* store_fill.c: each lane copies the rows of its shards, so that pages the kernel would not bind
 * are touched first by threads of their node. No two lanes write the same byte. */
#include <string.h>

#include "cache/row_source.h"
#include "cache/sharded.h"

/* Copy one row; of sparse ones where it begins is known. */
static void copy_row(const pri_sharded *own, pr_vid row, uint64_t place)
{
    const pr_features *x = own->from;

    if (x->kind == PR_FEATURES_DENSE) {
        float *const rows = (float *)own->rows.at;
        memcpy(rows + place * own->own.ld, x->rows + row * x->ld, x->num_cols * sizeof(float));
        return;
    }
    const pr_eid    from = x->indptr[row], to = own->own.indptr[place];
    const size_t    n       = x->indptr[row + 1] - from;
    uint32_t *const indices = (uint32_t *)own->indices.at;
    float *const    data    = (float *)own->data.at;
    memcpy(indices + to, x->indices + from, n * sizeof *indices);
    memcpy(data + to, x->data + from, n * sizeof *data);
}

/* Pages of a file that is copied from are given back a piece at a time. */
static void fill_range(const pri_sharded *own, pr_vid begin, pr_vid end)
{
    enum { PIECE = 64 << 20 };
    const pr_features *x      = own->from;
    pr_eid *const      indptr = (pr_eid *)own->indptr.at;
    const pr_vid       rows   = x->file ? (pr_vid)(PIECE / x->file->row_bytes + 1) : end - begin;

    for (pr_vid at = begin; at < end;) {
        const pr_vid to = end - at < rows ? end : at + rows;
#pragma omp parallel for schedule(static)
        for (pr_vid v = at; v < to; v++) {
            if (indptr) indptr[v] = x->indptr[v] - x->indptr[0];
            copy_row(own, v, v);
        }
        pri_row_source_let_go(x, at, to - at);
        at = to;
    }
}

/* Add up where the sparse rows of some shards begin. */
static void begin_rows(const pri_sharded *own, const bool *mine)
{
    const pr_shards *const shards = own->head.shards;
    const pr_eid *const    from   = own->from->indptr;
    pr_eid *const          indptr = (pr_eid *)own->indptr.at;
    pr_eid                 next[PR_MAX_SHARDS + 1];

    memcpy(next, own->first_element, sizeof next);
    for (pr_vid v = 0; v < own->head.num_rows; v++) {
        const uint8_t s = shards->of_row[v];
        if (!mine[s]) continue;
        indptr[own->place_of[v]] = next[s];
        next[s] += from[v + 1] - from[v];
    }
}

void pri_sharded_fill(pr_store *store, uint32_t lane)
{
    const pri_sharded     *own                 = (const pri_sharded *)store;
    const pr_shards *const shards              = store->shards;
    const uint32_t         num                 = shards->num_shards;
    const bool             csr                 = own->own.kind == PR_FEATURES_CSR;
    bool                   mine[PR_MAX_SHARDS] = { false };

    if (!own->from) return;
    for (uint32_t s = 0; s < num; s++) mine[s] = shards->lane[s] == lane;
    if (csr && mine[num - 1]) {
        pr_eid *const indptr          = (pr_eid *)own->indptr.at;
        indptr[own->first_place[num]] = own->first_element[num];
    }
    if (!shards->of_row) {
        for (uint32_t s = 0; s < num; s++)
            if (mine[s]) fill_range(own, shards->first[s], shards->first[s + 1]);
        return;
    }
    if (csr) begin_rows(own, mine);
#pragma omp parallel for schedule(static)
    for (pr_vid v = 0; v < store->num_rows; v++)
        if (mine[shards->of_row[v]]) copy_row(own, v, own->place_of[v]);
    pri_row_source_let_go(own->from, 0, store->num_rows);
}
