/* gen.c: packrat gen: checks the request, lets a kind make pairs, labels and feature rows, and
 * writes the dataset. Feature rows are made while they are written and never lie in memory. */
#include "loaders/gen.h"

#include <inttypes.h>
#include <omp.h>
#include <unistd.h>

#include "base/rng.h"
#include "loaders/meta.h"
#include "loaders/write.h"

enum { WRITE_BYTES = 4 << 20, TRAIN_PERCENT = 60, VAL_PERCENT = 20, MAX_THREADS = 4096 };

#define MEMBER(member) offsetof(pr_gen_options, member)

static const pr_option options[] = {
    { "kind", "", "planted communities of sub-communities, or R-MAT", "planted", PR_OPT_CHOICE,
      MEMBER(kind), 0, 0, "planted|rmat" },
    { "out", "dir", "dataset directory to make; must not exist, or be empty", "", PR_OPT_TEXT,
      MEMBER(out), 0, 0, NULL },
    { "nodes", "nodes", "number of nodes", "10000", PR_OPT_U64, MEMBER(nodes), 2, PR_MAX_NODES,
      NULL },
    { "edges", "arcs",
      "stored arcs wanted, both directions counted; duplicates are drawn again (planted) or "
      "dropped "
      "(rmat)",
      "100000", PR_OPT_U64, MEMBER(edges), 2, 0x1p40, NULL },
    { "features", "columns", "columns of the feature rows", "64", PR_OPT_U32, MEMBER(features), 1,
      PRI_MAX_FEATS, NULL },
    { "classes", "classes", "number of classes", "10", PR_OPT_U32, MEMBER(classes), 2,
      PRI_MAX_CLASSES, NULL },
    { "seed", "", "another seed gives another graph", "1", PR_OPT_U64, MEMBER(seed), 0,
      (double)UINT64_MAX, NULL },
    { "communities", "", "planted: communities; small graphs get fewer, but one a class", "200",
      PR_OPT_U32, MEMBER(communities), 1, 1 << 24, NULL },
    { "subcommunities", "", "planted: sub-communities in each community; small graphs get fewer",
      "50", PR_OPT_U32, MEMBER(subcommunities), 1, 1 << 16, NULL },
    { "homophily", "share", "planted: share of the edges that stay in a sub-community", "0.48",
      PR_OPT_REAL, MEMBER(homophily), 0, 1, NULL },
    { "community-share", "share", "planted: share of the edges that stay in a community only",
      "0.32", PR_OPT_REAL, MEMBER(community_share), 0, 1, NULL },
    { "degree-exponent", "", "planted: exponent of the density of degrees (Pareto)", "2.8",
      PR_OPT_REAL, MEMBER(degree_exponent), 2.1, 10, NULL },
    { "noise", "", "standard deviation of feature noise; class centres have length 1", "0.6",
      PR_OPT_REAL, MEMBER(noise), 0, 1000, NULL },
    { "label-noise", "share", "share of the nodes whose label is drawn blindly", "0.25",
      PR_OPT_REAL, MEMBER(label_noise), 0, 1, NULL },
    { "multi-label", "",
      "planted: any number of labels a node, three in the mean: each community has a set of them",
      "false", PR_OPT_FLAG, MEMBER(multi_label), 0, 0, NULL },
    { "edge-weights", "",
      "weights of the edges, the same both ways: none, uniform (0 to 1), pareto (1 or more, with a "
      "long tail)",
      "none", PR_OPT_CHOICE, MEMBER(edge_weights), 0, 0, "none|uniform|pareto" },
    { "threads", "threads", "threads; 0 takes all; the result is the same", "0", PR_OPT_U32,
      MEMBER(threads), 0, MAX_THREADS, NULL },
};

const pr_option_table pr_gen_option_table = { "Generate", options,
                                              sizeof options / sizeof options[0] };

bool pri_gen_stopped(const pri_gen *gen)
{
    return gen->stop && *gen->stop;
}

