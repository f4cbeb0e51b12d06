/* store_sharded.c: making a store of shards, and reading it. Filling it is store_fill.c. */
#include <packrat/loaders.h>

#include <string.h>
#include <unistd.h>

#include "cache/row_source.h"
#include "cache/sharded.h"
#include "cache/shards.h"
#include "cache/slab.h"
#include "numa/area.h"

static void sharded_free(pr_store *store)
{
    pri_sharded *own = (pri_sharded *)store;

    pri_spread_unmap(&own->rows);
    pri_spread_unmap(&own->indptr);
    pri_spread_unmap(&own->indices);
    pri_spread_unmap(&own->data);
    pri_pages_unmap(own->place_of, own->place_bytes);
    pri_free(own);
}

static const pr_features *sharded_direct(const pr_store *store)
{
    return &((const pri_sharded *)store)->own;
}

static void place_dense(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    pri_store_place_dense(sharded_direct(store), place, begin, end);
}

static void place_csr(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    pri_store_place_csr(sharded_direct(store), place, begin, end);
}

/* Find the places of some rows at a time, and of as many behind them as are prefetched, then place
 * them as if those were their ids. The table's entries of the next rows are prefetched meanwhile.
 */
static void place_found(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    enum { CHUNK = 128, LEAST_AHEAD = 16, MOST_AHEAD = 64 };
    const pri_sharded *own   = (const pri_sharded *)store;
    const size_t       ahead = place->row_ahead < LEAST_AHEAD  ? LEAST_AHEAD
                               : place->row_ahead > MOST_AHEAD ? MOST_AHEAD
                                                               : place->row_ahead;
    pri_write          found[CHUNK + MOST_AHEAD];
    pri_place          part = *place;

    part.write = found;
    if (part.row_ahead > ahead) part.row_ahead = ahead;
    for (size_t at = begin; at < end; at += CHUNK) {
        const size_t to    = end - at < CHUNK ? end : at + CHUNK;
        const size_t known = place->n - to < ahead ? place->n : to + ahead;
        const size_t far   = place->n - known < to - at ? place->n : known + (to - at);
        for (size_t i = known; i < far; i++) __builtin_prefetch(&own->place_of[place->write[i].id]);
        for (size_t i = at; i < known; i++)
            found[i - at] =
                (pri_write){ .id = own->place_of[place->write[i].id], .to = place->write[i].to };
        part.n = known - at;
        if (own->own.kind == PR_FEATURES_DENSE)
            pri_store_place_dense(&own->own, &part, 0, to - at);
        else
            pri_store_place_csr(&own->own, &part, 0, to - at);
    }
}

static void sharded_ranges(const pr_store *store, pr_ranges *ranges)
{
    const pri_sharded *own  = (const pri_sharded *)store;
    const int32_t      node = ranges->numa_node;

    pri_spread_ranges(&own->rows, store->shards, ranges);
    pri_spread_ranges(&own->indptr, store->shards, ranges);
    pri_spread_ranges(&own->indices, store->shards, ranges);
    pri_spread_ranges(&own->data, store->shards, ranges);
    ranges->numa_node = -1;
    pr_ranges_add(ranges, "shard table", own->place_of, own->place_bytes);
    ranges->numa_node = node;
}

static const pri_store_calls dense_calls = { .free   = sharded_free,
                                             .place  = place_dense,
                                             .rows   = sharded_direct,
                                             .direct = sharded_direct,
                                             .fill   = pri_sharded_fill,
                                             .ranges = sharded_ranges };

static const pri_store_calls csr_calls = { .free   = sharded_free,
                                           .place  = place_csr,
                                           .direct = sharded_direct,
                                           .fill   = pri_sharded_fill,
                                           .ranges = sharded_ranges };

static const pri_store_calls found_calls = {
    .free   = sharded_free,
    .place  = place_found,
    .fill   = pri_sharded_fill,
    .ranges = sharded_ranges,
    .no_direct =
        "this store has dealt its rows to shards one by one: use --cache.store in-place, or "
        "shards that are ranges"
};

static pr_eid elements_of(const pr_features *x, uint64_t begin, uint64_t end)
{
    return x->indptr[end] - x->indptr[begin];
}

