/* step.c: one mini-batch from seeds to log row. Read lane_step first: it names every hand-over
 * between the rooms in the order in which they happen. The rest adds lanes up. */
#include "pipeline/step.h"

#include <math.h>

#include "pipeline/bring.h"

/* One lane's part of a step: its slice of the seeds in, its share of the row out. */
typedef struct lane_part {
    const pri_step_input *input;
    pri_turn              turn;
    pr_batch              batch;
    uint32_t              num_waiting; /* batches drawn behind this one */
    pr_cache_plan         plan;
    pri_ahead_times       ahead;
    pri_nn_times          times;
    int64_t               place_ns, lane_ns;
    double                loss_sum;
    uint64_t              num_correct;
} lane_part;

/* Batch and rows may have been got ready while earlier steps were computed; the calls are the same
 * either way. */
static pr_status lane_step(pri_lane *lane, void *argument)
{
    pr_status             st   = PR_OK;
    lane_part            *part = argument;
    const pri_step_input *in   = part->input;
    const pri_turn       *turn = &part->turn;
    pr_slab               slab;

    const int64_t start = pr_now_ns();
    /* sample: seeds -> blocks, and the list of distinct inputs; lists to come are foreseen */
    PR_TRY(pri_ahead_take(lane, turn, &part->batch, &part->num_waiting, &part->ahead));
    /* prepare and fetch: inputs -> plan, and its rows to where place can read them */
    PR_TRY(pri_bring_rows(lane, turn, part->batch.nodes, &part->plan, &part->ahead));
    /* place: rows into slots -> the view */
    const int64_t brought = pr_now_ns();
    PR_TRY(pr_cache_place(lane->cache, &slab));
    part->place_ns = pr_now_ns() - brought;
    /* rows of the next step may come while this one is computed */
    PR_TRY(pri_bring_next(lane, turn, &part->ahead));

    st = pri_nn_forward(in->model, lane->tape, &part->batch, &slab, in->optimizer != NULL, in->seed,
                        &part->times);
    pr_cache_release(lane->cache); /* the view ends: the tape has what it needs of it */
    if (st != PR_OK) goto done;
    const int64_t forward = pr_now_ns();
    pri_nn_loss(lane->tape, &part->batch, in->labels, in->seeds.n, &part->loss_sum,
                &part->num_correct);
    part->times.backward_ns += pr_now_ns() - forward;
    if (in->optimizer) PR_TRY(pri_nn_backward(in->model, lane->tape, &part->batch, &part->times));
    part->lane_ns = pr_now_ns() - start;
done:
    return st;
}

/* Add one lane's counts to the row. */
static void add_counts(pr_step *row, const lane_part *part, bool one_node)
{
    const pr_cache_plan *plan = &part->plan;

    row->num_inputs += plan->num_wanted;
    row->num_edges += part->batch.num_edges;
    row->batch_hash += part->batch.hash;
    row->rows_hit += plan->rows_hit;
    row->rows_added += plan->rows_added;
    row->rows_bypassed += plan->rows_bypassed;
    row->rows_direct += plan->rows_direct;
    row->rows_victim += plan->rows_victim;
    row->rows_compacted += plan->rows_compacted;
    row->rows_moved += plan->rows_moved;
    row->rows_first += plan->rows_first;
    row->bytes_moved += plan->bytes_moved;
    row->bytes_gather += plan->bytes_gather;
    row->bytes_local = one_node ? row->bytes_local + (int64_t)plan->bytes_moved : PR_NULL_INT;
    if (!one_node) row->bytes_remote = PR_NULL_INT; /* not measured yet */
    if (plan->bytes_bound == PR_NULL_INT)
        row->bytes_bound = PR_NULL_INT;
    else if (row->bytes_bound != PR_NULL_INT)
        row->bytes_bound += plan->bytes_bound;
    row->loss += part->loss_sum;
    row->num_correct += (int64_t)part->num_correct;
}

/* Take the slowest lane's times: the step waited for it. */
static void take_times(pr_step *row, const lane_part *part)
{
    row->wait_ns      = part->ahead.wait_ns;
    row->prepare_ns   = part->ahead.prepare_ns;
    row->place_ns     = part->place_ns;
    row->aggregate_ns = part->times.aggregate_ns;
    row->gemm_ns      = part->times.gemm_ns;
    row->backward_ns  = part->times.backward_ns;
    row->sample_ns    = part->batch.sample_ns;
    row->fetch_ns     = part->ahead.fetch_ns;
}

