/* import_edges.c: an edge list with features and labels, made into arrays and arcs that are built
 * while they are written. */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "loaders/edges.h"
#include "loaders/import.h"
#include "loaders/remap.h"

enum { PREFETCH_IDS = 16, ZSTD_BYTES = 1 << 20 };

/* Read the features; they say how many nodes there are, and --nodes must agree. */
static pr_status read_features(pri_import_job *job)
{
    pr_status                st = PR_OK;
    const pr_import_options *o  = job->options;
    pri_feature_table       *t  = &job->features;

    PR_TRY(pri_feature_table_read(o->features, &job->teller, t));
    PR_CHECK(o->nodes == 0 || o->nodes == t->num_rows, PR_E_MISMATCH,
             "--nodes is %" PRIu64 ", but %s has %" PRIu64 " rows", o->nodes, o->features,
             t->num_rows);
    snprintf(job->nodes_from, sizeof job->nodes_from, "the %" PRIu64 " rows of %s", t->num_rows,
             o->features);
    job->shape.nodes   = t->num_rows;
    job->shape.columns = t->num_cols;
    job->shape.rows =
        t->values ? t->num_rows * t->num_cols * sizeof *t->values : PRI_TABLE_CHUNK_BYTES;
    job->shape.rows_read = t->read_bytes;
done:
    return st;
}

/* Refuse a --memory that cannot be kept. The longest list is not known before the edges were read:
 * only what is certain is refused then, and what is named is enough unless there is a longer one.
 */
static pr_status check_memory(const pri_import_job *job)
{
    pr_status                st      = PR_OK;
    const pr_import_options *o       = job->options;
    pri_import_shape         s       = job->shape;
    const bool               known   = s.longest > 0;
    const uint64_t           thought = PRI_IMPORT_ROOM_BYTES / pri_arcs_arc_bytes(s.weighted);
    const uint64_t           least   = pri_import_least(&s);

    if (o->memory == 0 || o->memory >= least) return PR_OK;
    if (!known) s.longest = thought;
    PR_RAISE(PR_E_RANGE,
             "--memory is %" PRIu64 " bytes, must be at least %" PRIu64 " for %s and %s %" PRIu64
             " arcs",
             o->memory, pri_import_least(&s), job->nodes_from,
             known ? "a node with" : "nodes of up to", s.longest);
done:
    return st;
}

/* Give the block's ids their orders of discovery. */
static pr_status discover_block(const pri_import_job *job, const pri_edges *edges, pri_id_set *set)
{
    pr_status     st   = PR_OK;
    pr_vid *const pair = job->arcs.spool.pair + 2 * job->arcs.spool.n;

    for (uint64_t i = 0; i < 2 * edges->n; i++) {
        if (i + PREFETCH_IDS < 2 * edges->n) pri_id_set_prefetch(set, edges->id[i + PREFETCH_IDS]);
        pair[i] = pri_id_set_add(set, edges->id[i]);
        PR_CHECK(pair[i] != PR_VID_NONE, PR_E_MISMATCH,
                 "%s: has more than %" PRIu64 " distinct node ids, but %s has %" PRIu64 " rows",
                 job->options->source, set->most, job->options->features, set->most);
    }
done:
    return st;
}

/* Count and spool the block that was read. */
static pr_status take_block(pri_import_job *job, const pri_edges *edges, pri_id_set *set)
{
    pr_status  st    = PR_OK;
    pri_spool *spool = &job->arcs.spool;
    pr_vid    *pair  = spool->pair + 2 * spool->n;

    if (job->options->remap)
        PR_TRY(discover_block(job, edges, set));
    else
        for (uint64_t i = 0; i < 2 * edges->n; i++) pair[i] = (pr_vid)edges->id[i];
    if (edges->weight)
        memcpy(spool->weight + spool->n, edges->weight, edges->n * sizeof *spool->weight);
    PR_TRY(pri_arcs_add(&job->arcs, edges->n));
    const pri_unpack *file = &edges->lines.source;
    pri_tell(&job->teller, "read edges", file->bytes_read, file->file_bytes);
done:
    return st;
}