/* Count the rows of every shard, and lay the shards out one behind the other. */
static pr_status lay_out(pri_sharded *own, const pr_shards *shards, uint64_t unit)
{
    pr_status          st                      = PR_OK;
    const pr_features *x                       = own->from;
    const bool         csr                     = x->kind == PR_FEATURES_CSR;
    const uint32_t     num                     = shards->num_shards;
    uint64_t           rows[PR_MAX_SHARDS]     = { 0 };
    pr_eid             elements[PR_MAX_SHARDS] = { 0 };

    for (uint32_t s = 0; s < num && !shards->of_row; s++) {
        rows[s] = shards->first[s + 1] - shards->first[s];
        if (csr) elements[s] = elements_of(x, shards->first[s], shards->first[s + 1]);
    }
    for (pr_vid v = 0; v < x->num_rows && shards->of_row; v++) {
        rows[shards->of_row[v]]++;
        if (csr) elements[shards->of_row[v]] += elements_of(x, v, (uint64_t)v + 1);
    }
    for (uint32_t s = 0; s < num; s++) {
        const uint64_t end        = own->first_place[s] + rows[s];
        const bool     gap        = shards->of_row && s + 1 < num;
        own->first_place[s + 1]   = gap ? (end + unit - 1) / unit * unit : end;
        own->first_element[s + 1] = own->first_element[s] + elements[s];
    }
    PR_CHECK(own->first_place[num] <= UINT32_MAX, PR_E_RANGE,
             "%u rows in %u shards take %llu places, at most %u are possible", x->num_rows, num,
             (unsigned long long)own->first_place[num], UINT32_MAX);
done:
    return st;
}

/* Write down where each row is: within a shard in the order of ids. */
static pr_status make_table(pri_sharded *own, const pr_shards *shards, const pr_topo *topo)
{
    pr_status    st = PR_OK;
    const pr_vid n  = own->head.num_rows;
    uint64_t     next[PR_MAX_SHARDS + 1];

    own->place_bytes = ((size_t)n + 1) * sizeof *own->place_of;
    own->place_of    = pri_pages_map(own->place_bytes, 1);
    PR_CHECK(own->place_of, PR_E_NOMEM, "cannot take %zu bytes for the places of %u rows",
             own->place_bytes, n);
    (void)pri_area_interleave(topo, own->place_of, own->place_bytes); /* a wish */
    memcpy(next, own->first_place, sizeof next);
    for (pr_vid v = 0; v < n; v++) own->place_of[v] = (uint32_t)next[shards->of_row[v]]++;
done:
    return st;
}

/* Map `total` elements (one at least), cut where the shards begin, in whole pages: a page that two
 * of them share goes to the first. */
static pr_status map(pri_spreader *how, const uint64_t *first, uint64_t total, size_t size,
                     pri_spread *out)
{
    pr_status      st  = PR_OK;
    const uint32_t num = how->shards->num_shards;
    size_t         cut[PR_MAX_SHARDS + 1];

    if (total == 0) total = 1;
    PR_CHECK(!__builtin_mul_overflow(total, size, &cut[num]) && cut[num] <= SIZE_MAX / 4,
             PR_E_NOMEM, "%llu elements of %zu bytes are beyond any memory",
             (unsigned long long)total, size);
    for (uint32_t s = 0; s < num; s++) {
        cut[s] = pri_spread_page_up(first[s] * size);
        if (cut[s] > cut[num]) cut[s] = cut[num];
    }
    PR_TRY(pri_spread_map(how, cut, out));
done:
    return st;
}

static pr_status map_all(pri_sharded *own, pri_spreader *how)
{
    pr_status      st  = PR_OK;
    const uint32_t num = how->shards->num_shards;
    pr_features   *x   = &own->own;

    if (x->kind == PR_FEATURES_DENSE) {
        PR_TRY(
            map(how, own->first_place, own->first_place[num], x->ld * sizeof(float), &own->rows));
        x->rows = (float *)own->rows.at;
        goto done;
    }
    PR_TRY(map(how, own->first_place, own->first_place[num] + 1, sizeof(pr_eid), &own->indptr));
    PR_TRY(map(how, own->first_element, own->first_element[num], sizeof(uint32_t), &own->indices));
    PR_TRY(map(how, own->first_element, own->first_element[num], sizeof(float), &own->data));
    x->indptr  = (pr_eid *)own->indptr.at;
    x->indices = (uint32_t *)own->indices.at;
    x->data    = (float *)own->data.at;
done:
    return st;
}

