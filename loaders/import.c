/* import.c: packrat import: another dataset directory, or an edge list with features and labels,
 * made into a dataset directory in canonical form. */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "loaders/csc.h"
#include "loaders/edges.h"
#include "loaders/original_ids.h"
#include "loaders/table.h"
#include "loaders/write.h"

enum { FORMAT_AUTO, FORMAT_DIR, FORMAT_EDGES };
enum { WRITE_BYTES = 4 << 20, REMAP_BYTES = 48 }; /* of pri_dataset_write; of one id to remap */

#define MEMBER(member) offsetof(pr_import_options, member)

static const pr_option options[] = {
    { "source", "path", "edge list or dataset directory to read", "", PR_OPT_TEXT, MEMBER(source),
      0, 0, NULL },
    { "out", "dir", "dataset directory to make; must not exist, or be empty", "", PR_OPT_TEXT,
      MEMBER(out), 0, 0, NULL },
    { "format", "", "what the source is; auto takes a directory for dir and a file for edges",
      "auto", PR_OPT_CHOICE, MEMBER(format), 0, 0, "auto|dir|edges" },
    { "features", "file", "feature rows of an edge list: .npy [nodes, columns], or csv", "",
      PR_OPT_TEXT, MEMBER(features), 0, 0, NULL },
    { "labels", "file",
      "labels of an edge list: .npy [nodes], or csv of label or id,label; -1: none", "",
      PR_OPT_TEXT, MEMBER(labels), 0, 0, NULL },
    { "nodes", "nodes", "number of nodes of an edge list; 0 takes the number of feature rows", "0",
      PR_OPT_U64, MEMBER(nodes), 0, PR_MAX_NODES, NULL },
    { "undirected", "", "store the reverse of every edge too", "false", PR_OPT_FLAG,
      MEMBER(undirected), 0, 0, NULL },
    { "edge-weights", "", "read the third column of an edge list as the edge's weight", "false",
      PR_OPT_FLAG, MEMBER(edge_weights), 0, 0, NULL },
    { "remap", "", "number the ids found 0, 1, ... in ascending order and keep them in ids.npy",
      "false", PR_OPT_FLAG, MEMBER(remap), 0, 0, NULL },
    { "train-percent", "percent", "share of the labelled nodes that train, where no split is given",
      "60", PR_OPT_U32, MEMBER(train_percent), 0, 100, NULL },
    { "val-percent", "percent", "share of the labelled nodes that validate; the rest tests", "20",
      PR_OPT_U32, MEMBER(val_percent), 0, 100, NULL },
    { "seed", "", "decides who trains, validates and tests", "1", PR_OPT_U64, MEMBER(seed), 0,
      (double)UINT64_MAX, NULL },
    { "dry-run", "", "read everything, say what would be made and the peak memory, write nothing",
      "false", PR_OPT_FLAG, MEMBER(dry_run), 0, 0, NULL },
};

const pr_option_table pr_import_option_table = { "Import", options,
                                                 sizeof options / sizeof options[0] };

/* One import and everything it holds. */
typedef struct import_job {
    const pr_import_options *options;
    const volatile int      *stop;
    char               nodes_from[PR_TEXT_BYTES + 64]; /* what says how many nodes there are */
    pri_feature_table  features;
    pri_edges          edges;
    int64_t           *ids; /* with remap */
    pr_npy             source_ids;
    const pr_dataset  *dataset; /* of a directory */
    pri_csc            csc;
    int32_t           *labels;
    pr_vid            *split_memory;
    uint64_t           peak_bytes;
    pri_dataset_arrays arrays;
} import_job;

static void note_bytes(import_job *job, uint64_t bytes)
{
    if (bytes > job->peak_bytes) job->peak_bytes = bytes;
}

/* Copy the last part of a path; slashes at its end do not count. */
static void name_of(const char *path, char out[PR_TEXT_BYTES])
{
    size_t bytes = strlen(path);
    while (bytes > 1 && path[bytes - 1] == '/') bytes--;
    size_t first = bytes;
    while (first > 0 && path[first - 1] != '/') first--;
    snprintf(out, PR_TEXT_BYTES, "%.*s", (int)(bytes - first), path + first);
}

