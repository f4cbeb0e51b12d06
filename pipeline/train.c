/* train.c: `packrat train`: epochs of steps, evaluation, the best model kept. */
#include <packrat/pipeline.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/outfile.h"
#include "base/rng.h"
#include "base/rss.h"
#include "pipeline/ahead.h"
#include "pipeline/course.h"
#include "pipeline/evaluate.h"
#include "pipeline/forecast.h"
#include "pipeline/recall.h"
#include "pipeline/runlog.h"
#include "pipeline/tracing.h"

enum { WARM_STEPS = 3 };
static const int64_t save_every_ns = 10000000000; /* checkpoints in between, at most so often */

static bool interrupted(const pri_course *c)
{
    return c->hooks && c->hooks->stop && *c->hooks->stop;
}

static void tell(const pri_course *c, const char *stage, uint32_t epoch, double loss,
                 bool epoch_end)
{
    if (!c->hooks || !c->hooks->progress) return;
    const pr_progress progress = { .stage        = stage,
                                   .epoch        = epoch,
                                   .epochs       = c->trainer->epochs,
                                   .step         = c->step,
                                   .steps        = c->trainer->max_steps,
                                   .loss         = loss,
                                   .val_accuracy = c->last_val,
                                   .elapsed_ns   = pr_now_ns() - c->start_ns,
                                   .epoch_end    = epoch_end,
                                   .val_mrr      = c->last_mrr };
    c->hooks->progress(c->hooks->context, &progress);
}

static pri_step_input step_input(const pri_course *c, uint32_t epoch)
{
    const pri_trainer *t = c->trainer;
    return (pri_step_input){ .phase    = PR_PHASE_TRAIN,
                             .epoch    = epoch,
                             .targets  = &t->targets,
                             .model    = t->model,
                             .seed     = t->setup->train.seed,
                             .split    = t->seed_split,
                             .replicas = t->replicas };
}

/* Whether it is time to save: every so many steps, or when the model to keep is newer than the
 * checkpoint and that one is old enough. */
static bool is_saved(const pri_course *c)
{
    const uint64_t every = c->trainer->setup->train.checkpoint_every;

    if (every) return c->step % every == 0;
    return c->unsaved && pr_now_ns() - c->last_save_ns >= save_every_ns;
}

/* What fails here is said; the save at the end decides. */
static void save_sometimes(pri_course *c)
{
    if (!is_saved(c)) return;
    c->unsaved = false;
    if (pri_course_save(c) != PR_OK) pr_diag(PR_WARN, "%s", pr_error_message());
    c->last_save_ns = pr_now_ns();
}

/* Whether the model is scored after an epoch. */
static bool is_evaluated(const pri_trainer *t, uint32_t epoch, bool last)
{
    return t->eval != PR_EVAL_NONE && ((epoch + 1) % t->setup->train.eval_every == 0 || last);
}

/* Whether the step behind this one comes before the caches are asked for anything else: sampled
 * evaluation goes through them. */
static bool is_followed(const pri_course *c, uint32_t epoch)
{
    const pri_trainer *t   = c->trainer;
    const uint64_t     end = (epoch + UINT64_C(1)) * pri_seeds_steps_per_epoch(t->seeds);

    if (c->step + 1 >= t->max_steps) return false;
    return c->step + 1 < end || t->eval != PR_EVAL_SAMPLED || !is_evaluated(t, epoch, false);
}

/* Add a step's bytes and repeated inputs to the run's. */
static void add_locality(pri_course *c, const pr_step *row)
{
    pr_train_result *result = c->result;

    result->bytes_moved += row->bytes_moved;
    if (row->bytes_local == PR_NULL_INT || result->bytes_local == PR_NULL_INT) {
        result->bytes_local = result->bytes_remote = PR_NULL_INT;
    } else {
        result->bytes_local += row->bytes_local;
        result->bytes_remote += row->bytes_remote;
    }
    if (row->inputs_repeated == PR_NULL_INT) return;
    c->inputs_repeated += (uint64_t)row->inputs_repeated;
    c->steps_counted++;
}

static void add_disk(pr_train_result *result, const pr_step *row)
{
    result->bytes_disk += row->bytes_disk;
    result->reads_disk += row->reads_disk;
    result->reads_again += row->reads_again;
}

