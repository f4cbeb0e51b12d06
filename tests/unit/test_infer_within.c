/* test_infer_within.c: exact inference within limits, from rows in memory and in files, gives what
 * it gives with everything in memory, and leaves nothing behind. */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/nn/exact.h"
#include "support/whole.h"

typedef struct shape_case {
    uint32_t nodes, layers, cols, hidden, classes;
    int      format;
} shape_case;

/* Narrowing and widening layers, ranges of 256 rows and more, panels that come out even or not. */
static const shape_case cases[] = {
    { 3000, 1, 40, 8, 24, PR_ROWS_F32 },   { 3000, 1, 3, 8, 50, PR_ROWS_BF16 },
    { 3000, 2, 40, 32, 7, PR_ROWS_F32 },   { 3000, 2, 24, 50, 5, PR_ROWS_INT8 },
    { 3000, 2, 9, 33, 60, PR_ROWS_F16 },   { 3000, 3, 30, 40, 20, PR_ROWS_INT8 },
    { 3000, 3, 1, 24, 40, PR_ROWS_F32 },   { 3000, 4, 50, 21, 3, PR_ROWS_BF16 },
    { 4000, 4, 17, 56, 9, PR_ROWS_F32 },   { 257, 2, 12, 40, 6, PR_ROWS_F32 },
    { 2, 2, 5, 6, 3, PR_ROWS_F32 },        { 3000, 2, 300, 40, 47, PR_ROWS_BF16 },
    { 3000, 2, 64, 200, 30, PR_ROWS_F32 }, { 3000, 3, 60, 96, 300, PR_ROWS_INT8 },
    { 3000, 1, 300, 8, 200, PR_ROWS_F32 },
};

enum { NUM_CASES = sizeof cases / sizeof *cases, SLOW_NODES = 4000 };

/* Which ways were gone, for inputs and outputs each in every place. */
static uint32_t gone[PRI_X_SPILL + 1][PRI_Y_SPILL + 1][PRI_WAY_PRODUCTS + 1], read_back;

static uint32_t best(const float *row, uint32_t n)
{
    uint32_t at = 0;

    for (uint32_t c = 1; c < n; c++)
        if (row[c] > row[at]) at = c;
    return at;
}

/* Sums of some hundred products in single precision differ by their order: 1e-5 of the largest. The
 * class is the same unless two are as close as that. */
static void check_logits(const char *what, size_t nodes, uint32_t classes, const float *got,
                         const float *want)
{
    float largest = 0;

    for (size_t i = 0; i < nodes * classes; i++) largest = fmaxf(largest, fabsf(want[i]));
    for (size_t v = 0; v < nodes; v++) {
        const float *g = got + v * classes, *w = want + v * classes;
        for (uint32_t c = 0; c < classes; c++)
            if (!(fabsf(g[c] - w[c]) <= 1e-5f * largest))
                fail_msg("%s: vertex %zu, class %u: %g, not %g of %g", what, v, c, (double)g[c],
                         (double)w[c], (double)largest);
        const uint32_t b = best(w, classes);
        assert_true(best(g, classes) == b || w[b] - w[best(g, classes)] <= 2e-5f * largest);
    }
}

/* What was read and written is what the plan said, and so are the sizes of files. */
static void check_files(const pri_exact *exact)
{
    uint64_t    traffic = 0;
    struct stat info;

    for (uint32_t p = 0; p < exact->num_parts; p++) {
        const pri_exact_io io = pri_exact_io_of(exact, p);
        traffic += io.bytes_read + io.bytes_written;
    }
    assert_int_equal(traffic, exact->plan.traffic);
    for (int i = 0; i < PRI_NUM_SPILLS; i++) {
        assert_int_equal(exact->spill[i].fd >= 0, exact->plan.spill[i] > 0);
        if (exact->spill[i].fd < 0) continue;
        assert_int_equal(fstat(exact->spill[i].fd, &info), 0);
        assert_int_equal(info.st_size, exact->plan.spill[i]);
        assert_int_equal(info.st_nlink, 0);
    }
    for (uint32_t l = 0; l < exact->plan.num_layers; l++) {
        const pri_exact_layer *at = &exact->plan.layer[l];
        gone[at->source][at->target][at->way]++;
        read_back += pri_exact_reads_back(&exact->plan, l);
    }
}

