/* test_service_own.c: requests with a seed or a fanout of their own, those that are shed, and rows
 * that are sparse or stay in their file. */
#include <sys/stat.h>
#include <unistd.h>

#include "support/service_rig.h"

enum { LONG_US = 10000000 };

static pr_vid every_node[SERVICE_NODES];

static void ask_in_parts(asker *a, const service_rig *r, const float *logits)
{
    for (pr_vid first = 0; first < SERVICE_NODES; first += 50) {
        asker_ask(a, r, every_node + first, 50);
        asker_expect(a, &a->query.logits, logits, SERVICE_CLASSES);
    }
}

static void own_seeds_and_fanouts_are_answered_as_infer_would(void **state)
{
    (void)state;
    static const char *const text[] = { "6,all", "4,3", "2,5", "1,1" };
    service_rig              r;
    asker                    a;
    uint32_t                 cols;

    service_rig_make(&r, 3);
    snprintf(r.options.serve.max_fanout, PR_TEXT_BYTES, "6,all");
    service_rig_open(&r, 1, 2);
    asker_open(&a);
    for (uint64_t seed = 1; seed <= 3; seed++)
        for (int f = 0; f < 4; f++) {
            float *logits      = service_rig_infer(&r, text[f], seed, 1, &cols);
            a.query.own_seed   = seed != 1 || f % 2; /* 1: the server's */
            a.query.seed       = seed;
            a.query.own_fanout = f != 1; /* 1: the server's */
            assert_ok(pr_fanout_parse(text[f], 2, &a.query.fanout));
            ask_in_parts(&a, &r, logits);
            assert_int_equal(a.query.used_fanout.num_layers, 2);
            pr_fanout used;
            assert_ok(pr_fanout_parse(text[f], 2, &used));
            assert_int_equal(a.query.used_fanout.hop[0], used.hop[0]);
            assert_int_equal(a.query.used_fanout.hop[1], used.hop[1]);
            free(logits);
        }
    asker_close(&a);
    service_rig_close(&r);
}

static void only_equals_share_a_batch_and_the_oldest_is_first(void **state)
{
    (void)state;
    /* seed, fanout of hop 0 (0: the server's), and the batch that comes of it */
    static const struct {
        uint64_t seed;
        uint32_t fanout;
        int64_t  batch;
    } ask[] = { { 1, 0, 0 }, { 2, 0, 1 }, { 1, 2, 2 }, { 2, 0, 1 },
                { 1, 0, 0 }, { 2, 2, 3 }, { 1, 2, 2 }, { 1, 1, 4 } };
    enum { NUM = sizeof ask / sizeof *ask };
    service_rig r;
    asker       a[NUM];
    uint32_t    cols;

    service_rig_make(&r, 3);
    r.options.serve.batch_max_delay_us = LONG_US;
    service_rig_open(&r, 1, 1);
    for (int i = 0; i < NUM; i++) {
        asker_open(&a[i]);
        a[i].query.own_seed   = true;
        a[i].query.seed       = ask[i].seed;
        a[i].query.own_fanout = ask[i].fanout > 0;
        a[i].query.fanout = (pr_fanout){ .num_layers = 2, .hop = { ask[i].fanout, ask[i].fanout } };
        assert_ok(asker_submit(&a[i], &r, every_node + 30, 20));
    }
    pri_service_drain(r.service);
    for (int i = 0; i < NUM; i++) {
        char text[32];
        asker_wait(&a[i]);
        assert_int_equal(a[i].query.outcome, PRI_ANSWERED);
        assert_int_equal(a[i].query.batch_step, ask[i].batch);
        snprintf(text, sizeof text, "%u,%u", ask[i].fanout, ask[i].fanout);
        float *logits = service_rig_infer(&r, ask[i].fanout ? text : "", ask[i].seed, 1, &cols);
        asker_expect(&a[i], &a[i].query.logits, logits, SERVICE_CLASSES);
        free(logits);
        asker_close(&a[i]);
    }
    service_rig_close(&r);
}