/* Number the ids that were found, and end pass 1. */
static pr_status number_ids(pri_import_job *job, pri_id_set *set)
{
    pr_status                st   = PR_OK;
    const pr_import_options *o    = job->options;
    pri_paged                rank = { 0 };

    if (o->remap) {
        PR_CHECK(set->n == job->shape.nodes, PR_E_MISMATCH,
                 "%s: has %" PRIu64 " distinct node ids, but %s has %" PRIu64 " rows", o->source,
                 set->n, o->features, job->shape.nodes);
        PR_TRY(pri_id_set_sort(set, &job->ids, &rank));
        snprintf(job->nodes_from, sizeof job->nodes_from, "the %" PRIu64 " node ids of %s",
                 job->shape.nodes, o->source);
        job->arcs.how.rules.ids = job->ids.at;
    }
    PR_TRY(pri_arcs_end(&job->arcs, &rank));
done:
    pri_paged_free(&rank);
    return st;
}

/* Refuse a --memory under which the archive may not look back as far as it does. */
static pr_status check_window(const pri_import_job *job, uint64_t wanted)
{
    pr_status         st     = PR_OK;
    pri_import_shape  s      = job->shape;
    const char *const source = job->options->source;
    uint64_t          window = 1;

    if (wanted == 0 || wanted > PRI_UNPACK_WINDOW_MOST || job->options->memory == 0) return PR_OK;
    while (window < wanted) window *= 2;
    s.longest             = PRI_IMPORT_ROOM_BYTES / pri_arcs_arc_bytes(s.weighted);
    const uint64_t before = pri_import_before(&s) + window + ZSTD_BYTES;
    const uint64_t after  = pri_import_least(&s);
    PR_RAISE(PR_E_RANGE,
             "--memory is %" PRIu64 " bytes, must be at least %" PRIu64
             " for %s, an archive that looks back %" PRIu64 " bytes",
             job->options->memory, before > after ? before : after, source, wanted);
done:
    return st;
}

/* Let an archive look back as far as there is memory for, besides what zstd takes in any case. */
static void set_window(pri_unpack *file, uint64_t bytes)
{
    pri_unpack_set_window(file, bytes > ZSTD_BYTES ? bytes - ZSTD_BYTES : 0);
}

/* Give what reading the labels will take, as far as it can be known beforehand. */
static uint64_t labels_before(const char *path)
{
    struct stat info;

    if (!path[0]) return 0;
    if (pri_is_npy_name(path)) return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
    return PRI_MAX_SHORT_LINE_BYTES + PRI_UNPACK_IN_BYTES + PRI_UNPACK_GZ_BYTES;
}

/* Read the file once. */
static pr_status read_edges(pri_import_job *job)
{
    pr_status                st    = PR_OK;
    const pr_import_options *o     = job->options;
    pri_edges                edges = { 0 };
    pri_id_set               set   = { 0 };
    const pri_edge_rules     rules = { .weighted   = o->edge_weights,
                                       .any_id     = o->remap,
                                       .num_nodes  = o->remap ? 0 : job->shape.nodes,
                                       .nodes_from = job->nodes_from };

    PR_TRY(pri_edges_open(&edges, o->source, &rules, pri_watch_stop(job->teller.watch)));
    job->shape.edges_read =
        pri_edges_bytes(&edges) + PRI_MAX_SHORT_LINE_BYTES - PRI_LINES_BYTES + PRI_UNPACK_GZ_BYTES;
    PR_TRY(check_memory(job));
    if (o->memory > 0) set_window(&edges.lines.source, o->memory - pri_import_before(&job->shape));
    if (o->remap) PR_TRY(pri_id_set_init(&set, job->shape.nodes));
    do {
        PR_TRY(pri_edges_next(&edges));
        PR_TRY(take_block(job, &edges, &set));
    } while (edges.n > 0);
    PR_CHECK(edges.num_edges > 0, PR_E_INPUT, "%s: holds no edge", o->source);
    const uint64_t took = pri_edges_bytes(&edges);
    if (took > job->shape.edges_read) job->shape.edges_read = took;
    pri_edges_close(&edges);
    PR_TRY(number_ids(job, &set));
done:
    if (st == PR_E_INPUT) {
        const pr_status refused = check_window(job, edges.lines.source.window_wanted);
        if (refused != PR_OK) st = refused;
    }
    pri_edges_close(&edges);
    pri_id_set_clear(&set);
    return st;
}

