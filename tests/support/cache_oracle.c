/* cache_oracle.c: see cache_oracle.h. */
#include "support/cache_oracle.h"

static void count_place(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    cache_oracle *r = (cache_oracle *)(uintptr_t)store;

    if (r->counting) { /* several threads may come at once */
#pragma omp atomic
        r->num_places += end - begin;
    }
    r->inner->calls->place(r->inner, place, begin, end);
}

static const pr_features *pass_direct(const pr_store *store)
{
    return &((const cache_oracle *)store)->features;
}

static const pri_store_calls counting_calls = { .place = count_place, .direct = pass_direct };

/* Make rows that differ in one column that names them; the rest is random, and half of it zero. */
static void fill_features(cache_oracle *r, pr_feature_kind kind, test_rng *rng)
{
    const size_t ld = r->cols + test_below(rng, 3), total = (size_t)r->n * r->cols;
    float       *rows = test_room(ld * r->n, sizeof *rows), *data = test_room(total, sizeof *data);
    uint32_t    *indices = test_room(total, sizeof *indices);
    size_t       nnz     = 0;

    r->truth  = test_room(total, sizeof *r->truth);
    r->indptr = test_room((size_t)r->n + 1, sizeof *r->indptr);
    for (uint32_t v = 0; v < r->n; v++) {
        for (uint32_t f = 0; f < r->cols; f++) {
            const uint32_t word = test_random(rng);
            float          x    = word & 1 ? pri_unit_float(word) : 0.0f;
            if (f == v % r->cols) x = (float)(v + 1);
            r->truth[(size_t)v * r->cols + f] = rows[v * ld + f] = x;
            if (x != 0.0f) indices[nnz] = f, data[nnz++] = x;
        }
        r->indptr[v + 1] = nnz;
    }
    r->features = (pr_features){ .kind = kind, .num_rows = r->n, .num_cols = r->cols };
    if (kind == PR_FEATURES_DENSE) {
        r->features.rows = rows;
        r->features.ld   = ld;
        free(indices), free(data);
    } else {
        r->features.indptr  = r->indptr;
        r->features.indices = indices;
        r->features.data    = data;
        free(rows);
    }
}

/* Scores of every size, many of them equal once they are kept as 16 bits. */
static void fill_scores(cache_oracle *r, test_rng *rng)
{
    r->scores = test_room(r->n, sizeof *r->scores);
    for (uint32_t v = 0; v < r->n; v++) {
        r->scores[v] = test_random(rng) >> test_below(rng, 32);
        if (v > 0 && test_below(rng, 4) == 0) r->scores[v] = r->scores[v - 1] ^ 1u;
    }
}

void oracle_store_open(cache_oracle *r, uint32_t n, uint32_t cols, pr_feature_kind kind,
                       test_rng *rng)
{
    *r = (cache_oracle){ .n = n, .cols = cols };
    fill_features(r, kind, rng);
    fill_scores(r, rng);
    assert_ok(pr_store_memory(&r->features, &r->inner));
    r->head = (pr_store){ .calls = &counting_calls, .num_rows = n, .num_cols = cols };
    pr_tuning_default(cols * sizeof(float), &r->tuning);
}

void oracle_store_close(cache_oracle *r)
{
    pr_store_free(r->inner);
    free((void *)(uintptr_t)r->features.rows);
    free((void *)(uintptr_t)r->features.indices);
    free((void *)(uintptr_t)r->features.data);
    free(r->indptr), free(r->truth), free(r->scores);
}

/* The capacity as the options' help says it. */
static uint32_t oracle_capacity(const cache_oracle *r, size_t m)
{
    const size_t slot_bytes = (r->cols + 15u) / 16u * 64u;
    double       rows       = r->n;

    if (r->options.mode == PR_CACHE_OFF) return 0;
    if (r->options.rows)
        rows = (double)r->options.rows;
    else if (r->options.bytes)
        rows = (double)(r->options.bytes / slot_bytes);
    else if (r->options.mode == PR_CACHE_RESIDENT)
        rows = r->options.factor * (double)m;
    const uint32_t whole = rows >= r->n ? r->n : (uint32_t)rows;
    return whole + (whole < rows && whole < r->n);
}

