/* import.c: packrat import: another dataset directory, or an edge list with features and labels,
 * made into a dataset directory in canonical form. */
#include "loaders/import.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "loaders/original_ids.h"

enum { FORMAT_AUTO, FORMAT_DIR, FORMAT_EDGES };

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
      "labels of an edge list: .npy [nodes], or csv of label or id,label; -1: none; or .npy "
      "[nodes, labels] of 0 and 1",
      "", PR_OPT_TEXT, MEMBER(labels), 0, 0, NULL },
    { "nodes", "nodes", "number of nodes of an edge list; 0 takes the number of feature rows", "0",
      PR_OPT_U64, MEMBER(nodes), 0, PR_MAX_NODES, NULL },
    { "undirected", "", "store the reverse of every edge too", "false", PR_OPT_FLAG,
      MEMBER(undirected), 0, 0, NULL },
    { "edge-weights", "", "read the third column of an edge list as the edge's weight", "false",
      PR_OPT_FLAG, MEMBER(edge_weights), 0, 0, NULL },
    { "remap", "", "number the ids found 0, 1, ... in ascending order and keep them in ids.npy",
      "false", PR_OPT_FLAG, MEMBER(remap), 0, 0, NULL },
    { "duplicates", "",
      "of equal arcs of an edge list: keep one, whose weight is the sum of theirs, or all",
      "keep-one", PR_OPT_CHOICE, MEMBER(duplicates), 0, 0, "keep-one|keep-all" },
    { "self-loops", "",
      "arcs of an edge list from a node to itself; add keeps them and gives one, of weight 1, to "
      "every node that has none",
      "drop", PR_OPT_CHOICE, MEMBER(self_loops), 0, 0, "drop|keep|add" },
    { "memory", "bytes",
      "what the whole process may take with an edge list: fewer bytes, more passes; 0 takes what "
      "suits, half of the free memory at most where it can",
      "0", PR_OPT_BYTES, MEMBER(memory), 0, (double)(UINT64_C(1) << 50), NULL },
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
                           : o->duplicates   ? "duplicates"
                           : o->self_loops   ? "self-loops"
                           : o->memory       ? "memory"
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

/* Refuse options of the split by hash where there is nothing for them to split. */
static pr_status refuse_split_options(const pri_import_job *job)
{
    pr_status                st = PR_OK;
    const pr_import_options *o  = job->options;
    const pr_dataset        *d  = job->dataset;
    pr_import_options        usual;

    const bool labelled = d->labels || d->targets;
    if (labelled && !d->has_split[PR_SPLIT_MAIN]) return PR_OK;
    pr_options_init(&(pr_option_group){ &pr_import_option_table, &usual }, 1);
    const char *flag = o->train_percent != usual.train_percent ? "train-percent"
                       : o->val_percent != usual.val_percent   ? "val-percent"
                       : o->seed != usual.seed                 ? "seed"
                                                               : NULL;
    PR_CHECK(!flag, PR_E_ARG, "--%s goes with labels that bring no split, %s has %s", flag,
             o->source, labelled ? "its own split" : "no labels");
done:
    return st;
}

/* Give what the features of an open dataset may have in memory. */
static uint64_t features_bytes(const pr_features *f)
{
    if (f->kind == PR_FEATURES_DENSE) return (uint64_t)f->num_rows * f->ld * sizeof *f->rows;
    return f->indptr[f->num_rows] * (sizeof *f->indices + sizeof *f->data) +
           ((uint64_t)f->num_rows + 1) * sizeof *f->indptr;
}

static pr_status import_dir(pri_import_job *job)
{
    pr_status           st   = PR_OK;
    const pri_csc_how   how  = { .stop = pri_watch_stop(job->teller.watch) };
    const uint64_t      base = pri_import_base();
    pri_dataset_arrays *a    = &job->arrays;
    pr_dataset_options  from = { .feature_norm = PR_NORM_NONE };

    memcpy(from.data, job->options->source, sizeof from.data);
    PR_TRY(pr_dataset_open(&from, &job->dataset));
    const pr_dataset *d = job->dataset;
    PR_TRY(refuse_split_options(job));
    PR_TRY(pri_csc_from_graph(&d->graph, &how, &job->csc));
    PR_TRY(pri_original_ids_open(job->options->source, d->graph.num_nodes, &job->source_ids,
                                 &a->original_ids));
    PR_TRY(pri_edge_lists_read(job->options->source, d->graph.num_nodes, a->edges));
    const uint64_t arcs =
        pri_csc_bytes(d->graph.num_edges, d->graph.num_nodes, false, d->graph.weights != NULL);
    job->peak_bytes = job->least_bytes =
        base + 2 * arcs + features_bytes(&d->features) + (uint64_t)d->graph.num_nodes * 24 +
        PRI_WRITE_BYTES + (d->targets ? (uint64_t)d->graph.num_nodes * d->num_classes : 0);
    job->tally     = (pri_arc_tally){ job->csc.self_loops_dropped, job->csc.duplicates_dropped };
    a->graph       = job->csc.graph;
    a->features    = d->features;
    a->labels      = d->labels;
    a->targets     = d->targets;
    a->num_classes = d->num_classes;
    for (int s = 0; s < PR_NUM_SPLITS; s++) {
        a->has_split[s] = d->has_split[s];
        a->split[s]     = d->split[s];
    }
    PR_TRY(pri_import_split(job));
    PR_TRY(pri_csc_is_symmetric(&a->graph, &a->undirected));
done:
    return st;
}

