/* test_service.c: what the engine behind the server answers, refuses and puts off. */
#include "support/service_rig.h"

enum { LONG_US = 10000000 }; /* a delay that no test waits for */

/* ---- answers ---- */

/* Ask for random lists, repeats among them, from several clients at once. */
static void ask_at_random(service_rig *r, const float *logits, const float *hidden,
                          uint32_t hidden_cols)
{
    enum { CLIENTS = 7, ROUNDS = 12, MOST = 20 };
    static pr_vid nodes[CLIENTS][MOST];
    asker         a[CLIENTS];
    test_rng      rng = { .key = test_seed() };

    for (int c = 0; c < CLIENTS; c++) asker_open(&a[c]);
    for (int round = 0; round < ROUNDS; round++) {
        for (int c = 0; c < CLIENTS; c++) {
            const uint32_t num = 1 + test_below(&rng, MOST);
            for (uint32_t i = 0; i < num; i++)
                nodes[c][i] = test_below(&rng, round % 2 ? 10 : SERVICE_NODES);
            a[c].query.wants_hidden = c % 2;
            assert_ok(asker_submit(&a[c], r, nodes[c], num));
        }
        for (int c = 0; c < CLIENTS; c++) {
            const pri_query *q = &a[c].query;
            asker_wait(&a[c]);
            assert_int_equal(q->outcome, PRI_ANSWERED);
            assert_string_equal(q->reason, "");
            assert_int_equal(q->model_version, 1);
            assert_int_equal(q->outputs, PR_OUTPUTS_CLASSES);
            assert_true(q->batch_step >= 0 && q->queue_ns >= 0 && q->compute_ns >= 0);
            assert_false(q->shed);
            asker_expect(&a[c], &q->logits, logits, SERVICE_CLASSES);
            if (q->wants_hidden)
                asker_expect(&a[c], &q->hidden, hidden, hidden_cols);
            else
                assert_int_equal(q->hidden.cols, 0);
        }
    }
    for (int c = 0; c < CLIENTS; c++) asker_close(&a[c]);
}

static void answers_are_those_of_infer_whoever_shares_the_batch(void **state)
{
    (void)state;
    for (uint32_t way = 0; way < 6; way++) {
        service_rig    r;
        uint32_t       cols;
        const uint32_t lanes = way % 3 == 2 ? 2 : 1, threads = way % 3 == 1 ? 2 : lanes;

        service_rig_make(&r, 11);
        r.options.serve.seed               = 5;
        r.options.serve.batch_max_delay_us = way % 2 ? 300 : 0;
        r.options.serve.derived            = (int)(way + way / 3) % 3;
        r.options.cache.rows               = way < 3 ? 0 : 37; /* victims, and rows that bypass */
        float *logits                      = service_rig_infer(&r, "", 5, 1, &cols);
        float *hidden                      = service_rig_infer(&r, "4,3", 5, 3, &cols);
        assert_int_equal(cols, SERVICE_HIDDEN);
        service_rig_open(&r, lanes, threads);
        ask_at_random(&r, logits, hidden, cols);
        service_rig_close(&r);
        free(logits);
        free(hidden);
    }
}

/* ---- batches ---- */

static void queries_of_one_kind_share_a_batch_and_others_wait_their_turn(void **state)
{
    (void)state;
    const pr_vid nodes[] = { 3, 4, 3, 9 };
    service_rig  r;
    asker        a[6];

    service_rig_make(&r, 1);
    r.options.serve.batch_max_delay_us = LONG_US;
    service_rig_open(&r, 1, 1);
    for (int i = 0; i < 6; i++) {
        asker_open(&a[i]);
        if (i % 2) a[i].query.kind = PRI_QUERY_FEATURES;
        assert_ok(asker_submit(&a[i], &r, nodes, 4));
    }
    pri_service_facts facts;
    pri_service_describe(r.service, &facts);
    assert_int_equal(facts.queue_depth, 6);
    pri_service_drain(r.service);
    for (int i = 0; i < 6; i++) {
        asker_wait(&a[i]);
        assert_int_equal(a[i].query.outcome, PRI_ANSWERED);
        assert_int_equal(a[i].query.batch_step, i % 2);
        asker_close(&a[i]);
    }
    service_rig_close(&r);
}