void oracle_cache_open(cache_oracle *r, pr_cache_options options, uint32_t max_wanted)
{
    const uint32_t        n = r->n, batch = max_wanted < n ? max_wanted : n;
    const pr_store *const stores[] = { &r->head };
    const pr_cache_setup  setup    = {
            .options    = &options,
            .stores     = stores,
            .num_planes = 1,
            .max_wanted = max_wanted,
            .tuning     = &r->tuning,
            .scores     = r->scores,
    };

    r->options    = options;
    r->max_wanted = max_wanted;
    assert_ok(pr_cache_open(&setup, &r->cache));
    r->decided = options.mode != PR_CACHE_RESIDENT || options.rows || options.bytes;
    reference_open(&r->reference, options.policy, n, r->decided ? oracle_capacity(r, 0) : 0,
                   r->scores);
    r->reference.packed = options.mode == PR_CACHE_PACKED;
    assert_int_equal(pr_cache_capacity_rows(r->cache), r->reference.capacity);
    r->num_slots = oracle_capacity(r, batch); /* all the cache may use */
    if (options.mode == PR_CACHE_PACKED || r->num_slots < batch) r->num_slots = batch;
    if (options.mode == PR_CACHE_OFF) r->num_slots = 0;
    r->seen   = test_room(n, sizeof *r->seen);
    r->before = test_room((size_t)r->num_slots * r->cols, sizeof *r->before);
    r->slab   = NULL;
    r->stats  = (pr_cache_stats){ 0 };
}

void oracle_cache_close(cache_oracle *r)
{
    pr_cache_free(r->cache);
    reference_close(&r->reference);
    free(r->seen), free(r->before);
}

static const float *true_row(const cache_oracle *r, uint32_t v)
{
    return r->truth + (size_t)v * r->cols;
}

/* Keep a copy of every slot, after scribbling over those that hold no row. */
static void remember_slots(cache_oracle *r)
{
    bool        *held = test_room(r->num_slots, sizeof *held);
    const size_t ld   = (r->cols + 15u) / 16u * 16u;

    for (uint32_t v = 0; v < r->n; v++)
        if (r->reference.slot_of[v] != NOWHERE) held[r->reference.slot_of[v]] = true;
    for (uint32_t s = 0; r->slab && s < r->num_slots; s++) {
        if (!held[s])
            for (uint32_t f = 0; f < r->cols; f++) r->slab[s * ld + f] = -1.5f - (float)s;
        memcpy(r->before + (size_t)s * r->cols, r->slab + s * ld, r->cols * sizeof(float));
    }
    free(held);
}

static uint64_t count_changed_slots(const cache_oracle *r, const pr_slab *view)
{
    uint64_t changed = 0;
    for (uint32_t s = 0; s < r->num_slots; s++)
        changed += memcmp(r->before + (size_t)s * r->cols, view->rows + s * view->ld,
                          r->cols * sizeof(float)) != 0;
    return changed;
}

/* Whether the planner may write every slot anew. */
static bool repacks(const cache_oracle *r)
{
    const policy_reference *e      = &r->reference;
    const uint32_t          writes = e->num_added + e->num_compacted;

    return e->packed && e->num_resident > 0 && e->rows_after > 0 &&
           writes >= r->tuning.repack_share * e->rows_after;
}

static void check_figures(const cache_oracle *r, const pr_cache_plan *p, uint64_t num_first)
{
    const policy_reference *e         = &r->reference;
    const uint64_t          row_bytes = r->cols * sizeof(float), n = e->wanted.n;
    const uint64_t          bound = e->num_added + e->num_bypassed + e->num_compacted;

    assert_int_equal(p->num_wanted, n);
    assert_int_equal(p->rows_first, num_first);
    assert_int_equal(p->bytes_gather, n * row_bytes);
    assert_int_equal(p->bytes_moved, p->rows_moved * row_bytes);
    if (r->options.mode == PR_CACHE_OFF) {
        assert_int_equal(p->rows_direct, n);
        assert_int_equal(p->rows_hit + p->rows_added + p->rows_bypassed + p->rows_moved, 0);
        assert_string_equal(p->path, "direct");
        return;
    }
    reference_check_plan(e, p);
    assert_string_equal(p->path, repacks(r) ? "repack" : "paired");
    assert_int_equal(p->rows_moved, repacks(r) ? n : bound);
    if (e->packed)
        assert_int_equal(p->bytes_bound, bound * row_bytes);
    else
        assert_true(p->bytes_bound == PR_NULL_INT);
}

/* Every wanted row, bit for bit, through the view, as a kernel would read it. */
static void check_rows(const cache_oracle *r, const pr_slab *view)
{
    const pr_vids wanted = r->reference.wanted;

    assert_int_equal(view->num_inputs, wanted.n);
    assert_int_equal(view->num_cols, r->cols);
    if (view->features) {
        assert_ptr_equal(view->features, &r->features);
        assert_memory_equal(view->slot_of_input, wanted.at, wanted.n * sizeof *wanted.at);
        return;
    }
    for (size_t i = 0; i < wanted.n; i++) {
        const float *row = view->rows + view->slot_of_input[i] * view->ld;
        if (memcmp(row, true_row(r, wanted.at[i]), r->cols * sizeof(float)) != 0)
            fail_msg("input %zu, row %u, is not in slot %u", i, wanted.at[i],
                     view->slot_of_input[i]);
        if (r->options.mode != PR_CACHE_OFF)
            for (size_t f = r->cols; f < view->ld; f++) assert_true(row[f] == 0.0f);
    }
}

