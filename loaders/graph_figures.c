/* graph_figures.c: the figures of meta.json. Degrees are counted in a histogram, so that median and
 * the share of the most connected nodes need no sort. */
#include "loaders/graph_figures.h"

#include <math.h>

#include "base/rng.h"
#include "loaders/array.h"

/* Figures of a graph. */
typedef struct graph_figures {
    double          deg_mean, deg_median;
    uint64_t        deg_max, isolated;
    double          top1pct_edge_share;
    pri_arc_figures arcs;
} graph_figures;

/* Give the degree of the node at place `rank` when nodes are sorted by degree. */
static uint64_t degree_at(const uint32_t *nodes_with, uint64_t rank)
{
    uint64_t degree = 0, passed = nodes_with[0];
    while (passed <= rank) passed += nodes_with[++degree];
    return degree;
}

static void set_degrees(const pr_graph *g, const uint32_t *nodes_with, graph_figures *f)
{
    const uint64_t N   = g->num_nodes;
    uint64_t       top = N < 100 ? 1 : N / 100, arcs = 0;

    f->deg_mean = (double)g->num_edges / (double)N;
    f->deg_median =
        ((double)degree_at(nodes_with, (N - 1) / 2) + (double)degree_at(nodes_with, N / 2)) / 2;
    f->isolated = nodes_with[0];
    for (uint64_t degree = f->deg_max; degree > 0 && top > 0; degree--) {
        const uint64_t taken = nodes_with[degree] < top ? nodes_with[degree] : top;
        arcs += taken * degree;
        top -= taken;
    }
    f->top1pct_edge_share = g->num_edges > 0 ? (double)arcs / (double)g->num_edges : 0;
}

void pri_arc_figures_add(pri_arc_figures *figures, const int32_t *labels,
                         const pri_arc_lists *lists)
{
    const pr_eid  *end   = lists->end;
    const uint64_t E     = lists->num > 0 ? end[lists->num - 1] - lists->base : 0;
    uint64_t       loops = 0, equal = 0, labelled = 0, lean = 0;

#pragma omp parallel for reduction(+ : loops, equal, labelled, lean) if (E >= PRI_PARALLEL_FROM)
    for (uint64_t i = 0; i < lists->num; i++) {
        const uint64_t v = lists->first + i, begin = i > 0 ? end[i - 1] : lists->base;
        for (uint64_t e = begin; e < end[i]; e++) {
            const uint64_t u = lists->arcs[e - lists->base];
            loops += u == v;
            if (lists->directions) lean += pri_mix64(u << 32 | v) - pri_mix64(v << 32 | u);
            if (!labels || labels[u] < 0 || labels[v] < 0) continue;
            labelled++;
            equal += labels[u] == labels[v];
        }
    }
    figures->self_loops += loops;
    figures->equal += equal;
    figures->labelled += labelled;
    figures->lean += lean;
}

static void count_arcs(const pri_dataset_arrays *arrays, pri_arc_figures *figures)
{
    const pr_graph     *g     = &arrays->graph;
    const pri_arc_lists lists = { .num = g->num_nodes, .end = g->indptr + 1, .arcs = g->indices };

    *figures = (pri_arc_figures){ 0 };
    if (arrays->arc_figures)
        *figures = *arrays->arc_figures;
    else
        pri_arc_figures_add(figures, arrays->labels, &lists);
}

static pr_status compute(const pri_dataset_arrays *arrays, graph_figures *f)
{
    pr_status       st         = PR_OK;
    const pr_graph *g          = &arrays->graph;
    uint32_t       *nodes_with = NULL; /* of each degree */

    *f = (graph_figures){ 0 };
    for (uint64_t v = 0; v < g->num_nodes; v++) {
        const uint64_t degree = g->indptr[v + 1] - g->indptr[v];
        if (degree > f->deg_max) f->deg_max = degree;
    }
    PR_NEW(nodes_with, f->deg_max + 1);
    for (uint64_t v = 0; v < g->num_nodes; v++) nodes_with[g->indptr[v + 1] - g->indptr[v]]++;
    set_degrees(g, nodes_with, f);
    count_arcs(arrays, &f->arcs);
done:
    pri_free(nodes_with);
    return st;
}

