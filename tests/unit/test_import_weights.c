/* test_import_weights.c: an edge list's third column on its way to edge_weight.npy, and from there
 * to another directory. */
#include "support/graphs.h"

static const char edges[] = "src dst weight\n0 1 0.5\n2 1 1\n2 1 1\n3 3 7\n0 3 4\n3 2 0\n";
static const char rows[]  = "1\n2\n3\n4\n";

/* In-neighbours with both directions stored: 0 has 1 3, 1 has 0 2, 2 has 1 3, 3 has 0 2. */
static const float both[] = { 0.5f, 4, 0.5f, 2, 2, 0, 4, 0 };

static void init(pr_import_options *o, const char *source, const char *directory, const char *out)
{
    pr_options_init(&(pr_option_group){ &pr_import_option_table, o }, 1);
    snprintf(o->source, sizeof o->source, "%s", source);
    snprintf(o->out, sizeof o->out, "%s/%s", directory, out);
}

static void expect_weights(const char *path)
{
    const pr_dataset *d = test_open(path);
    assert_int_equal(d->graph.num_edges, 8);
    assert_memory_equal(d->graph.weights, both, sizeof both);
    pr_dataset_close(d);
}

static void a_third_column_becomes_edge_weights_that_another_import_keeps(void **state)
{
    (void)state;
    pr_import_options o, again;
    pr_made           made;
    const char       *directory = test_directory();

    init(&o, test_file(directory, "edges.txt", edges, sizeof edges - 1), directory, "first");
    snprintf(o.features, sizeof o.features, "%s",
             test_file(directory, "rows.csv", rows, sizeof rows - 1));
    o.undirected   = true;
    o.edge_weights = true;
    assert_ok(pr_import(&o, NULL, &made));
    assert_int_equal(made.duplicates_dropped, 2);
    assert_int_equal(made.self_loops_dropped, 1);
    expect_weights(o.out);

    init(&again, o.out, directory, "second");
    assert_ok(pr_import(&again, NULL, &made));
    expect_weights(again.out);

    init(&again, o.out, directory, "third");
    again.edge_weights = true;
    assert_fails(PR_E_ARG, "--edge-weights goes with an edge list", pr_import(&again, NULL, &made));
}

static void without_the_option_a_third_column_is_not_read(void **state)
{
    (void)state;
    static const char odd[] = "0 1 x\n1 2 -5\n";
    pr_import_options o;
    pr_made           made;
    const char       *directory = test_directory();

    pr_diag_set_level(PR_ERROR);
    init(&o, test_file(directory, "edges.txt", odd, sizeof odd - 1), directory, "out");
    snprintf(o.features, sizeof o.features, "%s",
             test_file(directory, "rows.csv", rows, sizeof rows - 1));
    assert_ok(pr_import(&o, NULL, &made));
    const pr_dataset *d = test_open(o.out);
    assert_null(d->graph.weights);
    pr_dataset_close(d);
    o.edge_weights = true;
    snprintf(o.out, sizeof o.out, "%s/other", directory);
    assert_fails(PR_E_INPUT, "edges.txt: line 1: found '0 1 x'", pr_import(&o, NULL, &made));
    pr_diag_set_level(PR_INFO);
}

static void weights_that_add_up_to_too_much_are_named_by_the_ids_of_the_file(void **state)
{
    (void)state;
    static const char heavy[] = "1000 2000 3e38\n1000 2000 3e38\n";
    static const char named[] = "1000,1\n2000,2\n";
    pr_import_options o;
    pr_made           made;
    const char       *directory = test_directory();

    init(&o, test_file(directory, "edges.txt", heavy, sizeof heavy - 1), directory, "out");
    snprintf(o.features, sizeof o.features, "%s",
             test_file(directory, "rows.csv", named, sizeof named - 1));
    o.edge_weights = true;
    o.remap        = true;
    assert_fails(PR_E_INPUT, "edges.txt: the weights of the 2 arcs from 1000 to 2000 add up to",
                 pr_import(&o, NULL, &made));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_third_column_becomes_edge_weights_that_another_import_keeps),
        cmocka_unit_test(without_the_option_a_third_column_is_not_read),
        cmocka_unit_test(weights_that_add_up_to_too_much_are_named_by_the_ids_of_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
