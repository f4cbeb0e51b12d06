/* test_dataset_write.c: dataset directories written whole or not at all, read back the same, with
 * the figures the real sets state; and the split by hash. */
#include "support/support.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "loaders/graph_figures.h"
#include "loaders/write.h"

static const pr_eid  indptr[]  = { 0, 2, 3, 3, 5, 6 };
static const pr_vid  indices[] = { 1, 4, 0, 0, 2, 4 };
static const float   rows[] = { 1, 0, 2, 99, 0, -3, 0, 99, 0, 0, 0, 99, 4, 5, 0, 99, 0, 0, 6, 99 };
static const int32_t labels[] = { 0, 1, -1, 0, 1 };
static const pr_vid  train[] = { 0, 1 }, val[] = { 3 }, test[] = { 4 };
static const int64_t ids[] = { 10, 20, 30, 1LL << 40, -5 };

/* 5 nodes, 6 arcs of which one is a self loop, dense rows with a gap behind each. */
static pri_dataset_arrays little(void)
{
    return (pri_dataset_arrays){
        .name        = "little",
        .graph       = { 5, 6, indptr, indices, NULL },
        .features    = { .kind     = PR_FEATURES_DENSE,
                         .num_rows = 5,
                         .num_cols = 3,
                         .rows     = rows,
                         .ld       = 4 },
        .labels      = labels,
        .num_classes = 2,
        .has_split   = { true, false },
        .split       = { { { train, 2 }, { val, 1 }, { test, 1 } } },
    };
}

static const pr_dataset *reopen(const char *path)
{
    pr_dataset_options options = { .feature_norm = PR_NORM_NONE };
    const pr_dataset  *d;
    snprintf(options.data, sizeof options.data, "%s", path);
    assert_ok(pr_dataset_open(&options, &d));
    return d;
}

static int num_entries(const char *path)
{
    DIR *list = opendir(path);
    int  n    = 0;
    assert_non_null(list);
    while (readdir(list)) n++;
    assert_int_equal(closedir(list), 0);
    return n - 2;
}

/* Give directory/name; good for the next seven calls. */
static const char *inside(const char *directory, const char *name)
{
    static char path[8][1024];
    static int  at;
    char        joined[1024];

    snprintf(joined, sizeof joined, "%s/%s", directory, name);
    at = (at + 1) % 8;
    memcpy(path[at], joined, sizeof joined);
    return path[at];
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    const char              *out    = inside(test_directory(), "new");
    const pri_dataset_arrays arrays = little();
    const int64_t            live   = pri_mem_live();
    pr_made                  made   = { .peak_bytes = 77 };

    assert_ok(pri_dataset_write(out, &arrays, NULL, &made));
    assert_int_equal(pri_mem_live(), live);
    assert_int_equal(made.nodes, 5);
    assert_int_equal(made.edges, 6);
    assert_int_equal(made.features, 3);
    assert_int_equal(made.classes, 2);
    assert_int_equal(made.train, 2);
    assert_int_equal(made.val, 1);
    assert_int_equal(made.test, 1);
    assert_int_equal(made.peak_bytes, 77);
    assert_int_equal(num_entries(out), 8);

    const pr_dataset *d = reopen(out);
    assert_string_equal(d->name, "little");
    assert_memory_equal(d->graph.indptr, indptr, sizeof indptr);
    assert_memory_equal(d->graph.indices, indices, sizeof indices);
    assert_memory_equal(d->labels, labels, sizeof labels);
    for (int v = 0; v < 5; v++) assert_memory_equal(d->features.rows + v * 3, rows + v * 4, 12);
    assert_memory_equal(d->split[PR_SPLIT_MAIN].train.at, train, sizeof train);
    assert_false(d->has_split[PR_SPLIT_ALT]);
    pr_dataset_close(d);
}

static void weights_are_written_where_there_are_any(void **state)
{
    (void)state;
    static const float weights[] = { 0.5f, 0, 3, 1e-30f, 3e38f, 1 };
    const char        *out       = inside(test_directory(), "new");
    pri_dataset_arrays arrays    = little();

    arrays.graph.weights = weights;
    assert_ok(pri_dataset_write(out, &arrays, NULL, NULL));
    assert_int_equal(num_entries(out), 9);
    const pr_dataset *d = reopen(out);
    assert_memory_equal(d->graph.weights, weights, sizeof weights);
    pr_dataset_close(d);
}