static void under_load_answers_are_of_the_smaller_fanout_but_for_own_ones(void **state)
{
    (void)state;
    enum { NUM = 6 };
    service_rig r;
    asker       a[NUM];
    uint32_t    cols;

    for (uint32_t num = 3; num <= NUM; num++) {
        service_rig_make(&r, 3);
        r.options.serve.batch_max_delay_us = LONG_US;
        r.options.serve.shed_at            = 5;
        snprintf(r.options.serve.shed_fanout, PR_TEXT_BYTES, "2,9"); /* 9: cut to 3 */
        service_rig_open(&r, 1, 1);
        float *whole = service_rig_infer(&r, "4,3", 1, 1, &cols);
        float *less  = service_rig_infer(&r, "2,3", 1, 1, &cols);
        for (uint32_t i = 0; i < num; i++) {
            asker_open(&a[i]);
            a[i].query.own_fanout = i == 1;
            a[i].query.fanout     = (pr_fanout){ .num_layers = 2, .hop = { 4, 3 } };
            assert_ok(asker_submit(&a[i], &r, every_node + 30, 10));
        }
        pri_service_drain(r.service);
        for (uint32_t i = 0; i < num; i++) {
            const bool shed = num >= 5 && i != 1;
            asker_wait(&a[i]);
            assert_int_equal(a[i].query.shed, shed);
            assert_int_equal(a[i].query.used_fanout.hop[0], shed ? 2 : 4);
            assert_int_equal(a[i].query.used_fanout.hop[1], 3);
            asker_expect(&a[i], &a[i].query.logits, shed ? less : whole, SERVICE_CLASSES);
            asker_close(&a[i]);
        }
        free(whole);
        free(less);
        service_rig_close(&r);
    }
}

static void options_that_do_not_fit_the_model_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *fanout, *max, *shed, *says;
        int         kind;
    } bad[] = {
        { "4,3", "3,3", "", "--fanout is 4 at hop 0, must be 1..3 there (--fanout.max)", 0 },
        { "all", "9", "", "--fanout is all at hop 0", 0 },
        { "4,3,2", "", "", "--fanout", 0 },
        { "4,3", "all", "", "must be all there", PR_SAMPLER_REPLACE },
        { "", "", "1,2,3", "--layers", 0 },
    };
    const int64_t live = pri_mem_live();

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        service_rig r;
        service_rig_make(&r, 3);
        r.options.sampler.kind = bad[i].kind;
        snprintf(r.options.serve.fanout, PR_TEXT_BYTES, "%s", bad[i].fanout);
        snprintf(r.options.serve.max_fanout, PR_TEXT_BYTES, "%s", bad[i].max);
        snprintf(r.options.serve.shed_fanout, PR_TEXT_BYTES, "%s", bad[i].shed);
        assert_fails(PR_E_ARG, bad[i].says, service_rig_try(&r, 1, 1));
        assert_null(r.service);
        service_rig_close(&r);
    }
    assert_true(pri_mem_live() == live);
}

/* ---- rows that are elsewhere ---- */

