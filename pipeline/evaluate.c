/* evaluate.c: exact and sampled evaluation, and `packrat eval`. */
#include "pipeline/evaluate.h"

#include <packrat/pipeline.h>

#include <math.h>

#include "pipeline/exact_memory.h"
#include "pipeline/link_run.h"
#include "pipeline/runlog.h"
#include "pipeline/session.h"

enum { WHICH_TRAIN, WHICH_VAL, WHICH_TEST, WHICH_ALL }; /* pr_eval_options.which */
static const char *const part_name[] = { "train", "val", "test", "all" };

/* What is kept of rows that are scored; apart, as lanes add at the same time. */
typedef struct lane_scores {
    _Alignas(64) pri_score of[PRI_NUM_SCORED];
} lane_scores;

typedef struct scoring {
    const pri_exact_input *input;
    lane_scores            lane[PR_MAX_LANES];
} scoring;

/* Score the rows of a range, and pass them on. */
static void take_rows(void *context, uint32_t part, pr_vid first, uint32_t num, const float *rows,
                      size_t ld)
{
    scoring                *s      = context;
    const pr_dataset       *data   = s->input->dataset;
    const pri_exact_output *next   = &s->input->output;
    const pri_targets       wanted = pri_targets_of(data);
    const pri_logits        logits = { rows, ld, data->num_classes, first, num };

    for (int i = 0; i < PRI_NUM_SCORED; i++)
        if (s->input->scored[i].n > 0)
            pri_score_rows(&s->lane[part].of[i], &logits, &wanted, s->input->scored[i]);
    if (next->take) next->take(next->context, part, first, num, rows, ld);
}

/* Give the means over what all lanes scored. */
static void sum_up(const scoring *s, uint32_t num_lanes, pri_metrics *out)
{
    for (int i = 0; i < PRI_NUM_SCORED; i++) {
        pri_score sum = { 0 };
        for (uint32_t l = 0; l < num_lanes; l++) pri_score_add(&sum, &s->lane[l].of[i]);
        out[i] = pri_metrics_of(&sum);
    }
}

/* What a lane does of an exact pass. */
typedef struct exact_job {
    const pri_exact_input *input;
    const pri_exact       *exact;
    uint32_t               pass, part;
    const volatile int    *stop;
    pri_nn_times           times;
    int64_t                lane_ns;
} exact_job;

static pr_status run_pass(pri_lane *lane, void *argument)
{
    (void)lane;
    exact_job      *job   = argument;
    const int64_t   start = pr_now_ns();
    const pr_status st = pri_exact_pass(job->exact, job->pass, job->part, job->stop, &job->times);

    job->lane_ns += pr_now_ns() - start;
    return st;
}

/* Say how far it is: rows that are done, each once a pass. */
static void tell(const pri_exact_input *input, uint64_t done, uint64_t all, int64_t start)
{
    if (!input->hooks || !input->hooks->progress) return;
    const pr_progress progress = { .stage        = input->phase == PR_PHASE_EVAL ? "eval" : "infer",
                                   .epoch        = input->epoch,
                                   .step         = done,
                                   .steps        = all,
                                   .loss         = (double)NAN,
                                   .val_accuracy = (double)NAN,
                                   .elapsed_ns   = pr_now_ns() - start };
    input->hooks->progress(input->hooks->context, &progress);
}

/* Run all passes on all lanes. */
static pr_status run_exact(pri_lane *const *lanes, uint32_t num_lanes, exact_job *job)
{
    pr_status              st         = PR_OK;
    const pri_exact_input *in         = job[0].input;
    const uint32_t         num_passes = pri_exact_num_passes(job[0].exact);
    const uint32_t         all        = in->all_passes ? in->all_passes : num_passes;
    const uint64_t         rows       = job[0].input->dataset->graph.num_nodes;
    const int64_t          start      = pr_now_ns();
    void                  *argument[PR_MAX_LANES];

    for (uint32_t i = 0; i < num_lanes; i++) argument[i] = &job[i];
    for (uint32_t pass = 0; pass < num_passes; pass++) {
        for (uint32_t i = 0; i < num_lanes; i++) {
            job[i].pass = pass;
            job[i].stop = pass + 1 == num_passes && in->last_stop ? in->last_stop : in->stop;
        }
        PR_TRY(pri_lanes_run(lanes, num_lanes, run_pass, argument));
        tell(in, (in->first_pass + pass + 1) * rows, all * rows, start);
    }
done:
    return st;
}

