/* test_cache_model.c: the whole cache against the oracle of support/cache_oracle.h. Tried: every
 * reachable state with every batch for small stores, and random shapes for long runs. */
#include "support/cache_oracle.h"

#include <omp.h>

#include "base/checksum.h"

/* Every state with every batch: walk along batches not tried yet; when the present state has none
 * left, go the shortest known way to one that has, or begin anew. */
enum { MAX_IDS = 5, MAX_LISTS = 128, MAX_STATES = 1 << 12, UNTRIED = 0 };

typedef struct walk {
    uint32_t list[MAX_LISTS][MAX_IDS], length[MAX_LISTS], num_lists;
    uint64_t key[MAX_STATES];       /* of state i */
    uint32_t table[2 * MAX_STATES]; /* key's hash -> state + 1 */
    uint32_t (*next)[MAX_LISTS];    /* [state][list] -> state + 1, or UNTRIED */
    uint32_t num_tried[MAX_STATES], num_states;
    uint32_t from[MAX_STATES], by[MAX_STATES], queue[MAX_STATES], round[MAX_STATES], now;
    bool     done[MAX_STATES]; /* nothing untried can be reached from here any more */
} walk;

/* Where every row is and who was wanted when: all that later decisions depend on. */
static uint64_t state_key(const cache_oracle *r)
{
    uint64_t key = 1;
    for (uint32_t v = 0; v < r->n; v++) key = key * 8 + (uint64_t)(r->slot_of[v] + 1);
    if (r->options.mode == PR_CACHE_RESIDENT)
        for (uint32_t i = 0; i < r->num_order; i++) key = key * 8 + r->order[i] + 1;
    return key;
}

static uint32_t state_of(walk *w, uint64_t key)
{
    uint32_t at = (uint32_t)(pri_mix64(key) % (2 * MAX_STATES));
    while (w->table[at] && w->key[w->table[at] - 1] != key) at = (at + 1) % (2 * MAX_STATES);
    if (!w->table[at]) {
        assert_true(w->num_states < MAX_STATES);
        w->key[w->num_states] = key;
        w->table[at]          = ++w->num_states;
    }
    return w->table[at] - 1;
}

/* Add every list that begins with the `length` ids of `list`. */
static void add_lists(walk *w, uint32_t n, bool sorted, uint32_t *list, uint32_t length)
{
    assert_true(w->num_lists < MAX_LISTS);
    memcpy(w->list[w->num_lists], list, length * sizeof *list);
    w->length[w->num_lists++] = length;
    for (uint32_t v = 0; v < n; v++) {
        bool fits = !sorted || length == 0 || list[length - 1] < v;
        for (uint32_t i = 0; i < length; i++) fits = fits && list[i] != v;
        if (!fits || length == MAX_IDS) continue;
        list[length] = v;
        add_lists(w, n, sorted, list, length + 1);
    }
}

/* Find the way from a state to the nearest with an untried list; UINT32_MAX when there is none.
 * The way back is in from and by. */
static uint32_t nearest(walk *w, uint32_t start)
{
    uint32_t head = 0, tail = 0;
    w->now++;
    if (!w->done[start]) w->queue[tail++] = start;
    w->round[start] = w->now;
    while (head < tail) {
        const uint32_t at = w->queue[head++];
        if (w->num_tried[at] < w->num_lists) return at;
        for (uint32_t l = 0; l < w->num_lists; l++) {
            const uint32_t to = w->next[at][l] - 1;
            if (w->round[to] == w->now || w->done[to]) continue;
            w->round[to]     = w->now;
            w->from[to]      = at;
            w->by[to]        = l;
            w->queue[tail++] = to;
        }
    }
    for (uint32_t i = 0; i < tail; i++) w->done[w->queue[i]] = true;
    return UINT32_MAX;
}

static uint32_t walk_by(walk *w, cache_oracle *r, uint32_t at, uint32_t list)
{
    oracle_step(r, w->list[list], w->length[list]);
    const uint32_t to = state_of(w, state_key(r));
    if (w->next[at][list] == UNTRIED) {
        w->next[at][list] = to + 1;
        w->num_tried[at]++;
    }
    assert_int_equal(w->next[at][list], to + 1); /* the state is all there is */
    return to;
}

/* Follow the way nearest() found. */
static void walk_to(walk *w, cache_oracle *r, uint32_t start, uint32_t goal)
{
    if (start == goal) return;
    walk_to(w, r, start, w->from[goal]);
    assert_int_equal(walk_by(w, r, w->from[goal], w->by[goal]), goal);
}

