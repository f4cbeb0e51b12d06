/* trainer.c: opening and closing a training run. */
#include "pipeline/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include "base/outfile.h"
#include "base/rss.h"
#include "cache/store.h"
#include "pipeline/ahead.h"
#include "pipeline/class_weights.h"
#include "pipeline/init_weights.h"
#include "pipeline/forecast.h"
#include "pipeline/lanes_open.h"
#include "pipeline/resume.h"
#include "pipeline/runlog.h"

enum { AUTO_EPOCHS = 10, AUTO_STEPS = 200 };

static pr_status check_options(const pr_train_setup *setup)
{
    pr_status       st = PR_OK;
    pr_option_group groups[PR_TRAIN_GROUPS];
    pr_train_setup *mine = (pr_train_setup *)(uintptr_t)setup;

    pr_train_groups(mine, groups);
    for (int i = 0; i < PR_TRAIN_GROUPS; i++)
        PR_TRY(pr_options_check(groups[i].table, groups[i].target));
    PR_CHECK(setup->dataset.data[0], PR_E_ARG, "--data is missing: a dataset directory");
    PR_CHECK(setup->train.checkpoint[0] || !setup->train.resume, PR_E_ARG,
             "--resume needs --checkpoint: the file to go on from");
    PR_CHECK(setup->train.checkpoint[0] || !setup->train.checkpoint_every, PR_E_ARG,
             "--checkpoint-every needs --checkpoint: the file to save to");
done:
    return st;
}

/* See the dataset as link prediction does. */
static pr_status open_link(pri_trainer *t)
{
    pr_status             st    = PR_OK;
    const pr_train_setup *setup = t->setup;
    const uint32_t        dim   = setup->link.dim ? setup->link.dim : setup->model.hidden;

    PR_TRY(pri_link_check(setup));
    PR_TRY(pr_dataset_open(&setup->dataset, &t->dataset));
    PR_TRY(pri_link_open(t->dataset, &setup->link, setup->train.seed, dim, setup->train.split,
                         &t->link));
    t->dataset              = &t->link->messages;
    t->split                = &t->dataset->split[setup->train.split];
    t->own->placement.lanes = 1;
done:
    return st;
}

static pr_status open_data(pri_trainer *t)
{
    pr_status               st    = PR_OK;
    const pr_train_options *train = &t->setup->train;
    const char             *name  = train->split == PR_SPLIT_ALT ? "alt" : "main";

    if (train->task == PR_TASK_LINK) return open_link(t);
    PR_TRY(pr_dataset_open(&t->setup->dataset, &t->dataset));
    PR_CHECK(t->dataset->labels || t->dataset->targets, PR_E_INPUT,
             "%s: has no label.npy, nothing to train on", t->dataset->path);
    PR_CHECK(t->dataset->has_split[train->split], PR_E_INPUT, "%s: has no %s split",
             t->dataset->path, name);
    t->split = &t->dataset->split[train->split];
    PR_CHECK(t->split->train.n > 0, PR_E_INPUT, "%s: the %s split has no training nodes",
             t->dataset->path, name);
    PR_CHECK(t->dataset->num_classes > 0, PR_E_INPUT, "%s: num_classes is 0, must be at least 1",
             t->dataset->path);
    t->targets = pri_targets_of(t->dataset);
    PR_TRY(pri_class_weights_open(train->class_weights, t->dataset, t->split->train, &t->weights));
    t->targets.weight = t->weights;
done:
    return st;
}

static pr_status open_order(pri_trainer *t, const volatile int *stop)
{
    const pr_train_setup *setup = t->setup;

    return pri_order_open(&setup->order, &t->dataset->graph, t->split->train, setup->train.seed,
                          setup->machine.threads, stop, &t->order);
}

