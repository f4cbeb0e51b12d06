/* rank.c: counting arcs, and counting batches. */
#include "pipeline/rank.h"

#include "numa/team.h"

enum { NUM_BATCHES = 32 };
static const uint32_t epoch_never_trained = UINT32_MAX;
static const uint64_t step_never_reached  = UINT64_C(1) << 62; /* r_t of labor knows no epoch */

typedef struct rank_job {
    const pri_rank_input *input;
    uint32_t             *scores; /* [num_nodes] zeroed */
} rank_job;

static void add_one(uint32_t *score)
{
    *score += *score < UINT32_MAX;
}

static void count_arcs(const pri_rank_input *input, uint32_t *scores)
{
    const pr_graph *graph = input->graph;

    for (pr_eid e = 0; e < graph->num_edges; e++) add_one(&scores[graph->indices[e]]);
    for (size_t i = 0; i < input->train.n; i++) add_one(&scores[input->train.at[i]]);
}

/* Draw the batches one after the other, from the first one of the order again when it is used up:
 * draws depend on the step too. */
static pr_status count_batches(const pri_rank_input *input, uint32_t threads, uint32_t *scores)
{
    pr_status      st      = PR_OK;
    pr_sampler    *sampler = NULL;
    pr_batch_room *room    = NULL;
    pr_vid        *order   = NULL;
    const size_t   n       = input->train.n;
    const uint32_t size    = input->batch_size < n ? input->batch_size : (uint32_t)n;
    pr_batch       batch;

    PR_NEW(order, n);
    PR_TRY(pr_sampler_create(input->graph, input->fanout, input->sampling, input->seed, size,
                             threads, &sampler));
    PR_TRY(pr_batch_room_create(sampler, &room));
    pr_seed_order(input->train, input->seed, epoch_never_trained, order);
    size_t at = 0;
    for (uint32_t step = 0; step < NUM_BATCHES; step++) {
        const pr_vids seeds = { order + at, n - at < size ? n - at : size };
        const pr_draw draw  = { .phase = PR_PHASE_TRAIN,
                                .epoch = epoch_never_trained,
                                .step  = step_never_reached + step };
        PR_TRY(pr_sampler_draw(sampler, room, seeds, draw, &batch));
        for (size_t i = 0; i < batch.nodes.n; i++) scores[batch.nodes.at[i]]++;
        at = at + seeds.n < n ? at + seeds.n : 0;
    }
done:
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
    pri_free(order);
    return st;
}

static pr_status count(pri_lane *lane, void *argument)
{
    const rank_job *job = argument;

    if (job->input->rank == PR_RANK_PRESAMPLED)
        return count_batches(job->input, pri_team_num_threads(lane->team), job->scores);
    count_arcs(job->input, job->scores);
    return PR_OK;
}

pr_status pri_rank_scores(pri_lane *lane, const pri_rank_input *input, uint32_t **scores)
{
    pr_status st  = PR_OK;
    rank_job  job = { .input = input };

    *scores = NULL;
    PR_NEW(job.scores, input->graph->num_nodes);
    PR_TRY(pri_lane_run(lane, count, &job));
    *scores    = job.scores;
    job.scores = NULL;
done:
    pri_free(job.scores);
    return st;
}