static void try_everything(uint32_t n, uint32_t capacity, pr_cache_mode mode, bool sorted)
{
    walk            *w            = test_room(1, sizeof *w);
    test_rng         rng          = { .key = test_seed() };
    uint32_t         ids[MAX_IDS] = { 0 };
    cache_oracle     r;
    pr_cache_options options = { .mode = (int)mode, .rows = capacity };

    if (capacity == 0) options.bytes = mode == PR_CACHE_PACKED; /* one byte: no row; or factor 0 */
    oracle_store_open(&r, n, 3, PR_FEATURES_DENSE, &rng);
    add_lists(w, n, sorted, ids, 0);
    w->next = test_room(MAX_STATES, sizeof *w->next);
    oracle_cache_open(&r, options, n);
    const uint32_t root = state_of(w, state_key(&r));
    uint32_t       at   = root;
    for (;;) {
        while (w->num_tried[at] < w->num_lists) at = walk_by(w, &r, at, w->num_tried[at]);
        uint32_t goal = nearest(w, at);
        if (goal == UINT32_MAX) {
            goal = nearest(w, root);
            if (goal == UINT32_MAX) break;
            oracle_cache_close(&r);
            oracle_cache_open(&r, options, n);
            at = root;
        }
        walk_to(w, &r, at, goal);
        at = goal;
    }
    printf("%s, %u rows, capacity %u: %u states x %u batches in %llu steps\n",
           pr_cache_mode_name(r.cache), n, capacity, w->num_states, w->num_lists,
           (unsigned long long)r.steps);
    oracle_cache_close(&r);
    oracle_store_close(&r);
    free(w->next), free(w);
}

static void every_state_with_every_batch_of_up_to_four_rows(void **state)
{
    (void)state;
    for (uint32_t n = 0; n <= 4; n++)
        for (uint32_t capacity = 0; capacity <= n + 1; capacity++) {
            try_everything(n, capacity, PR_CACHE_PACKED, false);
            try_everything(n, capacity, PR_CACHE_RESIDENT, false);
        }
}

static void every_state_with_every_set_of_five_rows(void **state)
{
    (void)state;
    for (uint32_t capacity = 0; capacity <= 5; capacity++) {
        try_everything(5, capacity, PR_CACHE_PACKED, true);
        if (capacity < 5)
            try_everything(5, capacity, PR_CACHE_RESIDENT, true); /* else no victims */
    }
}

/* Draw distinct ids into ids[0 .. m), some share of them from the last batch. */
static void draw_batch(test_rng *rng, uint32_t *ids, uint32_t n, uint32_t old_m, uint32_t m)
{
    const uint32_t sticky = test_below(rng, 101);
    for (uint32_t i = 0; i < m; i++) {
        const bool     again = i < old_m && test_below(rng, 100) < sticky;
        const uint32_t from = i + test_below(rng, (again ? old_m : n) - i), id = ids[from];
        ids[from] = ids[i];
        ids[i]    = id;
    }
}

/* Calls that must fail, and change nothing the next steps could see. */
static void try_bad_batches(cache_oracle *r, test_rng *rng, const uint32_t *ids, uint32_t m)
{
    const pr_cache_plan *plan;
    const uint64_t       resident = pr_cache_resident_rows(r->cache);
    uint32_t            *bad      = test_room((size_t)m + 1, sizeof *bad);

    if (m == 0) goto done;
    memcpy(bad, ids, m * sizeof *bad);
    bad[test_below(rng, m)] = r->n + test_below(rng, 2) * 4000000000u;
    assert_fails(PR_E_RANGE, "the store has",
                 pr_cache_prepare(r->cache, (pr_vids){ bad, m }, &plan));
    assert_null(plan);
    memcpy(bad, ids, m * sizeof *bad);
    bad[m]              = bad[test_below(rng, m)];
    const pr_vids twice = { bad, (size_t)m + 1 };
    assert_fails(PR_E_ARG, m == r->max_wanted ? "at most" : "came before",
                 pr_cache_prepare(r->cache, twice, &plan));
    assert_int_equal(pr_cache_resident_rows(r->cache), resident);
    assert_ok(pr_cache_check(r->cache));
done:
    free(bad);
}

static pr_cache_options random_options(test_rng *rng, pr_cache_mode mode, uint32_t n, uint32_t m)
{
    pr_cache_options options = { .mode = (int)mode, .factor = 2 };

    switch (test_below(rng, 8)) {
    case 0: options.rows = 1; break;
    case 1: options.rows = 1 + test_below(rng, m); break;
    case 2: options.rows = m; break;
    case 3: options.rows = 1 + test_below(rng, 2 * n); break;
    case 4: options.rows = (uint64_t)n + 1 + test_below(rng, 100); break;
    case 5: options.bytes = 1 + test_below(rng, n * 300); break;
    case 6: options.factor = 0; break;
    default: options.factor = test_below(rng, 400) / 100.0; break;
    }
    return options;
}

