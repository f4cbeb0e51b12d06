/* test_multi_label.c: whole runs on nodes with any number of labels, and with weighted classes. */
#include "support/graphs.h"

#include <math.h>
#include <unistd.h>

#include "pipeline/class_weights.h"

static pr_train_setup setup; /* large: text options are arrays */

enum { CLASSES = 8 };

/* Give a planted dataset of so many nodes; borrowed path. */
static const char *planted_sets(uint64_t nodes)
{
    static char    path[PR_TEXT_BYTES];
    pr_gen_options o;
    pr_made        made;

    pr_options_init(&(pr_option_group){ &pr_gen_option_table, &o }, 1);
    o.nodes       = nodes;
    o.edges       = nodes * 10;
    o.classes     = CLASSES;
    o.features    = 24;
    o.label_noise = 0.1;
    o.multi_label = true;
    snprintf(path, sizeof path, "%s/made", test_directory());
    snprintf(o.out, sizeof o.out, "%s", path);
    assert_ok(pr_generate(&o, NULL, &made));
    return path;
}

static pr_train_result train(void)
{
    pr_train_result result;
    assert_ok(pr_train(&setup, NULL, &result));
    return result;
}

/* Give the micro-F1 of the best answer that is the same for every node: labels of more than half.
 */
static double constant_f1(const pr_dataset *d)
{
    const pr_vids test = d->split[PR_SPLIT_MAIN].test;
    double        best = 0;

    for (int rank = 1; rank <= CLASSES; rank++) { /* the most frequent ones, one more each time */
        uint64_t with[CLASSES] = { 0 }, all = 0, hits = 0;
        for (size_t i = 0; i < test.n; i++)
            for (int c = 0; c < CLASSES; c++)
                with[c] += d->targets[(size_t)test.at[i] * CLASSES + (size_t)c];
        for (int c = 0; c < CLASSES; c++) all += with[c];
        for (int r = 0; r < rank; r++) {
            int most = 0;
            for (int c = 1; c < CLASSES; c++)
                if (with[c] > with[most]) most = c;
            hits += with[most];
            with[most] = 0;
        }
        const double f1 = 2.0 * (double)hits / (double)(all + (uint64_t)rank * test.n);
        best            = fmax(best, f1);
    }
    return best;
}

static void training_learns_sets_of_labels(void **state)
{
    (void)state;
    test_setup(&setup, planted_sets(3000));
    setup.model.hidden         = 32;
    const pr_dataset *d        = test_open(setup.dataset.data);
    const double      constant = constant_f1(d);
    pr_dataset_close(d);
    const pr_train_result result = train();

    printf("micro-F1 %.3f, constant answer %.3f, all right %.3f\n", result.test_micro_f1, constant,
           result.test_accuracy);
    assert_true(result.multi_label);
    assert_true(result.test_micro_f1 > constant + 0.15);
    assert_true(result.test_accuracy > 0.3 && result.test_accuracy < result.test_micro_f1);
    assert_true(result.train_loss < 0.5); /* of one label: log 2 before anything is learnt */
    assert_int_equal(result.heap_calls, 0);
}

static void sampled_evaluation_is_close_to_the_exact_one(void **state)
{
    (void)state;
    test_setup(&setup, planted_sets(3000));
    setup.model.hidden          = 16;
    setup.train.epochs          = 4;
    const pr_train_result exact = train();
    setup.train.eval            = PR_EVAL_SAMPLED;
    const pr_train_result drawn = train();

    assert_true(fabs(exact.best_val_micro_f1 - drawn.best_val_micro_f1) < 0.08);
    assert_true(drawn.test_micro_f1 > 0.3);
}

static void lanes_train_on_labels_and_weights_as_one_does(void **state)
{
    (void)state;
    for (int weighted = 0; weighted < 2; weighted++) {
        pr_train_result result[2];
        for (uint32_t lanes = 1; lanes <= 2; lanes++) {
            test_setup(&setup, planted_sets(1500));
            setup.model.hidden     = 16;
            setup.train.epochs     = 3;
            setup.placement.lanes  = lanes;
            setup.machine.threads  = 2;
            setup.train.batch_size = 200;
            if (weighted) snprintf(setup.train.class_weights, PR_TEXT_BYTES, "balanced");
            result[lanes - 1] = train();
        }
        assert_int_equal(result[1].lanes, 2);
        assert_int_equal(result[0].batch_hash, result[1].batch_hash);
        /* gradients are summed in another order */
        assert_true(fabs(result[0].train_loss - result[1].train_loss) < 1e-3);
        assert_true(fabs(result[0].test_micro_f1 - result[1].test_micro_f1) < 0.02);
    }
}