/* Ask the kernel where memory is, unless it was asked at this step. */
static pr_status verify(pri_course *c)
{
    if (c->verified_step == c->step) return PR_OK;
    c->verified_step = c->step;
    return pri_placed_check(c->trainer->placed, c->step);
}

/* Say once that nothing is learned any more: NaN among the weights stays there. */
static void warn_diverged(pri_course *c)
{
    if (c->diverged || isfinite(c->epoch.loss.sum)) return;
    c->diverged = true;
    pr_diag(PR_WARN, "the loss is not a finite number from step %llu on; a lower --lr may help",
            (unsigned long long)c->step);
}

/* Do the next training step, log it and keep its figures. */
static pr_status train_step(pri_course *c, uint32_t epoch)
{
    pr_status         st    = PR_OK;
    pri_trainer      *t     = c->trainer;
    pri_step_input    input = step_input(c, epoch);
    pr_step           row;
    pr_step_partition partition[PR_MAX_LANES];
    pr_vids           wanted[PR_MAX_LANES];

    pri_seeds_reach(t->seeds, c->step);
    input.seeds          = pri_seeds_of(t->seeds, c->step).ids;
    input.order          = t->seeds;
    input.link           = pri_seeds_link(t->seeds, c->step);
    input.followed       = is_followed(c, epoch);
    input.step           = c->step;
    input.optimizer      = &t->setup->optimizer;
    input.num_steps      = t->max_steps;
    input.wanted         = wanted;
    input.score          = &c->epoch;
    const uint64_t calls = pri_mem_calls();
    PR_TRY(pri_step_run(t->lane, t->num_lanes, &input, &row, partition));
    warn_diverged(c);
    if (t->log) pr_steplog_step(t->log, &row, partition, t->num_lanes);
    if (c->tracing) pri_tracing_step(c->tracing, c->step, wanted, t->num_lanes);
    const uint64_t done = c->step - t->first_step; /* by this process */
    if (done >= WARM_STEPS) c->heap_calls += pri_mem_calls() - calls;
    if (t->recall) pri_recall_add(t->recall, c->step, wanted);

    c->step_ns[done % PRI_KEPT_TIMES] = row.step_ns;
    c->step++;
    c->rows_moved += row.rows_moved;
    c->rows_wanted += row.num_inputs;
    c->rows_hit += row.rows_hit;
    c->rows_direct += row.rows_direct;
    add_locality(c, &row);
    add_disk(c->result, &row);
    c->result->batch_hash = pri_mix64(c->result->batch_hash ^ row.batch_hash);
    if (isnan(t->info.best_val_accuracy)) { /* the latest model is the one to keep */
        t->info.step  = c->step;
        t->info.epoch = epoch;
        c->unsaved    = true;
    }
    save_sometimes(c);
    tell(c, "train", epoch, row.loss, false);
done:
    return st;
}

static void log_epoch(const pri_course *c, uint32_t epoch, const char *split,
                      const pri_metrics *metrics)
{
    const pr_epoch row = { .epoch      = epoch,
                           .split      = split,
                           .loss       = metrics->loss,
                           .accuracy   = metrics->accuracy,
                           .micro_f1   = metrics->micro_f1,
                           .elapsed_ns = pr_now_ns() - c->start_ns,
                           .mrr        = (double)NAN,
                           .auc        = (double)NAN };
    if (c->trainer->log) pr_steplog_epoch(c->trainer->log, &row);
}

static void log_link_epoch(const pri_course *c, uint32_t epoch, const char *split,
                           const pri_link_metrics *m)
{
    const pr_epoch row = { .epoch      = epoch,
                           .split      = split,
                           .loss       = m->loss,
                           .accuracy   = (double)NAN,
                           .micro_f1   = (double)NAN,
                           .elapsed_ns = pr_now_ns() - c->start_ns,
                           .mrr        = m->mrr,
                           .auc        = m->auc };
    if (c->trainer->log && m->num_edges) pr_steplog_epoch(c->trainer->log, &row);
}

