/* test_gen.c: synthetic graphs have the structure that was asked for, labels that neighbours tell
 * more of than a node's own row, and the same bytes for any number of threads. */
#include "support/support.h"

#include <dirent.h>
#include <math.h>

#include "loaders/gen.h"
#include "loaders/pair_set.h"

enum { PLANTED, RMAT };

static void init(pr_gen_options *o, int kind, const char *directory, const char *name)
{
    pr_options_init(&(pr_option_group){ &pr_gen_option_table, o }, 1);
    o->kind = kind;
    snprintf(o->out, sizeof o->out, "%s/%s", directory, name);
}

static const pr_dataset *make(const pr_gen_options *o, pr_made *made)
{
    static pr_dataset_options d;
    const pr_dataset         *dataset;

    assert_ok(pr_generate(o, NULL, made));
    snprintf(d.data, sizeof d.data, "%s", o->out);
    d.feature_norm = PR_NORM_NONE;
    assert_ok(pr_dataset_open(&d, &dataset));
    return dataset;
}

static bool has_arc(const pr_graph *g, pr_vid src, pr_vid dst)
{
    for (pr_eid e = g->indptr[dst]; e < g->indptr[dst + 1]; e++)
        if (g->indices[e] == src) return true;
    return false;
}

static void arcs_are_canonical_and_symmetric(void **state)
{
    (void)state;
    for (int kind = PLANTED; kind <= RMAT; kind++) {
        pr_gen_options o;
        pr_made        made;
        init(&o, kind, test_directory(), "graph");
        o.nodes = 777, o.edges = 6000, o.features = 3, o.classes = 4;
        const pr_dataset *d = make(&o, &made);
        const pr_graph   *g = &d->graph;
        for (pr_vid v = 0; v < g->num_nodes; v++)
            for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++) {
                assert_int_not_equal(g->indices[e], v);
                assert_true(e == g->indptr[v] || g->indices[e - 1] < g->indices[e]);
                assert_true(has_arc(g, v, g->indices[e]));
            }
        assert_int_equal(made.edges + made.duplicates_dropped + 2 * made.self_loops_dropped, 6000);
        assert_int_equal(made.edges, g->num_edges);
        assert_int_equal(made.nodes, 777);
        assert_int_equal(made.features, 3);
        assert_int_equal(made.classes, 4);
        assert_true(made.peak_bytes >= 6000 * 8);
        pr_dataset_close(d);
    }
}

/* Compare every file of two directories byte by byte. */
static void expect_same_files(const char *a, const char *b)
{
    DIR           *list = opendir(a);
    struct dirent *entry;
    int            compared = 0;

    assert_non_null(list);
    while ((entry = readdir(list)) != NULL) {
        char path[2][PR_TEXT_BYTES + 300];
        if (entry->d_name[0] == '.') continue;
        snprintf(path[0], sizeof path[0], "%s/%s", a, entry->d_name);
        snprintf(path[1], sizeof path[1], "%s/%s", b, entry->d_name);
        FILE *x = fopen(path[0], "rb"), *y = fopen(path[1], "rb");
        assert_true(x && y);
        int cx, cy;
        do {
            cx = getc(x), cy = getc(y);
            if (cx != cy) fail_msg("%s and %s differ", path[0], path[1]);
        } while (cx != EOF);
        fclose(x);
        fclose(y);
        compared++;
    }
    closedir(list);
    assert_int_equal(compared, 8); /* indptr, indices, feat, label, three lists, meta.json */
}

static void the_bytes_do_not_depend_on_the_threads(void **state)
{
    (void)state;
    const char *directory = test_directory();

    for (int kind = PLANTED; kind <= RMAT; kind++) {
        pr_gen_options o[4];
        pr_made        made[4];
        for (uint32_t i = 0; i < 4; i++) {
            char name[32];
            snprintf(name, sizeof name, "%d-%u", kind, i);
            init(&o[i], kind, directory, name);
            o[i].nodes = 3001, o[i].edges = 20000, o[i].features = 7;
            o[i].threads = i; /* 0: all */
            assert_ok(pr_generate(&o[i], NULL, &made[i]));
            assert_memory_equal(&made[i].nodes, &made[0].nodes, offsetof(pr_made, peak_bytes));
            if (i > 0) expect_same_files(o[0].out, o[i].out);
        }
    }
}

