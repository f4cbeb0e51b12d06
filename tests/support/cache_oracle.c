/* cache_oracle.c: see cache_oracle.h. */
#include "support/cache_oracle.h"

static void count_place(const pr_store *store, const pri_write *write, size_t n, float *rows,
                        size_t ld)
{
    cache_oracle *r = (cache_oracle *)(uintptr_t)store;
    if (r->counting) r->num_places += n;
    r->inner->calls->place(r->inner, write, n, rows, ld);
}

static const pr_features *pass_direct(const pr_store *store)
{
    return &((const cache_oracle *)store)->features;
}

static const pri_store_calls counting_calls = { .place = count_place, .direct = pass_direct };

void *test_room(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    assert_non_null(p);
    return p;
}

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

void oracle_store_open(cache_oracle *r, uint32_t n, uint32_t cols, pr_feature_kind kind,
                       test_rng *rng)
{
    *r = (cache_oracle){ .n = n, .cols = cols };
    fill_features(r, kind, rng);
    assert_ok(pr_store_memory(&r->features, &r->inner));
    r->head = (pr_store){ .calls = &counting_calls, .num_rows = n, .num_cols = cols };
}

void oracle_store_close(cache_oracle *r)
{
    pr_store_free(r->inner);
    free((void *)(uintptr_t)r->features.rows);
    free((void *)(uintptr_t)r->features.indices);
    free((void *)(uintptr_t)r->features.data);
    free(r->indptr), free(r->truth);
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
    const uint32_t n = r->n, batch = max_wanted < n ? max_wanted : n;

    r->options    = options;
    r->max_wanted = max_wanted;
    assert_ok(pr_cache_create(&options, &r->head, max_wanted, &r->cache));
    r->decided  = options.mode != PR_CACHE_RESIDENT || options.rows || options.bytes;
    r->capacity = r->decided ? oracle_capacity(r, 0) : 0;
    assert_int_equal(pr_cache_capacity_rows(r->cache), r->capacity);
    r->num_slots = oracle_capacity(r, batch); /* all the cache may use */
    if (options.mode == PR_CACHE_PACKED || r->num_slots < batch) r->num_slots = batch;
    if (options.mode == PR_CACHE_OFF) r->num_slots = 0;
    r->slot_of = test_room(n, sizeof *r->slot_of);
    for (uint32_t v = 0; v < n; v++) r->slot_of[v] = NOWHERE;
    r->seen       = test_room(n, sizeof *r->seen);
    r->wanted_now = test_room(n, sizeof *r->wanted_now);
    r->order      = test_room(n, sizeof *r->order);
    r->num_order  = 0;
    r->before     = test_room((size_t)r->num_slots * r->cols, sizeof *r->before);
    r->slab       = NULL;
}

void oracle_cache_close(cache_oracle *r)
{
    pr_cache_free(r->cache);
    free(r->slot_of), free(r->seen), free(r->wanted_now), free(r->order), free(r->before);
}

static const float *true_row(const cache_oracle *r, uint32_t v)
{
    return r->truth + (size_t)v * r->cols;
}

/* What the oracle expects of a batch. */
typedef struct expected {
    uint64_t hit, added, bypassed, victims, compacted, first;
} expected;

/* Let the oracle's sets follow a batch; slots of rows that come in or move are filled in by
 * learn_slots. */
static expected follow(cache_oracle *r, const uint32_t *wanted, size_t n)
{
    expected   e      = { 0 };
    const bool packed = r->options.mode == PR_CACHE_PACKED;

    if (!r->decided && n > 0) r->capacity = oracle_capacity(r, n), r->decided = true;
    for (size_t i = 0; i < n; i++) {
        r->wanted_now[wanted[i]] = true;
        e.hit += r->slot_of[wanted[i]] != NOWHERE;
        e.first += !r->seen[wanted[i]];
        r->seen[wanted[i]] = true;
    }
    if (r->options.mode == PR_CACHE_OFF) return e;
    const uint64_t misses = n - e.hit;
    e.added               = misses < r->capacity - e.hit ? misses : r->capacity - e.hit;
    e.bypassed            = misses - e.added;
    const uint64_t rows   = r->num_order + e.added;
    uint64_t leaving = packed ? r->num_order - e.hit : rows > r->capacity ? rows - r->capacity : 0;
    const uint64_t rows_after = rows - leaving;
    uint32_t       kept       = 0;
    for (uint32_t i = 0; i < r->num_order; i++) {
        const uint32_t v = r->order[i];
        if (r->wanted_now[v]) {
            e.compacted += packed && (uint64_t)r->slot_of[v] >= rows_after;
        } else if (leaving > 0) {
            leaving--;
            e.victims++;
            r->slot_of[v] = NOWHERE;
        } else {
            r->order[kept++] = v;
        }
    }
    uint64_t come = 0;
    for (size_t i = 0; i < n; i++) /* hits, and the first misses that fit */
        if (r->slot_of[wanted[i]] != NOWHERE || come++ < e.added) r->order[kept++] = wanted[i];
    r->num_order = kept;
    return e;
}