static void a_batch_begins_when_it_is_full_and_a_query_is_never_cut(void **state)
{
    (void)state;
    static pr_vid nodes[64];
    service_rig   r;
    asker         a[4];

    service_rig_make(&r, 1);
    r.options.serve.batch_max_delay_us = LONG_US;
    for (pr_vid v = 0; v < 64; v++) nodes[v] = v; /* the most of a batch */
    service_rig_open(&r, 1, 1);
    for (int i = 0; i < 4; i++) asker_open(&a[i]);
    assert_ok(asker_submit(&a[0], &r, nodes, 40));
    assert_ok(asker_submit(&a[1], &r, nodes + 20, 20)); /* of the same nodes */
    assert_ok(asker_submit(&a[2], &r, nodes + 30, 30)); /* full, and it must wait */
    asker_wait(&a[0]);
    asker_wait(&a[1]);
    assert_int_equal(a[0].query.batch_step, 0);
    assert_int_equal(a[1].query.batch_step, 0);
    pri_service_drain(r.service);
    asker_wait(&a[2]);
    for (int i = 0; i < 4; i++) asker_close(&a[i]);
    service_rig_close(&r);
}

static uint32_t three_clients(void *context)
{
    (void)context;
    return 3;
}

static void a_batch_begins_when_nobody_else_can_join(void **state)
{
    (void)state;
    const pr_vid node = 7;
    service_rig  r;
    asker        a[3];

    service_rig_make(&r, 1);
    r.options.serve.batch_max_delay_us = LONG_US;
    r.num_clients                      = three_clients;
    service_rig_open(&r, 1, 1);
    for (int i = 0; i < 3; i++) {
        asker_open(&a[i]);
        assert_ok(asker_submit(&a[i], &r, &node, 1));
    }
    for (int i = 0; i < 3; i++) {
        asker_wait(&a[i]);
        assert_int_equal(a[i].query.batch_step, 0);
        asker_close(&a[i]);
    }
    service_rig_close(&r);
}

/* ---- refused ---- */

static void what_cannot_be_taken_is_refused_with_a_reason(void **state)
{
    (void)state;
    const pr_vid  bad[] = { 1, SERVICE_NODES };
    static pr_vid many[65];
    service_rig   r;
    asker         a;

    service_rig_make(&r, 1);
    service_rig_open(&r, 1, 1);
    asker_open(&a);
    assert_fails(PR_E_ARG, "1..64 nodes (--batch.max-nodes), this one 65",
                 asker_submit(&a, &r, many, 65));
    assert_int_equal(a.query.outcome, PRI_REFUSED);
    assert_non_null(strstr(a.query.reason, "this one 65"));
    assert_fails(PR_E_ARG, "this one 0", asker_submit(&a, &r, many, 0));
    assert_fails(PR_E_ARG, "node 1 is 400, must be below 400", asker_submit(&a, &r, bad, 2));
    a.query.own_fanout = true;
    a.query.fanout     = (pr_fanout){ .num_layers = 3, .hop = { 1, 1, 1 } };
    assert_fails(PR_E_ARG, "fanout has 3 hops, must have 2", asker_submit(&a, &r, many, 1));
    a.query.fanout = (pr_fanout){ .num_layers = 2, .hop = { 4, 4 } };
    assert_fails(PR_E_ARG, "fanout is 4 at hop 1, must be 1..3 there (--fanout)",
                 asker_submit(&a, &r, many, 1));
    a.query.fanout.hop[1] = 0;
    assert_fails(PR_E_ARG, "fanout is 0 at hop 1", asker_submit(&a, &r, many, 1));
    a.query.fanout.hop[1] = PR_FANOUT_ALL;
    assert_fails(PR_E_ARG, "fanout is all at hop 1, must be 1..3", asker_submit(&a, &r, many, 1));
    asker_close(&a);
    service_rig_close(&r);
}