static void fill_partition(pr_step_partition *out, const pri_lane *lane, const lane_part *part,
                           bool one_node)
{
    *out = (pr_step_partition){
        .partition     = lane->index,
        .numa_node     = lane->numa_node,
        .num_inputs    = part->plan.num_wanted,
        .rows_hit      = part->plan.rows_hit,
        .rows_added    = part->plan.rows_added,
        .rows_bypassed = part->plan.rows_bypassed,
        .rows_victim   = part->plan.rows_victim,
        .bytes_moved   = part->plan.bytes_moved,
        .bytes_bound   = part->plan.bytes_bound,
        .bytes_local   = one_node ? (int64_t)part->plan.bytes_moved : PR_NULL_INT,
        .bytes_remote  = one_node ? 0 : PR_NULL_INT,
        .prepare_ns    = part->ahead.prepare_ns,
        .place_ns      = part->place_ns,
        .fetch_ns      = part->ahead.fetch_ns,
        .lane_ns       = part->lane_ns,
    };
}

/* Give a lane its turn; all look equally far ahead. */
static lane_part part_of(const pri_step_input *input, uint32_t index, uint32_t num_lanes)
{
    return (lane_part){ .input = input,
                        .turn  = { .phase     = input->phase,
                                   .epoch     = input->epoch,
                                   .step      = input->step,
                                   .seeds     = input->seeds,
                                   .order     = input->order,
                                   .followed  = input->followed,
                                   .part      = index,
                                   .num_parts = num_lanes } };
}

/* The gradients of all lanes, and what to do with them. */
typedef struct update_job {
    const pri_step_input *input;
    float                *gradient[PR_MAX_LANES];
    uint32_t              num_lanes;
    pri_nn_times          times;
} update_job;

/* On a lane's thread, which has a team: one of the caller's own would have as many threads again,
 * that wait for work where lanes compute. */
static pr_status update_model(pri_lane *lane, void *argument)
{
    update_job           *job = argument;
    const pri_step_input *in  = job->input;
    pr_optimizer_options  now = *in->optimizer;

    (void)lane;
    now.lr = pr_learning_rate(in->optimizer, in->step, in->num_steps);
    pri_nn_update(in->model, job->gradient, job->num_lanes, &now, &job->times);
    return PR_OK;
}

pr_status pri_step_run(pri_lane *const *lanes, uint32_t num_lanes, const pri_step_input *input,
                       pr_step *row, pr_step_partition *partition)
{
    pr_status  st = PR_OK;
    lane_part  part[PR_MAX_LANES];
    void      *argument[PR_MAX_LANES];
    update_job update  = { .input = input, .num_lanes = num_lanes };
    uint32_t   slowest = 0, window = 0, next_window = 0;

    const int64_t start = pr_now_ns();
    if (input->order)
        pri_ahead_begin(lanes, num_lanes, input->order, input->step, &window, &next_window);
    for (uint32_t i = 0; i < num_lanes; i++) {
        part[i]                  = part_of(input, i, num_lanes);
        part[i].turn.window      = window;
        part[i].turn.next_window = next_window;
        argument[i]              = &part[i];
        update.gradient[i]       = pri_nn_gradient(lanes[i]->tape);
    }
    PR_TRY(pri_lanes_run(lanes, num_lanes, lane_step, argument));
    if (input->optimizer) PR_TRY(pri_lane_run(lanes[0], update_model, &update));

    *row = (pr_step){ .phase           = input->phase,
                      .step            = input->step,
                      .epoch           = input->epoch,
                      .num_seeds       = input->seeds.n,
                      .inputs_repeated = num_lanes > 1 ? PR_NULL_INT : 0,
                      .mode            = pr_cache_mode_name(lanes[0]->cache),
                      .path            = part[0].plan.path,
                      .policy          = pr_cache_policy_name(lanes[0]->cache),
                      .lookahead       = part[0].plan.lookahead, /* the same in all lanes */
                      .queue_depth     = part[0].num_waiting,
                      .cycles          = PR_NULL_INT,
                      .instructions    = PR_NULL_INT,
                      .llc_misses      = PR_NULL_INT };
    for (uint32_t i = 0; i < num_lanes; i++) {
        add_counts(row, &part[i], input->one_node);
        fill_partition(&partition[i], lanes[i], &part[i], input->one_node);
        if (part[i].lane_ns > part[slowest].lane_ns) slowest = i;
    }
    take_times(row, &part[slowest]);
    row->loss      = input->seeds.n ? row->loss / (double)input->seeds.n : (double)NAN;
    row->update_ns = update.times.update_ns;
    row->step_ns   = pr_now_ns() - start;
    row->other_ns  = row->step_ns - row->wait_ns - row->prepare_ns - row->place_ns -
                    row->aggregate_ns - row->gemm_ns - row->backward_ns - row->update_ns;
done:
    return st;
}
