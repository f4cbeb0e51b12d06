/* test_policies.c: every policy against its slow reference (support/policy_reference.h): hits,
 * victims and residents after every step, over traces of many shapes; and lookahead against the
 * offline optimum, which is found by trying every choice. */
#include "support/policy_rig.h"

static const char *const names[] = { "lru", "sieve", "static", "lookahead" };

static void run_trace(int policy, const trace *t, uint64_t capacity, uint32_t window)
{
    policy_rig x;

    rig_open(&x, policy, t->n, capacity, t->n);
    assert_string_equal(pr_cache_policy_name(x.cache), names[policy]);
    rig_run(&x, t, window);
    rig_close(&x);
}

static void every_policy_agrees_with_its_reference_in_every_capacity(void **state)
{
    (void)state;
    enum { N = 120, M = 24, LISTS = 40 };
    static const uint64_t capacities[] = { 0, 1, M - 1, M, M + 1, M + M / 2, 2 * M, N, 10 * N };
    static const uint32_t windows[]    = { 0, 1, 8, PR_MAX_WINDOW };
    test_rng              rng          = { .key = test_seed() };

    for (int shape = 0; shape < TRACE_NUM_SHAPES; shape++)
        for (size_t c = 0; c < sizeof capacities / sizeof *capacities; c++) {
            trace t;
            trace_open(&t, (trace_shape)shape, LISTS, N, M, &rng);
            run_trace(PR_POLICY_LRU, &t, capacities[c], windows[c % 4]);
            run_trace(PR_POLICY_SIEVE, &t, capacities[c], windows[c % 4]);
            run_trace(PR_POLICY_STATIC, &t, capacities[c], windows[c % 4]);
            for (int w = 0; w < 4; w++)
                run_trace(PR_POLICY_LOOKAHEAD, &t, capacities[c], windows[w]);
            trace_close(&t);
        }
}

/* Lists that were not foreseen come in between; those that wait keep their places. */
static void every_policy_agrees_with_its_reference_with_batches_in_between(void **state)
{
    (void)state;
    enum { N = 90, M = 20, LISTS = 60 };
    test_rng rng = { .key = test_seed() };

    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++)
        for (uint32_t window = 0; window <= 9; window += 3) {
            policy_rig x;
            trace      t, between;
            uint32_t   entered = 0;
            trace_open(&t, TRACE_STICKY, LISTS, N, M, &rng);
            trace_open(&between, TRACE_UNEVEN, LISTS, N, M / 2, &rng);
            rig_open(&x, policy, N, M + 10, N);
            for (uint32_t l = 0; l < LISTS; l++) {
                if (test_below(&rng, 3) == 0) rig_step(&x, between.list[l]);
                while (entered <= l + window && entered < LISTS) rig_foresee(&x, t.list[entered++]);
                if (test_below(&rng, 3) == 0) rig_step(&x, between.list[LISTS - 1 - l]);
                rig_step_next(&x);
            }
            rig_close(&x);
            trace_close(&t);
            trace_close(&between);
        }
}

/* SIEVE as Figure 1 of the paper has it, for one request at a time. Nodes are rows; NOBODY ends a
 * list. */
enum { NOBODY = -1, SIEVE_ROWS = 60 };
typedef struct textbook {
    int  prev[SIEVE_ROWS], next[SIEVE_ROWS]; /* towards the head, towards the tail */
    bool held[SIEVE_ROWS], visited[SIEVE_ROWS];
    int  head, tail, hand, size, capacity;
} textbook;

static void evict(textbook *s)
{
    int o = s->hand == NOBODY ? s->tail : s->hand;
    while (s->visited[o]) {
        s->visited[o] = false;
        o             = s->prev[o] == NOBODY ? s->tail : s->prev[o];
    }
    s->hand                                                   = s->prev[o];
    *(s->prev[o] == NOBODY ? &s->head : &s->next[s->prev[o]]) = s->next[o];
    *(s->next[o] == NOBODY ? &s->tail : &s->prev[s->next[o]]) = s->prev[o];
    s->held[o]                                                = false;
    s->size--;
}

static bool request(textbook *s, int v) /* true: a hit */
{
    if (s->held[v]) return s->visited[v] = true;
    if (s->size == s->capacity) evict(s);
    s->prev[v]                                          = NOBODY;
    s->next[v]                                          = s->head;
    *(s->head == NOBODY ? &s->tail : &s->prev[s->head]) = v;
    s->head                                             = v;
    s->held[v]                                          = true;
    s->visited[v]                                       = false;
    s->size++;
    return false;
}

