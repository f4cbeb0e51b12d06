/* bench_cache_update.c: what does bringing a batch's rows into the cache cost, against gathering
 * the whole batch into a fresh block?
 *
 * Wanted lists of m ids overlap by design: each step replaces `added` of them. For every case the
 * same lists go through pr_cache_prepare, place and release (index updates inside the timer), and
 * through the best gather we can write: preallocated, huge pages, rows prefetched ahead, the better
 * of ordinary and non-temporal stores. `copy` moves only the added rows, with no decision at all.
 * The three are interleaved step by step, on one thread; medians of the steps after warm-up.
 *
 * Before anything is timed every row of every view is compared with the store. `--quick` does only
 * that. Prints one JSON object a case. */
#include <packrat/packrat.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <omp.h>

#if defined(__SSE2__)
#    include <emmintrin.h>
#endif

enum { STEPS = 60, WARM = 10, CHECKED = 4, AHEAD = 16 };

typedef struct bench_case {
    const char *door; /* the cache's mode */
    int         mode;
    uint32_t    num_rows, cols, m, added;
    double      factor;
} bench_case;

static void fail(const char *what)
{
    fprintf(stderr, "bench_cache_update: %s: %s\n", what, pr_error_message());
    exit(1);
}

static float *big_block(size_t bytes)
{
    void *at = aligned_alloc(2 << 20, (bytes + (2 << 20) - 1) / (2 << 20) * (2 << 20));
    if (!at) fail("no memory");
    (void)madvise(at, bytes, MADV_HUGEPAGE);
    memset(at, 0, bytes);
    return at;
}

static uint64_t next_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t x = *state;
    x          = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x          = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Replace `added` members of the wanted list by ids that are not in it; `perm` holds all ids, the
 * wanted ones first. */
static void next_wanted(pr_vid *perm, uint32_t num_rows, uint32_t m, uint32_t added,
                        uint64_t *state)
{
    for (uint32_t i = 0; i < added; i++) {
        const uint32_t a = i + (uint32_t)(next_random(state) % (m - i));
        const pr_vid   x = perm[a];
        perm[a]          = perm[i];
        perm[i]          = x; /* leavers first */
    }
    for (uint32_t i = 0; i < added; i++) {
        const uint32_t b = m + (uint32_t)(next_random(state) % (num_rows - m));
        const pr_vid   x = perm[b];
        perm[b]          = perm[i];
        perm[i]          = x;
    }
}

static void gather_plain(float *to, const float *from, const pr_vid *ids, uint32_t n, uint32_t cols)
{
    for (uint32_t i = 0; i < n; i++) {
        if (i + AHEAD < n) __builtin_prefetch(from + (size_t)ids[i + AHEAD] * cols);
        memcpy(to + (size_t)i * cols, from + (size_t)ids[i] * cols, cols * sizeof *to);
    }
}

#if defined(__SSE2__)
static void gather_streaming(float *to, const float *from, const pr_vid *ids, uint32_t n,
                             uint32_t cols)
{
    for (uint32_t i = 0; i < n; i++) {
        if (i + AHEAD < n)
            for (uint32_t c = 0; c < cols; c += 16)
                __builtin_prefetch(from + (size_t)ids[i + AHEAD] * cols + c);
        const float *row = from + (size_t)ids[i] * cols;
        float       *out = to + (size_t)i * cols;
        for (uint32_t c = 0; c < cols; c += 4) _mm_stream_ps(out + c, _mm_loadu_ps(row + c));
    }
    _mm_sfence();
}
#else
#    define gather_streaming gather_plain
#endif