static void check_within(const whole *w, const pr_model *model, const pr_features *x,
                         uint64_t memory, uint32_t parts, const char *directory, float *logits)
{
    const pri_exact_limits limits = { memory, directory };
    const int64_t          live   = pri_mem_live();
    pri_exact             *exact  = NULL;

    assert_ok(pri_exact_create_within(model, &w->graph, x, (pri_exact_output){ .logits = logits },
                                      parts, &limits, NULL, &exact));
    assert_true(exact->plan.bytes <= memory);
    assert_ok(whole_run(exact, NULL));
    check_files(exact);
    pri_exact_free(exact);
    assert_int_equal(whole_files_in(directory), 0);
    assert_int_equal(pri_mem_live(), live);
}

/* From the least memory to the most, a case in every place its rows can be. */
static void check_case(size_t i, uint32_t parts)
{
    const shape_case   s     = cases[i];
    whole             *w     = whole_create(s.nodes, s.cols, s.format, test_seed() + i);
    pr_model          *model = whole_model(w, s.layers, s.hidden, s.classes);
    const size_t       count = (size_t)s.nodes * s.classes;
    float             *want = calloc(count, sizeof *want), *got = calloc(count, sizeof *got);
    const pr_features *places[]  = { &w->rows, &w->csr, &w->filed, &w->mapped };
    const char        *directory = test_directory();
    pri_nn_times       times     = { 0 };
    pr_model_shape     shape;
    char               what[128];

    assert_true(want && got);
    assert_ok(pri_nn_infer_exact(model, &w->graph, &w->rows, want, NULL, &times));
    if (s.nodes <= SLOW_NODES) {
        double *slow = whole_reference(w, model);
        for (size_t k = 0; k < count; k++) got[k] = (float)slow[k];
        check_logits("in memory", s.nodes, s.classes, want, got);
        free(slow);
    }
    pr_model_describe(model, &shape);
    for (size_t place = 0; place < 4; place++) {
        uint64_t most, least;
        pri_exact_measure(&shape, places[place], parts, NULL, 0, &most, &least, NULL);
        const uint64_t memory[] = { least, least + (most - least) / 8, most - (most - least) / 3,
                                    most };
        for (size_t m = 0; m < 4; m++) {
            snprintf(what, sizeof what, "case %zu, place %zu, memory %llu, %u parts", i, place,
                     (unsigned long long)memory[m], parts);
            memset(got, 0xff, count * sizeof *got);
            check_within(w, model, places[place], memory[m], parts, directory, got);
            check_logits(what, s.nodes, s.classes, got, want);
            if (place == 0 && m == 3 && parts == 1) assert_memory_equal(got, want, count * 4);
        }
    }
    pr_model_free(model);
    whole_free(w);
    free(want);
    free(got);
}

/* Who takes the rows of several parts: all of them, once, each part's in order. */
typedef struct taker {
    float    *rows;
    uint32_t *taken;   /* [nodes] */
    pr_vid    next[8]; /* of a part; 0: none yet */
    uint32_t  classes;
} taker;

static void take(void *context, uint32_t part, pr_vid first, uint32_t num, const float *rows,
                 size_t ld)
{
    taker *t = context;

    if (t->next[part]) assert_int_equal(first, t->next[part]);
    t->next[part] = first + num;
    for (size_t i = 0; i < num; i++) {
        memcpy(t->rows + (first + i) * t->classes, rows + i * ld, t->classes * sizeof *rows);
        t->taken[first + i]++;
    }
}

static void rows_are_handed_out_once_and_in_order_and_nothing_keeps_them(void **state)
{
    (void)state;
    const char *directory = test_directory();

    for (size_t i = 0; i < NUM_CASES; i++) {
        const shape_case s     = cases[i];
        whole           *w     = whole_create(s.nodes, s.cols, s.format, test_seed() + i);
        pr_model        *model = whole_model(w, s.layers, s.hidden, s.classes);
        const size_t     count = (size_t)s.nodes * s.classes;
        float           *want  = calloc(count, sizeof *want);
        taker            t     = { .rows = calloc(count, 4), .taken = calloc(s.nodes, 4) };
        pri_nn_times     times = { 0 };
        uint64_t         most, least;
        pr_model_shape   shape;

        t.classes = s.classes;
        assert_true(want && t.rows && t.taken);
        assert_ok(pri_nn_infer_exact(model, &w->graph, &w->rows, want, NULL, &times));
        pr_model_describe(model, &shape);
        pri_exact_measure(&shape, &w->filed, 2, NULL, 0, &most, &least, NULL);
        for (uint32_t k = 0; k < 4; k++) {
            const pri_exact_limits limits = { least + (most - least) / 3 * k, directory };
            pri_exact             *exact;
            memset(t.taken, 0, s.nodes * sizeof *t.taken);
            memset(t.next, 0, sizeof t.next);
            assert_ok(pri_exact_create_within(model, &w->graph, &w->filed,
                                              (pri_exact_output){ .take = take, .context = &t }, 2,
                                              &limits, NULL, &exact));
            assert_ok(whole_run(exact, NULL));
            for (pr_vid v = 0; v < s.nodes; v++) assert_int_equal(t.taken[v], 1);
            check_logits("handed out", s.nodes, s.classes, t.rows, want);
            pri_exact_free(exact);
        }
        pr_model_free(model);
        whole_free(w);
        free(want);
        free(t.rows);
        free(t.taken);
    }
}