/* Score val and test, exactly or by sampling. */
static pr_status score(pri_course *c, uint32_t epoch, pri_metrics *val, pri_metrics *test)
{
    pr_status           st   = PR_OK;
    pri_trainer        *t    = c->trainer;
    const volatile int *stop = c->hooks ? c->hooks->stop : NULL;

    if (t->eval == PR_EVAL_EXACT) {
        const pri_exact_input input = { .phase       = PR_PHASE_EVAL,
                                        .step        = c->eval_step++,
                                        .epoch       = epoch,
                                        .dataset     = t->dataset,
                                        .model       = t->model,
                                        .scored      = { t->split->val, t->split->test },
                                        .num_answers = t->split->val.n,
                                        .stop        = stop,
                                        .limits      = &t->exact_limits };
        pri_metrics           scored[PRI_NUM_SCORED];
        PR_TRY(pri_evaluate_exact(t->lane, t->num_lanes, &input, scored, t->log));
        *val  = scored[0];
        *test = scored[1];
    } else {
        const pri_targets alike = pri_targets_of(t->dataset); /* scores know no class weights */
        const uint32_t    size  = t->setup->train.batch_size;
        pri_step_input    input = step_input(c, epoch);
        input.targets           = &alike;
        PR_TRY(pri_evaluate_sampled(t->lane, t->num_lanes, input, t->split->val, size,
                                    &c->eval_step, stop, t->log, val));
        PR_TRY(pri_evaluate_sampled(t->lane, t->num_lanes, input, t->split->test, size,
                                    &c->eval_step, stop, t->log, test));
    }
done:
    return st;
}

/* Keep the model as the best so far, with what validation said of it. */
static void keep_model(pri_course *c, uint32_t epoch, double val_score)
{
    pri_trainer *t = c->trainer;

    c->bad_evals              = 0;
    c->result->best_epoch     = epoch;
    t->info.best_val_accuracy = val_score;
    t->info.epoch             = epoch;
    t->info.step              = c->step;
    pri_model_copy(t->best, t->model);
    c->unsaved = true;
}

/* The same for link prediction, by the MRR. */
static pr_status evaluate_link(pri_course *c, uint32_t epoch)
{
    pr_status             st      = PR_OK;
    pri_trainer          *t       = c->trainer;
    pr_train_result      *result  = c->result;
    const pri_link_part   parts[] = { PRI_LINK_VAL, PRI_LINK_TEST };
    const pri_exact_input input   = { .phase  = PR_PHASE_EVAL,
                                      .step   = c->eval_step++,
                                      .epoch  = epoch,
                                      .model  = t->model,
                                      .stop   = c->hooks ? c->hooks->stop : NULL,
                                      .limits = &t->exact_limits };
    pri_link_metrics      m[2];

    PR_TRY(pri_link_evaluate(t->link, t->lane, t->num_lanes, input, parts, 2, m, t->log));
    log_link_epoch(c, epoch, "val", &m[0]);
    log_link_epoch(c, epoch, "test", &m[1]);
    c->last_mrr = m[0].mrr;
    if (!m[0].num_edges || isnan(result->val_mrr) || m[0].mrr > result->val_mrr) {
        result->val_mrr         = m[0].mrr;
        result->test_mrr        = m[1].mrr;
        result->test_hits_at_10 = m[1].hits_at_10;
        result->test_auc        = m[1].auc;
        keep_model(c, epoch, m[0].mrr);
    } else {
        c->bad_evals++;
    }
done:
    return st;
}

/* Evaluate and keep the model if it is the best so far. Without validation nodes the latest model
 * counts as the best. */
static pr_status evaluate_nodes(pri_course *c, uint32_t epoch)
{
    pr_status    st = PR_OK;
    pri_trainer *t  = c->trainer;
    pri_metrics  val, test;

    PR_TRY(score(c, epoch, &val, &test));
    if (t->split->val.n) log_epoch(c, epoch, "val", &val);
    if (t->split->test.n) log_epoch(c, epoch, "test", &test);
    c->last_val       = val.micro_f1;
    const double best = c->result->best_val_micro_f1;
    if (!t->split->val.n || isnan(best) || val.micro_f1 > best) {
        c->result->best_val_accuracy = val.accuracy;
        c->result->best_val_micro_f1 = val.micro_f1;
        c->result->test_accuracy     = test.accuracy;
        c->result->test_micro_f1     = test.micro_f1;
        keep_model(c, epoch, val.micro_f1);
    } else {
        c->bad_evals++;
    }
done:
    return st;
}