/* Decide what the options leave to the run: epochs, steps and the kind of evaluation. */
static void decide_length(pri_trainer *t)
{
    const pr_train_options *train = &t->setup->train;
    const uint64_t          spe =
        pri_echo_steps(pri_order_echo(&t->order), t->order.nodes.n, train->batch_size);

    t->epochs = train->epochs;
    if (!t->epochs && train->steps) {
        const uint64_t wanted = (train->steps + spe - 1) / spe;
        t->epochs             = wanted < UINT32_MAX ? (uint32_t)wanted : UINT32_MAX;
    } else if (!t->epochs) {
        const uint64_t wanted = (AUTO_STEPS + spe - 1) / spe;
        t->epochs             = wanted > AUTO_EPOCHS ? (uint32_t)wanted : AUTO_EPOCHS;
    }
    t->max_steps = spe * t->epochs;
    if (train->steps && train->steps < t->max_steps) t->max_steps = train->steps;
    t->eval = (pr_eval_kind)train->eval;
    if (t->eval == PR_EVAL_AUTO) t->eval = train->steps ? PR_EVAL_NONE : PR_EVAL_EXACT;
    if (t->split->val.n == 0 && t->split->test.n == 0) t->eval = PR_EVAL_NONE;
}

pri_seeds_plan pri_trainer_seeds_plan(const pri_trainer *t)
{
    const pr_train_options *train = &t->setup->train;

    return (pri_seeds_plan){ .order = pri_order_plan(&t->order, train->seed, train->batch_size),
                             .echo  = pri_order_echo(&t->order),
                             .batch_size = train->batch_size,
                             .num_steps  = t->max_steps,
                             .max_ahead  = pri_ahead_depth(&t->setup->cache),
                             .split      = t->seed_split,
                             .link       = t->link ? &t->link->plan : NULL };
}

static pr_status open_seeds(pri_trainer *t)
{
    pri_seeds_plan plan = pri_trainer_seeds_plan(t);

    plan.first_step = t->first_step;
    return pri_seeds_open(&plan, &t->seeds);
}

/* What a cache bias costs is said when it is asked for; the figures are those of the page. */
static void say_bias(const pri_trainer *t)
{
    const pr_sampler_options *o = &t->setup->sampler;

    if (o->kind == PR_SAMPLER_LABOR && o->cache_bias > 1)
        pr_diag(PR_WARN,
                "--cache-bias %u: rows of the last %u batches are preferred, so means over "
                "neighbours are biased; measured on four graphs, a bias of 8 cost 0 to 2.2 points "
                "of accuracy: see docs/stickiness.md",
                o->cache_bias, o->bias_window);
}

static pr_status open_model(pri_trainer *t)
{
    pr_status             st    = PR_OK;
    const pr_train_setup *setup = t->setup;
    const pr_dataset     *data  = t->dataset;
    bool                  taken;

    PR_TRY(pr_fanout_parse(setup->train.fanout, setup->train.layers, &t->fanout));
    PR_TRY(pri_resume_models(t, data->num_classes, &taken));
    if (taken) goto done;
    PR_TRY(pr_model_create(&setup->model, t->fanout.num_layers, data->features.num_cols,
                           data->num_classes, setup->train.seed, &t->model));
    PR_TRY(pr_model_create(&setup->model, t->fanout.num_layers, data->features.num_cols,
                           data->num_classes, setup->train.seed, &t->best));
    PR_TRY(pri_init_weights(setup->train.init, t->model));
done:
    return st;
}

/* Fill what a checkpoint says about its run. */
static void describe_run(pri_trainer *t, const pr_option_group *groups)
{
    pr_checkpoint_info *info = &t->info;
    pr_json            *json = pr_options_json(groups, PR_TRAIN_GROUPS);
    char               *text = json ? pr_json_text(json) : NULL;

    snprintf(info->dataset_name, sizeof info->dataset_name, "%s", t->dataset->name);
    if (text && strlen(text) < sizeof info->options) /* else empty: names of files too long */
        snprintf(info->options, sizeof info->options, "%s", text);
    info->dataset_fingerprint = t->dataset->fingerprint;
    info->seed                = t->setup->train.seed;
    info->split               = t->setup->train.split;
    info->feature_norm        = t->dataset->feature_norm;
    info->outputs             = t->link              ? PR_OUTPUTS_EMBEDDING
                                : t->targets.classes ? PR_OUTPUTS_CLASSES
                                                     : PR_OUTPUTS_LABELS;
    info->best_val_accuracy   = (double)NAN;
    free(text);
    pr_json_free(json);
}

