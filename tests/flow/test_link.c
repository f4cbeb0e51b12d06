/* test_link.c: runs of link prediction: they learn, they repeat, whatever threads, pipeline and
 * store do; a step never sees the edges that it is to foretell; what does not go together is
 * refused. */
#include "flow/log_fixture.h"
#include "support/graphs.h"

#include <math.h>

#include "pipeline/sampler/exclude.h"
#include "pipeline/trainer.h"

enum { NODES = 1500, BATCH = 200 };

static pr_train_setup setup; /* large: text options are arrays */

static const char *graph(void)
{
    static const char *path;
    if (!path) path = test_planted(NODES, 15000, 16, 4);
    return path;
}

static void start(const char *path)
{
    test_setup(&setup, path);
    setup.train.task          = PR_TASK_LINK;
    setup.train.batch_size    = BATCH;
    setup.train.epochs        = 2;
    setup.model.hidden        = 16;
    setup.link.eval_negatives = 20;
    snprintf(setup.train.fanout, sizeof setup.train.fanout, "6,4");
}

static pr_train_result train(void)
{
    pr_train_result result;
    assert_ok(pr_train(&setup, NULL, &result));
    return result;
}

static void embeddings_learn_who_is_linked(void **state)
{
    (void)state;
    start(graph());
    setup.train.epochs        = 12;
    setup.optimizer.lr        = 0.01;
    setup.link.eval_negatives = 100;
    const pr_train_result r   = train();

    printf("MRR %.3f, test %.3f, hits@10 %.3f, AUC %.3f\n", r.val_mrr, r.test_mrr,
           r.test_hits_at_10, r.test_auc);
    assert_true(r.test_mrr > 0.1 && r.val_mrr > 0.1); /* chance is 0.051 */
    assert_true(r.test_auc > 0.7 && r.test_hits_at_10 > 0.2);
    assert_true(isnan(r.best_val_accuracy) && isnan(r.test_accuracy));
    assert_int_equal(r.heap_calls, 0);
    assert_int_equal(r.lanes, 1);
}

static void cora_is_foretold(void **state)
{
    (void)state;
    const char *path = test_data("cora");
    if (!path) skip();
    start(path);
    setup.train.epochs      = 8;
    setup.train.batch_size  = 512;
    setup.model.hidden      = 32;
    setup.optimizer.lr      = 0.01;
    const pr_train_result r = train();

    printf("cora: MRR %.3f, AUC %.3f\n", r.test_mrr, r.test_auc);
    assert_true(r.test_auc > 0.85);
}

static void batches_do_not_depend_on_threads_and_pipeline(void **state)
{
    (void)state;
    for (int kind = PR_SAMPLER_UNIFORM; kind <= PR_SAMPLER_WALK; kind++) {
        uint64_t want = 0;
        if (kind == PR_SAMPLER_WEIGHTED) continue; /* the set has no weights */
        for (int how = 0; how < 4; how++) {
            start(graph());
            setup.sampler.kind          = kind;
            setup.train.eval            = PR_EVAL_NONE;
            setup.link.negatives        = 3;
            setup.link.negative_sampler = kind % 2;
            setup.machine.threads       = how % 2 ? 2 : 1;
            setup.train.pipeline        = how < 2 ? PR_PIPELINE_OFF : PR_PIPELINE_ON;
            setup.cache.policy          = how == 3 ? PR_POLICY_LRU : PR_POLICY_LOOKAHEAD;
            const pr_train_result r     = train();
            if (how == 0) want = r.batch_hash;
            assert_true(r.batch_hash == want);
            assert_int_equal(r.heap_calls, 0);
        }
    }
}