/* Look at all values of a file that nobody looked at: filling cannot fail. */
static pr_status look_at_rows(const pr_features *x)
{
    enum { PIECE = 1024 };
    pr_status            st     = PR_OK;
    const pri_row_source source = pri_row_source_of(x);
    pr_vid               bad    = x->num_rows;

#pragma omp parallel for schedule(dynamic, 1) reduction(min : bad)
    for (uint64_t begin = 0; begin < x->num_rows; begin += PIECE) {
        const pr_vid end   = x->num_rows - begin < PIECE ? x->num_rows : (pr_vid)begin + PIECE;
        const pr_vid found = pri_row_source_find_bad(&source, (pr_vid)begin, end);
        if (found < end && found < bad) bad = found;
        pri_row_source_let_go(x, (pr_vid)begin, end - (pr_vid)begin);
    }
    if (bad < x->num_rows) PR_TRY(pri_row_source_raise_bad(&source, x->file, bad));
done:
    return st;
}

/* Check what the caller gave; gives the rows at whose multiples shards begin. */
static pr_status check(const pr_features *features, const pr_shards *shards, int mode,
                       uint64_t *unit)
{
    pr_status st = PR_OK;

    *unit = 1;
    PR_CHECK(features, PR_E_ARG, "features is NULL");
    PR_TRY(pri_store_check_features(features));
    PR_CHECK(features->kind == PR_FEATURES_CSR || features->rows || features->num_rows == 0,
             PR_E_UNSUPPORTED,
             "rows of format %s are not dealt to shards: copy them in one piece, or read them "
             "direct",
             pr_row_format_name(features->file ? features->file->format : PR_ROWS_F32));
    PR_CHECK(mode == PR_NUMA_AUTO || mode == PR_NUMA_STRICT || mode == PR_NUMA_OFF, PR_E_ARG,
             "NUMA mode is %d, must be 0, 1 or 2", mode);
    if (features->kind == PR_FEATURES_DENSE)
        *unit =
            pri_shards_unit(pri_slab_ld(features->num_cols) * sizeof(float), pri_spread_page_up(1));
    PR_TRY(pri_shards_check(shards, features->num_rows, *unit));
done:
    return st;
}

pr_status pr_store_sharded(const pr_features *features, const pr_shards *shards,
                           const pr_topo *topo, pr_numa_mode mode, pr_store **out)
{
    pr_status    st  = PR_OK;
    pri_sharded *own = NULL;
    pri_spreader how = { .shards = shards, .topo = topo, .mode = mode };
    uint64_t     unit;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_TRY(check(features, shards, (int)mode, &unit));
    PR_NEW(own, 1);
    own->head = (pr_store){ .calls     = shards->of_row                        ? &found_calls
                                         : features->kind == PR_FEATURES_DENSE ? &dense_calls
                                                                               : &csr_calls,
                            .num_rows  = features->num_rows,
                            .num_cols  = features->num_cols,
                            .all_local = pri_area_only_node(topo) >= 0 };
    own->from = features;
    PR_TRY(lay_out(own, shards, unit));
    own->own = (pr_features){ .kind     = features->kind,
                              .num_rows = (pr_vid)own->first_place[shards->num_shards],
                              .num_cols = features->num_cols,
                              .ld       = pri_slab_ld(features->num_cols) };
    if (shards->of_row) PR_TRY(make_table(own, shards, topo));
    PR_TRY(map_all(own, &how));
    if (features->file && !features->file->checked) PR_TRY(look_at_rows(features));
    PR_NEW(own->head.shards, 1);
    *own->head.shards = *shards;
    if (how.refused)
        pr_diag(PR_WARN, "the kernel does not bind the store's shards to their NUMA nodes: their "
                         "pages are where the lane that copies them runs");
    *out = &own->head;
    own  = NULL;
done:
    if (own) sharded_free(&own->head);
    return st;
}