static pr_status read_labels(pri_import_job *job)
{
    pr_status                st    = PR_OK;
    const pr_import_options *o     = job->options;
    pri_dataset_arrays      *a     = &job->arrays;
    const pri_label_owner    owner = { .num_nodes = (pr_vid)job->shape.nodes,
                                       .ids       = job->ids.at,
                                       .from      = job->nodes_from };
    pri_label_table         *t     = &job->labels;

    if (!o->labels[0]) return PR_OK;
    PR_TRY(pri_labels_read(o->labels, &owner, pri_watch_stop(job->teller.watch), t));
    if (t->read_bytes > job->shape.labels_read) job->shape.labels_read = t->read_bytes;
    a->labels      = t->labels;
    a->targets     = t->targets;
    a->num_classes = t->num_classes;
    PR_TRY(pri_import_split(job));
done:
    return st;
}

/* Choose how much of the lists is in memory at once. Without --memory all of them are, unless that
 * is more than half of what is free. */
static pr_status plan(pri_import_job *job)
{
    pr_status         st     = PR_OK;
    pri_import_shape *s      = &job->shape;
    uint64_t          memory = job->options->memory;

    s->longest  = job->arcs.longest;
    s->num_arcs = job->arcs.num_arcs;
    PR_TRY(check_memory(job));
    if (memory == 0) memory = pr_memory_available() / 2;
    if (memory == 0) memory = UINT64_MAX;
    job->room_arcs   = pri_import_room_arcs(s, memory);
    job->peak_bytes  = pri_import_peak(s, job->room_arcs);
    job->least_bytes = pri_import_least(s);
    job->num_passes  = pri_arcs_num_ranges(&job->arcs, job->room_arcs);
done:
    return st;
}

/* Build the arcs while the dataset is written, or nowhere. */
static pr_status make_arcs(void *context, const char *dir, pri_dataset_arrays *arrays)
{
    pr_status       st   = PR_OK;
    pri_import_job *job  = context;
    pri_arcs       *arcs = &job->arcs;

    PR_TRY(pri_arcs_build(arcs, job->room_arcs, dir));
    arrays->graph.num_edges = arcs->num_arcs;
    arrays->graph.indptr    = arcs->indptr;
    arrays->undirected      = job->options->undirected || arcs->figures.lean == 0;
    arrays->arc_figures     = &arcs->figures;
    job->tally              = arcs->tally;
done:
    return st;
}

pr_status pri_import_edges(pri_import_job *job)
{
    pr_status                st = PR_OK;
    const pr_import_options *o  = job->options;
    pri_dataset_arrays      *a  = &job->arrays;

    job->shape = (pri_import_shape){ .base        = pri_import_base(),
                                     .remap       = o->remap,
                                     .weighted    = o->edge_weights,
                                     .label_bytes = o->labels[0] ? pri_label_bytes(o->labels) : 0,
                                     .labels_read = labels_before(o->labels) };
    PR_TRY(read_features(job));
    const pri_arcs_how how = { .num_nodes  = (pr_vid)job->shape.nodes,
                               .undirected = o->undirected,
                               .weighted   = o->edge_weights,
                               .rules = { .keep_all = o->duplicates, .self_loops = o->self_loops },
                               .spool_dir = job->spool_dir,
                               .source    = o->source,
                               .teller    = &job->teller };
    PR_TRY(pri_arcs_init(&job->arcs, &how));
    PR_TRY(read_edges(job));
    PR_TRY(read_labels(job));
    PR_TRY(plan(job));
    job->arcs.labels = job->labels.labels;
    pri_feature_table_place(&job->features, a);
    a->graph        = (pr_graph){ .num_nodes = (pr_vid)job->shape.nodes };
    a->original_ids = job->ids.at;
    a->make_arcs    = make_arcs;
    a->arcs_context = job;
done:
    return st;
}