/* Log an exact pass; each lane's partition has the rows it computed. */
static void log_exact(pr_steplog *log, pr_step *row, pri_lane *const *lanes, uint32_t num_lanes,
                      const exact_job *job)
{
    const int64_t     twice = num_lanes > 1 ? PR_NULL_INT : 0; /* nobody counts */
    pr_step_partition partition[PR_MAX_LANES];
    pr_vid            begin;

    row->inputs_repeated = twice;
    for (uint32_t i = 0; i < num_lanes; i++) {
        const pri_exact_io io = pri_exact_io_of(job[i].exact, i);
        partition[i]          = (pr_step_partition){ .partition  = lanes[i]->index,
                                                     .numa_node  = lanes[i]->numa_node,
                                                     .num_inputs = pri_exact_rows(job[i].exact, i, &begin),
                                                     .rows_replicated = twice,
                                                     .bytes_bound     = PR_NULL_INT,
                                                     .bytes_disk      = io.bytes_read,
                                                     .reads_disk      = io.reads,
                                                     .lane_ns         = job[i].lane_ns };
        row->bytes_disk += io.bytes_read;
        row->reads_disk += io.reads;
    }
    pr_steplog_step(log, row, partition, num_lanes);
}

static const pr_features *features_of(const pri_exact_input *input)
{
    return input->features ? input->features : &input->dataset->features;
}

/* An exact pass reads every row of the store in place once, or of a file as often as its plan says,
 * and every arc once a layer. Its lanes wait while they read files and write them. */
static pr_step exact_row(const exact_job *slowest, int64_t step_ns)
{
    const pri_exact_input *input   = slowest->input;
    const pri_nn_times    *times   = &slowest->times;
    const int64_t          disk_ns = pri_exact_io_of(slowest->exact, slowest->part).disk_ns;
    const pr_dataset      *dataset = input->dataset;
    pr_model_shape         shape;

    pr_model_describe(input->model, &shape);
    const uint64_t rows = dataset->graph.num_nodes;
    const uint32_t layers =
        input->span.end ? input->span.end - input->span.first : shape.num_layers;
    return (pr_step){
        .phase        = input->phase,
        .step         = input->step,
        .epoch        = input->epoch,
        .num_seeds    = input->num_answers,
        .num_inputs   = rows,
        .num_edges    = dataset->graph.num_edges * layers,
        .rows_direct  = rows,
        .bytes_bound  = PR_NULL_INT,
        .bytes_gather = rows * features_of(input)->num_cols * sizeof(float),
        .mode         = "off",
        .path         = "direct",
        .policy       = "none",
        .disk_ns      = disk_ns,
        .wait_ns      = disk_ns,
        .wait_rows_ns = disk_ns,
        .aggregate_ns = times->aggregate_ns,
        .gemm_ns      = times->gemm_ns,
        .other_ns     = step_ns - times->aggregate_ns - times->gemm_ns - disk_ns,
        .step_ns      = step_ns,
        .loss         = (double)NAN,
        .num_correct  = PR_NULL_INT,
        .cycles       = PR_NULL_INT,
        .instructions = PR_NULL_INT,
        .llc_misses   = PR_NULL_INT,
    };
}

/* Give the slowest lane's job: the others waited for it. */
static const exact_job *slowest_of(const exact_job *job, uint32_t num_lanes)
{
    const exact_job *most = job;

    for (uint32_t i = 1; i < num_lanes; i++)
        if (job[i].lane_ns > most->lane_ns) most = &job[i];
    return most;
}

pr_status pri_evaluate_exact(pri_lane *const *lanes, uint32_t num_lanes,
                             const pri_exact_input *input, pri_metrics *metrics, pr_steplog *log)
{
    pr_status              st     = PR_OK;
    pri_exact             *exact  = NULL;
    const pr_dataset      *data   = input->dataset;
    scoring                scores = { .input = input };
    const pri_exact_output output = { input->output.logits, take_rows, &scores };
    pri_exact_limits       none   = { 0 };
    const pri_exact_span  *span   = input->span.end ? &input->span : NULL;
    exact_job              job[PR_MAX_LANES];

    const int64_t start = pr_now_ns();
    PR_TRY(pri_exact_create_within(input->model, &data->graph, features_of(input), output,
                                   num_lanes, input->limits ? input->limits : &none, span, &exact));
    for (uint32_t i = 0; i < num_lanes; i++)
        job[i] = (exact_job){ .input = input, .exact = exact, .part = i };
    PR_TRY(run_exact(lanes, num_lanes, job));
    sum_up(&scores, num_lanes, metrics);
    if (log) {
        pr_step row = exact_row(slowest_of(job, num_lanes), pr_now_ns() - start);
        if (input->scored[0].n) {
            row.loss        = metrics[0].loss;
            row.num_correct = (int64_t)metrics[0].num_correct;
        }
        log_exact(log, &row, lanes, num_lanes, job);
    }
done:
    pri_exact_free(exact);
    return st;
}