static pr_status fill_counting(void *context, pr_vid first, pr_vid count, float *to)
{
    pr_vid *next = context;
    assert_int_equal(first, *next);
    *next += count;
    for (pr_vid i = 0; i < count * 3; i++) to[i] = (float)(first * 3 + i);
    return PR_OK;
}

static void rows_may_be_made_on_demand_and_parts_left_out(void **state)
{
    (void)state;
    const char        *directory = test_directory();
    const char        *out       = inside(directory, "new");
    pri_dataset_arrays arrays    = little();
    pr_vid             next      = 0;

    assert_int_equal(mkdir(out, 0777), 0); /* an empty directory is taken over */
    arrays.features.rows = NULL;
    arrays.fill_rows     = fill_counting;
    arrays.fill_context  = &next;
    arrays.labels        = NULL;
    arrays.num_classes   = 0;
    arrays.has_split[0]  = false;
    arrays.original_ids  = ids;
    assert_ok(pri_dataset_write(inside(directory, "new//"), &arrays, NULL, NULL));
    assert_int_equal(next, 5);
    assert_int_equal(num_entries(directory), 1);
    assert_int_equal(num_entries(out), 5);

    const pr_dataset *d = reopen(out);
    assert_null(d->labels);
    for (int i = 0; i < 15; i++) assert_true(d->features.rows[i] == (float)i);
    pr_dataset_close(d);
    pr_npy npy;
    assert_ok(pr_npy_open(inside(out, "ids.npy"), &npy));
    assert_int_equal(npy.dtype, PR_I64);
    assert_memory_equal(npy.data, ids, sizeof ids);
    pr_npy_close(&npy);
}

