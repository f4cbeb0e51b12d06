/* test_service_swap.c: a checkpoint is loaded again while clients ask: nobody is dropped, every
 * answer is that of the model it names, and no client sees an older one after a newer. */
#include <pthread.h>
#include <stdatomic.h>

#include "support/service_rig.h"

enum { MODELS = 3, CLIENTS = 5, SWAPS = 7, NODES_ASKED = 8 };

typedef struct load {
    service_rig  rig;
    float       *logits[MODELS]; /* version v is of model (v - 1) % MODELS */
    _Atomic bool stop;
} load;

typedef struct client {
    load     *own;
    uint64_t  key, asked, versions;
    char      wrong[128]; /* "" */
    pthread_t thread;
} client;

static void *ask_on(void *argument)
{
    client  *c = argument;
    asker    a;
    test_rng rng  = { .key = c->key };
    uint64_t last = 0;
    pr_vid   nodes[NODES_ASKED];

    asker_open(&a);
    while (!c->wrong[0] && !atomic_load(&c->own->stop)) {
        const pri_query *q = &a.query;
        for (int i = 0; i < NODES_ASKED; i++) nodes[i] = test_below(&rng, SERVICE_NODES);
        if (asker_submit(&a, &c->own->rig, nodes, 1 + test_below(&rng, NODES_ASKED)) != PR_OK) {
            snprintf(c->wrong, sizeof c->wrong, "refused: %.100s", q->reason);
            break;
        }
        while (sem_wait(&a.done) != 0) continue;
        const float *want = c->own->logits[(q->model_version - 1) % MODELS];
        if (q->outcome != PRI_ANSWERED)
            snprintf(c->wrong, sizeof c->wrong, "failed: %.100s", q->reason);
        else if (q->model_version < last)
            snprintf(c->wrong, sizeof c->wrong, "an older model");
        else if (!asker_matches(&a, &q->logits, want, SERVICE_CLASSES))
            snprintf(c->wrong, sizeof c->wrong, "not what the model says");
        c->versions += q->model_version != last;
        last = q->model_version;
        c->asked++;
    }
    asker_close(&a);
    return NULL;
}

static void open_load(load *l, uint32_t lanes, int derived)
{
    uint32_t cols;

    service_rig_make(&l->rig, 100);
    for (int m = MODELS - 1; m >= 0; m--) {
        service_rig_write(&l->rig, 100 + (uint64_t)m, 2);
        l->logits[m] = service_rig_infer(&l->rig, "", 1, 1, &cols);
    }
    l->rig.options.serve.derived = derived;
    service_rig_open(&l->rig, lanes, lanes);
    atomic_store(&l->stop, false);
}

static void close_load(load *l)
{
    for (int m = 0; m < MODELS; m++) free(l->logits[m]);
    service_rig_close(&l->rig);
}

static void no_query_is_dropped_or_mixed_while_checkpoints_are_swapped(void **state)
{
    (void)state;
    for (uint32_t lanes = 1; lanes <= 2; lanes++) {
        static load l;
        client      c[CLIENTS];

        open_load(&l, lanes, (int)lanes == 2 ? PR_DERIVED_ON : PR_DERIVED_AUTO);
        for (int i = 0; i < CLIENTS; i++) {
            c[i] = (client){ .own = &l, .key = test_seed() + (uint64_t)i };
            assert_int_equal(pthread_create(&c[i].thread, NULL, ask_on, &c[i]), 0);
        }
        for (uint64_t swap = 1; swap <= SWAPS; swap++) {
            uint64_t version;
            service_rig_write(&l.rig, 100 + swap % MODELS, 2);
            assert_ok(pri_service_reload(l.rig.service, &version));
            assert_int_equal(version, swap + 1);
        }
        atomic_store(&l.stop, true);
        for (int i = 0; i < CLIENTS; i++) {
            pthread_join(c[i].thread, NULL);
            assert_string_equal(c[i].wrong, "");
            assert_true(c[i].asked > 0);
        }
        close_load(&l);
    }
}

/* Features are handed over; derived rows are made anew, of the same vertices. */
static void a_slab_is_as_warm_behind_a_swap_as_before(void **state)
{
    (void)state;
    for (int derived = PR_DERIVED_ON; derived <= PR_DERIVED_OFF; derived++) {
        static load       l;
        static pr_vid     nodes[60];
        pri_service_facts before, after;
        uint64_t          version;
        asker             a;

        for (pr_vid v = 0; v < 60; v++) nodes[v] = v;
        open_load(&l, 1, derived);
        asker_open(&a);
        asker_ask(&a, &l.rig, nodes, 60);
        asker_ask(&a, &l.rig, nodes, 60); /* the clerk says what it has behind its answers */
        pri_service_describe(l.rig.service, &before);
        assert_int_equal(before.capacity_rows, SERVICE_NODES);
        assert_int_equal(before.derived, derived == PR_DERIVED_ON);
        service_rig_write(&l.rig, 101, 2);
        assert_ok(pri_service_reload(l.rig.service, &version));
        pri_service_describe(l.rig.service, &after);
        assert_int_equal(after.version, 2);
        assert_int_equal(after.derived, before.derived);
        assert_true(after.resident_rows >= 60 && after.resident_rows == before.resident_rows);
        asker_ask(&a, &l.rig, nodes, 60);
        asker_expect(&a, &a.query.logits, l.logits[1], SERVICE_CLASSES);
        asker_close(&a);
        close_load(&l);
    }
}