int32_t pri_gen_label(const pri_gen *gen, pr_vid v, uint32_t clean)
{
    const pri_rand4 r = pri_philox(gen->key, v, 0, 0, PRI_GEN_LABEL);
    if ((double)r.at[0] * 0x1p-32 >= gen->options->label_noise) return (int32_t)clean;
    return (int32_t)((uint64_t)r.at[1] * gen->num_classes >> 32);
}

uint64_t pri_gen_community(const pri_gen *gen, pr_vid v, uint64_t community)
{
    const pri_rand4 r = pri_philox(gen->key, v, 0, 0, PRI_GEN_LABEL);
    if ((double)r.at[0] * 0x1p-32 >= gen->options->label_noise) return community;
    return (uint64_t)r.at[1] * gen->communities >> 32;
}

static pr_status check_options(const pr_gen_options *o)
{
    pr_status st = PR_OK;

    PR_TRY(pr_options_check(&pr_gen_option_table, o));
    PR_CHECK(o->out[0], PR_E_ARG, "--out is empty, must name the directory to make");
    PR_CHECK(o->classes <= o->nodes, PR_E_ARG, "--classes is %u, must be at most --nodes %" PRIu64,
             o->classes, o->nodes);
    PR_CHECK((double)o->edges <= (double)o->nodes * (double)(o->nodes - 1), PR_E_ARG,
             "--edges is %" PRIu64 ", %" PRIu64 " nodes have at most %.0f", o->edges, o->nodes,
             (double)o->nodes * (double)(o->nodes - 1));
    PR_CHECK(o->kind == 0 || !o->multi_label, PR_E_ARG,
             "--multi-label goes with --kind planted, not with rmat");
    if (o->kind == 0) {
        PR_CHECK(o->communities >= o->classes, PR_E_ARG,
                 "--communities is %u, must be at least --classes %u", o->communities, o->classes);
        PR_CHECK(o->homophily + o->community_share <= 1.0 + 1e-9, PR_E_ARG,
                 "--homophily %g and --community-share %g are more than 1 together", o->homophily,
                 o->community_share);
    }
    PR_TRY(pri_dataset_target_check(o->out));
done:
    return st;
}

/* State the peak memory, and refuse what this machine cannot hold before any work is done. */
static pr_status check_memory(const pri_gen *gen, const pri_gen_kind *kind, uint64_t *peak_bytes)
{
    pr_status      st      = PR_OK;
    const uint64_t N       = gen->num_nodes;
    const uint64_t pairs   = gen->num_pairs * 2 * sizeof(pr_vid);
    const uint64_t csc     = pri_csc_bytes(gen->num_pairs, N, true, false);
    const uint64_t weights = gen->options->edge_weights ? gen->num_pairs * 2 * sizeof(float) : 0;
    const uint64_t labels  = N * (gen->options->multi_label ? gen->num_classes : sizeof(int32_t));
    const uint64_t phase[] = {
        pairs + kind->pairs_bytes(gen),
        pairs + csc,
        csc + labels + kind->labels_bytes(gen),
        csc + weights + labels + N * sizeof(pr_vid) + WRITE_BYTES + gen->num_feats * sizeof(float),
    };

    *peak_bytes = 0;
    for (size_t i = 0; i < sizeof phase / sizeof phase[0]; i++)
        if (phase[i] > *peak_bytes) *peak_bytes = phase[i];
    const uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGE_SIZE);
    PR_CHECK(*peak_bytes <= machine, PR_E_NOMEM,
             "%" PRIu64 " nodes and %" PRIu64 " edges take %" PRIu64
             " bytes to make, this machine has %" PRIu64,
             N, gen->num_pairs * 2, *peak_bytes, machine);
done:
    return st;
}

static void start(pri_gen *gen, const pr_gen_options *o, const volatile int *stop)
{
    *gen = (pri_gen){
        .options     = o,
        .key         = pri_stream_key(o->seed, PRI_STREAM_GEN),
        .num_nodes   = (pr_vid)o->nodes,
        .num_pairs   = o->edges / 2,
        .num_classes = o->classes,
        .num_feats   = o->features,
        .threads     = o->threads ? (int)o->threads : omp_get_max_threads(),
        .stop        = stop,
    };
    pri_permutation_init(&gen->order, gen->num_nodes, gen->key);
}