/* What the options of a run that was resumed have besides. */
static const pr_option resumed_options[] = { { "resumed-at", "steps", "where the run went on", "0",
                                               PR_OPT_U64, offsetof(pri_trainer, first_step), 0,
                                               1.8446744073709552e19, NULL } };
static const pr_option_table resumed_table = { "Resumed", resumed_options, 1 };

/* Say in the log of a run that was resumed what its scores leave out. */
static void note_resumed(const pri_trainer *t)
{
    char text[160];

    if (!t->resumes || !t->log) return;
    snprintf(text, sizeof text,
             "resumed at step %llu: steps, epochs and best scores here are those from there on",
             (unsigned long long)t->first_step);
    pr_steplog_note(t->log, text);
}

/* Open the log; its options say what was decided where they say auto of the pipeline, and from
 * where a run went on. */
static pr_status open_log(pri_trainer *t)
{
    pr_train_setup  *setup = t->own;
    pr_train_options train = setup->train;
    pr_option_group  groups[PR_TRAIN_GROUPS + 1];
    const size_t     num_groups = PR_TRAIN_GROUPS + (t->resumes ? 1 : 0);

    train.pipeline = t->pipelined ? PR_PIPELINE_ON : PR_PIPELINE_OFF;
    pr_train_groups(setup, groups);
    for (int i = 0; i < PR_TRAIN_GROUPS; i++)
        if (groups[i].target == &setup->train) groups[i].target = &train;
    groups[PR_TRAIN_GROUPS]  = (pr_option_group){ &resumed_table, t };
    const pri_runlog_run run = { .path       = train.log,
                                 .command    = "train",
                                 .groups     = groups,
                                 .num_groups = num_groups,
                                 .topo       = t->topo,
                                 .threads    = t->plan.num_threads,
                                 .dataset    = t->dataset->name,
                                 .seed       = train.seed,
                                 .tuned      = &t->tuned };
    return pri_runlog_open(&run, &t->log);
}

/* Open what measures locality. */
static pr_status open_measures(pri_trainer *t)
{
    pr_status              st    = PR_OK;
    const pri_placed_setup setup = { .lanes     = t->lane,
                                     .num_lanes = t->num_lanes,
                                     .store     = t->store,
                                     .num_nodes = pr_topo_num_nodes(t->topo),
                                     .strict    = t->setup->machine.numa == PR_NUMA_STRICT };

    PR_TRY(pri_placed_create(&setup, &t->placed));
    if (t->num_lanes > 1) PR_TRY(pri_replicas_create(t->dataset->graph.num_nodes, &t->replicas));
done:
    return st;
}

/* Take a copy of the options, for a plan to decide what they leave open. */
static pr_status take_options(pri_trainer *t, const pr_train_setup *setup)
{
    pr_status st = PR_OK;

    PR_NEW(t->own, 1);
    *t->own  = *setup;
    t->setup = t->own;
    PR_TRY(check_options(t->setup));
    if (setup->train.checkpoint[0]) PR_TRY(pri_outfile_probe(setup->train.checkpoint));
done:
    return st;
}

/* Under a limit, rows that take more than half of it are not looked at before they are read. */
static void decide_check(pri_trainer *t)
{
    pr_dataset_options *options = &t->own->dataset;
    const uint64_t      limit   = t->own->machine.memory;
    char                path[2 * PR_TEXT_BYTES];
    struct stat         file;

    if (!limit || options->feature_check != PR_CHECK_AUTO) return;
    snprintf(path, sizeof path, "%s/feat.npy", options->data);
    if (stat(path, &file) == 0 && (uint64_t)file.st_size > limit / 2)
        options->feature_check = PR_CHECK_READ;
}

/* Open the dataset, and see what it brings. */
static pr_status open_counted(pri_trainer *t)
{
    pr_status      st     = PR_OK;
    const uint64_t before = pri_rss_bytes();

    decide_check(t);
    PR_TRY(open_data(t));
    t->own->cache.mode   = pr_cache_mode_for(t->own->cache.mode, &t->dataset->features);
    const uint64_t after = pri_rss_bytes();
    t->opened_bytes      = after > before ? after - before : 0;
done:
    return st;
}