static void sieve_of_single_rows_is_the_published_one(void **state)
{
    (void)state;
    test_rng rng = { .key = test_seed() };

    for (int capacity = 1; capacity <= 33; capacity += 4) {
        textbook   s = { .head = NOBODY, .tail = NOBODY, .hand = NOBODY, .capacity = capacity };
        uint64_t   misses = 0;
        policy_rig x;
        rig_open(&x, PR_POLICY_SIEVE, SIEVE_ROWS, (uint64_t)capacity, 1);
        for (int i = 0; i < 3000; i++) {
            const uint32_t a = test_below(&rng, SIEVE_ROWS), b = test_below(&rng, SIEVE_ROWS);
            const pr_vid   v = a < b ? a : b; /* low rows more often */
            misses += !request(&s, (int)v);
            rig_step(&x, (pr_vids){ &v, 1 });
            assert_int_equal(x.rows_missed, misses);
        }
        for (int v = 0; v < SIEVE_ROWS; v++)
            assert_int_equal(x.reference.slot_of[v] != NOWHERE, s.held[v]);
        rig_close(&x);
    }
}

/* Long enough for whole vectors, with ends that do not fill one. */
static void every_policy_agrees_with_its_reference_on_longer_lists(void **state)
{
    (void)state;
    enum { N = 1501, M = 303, LISTS = 25 };
    test_rng rng = { .key = test_seed() };

    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++)
        for (int shape = TRACE_UNIFORM; shape <= TRACE_STICKY; shape++) {
            trace t;
            trace_open(&t, (trace_shape)shape, LISTS, N, M, &rng);
            run_trace(policy, &t, 500 + test_below(&rng, 400), 8);
            trace_close(&t);
        }
}

/* More slots than 16 bits count, most of them as old as each other. */
static void every_policy_agrees_with_its_reference_on_many_slots(void **state)
{
    (void)state;
    enum { N = 90000, CAPACITY = 70000, M = 30, LISTS = 8 };
    pr_vid *all = test_room(CAPACITY, sizeof *all);

    for (uint32_t i = 0; i < CAPACITY; i++) all[i] = (i * 7919u) % N; /* a prime: all distinct */
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++) {
        test_rng   rng = { .key = test_seed() };
        policy_rig x;
        trace      t;
        trace_open(&t, TRACE_UNIFORM, LISTS, N, M, &rng);
        rig_open(&x, policy, N, CAPACITY, CAPACITY);
        rig_step(&x, (pr_vids){ all, CAPACITY });
        rig_run(&x, &t, 3);
        rig_close(&x);
        trace_close(&t);
    }
    free(all);
}

/* A server's batches: the marks of a few hits are followed one by one, over slots that are full and
 * give up rows. An id that comes twice leaves no trace there either. */
static void every_policy_agrees_with_its_reference_on_small_batches_over_many_slots(void **state)
{
    (void)state;
    enum { N = 2000, CAPACITY = 1400, M = 20, BATCHES = 400 };
    test_rng rng = { .key = test_seed() };
    pr_vid  *all = test_room(CAPACITY, sizeof *all);

    for (uint32_t i = 0; i < CAPACITY; i++) all[i] = i;
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++) {
        const pr_cache_plan *plan;
        policy_rig           x;
        rig_open(&x, policy, N, CAPACITY, CAPACITY);
        rig_step(&x, (pr_vids){ all, CAPACITY });
        for (uint32_t b = 0; b < BATCHES; b++) {
            pr_vid         ids[M + 1];
            const uint32_t first = test_below(&rng, N), n = 1 + test_below(&rng, M);
            for (uint32_t i = 0; i < n; i++) ids[i] = (first + 37 * i) % N;
            ids[n] = ids[test_below(&rng, n)];
            assert_int_equal(pr_cache_prepare(x.cache, (pr_vids){ ids, n + 1 }, &plan), PR_E_ARG);
            rig_step(&x, (pr_vids){ ids, n });
            if (b % 16 == 0) assert_ok(pr_cache_check(x.cache));
        }
        rig_close(&x);
    }
    free(all);
}

/* A few rows are wanted all the time, the others once in `every` batches: their order of age must
 * survive every renormalisation of what a policy keeps of the past, and of the lists ahead. */
static void run_long(int policy, uint32_t window, uint32_t every)
{
    enum { N = 40, CAPACITY = 24, HOT = 4, BATCHES = 70000, KEPT = 16 };
    test_rng   rng = { .key = test_seed() };
    pr_vid     ids[KEPT][3];
    policy_rig x;

    rig_open(&x, policy, N, CAPACITY, N);
    x.quick = true;
    for (uint32_t i = 0; i < BATCHES; i++) {
        const bool     rare    = i < 2 * N || test_below(&rng, every) == 0;
        const uint32_t hot     = test_below(&rng, HOT);
        const uint32_t num_ids = rare ? 3 : test_below(&rng, 3);
        pr_vid        *at      = ids[i % KEPT];
        at[0]                  = hot;
        at[1]                  = (hot + 1) % HOT;
        at[2]                  = HOT + (i < N ? i : test_below(&rng, N)) % (N - HOT);
        rig_foresee(&x, (pr_vids){ at, num_ids });
        if (i >= window) rig_step_next(&x);
        if (i % 7 == 0) assert_ok(pr_cache_check(x.cache));
    }
    rig_close(&x);
}

