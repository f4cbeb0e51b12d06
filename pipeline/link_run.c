/* link_run.c: see link_run.h. */
#include "pipeline/link_run.h"

#include <math.h>
#include <string.h>

/* ---- options ---- */

pr_status pri_link_check(const pr_train_setup *setup)
{
    pr_status st = PR_OK;

    PR_CHECK(setup->placement.lanes <= 1, PR_E_UNSUPPORTED,
             "--lanes %u: --task link works on one lane, as a pair's ends would be on two; must be "
             "0 or 1",
             setup->placement.lanes);
    PR_CHECK(setup->order.kind == PR_ORDER_RANDOM && setup->order.echo == 1, PR_E_UNSUPPORTED,
             "--task link uses edges in random order, each once an epoch; --order must be random, "
             "--echo 1");
    PR_CHECK(setup->train.eval != PR_EVAL_SAMPLED, PR_E_UNSUPPORTED,
             "--eval sampled: --task link ranks embeddings of all vertices; must be auto, exact or "
             "none");
    PR_CHECK(!setup->train.class_weights[0] || !strcmp(setup->train.class_weights, "none"),
             PR_E_ARG, "--class-weights %.200s: --task link has no classes; must be none",
             setup->train.class_weights);
done:
    return st;
}

uint32_t pri_link_max_seeds(const pr_train_setup *setup)
{
    const uint32_t batch = setup->train.batch_size;

    if (setup->train.task != PR_TASK_LINK) return batch;
    const uint64_t most = pri_link_most_seeds(batch, setup->link.negatives);
    return most < PR_MAX_NODES ? (uint32_t)most : PR_MAX_NODES;
}

/* ---- opening ---- */

static pr_status number_places(pri_link *link)
{
    pr_status st   = PR_OK;
    size_t    most = link->whole->graph.num_nodes;

    for (int p = 0; p < 3; p++)
        if (link->edges.part[p].n > most) most = link->edges.part[p].n;
    PR_NEW(link->places, most);
    link->num_places = most;
    for (size_t i = 0; i < most; i++) link->places[i] = (pr_vid)i;
done:
    return st;
}

static void describe(pri_link *link, uint32_t columns, int split)
{
    pr_dataset          *messages = &link->messages;
    const pri_edge_list *part     = link->edges.part;

    *messages             = *link->whole;
    messages->graph       = link->edges.graph;
    messages->labels      = NULL;
    messages->targets     = NULL;
    messages->num_classes = columns;
    for (int s = 0; s < PR_NUM_SPLITS; s++) messages->has_split[s] = s == split;
    messages->split[split] = (pr_split){ { link->places, part[PRI_LINK_TRAIN].n },
                                         { link->places, part[PRI_LINK_VAL].n },
                                         { link->places, part[PRI_LINK_TEST].n } };
}

pr_status pri_link_open(const pr_dataset *whole, const pr_link_options *options, uint64_t seed,
                        uint32_t columns, int split, pri_link **out)
{
    pr_status st   = PR_OK;
    pri_link *link = NULL;

    *out = NULL;
    PR_CHECK(whole->graph.num_nodes >= 2, PR_E_INPUT,
             "%s: has %u nodes, link prediction needs at least 2", whole->path,
             whole->graph.num_nodes);
    PR_NEW(link, 1);
    link->whole   = whole;
    link->options = *options;
    PR_TRY(pri_link_edges_make(whole, options, seed, &link->edges));
    PR_TRY(pri_link_draw_init(&link->edges.graph, options->negative_sampler, seed, &link->draw));
    PR_TRY(number_places(link));
    describe(link, columns, split);
    link->plan =
        (pri_link_plan){ &link->edges.part[PRI_LINK_TRAIN], &link->draw, options->negatives };
    link->rows_bytes = (size_t)whole->graph.num_nodes * columns * sizeof *link->rows;
    link->rows       = pri_pages_map(link->rows_bytes, 1);
    PR_CHECK(link->rows, PR_E_NOMEM, "cannot reserve %zu bytes for embeddings of all %u nodes",
             link->rows_bytes, whole->graph.num_nodes);
    *out = link;
    link = NULL;
done:
    pri_link_free(link);
    return st;
}

void pri_link_free(pri_link *link)
{
    if (!link) return;
    pri_pages_unmap(link->rows, link->rows_bytes);
    pri_link_edges_clear(&link->edges);
    pri_link_draw_clear(&link->draw);
    pri_free(link->places);
    pri_free(link);
}

pri_link_memory pri_link_measure(const pri_link *link, uint32_t batch_size, uint32_t num_kept)
{
    const pr_graph      *g    = &link->whole->graph;
    const pri_edge_list *part = link->edges.part;
    const size_t         val = part[PRI_LINK_VAL].n, test = part[PRI_LINK_TEST].n;
    const uint64_t       arc   = sizeof(pr_vid) + (g->weights ? sizeof(float) : 0);
    const size_t         edges = part[PRI_LINK_TRAIN].n + val + test;

    if (batch_size > part[PRI_LINK_TRAIN].n) batch_size = (uint32_t)part[PRI_LINK_TRAIN].n;
    return (pri_link_memory){
        .graph = (g->num_nodes + UINT64_C(1)) * sizeof(pr_eid) + g->num_edges * arc +
                 edges * 2 * sizeof(pr_vid),
        .steps =
            link->num_places * sizeof(pr_vid) + link->draw.alias.bytes +
            link->draw.alias.gaps_bytes + link->draw.alias.positive_bytes +
            pri_link_batches_bytes(batch_size, link->options.negatives, num_kept, g->num_nodes),
        .evaluation = link->rows_bytes + pri_link_score_bytes(val > test ? val : test),
    };
}

/* ---- evaluation ---- */

typedef struct score_job {
    pri_link_scoring  scoring;
    pri_link_metrics *out;
} score_job;

static pr_status score_part(pri_lane *lane, void *argument)
{
    const score_job *job = argument;

    (void)lane;
    return pri_link_score(&job->scoring, job->out);
}

pr_status pri_link_evaluate(pri_link *link, pri_lane *const *lanes, uint32_t num_lanes,
                            pri_exact_input input, const pri_link_part *parts, uint32_t num,
                            pri_link_metrics *out, pr_steplog *log)
{
    pr_status      st      = PR_OK;
    const uint32_t columns = link->messages.num_classes;
    pri_metrics    unused[PRI_NUM_SCORED];

    input.dataset     = &link->messages;
    input.output      = (pri_exact_output){ .logits = link->rows };
    input.num_answers = link->messages.graph.num_nodes;
    for (int i = 0; i < PRI_NUM_SCORED; i++) input.scored[i] = (pr_vids){ 0 };
    PR_TRY(pri_evaluate_exact(lanes, num_lanes, &input, unused, log));
    for (uint32_t i = 0; i < num; i++) {
        score_job job = { .scoring = { .rows      = link->rows,
                                       .ld        = columns,
                                       .cols      = columns,
                                       .edges     = &link->edges.part[parts[i]],
                                       .part      = parts[i],
                                       .draw      = &link->draw,
                                       .negatives = link->options.eval_negatives,
                                       .stop      = input.stop },
                          .out     = &out[i] };
        PR_TRY(pri_lane_run(lanes[0], score_part, &job));
    }
done:
    return st;
}