/* A forecast is made where it decides something, where steps may wait for a disk, or where it was
 * asked for. */
static pr_status make_forecast(pri_trainer *t, bool explain)
{
    const pr_store_setup store = pri_lanes_store(t);

    if (!explain && !t->setup->machine.memory && pri_store_choose(&store, NULL) != PR_STORE_DIRECT)
        return PR_OK;
    return pri_forecast_make(t, explain, &t->forecast);
}

pr_status pri_trainer_prepare(pri_trainer *t, const pr_train_setup *setup, const volatile int *stop,
                              bool explain)
{
    pr_status st = PR_OK;

    *t = (pri_trainer){ 0 };
    (void)pri_rss_peak_reset();
    PR_TRY(take_options(t, setup));
    PR_TRY(open_counted(t));
    if (!explain) PR_TRY(pri_resume_open(t));
    PR_TRY(open_order(t, stop));
    t->order_sum = pri_resume_order(t);
    decide_length(t);
    PR_TRY(pri_resume_check(t));
    PR_TRY(pri_lanes_place(t));
    PR_TRY(open_seeds(t));
    if (!explain) say_bias(t);
    PR_TRY(open_model(t));
    PR_TRY(pri_lanes_open(t));
    PR_TRY(make_forecast(t, explain));
    pr_clusters_free(t->order.clusters); /* the streams have what they need of them */
    t->order.clusters = NULL;
done:
    return st;
}

/* Refuse a plan that does not fit, else keep to it. */
static pr_status heed_forecast(pri_trainer *t)
{
    pr_status st = PR_OK;

    if (!t->forecast) goto done;
    const pr_forecast *said = &t->forecast->said;
    PR_CHECK(said->fits, PR_E_RANGE, "%s", said->why);
    if (said->limit_bytes) {
        t->exact_limits.memory_bytes = t->forecast->budget.choice.evaluation_bytes;
        pr_diag(PR_DEBUG, "memory: %llu bytes are planned of %llu, %llu rows kept, %s",
                (unsigned long long)said->total_bytes, (unsigned long long)said->limit_bytes,
                (unsigned long long)said->capacity_rows, said->store);
    }
done:
    return st;
}

pr_status pri_trainer_open(pri_trainer *t, const pr_train_setup *setup, const volatile int *stop)
{
    pr_status       st = PR_OK;
    pr_option_group groups[PR_TRAIN_GROUPS];

    PR_TRY(pri_trainer_prepare(t, setup, stop, false));
    PR_TRY(heed_forecast(t));
    t->exact_limits.spill_dir = t->setup->machine.spill;
    PR_TRY(pri_lanes_equip(t));
    PR_TRY(pri_resume_lanes(t));
    pr_train_groups(t->own, groups);
    describe_run(t, groups);
    PR_TRY(open_measures(t));
    PR_TRY(open_log(t)); /* the last that can fail: the caller closes it */
    pri_lanes_say(t);
    note_resumed(t);
    pri_placed_log_lanes(t->placed, t->log);
done:
    if (st != PR_OK) pri_trainer_close(t);
    return st;
}

void pri_trainer_close(pri_trainer *t)
{
    pri_placed_free(t->placed);
    pri_replicas_free(t->replicas);
    for (uint32_t i = 0; i < t->num_lanes; i++) pri_lane_free(t->lane[i]);
    pri_recall_free(t->recall);
    pri_checkpoint_clear(&t->from);
    pr_model_free(t->best);
    pr_model_free(t->model);
    pr_store_free(t->store);
    pri_seeds_free(t->seeds);
    pri_split_free(t->seed_split);
    pri_placing_close(&t->placing);
    pri_order_close(&t->order);
    pr_topo_free(t->topo);
    pr_dataset_close(t->link ? t->link->whole : t->dataset);
    pri_link_free(t->link);
    pri_free(t->weights);
    pri_free(t->forecast);
    pri_free(t->own);
    *t = (pri_trainer){ 0 };
}
