/* deal.c: see deal.h. */
#include "support/deal.h"

static void *take(size_t count, size_t size)
{
    void *at = calloc(count + 1, size);
    assert_non_null(at);
    return at;
}

static float value(pr_vid v, uint32_t c)
{
    return (float)(v % 8191) + (float)c / 1024.0f;
}

static void make_sparse(dealt *d, test_rng *rng)
{
    pr_features *x = &d->x;
    const size_t n = x->num_rows, cols = x->num_cols;

    d->indptr  = take(n + 1, sizeof *d->indptr);
    d->indices = take(n * cols, sizeof *d->indices);
    d->data    = take(n * cols, sizeof *d->data);
    pr_eid e   = 0;
    for (pr_vid v = 0; v < n; v++) {
        const uint32_t one_in = test_below(rng, 4) ? 3 : 1000;
        for (uint32_t c = 0; c < cols; c++) {
            if (test_below(rng, one_in)) continue;
            d->indices[e] = c;
            d->data[e++]  = value(v, c);
        }
        d->indptr[v + 1] = e;
    }
    x->indptr  = d->indptr;
    x->indices = d->indices;
    x->data    = d->data;
}

void dealt_open(dealt *d, pr_feature_kind kind, pr_vid n, uint32_t cols, test_rng *rng)
{
    *d        = (dealt){ .x = { .kind = kind, .num_rows = n, .num_cols = cols } };
    d->of_row = take(n, 1);
    if (kind == PR_FEATURES_CSR) {
        make_sparse(d, rng);
        return;
    }
    d->x.ld = cols + test_below(rng, 4);
    d->rows = take(n * d->x.ld, sizeof *d->rows);
    for (pr_vid v = 0; v < n; v++)
        for (uint32_t c = 0; c < cols; c++) d->rows[v * d->x.ld + c] = value(v, c);
    d->x.rows = d->rows;
}

void dealt_close(dealt *d)
{
    free(d->rows), free(d->data), free(d->indptr), free(d->indices), free(d->of_row);
}

static void place(dealt *d, uint32_t num_shards, uint32_t num_nodes, uint32_t num_lanes)
{
    d->shards = (pr_shards){ .num_shards = num_shards };
    for (uint32_t s = 0; s < num_shards; s++) {
        d->shards.node[s] = (int32_t)(s % num_nodes);
        d->shards.lane[s] = s % num_lanes;
    }
}

void dealt_ranges(dealt *d, uint32_t num_shards, uint32_t num_nodes, uint32_t num_lanes,
                  test_rng *rng)
{
    const uint64_t unit  = pr_store_unit(&d->x, num_shards);
    const uint32_t units = (uint32_t)(d->x.num_rows / unit) + 1;
    pr_vid        *first = d->shards.first;

    place(d, num_shards, num_nodes, num_lanes);
    for (uint32_t s = 1; s < num_shards; s++) {
        const uint64_t at = test_below(rng, units + 1) * unit;
        first[s]          = at < d->x.num_rows ? (pr_vid)at : d->x.num_rows;
    }
    first[num_shards] = d->x.num_rows;
    for (uint32_t s = 2; s < num_shards; s++) /* insertion sort */
        for (uint32_t i = s; i > 1 && first[i] < first[i - 1]; i--) {
            const pr_vid swap = first[i];
            first[i]          = first[i - 1];
            first[i - 1]      = swap;
        }
}

void dealt_table(dealt *d, uint32_t num_shards, uint32_t num_nodes, uint32_t num_lanes,
                 test_rng *rng)
{
    const uint32_t empty = test_below(rng, num_shards); /* of several one has no row */

    place(d, num_shards, num_nodes, num_lanes);
    for (pr_vid v = 0; v < d->x.num_rows; v++) {
        uint32_t s = test_below(rng, num_shards);
        if (s == empty) s = (s + 1) % num_shards;
        d->of_row[v] = (uint8_t)s;
    }
    d->shards.of_row = d->of_row;
}

uint32_t dealt_shard(const dealt *d, pr_vid row)
{
    uint32_t s = 0;

    if (d->shards.of_row) return d->of_row[row];
    while (d->shards.first[s + 1] <= row) s++;
    return s;
}

void dealt_row(const dealt *d, pr_vid row, float *out)
{
    const pr_features *x = &d->x;

    if (x->kind == PR_FEATURES_DENSE) {
        memcpy(out, x->rows + row * x->ld, x->num_cols * sizeof *out);
        return;
    }
    memset(out, 0, x->num_cols * sizeof *out);
    for (pr_eid e = x->indptr[row]; e < x->indptr[row + 1]; e++) out[x->indices[e]] = x->data[e];
}

pr_store *dealt_store(const dealt *d)
{
    pr_store *store = NULL;

    assert_ok(pr_store_sharded(&d->x, &d->shards, NULL, PR_NUMA_AUTO, &store));
    for (uint32_t lane = PR_MAX_LANES; lane-- > 0;) pr_store_fill(store, lane);
    return store;
}