static void a_run_repeats_to_the_bit(void **state)
{
    (void)state;
    pr_train_result r[3];

    for (int i = 0; i < 3; i++) {
        start(graph());
        setup.machine.threads = 1;
        setup.train.seed      = i < 2 ? 1 : 2;
        r[i]                  = train();
    }
    assert_true(r[0].train_loss == r[1].train_loss && r[0].val_mrr == r[1].val_mrr &&
                r[0].test_auc == r[1].test_auc && r[0].batch_hash == r[1].batch_hash);
    assert_true(r[0].batch_hash != r[2].batch_hash && r[0].test_mrr != r[2].test_mrr);
}

static void rows_of_a_file_train_the_same(void **state)
{
    (void)state;
    pr_train_result r[2];

    for (int i = 0; i < 2; i++) {
        start(graph());
        setup.machine.threads = 1;
        setup.cache.factor    = 1.2;
        setup.cache.store     = i ? PR_STORE_DIRECT : PR_STORE_AUTO;
        setup.io.direct       = false; /* wherever the test's files are */
        r[i]                  = train();
    }
    assert_true(r[0].batch_hash == r[1].batch_hash && r[0].train_loss == r[1].train_loss &&
                r[0].test_mrr == r[1].test_mrr && r[0].test_auc == r[1].test_auc);
    assert_true(r[1].reads_disk > 0);
}

/* Draw steps as a run does, and look for its edges, both ways and in all hops. */
static void no_step_has_its_own_edges_or_those_held_out(void **state)
{
    (void)state;
    static pri_trainer t;
    uint64_t           seen = 0;

    start(graph());
    setup.train.steps = 6;
    assert_ok(pri_trainer_open(&t, &setup, NULL));
    pr_batch_room *room = test_batch_room(t.lane[0]->sampler);
    for (uint64_t step = 0; step < 6; step++) {
        pr_batch batch;
        pri_seeds_reach(t.seeds, step);
        const pri_lot        lot  = pri_seeds_lot(t.seeds, step, 0);
        const pri_link_step *own  = pri_seeds_link(t.seeds, step);
        pr_draw              draw = { .phase = PR_PHASE_TRAIN, .step = step };
        for (int excluded = 0; excluded < 2; excluded++) {
            draw.exclude = excluded ? lot.exclude : NULL;
            assert_ok(pr_sampler_draw(t.lane[0]->sampler, room, lot.seeds, draw, &batch));
            for (uint32_t h = 0; h < batch.num_layers; h++)
                for (uint32_t d = 0; d < own->pairs.num_seeds; d++)
                    for (uint32_t e = batch.block[h].indptr[d]; e < batch.block[h].indptr[d + 1];
                         e++) {
                        const pr_vid u = batch.nodes.at[batch.block[h].indices[e]];
                        if (!pri_exclude_has(&own->exclude, d, u)) continue;
                        assert_false(excluded);
                        seen++; /* they would have been there */
                    }
        }
        for (size_t i = 0; i < t.link->edges.part[PRI_LINK_TEST].n; i++) {
            const pr_vid *ends = t.link->edges.part[PRI_LINK_TEST].ends + 2 * i;
            for (pr_eid e = t.dataset->graph.indptr[ends[0]];
                 e < t.dataset->graph.indptr[ends[0] + 1]; e++)
                assert_true(t.dataset->graph.indices[e] != ends[1]);
        }
    }
    assert_true(seen > BATCH);
    pr_batch_room_free(room);
    pri_trainer_close(&t);
}

static void a_set_without_labels_trains(void **state)
{
    (void)state;
    const char *to = test_directory();
    char        command[4096];

    snprintf(command, sizeof command,
             "cp -r %s/. %s/ && cd %s && rm -f label.npy *_idx.npy && "
             "sed -i 's/\"num_classes\": *[0-9]*/\"num_classes\": 0/' meta.json",
             graph(), to, to);
    assert_int_equal(system(command), 0);
    start(to);
    setup.train.epochs      = 1;
    const pr_train_result r = train();
    assert_true(isfinite(r.test_mrr) && r.steps > 0);
    setup.train.task = PR_TASK_NODE;
    pr_train_result none;
    assert_fails(PR_E_INPUT, "label.npy", pr_train(&setup, NULL, &none));
}

