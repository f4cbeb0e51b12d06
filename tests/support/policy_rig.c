/* policy_rig.c: see policy_rig.h. */
#include "support/policy_rig.h"

static pr_status rig_fetch(const pr_store *store, pri_fetcher *fetcher, const pri_write *write,
                           size_t n, pr_fetch_cost *cost)
{
    (void)fetcher;
    (void)cost;
    pr_status   st = PR_OK;
    policy_rig *x  = (policy_rig *)(uintptr_t)store;

    for (size_t i = 0; i < n; i++) {
        PR_CHECK(x->rows_left != 0, PR_E_IO, "row %u cannot be read", write[i].id);
        if (x->rows_left > 0) x->rows_left--;
    }
done:
    return st;
}

static void rig_place(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    const pr_store *inner = ((const policy_rig *)store)->inner;
    inner->calls->place(inner, place, begin, end);
}

static const pri_store_calls rig_calls = { .fetch = rig_fetch, .place = rig_place };

/* Scores of every size, some of them equal once they are kept as 16 bits. */
static uint32_t *make_scores(uint32_t n)
{
    test_rng  rng    = { .key = test_seed() };
    uint32_t *scores = test_room(n, sizeof *scores);

    for (uint32_t v = 0; v < n; v++) {
        scores[v] = test_random(&rng) >> test_below(&rng, 32);
        if (v > 0 && test_below(&rng, 4) == 0) scores[v] = scores[v - 1] ^ 1u;
    }
    return scores;
}

void rig_open(policy_rig *x, int policy, uint32_t n, uint64_t capacity, uint32_t max_wanted)
{
    const pr_cache_options options = {
        .policy = policy, .rows = capacity, .bytes = capacity == 0 /* one byte holds no row */
    };
    const pr_store *const stores[] = { &x->head };

    *x      = (policy_rig){ .rows_left = -1 };
    x->rows = test_room((size_t)n * RIG_COLS, sizeof *x->rows);
    for (uint32_t i = 0; i < n * RIG_COLS; i++) x->rows[i] = (float)(i + 1);
    x->features = (pr_features){ .kind     = PR_FEATURES_DENSE,
                                 .num_rows = n,
                                 .num_cols = RIG_COLS,
                                 .rows     = x->rows,
                                 .ld       = RIG_COLS };
    assert_ok(pr_store_memory(&x->features, &x->inner));
    x->head   = (pr_store){ .calls = &rig_calls, .num_rows = n, .num_cols = RIG_COLS };
    x->scores = make_scores(n);
    const pr_cache_setup setup = { .options    = &options,
                                   .stores     = stores,
                                   .num_planes = 1,
                                   .max_wanted = max_wanted,
                                   .scores     = x->scores };
    assert_ok(pr_cache_open(&setup, &x->cache));
    const uint64_t kept = pr_cache_capacity_rows(x->cache);
    assert_int_equal(kept, capacity < n ? capacity : n);
    reference_open(&x->reference, policy, n, (uint32_t)kept, x->scores);
}

void rig_close(policy_rig *x)
{
    assert_ok(pr_cache_check(x->cache));
    pr_cache_free(x->cache);
    reference_close(&x->reference);
    pr_store_free(x->inner);
    free(x->rows), free(x->scores);
}

static void place(policy_rig *x, const pr_cache_plan *plan)
{
    policy_reference *e = &x->reference;
    pr_slab           view;

    reference_check_plan(e, plan);
    x->rows_missed += plan->rows_added + plan->rows_bypassed;
    assert_ok(pr_cache_place(x->cache, &view));
    for (size_t i = 0; i < e->wanted.n; i++)
        assert_memory_equal(view.rows + view.slot_of_input[i] * view.ld,
                            x->rows + (size_t)e->wanted.at[i] * RIG_COLS, RIG_COLS * sizeof(float));
    reference_place(e, view.slot_of_input);
    pr_cache_release(x->cache);
    assert_int_equal(pr_cache_resident_rows(x->cache), e->num_resident);
    assert_int_equal(pr_cache_num_foreseen(x->cache), e->num_waiting);
    if (!x->quick) assert_ok(pr_cache_check(x->cache));
}

void rig_step(policy_rig *x, pr_vids wanted)
{
    const pr_cache_plan *plan;

    reference_prepare(&x->reference, wanted);
    assert_ok(pr_cache_prepare(x->cache, wanted, &plan));
    place(x, plan);
}

void rig_foresee(policy_rig *x, pr_vids wanted)
{
    reference_foresee(&x->reference, wanted);
    assert_ok(pr_cache_foresee(x->cache, wanted));
}

void rig_step_next(policy_rig *x)
{
    const pr_cache_plan *plan;

    reference_prepare_next(&x->reference);
    assert_ok(pr_cache_prepare_next(x->cache, &plan));
    place(x, plan);
}

void rig_run(policy_rig *x, const trace *t, uint32_t window)
{
    for (uint32_t l = 0, entered = 0; l < t->num_lists; l++) {
        for (; entered <= l + window && entered < t->num_lists; entered++)
            rig_foresee(x, t->list[entered]);
        rig_step_next(x);
    }
}
