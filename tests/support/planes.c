/* planes.c: see planes.h. */
#include "support/planes.h"

static pr_status planes_fetch(const pr_store *store, pri_fetcher *fetcher, const pri_write *write,
                              size_t n, pr_fetch_cost *cost)
{
    (void)fetcher;
    (void)cost;
    pr_status st = PR_OK;
    planes   *x  = ((const planes_store *)store)->owner;

    for (size_t i = 0; i < n; i++) {
        PR_CHECK(x->rows_left != 0, PR_E_IO, "row %u cannot be read", write[i].id);
        if (x->rows_left > 0) x->rows_left--;
    }
done:
    return st;
}

static void planes_place(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    const pr_store *inner = ((const planes_store *)store)->inner;
    inner->calls->place(inner, place, begin, end);
}

static const pri_store_calls near_calls = { .place = planes_place };
static const pri_store_calls far_calls  = { .fetch = planes_fetch, .place = planes_place };

float planes_value(uint32_t plane, uint32_t v, uint32_t f)
{
    return (float)((v + 1) * 16 + (f + 3 * plane) % 16); /* exact for a million rows */
}

static void make_store(planes *x, uint32_t plane, uint32_t cols)
{
    planes_store *s    = &x->store[plane];
    const size_t  ld   = cols + plane; /* not always dense */
    float        *rows = test_room((size_t)x->n * ld, sizeof *rows);

    for (uint32_t v = 0; v < x->n; v++)
        for (uint32_t f = 0; f < cols; f++) rows[v * ld + f] = planes_value(plane, v, f);
    s->owner    = x;
    s->head     = (pr_store){ .calls = &near_calls, .num_rows = x->n, .num_cols = cols };
    s->features = (pr_features){
        .kind = PR_FEATURES_DENSE, .num_rows = x->n, .num_cols = cols, .rows = rows, .ld = ld
    };
    assert_ok(pr_store_memory(&s->features, &s->inner));
}

void planes_open(planes *x, uint32_t n, uint32_t num_planes, const uint32_t *cols)
{
    *x = (planes){ .n = n, .num_planes = num_planes, .rows_left = -1 };
    for (uint32_t p = 0; p < num_planes; p++) make_store(x, p, cols[p]);
}

static void free_cache(planes *x)
{
    for (uint32_t p = 0; p < x->num_planes; p++) free(x->before[p]);
    if (x->cache) assert_ok(pr_cache_check(x->cache));
    pr_cache_free(x->cache);
    x->cache = NULL;
}

void planes_close(planes *x)
{
    free_cache(x);
    for (uint32_t p = 0; p < x->num_planes; p++) {
        pr_store_free(x->store[p].inner);
        free((void *)(uintptr_t)x->store[p].features.rows);
    }
}

void planes_move_away(planes *x)
{
    for (uint32_t p = 0; p < x->num_planes; p++) x->store[p].head.calls = &far_calls;
}

static size_t slot_ld(const planes *x, uint32_t plane)
{
    return (x->store[plane].head.num_cols + 15u) / 16u * 16u;
}

void planes_cache(planes *x, const pr_cache_options *options, uint32_t max_wanted,
                  const pr_tuning *tuning)
{
    const pr_store *stores[PR_MAX_PLANES];

    free_cache(x);
    for (uint32_t p = 0; p < x->num_planes; p++) stores[p] = &x->store[p].head;
    const pr_cache_setup setup = { .options    = options,
                                   .stores     = stores,
                                   .num_planes = x->num_planes,
                                   .max_wanted = max_wanted,
                                   .tuning     = tuning };
    assert_ok(pr_cache_open(&setup, &x->cache));
    x->num_slots = max_wanted < x->n ? max_wanted : x->n;
    for (uint32_t p = 0; p < x->num_planes; p++)
        x->before[p] = test_room(x->num_slots * slot_ld(x, p), sizeof **x->before);
}

static void check_row(const planes *x, uint32_t plane, uint32_t v, const float *row, size_t ld)
{
    const uint32_t cols = x->store[plane].head.num_cols;

    for (uint32_t f = 0; f < cols; f++)
        if (row[f] != planes_value(plane, v, f))
            fail_msg("plane %u: row %u has %g in column %u", plane, v, (double)row[f], f);
    for (size_t f = cols; f < ld; f++) assert_true(row[f] == 0.0f);
}

void planes_check_packed(const planes *x, const pr_vid *ids, uint32_t n)
{
    for (uint32_t p = 0; p < x->num_planes; p++) {
        pr_packed all;
        assert_ok(pr_cache_packed(x->cache, p, &all));
        assert_int_equal(all.num_rows, n);
        assert_int_equal(all.num_cols, x->store[p].head.num_cols);
        assert_int_equal(all.ld, slot_ld(x, p));
        if (n > 0) assert_memory_equal(all.ids, ids, n * sizeof *ids);
        for (uint32_t s = 0; s < n; s++) check_row(x, p, ids[s], all.rows + s * all.ld, all.ld);
    }
}

void planes_check_view(const planes *x, pr_vids wanted)
{
    const pr_slot *slots = NULL;

    for (uint32_t p = 0; p < x->num_planes; p++) {
        pr_slab view;
        assert_ok(pr_cache_plane(x->cache, p, &view));
        assert_int_equal(view.num_inputs, wanted.n);
        assert_int_equal(view.num_cols, x->store[p].head.num_cols);
        if (p == 0) slots = view.slot_of_input;
        assert_memory_equal(view.slot_of_input, slots, wanted.n * sizeof *slots);
        for (size_t i = 0; i < wanted.n; i++)
            check_row(x, p, wanted.at[i], view.rows + slots[i] * view.ld, view.ld);
    }
}

void planes_remember(planes *x)
{
    for (uint32_t p = 0; p < x->num_planes; p++) {
        const size_t ld = slot_ld(x, p), cols = x->store[p].head.num_cols;
        pr_packed    all;
        assert_ok(pr_cache_packed(x->cache, p, &all));
        float *rows = (float *)(uintptr_t)all.rows;
        for (uint32_t s = all.num_rows; s < x->num_slots; s++)
            for (size_t f = 0; f < cols; f++) rows[s * ld + f] = -1.5f - (float)s;
        memcpy(x->before[p], rows, x->num_slots * ld * sizeof *rows);
    }
}

uint32_t planes_changed(const planes *x, uint32_t plane)
{
    const size_t ld      = slot_ld(x, plane);
    uint32_t     changed = 0;
    pr_packed    all;

    assert_ok(pr_cache_packed(x->cache, plane, &all));
    for (uint32_t s = 0; s < x->num_slots; s++)
        changed += memcmp(x->before[plane] + s * ld, all.rows + s * ld, ld * sizeof(float)) != 0;
    return changed;
}