static void a_full_queue_refuses_and_what_was_taken_is_answered(void **state)
{
    (void)state;
    const pr_vid node = 2;
    service_rig  r;
    asker        a[4];

    service_rig_make(&r, 1);
    r.options.serve.batch_max_delay_us = LONG_US;
    r.options.serve.queue_max_requests = 3;
    service_rig_open(&r, 1, 1);
    for (int i = 0; i < 4; i++) asker_open(&a[i]);
    for (int i = 0; i < 3; i++) assert_ok(asker_submit(&a[i], &r, &node, 1));
    assert_fails(PR_E_FULL, "3 requests wait", asker_submit(&a[3], &r, &node, 1));
    assert_int_equal(a[3].query.outcome, PRI_QUEUE_FULL);
    pri_service_drain(r.service);
    for (int i = 0; i < 3; i++) {
        asker_wait(&a[i]);
        assert_int_equal(a[i].query.outcome, PRI_ANSWERED);
    }
    assert_fails(PR_E_FULL, "about to end", asker_submit(&a[3], &r, &node, 1));
    assert_int_equal(a[3].query.outcome, PRI_DRAINING);
    assert_int_equal(a[3].num_done, 0);
    for (int i = 0; i < 4; i++) asker_close(&a[i]);
    service_rig_close(&r);
}

static void a_deadline_that_passes_in_the_queue_is_answered_then(void **state)
{
    (void)state;
    const pr_vid node = 2;
    service_rig  r;
    asker        a[4];

    service_rig_make(&r, 1);
    r.options.serve.batch_max_delay_us = LONG_US;
    service_rig_open(&r, 1, 1);
    for (int i = 0; i < 4; i++) asker_open(&a[i]);
    a[1].query.deadline_ns = pr_now_ns() + 8000000;
    a[2].query.deadline_ns = pr_now_ns() + 2000000;
    a[3].query.deadline_ns = pr_now_ns() - 1;
    for (int i = 0; i < 4; i++) assert_ok(asker_submit(&a[i], &r, &node, 1));
    for (int i = 1; i < 4; i++) {
        asker_wait(&a[i]);
        assert_int_equal(a[i].query.outcome, PRI_LATE);
        assert_non_null(strstr(a[i].query.reason, "deadline"));
        assert_true(a[i].query.batch_step == PR_NULL_INT);
    }
    assert_int_equal(a[0].num_done, 0);
    a[1].query.deadline_ns = pr_now_ns() + INT64_C(60000000000); /* not late */
    assert_ok(asker_submit(&a[1], &r, &node, 1));
    pri_service_drain(r.service);
    asker_wait(&a[0]);
    asker_wait(&a[1]);
    assert_int_equal(a[0].query.outcome, PRI_ANSWERED);
    assert_int_equal(a[1].query.outcome, PRI_ANSWERED);
    for (int i = 0; i < 4; i++) asker_close(&a[i]);
    service_rig_close(&r);
}

/* ---- features ---- */

static void features_are_the_rows_of_the_dataset(void **state)
{
    (void)state;
    const pr_vid nodes[] = { 399, 0, 17, 0, 250 };

    for (int way = 0; way < 6; way++) {
        service_rig r;
        asker       a;

        service_rig_make(&r, 1);
        r.options.cache.mode    = way % 3;
        r.options.serve.derived = way < 3 ? PR_DERIVED_OFF : PR_DERIVED_ON;
        service_rig_open(&r, 1, 1);
        asker_open(&a);
        a.query.kind = PRI_QUERY_FEATURES;
        for (int again = 0; again < 3; again++) {
            asker_ask(&a, &r, nodes, 5);
            assert_int_equal(a.query.logits.cols, SERVICE_COLS);
            for (int i = 0; i < 5; i++)
                assert_memory_equal(a.query.logits.at + (size_t)i * SERVICE_COLS,
                                    r.data->features.rows + nodes[i] * r.data->features.ld,
                                    SERVICE_COLS * sizeof(float));
        }
        asker_close(&a);
        service_rig_close(&r);
    }
}

/* ---- memory ---- */