static void a_checkpoint_is_scored_on_the_same_edges(void **state)
{
    (void)state;
    static pr_eval_setup  eval;
    const pr_option_group groups[] = { { &pr_dataset_option_table, &eval.dataset },
                                       { &pr_machine_option_table, &eval.machine },
                                       { &pr_eval_option_table, &eval.eval } };
    pr_eval_result        scored;
    pr_checkpoint_info    info;
    pr_model             *model = NULL;
    const char           *path  = path_in(test_directory(), "model.prc");

    start(graph());
    setup.link.test_share       = 0.2;
    setup.link.negative_sampler = PR_NEGATIVE_DEGREE;
    setup.link.dim              = 24;
    snprintf(setup.train.checkpoint, sizeof setup.train.checkpoint, "%s", path);
    const pr_train_result r = train();

    pr_options_init(groups, 3);
    snprintf(eval.dataset.data, sizeof eval.dataset.data, "%s", graph());
    snprintf(eval.eval.checkpoint, sizeof eval.eval.checkpoint, "%s", path);
    eval.eval.which = 2;
    assert_ok(pr_evaluate(&eval, NULL, &scored));
    assert_true(fabs(scored.mrr - r.test_mrr) < 1e-6 && fabs(scored.auc - r.test_auc) < 1e-6);
    assert_true(fabs(scored.hits_at_10 - r.test_hits_at_10) < 1e-6);
    assert_true(scored.num_edges > 0 && isnan(scored.accuracy) && isfinite(scored.loss));
    eval.eval.which = 1;
    assert_ok(pr_evaluate(&eval, NULL, &scored));
    assert_true(fabs(scored.mrr - r.val_mrr) < 1e-6);
    eval.eval.which = 0;
    assert_ok(pr_evaluate(&eval, NULL, &scored));
    eval.eval.which = 3;
    assert_fails(PR_E_ARG, "--split all", pr_evaluate(&eval, NULL, &scored));

    eval.eval.which = 2; /* without options it still is one of links */
    assert_ok(pr_checkpoint_load(path, &model, &info));
    assert_int_equal(info.outputs, PR_OUTPUTS_EMBEDDING);
    info.options[0] = '\0';
    assert_ok(pr_checkpoint_save(path, model, &info));
    pr_model_free(model);
    assert_ok(pr_evaluate(&eval, NULL, &scored));
    assert_true(isfinite(scored.mrr) && isnan(scored.accuracy));

    start(graph()); /* one of nodes says nothing of links */
    setup.train.task = PR_TASK_NODE;
    snprintf(setup.train.checkpoint, sizeof setup.train.checkpoint, "%s", path);
    (void)train();
    eval.eval.which = 2;
    assert_ok(pr_evaluate(&eval, NULL, &scored));
    assert_true(isnan(scored.mrr) && scored.num_edges == 0 && isfinite(scored.accuracy));
}

static void the_log_has_mrr_and_auc_of_every_evaluation(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "run.db");

    start(graph());
    setup.train.epochs = 3;
    snprintf(setup.train.log, sizeof setup.train.log, "%s", path);
    const pr_train_result r  = train();
    sqlite3              *db = sql_open(path);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM epoch WHERE split IN ('val', 'test') AND"
                                 " mrr > 0 AND auc > 0 AND loss > 0 AND accuracy IS NULL"),
                     6);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM epoch WHERE split = 'train' AND mrr IS NULL"
                                 " AND accuracy IS NULL AND loss > 0"),
                     3);
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT abs(max(mrr) - %.17g) < 1e-12 FROM epoch WHERE split = 'val'",
             r.val_mrr);
    assert_int_equal(sql_int(db, sql), 1);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step WHERE phase = 'train' AND num_seeds >"
                                 " 0 AND num_correct IS NULL AND loss > 0 AND batch_hash <> 0"),
                     (int64_t)r.steps);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step WHERE phase = 'eval'"), 3);
    (void)sqlite3_close(db);
}

