/* step.c: one mini-batch from seeds to log row. Read lane_step first: it names every hand-over
 * between the rooms in the order in which they happen. The rest adds lanes up. */
#include "pipeline/step.h"

#include <math.h>

#include "pipeline/bring.h"

typedef struct step_work step_work;

/* One lane's part of a step: its lot of the seeds in, its share of the row out. */
typedef struct lane_part {
    step_work      *work;
    pri_turn        turn;
    pr_batch        batch;
    uint32_t        num_waiting; /* batches drawn behind this one */
    pr_cache_plan   plan;
    pri_ahead_times ahead;
    pri_nn_times    times;
    int64_t         rows_replicated; /* PR_NULL_INT: not counted */
    int64_t         place_ns, lane_ns;
    pri_loss        loss;
} lane_part;

/* A step, for all lanes to see. */
struct step_work {
    const pri_step_input *input;
    pri_lane *const      *lanes;
    uint32_t              num_lanes;
    lane_part             part[PR_MAX_LANES];
    float                *gradient[PR_MAX_LANES];
    pr_optimizer_options  optimizer;       /* with the learning rate of this step */
    double                divisor;         /* of the loss: its mean is over all lanes' seeds */
    bool                  counts;          /* what lanes have twice is counted in this step */
    int64_t               inputs_repeated; /* PR_NULL_INT: not counted */
    const pr_cache       *cache[PR_MAX_LANES];
};

/* Batch and rows may have been got ready while earlier steps were computed; the calls are the same
 * either way. */
static pr_status lane_step(pri_lane *lane, void *argument)
{
    pr_status             st   = PR_OK;
    lane_part            *part = argument;
    const pri_step_input *in   = part->work->input;
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
    if (in->link)
        pri_nn_link_loss(lane->tape, &part->batch, &in->link->pairs, part->work->divisor,
                         &part->loss);
    else if (in->targets)
        pri_nn_loss(lane->tape, &part->batch, in->targets, part->work->divisor, &part->loss);
    part->times.backward_ns += pr_now_ns() - forward;
    if (in->optimizer) PR_TRY(pri_nn_backward(in->model, lane->tape, &part->batch, &part->times));
    part->lane_ns = pr_now_ns() - start;
done:
    return st;
}

/* Count what this lane has that others have too; the first counts the inputs of all. */
static void count_twice(lane_part *part)
{
    step_work *work = part->work;
    pr_vids    nodes[PR_MAX_LANES];

    part->rows_replicated =
        (int64_t)pri_replicas_rows(work->cache, work->num_lanes, part->turn.lane);
    if (part->turn.lane != 0) return;
    for (uint32_t i = 0; i < work->num_lanes; i++) nodes[i] = work->part[i].batch.nodes;
    work->inputs_repeated =
        (int64_t)pri_replicas_inputs(work->input->replicas, nodes, work->num_lanes);
}

/* The rest of a step, when all lanes have done the above: what needs the gradients, batches or
 * caches of more than one. Nothing is placed meanwhile; rows of the next step may be on their way
 * to staging. A lane writes what is its own: its slice of the parameters. */
static pr_status lane_finish(pri_lane *lane, void *argument)
{
    lane_part *part = argument;
    step_work *work = part->work;

    (void)lane;
    if (work->input->optimizer) {
        pr_model          *model = work->input->model;
        const pri_nn_slice mine  = pri_nn_slice_of(model, part->turn.lane, work->num_lanes);
        pri_nn_update(model, mine, work->gradient, work->num_lanes, &work->optimizer, &part->times);
    }
    if (work->counts) count_twice(part);
    return PR_OK;
}

/* Add a count that may be unknown, which the sum is then too. */
static void add_known(int64_t *sum, int64_t value)
{
    *sum = *sum == PR_NULL_INT || value == PR_NULL_INT ? PR_NULL_INT : *sum + value;
}

/* Add one lane's counts to the row. */
static void add_counts(pr_step *row, const lane_part *part)
{
    const pr_cache_plan *plan = &part->plan;
    const pr_fetch_cost *cost = &part->ahead.cost;

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
    row->bytes_disk += cost->bytes;
    row->reads_disk += cost->reads;
    row->reads_again += cost->reads_again;
    row->rows_disk += cost->rows;
    row->rows_early += cost->rows_early;
    add_known(&row->bytes_bound, plan->bytes_bound);
    add_known(&row->bytes_local, plan->bytes_local);
    add_known(&row->bytes_remote, plan->bytes_remote);
    row->loss += part->loss.sum;
    row->num_correct += (int64_t)part->loss.num_correct;
}

/* Add what the step's seeds, or pairs, came to. */
static void add_score(const step_work *work)
{
    const pri_step_input *in    = work->input;
    pri_score            *score = in->score;

    if (!score) return;
    for (uint32_t i = 0; i < work->num_lanes; i++) pri_loss_add(&score->loss, &work->part[i].loss);
    score->num_nodes += in->link ? in->link->pairs.num_pairs : in->seeds.n;
    score->divisor += work->divisor;
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
    row->wait_rows_ns = part->ahead.wait_rows_ns;
}