pr_status pri_import_split(pri_import_job *job)
{
    pr_status                st = PR_OK;
    const pr_import_options *o  = job->options;
    pri_dataset_arrays      *a  = &job->arrays;

    if ((!a->labels && !a->targets) || a->has_split[PR_SPLIT_MAIN]) return PR_OK;
    PR_TRY(pri_split_by_hash(
        a->labels, job->dataset ? a->graph.num_nodes : (pr_vid)job->shape.nodes, o->train_percent,
        o->val_percent, o->seed, &a->split[PR_SPLIT_MAIN], &job->split_memory));
    a->has_split[PR_SPLIT_MAIN] = true;
done:
    return st;
}

/* Write the arrays, or only bring the arcs, and say what was made. */
static pr_status finish(pri_import_job *job, pr_made *made)
{
    pr_status                st    = PR_OK;
    const pr_import_options *o     = job->options;
    pri_dataset_arrays      *a     = &job->arrays;
    const pr_split          *split = &a->split[PR_SPLIT_MAIN];
    char                     name[PR_TEXT_BYTES];

    name_of(o->out[0] ? o->out : o->source, name);
    a->name = job->dataset ? job->dataset->name : name;
    if (!o->dry_run)
        PR_TRY(pri_dataset_write(o->out, a, pri_watch_stop(job->teller.watch), NULL));
    else if (a->make_arcs)
        PR_TRY(a->make_arcs(a->arcs_context, NULL, a));
    *made = (pr_made){
        .nodes              = a->graph.num_nodes,
        .edges              = job->dataset ? a->graph.num_edges : job->arcs.num_arcs,
        .features           = a->features.num_cols,
        .classes            = a->num_classes,
        .train              = split->train.n,
        .val                = split->val.n,
        .test               = split->test.n,
        .self_loops_dropped = job->tally.self_loops_dropped,
        .duplicates_dropped = job->tally.duplicates_dropped,
        .peak_bytes         = job->peak_bytes,
        .least_bytes        = job->least_bytes,
        .num_passes         = job->num_passes,
    };
done:
    return st;
}

static void free_job(pri_import_job *job)
{
    if (!job) return;
    pr_npy_close(&job->source_ids);
    pri_edge_lists_clear(job->arrays.edges);
    pr_dataset_close(job->dataset);
    pri_csc_clear(&job->csc);
    pri_arcs_clear(&job->arcs);
    pri_feature_table_clear(&job->features);
    pri_paged_free(&job->ids);
    pri_label_table_clear(&job->labels);
    pri_free(job->split_memory);
    pri_free(job);
}

pr_status pr_import(const pr_import_options *given, const pr_watch *watch, pr_made *made)
{
    pr_status       st     = PR_OK;
    pri_import_job *job    = NULL;
    int             format = FORMAT_AUTO;

    PR_CHECK(made, PR_E_ARG, "made is NULL");
    *made = (pr_made){ 0 };
    PR_CHECK(given, PR_E_ARG, "options is NULL");
    PR_TRY(check_options(given, &format));
    PR_NEW(job, 1);
    job->options  = given;
    job->teller   = (pri_teller){ .watch = watch };
    job->features = (pri_feature_table){ .file = { .fd = -1 } };
    if (given->dry_run)
        snprintf(job->spool_dir, sizeof job->spool_dir, "%s", pri_spool_usual_dir());
    else
        PR_TRY(pri_dataset_target_parent(given->out, job->spool_dir));
    if (format == FORMAT_DIR)
        PR_TRY(import_dir(job));
    else
        PR_TRY(pri_import_edges(job));
    PR_TRY(finish(job, made));
done:
    free_job(job);
    return st;
}
