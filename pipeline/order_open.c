/* order_open.c: see order_open.h. */
#include "pipeline/order_open.h"

#include "pipeline/nodefile.h"

static pr_status check_together(const pr_order_options *o)
{
    pr_status st = PR_OK;

    PR_CHECK(o->kind != PR_ORDER_FILE || o->file[0], PR_E_ARG,
             "--order file needs --order.file FILE, a .npy of training nodes");
    PR_CHECK(o->kind == PR_ORDER_FILE || !o->file[0], PR_E_ARG,
             "--order.file %s goes with --order file", o->file);
done:
    return st;
}

/* Find the earlier entry that names the same node as entry i. */
static size_t earlier(const pr_vid *ids, size_t i)
{
    size_t at = 0;
    while (ids[at] != ids[i]) at++;
    return at;
}

/* Read a list of training nodes.
 *
 *   state   of each vertex: 0 does not train, 1 does, 2 is listed
 */
static pr_status read_list(pri_order_source *source, const pr_graph *graph, pr_vids train)
{
    pr_status   st    = PR_OK;
    const char *path  = source->options->file;
    uint8_t    *state = NULL;
    size_t      n     = 0;

    PR_NEW(state, graph->num_nodes);
    for (size_t i = 0; i < train.n; i++) state[train.at[i]] = 1;
    PR_TRY(pri_nodes_read(path, graph->num_nodes, &source->listed, &n));
    const pr_vid *ids = source->listed;
    PR_CHECK(n > 0, PR_E_INPUT, "%s: lists no node, at least one must train", path);
    for (size_t i = 0; i < n; i++) {
        uint8_t *mine = &state[ids[i]];
        PR_CHECK(*mine != 0, PR_E_INPUT,
                 "%s: entry %zu is %u, which is none of the split's %zu training nodes", path, i,
                 ids[i], train.n);
        PR_CHECK(*mine == 1, PR_E_INPUT,
                 "%s: entry %zu is %u, as entry %zu is; a node may be listed once", path, i, ids[i],
                 earlier(ids, i));
        *mine = 2;
    }
    source->nodes = (pr_vids){ ids, n };
done:
    pri_free(state);
    return st;
}

static pr_status find_clusters(pri_order_source *source, const pr_graph *graph, uint64_t seed,
                               uint32_t threads, const volatile int *stop)
{
    const pr_order_options  *o       = source->options;
    const pr_cluster_options options = {
        .clusters = o->clusters, .method = o->method, .seed = seed, .threads = threads, .stop = stop
    };
    const pr_status st = pr_clusters_find(graph, &options, &source->clusters);

    if (st != PR_OK && st != PR_E_INTERRUPTED) pri_error_prefix("--order community: ");
    return st;
}

static void say_costs(const pri_order_source *source, size_t num_train)
{
    const pr_order_options *o = source->options;
    const pr_clusters      *c = source->clusters;

    if (c)
        pr_diag(
            PR_WARN,
            "--order community: %s (%s) found %u clusters in %.1f s with %.0f MiB, %.0f %% of "
            "the arcs between them; with %.0f %% random seeds and a buffer of %u batches a step "
            "may teach less than in random order: see docs/stickiness.md",
            pr_clusters_method_name(c->method), c->why, c->num_clusters,
            (double)c->elapsed_ns * 1e-9, (double)c->peak_bytes * 0x1p-20, 100 * c->cut_share,
            100 * o->mix, o->buffer);
    if (source->listed)
        pr_diag(
            PR_WARN,
            "--order file: %zu of %zu training nodes, in the same order every epoch; a step may "
            "teach less than in random order: see docs/stickiness.md",
            source->nodes.n, num_train);
    if (o->echo > 1)
        pr_diag(PR_WARN,
                "--echo %u: an epoch has %u times the steps, with new seeds in one of %u; a step "
                "may teach less than with new seeds: see docs/stickiness.md",
                o->echo, o->echo, o->echo);
}

pr_status pri_order_open(const pr_order_options *options, const pr_graph *graph, pr_vids train,
                         uint64_t seed, uint32_t threads, const volatile int *stop,
                         pri_order_source *out)
{
    pr_status st = PR_OK;

    *out = (pri_order_source){ .options = options, .nodes = train };
    PR_TRY(check_together(options));
    if (options->kind == PR_ORDER_FILE) PR_TRY(read_list(out, graph, train));
    if (options->kind == PR_ORDER_COMMUNITY) PR_TRY(find_clusters(out, graph, seed, threads, stop));
    say_costs(out, train.n);
done:
    if (st != PR_OK) pri_order_close(out);
    return st;
}

void pri_order_close(pri_order_source *source)
{
    pr_clusters_free(source->clusters);
    pri_free(source->listed);
    *source = (pri_order_source){ 0 };
}

pri_seed_order_plan pri_order_plan(const pri_order_source *source, uint64_t seed,
                                   uint32_t batch_size)
{
    const pr_order_options *o = source->options;
    return (pri_seed_order_plan){ .kind     = o->kind,
                                  .nodes    = source->nodes,
                                  .seed     = seed,
                                  .clusters = source->clusters,
                                  .mix      = o->mix,
                                  .buffer   = (uint64_t)o->buffer * batch_size };
}

pri_echo pri_order_echo(const pri_order_source *source)
{
    return (pri_echo){ .times = source->options->echo, .pool = source->options->pool };
}