static void random_run(test_rng *rng, pr_cache_mode mode)
{
    const uint32_t n = 1 + test_below(rng, 400), cols = 1 + test_below(rng, 40);
    const uint32_t max_wanted = 1 + test_below(rng, n + n / 2);
    const uint32_t most       = max_wanted < n ? max_wanted : n;
    const bool     dense      = test_below(rng, 2);
    uint32_t      *ids = test_room(n, sizeof *ids), m = 0;
    cache_oracle   r;

    for (uint32_t i = 0; i < n; i++) ids[i] = i;
    oracle_store_open(&r, n, cols, dense ? PR_FEATURES_DENSE : PR_FEATURES_CSR, rng);
    oracle_cache_open(&r, random_options(rng, mode, n, most), max_wanted);
    for (int i = 0; i < 40; i++) {
        const uint32_t old_m = m;
        m                    = test_below(rng, 10) ? test_below(rng, most + 1) : most;
        draw_batch(rng, ids, n, old_m, m);
        if (test_below(rng, 4) == 0) try_bad_batches(&r, rng, ids, m);
        oracle_step(&r, ids, m);
    }
    oracle_cache_close(&r);
    oracle_store_close(&r);
    free(ids);
}

static void random_runs_agree_with_the_oracle_in_every_mode(void **state)
{
    (void)state;
    test_rng rng = { .key = test_seed() };

    for (int i = 0; i < 60; i++) {
        random_run(&rng, PR_CACHE_RESIDENT);
        random_run(&rng, PR_CACHE_PACKED);
        if (i < 20) random_run(&rng, PR_CACHE_OFF);
    }
}

/* Fold everything a step shows into a hash. */
static uint64_t digest_step(const pr_cache_plan *p, const pr_slab *view, uint64_t hash)
{
    const uint64_t figures[] = { p->num_wanted, p->rows_hit,       p->rows_added, p->rows_bypassed,
                                 p->rows_first, p->rows_compacted, p->rows_moved, p->bytes_moved };
    hash                     = pri_checksum(figures, sizeof figures, hash);
    hash = pri_checksum(view->slot_of_input, view->num_inputs * sizeof(pr_slot), hash);
    for (uint32_t i = 0; i < view->num_inputs; i++)
        hash = pri_checksum(view->rows + view->slot_of_input[i] * view->ld,
                            view->ld * sizeof(float), hash);
    return hash;
}

static uint64_t digest_run(cache_oracle *r, pr_cache_mode mode)
{
    enum { BATCH = 1500 };
    const pr_cache_options options = { .mode = (int)mode, .factor = 1.5 };
    test_rng               rng     = { .key = test_seed() };
    uint32_t              *ids = test_room(r->n, sizeof *ids), m = 0;
    uint64_t               hash = 0;
    pr_cache              *cache;

    for (uint32_t i = 0; i < r->n; i++) ids[i] = i;
    assert_ok(pr_cache_create(&options, &r->head, BATCH, &cache));
    for (int i = 0; i < 12; i++) {
        const pr_cache_plan *plan;
        const uint32_t       old_m = m;
        pr_slab              view;
        m = BATCH - test_below(&rng, BATCH / 2);
        draw_batch(&rng, ids, r->n, old_m, m);
        assert_ok(pr_cache_prepare(cache, (pr_vids){ ids, m }, &plan));
        assert_ok(pr_cache_place(cache, &view));
        hash = digest_step(plan, &view, hash);
        pr_cache_release(cache);
    }
    assert_ok(pr_cache_check(cache));
    pr_cache_free(cache);
    free(ids);
    return hash;
}

static void every_thread_count_gives_the_same_slots_and_rows(void **state)
{
    (void)state;
    const int threads = omp_get_max_threads();
    test_rng  rng     = { .key = test_seed() };

    for (int kind = 0; kind < 2; kind++) { /* rows of 800 bytes: copies are shared out */
        cache_oracle r;
        oracle_store_open(&r, 4000, 200, kind ? PR_FEATURES_CSR : PR_FEATURES_DENSE, &rng);
        for (pr_cache_mode mode = PR_CACHE_RESIDENT; mode <= PR_CACHE_PACKED; mode++) {
            omp_set_num_threads(1);
            const uint64_t alone = digest_run(&r, mode);
            for (int t = 2; t <= 3; t++) {
                omp_set_num_threads(t);
                assert_true(digest_run(&r, mode) == alone);
            }
        }
        oracle_store_close(&r);
    }
    omp_set_num_threads(threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_with_every_batch_of_up_to_four_rows),
        cmocka_unit_test(every_state_with_every_set_of_five_rows),
        cmocka_unit_test(random_runs_agree_with_the_oracle_in_every_mode),
        cmocka_unit_test(every_thread_count_gives_the_same_slots_and_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
