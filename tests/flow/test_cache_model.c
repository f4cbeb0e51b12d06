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
    uint32_t window;           /* lists that wait behind the one that is taken */
} walk;

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
    if (w->window == 0) {
        oracle_step(r, w->list[list], w->length[list]);
    } else {
        oracle_foresee(r, w->list[list], w->length[list]);
        if (r->reference.num_waiting > w->window) oracle_step_next(r);
    }
    const uint32_t to = state_of(w, reference_key(&r->reference));
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

typedef struct model_case {
    uint32_t n, capacity;
    int      mode, policy;
    bool     sorted; /* lists in ascending order only */
    uint32_t window;
} model_case;

static void try_everything(model_case given)
{
    walk            *w            = test_room(1, sizeof *w);
    test_rng         rng          = { .key = test_seed() };
    uint32_t         ids[MAX_IDS] = { 0 };
    cache_oracle     r;
    pr_cache_options options = { .mode   = given.mode,
                                 .policy = given.policy,
                                 .rows   = given.capacity };

    if (given.capacity == 0) /* one byte: no row; or factor 0 */
        options.bytes = given.mode == PR_CACHE_PACKED;
    oracle_store_open(&r, given.n, 3, PR_FEATURES_DENSE, &rng);
    w->window = given.window;
    add_lists(w, given.n, given.sorted, ids, 0);
    w->next = test_room(MAX_STATES, sizeof *w->next);
    oracle_cache_open(&r, options, given.n);
    const uint32_t root = state_of(w, reference_key(&r.reference));
    uint32_t       at   = root;
    for (;;) {
        while (w->num_tried[at] < w->num_lists) at = walk_by(w, &r, at, w->num_tried[at]);
        uint32_t goal = nearest(w, at);
        if (goal == UINT32_MAX) {
            goal = nearest(w, root);
            if (goal == UINT32_MAX) break;
            oracle_cache_close(&r);
            oracle_cache_open(&r, options, given.n);
            at = root;
        }
        walk_to(w, &r, at, goal);
        at = goal;
    }
    printf("%s %s, %u rows, capacity %u, window %u: %u states x %u batches in %llu steps\n",
           pr_cache_mode_name(r.cache), pr_cache_policy_name(r.cache), given.n, given.capacity,
           given.window, w->num_states, w->num_lists, (unsigned long long)r.steps);
    oracle_cache_close(&r);
    oracle_store_close(&r);
    free(w->next), free(w);
}

static void every_state_with_every_batch_of_up_to_four_rows(void **state)
{
    (void)state;
    for (uint32_t n = 0; n <= 4; n++)
        for (uint32_t capacity = 0; capacity <= n + 1; capacity++) {
            try_everything((model_case){ n, capacity, PR_CACHE_PACKED, 0, false, 0 });
            if (capacity < n || n < 4) /* else no victims: every order, and nothing new */
                try_everything((model_case){ n, capacity, PR_CACHE_RESIDENT, 0, false, 0 });
        }
}

static void every_state_with_every_set_of_five_rows(void **state)
{
    (void)state;
    for (uint32_t capacity = 0; capacity <= 5; capacity++) {
        try_everything((model_case){ 5, capacity, PR_CACHE_PACKED, 0, true, 0 });
        if (capacity <= 3)
            try_everything((model_case){ 5, capacity, PR_CACHE_RESIDENT, 0, true, 0 });
    }
}

static void every_state_of_every_policy_with_every_batch_of_up_to_three_rows(void **state)
{
    (void)state;
    for (int policy = PR_POLICY_SIEVE; policy <= PR_POLICY_LOOKAHEAD; policy++)
        for (uint32_t capacity = 0; capacity <= 3; capacity++)
            try_everything((model_case){ 3, capacity, PR_CACHE_RESIDENT, policy, false, 0 });
    try_everything((model_case){ 4, 3, PR_CACHE_RESIDENT, PR_POLICY_SIEVE, true, 0 });
    try_everything((model_case){ 5, 3, PR_CACHE_RESIDENT, PR_POLICY_STATIC, true, 0 });
}

