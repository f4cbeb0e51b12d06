/* tune_repack.c: from which share of changed rows on writing a packed slab anew is cheaper than
 * pairing. Two caches follow the same differences, one always pairs, the other always repacks; to
 * the median times of each a line is fitted,
 *
 *     time = a + b * writes
 *
 * and where the lines cross the planner should change its mind. Repacking can win although it
 * writes more rows because it writes them in order. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "cache/partition.h"
#include "cache/tune_rig.h"

enum { NUM_SHARES = 6, PAIRED = 0, REPACK = 1, MIN_ROWS = 10 };
static const int64_t  budget_ns[PRI_NUM_EFFORTS]  = { 0, 120000000, 2000000000 };
static const uint32_t slab_bytes[PRI_NUM_EFFORTS] = { 128 << 10, 2 << 20, 16 << 20 };

typedef struct bench {
    pr_store *store;
    pr_cache *cache[2];
    uint32_t  num_rows; /* in the slabs, m */
    pr_vid   *ids;      /* [m] what is resident, partly shuffled */
    pr_vid   *added;    /* [m] */
    uint32_t  num_bits, next;
    uint64_t  num_drawn;
} bench;

typedef struct line {
    double a, b;
} line;

static bool is_resident(const pr_cache *cache, pr_vid id)
{
    return cache->index.entry[(size_t)id * cache->index.stride] < PRI_ENTRY_NONE;
}

/* Draw k rows that come in; those that leave are ids[0 .. k-1] then. */
static void draw(bench *b, uint32_t k)
{
    const pr_cache *cache = b->cache[PAIRED];
    const uint32_t  held  = cache->index.num_resident;

    if (held > 0) memcpy(b->ids, cache->index.id_of, held * sizeof *b->ids);
    for (uint32_t i = 0; i < k && held > 0; i++) {
        const uint32_t from = i + (uint32_t)(pri_mix64(b->num_drawn++) % (held - i));
        const pr_vid   id   = b->ids[from];
        b->ids[from]        = b->ids[i];
        b->ids[i]           = id;
    }
    for (uint32_t i = 0; i < k;) {
        const pr_vid id = pri_rig_scatter(b->next++, b->num_bits);
        if (!is_resident(cache, id)) b->added[i++] = id;
    }
}

static pr_status open_bench(bench *b, const pri_rig *rig, const pr_tuning *tuning)
{
    pr_status      st   = PR_OK;
    const uint32_t most = rig->table.num_rows / 4;

    *b          = (bench){ .num_bits = rig->num_bits };
    b->num_rows = (uint32_t)(slab_bytes[rig->effort] / rig->row_bytes);
    if (b->num_rows > most) b->num_rows = most;
    if (b->num_rows < MIN_ROWS) b->num_rows = MIN_ROWS;
    PR_NEW(b->ids, b->num_rows);
    PR_NEW(b->added, b->num_rows);
    PR_TRY(pr_store_memory(&rig->table, &b->store));
    const pr_cache_options options  = { .mode = PR_CACHE_PACKED, .rows = b->num_rows };
    const pr_store *const  stores[] = { b->store };
    for (int way = PAIRED; way <= REPACK; way++) {
        pr_tuning forced          = *tuning;
        forced.repack_share       = way == REPACK ? 0 : 1e9;
        const pr_cache_setup open = { .options    = &options,
                                      .stores     = stores,
                                      .num_planes = 1,
                                      .max_wanted = b->num_rows,
                                      .tuning     = &forced };
        PR_TRY(pr_cache_open(&open, &b->cache[way]));
    }
    draw(b, b->num_rows);
    for (int way = PAIRED; way <= REPACK; way++)
        PR_TRY(pr_cache_apply(b->cache[way], (pr_vids){ b->added, b->num_rows }, (pr_vids){ 0 },
                              NULL));
done:
    return st;
}

static void close_bench(bench *b)
{
    pr_cache_free(b->cache[PAIRED]);
    pr_cache_free(b->cache[REPACK]);
    pr_store_free(b->store);
    pri_free(b->ids);
    pri_free(b->added);
    *b = (bench){ 0 };
}

static uint32_t rows_of(const bench *b, uint32_t share)
{
    return b->num_rows * (NUM_SHARES - 1 + share) / (2 * (NUM_SHARES - 1)); /* 0.5 .. 1 */
}

/* Apply one difference to both caches; who goes first changes from round to round. */
static pr_status measure(bench *b, pri_trial *trial, uint32_t share)
{
    pr_status      st = PR_OK;
    const uint32_t k  = rows_of(b, share);

    draw(b, k);
    for (uint32_t turn = 0; turn < 2; turn++) {
        const uint32_t       way   = (turn + trial->num_rounds) % 2;
        const pr_cache_plan *plan  = NULL;
        const int64_t        start = pr_now_ns();
        PR_TRY(
            pr_cache_apply(b->cache[way], (pr_vids){ b->added, k }, (pr_vids){ b->ids, k }, &plan));
        pri_trial_note(trial, 2 * share + way, pr_now_ns() - start);
        PR_CHECK(!strcmp(plan->path, way == REPACK ? "repack" : "paired"), PR_E_BUG,
                 "the planner took path %s when told the other", plan->path);
    }
done:
    return st;
}