static pr_status evaluate(pri_course *c, uint32_t epoch)
{
    const uint64_t  begun = c->eval_step;
    const pr_status st    = c->trainer->link ? evaluate_link(c, epoch) : evaluate_nodes(c, epoch);

    if (st != PR_OK) c->eval_step = begun; /* it is done again, as if for the first time */
    return st;
}

/* Run one epoch, or what a run before, and the step limit, leave of it. */
static pr_status train_epoch(pri_course *c, uint32_t epoch)
{
    pr_status      st  = PR_OK;
    pri_trainer   *t   = c->trainer;
    const uint64_t end = (epoch + UINT64_C(1)) * pri_seeds_steps_per_epoch(t->seeds);

    if (c->step == epoch * pri_seeds_steps_per_epoch(t->seeds)) c->epoch = (pri_score){ 0 };
    while (c->step < end && c->step < t->max_steps) {
        PR_CHECK(!interrupted(c), PR_E_INTERRUPTED, "interrupted after step %llu",
                 (unsigned long long)c->step);
        PR_TRY(train_step(c, epoch));
        const uint64_t every = t->setup->placement.verify_every;
        if (c->step == t->first_step + 1 || (every && c->step % every == 0)) PR_TRY(verify(c));
    }
    pri_metrics metrics   = pri_metrics_of(&c->epoch);
    c->result->epochs     = epoch + 1;
    c->result->train_loss = metrics.loss;
    if (t->link) metrics.accuracy = metrics.micro_f1 = (double)NAN;
    log_epoch(c, epoch, "train", &metrics);
done:
    return st;
}

/* Whether nothing is left to do: behind an epoch that was the last, or one too many without a
 * better score. */
static bool is_over(const pri_course *c)
{
    const pri_trainer *t        = c->trainer;
    const uint32_t     patience = t->setup->train.patience;

    if (c->ended_step != c->step) return false;
    return c->step == t->max_steps || (patience && c->bad_evals >= patience);
}

/* Give the epoch to go on with: that of the next step, or the one before whose end is not done. */
static uint32_t epoch_to_run(const pri_course *c)
{
    const uint64_t per_epoch = pri_seeds_steps_per_epoch(c->trainer->seeds);
    const bool     to_end    = c->step % per_epoch == 0 && c->ended_step != c->step;

    return (uint32_t)(c->step / per_epoch) - (to_end ? 1 : 0);
}

static pr_status run_epochs(pri_course *c)
{
    pr_status    st = PR_OK;
    pri_trainer *t  = c->trainer;

    if (t->resumes && is_over(c))
        pr_diag(PR_INFO, "the run was done at step %llu; more --epochs or --steps make it longer",
                (unsigned long long)c->step);
    for (uint32_t epoch = epoch_to_run(c); epoch < t->epochs && !is_over(c); epoch++) {
        PR_TRY(train_epoch(c, epoch));
        const bool last = epoch + 1 == t->epochs || c->step == t->max_steps;
        if (is_evaluated(t, epoch, last)) PR_TRY(evaluate(c, epoch));
        c->ended_step = c->step;
        tell(c, "train", epoch, c->result->train_loss, true);
        if (is_over(c)) break;
        PR_CHECK(last || !interrupted(c), PR_E_INTERRUPTED, "interrupted after step %llu",
                 (unsigned long long)c->step);
    }
done:
    return st;
}