static void edge_weights_are_the_same_both_ways_and_as_asked(void **state)
{
    (void)state;
    for (int shape = 1; shape <= 2; shape++) {
        pr_gen_options o;
        pr_made        made;
        double         sum = 0, above = 0;
        const char    *directory = test_directory();
        init(&o, RMAT, directory, "one");
        o.nodes = 2000, o.edges = 20000, o.edge_weights = shape, o.threads = 1;
        const pr_dataset *other = make(&o, &made);
        init(&o, RMAT, directory, "graph");
        o.nodes = 2000, o.edges = 20000, o.edge_weights = shape, o.threads = 3;
        const pr_dataset *d = make(&o, &made);
        const pr_graph   *g = &d->graph;
        assert_memory_equal(other->graph.weights, g->weights, g->num_edges * sizeof *g->weights);
        pr_dataset_close(other);
        for (pr_vid v = 0; v < g->num_nodes; v++)
            for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++) {
                const pr_vid u = g->indices[e];
                const double w = (double)g->weights[e];
                assert_true(shape == 1 ? w > 0 && w <= 1 : w >= 1);
                sum += w;
                above += w > 4; /* 1/8 of a Pareto tail with exponent 1.5 */
                for (pr_eid f = g->indptr[u]; f < g->indptr[u + 1]; f++)
                    if (g->indices[f] == v) assert_true(g->weights[f] == g->weights[e]);
            }
        const double n = (double)g->num_edges;
        if (shape == 1) assert_true(fabs(sum / n - 0.5) < 0.02);
        if (shape == 2) assert_true(fabs(above / n - 0.125) < 0.02);
        pr_dataset_close(d);
    }
}

static void another_seed_gives_another_graph(void **state)
{
    (void)state;
    const char *directory = test_directory();

    for (int kind = PLANTED; kind <= RMAT; kind++) {
        const pr_dataset *d[2];
        pr_made           made;
        for (int i = 0; i < 2; i++) {
            pr_gen_options o;
            init(&o, kind, directory, i ? (kind ? "a" : "b") : (kind ? "c" : "d"));
            o.nodes = 500, o.edges = 3000, o.features = 2;
            o.seed = (uint64_t)i;
            d[i]   = make(&o, &made);
        }
        assert_int_not_equal(d[0]->fingerprint, d[1]->fingerprint);
        assert_true(fabsf(d[0]->features.rows[0] - d[1]->features.rows[0]) > 0);
        pr_dataset_close(d[0]);
        pr_dataset_close(d[1]);
    }
}

/* Shares of arcs by structure: wanted 48 % in a sub-community, 32 % in the community only. An arc
 * that may end anywhere meets its own community by chance as rarely as there are many (a tenth or
 * less of a fifth, and a fiftieth of a third its own sub-community): 2 points either way. */