static void any_memory_gives_the_logits_of_all_memory(void **state)
{
    (void)state;
    uint32_t ways = 0;

    for (size_t i = 0; i < NUM_CASES; i++) check_case(i, 1 + (uint32_t)i % 3);
    /* Every way there is, but for those that are never better than another. */
    for (int x = 0; x <= PRI_X_SPILL; x++)
        for (int y = 0; y <= PRI_Y_SPILL; y++)
            for (int way = 0; way <= PRI_WAY_PRODUCTS; way++)
                if (gone[x][y][way]) ways++;
    assert_true(gone[PRI_X_FILE][PRI_Y_SPILL][PRI_WAY_PANELS] > 0);
    assert_true(gone[PRI_X_FILE][PRI_Y_SPILL][PRI_WAY_PRODUCTS] > 0);
    assert_true(gone[PRI_X_FILE][PRI_Y_SINK][PRI_WAY_PANELS] > 0);
    assert_true(gone[PRI_X_FILE][PRI_Y_POOL][PRI_WAY_PANELS] > 0);
    assert_true(gone[PRI_X_SPILL][PRI_Y_SPILL][PRI_WAY_PANELS] > 0);
    assert_true(gone[PRI_X_SPILL][PRI_Y_SPILL][PRI_WAY_PRODUCTS] > 0);
    assert_true(gone[PRI_X_SPILL][PRI_Y_SINK][PRI_WAY_PANELS] > 0);
    assert_true(gone[PRI_X_SPILL][PRI_Y_SINK][PRI_WAY_TRANSFORM] > 0);
    assert_true(gone[PRI_X_POOL][PRI_Y_SINK][PRI_WAY_AGGREGATE] > 0);
    assert_true(read_back > 0);
    assert_true(gone[PRI_X_ROWS][PRI_Y_SPILL][PRI_WAY_AGGREGATE] > 0);
    assert_true(gone[PRI_X_SPARSE][PRI_Y_SPILL][PRI_WAY_PANELS] > 0);
    printf("%u ways through a layer\n", ways);
}

/* Values that nobody has looked at are looked at as they are read, so never read in place. */
static void unchecked_rows_are_checked_on_the_way(void **state)
{
    (void)state;
    whole       *w      = whole_create(500, 6, PR_ROWS_F32, test_seed());
    pr_model    *model  = whole_model(w, 2, 8, 3);
    float       *logits = calloc(500 * 3, sizeof *logits);
    const float  odd    = NAN;
    pri_nn_times times  = { 0 };
    const off_t  at     = (off_t)(w->file.first_byte + 300 * w->file.row_bytes + 8);
    const int    fd     = open(w->file.path, O_WRONLY | O_CLOEXEC);

    assert_non_null(logits);
    assert_true(fd >= 0 && pwrite(fd, &odd, sizeof odd, at) == sizeof odd);
    (void)close(fd);
    assert_ok(pri_nn_infer_exact(model, &w->graph, &w->mapped, logits, NULL, &times));
    w->file.checked = false;
    assert_fails(PR_E_INPUT, "row 300, column 2",
                 pri_nn_infer_exact(model, &w->graph, &w->mapped, logits, NULL, &times));
    pr_model_free(model);
    whole_free(w);
    free(logits);
}

/* ---- parts at once ---- */

enum { PARTS = 3 };

typedef struct crew {
    const pri_exact  *exact;
    pthread_barrier_t all;
} crew;

typedef struct hand {
    crew     *of;
    uint32_t  part;
    pr_status st;
} hand;

static void *work(void *argument)
{
    hand        *h     = argument;
    pri_nn_times times = { 0 };

    omp_set_num_threads(2);
    for (uint32_t pass = 0; pass < pri_exact_num_passes(h->of->exact); pass++) {
        const pr_status st = pri_exact_pass(h->of->exact, pass, h->part, NULL, &times);
        if (st != PR_OK) h->st = st;
        (void)pthread_barrier_wait(&h->of->all);
    }
    return NULL;
}