static void early_stopping_and_the_best_model_go_by_micro_f1(void **state)
{
    (void)state;
    test_setup(&setup, planted_sets(1500));
    setup.model.hidden     = 16;
    setup.train.epochs     = 300;
    setup.train.eval_every = 2;
    setup.train.patience   = 3;
    setup.optimizer.lr     = 0.1;
    snprintf(setup.train.checkpoint, PR_TEXT_BYTES, "%s/best", test_directory());
    const pr_train_result result = train();
    static pr_eval_setup  eval;
    pr_eval_result        again;

    assert_true(result.epochs < 300);
    assert_int_equal(result.epochs, result.best_epoch + 1 + 3 * 2); /* 3 evaluations without news */
    const pr_option_group groups[] = { { &pr_dataset_option_table, &eval.dataset },
                                       { &pr_machine_option_table, &eval.machine },
                                       { &pr_eval_option_table, &eval.eval } };
    pr_options_init(groups, 3);
    eval.dataset    = setup.dataset;
    eval.eval.which = 2;
    snprintf(eval.eval.log, PR_TEXT_BYTES, "none");
    snprintf(eval.eval.checkpoint, PR_TEXT_BYTES, "%s", setup.train.checkpoint);
    assert_ok(pr_evaluate(&eval, NULL, &again));
    assert_true(again.multi_label && again.micro_f1 == result.test_micro_f1);
    assert_true(again.accuracy == result.test_accuracy);

    /* a model of labels is none of classes */
    snprintf(eval.dataset.data, PR_TEXT_BYTES, "%s", test_planted(1500, 15000, 24, CLASSES));
    assert_fails(PR_E_MISMATCH, "was trained for any number of labels a node",
                 pr_evaluate(&eval, NULL, &again));
}

static void inference_gives_labels_and_their_probabilities(void **state)
{
    (void)state;
    static pr_infer_setup infer;
    pr_infer_result       result;
    pr_npy                labels, chance;
    const char           *directory = test_directory();
    const pr_option_group groups[]  = { { &pr_dataset_option_table, &infer.dataset },
                                        { &pr_machine_option_table, &infer.machine },
                                        { &pr_infer_option_table, &infer.infer } };

    test_setup(&setup, planted_sets(1500));
    setup.model.hidden = 16;
    setup.train.epochs = 5;
    snprintf(setup.train.checkpoint, PR_TEXT_BYTES, "%s/best", directory);
    const pr_train_result trained = train();
    pr_options_init(groups, 3);
    infer.dataset = setup.dataset;
    snprintf(infer.infer.log, PR_TEXT_BYTES, "none");
    snprintf(infer.infer.checkpoint, PR_TEXT_BYTES, "%s/best", directory);
    snprintf(infer.infer.out, PR_TEXT_BYTES, "%s/labels.npy", directory);
    assert_ok(pr_infer(&infer, NULL, &result));
    assert_int_equal(result.num_columns, CLASSES);
    assert_ok(pr_npy_open(infer.infer.out, &labels));
    infer.infer.output = 2;
    snprintf(infer.infer.out, PR_TEXT_BYTES, "%s/chance.npy", directory);
    assert_ok(pr_infer(&infer, NULL, &result));
    assert_ok(pr_npy_open(infer.infer.out, &chance));
    assert_true(labels.dtype == PR_U8 && chance.dtype == PR_F32);
    assert_true(labels.shape[0] == 1500 && labels.shape[1] == CLASSES);
    const uint8_t *yes = labels.data;
    const float   *p   = chance.data;
    for (size_t i = 0; i < 1500 * CLASSES; i++) assert_true(yes[i] == (p[i] > 0.5f));
    const pr_dataset *d     = test_open(setup.dataset.data);
    const pr_vids     test  = d->split[PR_SPLIT_MAIN].test;
    size_t            right = 0;
    for (size_t i = 0; i < test.n; i++)
        right += !memcmp(yes + test.at[i] * CLASSES, d->targets + test.at[i] * CLASSES, CLASSES);
    assert_true(fabs((double)right / (double)test.n - trained.test_accuracy) < 1e-9);
    pr_dataset_close(d);
    pr_npy_close(&labels);
    pr_npy_close(&chance);
}