static void the_order_of_rows_survives_seventy_thousand_batches(void **state)
{
    (void)state;
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++)
        run_long(policy, 0, 1000);
    run_long(PR_POLICY_LOOKAHEAD, 7, 1000);
    run_long(PR_POLICY_LOOKAHEAD, 7, 2); /* rows that lie ahead are compared all the time */
}

enum { MOST_ROWS = 7, SUBSETS = 1 << MOST_ROWS };

/* The fewest misses any choice of victims has: over every set that may be resident behind every
 * list. Lists fit the capacity. */
static uint64_t least_misses(const trace *t, int capacity)
{
    uint64_t       cost[SUBSETS], next[SUBSETS];
    const uint32_t subsets = 1u << t->n;

    for (uint32_t s = 0; s < subsets; s++) cost[s] = s == 0 ? 0 : UINT32_MAX;
    for (uint32_t l = 0; l < t->num_lists; l++) {
        uint32_t wanted = 0;
        for (size_t i = 0; i < t->list[l].n; i++) wanted |= 1u << t->list[l].at[i];
        for (uint32_t s = 0; s < subsets; s++) next[s] = UINT32_MAX;
        for (uint32_t s = 0; s < subsets; s++) {
            if (cost[s] == UINT32_MAX) continue;
            const uint64_t total = cost[s] + (uint64_t)__builtin_popcount(wanted & ~s);
            for (uint32_t to = 0; to < subsets;
                 to++) /* keeps what is wanted, brings nothing else */
                if ((wanted & ~to) == 0 && (to & ~(s | wanted)) == 0 &&
                    __builtin_popcount(to) <= capacity && total < next[to])
                    next[to] = total;
        }
        memcpy(cost, next, sizeof cost);
    }
    uint64_t least = UINT32_MAX;
    for (uint32_t s = 0; s < subsets; s++)
        if (cost[s] < least) least = cost[s];
    return least;
}

static uint64_t misses_of(int policy, const trace *t, uint32_t capacity, uint32_t window)
{
    policy_rig x;

    rig_open(&x, policy, t->n, capacity, t->n);
    rig_run(&x, t, window);
    const uint64_t misses = x.rows_missed;
    rig_close(&x);
    return misses;
}

static void lookahead_over_a_whole_trace_reaches_the_offline_optimum(void **state)
{
    (void)state;
    test_rng rng = { .key = test_seed() };

    for (int i = 0; i < 120; i++) {
        const uint32_t n = 2 + test_below(&rng, MOST_ROWS - 1), m = 1 + test_below(&rng, n - 1);
        const uint32_t capacity = m + test_below(&rng, n - m + 1);
        trace          t;
        trace_open(&t, (trace_shape)(i % TRACE_UNEVEN), 12, n, m, &rng);
        assert_int_equal(misses_of(PR_POLICY_LOOKAHEAD, &t, capacity, PR_MAX_WINDOW),
                         least_misses(&t, (int)capacity));
        trace_close(&t);
    }
}

static void nobody_misses_less_than_lookahead_over_a_whole_trace(void **state)
{
    (void)state;
    enum { N = 300, M = 40 };
    test_rng rng = { .key = test_seed() };

    for (int shape = 0; shape < TRACE_UNEVEN; shape++)
        for (uint32_t capacity = M; capacity <= 4 * M; capacity += M / 2) {
            trace t;
            trace_open(&t, (trace_shape)shape, PR_MAX_WINDOW + 1, N, M, &rng);
            const uint64_t best = misses_of(PR_POLICY_LOOKAHEAD, &t, capacity, PR_MAX_WINDOW);
            for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++)
                assert_true(misses_of(policy, &t, capacity, 2) >= best);
            trace_close(&t);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_policy_agrees_with_its_reference_in_every_capacity),
        cmocka_unit_test(every_policy_agrees_with_its_reference_with_batches_in_between),
        cmocka_unit_test(sieve_of_single_rows_is_the_published_one),
        cmocka_unit_test(every_policy_agrees_with_its_reference_on_longer_lists),
        cmocka_unit_test(every_policy_agrees_with_its_reference_on_many_slots),
        cmocka_unit_test(every_policy_agrees_with_its_reference_on_small_batches_over_many_slots),
        cmocka_unit_test(the_order_of_rows_survives_seventy_thousand_batches),
        cmocka_unit_test(lookahead_over_a_whole_trace_reaches_the_offline_optimum),
        cmocka_unit_test(nobody_misses_less_than_lookahead_over_a_whole_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
