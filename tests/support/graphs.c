/* graphs.c: see graphs.h. */
#include "support/graphs.h"

const char *test_planted(uint64_t nodes, uint64_t edges, uint32_t features, uint32_t classes)
{
    static char           paths[16][512];
    static int            num_paths;
    static pr_gen_options gen;
    const pr_option_group group = { &pr_gen_option_table, &gen };
    pr_made               made;

    assert_true(num_paths < 16);
    char *path = paths[num_paths++];
    snprintf(path, sizeof paths[0], "%s/planted", test_directory());
    pr_options_init(&group, 1);
    gen.nodes    = nodes;
    gen.edges    = edges;
    gen.features = features;
    gen.classes  = classes;
    gen.seed     = test_seed();
    snprintf(gen.out, sizeof gen.out, "%s", path);
    assert_ok(pr_generate(&gen, NULL, &made));
    return path;
}

const pr_dataset *test_open(const char *path)
{
    static pr_dataset_options options;
    const pr_option_group     group = { &pr_dataset_option_table, &options };
    const pr_dataset         *dataset;

    pr_options_init(&group, 1);
    snprintf(options.data, sizeof options.data, "%s", path);
    assert_ok(pr_dataset_open(&options, &dataset));
    return dataset;
}

void test_setup(pr_train_setup *setup, const char *path)
{
    pr_option_group groups[PR_TRAIN_GROUPS];

    pr_train_groups(setup, groups);
    pr_options_init(groups, PR_TRAIN_GROUPS);
    snprintf(setup->dataset.data, sizeof setup->dataset.data, "%s", path);
    snprintf(setup->train.log, sizeof setup->train.log, "none");
}