static void fill_partition(pr_step_partition *out, const pri_lane *lane, const lane_part *part)
{
    *out = (pr_step_partition){
        .partition       = lane->index,
        .numa_node       = lane->numa_node,
        .num_inputs      = part->plan.num_wanted,
        .rows_hit        = part->plan.rows_hit,
        .rows_added      = part->plan.rows_added,
        .rows_bypassed   = part->plan.rows_bypassed,
        .rows_victim     = part->plan.rows_victim,
        .rows_replicated = part->rows_replicated,
        .bytes_moved     = part->plan.bytes_moved,
        .bytes_bound     = part->plan.bytes_bound,
        .bytes_local     = part->plan.bytes_local,
        .bytes_remote    = part->plan.bytes_remote,
        .bytes_disk      = part->ahead.cost.bytes,
        .reads_disk      = part->ahead.cost.reads,
        .prepare_ns      = part->ahead.prepare_ns,
        .place_ns        = part->place_ns,
        .fetch_ns        = part->ahead.fetch_ns,
        .lane_ns         = part->lane_ns,
    };
}

/* Give each lane its turn; all look equally far ahead. */
static void take_turns(step_work *work)
{
    const pri_step_input *in     = work->input;
    uint32_t              window = 0, next_window = 0;

    if (in->order)
        pri_ahead_begin(work->lanes, work->num_lanes, in->order, in->step, &window, &next_window);
    else if (in->split)
        pri_split_aside(in->split, in->seeds);
    for (uint32_t i = 0; i < work->num_lanes; i++) {
        const pri_turn turn = { .phase       = in->phase,
                                .epoch       = in->epoch,
                                .step        = in->step,
                                .order       = in->order,
                                .window      = window,
                                .next_window = next_window,
                                .followed    = in->followed,
                                .own         = in->own,
                                .lane        = i };
        work->part[i] =
            (lane_part){ .work = work, .turn = turn, .rows_replicated = work->inputs_repeated };
        work->cache[i]    = work->lanes[i]->cache;
        work->gradient[i] = pri_nn_gradient(work->lanes[i]->tape);
        if (!in->order)
            work->part[i].turn.lot =
                in->split ? pri_split_lot(in->split, i) : (pri_lot){ .seeds = in->seeds };
    }
}

/* Run both halves on all lanes. */
static pr_status run_lanes(step_work *work)
{
    pr_status             st = PR_OK;
    const pri_step_input *in = work->input;
    void                 *argument[PR_MAX_LANES];

    for (uint32_t i = 0; i < work->num_lanes; i++) argument[i] = &work->part[i];
    PR_TRY(pri_lanes_run(work->lanes, work->num_lanes, lane_step, argument));
    if (!in->optimizer && !work->counts) goto done;
    if (in->optimizer) {
        work->optimizer    = *in->optimizer;
        work->optimizer.lr = pr_learning_rate(in->optimizer, in->step, in->num_steps);
    }
    PR_TRY(pri_lanes_run(work->lanes, work->num_lanes, lane_finish, argument));
    if (in->optimizer) pri_nn_updated(in->model);
done:
    return st;
}

pr_status pri_step_run(pri_lane *const *lanes, uint32_t num_lanes, const pri_step_input *input,
                       pr_step *row, pr_step_partition *partition)
{
    pr_status st = PR_OK;
    step_work work; /* not cleared: it has room for many lanes, and small steps would see it */
    const lane_part *part    = work.part;
    uint32_t         slowest = 0;

    work.input     = input;
    work.lanes     = lanes;
    work.num_lanes = num_lanes;
    PR_ASSERT(num_lanes == (input->split ? pri_split_num_lanes(input->split) : 1));
    work.counts          = num_lanes > 1 && input->replicas && pri_replicas_due(input->step);
    work.inputs_repeated = num_lanes > 1 ? PR_NULL_INT : 0; /* one lane has nothing twice */
    const int64_t start  = pr_now_ns();
    work.divisor         = input->link      ? (double)input->link->pairs.num_pairs
                           : input->targets ? pri_targets_divisor(input->targets, input->seeds)
                                            : 0;
    take_turns(&work);
    PR_TRY(run_lanes(&work));

    *row = (pr_step){ .phase           = input->phase,
                      .step            = input->step,
                      .epoch           = input->epoch,
                      .num_seeds       = input->seeds.n,
                      .inputs_repeated = work.inputs_repeated,
                      .mode            = pr_cache_mode_name(lanes[0]->cache),
                      .path            = part[0].plan.path,
                      .policy          = pr_cache_policy_name(lanes[0]->cache),
                      .lookahead       = part[0].plan.lookahead, /* the same in all lanes */
                      .queue_depth     = part[0].num_waiting,
                      .cycles          = PR_NULL_INT,
                      .instructions    = PR_NULL_INT,
                      .llc_misses      = PR_NULL_INT };
    for (uint32_t i = 0; i < num_lanes; i++) {
        add_counts(row, &part[i]);
        fill_partition(&partition[i], lanes[i], &part[i]);
        if (input->wanted) input->wanted[i] = part[i].batch.nodes;
        if (input->num_dst)
            input->num_dst[i] = part[i].batch.block[part[i].batch.num_layers - 1].num_dst;
        if (part[i].lane_ns > part[slowest].lane_ns) slowest = i;
        if (part[i].times.update_ns > row->update_ns) row->update_ns = part[i].times.update_ns;
        if (part[i].ahead.cost.disk_ns > row->disk_ns) row->disk_ns = part[i].ahead.cost.disk_ns;
    }
    add_score(&work);
    take_times(row, &part[slowest]);
    if (input->link || !input->targets) row->num_correct = PR_NULL_INT; /* of seeds; pairs are */
    row->loss     = input->seeds.n ? row->loss / work.divisor : (double)NAN; /* 0/0: no weight */
    row->step_ns  = pr_now_ns() - start;
    row->other_ns = row->step_ns - row->wait_ns - row->prepare_ns - row->place_ns -
                    row->aggregate_ns - row->gemm_ns - row->backward_ns - row->update_ns;
done:
    return st;
}
