/* test_partition.c: finding clusters with the n-th allocation failing, for every n. */
#include "support/blocks.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clusters_that_cannot_be_found_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