static void planted_arcs_stay_where_they_should(void **state)
{
    (void)state;
    pr_gen_options o;
    pr_made        made;
    pri_gen        gen   = { 0 };
    uint64_t       inner = 0, outer = 0;

    init(&o, PLANTED, test_directory(), "graph");
    o.nodes = 40000, o.edges = 400000, o.features = 1;
    const pr_dataset *d = make(&o, &made);
    gen.options         = &o;
    gen.num_nodes       = 40000;
    pri_planted_size(&gen);
    pri_permutation_init(&gen.order, o.nodes, pri_stream_key(o.seed, PRI_STREAM_GEN));
    const uint64_t blocks = gen.communities * gen.subcommunities;
    assert_true(gen.communities >= 10 && blocks <= 40000 / 10);
    for (pr_vid v = 0; v < 40000; v++)
        for (pr_eid e = d->graph.indptr[v]; e < d->graph.indptr[v + 1]; e++) {
            const uint64_t a = pri_unpermute(&gen.order, v) * blocks / 40000;
            const uint64_t b = pri_unpermute(&gen.order, d->graph.indices[e]) * blocks / 40000;
            inner += a == b;
            outer += a != b && a / gen.subcommunities == b / gen.subcommunities;
        }
    const double E = (double)d->graph.num_edges;
    printf("planted: %.3f in sub-communities, %.3f in communities, %.3f of the arcs kept\n",
           (double)inner / E, (double)outer / E, E / 400000);
    assert_true(fabs((double)inner / E - 0.48) < 0.02);
    assert_true(fabs((double)outer / E - 0.32) < 0.02);
    assert_true(E > 0.99 * 400000); /* full sub-communities drop what is left */
    pr_dataset_close(d);
}

/* A Pareto tail of exponent 2.8 has P(degree > 2 x) / P(degree > x) = 2^-1.8 = 0.29; binned degrees
 * of one sample and dropped duplicates allow 0.22 .. 0.36. */
static void planted_degrees_have_the_tail_asked_for(void **state)
{
    (void)state;
    pr_gen_options o;
    pr_made        made;
    uint64_t       above[2] = { 0, 0 }, largest = 0;

    init(&o, PLANTED, test_directory(), "graph");
    o.nodes = 40000, o.edges = 400000, o.features = 1;
    const pr_dataset *d = make(&o, &made);
    for (pr_vid v = 0; v < 40000; v++) {
        const uint64_t degree = d->graph.indptr[v + 1] - d->graph.indptr[v];
        above[0] += degree > 20;
        above[1] += degree > 40;
        if (degree > largest) largest = degree;
    }
    const double ratio = (double)above[1] / (double)above[0];
    printf("planted: tail ratio %.3f, largest degree %llu\n", ratio, (unsigned long long)largest);
    assert_true(ratio > 0.22 && ratio < 0.36);
    assert_true(largest > 200);
    pr_dataset_close(d);
}

/* In R-MAT, node pairs meet in proportion to 0.57, 0.19, 0.19, 0.05 at each level: the upper half
 * of the places has 24 % of the ends. */
static void rmat_degrees_follow_the_quadrants(void **state)
{
    (void)state;
    pr_gen_options  o;
    pr_made         made;
    pri_permutation order;
    uint64_t        upper = 0;

    init(&o, RMAT, test_directory(), "graph");
    o.nodes = 1 << 16, o.edges = 400000, o.features = 1;
    const pr_dataset *d = make(&o, &made);
    pri_permutation_init(&order, o.nodes, pri_stream_key(o.seed, PRI_STREAM_GEN));
    for (pr_vid v = 0; v < 1 << 16; v++)
        if (pri_unpermute(&order, v) >= 1 << 15)
            upper += d->graph.indptr[v + 1] - d->graph.indptr[v];
    const double share = (double)upper / (double)d->graph.num_edges;
    printf("rmat: %.3f of the ends in the upper half, %.3f of the arcs kept\n", share,
           (double)d->graph.num_edges / 400000);
    assert_true(fabs(share - 0.24) < 0.02); /* dropped duplicates lie in the lower half */
    pr_dataset_close(d);
}