static void patience_goes_by_the_mrr(void **state)
{
    (void)state;
    start(graph());
    setup.train.epochs      = 50;
    setup.train.patience    = 2;
    setup.optimizer.lr      = 0; /* nothing gets better than the first */
    const pr_train_result r = train();
    assert_int_equal(r.epochs, 3);
    assert_int_equal(r.best_epoch, 0);
}

static void what_does_not_go_together_is_refused(void **state)
{
    (void)state;
    pr_train_result r;

    start(graph());
    setup.placement.lanes = 2;
    assert_fails(PR_E_UNSUPPORTED, "--lanes 2", pr_train(&setup, NULL, &r));
    start(graph());
    setup.order.kind = PR_ORDER_COMMUNITY;
    assert_fails(PR_E_UNSUPPORTED, "--order must be random", pr_train(&setup, NULL, &r));
    start(graph());
    setup.order.echo = 2;
    assert_fails(PR_E_UNSUPPORTED, "--echo 1", pr_train(&setup, NULL, &r));
    start(graph());
    setup.train.eval = PR_EVAL_SAMPLED;
    assert_fails(PR_E_UNSUPPORTED, "--eval sampled", pr_train(&setup, NULL, &r));
    start(graph());
    snprintf(setup.train.class_weights, sizeof setup.train.class_weights, "balanced");
    assert_fails(PR_E_ARG, "--class-weights balanced", pr_train(&setup, NULL, &r));
    start(graph());
    setup.link.val_share = 0.9;
    assert_fails(PR_E_ARG, "less than 1", pr_train(&setup, NULL, &r));
    start(graph());
    setup.link.negatives = 0;
    assert_fails(PR_E_ARG, "--link.negatives", pr_train(&setup, NULL, &r));
    start(graph());
    setup.train.batch_size = 1 << 24; /* no more than there are */
    setup.link.negatives   = 2;
    setup.train.epochs     = 1;
    assert_ok(pr_train(&setup, NULL, &r));
    assert_int_equal(r.steps, 1);
}

static void a_static_cache_ranks_vertices(void **state)
{
    (void)state;
    for (int rank = PR_RANK_DEGREE; rank <= PR_RANK_PRESAMPLED; rank++) {
        start(graph());
        setup.cache.policy = PR_POLICY_STATIC;
        setup.cache.rank   = rank;
        setup.cache.rows   = 300;
        setup.train.epochs = 1;
        (void)train();
    }
}

static void memory_is_planned_and_kept(void **state)
{
    (void)state;
    pr_train_result r;

    start(graph());
    setup.train.epochs   = 1;
    setup.machine.memory = UINT64_C(1) << 20;
    assert_fails(PR_E_RANGE, "is too little", pr_train(&setup, NULL, &r));
    start(graph());
    setup.train.epochs   = 1;
    setup.machine.memory = UINT64_C(1) << 30;
    assert_ok(pr_train(&setup, NULL, &r));
    assert_true(r.memory_bytes > 0 && r.memory_bytes <= setup.machine.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embeddings_learn_who_is_linked),
        cmocka_unit_test(cora_is_foretold),
        cmocka_unit_test(batches_do_not_depend_on_threads_and_pipeline),
        cmocka_unit_test(a_run_repeats_to_the_bit),
        cmocka_unit_test(rows_of_a_file_train_the_same),
        cmocka_unit_test(no_step_has_its_own_edges_or_those_held_out),
        cmocka_unit_test(a_set_without_labels_trains),
        cmocka_unit_test(a_checkpoint_is_scored_on_the_same_edges),
        cmocka_unit_test(the_log_has_mrr_and_auc_of_every_evaluation),
        cmocka_unit_test(patience_goes_by_the_mrr),
        cmocka_unit_test(what_does_not_go_together_is_refused),
        cmocka_unit_test(a_static_cache_ranks_vertices),
        cmocka_unit_test(memory_is_planned_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
