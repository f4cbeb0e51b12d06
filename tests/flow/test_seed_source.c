/* test_seed_source.c: whole runs in every order of seeds, and lists of nodes that are refused. */
#include "support/graphs.h"

#include "pipeline/order_open.h"

static pr_train_setup setup; /* large: text options are arrays */

static const char *graph(void)
{
    static const char *path;
    if (!path) path = test_planted(2000, 16000, 12, 4);
    return path;
}

static void start(void)
{
    test_setup(&setup, graph());
    setup.train.batch_size = 100;
    setup.train.epochs     = 2;
    setup.train.eval       = PR_EVAL_NONE;
    setup.model.hidden     = 8;
    pr_diag_set_level(PR_ERROR); /* what orders cost is known here */
}

static pr_train_result train(void)
{
    pr_train_result result;
    assert_ok(pr_train(&setup, NULL, &result));
    assert_int_equal(result.heap_calls, 0);
    return result;
}

/* Write a list of ids; gives its path. */
static const char *list_of(pr_dtype dtype, const void *ids, uint64_t n)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/list.npy", test_directory());
    assert_ok(pr_npy_write(path, dtype, 1, &n, ids));
    return path;
}

static void the_batches_of_an_order_do_not_depend_on_window_or_threads(void **state)
{
    (void)state;
    uint64_t hashes[4];

    for (int kind = 0; kind < 4; kind++) { /* 0 random, 1 and 2 community, 3 echo */
        uint64_t want = 0;
        for (int how = 0; how < 4; how++) {
            start();
            setup.order.kind        = kind == 1 || kind == 2 ? PR_ORDER_COMMUNITY : PR_ORDER_RANDOM;
            setup.order.method      = kind == 1 ? PR_CLUSTERS_METIS : PR_CLUSTERS_PROPAGATION;
            setup.order.clusters    = 20;
            setup.order.echo        = kind == 3 ? 3 : 1;
            setup.order.pool        = 4;
            setup.machine.threads   = how < 2 ? 1 : 2;
            setup.cache.policy      = how % 2 ? PR_POLICY_LRU : PR_POLICY_LOOKAHEAD;
            const pr_train_result r = train();
            if (how == 0) want = r.batch_hash;
            assert_true(r.batch_hash == want);
        }
        hashes[kind] = want;
        for (int k = 0; k < kind; k++) assert_true(hashes[k] != hashes[kind]);
    }
}

static void an_echo_makes_an_epoch_so_many_times_as_long(void **state)
{
    (void)state;
    start();
    const uint64_t plain = train().steps;
    start();
    setup.order.echo       = 5;
    setup.order.pool       = 3;
    pr_train_result result = train();
    assert_int_equal(result.steps, 5 * plain);
    assert_int_equal(result.epochs, 2);
    start();
    setup.order.echo   = 5;
    setup.train.epochs = 0;
    setup.train.steps  = plain + 1; /* within the first epoch */
    result             = train();
    assert_int_equal(result.steps, plain + 1);
    assert_int_equal(result.epochs, 1);
}

/* A second use of the same seeds wants the same rows. */
static void an_echo_moves_fewer_rows(void **state)
{
    (void)state;
    start();
    setup.train.steps  = 40;
    setup.train.epochs = 0;
    setup.cache.factor = 1;
    const double plain = train().rows_moved_per_step;
    setup.order.echo   = 4;
    const double echo  = train().rows_moved_per_step;
    printf("%.0f rows a step, %.0f with an echo of 4\n", plain, echo);
    assert_true(echo < 0.8 * plain);
}