/* Keep a copy of every slot, after scribbling over those that hold no row. */
static void remember_slots(cache_oracle *r)
{
    bool        *held = test_room(r->num_slots, sizeof *held);
    const size_t ld   = (r->cols + 15u) / 16u * 16u;

    for (uint32_t v = 0; v < r->n; v++)
        if (r->slot_of[v] != NOWHERE) held[r->slot_of[v]] = true;
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

static void check_figures(const cache_oracle *r, const pr_cache_plan *p, const expected *e,
                          size_t n)
{
    const uint64_t row_bytes = r->cols * sizeof(float);
    const bool     off       = r->options.mode == PR_CACHE_OFF;

    assert_int_equal(p->num_wanted, n);
    assert_int_equal(p->rows_hit + p->rows_added + p->rows_bypassed + p->rows_direct, n);
    assert_int_equal(p->rows_direct, off ? n : 0);
    assert_int_equal(p->rows_hit, e->hit);
    assert_int_equal(p->rows_added, e->added);
    assert_int_equal(p->rows_bypassed, e->bypassed);
    assert_int_equal(p->rows_victim, e->victims);
    assert_int_equal(p->rows_compacted, e->compacted);
    assert_int_equal(p->rows_first, e->first);
    assert_int_equal(p->rows_moved, e->added + e->bypassed + e->compacted);
    assert_int_equal(p->bytes_moved, p->rows_moved * row_bytes);
    assert_int_equal(p->bytes_gather, n * row_bytes);
    assert_true(p->bytes_moved <= p->bytes_gather);
    if (r->options.mode == PR_CACHE_PACKED)
        assert_int_equal(p->bytes_moved, p->bytes_bound);
    else
        assert_true(p->bytes_bound == PR_NULL_INT);
    assert_string_equal(p->path, off ? "direct" : "paired");
}

/* Every wanted row, bit for bit, through the view, as a kernel would read it. */
static void check_rows(const cache_oracle *r, const pr_slab *view, const uint32_t *wanted, size_t n)
{
    assert_int_equal(view->num_inputs, n);
    assert_int_equal(view->num_cols, r->cols);
    if (view->features) {
        assert_ptr_equal(view->features, &r->features);
        for (size_t i = 0; i < n; i++) assert_int_equal(view->slot_of_input[i], wanted[i]);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const float *row = view->rows + view->slot_of_input[i] * view->ld;
        if (memcmp(row, true_row(r, wanted[i]), r->cols * sizeof(float)) != 0)
            fail_msg("input %zu, row %u, is not in slot %u", i, wanted[i], view->slot_of_input[i]);
        if (r->options.mode != PR_CACHE_OFF)
            for (size_t f = r->cols; f < view->ld; f++) assert_true(row[f] == 0.0f);
    }
}

/* Check the slots the view gives against what the mode promises, and take them over. */
static void learn_slots(cache_oracle *r, const pr_slab *view, const uint32_t *wanted, size_t n)
{
    const bool packed = r->options.mode == PR_CACHE_PACKED;
    int       *holder = test_room(r->num_slots, sizeof *holder);

    for (uint32_t s = 0; s < r->num_slots; s++) holder[s] = NOWHERE;
    for (size_t i = 0; i < n; i++) r->wanted_now[wanted[i]] = false;
    for (uint32_t i = 0; i < r->num_order; i++) r->wanted_now[r->order[i]] = true; /* resident */
    for (size_t i = 0; i < n; i++) {
        const uint32_t v = wanted[i], slot = view->slot_of_input[i];
        const int      old = r->slot_of[v];
        assert_true(slot < r->num_slots);
        assert_int_equal(holder[slot], NOWHERE);
        holder[slot] = (int)v;
        if (!r->wanted_now[v]) {
            assert_true(slot >= r->capacity); /* the tail */
            continue;
        }
        assert_true(slot < (packed ? r->num_order : r->capacity));
        if (old != NOWHERE && (!packed || (uint32_t)old < r->num_order))
            assert_int_equal(slot, old); /* whoever may stay stays */
        r->slot_of[v] = (int)slot;
    }
    for (uint32_t i = 0; i < r->num_order; i++) { /* nobody who stayed was overwritten */
        const uint32_t v    = r->order[i];
        const int      slot = r->slot_of[v];
        assert_true(slot != NOWHERE && (holder[slot] == NOWHERE || holder[slot] == (int)v));
        holder[slot] = (int)v;
        assert_memory_equal(view->rows + (size_t)slot * view->ld, true_row(r, v),
                            r->cols * sizeof(float));
        r->wanted_now[v] = false;
    }
    free(holder);
}

void oracle_step(cache_oracle *r, const uint32_t *wanted, size_t n)
{
    const pr_cache_plan *plan;
    pr_slab              view;
    const bool           off = r->options.mode == PR_CACHE_OFF;

    if (!off) remember_slots(r);
    const expected e = follow(r, wanted, n);
    assert_ok(pr_cache_prepare(r->cache, (pr_vids){ wanted, n }, &plan));
    assert_int_equal(pr_cache_capacity_rows(r->cache), r->capacity);
    check_figures(r, plan, &e, n);
    r->num_places = 0;
    r->counting   = true;
    assert_ok(pr_cache_fetch(r->cache));
    assert_ok(pr_cache_place(r->cache, &view));
    r->counting = false;
    assert_int_equal(r->num_places, e.added + e.bypassed);
    check_rows(r, &view, wanted, n);
    if (off) {
        for (size_t i = 0; i < n; i++) r->wanted_now[wanted[i]] = false;
    } else {
        assert_int_equal(count_changed_slots(r, &view), plan->rows_moved);
        learn_slots(r, &view, wanted, n);
        r->slab = (float *)(uintptr_t)view.rows;
    }
    assert_int_equal(pr_cache_resident_rows(r->cache), r->num_order);
    assert_ok(pr_cache_check(r->cache));
    pr_cache_release(r->cache);
    r->steps++;
}