/* Nearest class mean, fitted on the training nodes: give the share of right test nodes. */
static double accuracy(const pr_dataset *d, const float *x)
{
    const uint32_t  F = d->features.num_cols, K = d->num_classes;
    double         *mean  = calloc((size_t)K * F, sizeof *mean);
    uint64_t       *count = calloc(K, sizeof *count), right = 0;
    const pr_split *s = &d->split[PR_SPLIT_MAIN];

    assert_true(mean && count);
    for (size_t i = 0; i < s->train.n; i++) {
        const pr_vid v = s->train.at[i];
        const size_t k = (size_t)d->labels[v];
        count[k]++;
        for (uint32_t f = 0; f < F; f++) mean[k * F + f] += (double)x[(size_t)v * F + f];
    }
    for (size_t i = 0; i < s->test.n; i++) {
        const pr_vid v    = s->test.at[i];
        double       near = INFINITY;
        int32_t      best = -1;
        for (uint32_t k = 0; k < K; k++) {
            double distance = 0;
            for (uint32_t f = 0; f < F; f++) {
                const double n = count[k] ? (double)count[k] : 1;
                const double t = (double)x[(size_t)v * F + f] - mean[k * F + f] / n;
                distance += t * t;
            }
            if (distance < near) near = distance, best = (int32_t)k;
        }
        right += best == d->labels[v];
    }
    free(mean);
    free(count);
    return (double)right / (double)s->test.n;
}

/* Y[v] = own * X[v] + mean over in-neighbours of X. */
static float *mean_rows(const pr_dataset *d, const float *x, float own)
{
    const uint32_t  F = d->features.num_cols;
    const pr_graph *g = &d->graph;
    float          *y = calloc((size_t)g->num_nodes * F, sizeof *y);

    assert_non_null(y);
    for (pr_vid v = 0; v < g->num_nodes; v++) {
        const pr_eid degree = g->indptr[v + 1] - g->indptr[v];
        for (uint32_t f = 0; f < F; f++) {
            float sum = 0;
            for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++)
                sum += x[(size_t)g->indices[e] * F + f];
            y[(size_t)v * F + f] = own * x[(size_t)v * F + f] + (degree ? sum / (float)degree : 0);
        }
    }
    return y;
}

/* With the defaults, a classifier on rows alone stays under 45 %, on rows averaged twice over the
 * neighbourhood comes near 75 % (planted; label noise leaves 77.5 %). */
static void neighbours_tell_more_than_a_row_alone(void **state)
{
    (void)state;
    for (int kind = PLANTED; kind <= RMAT; kind++) {
        pr_gen_options o;
        pr_made        made;
        init(&o, kind, test_directory(), "graph");
        const pr_dataset *d    = make(&o, &made);
        const float      *x    = d->features.rows;
        float            *once = mean_rows(d, x, 0.25f);
        float            *more = mean_rows(d, once, 1.0f);
        const double      own = accuracy(d, x), p1 = accuracy(d, once), p2 = accuracy(d, more);
        printf("%s: own row %.3f, once averaged %.3f, twice %.3f\n", d->name, own, p1, p2);
        assert_true(own < 0.45);
        assert_true(kind == RMAT ? p1 > 0.45 && p1 > own + 0.08 : p2 > 0.65 && p2 < 0.78);
        free(once);
        free(more);
        pr_dataset_close(d);
    }
}

static void a_pair_is_new_once_whichever_way_round(void **state)
{
    (void)state;
    enum { NODES = 70 }; /* all pairs of them fill the set as far as it may be */
    pri_pair_set set;

    assert_ok(pri_pair_set_init(&set, NODES * (NODES - 1) / 2));
    for (int round = 0; round < 2; round++)
        for (pr_vid a = 0; a < NODES; a++)
            for (pr_vid b = 0; b < NODES; b++) {
                if (a == b) continue;
                pri_pair_set_prefetch(&set, a, b);
                assert_int_equal(pri_pair_set_add(&set, a, b), round == 0 && a < b);
            }
    pri_pair_set_clear(&set);
}