static void every_state_of_lookahead_with_every_list_that_waits(void **state)
{
    (void)state;
    for (uint32_t capacity = 1; capacity <= 2; capacity++)
        try_everything(
            (model_case){ 3, capacity, PR_CACHE_RESIDENT, PR_POLICY_LOOKAHEAD, true, 1 });
    try_everything((model_case){ 4, 2, PR_CACHE_RESIDENT, PR_POLICY_LOOKAHEAD, true, 1 });
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

static void random_run(test_rng *rng, pr_cache_mode mode, int policy)
{
    const uint32_t n = 1 + test_below(rng, 400), cols = 1 + test_below(rng, 40);
    const uint32_t max_wanted = 1 + test_below(rng, n + n / 2);
    const uint32_t most       = max_wanted < n ? max_wanted : n;
    const bool     dense      = test_below(rng, 2);
    uint32_t      *ids = test_room(n, sizeof *ids), m = 0;
    cache_oracle   r;

    for (uint32_t i = 0; i < n; i++) ids[i] = i;
    oracle_store_open(&r, n, cols, dense ? PR_FEATURES_DENSE : PR_FEATURES_CSR, rng);
    pr_cache_options options = random_options(rng, mode, n, most);
    options.policy           = policy;
    oracle_cache_open(&r, options, max_wanted);
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
        random_run(&rng, PR_CACHE_RESIDENT, i % 4);
        random_run(&rng, PR_CACHE_PACKED, i % 4);
        if (i < 20) random_run(&rng, PR_CACHE_OFF, i % 4);
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

enum { DIGEST_BATCH = 1500, DIGEST_STEPS = 12, DIGEST_ROWS = 4000 };

/* Lists that overlap; each is [DIGEST_BATCH], a row of `ids`. */
static void draw_lists(uint32_t *ids, size_t *length)
{
    test_rng  rng  = { .key = test_seed() };
    uint32_t *all  = test_room(DIGEST_ROWS, sizeof *all);
    uint32_t  last = 0;

    for (uint32_t i = 0; i < DIGEST_ROWS; i++) all[i] = i;
    for (int l = 0; l < DIGEST_STEPS; l++) {
        const uint32_t m = DIGEST_BATCH - test_below(&rng, DIGEST_BATCH / 2);
        draw_batch(&rng, all, DIGEST_ROWS, last, m);
        memcpy(ids + (size_t)l * DIGEST_BATCH, all, m * sizeof *all);
        length[l] = last = m;
    }
    free(all);
}

static uint64_t digest_run(cache_oracle *r, pr_cache_mode mode, int policy)
{
    const pr_cache_options options  = { .mode = (int)mode, .policy = policy, .factor = 1.5 };
    const pr_store *const  stores[] = { &r->head };
    const pr_cache_setup   setup    = { &options,  stores, 1,    DIGEST_BATCH, &r->tuning,
                                        r->scores, -1,     NULL, NULL,         NULL };
    uint32_t              *ids      = test_room((size_t)DIGEST_STEPS * DIGEST_BATCH, sizeof *ids);
    size_t                 length[DIGEST_STEPS];
    uint64_t               hash = 0;
    pr_cache              *cache;

    draw_lists(ids, length);
    assert_ok(pr_cache_open(&setup, &cache));
    for (int l = 0, entered = 0; l < DIGEST_STEPS; l++) {
        const pr_cache_plan *plan;
        pr_slab              view;
        for (; entered <= l + 4 && entered < DIGEST_STEPS; entered++) {
            const pr_vids list = { ids + (size_t)entered * DIGEST_BATCH, length[entered] };
            assert_ok(pr_cache_foresee(cache, list));
        }
        assert_ok(pr_cache_prepare_next(cache, &plan));
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
        oracle_store_open(&r, DIGEST_ROWS, 200, kind ? PR_FEATURES_CSR : PR_FEATURES_DENSE, &rng);
        r.tuning.thread_bytes = 64 << 10;
        for (int i = 0; i < 5; i++) { /* packed, then every policy */
            const pr_cache_mode mode   = i == 0 ? PR_CACHE_PACKED : PR_CACHE_RESIDENT;
            const int           policy = i == 0 ? PR_POLICY_LRU : i - 1;
            omp_set_num_threads(1);
            const uint64_t alone = digest_run(&r, mode, policy);
            for (int t = 2; t <= 3; t++) {
                omp_set_num_threads(t);
                assert_true(digest_run(&r, mode, policy) == alone);
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
        cmocka_unit_test(every_state_of_every_policy_with_every_batch_of_up_to_three_rows),
        cmocka_unit_test(every_state_of_lookahead_with_every_list_that_waits),
        cmocka_unit_test(random_runs_agree_with_the_oracle_in_every_mode),
        cmocka_unit_test(every_thread_count_gives_the_same_slots_and_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