static int compare_ns(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Fill the result from the course; sorts step_ns. */
static void sum_up(pri_course *c)
{
    pr_train_result   *result = c->result;
    const pri_trainer *t      = c->trainer;
    const uint64_t     done   = c->step - t->first_step; /* by this process */
    const size_t       kept   = done < PRI_KEPT_TIMES ? (size_t)done : PRI_KEPT_TIMES;
    const double       steps  = (double)c->step;

    result->steps       = c->step;
    result->threads     = t->plan.num_threads;
    result->lanes       = t->num_lanes;
    result->pipelined   = t->pipelined;
    result->cache_mode  = t->setup->cache.mode;
    result->heap_calls  = c->heap_calls;
    result->multi_label = t->dataset->targets != NULL;
    if (kept) {
        qsort(c->step_ns, kept, sizeof *c->step_ns, compare_ns);
        result->step_ns_median = c->step_ns[kept / 2];
    }
    if (c->step) {
        result->rows_moved_per_step  = (double)c->rows_moved / steps;
        result->rows_wanted_per_step = (double)c->rows_wanted / steps;
        if (c->rows_wanted > c->rows_direct)
            result->hit_rate = (double)c->rows_hit / (double)(c->rows_wanted - c->rows_direct);
    }
    for (uint32_t i = 0; i < t->num_lanes; i++)
        result->capacity_rows += pr_cache_capacity_rows(t->lane[i]->cache);
    if (t->num_lanes > 1 && c->steps_counted)
        result->inputs_repeated_per_step = (double)c->inputs_repeated / (double)c->steps_counted;
    if (t->num_lanes) {
        result->policy    = pr_cache_policy_name(t->lane[0]->cache);
        result->lookahead = pri_ahead_window(t->lane, t->num_lanes);
    }
    result->elapsed_ns = pr_now_ns() - c->start_ns;
}

/* Say what the run took of memory, and log it beside what was planned. */
static void account(const pri_course *c)
{
    const pri_trainer *t      = c->trainer;
    pr_train_result   *result = c->result;
    const uint64_t     limit  = t->setup->machine.memory;

    result->peak_rss_bytes = pri_rss_peak_bytes();
    if (t->forecast) result->memory_bytes = t->forecast->said.total_bytes;
    if (limit && result->peak_rss_bytes > limit)
        pr_diag(PR_WARN, "--memory %llu was not kept: the process took %llu bytes at most",
                (unsigned long long)limit, (unsigned long long)result->peak_rss_bytes);
    pri_forecast_log(t, result);
}

pr_status pr_train(const pr_train_setup *setup, const pr_hooks *hooks, pr_train_result *result)
{
    pr_status   st      = PR_OK;
    pri_trainer trainer = { 0 };
    pri_course  c       = { .trainer = &trainer, .hooks = hooks, .result = result };

    *result    = (pr_train_result){ .train_loss               = (double)NAN,
                                    .best_val_accuracy        = (double)NAN,
                                    .test_accuracy            = (double)NAN,
                                    .best_val_micro_f1        = (double)NAN,
                                    .test_micro_f1            = (double)NAN,
                                    .hit_rate                 = (double)NAN,
                                    .inputs_repeated_per_step = (double)NAN,
                                    .policy                   = "none",
                                    .val_mrr                  = (double)NAN,
                                    .test_mrr                 = (double)NAN,
                                    .test_hits_at_10          = (double)NAN,
                                    .test_auc                 = (double)NAN };
    c.last_val = c.last_mrr = (double)NAN;
    c.start_ns = c.last_save_ns = pr_now_ns();
    if (setup->train.trace[0]) PR_TRY(pri_outfile_probe(setup->train.trace));
    PR_TRY(pri_trainer_open(&trainer, setup, hooks ? hooks->stop : NULL));
    PR_TRY(pri_tracing_open(&trainer, &c.tracing));
    PR_NEW(c.step_ns, PRI_KEPT_TIMES);
    if (trainer.log) result->run = pr_steplog_run(trainer.log);
    PR_TRY(pri_course_restore(&c));
    st = run_epochs(&c);
    sum_up(&c);
    account(&c);
    if (st == PR_OK || (st == PR_E_INTERRUPTED && c.step)) {
        const bool stopped = st == PR_E_INTERRUPTED;
        PR_TRY(pri_course_save(&c));
        result->checkpoint_saved = setup->train.checkpoint[0] != '\0';
        const pr_status verified = verify(&c);
        if (!stopped) PR_TRY(verified);
        if (stopped)
            st = pri_error_set(PR_E_INTERRUPTED, __FILE__, __LINE__, __func__,
                               "interrupted after step %llu", (unsigned long long)c.step);
    }
done:
    if (trainer.placed) {
        result->pages_checked   = pri_placed_pages_checked(trainer.placed);
        result->pages_present   = pri_placed_pages_present(trainer.placed);
        result->pages_elsewhere = pri_placed_pages_elsewhere(trainer.placed);
    }
    st = pri_tracing_close(c.tracing, st,
                           &result->trace_lost); /* the log keeps what became of the run */
    st = pri_runlog_close(trainer.log, st, hooks ? hooks->stop : NULL, &result->rows_lost);
    pri_free(c.step_ns);
    pri_trainer_close(&trainer);
    return st;
}