static void permutations_are_bijections(void **state)
{
    (void)state;
    const uint64_t sizes[] = { 1, 2, 3, 4, 5, 31, 32, 33, 1000, 65537 };

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const uint64_t  n    = sizes[i];
        char           *seen = calloc(n, 1);
        pri_permutation p;
        uint64_t        fixed = 0;
        assert_non_null(seen);
        pri_permutation_init(&p, n, test_seed() + i);
        for (uint64_t x = 0; x < n; x++) {
            const uint64_t y = pri_permute(&p, x);
            assert_true(y < n && !seen[y]);
            seen[y] = 1;
            fixed += x == y;
            assert_true(pri_unpermute(&p, y) == x);
        }
        assert_true(n < 100 || fixed < 20);
        free(seen);
    }
    pri_permutation large;
    pri_permutation_init(&large, PR_MAX_NODES, 1);
    for (uint64_t x = 0; x < 1000; x++)
        assert_true(pri_unpermute(&large, pri_permute(&large, x * 4294967)) == x * 4294967);
}

static void normal_deviates_have_mean_0_and_variance_1(void **state)
{
    (void)state;
    enum { DRAWS = 100000 };
    const pri_gen gen = { .key = test_seed() };
    double        sum = 0, squares = 0, fourth = 0;

    for (uint32_t i = 0; i < DRAWS; i++) {
        float x[4];
        pri_gen_normal(&gen, PRI_GEN_NOISE, i, 5, x);
        for (int j = 0; j < 4; j++) {
            sum += (double)x[j];
            squares += (double)x[j] * (double)x[j];
            fourth += pow((double)x[j], 4);
        }
    }
    const double n = 4.0 * DRAWS; /* standard errors: 0.0016, 0.0022, 0.015; five of them */
    assert_true(fabs(sum / n) < 0.008);
    assert_true(fabs(squares / n - 1) < 0.012);
    assert_true(fabs(fourth / n - 3) < 0.08);
}

static void small_and_dense_graphs_are_made(void **state)
{
    (void)state;
    const struct {
        uint64_t nodes, edges;
        uint32_t features, classes;
    } sizes[] = { { 2, 2, 1, 2 },    { 3, 6, 5, 3 },     { 5, 20, 4, 2 },
                  { 50, 49, 3, 10 }, { 60, 3000, 2, 6 }, { 1000, 2, 1, 1000 } };

    for (int kind = PLANTED; kind <= RMAT; kind++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            pr_gen_options o;
            pr_made        made;
            char           name[16];
            snprintf(name, sizeof name, "g%zu", i);
            init(&o, kind, test_directory(), name);
            o.nodes = sizes[i].nodes, o.edges = sizes[i].edges;
            o.features = sizes[i].features, o.classes = sizes[i].classes;
            o.communities       = 1000;
            const pr_dataset *d = make(&o, &made);
            assert_int_equal(d->graph.num_nodes, o.nodes);
            assert_int_equal(d->num_classes, o.classes);
            assert_true(made.edges <= o.edges && made.edges % 2 == 0);
            pr_dataset_close(d);
        }
}

static void expect_refused(const pr_gen_options *o, pr_status status, const char *words)
{
    pr_made made;
    assert_fails(status, words, pr_generate(o, NULL, &made));
    assert_int_equal(made.nodes, 0);
}

