/* link_run.h: link prediction as a run sees it: a dataset whose graph has no edge held out, whose
 * outputs are columns of an embedding, and whose training "nodes" are places in the list of edges;
 * and the evaluation of embeddings. Everything else of a run is what it is for nodes. */
#ifndef PIPELINE_LINK_RUN_H
#define PIPELINE_LINK_RUN_H

#include "pipeline/evaluate.h"
#include "pipeline/link_batch.h"
#include "pipeline/link_edges.h"
#include "pipeline/link_score.h"
#include "pipeline/session.h"

typedef struct pri_link {
    const pr_dataset *whole;    /* borrowed */
    pr_dataset        messages; /* of the same name, path and features: the graph without what is
                                   held out, num_classes columns of an embedding, and a split of
                                   places in the lists of edges */
    pr_link_options options;
    pri_link_edges  edges;
    pri_link_draw   draw;
    pri_link_plan   plan;   /* of steps */
    pr_vid         *places; /* 0, 1, 2, ... as long as the longest list, and as vertices */
    size_t          num_places;
    float          *rows; /* embeddings of the latest evaluation [num_nodes, dim]; pages follow */
    size_t          rows_bytes;
} pri_link;

/* Refuse options of a run that do not go with link prediction: PR_E_ARG or PR_E_UNSUPPORTED says
 * why. */
pr_status pri_link_check(const pr_train_setup *setup);

/* Give the most seeds of a step of these options, for either task. */
uint32_t pri_link_max_seeds(const pr_train_setup *setup);

/* Deal the edges and make what a run works on. `whole` must outlive it.
 *
 *   columns   of an embedding
 *   split     index of `messages.split` that is filled */
pr_status pri_link_open(const pr_dataset *whole, const pr_link_options *options, uint64_t seed,
                        uint32_t columns, int split, pri_link **out);
void      pri_link_free(pri_link *link); /* NULL is fine */

/* What link prediction takes beside what any run does. */
typedef struct pri_link_memory {
    uint64_t graph;      /* the whole one, lists of edges */
    uint64_t steps;      /* those kept, and what they are made with */
    uint64_t evaluation; /* embeddings and scores */
} pri_link_memory;

/* Give it for steps of batch_size edges, of which num_kept are kept. */
pri_link_memory pri_link_measure(const pri_link *link, uint32_t batch_size, uint32_t num_kept);

/* Embed all vertices and score parts.
 *
 *   input   phase, step, epoch, model, stop, limits, hooks; the rest is set here
 *   parts   [num], and out [num]
 *
 * The log, which may be NULL, has it as one exact pass. */
pr_status pri_link_evaluate(pri_link *link, pri_lane *const *lanes, uint32_t num_lanes,
                            pri_exact_input input, const pri_link_part *parts, uint32_t num,
                            pri_link_metrics *out, pr_steplog *log);

/* Whether a checkpoint's outputs are an embedding: it was trained with --task link. */
bool pri_link_trained(const pr_checkpoint_info *info);

/* Give the options of its run. PR_E_INPUT for options that are out of bounds. */
pr_status pri_link_stored(const pr_checkpoint_info *info, pr_link_options *out);

/* `packrat eval` of such a checkpoint: the same edges held out, by its options and seed, or as the
 * dataset's lists say.
 *
 *   log      out: opened here, for the caller to close
 *   result   filled in but for rows_lost and elapsed_ns */
pr_status pri_link_eval(pri_session *session, const pr_eval_setup *setup, const pr_hooks *hooks,
                        pr_steplog **log, pr_eval_result *result);

#endif