/* Rows that stayed without being wanted are still what they were. */
static void check_residents(const cache_oracle *r, const pr_slab *view)
{
    for (uint32_t v = 0; v < r->n; v++)
        if (r->reference.slot_of[v] != NOWHERE)
            assert_memory_equal(view->rows + (size_t)r->reference.slot_of[v] * view->ld,
                                true_row(r, v), r->cols * sizeof(float));
}

/* The cache's statistics are the sums of its plans. */
static void check_statistics(cache_oracle *r, const pr_cache_plan *p)
{
    pr_cache_stats *sum = &r->stats, found;

    sum->steps++;
    sum->repacks += strcmp(p->path, "repack") == 0;
    sum->rows_wanted += p->num_wanted;
    sum->rows_hit += p->rows_hit;
    sum->rows_added += p->rows_added;
    sum->rows_bypassed += p->rows_bypassed;
    sum->rows_direct += p->rows_direct;
    sum->rows_victim += p->rows_victim;
    sum->rows_compacted += p->rows_compacted;
    sum->rows_moved += p->rows_moved;
    sum->rows_first += p->rows_first;
    sum->bytes_moved += p->bytes_moved;
    sum->bytes_gather += p->bytes_gather;
    pr_cache_statistics(r->cache, &found);
    assert_memory_equal(&found, sum, sizeof found);
}

/* The list of residents is that of the slots. */
static void check_list(const cache_oracle *r)
{
    const uint32_t n   = r->reference.num_resident;
    pr_vid        *ids = test_room((size_t)n + 1, sizeof *ids);

    assert_int_equal(pr_cache_residents(r->cache, ids, (uint64_t)n + 1), n);
    for (uint32_t s = 0; s < n; s++) assert_int_equal(r->reference.slot_of[ids[s]], s);
    free(ids);
}

/* Everything behind prepare. */
static void place(cache_oracle *r, const pr_cache_plan *plan)
{
    policy_reference *e         = &r->reference;
    const bool        off       = r->options.mode == PR_CACHE_OFF;
    uint64_t          num_first = 0;
    pr_slab           view;

    for (size_t i = 0; i < e->wanted.n; i++) {
        num_first += !r->seen[e->wanted.at[i]];
        r->seen[e->wanted.at[i]] = true;
    }
    assert_int_equal(pr_cache_capacity_rows(r->cache), e->capacity);
    check_figures(r, plan, num_first);
    r->num_places = 0;
    r->counting   = true;
    assert_ok(pr_cache_fetch(r->cache));
    assert_ok(pr_cache_place(r->cache, &view));
    r->counting = false;
    check_rows(r, &view);
    if (!off) {
        const uint64_t from_store = e->num_added + e->num_bypassed;
        assert_int_equal(r->num_places, repacks(r) ? e->wanted.n : from_store);
        assert_int_equal(count_changed_slots(r, &view), from_store + e->num_compacted);
        reference_place(e, view.slot_of_input);
        check_residents(r, &view);
        r->slab = (float *)(uintptr_t)view.rows;
    }
    check_statistics(r, plan);
    assert_int_equal(pr_cache_resident_rows(r->cache), e->num_resident);
    check_list(r);
    assert_int_equal(pr_cache_num_foreseen(r->cache), e->num_waiting);
    assert_ok(pr_cache_check(r->cache));
    pr_cache_release(r->cache);
    r->steps++;
}

static void begin(cache_oracle *r, size_t n)
{
    if (!r->decided && n > 0) {
        r->reference.capacity = oracle_capacity(r, n);
        r->decided            = true;
    }
    if (r->options.mode != PR_CACHE_OFF) remember_slots(r);
}

void oracle_step(cache_oracle *r, const uint32_t *wanted, size_t n)
{
    const pr_cache_plan *plan;

    begin(r, n);
    reference_prepare(&r->reference, (pr_vids){ wanted, n });
    assert_ok(pr_cache_prepare(r->cache, (pr_vids){ wanted, n }, &plan));
    place(r, plan);
}

void oracle_foresee(cache_oracle *r, const uint32_t *wanted, size_t n)
{
    reference_foresee(&r->reference, (pr_vids){ wanted, n });
    assert_ok(pr_cache_foresee(r->cache, (pr_vids){ wanted, n }));
    assert_int_equal(pr_cache_num_foreseen(r->cache), r->reference.num_waiting);
}

void oracle_step_next(cache_oracle *r)
{
    const pr_cache_plan *plan;

    begin(r, r->reference.waiting[0].n);
    reference_prepare_next(&r->reference);
    assert_ok(pr_cache_prepare_next(r->cache, &plan));
    place(r, plan);
}