/* Least squares over the shares. */
static line fit(const bench *b, const int64_t *median, uint32_t way)
{
    double n = NUM_SHARES, x = 0, y = 0, xx = 0, xy = 0;

    for (uint32_t i = 0; i < NUM_SHARES; i++) {
        const double k = rows_of(b, i), ns = (double)median[2 * i + way];
        x += k;
        y += ns;
        xx += k * k;
        xy += k * ns;
    }
    const double slope = (n * xy - x * y) / (n * xx - x * x);
    return (line){ .a = (y - slope * x) / n, .b = slope };
}

static pr_status report_line(pr_json *repack, const char *name, line l)
{
    pr_status st   = PR_OK;
    pr_json  *item = pr_json_object();

    PR_CHECK(item, PR_E_NOMEM, "cannot create a JSON object for a figure");
    PR_TRY(pr_json_set_real(item, "a_ns", l.a));
    PR_TRY(pr_json_set_real(item, "b_ns_per_row", l.b));
    st   = pr_json_set(repack, name, item);
    item = NULL;
done:
    pr_json_free(item);
    return st;
}

static pr_status report_points(pr_json *repack, const bench *b, const int64_t *median)
{
    pr_status st     = PR_OK;
    pr_json  *points = pr_json_array(), *item = NULL;

    PR_CHECK(points, PR_E_NOMEM, "cannot create a JSON array for figures");
    for (uint32_t i = 0; i < NUM_SHARES; i++) {
        item = pr_json_object();
        PR_CHECK(item, PR_E_NOMEM, "cannot create a JSON object for a figure");
        PR_TRY(pr_json_set_real(item, "share", (double)rows_of(b, i) / b->num_rows));
        PR_TRY(pr_json_set_int(item, "paired_ns", median[2 * i + PAIRED]));
        PR_TRY(pr_json_set_int(item, "repack_ns", median[2 * i + REPACK]));
        st   = pr_json_append(points, item);
        item = NULL;
        if (st != PR_OK) goto done;
    }
    st     = pr_json_set(repack, "points", points);
    points = NULL;
done:
    pr_json_free(item);
    pr_json_free(points);
    return st;
}

static pr_status report(pr_json *report, const bench *b, const int64_t *median, double crossing)
{
    pr_status st     = PR_OK;
    pr_json  *repack = pr_json_object();

    PR_CHECK(repack, PR_E_NOMEM, "cannot create a JSON object for figures");
    PR_TRY(pr_json_set_int(repack, "rows", b->num_rows));
    PR_TRY(pr_json_set_string(repack, "model", "ns = a_ns + b_ns_per_row * rows added, each way"));
    PR_TRY(report_line(repack, "paired", fit(b, median, PAIRED)));
    PR_TRY(report_line(repack, "repack", fit(b, median, REPACK)));
    PR_TRY(pr_json_set_real(repack, "crossing_share", crossing)); /* not finite, null: never */
    PR_TRY(report_points(repack, b, median));
    st     = pr_json_set(report, "repack", repack);
    repack = NULL;
done:
    pr_json_free(repack);
    return st;
}

/* Where the lines cross, as a share of the rows; infinite when pairing stays cheaper. */
static double crossing_of(const bench *b, const int64_t *median)
{
    const line   paired = fit(b, median, PAIRED), repack = fit(b, median, REPACK);
    const double full = b->num_rows;

    if (paired.a + paired.b * full / 2 >= repack.a + repack.b * full / 2) return 0.5;
    if (paired.b <= repack.b) return (double)INFINITY;
    return (repack.a - paired.a) / (paired.b - repack.b) / full;
}

pr_status pri_tune_repack(const pri_rig *rig, pr_tuning *tuning, pr_json *out)
{
    pr_status st    = PR_OK;
    pri_trial trial = { 0 };
    bench     b     = { 0 };
    int64_t   median[2 * NUM_SHARES];

    PR_TRY(open_bench(&b, rig, tuning));
    PR_TRY(pri_trial_begin(&trial, 2 * NUM_SHARES, budget_ns[rig->effort]));
    while (pri_trial_goes_on(&trial)) {
        for (uint32_t i = 0; i < NUM_SHARES; i++) PR_TRY(measure(&b, &trial, i));
        if (trial.num_rounds > 1) continue;
        PR_TRY(pr_cache_check(b.cache[PAIRED]));
        PR_TRY(pr_cache_check(b.cache[REPACK]));
    }
    for (uint32_t i = 0; i < 2 * NUM_SHARES; i++) median[i] = pri_trial_median(&trial, i);
    const double share   = crossing_of(&b, median);
    tuning->repack_share = share < 0.5 ? 0.5 : share > 1 ? 1 : share;
    PR_TRY(report(out, &b, median, share));
done:
    pri_trial_end(&trial);
    close_bench(&b);
    return st;
}