static void absurd_options_are_refused(void **state)
{
    (void)state;
    const char    *directory = test_directory();
    pr_gen_options o;

#define REFUSED(change, status, words)                                                             \
    do {                                                                                           \
        init(&o, PLANTED, directory, "graph");                                                     \
        change;                                                                                    \
        expect_refused(&o, status, words);                                                         \
    } while (0)
    REFUSED(o.nodes = 1, PR_E_ARG, "--nodes is 1, must be in 2 ..");
    REFUSED(o.nodes = UINT64_MAX, PR_E_ARG, "--nodes is 18446744073709551615");
    REFUSED(o.edges = 0, PR_E_ARG, "--edges is 0, must be in 2 ..");
    REFUSED(o.edges = UINT64_MAX, PR_E_ARG, "--edges is 18446744073709551615");
    REFUSED((o.nodes = 100, o.edges = 9902), PR_E_ARG,
            "--edges is 9902, 100 nodes have at most 9900");
    REFUSED(o.classes = 1, PR_E_ARG, "--classes is 1, must be in 2 ..");
    REFUSED(o.classes = 201, PR_E_ARG, "--communities is 200, must be at least --classes 201");
    REFUSED((o.classes = 20000, o.communities = 20000), PR_E_ARG,
            "--classes is 20000, must be at most --nodes 10000");
    REFUSED(o.features = 0, PR_E_ARG, "--features is 0, must be in 1 ..");
    REFUSED(o.homophily = 0.7, PR_E_ARG,
            "--homophily 0.7 and --community-share 0.32 are more than 1");
    REFUSED(o.homophily = (double)NAN, PR_E_ARG, "--homophily is nan");
    REFUSED(o.degree_exponent = 2, PR_E_ARG, "--degree-exponent is 2, must be in 2.1 ..");
    REFUSED(o.noise = -1, PR_E_ARG, "--noise is -1, must be in 0 ..");
    REFUSED(o.label_noise = 1.5, PR_E_ARG, "--label-noise is 1.5, must be in 0 .. 1");
    REFUSED(o.kind = 2, PR_E_ARG, "--kind is choice 2, must be one of planted|rmat");
    REFUSED(o.out[0] = '\0', PR_E_ARG, "--out is empty");
    (void)test_file(directory, "something", "", 0);
    REFUSED(snprintf(o.out, sizeof o.out, "%s", directory), PR_E_ARG, "is not empty");
    REFUSED(snprintf(o.out, sizeof o.out, "/nowhere/graph"), PR_E_IO, "/nowhere");
#undef REFUSED
}

static void what_memory_cannot_hold_is_refused_at_once(void **state)
{
    (void)state;
    pr_gen_options o;

    init(&o, PLANTED, test_directory(), "graph");
    o.nodes = PR_MAX_NODES, o.edges = (uint64_t)1 << 40;
    expect_refused(&o, PR_E_NOMEM, "bytes to make, this machine has");
    o.kind = RMAT, o.nodes = 10000000, o.classes = 1000000, o.edges = 100;
    expect_refused(&o, PR_E_NOMEM, "bytes to make, this machine has");
}

static void an_interrupted_gen_leaves_nothing(void **state)
{
    (void)state;
    const volatile int stop = 1;

    for (int kind = PLANTED; kind <= RMAT; kind++) {
        const char    *directory = test_directory();
        pr_gen_options o;
        pr_made        made;
        init(&o, kind, directory, "graph");
        assert_fails(PR_E_INTERRUPTED, "interrupted", pr_generate(&o, &stop, &made));
        DIR *list    = opendir(directory);
        int  entries = 0;
        assert_non_null(list);
        while (readdir(list)) entries++;
        closedir(list);
        assert_int_equal(entries, 2); /* . and .. */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arcs_are_canonical_and_symmetric),
        cmocka_unit_test(the_bytes_do_not_depend_on_the_threads),
        cmocka_unit_test(edge_weights_are_the_same_both_ways_and_as_asked),
        cmocka_unit_test(another_seed_gives_another_graph),
        cmocka_unit_test(planted_arcs_stay_where_they_should),
        cmocka_unit_test(planted_degrees_have_the_tail_asked_for),
        cmocka_unit_test(rmat_degrees_follow_the_quadrants),
        cmocka_unit_test(neighbours_tell_more_than_a_row_alone),
        cmocka_unit_test(a_pair_is_new_once_whichever_way_round),
        cmocka_unit_test(permutations_are_bijections),
        cmocka_unit_test(normal_deviates_have_mean_0_and_variance_1),
        cmocka_unit_test(small_and_dense_graphs_are_made),
        cmocka_unit_test(absurd_options_are_refused),
        cmocka_unit_test(what_memory_cannot_hold_is_refused_at_once),
        cmocka_unit_test(an_interrupted_gen_leaves_nothing),
    };
    pr_diag_set_level(PR_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