/* A graph without arcs: 1 node in 16 is of class 1, and the classes overlap. */
static const char *unbalanced(void)
{
    enum { N = 1600, F = 2 };
    static char    path[PR_TEXT_BYTES];
    static float   rows[N * F];
    static int64_t label[N], indptr[N + 1];
    pr_vid         part[3][N];
    int64_t        list[N];
    const uint64_t shape[] = { N, F }, n = N, offsets = N + 1, none = 0;
    const char    *names[] = { "train_idx.npy", "val_idx.npy", "test_idx.npy" };
    size_t         num[3]  = { 0 };
    test_rng       rng     = { .key = test_seed() };
    char           file[2 * PR_TEXT_BYTES];

    snprintf(path, sizeof path, "%s", test_directory());
    for (int v = 0; v < N; v++) {
        label[v] = v % 16 == 0;
        for (int f = 0; f < F; f++) { /* about normal */
            float sum = label[v] ? 1.0f : 0.0f;
            for (int k = 0; k < 4; k++) sum += (float)test_below(&rng, 1000) / 500.0f - 1.0f;
            rows[v * F + f] = sum;
        }
        const int p       = v % 5 < 3 ? 0 : v % 5 - 2;
        part[p][num[p]++] = (pr_vid)v;
    }
#define PATH_OF(name) (snprintf(file, sizeof file, "%s/%s", path, name), file)
    assert_ok(pr_npy_write(PATH_OF("feat.npy"), PR_F32, 2, shape, rows));
    assert_ok(pr_npy_write(PATH_OF("label.npy"), PR_I64, 1, &n, label));
    assert_ok(pr_npy_write(PATH_OF("indptr.npy"), PR_I64, 1, &offsets, indptr));
    assert_ok(pr_npy_write(PATH_OF("indices.npy"), PR_U32, 1, &none, NULL));
    for (int p = 0; p < 3; p++) {
        const uint64_t count = num[p];
        for (size_t i = 0; i < num[p]; i++) list[i] = part[p][i];
        assert_ok(pr_npy_write(PATH_OF(names[p]), PR_I64, 1, &count, list));
    }
#undef PATH_OF
    const char meta[] = "{\"num_nodes\":1600,\"num_edges\":0,\"num_feats\":2,\"num_classes\":2}";
    (void)test_file(path, "meta.json", meta, sizeof meta - 1);
    return path;
}

/* Give the share of class 1's test nodes that a run finds. */
static double recall_with(const char *weights)
{
    static pr_infer_setup infer;
    pr_infer_result       result;
    pr_npy                answer;
    const char           *directory = test_directory();
    uint64_t              found = 0, all = 0;
    const pr_option_group groups[] = { { &pr_dataset_option_table, &infer.dataset },
                                       { &pr_machine_option_table, &infer.machine },
                                       { &pr_infer_option_table, &infer.infer } };

    test_setup(&setup, unbalanced());
    setup.train.layers  = 1;
    setup.train.epochs  = 100;
    setup.optimizer.lr  = 0.05;
    setup.model.dropout = 0;
    setup.train.eval    = PR_EVAL_NONE; /* the last model: accuracy would prefer the usual class */
    snprintf(setup.train.fanout, PR_TEXT_BYTES, "5");
    snprintf(setup.train.class_weights, PR_TEXT_BYTES, "%s", weights);
    snprintf(setup.train.checkpoint, PR_TEXT_BYTES, "%s/last", directory);
    (void)train();
    pr_options_init(groups, 3);
    infer.dataset = setup.dataset;
    snprintf(infer.infer.log, PR_TEXT_BYTES, "none");
    snprintf(infer.infer.checkpoint, PR_TEXT_BYTES, "%s/last", directory);
    snprintf(infer.infer.out, PR_TEXT_BYTES, "%s/out.npy", directory);
    assert_ok(pr_infer(&infer, NULL, &result));
    assert_ok(pr_npy_open(infer.infer.out, &answer));
    for (int v = 0; v < 1600; v += 16) {
        if (v % 5 != 4) continue;
        all++;
        found += ((const int64_t *)answer.data)[v] == 1;
    }
    pr_npy_close(&answer);
    return (double)found / (double)all;
}

static void weights_raise_the_recall_of_a_rare_class(void **state)
{
    (void)state;
    const double weights[2] = { 1, 15 };
    const char  *directory  = test_directory();
    char         path[PR_TEXT_BYTES];
    const double plain = recall_with("none"), balanced = recall_with("balanced");

    printf("recall %.2f without weights, %.2f with\n", plain, balanced);
    assert_true(balanced > plain + 0.3);
    snprintf(path, sizeof path, "%s/weights.npy", directory);
    assert_ok(pr_npy_write(path, PR_F64, 1, (const uint64_t[]){ 2 }, weights));
    assert_true(recall_with(path) > plain + 0.3);
}