static void parts_of_a_pass_may_run_at_once(void **state)
{
    (void)state;
    whole           *w     = whole_create(4000, 30, PR_ROWS_BF16, test_seed());
    pr_model        *model = whole_model(w, 3, 40, 6);
    float           *want = calloc(4000 * 6, sizeof *want), *got = calloc(4000 * 6, sizeof *got);
    pri_exact_limits limits = { 0, test_directory() };
    pri_nn_times     times  = { 0 };
    pri_exact       *exact;
    pthread_t        thread[PARTS];
    hand             hands[PARTS];
    crew             all;
    pr_model_shape   shape;

    pr_model_describe(model, &shape);
    assert_ok(pri_nn_infer_exact(model, &w->graph, &w->rows, want, NULL, &times));
    pri_exact_measure(&shape, &w->filed, PARTS, NULL, 0, NULL, &limits.memory_bytes, NULL);
    assert_ok(pri_exact_create_within(model, &w->graph, &w->filed,
                                      (pri_exact_output){ .logits = got }, PARTS, &limits, NULL,
                                      &exact));
    all.exact = exact;
    assert_int_equal(pthread_barrier_init(&all.all, NULL, PARTS), 0);
    for (uint32_t p = 0; p < PARTS; p++) {
        hands[p] = (hand){ &all, p, PR_OK };
        assert_int_equal(pthread_create(&thread[p], NULL, work, &hands[p]), 0);
    }
    for (uint32_t p = 0; p < PARTS; p++) {
        assert_int_equal(pthread_join(thread[p], NULL), 0);
        assert_int_equal(hands[p].st, PR_OK);
    }
    check_files(exact);
    check_logits("at once", 4000, 6, got, want);
    (void)pthread_barrier_destroy(&all.all);
    pri_exact_free(exact);
    pr_model_free(model);
    whole_free(w);
    free(want);
    free(got);
}

/* ---- what it really takes ---- */

static uint64_t resident(void)
{
    unsigned long long total = 0, here = 0;
    FILE              *file = fopen("/proc/self/statm", "re");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%llu %llu", &total, &here), 2);
    (void)fclose(file);
    return here * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The resident set grows by no more than was given; 24 MiB are the code and scratch of oneDNN, its
 * threads' stacks, and 2 MiB pages begun. */
static void the_resident_set_grows_by_no_more_than_was_given(void **state)
{
    (void)state;
    enum { N = 100000, SLACK = 24 << 20 };
#ifdef PRI_SANITIZED
    skip(); /* they keep memory of their own */
#endif
    whole         *w      = whole_create(N, 64, PR_ROWS_BF16, test_seed());
    pr_model      *model  = whole_model(w, 2, 96, 4);
    float         *logits = malloc((size_t)N * 4 * sizeof *logits);
    pri_nn_times   times  = { 0 };
    uint64_t       most, least;
    pr_model_shape shape;
    pri_exact     *exact;

    assert_non_null(logits);
    memset(logits, 1, (size_t)N * 4 * sizeof *logits);
    pr_model_describe(model, &shape);
    pri_exact_measure(&shape, &w->filed, 1, NULL, 0, &most, &least, NULL);
    assert_true(most > least + (50 << 20));
    for (uint64_t memory = least; memory < most / 2; memory *= 2) {
        const uint64_t         before = resident();
        const pri_exact_limits limits = { memory, test_directory() };
        assert_ok(pri_exact_create_within(model, &w->graph, &w->filed,
                                          (pri_exact_output){ .logits = logits }, 1, &limits, NULL,
                                          &exact));
        for (uint32_t pass = 0; pass < pri_exact_num_passes(exact); pass++) {
            assert_ok(pri_exact_pass(exact, pass, 0, NULL, &times));
            const uint64_t now = resident();
            if (now > before + memory + SLACK)
                fail_msg("%llu bytes more, given %llu", (unsigned long long)(now - before),
                         (unsigned long long)memory);
        }
        pri_exact_free(exact);
    }
    pr_model_free(model);
    whole_free(w);
    free(logits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_memory_gives_the_logits_of_all_memory),
        cmocka_unit_test(rows_are_handed_out_once_and_in_order_and_nothing_keeps_them),
        cmocka_unit_test(unchecked_rows_are_checked_on_the_way),
        cmocka_unit_test(parts_of_a_pass_may_run_at_once),
        cmocka_unit_test(the_resident_set_grows_by_no_more_than_was_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