static void sparse_rows_are_read_in_place(void **state)
{
    (void)state;
    static pr_eid   indptr[SERVICE_NODES + 1];
    static uint32_t indices[SERVICE_NODES * SERVICE_COLS];
    static float    data[SERVICE_NODES * SERVICE_COLS];
    service_rig     r;
    asker           a;
    uint32_t        cols;

    service_rig_make(&r, 3);
    const pr_features *dense = &r.data->features;
    for (uint32_t v = 0; v < SERVICE_NODES; v++) {
        for (uint32_t c = 0; c < SERVICE_COLS; c++) {
            indices[v * SERVICE_COLS + c] = c;
            data[v * SERVICE_COLS + c]    = dense->rows[v * dense->ld + c];
        }
        indptr[v + 1] = indptr[v] + SERVICE_COLS;
    }
    pr_dataset        sparse = *r.data;
    const pr_dataset *whole  = r.data;
    sparse.features          = (pr_features){ .kind     = PR_FEATURES_CSR,
                                              .num_rows = SERVICE_NODES,
                                              .num_cols = SERVICE_COLS,
                                              .indptr   = indptr,
                                              .indices  = indices,
                                              .data     = data };
    float *logits            = service_rig_infer(&r, "", 1, 1, &cols);
    for (int mode = PR_CACHE_RESIDENT; mode <= PR_CACHE_AUTO; mode++) {
        r.options.cache.mode = mode;
        r.data               = &sparse;
        service_rig_open(&r, 1, 1);
        asker_open(&a);
        ask_in_parts(&a, &r, logits);
        a.query.kind = PRI_QUERY_FEATURES;
        asker_ask(&a, &r, every_node + 9, 50);
        for (uint32_t i = 0; i < 50; i++)
            assert_memory_equal(a.query.logits.at + (size_t)i * SERVICE_COLS,
                                dense->rows + (i + 9) * dense->ld, SERVICE_COLS * sizeof(float));
        asker_close(&a);
        pri_service_free(r.service);
        r.service = NULL;
    }
    r.data = whole;
    free(logits);
    service_rig_close(&r);
}

/* Rows stay in a file, which is cut, so that reads fail, and mended. */
static void a_step_that_fails_fails_its_queries_and_serving_goes_on(void **state)
{
    (void)state;
    service_rig r;
    asker       a;
    uint32_t    cols;
    struct stat before;

    service_rig_make(&r, 3);
    if (!r.data->features.file) {
        service_rig_close(&r);
        skip();
    }
    r.options.cache.store = PR_STORE_DIRECT;
    r.options.cache.rows  = 20;
    r.options.io.retries  = 0;
    float *logits         = service_rig_infer(&r, "", 1, 1, &cols);
    service_rig_open(&r, 1, 1);
    asker_open(&a);
    ask_in_parts(&a, &r, logits);

    const char *path = r.data->features.file->path;
    assert_int_equal(stat(path, &before), 0);
    char *bytes = malloc((size_t)before.st_size);
    FILE *file  = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, (size_t)before.st_size, file), before.st_size);
    fclose(file);
    assert_int_equal(truncate(path, 256), 0);
    for (int kind = PRI_QUERY_INFER; kind <= PRI_QUERY_FEATURES; kind++) {
        a.query.kind = (pri_query_kind)kind;
        assert_ok(asker_submit(&a, &r, every_node + 300, 60));
        asker_wait(&a);
        assert_int_equal(a.query.outcome, PRI_FAILED);
        assert_non_null(strstr(a.query.reason, path));
        assert_true(a.query.batch_step == PR_NULL_INT);
    }
    file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, (size_t)before.st_size, file), before.st_size);
    fclose(file);
    free(bytes);
    a.query.kind = PRI_QUERY_INFER;
    ask_in_parts(&a, &r, logits);

    uint64_t version;
    assert_ok(pri_service_reload(r.service, &version)); /* with threads that read, too */
    ask_in_parts(&a, &r, logits);
    const uint64_t calls = pri_mem_calls();
    ask_in_parts(&a, &r, logits);
    assert_int_equal(pri_mem_calls(), calls);
    asker_close(&a);
    free(logits);
    service_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_seeds_and_fanouts_are_answered_as_infer_would),
        cmocka_unit_test(only_equals_share_a_batch_and_the_oldest_is_first),
        cmocka_unit_test(under_load_answers_are_of_the_smaller_fanout_but_for_own_ones),
        cmocka_unit_test(options_that_do_not_fit_the_model_are_refused),
        cmocka_unit_test(sparse_rows_are_read_in_place),
        cmocka_unit_test(a_step_that_fails_fails_its_queries_and_serving_goes_on),
    };
    for (pr_vid v = 0; v < SERVICE_NODES; v++) every_node[v] = v;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