static void balanced_weights_are_worked_by_hand(void **state)
{
    (void)state;
    const int32_t    labels[] = { 0, 0, 0, 1, 3, -1 };
    const uint8_t    sets[]   = { 1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 1, 0 };
    const pr_vid     node[]   = { 0, 1, 2, 3, 4 };
    const pr_dataset classes  = { .labels = labels, .num_classes = 4 };
    const pr_dataset multi    = { .targets = sets, .num_classes = 3 };
    float           *weight   = NULL;

    assert_ok(pri_class_weights_open("none", &classes, (pr_vids){ node, 5 }, &weight));
    assert_null(weight);
    assert_ok(pri_class_weights_open("balanced", &classes, (pr_vids){ node, 5 }, &weight));
    assert_true(weight[0] == (float)(5.0 / 12) && weight[1] == 1.25f && weight[2] == 0 &&
                weight[3] == 1.25f);
    pri_free(weight);
    assert_ok(pri_class_weights_open("balanced", &multi, (pr_vids){ node, 4 }, &weight));
    assert_true(weight[0] == 1 && weight[1] == 3 && weight[2] == 1); /* label 0: of all of them */
    pri_free(weight);
}

static void weights_that_cannot_be_are_refused_with_words(void **state)
{
    (void)state;
    const int32_t    labels[]   = { 0, 1, 1 };
    const pr_vid     node[]     = { 1, 2 };
    const pr_dataset data       = { .labels = labels, .num_classes = 2 };
    const pr_vids    train_on   = { node, 2 };
    const float      negative[] = { 1, -2 }, endless[] = { INFINITY, 1 }, naught[] = { 3, 0, 1 };
    const uint64_t   two = 2, three = 3, pair[] = { 1, 2 };
    float           *weight = NULL;
    char             path[PR_TEXT_BYTES];

    snprintf(path, sizeof path, "%s/w.npy", test_directory());
    assert_fails(PR_E_ARG, "--class-weights is 'blanced', must be none, balanced or a file",
                 pri_class_weights_open("blanced", &data, train_on, &weight));
    assert_fails(PR_E_INPUT, "cannot be read",
                 pri_class_weights_open(path, &data, train_on, &weight));
    assert_ok(pr_npy_write(path, PR_F32, 1, &two, negative));
    assert_fails(PR_E_INPUT, "w.npy: element 1 is -2, must be finite and at least 0",
                 pri_class_weights_open(path, &data, train_on, &weight));
    assert_ok(pr_npy_write(path, PR_F32, 1, &two, endless));
    assert_fails(PR_E_INPUT, "element 0 is inf",
                 pri_class_weights_open(path, &data, train_on, &weight));
    assert_ok(pr_npy_write(path, PR_F32, 1, &two, naught));
    assert_fails(PR_E_INPUT, "the weight of every class that training nodes are of is 0",
                 pri_class_weights_open(path, &data, train_on, &weight));
    assert_ok(pr_npy_write(path, PR_F32, 1, &three, naught));
    assert_fails(PR_E_MISMATCH, "must have one weight for each of 2 classes",
                 pri_class_weights_open(path, &data, train_on, &weight));
    assert_ok(pr_npy_write(path, PR_F32, 2, pair, negative));
    assert_fails(PR_E_MISMATCH, "must have one weight for each of 2 classes",
                 pri_class_weights_open(path, &data, train_on, &weight));
    assert_ok(pr_npy_write(path, PR_I32, 1, &two, labels));
    assert_fails(PR_E_INPUT, "must hold <f4 or <f8",
                 pri_class_weights_open(path, &data, train_on, &weight));
    assert_null(weight);
}

/* What test_oom calls. */
static pr_status open_balanced(void *context, void **out)
{
    const pr_dataset *data   = context;
    const pr_vid      node[] = { 0, 1, 2 };
    float            *weight = NULL;
    const pr_status   st = pri_class_weights_open("balanced", data, (pr_vids){ node, 3 }, &weight);

    *out = weight;
    return st;
}

static void weights_survive_each_failed_allocation(void **state)
{
    (void)state;
    const int32_t labels[] = { 0, 1, 1 };
    pr_dataset    data     = { .labels = labels, .num_classes = 2 };

    test_oom("class weights", open_balanced, pri_free, &data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_learns_sets_of_labels),
        cmocka_unit_test(sampled_evaluation_is_close_to_the_exact_one),
        cmocka_unit_test(lanes_train_on_labels_and_weights_as_one_does),
        cmocka_unit_test(early_stopping_and_the_best_model_go_by_micro_f1),
        cmocka_unit_test(inference_gives_labels_and_their_probabilities),
        cmocka_unit_test(weights_raise_the_recall_of_a_rare_class),
        cmocka_unit_test(balanced_weights_are_worked_by_hand),
        cmocka_unit_test(weights_that_cannot_be_are_refused_with_words),
        cmocka_unit_test(weights_survive_each_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
