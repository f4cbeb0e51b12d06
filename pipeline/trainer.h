/* trainer.h: everything a training run holds, opened in one place and closed in one place. */
#ifndef PIPELINE_TRAINER_H
#define PIPELINE_TRAINER_H

#include <packrat/pipeline.h>

#include "pipeline/lane.h"
#include "pipeline/link_run.h"
#include "pipeline/nn/checkpoint.h"
#include "pipeline/order_open.h"
#include "pipeline/placed.h"
#include "pipeline/placing.h"
#include "pipeline/recall.h"
#include "pipeline/replicas.h"
#include "pipeline/tuned.h"

typedef struct pri_forecast pri_forecast; /* forecast.h */

typedef struct pri_trainer {
    const pr_train_setup *setup;        /* our own copy: what a plan decides is written into it */
    pr_train_setup       *own;          /* the same */
    pri_forecast         *forecast;     /* NULL: none was made */
    pri_exact_limits      exact_limits; /* of exact evaluation; zero: none */
    uint64_t              opened_bytes; /* what opening the dataset added to the resident set */
    const pr_dataset     *dataset;      /* of task link: link->messages */
    pri_link             *link;         /* NULL: another task */
    const pr_split       *split;
    pri_targets           targets; /* of the dataset, with class weights */
    float                *weights; /* of those; NULL: all 1 */
    pr_topo              *topo;
    pri_placing           placing;
    pr_plan               plan; /* of the placing */
    pri_split_rule        rule; /* who works on which seeds */
    pri_tuned             tuned;
    pr_fanout             fanout;
    pr_store             *store;
    pri_lane             *lane[PR_MAX_LANES];
    uint32_t              num_lanes;
    pr_model             *model, *best; /* best: weights at the best validation so far */
    pr_checkpoint_info    info;       /* of `best` once there was an evaluation, else of `model` */
    pr_steplog           *log;        /* NULL: none */
    pri_placed           *placed;     /* asks where memory is */
    pri_replicas         *replicas;   /* counts what lanes have twice; NULL: there is one */
    pri_order_source      order;      /* where seeds come from */
    pri_split            *seed_split; /* deals them to lanes; NULL: there is one */
    pri_seeds            *seeds;      /* of all steps */
    pr_eval_kind          eval;       /* never auto */
    uint32_t              epochs;
    uint64_t              max_steps;
    bool                  pipelined;
    bool                  resumes;    /* the run goes on from a checkpoint */
    pri_checkpoint        from;       /* what is left of it when its models were taken */
    uint64_t              first_step; /* of this process; 0 unless it resumes */
    uint64_t              order_sum;  /* pri_resume_order */
    pri_recall           *recall;     /* of a cache bias, for the checkpoint; else NULL */
} pri_trainer;

/* Check the options, open dataset, order, machine, model and lanes, which are not equipped yet, and
 * make the forecast where there is a limit or `explain` asks for it. Close it also on failure. */
pr_status pri_trainer_prepare(pri_trainer *trainer, const pr_train_setup *setup,
                              const volatile int *stop, bool explain);

/* Give the stream of seeds of the run; clusters are borrowed as long as it is created. */
pri_seeds_plan pri_trainer_seeds_plan(const pri_trainer *trainer);

/* Prepare, refuse a plan that does not fit, equip the lanes, open the log. On failure everything is
 * closed again and the error says which option or file. `stop` may be NULL; non-zero ends what may
 * take long (PR_E_INTERRUPTED). */
pr_status pri_trainer_open(pri_trainer *trainer, const pr_train_setup *setup,
                           const volatile int *stop);

/* Free everything but the log, which pri_runlog_close has closed before. */
void pri_trainer_close(pri_trainer *trainer);

#endif