static void a_target_that_cannot_be_is_refused(void **state)
{
    (void)state;
    const char              *directory = test_directory();
    const char              *full      = inside(directory, "full");
    const pri_dataset_arrays arrays    = little();
    char                     longest[PR_TEXT_BYTES + 8];

    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(mkdir(full, 0777), 0);
    (void)test_file(full, "kept", "old", 3);
    const char *file = test_file(directory, "file", "old", 3);
    const char *link = inside(directory, "link");
    assert_int_equal(symlink("full", link), 0);
    const struct {
        pr_status   st;
        const char *dir, *words;
    } cases[] = {
        { PR_E_ARG, "", "is empty" },
        { PR_E_ARG, "/", "by a name of its own" },
        { PR_E_ARG, ".", "by a name of its own" },
        { PR_E_ARG, inside(directory, ".."), "by a name of its own" },
        { PR_E_ARG, longest, "bytes, at most" },
        { PR_E_ARG, full, "is not empty; the output must not exist or be an empty directory" },
        { PR_E_ARG, file, "exists and is not a directory" },
        { PR_E_ARG, link, "exists and is not a directory" },
        { PR_E_IO, "/no/such/new", "/no/such: No such file" },
        { PR_E_IO, inside(file, "new"), "is not a directory" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_fails(cases[i].st, cases[i].words, pri_dataset_target_check(cases[i].dir));
        assert_fails(cases[i].st, cases[i].words,
                     pri_dataset_write(cases[i].dir, &arrays, NULL, NULL));
    }
    assert_int_equal(num_entries(directory), 3);
    assert_int_equal(num_entries(full), 1);
    assert_ok(pri_dataset_target_check("not_there_yet"));
}

static void a_directory_that_may_not_be_written_is_the_worlds_fault(void **state)
{
    (void)state;
    if (geteuid() == 0) {
        printf("skipped: root writes everywhere\n");
        skip();
    }
    const char              *directory = test_directory();
    const char              *out       = inside(directory, "new");
    const pri_dataset_arrays arrays    = little();
    assert_int_equal(chmod(directory, 0555), 0);
    assert_fails(PR_E_IO, "cannot be made in", pri_dataset_target_check(out));
    assert_fails(PR_E_IO, "Permission denied", pri_dataset_write(out, &arrays, NULL, NULL));
    assert_int_equal(chmod(directory, 0777), 0);
}

static void an_interrupt_leaves_nothing(void **state)
{
    (void)state;
    const char              *directory = test_directory();
    const pri_dataset_arrays arrays    = little();
    const volatile int       stop      = 1;
    const int64_t            live      = pri_mem_live();
    pr_made                  made      = { .nodes = 3 };

    assert_fails(PR_E_INTERRUPTED, "nothing was made",
                 pri_dataset_write(inside(directory, "new"), &arrays, &stop, &made));
    assert_int_equal(num_entries(directory), 0);
    assert_int_equal(made.nodes, 3);
    assert_int_equal(pri_mem_live(), live);
}

/* Interrupted at the last moment: from the rows' own function. */
static volatile int late_stop;

static pr_status fill_and_stop(void *context, pr_vid first, pr_vid count, float *to)
{
    (void)context, (void)first;
    memset(to, 0, count * 3 * sizeof *to);
    late_stop = 1;
    return PR_OK;
}

static void an_interrupt_in_the_middle_leaves_nothing(void **state)
{
    (void)state;
    const char        *directory = test_directory();
    pri_dataset_arrays arrays    = little();

    late_stop            = 0;
    arrays.features.rows = NULL;
    arrays.fill_rows     = fill_and_stop;
    assert_fails(PR_E_INTERRUPTED, "interrupted",
                 pri_dataset_write(inside(directory, "new"), &arrays, &late_stop, NULL));
    assert_int_equal(num_entries(directory), 0);
}

static double real_of(const pr_json *json, const char *key)
{
    double         value  = NAN;
    const pr_json *member = pri_json_find(json, key);
    if (!member || !pri_json_as_real(member, &value)) fail_msg("no number '%s'", key);
    return value;
}

static void figures_of_a_little_graph_are_right(void **state)
{
    (void)state;
    const pri_dataset_arrays arrays = little();
    pr_json                 *json;
    bool                     flag;

    assert_ok(pri_figures_json(&arrays, &json));
    assert_true(real_of(json, "deg_mean") == 1.2);
    assert_true(real_of(json, "deg_median") == 1);
    assert_true(real_of(json, "deg_max") == 2);
    assert_true(real_of(json, "isolated") == 1);
    assert_true(real_of(json, "unlabelled") == 1);
    assert_true(real_of(json, "top1pct_edge_share") == 0.3333); /* one node, 2 arcs of 6 */
    assert_true(real_of(json, "edge_homophily") == 0.4);        /* 5 arcs, 0-3 and 4-4 equal */
    assert_true(pri_json_as_bool(pri_json_find(json, "self_loops"), &flag) && flag);
    assert_true(pri_json_as_bool(pri_json_find(json, "undirected"), &flag) && !flag);
    pr_json_free(json);
}

static pri_dataset_arrays arrays_of(const pr_dataset *d)
{
    pri_dataset_arrays arrays = { .name        = d->name,
                                  .graph       = d->graph,
                                  .features    = d->features,
                                  .labels      = d->labels,
                                  .num_classes = d->num_classes,
                                  .undirected  = true };
    for (int s = 0; s < PR_NUM_SPLITS; s++) {
        arrays.has_split[s] = d->has_split[s];
        arrays.split[s]     = d->split[s];
    }
    return arrays;
}

static void the_real_sets_survive_a_copy_with_their_figures(void **state)
{
    (void)state;
    static const char *const sets[]  = { "cora", "citeseer", "coauthor_cs", "amazon_photo",
                                         "musae_facebook" };
    static const char *const equal[] = {
        "num_nodes",          "num_edges",     "num_feats", "num_classes",
        "unlabelled",         "train",         "val",       "test",
        "deg_mean",           "deg_median",    "deg_max",   "isolated",
        "top1pct_edge_share", "edge_homophily"
    };
    const char *directory = test_directory();
    int         num_read  = 0;

    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        const char *path = test_data(sets[i]);
        if (!path) continue;
        const pr_dataset        *d      = reopen(path);
        const char              *out    = inside(directory, sets[i]);
        const pri_dataset_arrays arrays = arrays_of(d);
        pr_json                 *theirs, *ours;
        assert_ok(pri_json_read_object(inside(path, "meta.json"), 1 << 20, &theirs));
        assert_ok(pri_dataset_write(out, &arrays, NULL, NULL));
        assert_ok(pri_json_read_object(inside(out, "meta.json"), 1 << 20, &ours));
        for (size_t k = 0; k < sizeof equal / sizeof equal[0]; k++)
            if (fabs(real_of(theirs, equal[k]) - real_of(ours, equal[k])) > 1e-9)
                fail_msg("%s: %s is %g, was %g", sets[i], equal[k], real_of(ours, equal[k]),
                         real_of(theirs, equal[k]));
        pr_json_free(theirs);
        pr_json_free(ours);

        const pr_dataset *copy = reopen(out);
        assert_int_equal(copy->fingerprint, d->fingerprint); /* edge_index against indptr */
        for (int s = 0; s < PR_NUM_SPLITS; s++)
            assert_memory_equal(copy->split[s].test.at, d->split[s].test.at,
                                4 * d->split[s].test.n);
        const pr_features *a = &d->features, *b = &copy->features;
        if (a->kind == PR_FEATURES_CSR) {
            const pr_eid nnz = a->indptr[a->num_rows];
            assert_memory_equal(a->indices, b->indices, 4 * nnz);
            assert_memory_equal(a->data, b->data, 4 * nnz);
        } else {
            assert_memory_equal(a->rows, b->rows, 4 * (size_t)a->num_rows * a->num_cols);
        }
        pr_dataset_close(copy);
        pr_dataset_close(d);
        num_read++;
    }
    if (num_read == 0) skip();
}