/* Make arcs and labels. */
static pr_status make(pri_gen *gen, const pri_gen_kind *kind)
{
    pr_status         st  = PR_OK;
    const pri_csc_how how = { .undirected = true,
                              .threads    = (uint32_t)gen->threads,
                              .stop       = gen->stop };

    PR_NEW(gen->pair, 2 * gen->num_pairs);
    PR_TRY(kind->pairs(gen));
    PR_CHECK(!pri_gen_stopped(gen), PR_E_INTERRUPTED, "interrupted while drawing edges");
    PR_TRY(pri_csc_from_pairs(gen->pair, gen->num_pairs, gen->num_nodes, &how, &gen->csc));
    pri_free(gen->pair);
    gen->pair = NULL;
    if (gen->options->multi_label)
        PR_NEW(gen->targets, (size_t)gen->num_nodes * gen->num_classes);
    else
        PR_NEW(gen->labels, gen->num_nodes);
    PR_TRY(kind->labels(gen));
    PR_CHECK(!pri_gen_stopped(gen), PR_E_INTERRUPTED, "interrupted while making labels");
    if (gen->options->edge_weights) PR_TRY(pri_gen_edge_weights(gen));
done:
    return st;
}

static pr_status write_out(pri_gen *gen, const pri_gen_kind *kind, pr_made *made)
{
    pr_status          st     = PR_OK;
    pr_vid            *memory = NULL;
    pri_dataset_arrays a      = {
             .name         = kind->name,
             .graph        = gen->csc.graph,
             .features     = { .kind     = PR_FEATURES_DENSE,
                               .num_rows = gen->num_nodes,
                               .num_cols = gen->num_feats,
                               .ld       = gen->num_feats },
             .fill_rows    = kind->rows,
             .fill_context = gen,
             .labels       = gen->labels,
             .targets      = gen->targets,
             .num_classes  = gen->num_classes,
             .has_split    = { true, false },
             .undirected   = true,
    };

    PR_TRY(pri_split_by_hash(gen->labels, gen->num_nodes, TRAIN_PERCENT, VAL_PERCENT,
                             gen->options->seed, &a.split[PR_SPLIT_MAIN], &memory));
    PR_TRY(pri_dataset_write(gen->options->out, &a, gen->stop, made));
    made->self_loops_dropped = gen->csc.self_loops_dropped;
    made->duplicates_dropped = gen->csc.duplicates_dropped;
done:
    pri_free(memory);
    return st;
}

pr_status pr_generate(const pr_gen_options *given, const volatile int *stop, pr_made *made)
{
    pr_status st  = PR_OK;
    pri_gen   gen = { 0 };
    uint64_t  peak_bytes;

    PR_CHECK(made, PR_E_ARG, "made is NULL");
    *made = (pr_made){ 0 };
    PR_CHECK(given, PR_E_ARG, "options is NULL");
    PR_TRY(check_options(given));
    start(&gen, given, stop);
    const pri_gen_kind *kind = given->kind == 0 ? &pri_gen_planted : &pri_gen_rmat;
    if (kind == &pri_gen_planted) {
        pri_planted_size(&gen);
        if (gen.communities < given->communities || gen.subcommunities < given->subcommunities)
            pr_diag(PR_INFO,
                    "planted: %" PRIu64 " communities of %" PRIu64
                    " sub-communities; the graph is too small for %u of %u",
                    gen.communities, gen.subcommunities, given->communities, given->subcommunities);
    }
    PR_TRY(check_memory(&gen, kind, &peak_bytes));
    PR_TRY(make(&gen, kind));
    PR_TRY(write_out(&gen, kind, made));
    made->peak_bytes = peak_bytes;
done:
    pri_free(gen.pair);
    pri_csc_clear(&gen.csc);
    pri_free(gen.labels);
    pri_free(gen.targets);
    return st;
}
