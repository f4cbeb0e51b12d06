/* test_partition.c: packrat partition writes the parts it found, and parts.h reads them. */
#include "support/graphs.h"
#include "support/little.h"

#include <unistd.h>

#include "pipeline/parts.h"

static pr_partition_options *options_for(const char *data)
{
    static pr_partition_options options;

    pr_options_init(&(pr_option_group){ &pr_partition_option_table, &options }, 1);
    snprintf(options.data, sizeof options.data, "%s", data);
    snprintf(options.out, sizeof options.out, "%s/parts.npy", test_directory());
    options.threads = 2;
    return &options;
}

static const char *planted(void)
{
    static const char *path;
    if (!path) path = test_planted(3000, 30000, 4, 5);
    return path;
}

static void the_file_has_a_part_for_every_node(void **state)
{
    (void)state;
    pr_partition_options *options = options_for(planted());
    const pr_dataset     *dataset = test_open(planted());
    pr_parts             *parts;
    pr_npy                npy;

    for (int method = PR_CLUSTERS_METIS; method <= PR_CLUSTERS_PROPAGATION; method++) {
        options->method = method; /* the second run writes over the first one's file */
        options->parts  = 4;
        assert_ok(pr_partition(options, NULL, &parts));
        assert_ok(pr_npy_open(options->out, &npy));
        assert_int_equal(npy.dtype, PR_U8);
        assert_int_equal(npy.num_dims, 1);
        assert_int_equal(npy.shape[0], 3000);
        assert_memory_equal(npy.data, parts->of_node, 3000);
        pr_npy_close(&npy);
        const pr_vids train = dataset->split[PR_SPLIT_MAIN].train;
        assert_int_equal(parts->balance, PR_BALANCE_TRAIN);
        assert_true(parts->min_nodes >= 727 && parts->max_nodes <= 773);
        assert_true((double)parts->max_train <= 1.03 * (double)train.n / 4 + 1);
        printf("%s: cut %.3f, by hashing %.3f\n", pr_clusters_method_name(method), parts->cut_share,
               1 - parts->hash_share);
        assert_true(parts->cut_share < 0.6 * (1 - parts->hash_share));
        pr_parts_free(parts);
    }
    pr_dataset_close(dataset);
}

static void shards_of_a_partition_are_even(void **state)
{
    (void)state;
    pr_partition_options *options = options_for(planted());
    pr_placement_options  shards  = { .shards = PR_SHARDS_AUTO };
    pr_parts             *parts;
    char                  why[PRI_PARTS_WHY_BYTES];

    options->parts = 8;
    assert_ok(pr_partition(options, NULL, &parts));
    memcpy(shards.shards_file, options->out, sizeof shards.shards_file);
    for (uint32_t lanes = 2; lanes <= 8; lanes *= 2) {
        uint32_t rows[8] = { 0 };
        uint8_t *lane;
        assert_ok(pri_parts_open(&shards, 3000, lanes, 1, &lane, why));
        for (int v = 0; v < 3000; v++) {
            assert_int_equal(lane[v], parts->of_node[v] * lanes / 8);
            rows[lane[v]]++;
        }
        for (uint32_t i = 0; i < lanes; i++)
            assert_in_range(rows[i], 3000 / lanes * 96 / 100, 3000 / lanes * 104 / 100);
        pri_free(lane);
    }
    pr_parts_free(parts);
}

/* The little dataset's second split has other training nodes. */
static void the_split_that_is_named_is_balanced(void **state)
{
    (void)state;
    const char           *little  = test_directory();
    pr_partition_options *options = options_for(little);
    pr_parts             *parts;

    little_put(little, CSC | DENSE | ALT);
    options->parts = 2;
    assert_ok(pr_partition(options, NULL, &parts));
    assert_int_equal(parts->min_train, 1); /* of 2 */
    assert_int_equal(parts->max_train, 1);
    pr_parts_free(parts);
    options->split = PR_SPLIT_ALT;
    assert_ok(pr_partition(options, NULL, &parts));
    assert_int_equal(parts->min_train, 0); /* of 1 */
    assert_int_equal(parts->max_train, 1);
    pr_parts_free(parts);
}

static void what_cannot_be_partitioned_is_said_and_leaves_nothing(void **state)
{
    (void)state;
    static const volatile int asked   = 130;
    const char               *little  = test_directory();
    pr_partition_options     *options = options_for(little);
    pr_parts                 *parts;

    little_put(little, CSC | DENSE);
    assert_fails(PR_E_ARG, "--parts is 8, and ", pr_partition(options, NULL, &parts));
    assert_fails(PR_E_ARG, "has 5 nodes: at most one a node", pr_partition(options, NULL, &parts));
    options->parts = 129;
    assert_fails(PR_E_ARG, "--parts is 129, must be in 1 .. 128",
                 pr_partition(options, NULL, &parts));
    options->parts  = 3;
    options->method = PR_CLUSTERS_METIS;
    assert_fails(PR_E_ARG, "--method metis: 3 parts of 5 nodes",
                 pr_partition(options, NULL, &parts));
    options->method  = PR_CLUSTERS_AUTO;
    options->split   = PR_SPLIT_ALT;
    options->balance = PR_BALANCE_TRAIN;
    assert_fails(PR_E_ARG, "has no training nodes in split alt",
                 pr_partition(options, NULL, &parts));
    options->balance = PR_BALANCE_AUTO;
    for (int method = PR_CLUSTERS_AUTO; method <= PR_CLUSTERS_PROPAGATION; method++) {
        options->method = method;
        options->parts  = 2;
        assert_fails(PR_E_INTERRUPTED, "interrupted", pr_partition(options, &asked, &parts));
    }
    assert_int_not_equal(access(options->out, F_OK), 0);
    options->out[strlen(options->out) - 1] = 'x';
    assert_fails(PR_E_ARG, "must end in .npy", pr_partition(options, NULL, &parts));
    options->out[0] = '\0';
    assert_fails(PR_E_ARG, "--out is missing", pr_partition(options, NULL, &parts));
    options->data[0] = '\0';
    assert_fails(PR_E_ARG, "--data is missing", pr_partition(options, NULL, &parts));
    assert_null(parts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_has_a_part_for_every_node),
        cmocka_unit_test(shards_of_a_partition_are_even),
        cmocka_unit_test(the_split_that_is_named_is_balanced),
        cmocka_unit_test(what_cannot_be_partitioned_is_said_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