static void a_list_of_any_integers_is_trained_on_in_its_order(void **state)
{
    (void)state;
    const pr_dataset *data = test_open(graph());
    const pr_vids     all  = data->split[PR_SPLIT_MAIN].train;
    const size_t      n    = all.n < 150 ? all.n : 150;
    uint64_t          wide[150];
    uint32_t          narrow[150];
    pr_order_options  options = { .kind = PR_ORDER_FILE, .echo = 1, .pool = 1 };
    pri_order_source  source;

    for (size_t i = 0; i < n; i++) wide[i] = narrow[i] = all.at[n - 1 - i];
    for (int dtype = 0; dtype < 4; dtype++) {
        static const pr_dtype dtypes[] = { PR_I32, PR_U32, PR_I64, PR_U64 };
        const void           *ids      = dtype < 2 ? (void *)narrow : (void *)wide;
        snprintf(options.file, sizeof options.file, "%s", list_of(dtypes[dtype], ids, n));
        pr_diag_set_level(PR_ERROR);
        assert_ok(pri_order_open(&options, &data->graph, all, 1, 1, NULL, &source));
        assert_int_equal(source.nodes.n, n);
        assert_memory_equal(source.nodes.at, narrow, n * sizeof *narrow);
        pri_order_close(&source);
    }
    pr_dataset_close(data);
    start();
    setup.order.kind = PR_ORDER_FILE;
    snprintf(setup.order.file, sizeof setup.order.file, "%s", options.file);
    assert_int_equal(train().steps, 2 * ((n + 99) / 100)); /* of the list, not of the split */
}

static void lists_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    const pr_dataset *data    = test_open(graph());
    const pr_split   *split   = &data->split[PR_SPLIT_MAIN];
    pr_order_options  options = { .kind = PR_ORDER_FILE, .echo = 1, .pool = 1 };
    const pr_vid      a = split->train.at[0], b = split->train.at[1], other = split->val.at[0];
    const int64_t     good[] = { a, b }, twice[] = { b, a, b }, strange[] = { a, other };
    const int64_t     beyond[] = { a, 2000 }, below[] = { -1 };
    const double      reals[] = { 1, 2 };
    const struct {
        pr_dtype    dtype;
        const void *ids;
        uint64_t    n;
        const char *words;
    } cases[] = {
        { PR_I64, good, 0, "list.npy: lists no node, at least one must train" },
        { PR_I64, twice, 3, "as entry 0 is; a node may be listed once" },
        { PR_I64, strange, 2, "training nodes" },
        { PR_I64, beyond, 2, "entry 1 is 2000, must be a node in 0 .. 1999" },
        { PR_I64, below, 1, "entry 0 is -1, must be a node in 0 .. 1999" },
        { PR_U64, below, 1, "entry 0 is 18446744073709551615, must be a node" },
        { PR_F64, reals, 2, "must be one dimension of whole numbers" },
    };
    pri_order_source source;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(options.file, sizeof options.file, "%s",
                 list_of(cases[i].dtype, cases[i].ids, cases[i].n));
        assert_fails(PR_E_INPUT, cases[i].words,
                     pri_order_open(&options, &data->graph, split->train, 1, 1, NULL, &source));
        assert_null(source.listed);
    }
    snprintf(options.file, sizeof options.file, "no_such.npy");
    assert_fails(PR_E_INPUT, "no_such.npy",
                 pri_order_open(&options, &data->graph, split->train, 1, 1, NULL, &source));
    options.file[0] = '\0';
    assert_fails(PR_E_ARG, "--order file needs --order.file",
                 pri_order_open(&options, &data->graph, split->train, 1, 1, NULL, &source));
    options.kind    = PR_ORDER_COMMUNITY;
    options.file[0] = 'x';
    assert_fails(PR_E_ARG, "goes with --order file",
                 pri_order_open(&options, &data->graph, split->train, 1, 1, NULL, &source));
    pr_dataset_close(data);
}

static void a_run_can_be_ended_while_clusters_are_sought(void **state)
{
    (void)state;
    static const volatile int asked = 130;
    const pr_hooks            hooks = { .stop = &asked };
    pr_train_result           result;

    start();
    setup.order.kind = PR_ORDER_COMMUNITY;
    assert_int_equal(pr_train(&setup, &hooks, &result), PR_E_INTERRUPTED);
    assert_int_equal(result.steps, 0);
    assert_string_equal(result.policy, "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_batches_of_an_order_do_not_depend_on_window_or_threads),
        cmocka_unit_test(an_echo_makes_an_epoch_so_many_times_as_long),
        cmocka_unit_test(an_echo_moves_fewer_rows),
        cmocka_unit_test(a_list_of_any_integers_is_trained_on_in_its_order),
        cmocka_unit_test(lists_that_do_not_fit_are_refused),
        cmocka_unit_test(a_run_can_be_ended_while_clusters_are_sought),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