/* Expect that a reload fails and nothing has changed. */
static void stays(load *l, asker *a, pr_status code, const char *words)
{
    const pr_vid      nodes[] = { 5, 6, 7 };
    uint64_t          version;
    pri_service_facts facts;

    assert_fails(code, words, pri_service_reload(l->rig.service, &version));
    pri_service_describe(l->rig.service, &facts);
    assert_int_equal(facts.version, 1);
    asker_ask(a, &l->rig, nodes, 3);
    assert_int_equal(a->query.model_version, 1);
    asker_expect(a, &a->query.logits, l->logits[0], SERVICE_CLASSES);
}

static void a_reload_that_fails_leaves_all_as_it_was(void **state)
{
    (void)state;
    static load l;
    asker       a;
    pr_model   *model;
    uint64_t    version;

    open_load(&l, 1, PR_DERIVED_OFF);
    asker_open(&a);
    const char *path = l.rig.options.serve.checkpoint;
    service_rig_write(&l.rig, 9, 3);
    stays(&l, &a, PR_E_ARG, "--layers");
    pr_model_options      options;
    const pr_option_group group = { &pr_model_option_table, &options };
    pr_checkpoint_info    info  = { .dataset_fingerprint = l.rig.data->fingerprint,
                                    .feature_norm        = l.rig.data->feature_norm };
    pr_options_init(&group, 1);
    assert_ok(pr_model_create(&options, 2, SERVICE_COLS + 1, SERVICE_CLASSES, 1, &model));
    assert_ok(pr_checkpoint_save(path, model, &info));
    pr_model_free(model);
    stays(&l, &a, PR_E_MISMATCH, "features");
    assert_ok(pr_model_create(&options, 2, SERVICE_COLS, SERVICE_CLASSES, 1, &model));
    info.feature_norm = PR_NORM_L2;
    assert_ok(pr_checkpoint_save(path, model, &info));
    pr_model_free(model);
    stays(&l, &a, PR_E_MISMATCH, "--feature-norm");
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("PRC nonsense", file);
    fclose(file);
    stays(&l, &a, PR_E_INPUT, path);
    remove(path);
    stays(&l, &a, PR_E_INPUT, path);
    service_rig_write(&l.rig, 101, 2);
    assert_ok(pri_service_reload(l.rig.service, &version));
    assert_int_equal(version, 2);
    asker_close(&a);
    close_load(&l);
}

/* Whatever cannot be had: the old model answers on, or the new one does, with a slab that may be
 * cold. */
static void a_reload_without_memory_leaves_one_of_both_models(void **state)
{
    (void)state;
    for (int derived = PR_DERIVED_ON; derived <= PR_DERIVED_OFF; derived++) {
        static load       l;
        static pr_vid     nodes[60];
        pri_service_facts facts;
        uint32_t          failures = 0, loads = 0;
        asker             a;

        for (pr_vid v = 0; v < 60; v++) nodes[v] = v * 5;
        open_load(&l, 2, derived);
        asker_open(&a);
        for (int64_t at = 0; loads < 3; at++) {
            uint64_t version;
            service_rig_write(&l.rig, 100 + (1 + loads) % MODELS, 2);
            pri_mem_fail_at(at);
            const pr_status st = pri_service_reload(l.rig.service, &version);
            pri_mem_fail_at(-1);
            assert_true(st == PR_OK || st == PR_E_NOMEM);
            loads += st == PR_OK;
            failures += st != PR_OK;
            assert_int_equal(version, 1 + loads);
            pri_service_describe(l.rig.service, &facts);
            assert_int_equal(facts.version, version);
            asker_ask(&a, &l.rig, nodes, 60);
            assert_int_equal(a.query.model_version, version);
            asker_expect(&a, &a.query.logits, l.logits[loads % MODELS], SERVICE_CLASSES);
        }
        assert_true(failures > 20);
        asker_close(&a);
        close_load(&l);
    }
}

/* A waiting query has a fanout that the model to come does not have. */
static void a_fanout_that_fits_the_old_model_only_is_refused_with_the_new(void **state)
{
    (void)state;
    static load  l;
    const pr_vid node = 3;
    uint64_t     version;
    asker        a, b;

    service_rig_make(&l.rig, 100);
    l.rig.options.serve.batch_max_delay_us = 10000000;
    snprintf(l.rig.options.serve.fanout, PR_TEXT_BYTES, "all");
    service_rig_open(&l.rig, 1, 1);
    asker_open(&a);
    asker_open(&b);
    a.query.own_fanout = true;
    a.query.fanout     = (pr_fanout){ .num_layers = 2, .hop = { 2, 2 } };
    assert_ok(asker_submit(&a, &l.rig, &node, 1));
    assert_ok(asker_submit(&b, &l.rig, &node, 1));
    service_rig_write(&l.rig, 9, 3);
    assert_ok(pri_service_reload(l.rig.service, &version));
    pri_service_drain(l.rig.service);
    asker_wait(&a);
    asker_wait(&b);
    assert_int_equal(a.query.outcome, PRI_REFUSED);
    assert_non_null(strstr(a.query.reason, "fanout has 2 hops, must have 3"));
    assert_int_equal(b.query.outcome, PRI_ANSWERED);
    assert_int_equal(b.query.model_version, 2);
    asker_close(&a);
    asker_close(&b);
    service_rig_close(&l.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_query_is_dropped_or_mixed_while_checkpoints_are_swapped),
        cmocka_unit_test(a_slab_is_as_warm_behind_a_swap_as_before),
        cmocka_unit_test(a_reload_that_fails_leaves_all_as_it_was),
        cmocka_unit_test(a_reload_without_memory_leaves_one_of_both_models),
        cmocka_unit_test(a_fanout_that_fits_the_old_model_only_is_refused_with_the_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
