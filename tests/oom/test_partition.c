/* test_partition.c: finding clusters and parts, reordering and partitioning datasets with the n-th
 * allocation failing, for every n. */
#include "support/blocks.h"
#include "support/little.h"

#include <dirent.h>

enum { N = 400 };

/* What to look for and where. */
typedef struct search {
    pr_graph           graph;
    pr_cluster_options options;
} search;

static pr_status open_clusters(void *context, void **out)
{
    const search   *s     = context;
    pr_clusters    *found = NULL;
    const pr_status st    = pr_clusters_find(&s->graph, &s->options, &found);
    *out                  = found;
    return st;
}

static void close_clusters(void *clusters)
{
    pr_clusters_free(clusters);
}

static void clusters_that_cannot_be_found_leave_nothing(void **state)
{
    (void)state;
    uint32_t block_of[N];
    pri_csc  csc;

    test_blocks(8, N / 8, 6, 80, block_of, &csc);
    search s = { csc.graph, { .clusters = 8, .method = PR_CLUSTERS_METIS, .threads = 1 } };
    test_oom("METIS", open_clusters, close_clusters, &s);
    s.options.method = PR_CLUSTERS_PROPAGATION;
    test_oom("propagation", open_clusters, close_clusters, &s);
    pri_csc_clear(&csc);
}

/* What to divide and how. */
typedef struct division {
    pr_graph         graph;
    pr_vids          train;
    pr_parts_options options;
} division;

static pr_status open_parts(void *context, void **out)
{
    const division *d     = context;
    pr_parts       *found = NULL;
    const pr_status st    = pr_parts_find(&d->graph, d->train, &d->options, &found);
    *out                  = found;
    return st;
}

static void close_parts(void *parts)
{
    pr_parts_free(parts);
}

static void parts_that_cannot_be_found_leave_nothing(void **state)
{
    (void)state;
    static const pr_vid ids[] = { 0, 1, 2, 3, 4, 5 };
    uint32_t            block_of[N];
    pri_csc             csc;

    test_blocks(8, N / 8, 6, 80, block_of, &csc);
    division d       = { csc.graph, { ids, 6 }, { .parts = 4, .threads = 1 } };
    d.options.method = PR_CLUSTERS_METIS;
    test_oom("parts by METIS", open_parts, close_parts, &d);
    d.options.method = PR_CLUSTERS_PROPAGATION;
    d.options.parts  = 3; /* of 64 clusters each: they are looked for */
    test_oom("parts by propagation", open_parts, close_parts, &d);
    d.options.parts = 8; /* every node is a cluster */
    test_oom("parts of nodes", open_parts, close_parts, &d);
    pri_csc_clear(&csc);
}

static pr_status make_partition(void *context, void **out)
{
    pr_parts       *parts = NULL;
    const pr_status st    = pr_partition(context, NULL, &parts);
    *out                  = parts;
    return st;
}

static void a_dataset_that_cannot_be_partitioned_leaves_no_file(void **state)
{
    (void)state;
    static pr_partition_options how;
    const char                 *parent = test_directory(), *little = test_directory();
    int                         n = 0;

    pr_options_init(&(pr_option_group){ &pr_partition_option_table, &how }, 1);
    little_put(little, CSC | DENSE);
    snprintf(how.data, sizeof how.data, "%s", little);
    snprintf(how.out, sizeof how.out, "%s/parts.npy", parent);
    how.method  = PR_CLUSTERS_PROPAGATION;
    how.parts   = 2;
    how.threads = 1;
    test_oom("partition", make_partition, close_parts, &how);
    DIR *list = opendir(parent);
    assert_non_null(list);
    while (readdir(list)) n++;
    assert_int_equal(closedir(list), 0);
    assert_int_equal(n, 2 + 1); /* the file alone, no temporary */
}

static pr_reorder_options options;

static pr_status make_reordered(void *context, void **out)
{
    static pr_reordered reordered;
    const pr_status     st = pr_reorder(context, NULL, &reordered);
    *out                   = st == PR_OK ? &reordered : NULL;
    return st;
}

static void nothing_to_free(void *reordered)
{
    (void)reordered;
}

static void a_dataset_that_cannot_be_reordered_leaves_nothing(void **state)
{
    (void)state;
    const char *parent = test_directory(), *little = test_directory();

    for (int sparse = 0; sparse < 2; sparse++) {
        pr_options_init(&(pr_option_group){ &pr_reorder_option_table, &options }, 1);
        little_put(little, CSC | ALT | (sparse ? CSR : DENSE));
        snprintf(options.data, sizeof options.data, "%s", little);
        snprintf(options.out, sizeof options.out, "%s/new%d", parent, sparse);
        options.method   = PR_CLUSTERS_PROPAGATION;
        options.clusters = 2;
        options.threads  = 1;
        test_oom(sparse ? "reorder, csr" : "reorder, dense", make_reordered, nothing_to_free,
                 &options);
        DIR *list = opendir(parent);
        int  n    = 0;
        assert_non_null(list);
        while (readdir(list)) n++;
        assert_int_equal(closedir(list), 0);
        assert_int_equal(n, 2 + 1 + sparse); /* the dataset alone, no temporary */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clusters_that_cannot_be_found_leave_nothing),
        cmocka_unit_test(parts_that_cannot_be_found_leave_nothing),
        cmocka_unit_test(a_dataset_that_cannot_be_partitioned_leaves_no_file),
        cmocka_unit_test(a_dataset_that_cannot_be_reordered_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