static pr_status check_options(const pr_import_options *o, int *format)
{
    pr_status   st = PR_OK;
    struct stat info;

    PR_TRY(pr_options_check(&pr_import_option_table, o));
    PR_CHECK(o->source[0], PR_E_ARG, "no source: name an edge list or a dataset directory");
    PR_CHECK(o->out[0] || o->dry_run, PR_E_ARG, "--out is empty, must name the directory to make");
    PR_CHECK(o->train_percent + o->val_percent <= 100, PR_E_ARG,
             "--train-percent %u and --val-percent %u are more than 100 together", o->train_percent,
             o->val_percent);
    PR_CHECK(!o->remap || o->nodes == 0, PR_E_ARG,
             "--nodes does not go with --remap: the ids found are the nodes");
    const bool is_dir = stat(o->source, &info) == 0 && S_ISDIR(info.st_mode);
    *format           = o->format;
    if (*format == FORMAT_AUTO) *format = is_dir ? FORMAT_DIR : FORMAT_EDGES;
    if (*format == FORMAT_DIR) {
        PR_CHECK(is_dir, PR_E_INPUT, "%s: is not a directory, which --format dir needs", o->source);
        const char *flag = o->features[0]    ? "features"
                           : o->labels[0]    ? "labels"
                           : o->nodes > 0    ? "nodes"
                           : o->undirected   ? "undirected"
                           : o->edge_weights ? "edge-weights"
                           : o->remap        ? "remap"
                                             : NULL;
        PR_CHECK(!flag, PR_E_ARG, "--%s goes with an edge list, %s is a dataset directory", flag,
                 o->source);
    } else {
        PR_CHECK(o->features[0], PR_E_ARG,
                 "no features: give --features F.npy or F.csv, a row for every node of %s",
                 o->source);
    }
    if (!o->dry_run) PR_TRY(pri_dataset_target_check(o->out));
done:
    return st;
}

/* Read the features; they say how many nodes there are, and --nodes must agree. */
static pr_status read_features(import_job *job)
{
    pr_status                st = PR_OK;
    const pr_import_options *o  = job->options;

    PR_TRY(pri_feature_table_read(o->features, job->stop, &job->features));
    PR_CHECK(o->nodes == 0 || o->nodes == job->features.num_rows, PR_E_MISMATCH,
             "--nodes is %" PRIu64 ", but %s has %" PRIu64 " rows", o->nodes, o->features,
             job->features.num_rows);
    snprintf(job->nodes_from, sizeof job->nodes_from, "the %" PRIu64 " rows of %s",
             job->features.num_rows, o->features);
done:
    return st;
}

/* Read the pairs, numbered 0 .. rows-1. */
static pr_status read_edges(import_job *job)
{
    pr_status                st    = PR_OK;
    const pr_import_options *o     = job->options;
    pri_lines                lines = { 0 };
    uint64_t                 num_ids;
    const pri_edge_rules     rules = { .weighted   = o->edge_weights,
                                       .any_id     = o->remap,
                                       .num_nodes  = o->remap ? 0 : job->features.num_rows,
                                       .nodes_from = job->nodes_from };

    PR_TRY(pri_lines_open(&lines, o->source, job->stop));
    PR_TRY(pri_edges_read(&lines, &rules, &job->edges));
    PR_CHECK(job->edges.num_pairs > 0, PR_E_INPUT, "%s: holds no edge", o->source);
    if (o->remap) {
        PR_TRY(pri_edges_remap(&job->edges, o->source, job->stop, &job->ids, &num_ids));
        PR_CHECK(num_ids == job->features.num_rows, PR_E_MISMATCH,
                 "%s: has %" PRIu64 " distinct node ids, but %s has %" PRIu64 " rows", o->source,
                 num_ids, o->features, job->features.num_rows);
    }
done:
    pri_lines_close(&lines);
    return st;
}

/* State the peak of the phases before the arcs are in order; afterwards the pairs are gone. */
static void note_edges(import_job *job)
{
    const uint64_t P = job->edges.num_pairs, N = job->features.num_rows;
    const bool     remap    = job->options->remap;
    const uint64_t rows     = job->features.values ? N * job->features.num_cols * sizeof(float) : 0;
    const bool     weighted = job->edges.weight != NULL;
    const uint64_t csc      = pri_csc_bytes(P, N, job->options->undirected, weighted);
    const uint64_t weights  = weighted ? P * sizeof(float) : 0;

    note_bytes(job, rows + weights + P * (remap ? 16 : 8) + (remap ? N * REMAP_BYTES : 0));
    note_bytes(job, rows + weights + P * 8 + csc + (remap ? N * 8 : 0));
    note_bytes(job, rows + csc + N * (remap ? 24 : 16) + WRITE_BYTES);
}

static pr_status import_edges(import_job *job)
{
    pr_status                st = PR_OK;
    const pr_import_options *o  = job->options;
    pri_dataset_arrays      *a  = &job->arrays;

    PR_TRY(read_features(job));
    PR_TRY(read_edges(job));
    note_edges(job);
    const pri_csc_how how = { .undirected = o->undirected, .stop = job->stop, .ids = job->ids };
    const pr_vid      N   = (pr_vid)job->features.num_rows;
    const pri_edges  *e   = &job->edges;
    st                    = e->weight
                                ? pri_csc_from_weighted_pairs(e->pair, e->weight, e->num_pairs, N, &how, &job->csc)
                                : pri_csc_from_pairs(e->pair, e->num_pairs, N, &how, &job->csc);
    if (st == PR_E_INPUT) pri_error_prefix("%s: ", o->source);
    if (st != PR_OK) goto done;
    pri_edges_clear(&job->edges);

    pri_feature_table_place(&job->features, a);
    a->graph        = job->csc.graph;
    a->original_ids = job->ids;
    if (o->labels[0]) {
        if (o->remap)
            snprintf(job->nodes_from, sizeof job->nodes_from, "the %u node ids of %s", N,
                     o->source);
        const pri_label_owner owner = { .num_nodes = N, .ids = job->ids, .from = job->nodes_from };
        PR_TRY(pri_labels_read(o->labels, &owner, job->stop, &job->labels, &a->num_classes));
        a->labels = job->labels;
    }
done:
    return st;
}