static int compare_ns(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t median(int64_t *ns)
{
    qsort(ns + WARM, STEPS - WARM, sizeof *ns, compare_ns);
    return ns[WARM + (STEPS - WARM) / 2];
}

/* Time one update: all that a user pays between having the ids and being able to read the rows. */
static int64_t timed_update(pr_cache *cache, pr_vids wanted, pr_slab *view, pr_cache_plan *plan)
{
    const pr_cache_plan *made;
    const int64_t        start = pr_now_ns();
    if (pr_cache_prepare(cache, wanted, &made) != PR_OK) fail("prepare");
    *plan = *made;
    if (pr_cache_fetch(cache) != PR_OK || pr_cache_place(cache, view) != PR_OK) fail("place");
    return pr_now_ns() - start;
}

static void check_view(const pr_slab *view, const float *rows, const pr_vid *wanted, uint32_t cols)
{
    for (uint32_t i = 0; i < view->num_inputs; i++)
        if (memcmp(view->rows + view->slot_of_input[i] * view->ld, rows + (size_t)wanted[i] * cols,
                   cols * sizeof *rows) != 0) {
            fprintf(stderr, "bench_cache_update: input %u is not its row\n", i);
            exit(1);
        }
}

static void run_case(const bench_case *c, const float *rows, bool quick)
{
    static int64_t    update_ns[STEPS], plain_ns[STEPS], stream_ns[STEPS], copy_ns[STEPS];
    const pr_features features = {
        .num_rows = c->num_rows, .num_cols = c->cols, .rows = rows, .ld = c->cols
    };
    const pr_cache_options options = { .mode = c->mode, .factor = c->factor };
    pr_store              *store;
    pr_cache              *cache;
    pr_vid                *perm  = malloc(c->num_rows * sizeof *perm);
    float                 *block = big_block((size_t)c->m * c->cols * sizeof *block);
    uint64_t               state = 1, added = 0;

    if (!perm) fail("no memory");
    for (uint32_t v = 0; v < c->num_rows; v++) perm[v] = v;
    if (pr_store_memory(&features, &store) != PR_OK ||
        pr_cache_create(&options, store, c->m, &cache) != PR_OK)
        fail("create");
    for (int step = 0; step < (quick ? CHECKED : STEPS); step++) {
        const pr_vids wanted = { perm, c->m };
        pr_slab       view;
        pr_cache_plan plan;
        if (step) next_wanted(perm, c->num_rows, c->m, c->added, &state);
        update_ns[step] = timed_update(cache, wanted, &view, &plan);
        if (step < CHECKED) check_view(&view, rows, perm, c->cols);
        pr_cache_release(cache);
        added = plan.rows_added;
        int64_t t[4];
        t[0] = pr_now_ns();
        gather_plain(block, rows, perm, c->m, c->cols);
        t[1] = pr_now_ns();
        gather_streaming(block, rows, perm, c->m, c->cols);
        t[2] = pr_now_ns();
        gather_streaming(block, rows, perm, (uint32_t)plan.rows_added, c->cols);
        t[3]            = pr_now_ns();
        plain_ns[step]  = t[1] - t[0];
        stream_ns[step] = t[2] - t[1];
        copy_ns[step]   = t[3] - t[2];
    }
    if (!quick) {
        const int64_t update = median(update_ns), plain = median(plain_ns);
        const int64_t stream = median(stream_ns), copy = median(copy_ns);
        const int64_t gather = plain < stream ? plain : stream;
        printf("{\"bench\": \"cache_update\", \"door\": \"%s\", \"policy\": \"%s\", "
               "\"num_rows\": %u, \"cols\": %u, \"row_bytes\": %u, \"m\": %u, \"k\": %u, "
               "\"added\": %llu, \"threads\": 1, \"update_ns\": %lld, \"gather_ns\": %lld, "
               "\"copy_ns\": %lld, \"speedup_vs_gather\": %.3f, \"overhead_vs_copy\": %.3f}\n",
               c->door, pr_cache_policy_name(cache), c->num_rows, c->cols, c->cols * 4, c->m,
               c->added, (unsigned long long)added, (long long)update, (long long)gather,
               (long long)copy, (double)gather / (double)update, (double)update / (double)copy);
    }
    pr_cache_free(cache);
    pr_store_free(store);
    free(block);
    free(perm);
}

int main(int argc, char **argv)
{
    const bool     quick    = argc == 2 && !strcmp(argv[1], "--quick");
    const uint32_t num_rows = quick ? 20000 : 400000, cols = 128, m = num_rows / 10;
    const double   share[] = { 0.05, 0.2, 0.5, 0.8 };

    if (argc > 1 && !quick) {
        fprintf(stderr, "usage: bench_cache_update [--quick]\n");
        return 2;
    }
    omp_set_num_threads(1); /* the gathers have one thread, so the update has one too */
    float *rows = big_block((size_t)num_rows * cols * sizeof *rows);
    for (size_t i = 0; i < (size_t)num_rows * cols; i++) rows[i] = (float)(i * 2654435761u % 1000);
    for (size_t i = 0; i < sizeof share / sizeof *share; i++) {
        const uint32_t   added   = (uint32_t)(share[i] * m);
        const bench_case cases[] = {
            { "packed", PR_CACHE_PACKED, num_rows, cols, m, added, 0 },
            { "resident", PR_CACHE_RESIDENT, num_rows, cols, m, added, 2 },
        };
        for (int k = 0; k < 2; k++) run_case(&cases[k], rows, quick);
    }
    free(rows);
    if (quick) printf("bench_cache_update: every row of every view is right\n");
    return 0;
}