pr_status pri_evaluate_sampled(pri_lane *const *lanes, uint32_t num_lanes, pri_step_input input,
                               pr_vids nodes, uint32_t batch_size, uint64_t *step,
                               const volatile int *stop, pr_steplog *log, pri_metrics *metrics)
{
    pr_status         st    = PR_OK;
    pri_score         score = { 0 };
    pr_step           row;
    pr_step_partition partition[PR_MAX_LANES];

    input.score     = &score;
    input.phase     = PR_PHASE_EVAL;
    input.optimizer = NULL;
    for (size_t at = 0; at < nodes.n; at += batch_size) {
        PR_CHECK(!stop || !*stop, PR_E_INTERRUPTED, "interrupted during evaluation");
        const size_t left = nodes.n - at;
        input.seeds       = (pr_vids){ nodes.at + at, left < batch_size ? left : batch_size };
        input.step        = (*step)++;
        PR_TRY(pri_step_run(lanes, num_lanes, &input, &row, partition));
        if (log) pr_steplog_step(log, &row, partition, num_lanes);
    }
    *metrics = pri_metrics_of(&score);
done:
    return st;
}

/* List the nodes to score; `all` is heap memory for the case of all labelled nodes. */
static pr_status choose_nodes(const pr_eval_options *options, const pr_dataset *dataset,
                              const pr_checkpoint_info *info, pr_vid **all, pr_vids *out)
{
    pr_status st    = PR_OK;
    const int split = options->split ? options->split - 1 : info->split;

    PR_CHECK(dataset->labels || dataset->targets, PR_E_INPUT,
             "%s: has no label.npy, nothing to evaluate against", dataset->path);
    if (options->which == WHICH_ALL) {
        size_t n = 0;
        PR_NEW(*all, dataset->graph.num_nodes);
        for (pr_vid v = 0; v < dataset->graph.num_nodes; v++)
            if (dataset->targets || dataset->labels[v] >= 0) (*all)[n++] = v;
        *out = (pr_vids){ *all, n };
    } else {
        PR_CHECK(dataset->has_split[split], PR_E_INPUT, "%s: has no %s split", dataset->path,
                 split == PR_SPLIT_ALT ? "alt" : "main");
        const pr_split *parts = &dataset->split[split];
        *out                  = options->which == WHICH_TRAIN ? parts->train
                                : options->which == WHICH_VAL ? parts->val
                                                              : parts->test;
    }
    PR_CHECK(out->n > 0, PR_E_INPUT, "%s: there are no nodes to score in part %s", dataset->path,
             part_name[options->which]);
done:
    return st;
}

pr_status pr_evaluate(const pr_eval_setup *setup, const pr_hooks *hooks, pr_eval_result *result)
{
    pr_status   st      = PR_OK;
    pri_session session = { 0 };
    pr_steplog *log     = NULL;
    pr_vid     *all     = NULL;
    pr_vids     nodes;
    pri_metrics metrics[PRI_NUM_SCORED];

    pri_exact_limits limits;

    *result             = (pr_eval_result){ .loss       = (double)NAN,
                                            .accuracy   = (double)NAN,
                                            .micro_f1   = (double)NAN,
                                            .mrr        = (double)NAN,
                                            .hits_at_10 = (double)NAN,
                                            .auc        = (double)NAN };
    const int64_t start = pr_now_ns();
    PR_TRY(pr_options_check(&pr_eval_option_table, &setup->eval));
    PR_TRY(pri_session_open(&session, &setup->dataset, &setup->machine, setup->eval.checkpoint));
    if (session.is_link) {
        st = pri_link_eval(&session, setup, hooks, &log, result);
        goto done;
    }
    PR_TRY(choose_nodes(&setup->eval, session.dataset, &session.info, &all, &nodes));
    const pr_option_group own = { &pr_eval_option_table, (void *)(uintptr_t)&setup->eval };
    PR_TRY(pri_session_log(&session, "eval", setup->eval.log, own, &log));
    if (log) result->run = pr_steplog_run(log);
    PR_TRY(pri_exact_memory_limits(&session, NULL, NULL, 0, 0, &limits));
    const pri_exact_input input = { .phase       = PR_PHASE_EVAL,
                                    .dataset     = session.dataset,
                                    .model       = session.model,
                                    .scored      = { nodes },
                                    .num_answers = nodes.n,
                                    .stop        = hooks ? hooks->stop : NULL,
                                    .limits      = &limits,
                                    .hooks       = hooks };
    PR_TRY(pri_evaluate_exact(&session.lane, 1, &input, metrics, log));
    result->num_nodes    = nodes.n;
    result->loss         = metrics[0].loss;
    result->accuracy     = metrics[0].accuracy;
    result->micro_f1     = metrics[0].micro_f1;
    result->multi_label  = session.dataset->targets != NULL;
    const pr_epoch epoch = { .split      = part_name[setup->eval.which],
                             .loss       = result->loss,
                             .accuracy   = result->accuracy,
                             .micro_f1   = result->micro_f1,
                             .elapsed_ns = pr_now_ns() - start,
                             .mrr        = (double)NAN,
                             .auc        = (double)NAN };
    if (log) pr_steplog_epoch(log, &epoch);
done:
    st                 = pri_runlog_close(log, st, hooks ? hooks->stop : NULL, &result->rows_lost);
    result->elapsed_ns = pr_now_ns() - start;
    pri_free(all);
    pri_session_close(&session);
    return st;
}