enum { MANY = 20000 };

static void a_split_by_hash_covers_the_labelled_nodes_once(void **state)
{
    (void)state;
    static int32_t label[MANY];
    static char    seen[MANY];
    test_rng       rng = { test_seed(), 0 };
    pr_split       split;
    pr_vid        *memory, num_labelled = 0;

    for (int v = 0; v < MANY; v++) {
        label[v] = (int32_t)test_below(&rng, 4) - 1;
        num_labelled += label[v] >= 0;
    }
    assert_ok(pri_split_by_hash(label, MANY, 60, 20, 7, &split, &memory));
    const pr_vids part[] = { split.train, split.val, split.test };
    for (int p = 0; p < 3; p++)
        for (size_t i = 0; i < part[p].n; i++) {
            assert_true(i == 0 || part[p].at[i] > part[p].at[i - 1]);
            assert_true(label[part[p].at[i]] >= 0);
            assert_int_equal(seen[part[p].at[i]]++, 0);
        }
    assert_int_equal(split.train.n + split.val.n + split.test.n, num_labelled);
    /* five standard deviations of a binomial: sqrt(15000 * 0.6 * 0.4) = 60 */
    assert_true(fabs((double)split.train.n - 0.6 * num_labelled) < 300);
    assert_true(fabs((double)split.val.n - 0.2 * num_labelled) < 250);
    pri_free(memory);
}

static void a_nodes_part_depends_on_seed_and_node_alone(void **state)
{
    (void)state;
    int32_t  all[1000] = { 0 }, some[1000];
    pr_split whole, thin, other;
    pr_vid  *memory[3];

    for (int v = 0; v < 1000; v++) some[v] = v % 3 ? -1 : 0;
    assert_ok(pri_split_by_hash(all, 1000, 50, 25, 1, &whole, &memory[0]));
    assert_ok(pri_split_by_hash(some, 1000, 50, 25, 1, &thin, &memory[1]));
    assert_ok(pri_split_by_hash(all, 1000, 50, 25, 2, &other, &memory[2]));
    size_t j = 0;
    for (size_t i = 0; i < whole.train.n; i++)
        if (whole.train.at[i] % 3 == 0) assert_int_equal(thin.train.at[j++], whole.train.at[i]);
    assert_int_equal(j, thin.train.n);
    assert_true(other.train.n != whole.train.n ||
                memcmp(other.train.at, whole.train.at, 4 * whole.train.n) != 0);
    for (int i = 0; i < 3; i++) pri_free(memory[i]);

    assert_ok(pri_split_by_hash(all, 1000, 100, 0, 1, &whole, &memory[0]));
    assert_int_equal(whole.train.n, 1000);
    pri_free(memory[0]);
    assert_fails(PR_E_ARG, "80 percent to train and 30 to validate are more than 100",
                 pri_split_by_hash(all, 1000, 80, 30, 1, &whole, &memory[0]));
    assert_fails(PR_E_ARG, "more than 100",
                 pri_split_by_hash(all, 1000, 4294967295u, 2, 1, &whole, &memory[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(weights_are_written_where_there_are_any),
        cmocka_unit_test(rows_may_be_made_on_demand_and_parts_left_out),
        cmocka_unit_test(a_target_that_cannot_be_is_refused),
        cmocka_unit_test(a_directory_that_may_not_be_written_is_the_worlds_fault),
        cmocka_unit_test(an_interrupt_leaves_nothing),
        cmocka_unit_test(an_interrupt_in_the_middle_leaves_nothing),
        cmocka_unit_test(figures_of_a_little_graph_are_right),
        cmocka_unit_test(the_real_sets_survive_a_copy_with_their_figures),
        cmocka_unit_test(a_split_by_hash_covers_the_labelled_nodes_once),
        cmocka_unit_test(a_nodes_part_depends_on_seed_and_node_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