/* Refuse options of the split by hash where there is nothing for them to split. */
static pr_status refuse_split_options(const import_job *job)
{
    pr_status                st = PR_OK;
    const pr_import_options *o  = job->options;
    const pr_dataset        *d  = job->dataset;
    pr_import_options        usual;

    if (d->labels && !d->has_split[PR_SPLIT_MAIN]) return PR_OK;
    pr_options_init(&(pr_option_group){ &pr_import_option_table, &usual }, 1);
    const char *flag = o->train_percent != usual.train_percent ? "train-percent"
                       : o->val_percent != usual.val_percent   ? "val-percent"
                       : o->seed != usual.seed                 ? "seed"
                                                               : NULL;
    PR_CHECK(!flag, PR_E_ARG, "--%s goes with labels that bring no split, %s has %s", flag,
             o->source, d->labels ? "its own split" : "no labels");
done:
    return st;
}

static pr_status import_dir(import_job *job)
{
    pr_status           st   = PR_OK;
    const pri_csc_how   how  = { .stop = job->stop };
    pri_dataset_arrays *a    = &job->arrays;
    pr_dataset_options  from = { .feature_norm = PR_NORM_NONE };

    memcpy(from.data, job->options->source, sizeof from.data);
    PR_TRY(pr_dataset_open(&from, &job->dataset));
    const pr_dataset *d = job->dataset;
    PR_TRY(refuse_split_options(job));
    PR_TRY(pri_csc_from_graph(&d->graph, &how, &job->csc));
    PR_TRY(pri_original_ids_open(job->options->source, d->graph.num_nodes, &job->source_ids,
                                 &a->original_ids));
    const uint64_t arcs =
        pri_csc_bytes(d->graph.num_edges, d->graph.num_nodes, false, d->graph.weights != NULL);
    note_bytes(job, 2 * arcs + (uint64_t)d->graph.num_nodes * 16 + WRITE_BYTES);
    a->graph       = job->csc.graph;
    a->features    = d->features;
    a->labels      = d->labels;
    a->num_classes = d->num_classes;
    for (int s = 0; s < PR_NUM_SPLITS; s++) {
        a->has_split[s] = d->has_split[s];
        a->split[s]     = d->split[s];
    }
done:
    return st;
}

/* Add what follows from the arrays, write them, and say what was made. */
static pr_status finish(import_job *job, pr_made *made)
{
    pr_status                st = PR_OK;
    const pr_import_options *o  = job->options;
    pri_dataset_arrays      *a  = &job->arrays;
    char                     name[PR_TEXT_BYTES];

    name_of(o->out[0] ? o->out : o->source, name);
    a->name       = job->dataset ? job->dataset->name : name;
    a->undirected = o->undirected;
    if (!a->undirected) PR_TRY(pri_csc_is_symmetric(&a->graph, &a->undirected));
    pr_split *split = &a->split[PR_SPLIT_MAIN];
    if (a->labels && !a->has_split[PR_SPLIT_MAIN]) {
        PR_TRY(pri_split_by_hash(a->labels, a->graph.num_nodes, o->train_percent, o->val_percent,
                                 o->seed, split, &job->split_memory));
        a->has_split[PR_SPLIT_MAIN] = true;
    }
    if (!o->dry_run) PR_TRY(pri_dataset_write(o->out, a, job->stop, NULL));
    *made = (pr_made){
        .nodes              = a->graph.num_nodes,
        .edges              = a->graph.num_edges,
        .features           = a->features.num_cols,
        .classes            = a->num_classes,
        .train              = split->train.n,
        .val                = split->val.n,
        .test               = split->test.n,
        .self_loops_dropped = job->csc.self_loops_dropped,
        .duplicates_dropped = job->csc.duplicates_dropped,
        .peak_bytes         = job->peak_bytes,
    };
done:
    return st;
}

pr_status pr_import(const pr_import_options *given, const volatile int *stop, pr_made *made)
{
    pr_status   st     = PR_OK;
    import_job *job    = NULL;
    int         format = FORMAT_AUTO;

    PR_CHECK(made, PR_E_ARG, "made is NULL");
    *made = (pr_made){ 0 };
    PR_CHECK(given, PR_E_ARG, "options is NULL");
    PR_TRY(check_options(given, &format));
    PR_NEW(job, 1);
    job->options = given;
    job->stop    = stop;
    if (format == FORMAT_DIR)
        PR_TRY(import_dir(job));
    else
        PR_TRY(import_edges(job));
    PR_TRY(finish(job, made));
done:
    if (job) {
        pr_npy_close(&job->source_ids);
        pr_dataset_close(job->dataset);
        pri_csc_clear(&job->csc);
        pri_edges_clear(&job->edges);
        pri_feature_table_clear(&job->features);
        pri_free(job->ids);
        pri_free(job->labels);
        pri_free(job->split_memory);
        pri_free(job);
    }
    return st;
}