static uint64_t count_unlabelled(const pri_dataset_arrays *arrays)
{
    uint64_t n = arrays->labels || arrays->targets ? 0 : arrays->graph.num_nodes;
    for (uint64_t v = 0; arrays->labels && v < arrays->graph.num_nodes; v++)
        n += arrays->labels[v] < 0;
    return n;
}

/* Round as a reader wants it: a figure, not 17 digits. */
static double rounded(double value, double parts)
{
    return round(value * parts) / parts;
}

static pr_status set_split(pr_json *json, const pr_split *split, const char *prefix)
{
    pr_status st = PR_OK;
    char      key[32];

    snprintf(key, sizeof key, "%strain", prefix);
    PR_TRY(pr_json_set_int(json, key, (int64_t)split->train.n));
    snprintf(key, sizeof key, "%sval", prefix);
    PR_TRY(pr_json_set_int(json, key, (int64_t)split->val.n));
    snprintf(key, sizeof key, "%stest", prefix);
    PR_TRY(pr_json_set_int(json, key, (int64_t)split->test.n));
done:
    return st;
}

pr_status pri_figures_json(const pri_dataset_arrays *arrays, pr_json **out)
{
    pr_status          st  = PR_OK;
    const pr_features *x   = &arrays->features;
    const bool         csr = x->kind == PR_FEATURES_CSR;
    graph_figures      f;

    *out          = NULL;
    pr_json *json = pr_json_object();
    PR_CHECK(json, PR_E_NOMEM, "cannot allocate a JSON object");
    PR_TRY(compute(arrays, &f));
    if (arrays->name) PR_TRY(pr_json_set_string(json, "name", arrays->name));
    PR_TRY(pr_json_set_int(json, "num_nodes", arrays->graph.num_nodes));
    PR_TRY(pr_json_set_int(json, "num_edges", (int64_t)arrays->graph.num_edges));
    PR_TRY(pr_json_set_int(json, "num_feats", x->num_cols));
    PR_TRY(pr_json_set_int(json, "num_classes", arrays->num_classes));
    PR_TRY(pr_json_set_string(json, "feat", csr ? "csr" : "dense"));
    if (csr) PR_TRY(pr_json_set_int(json, "feat_nnz", (int64_t)x->indptr[x->num_rows]));
    const int format = csr ? PR_ROWS_F32 : pri_arrays_row_format(arrays);
    if (format != PR_ROWS_F32)
        PR_TRY(pr_json_set_string(json, "feat_format", pr_row_format_name(format)));
    PR_TRY(pr_json_set_bool(json, "undirected", arrays->undirected));
    PR_TRY(pr_json_set_bool(json, "self_loops", f.arcs.self_loops > 0));
    if (arrays->targets) PR_TRY(pr_json_set_bool(json, "multi_label", true));
    PR_TRY(pr_json_set_int(json, "unlabelled", (int64_t)count_unlabelled(arrays)));
    if (arrays->has_split[PR_SPLIT_MAIN])
        PR_TRY(set_split(json, &arrays->split[PR_SPLIT_MAIN], ""));
    if (arrays->has_split[PR_SPLIT_ALT])
        PR_TRY(set_split(json, &arrays->split[PR_SPLIT_ALT], "alt_"));
    PR_TRY(pr_json_set_real(json, "deg_mean", rounded(f.deg_mean, 100)));
    PR_TRY(pr_json_set_real(json, "deg_median", f.deg_median));
    PR_TRY(pr_json_set_int(json, "deg_max", (int64_t)f.deg_max));
    PR_TRY(pr_json_set_int(json, "isolated", (int64_t)f.isolated));
    PR_TRY(pr_json_set_real(json, "top1pct_edge_share", rounded(f.top1pct_edge_share, 1e4)));
    PR_TRY(pr_json_set_real(
        json, "edge_homophily",
        f.arcs.labelled > 0 ? rounded((double)f.arcs.equal / (double)f.arcs.labelled, 1e4) : NAN));
    *out = json;
    json = NULL;
done:
    pr_json_free(json);
    return st;
}