static void nothing_is_taken_from_the_heap_once_rooms_have_grown(void **state)
{
    (void)state;
    static pr_vid nodes[64];
    service_rig   r;
    asker         a;
    test_rng      rng   = { .key = test_seed() };
    uint64_t      calls = 0;

    service_rig_make(&r, 1);
    r.options.serve.derived = PR_DERIVED_ON; /* auto may take memory when it decides */
    service_rig_open(&r, 1, 1);
    asker_open(&a);
    a.query.wants_hidden = true;
    for (int i = 0; i < 60; i++) {
        a.query.deadline_ns = i % 2 ? INT64_MAX : pr_now_ns() + INT64_C(60000000000);
        for (int n = 0; n < 64; n++) nodes[n] = test_below(&rng, SERVICE_NODES);
        asker_ask(&a, &r, nodes, i < 3 ? 64 : 1 + test_below(&rng, 64));
        if (i == 3) calls = pri_mem_calls();
    }
    pri_service_drain(r.service);
    assert_int_equal(pri_mem_calls(), calls);
    asker_close(&a);
    service_rig_close(&r);
}

/* Ask for something; it may fail, as memory does that is not there. */
static bool ask_or_fail(asker *a, const service_rig *r, const pr_vid *nodes, uint32_t num)
{
    assert_ok(asker_submit(a, r, nodes, num));
    asker_wait(a);
    if (a->query.outcome == PRI_ANSWERED) return true;
    assert_int_equal(a->query.outcome, PRI_FAILED);
    assert_non_null(strstr(a->query.reason, "memory"));
    return false;
}

/* Whatever cannot be had while rooms grow: its queries fail, later ones are answered rightly. */
static void a_batch_without_memory_fails_its_queries_only(void **state)
{
    (void)state;
    const pr_vid nodes[] = { 7, 390, 21, 7, 100, 101, 102, 103 };

    for (int way = 0; way < 4; way++) {
        uint32_t    cols, answered = 0, failed = 0;
        service_rig r;

        service_rig_make(&r, 1);
        r.options.serve.derived = way % 2 ? PR_DERIVED_ON : PR_DERIVED_OFF;
        r.options.cache.mode    = way < 2 ? PR_CACHE_RESIDENT : PR_CACHE_PACKED;
        float *logits           = service_rig_infer(&r, "", 1, 1, &cols);
        service_rig_open(&r, 1, 1);
        for (int64_t at = 0; answered < 6; at++) {
            uint64_t version;
            asker    a[2];

            assert_ok(pri_service_reload(r.service, &version)); /* rooms are small again */
            for (int i = 0; i < 2; i++) asker_open(&a[i]);
            a[1].query.kind = PRI_QUERY_FEATURES;
            pri_mem_fail_at(at);
            const bool first = ask_or_fail(&a[0], &r, nodes, 3);
            const bool both  = ask_or_fail(&a[1], &r, nodes + 2, 4) && first;
            pri_mem_fail_at(-1);
            answered += both;
            failed += !both;
            asker_ask(&a[0], &r, nodes, 8);
            asker_expect(&a[0], &a[0].query.logits, logits, SERVICE_CLASSES);
            asker_ask(&a[1], &r, nodes, 8);
            for (int i = 0; i < 8; i++)
                assert_memory_equal(a[1].query.logits.at + (size_t)i * SERVICE_COLS,
                                    r.data->features.rows + nodes[i] * r.data->features.ld,
                                    SERVICE_COLS * sizeof(float));
            for (int i = 0; i < 2; i++) asker_close(&a[i]);
        }
        assert_true(failed >= 2);
        free(logits);
        service_rig_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_infer_whoever_shares_the_batch),
        cmocka_unit_test(queries_of_one_kind_share_a_batch_and_others_wait_their_turn),
        cmocka_unit_test(a_batch_begins_when_it_is_full_and_a_query_is_never_cut),
        cmocka_unit_test(a_batch_begins_when_nobody_else_can_join),
        cmocka_unit_test(what_cannot_be_taken_is_refused_with_a_reason),
        cmocka_unit_test(a_full_queue_refuses_and_what_was_taken_is_answered),
        cmocka_unit_test(a_deadline_that_passes_in_the_queue_is_answered_then),
        cmocka_unit_test(features_are_the_rows_of_the_dataset),
        cmocka_unit_test(a_batch_without_memory_fails_its_queries_only),
        cmocka_unit_test(nothing_is_taken_from_the_heap_once_rooms_have_grown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
