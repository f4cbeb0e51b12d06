/* budget.h: what a training run takes of memory, part by part, and how a limit is shared out.
 *
 * Bytes are those in memory at the run's worst moment, not address space: pages are there once they
 * were written, or read from a mapped file. Everything but the process itself follows from options,
 * data and the sizes of batches that were drawn (preview.h), by the functions that make the parts.
 *
 * Under a limit the parts are given in this order: what cannot be less; exact evaluation, between
 * its least and its most, a quarter of what is left; the cache, all that is left then, unless its
 * capacity was asked for. Where that is too little, fewer batches wait and fewer are read early. */
#ifndef PIPELINE_BUDGET_H
#define PIPELINE_BUDGET_H

#include <packrat/pipeline.h>

#include "pipeline/link_run.h"
#include "pipeline/preview.h"

/* What is on top of what was counted: allocators keep some, oneDNN writes code and keeps scratch,
 * SQLite has a page cache, threads have stacks. Measured at 5 to 12 MiB: the peak of runs with 2
 * threads and a log, less the process before and all that is counted, on graphs of 3,000 and
 * 200,000 vertices, 16 to 256 hidden columns, 1 and 2 lanes. That was one processor, and oneDNN
 * writes other code for others, so it is doubled; and a share of what was computed. */
#define PRI_BUDGET_TO_COME   (UINT64_C(24) << 20)
#define PRI_BUDGET_NOISE     (UINT64_C(4) << 20) /* by which two starts of a process differ */
#define PRI_BUDGET_OF_THREAD (UINT64_C(1) << 20)
#define PRI_BUDGET_MARGIN    0.02

/* What the plan is made from. Borrowed. */
typedef struct pri_budget_input {
    const pr_train_setup    *setup;
    const pr_dataset        *data;
    const pr_model_shape    *shape;
    const pr_fanout         *fanout;
    const pri_split_rule    *rule; /* lanes, and their shares of the capacity */
    const pri_preview_sizes *lane; /* [rule->num_lanes] */
    uint32_t                 sampler_threads, threads;
    bool                     pipelined, graph_copied;
    pr_eval_kind             eval;
    int                      store;        /* pr_store_kind, not auto */
    uint64_t                 base_bytes;   /* of the process without the dataset */
    uint64_t                 opened_bytes; /* what opening the dataset brought */
    uint64_t                 peak_bytes;   /* of the process so far */
    pri_link_memory          link;         /* zero for other tasks */
} pri_budget_input;

/* What is decided. */
typedef struct pri_budget_choice {
    bool     open;                          /* no option decides the capacity: */
    uint64_t capacity_rows;                 /* of all lanes */
    uint32_t window, ahead;                 /* batches that wait; of which rows are read early */
    uint64_t evaluation_bytes, spill_bytes; /* for exact evaluation; to its file */
    uint64_t staging_bytes; /* that rows read early may wait in, of a lane; 0: as the option says */
    uint64_t shared_bytes; /* of evaluation_bytes: rows of a mapped file that are counted as rows */
} pri_budget_choice;

typedef struct pri_budget {
    pri_budget_choice choice;
    uint64_t          bytes[PR_NUM_MEMORY_ITEMS], total_bytes;
    uint64_t          least_bytes; /* the smallest limit that works, a multiple of 1 MiB */
    bool              fits;        /* true without a limit */
} pri_budget;

/* Make the plan. Cannot fail: one that does not fit says so.
 *
 *   limit   bytes; 0: none */
void pri_budget_make(const pri_budget_input *input, uint64_t limit, pri_budget *out);

/* Bytes of each part with these choices, and their sum. */
uint64_t pri_budget_bytes(const pri_budget_input *input, const pri_budget_choice *choice,
                          uint64_t bytes[PR_NUM_MEMORY_ITEMS]);

/* Write what was decided into the options that a run goes by. */
void pri_budget_apply(const pri_budget *budget, pr_train_setup *setup);

/* Give the bytes of feature rows as they are in memory with this store; 0 for one of a file. */
uint64_t pri_budget_rows(const pr_features *features, int store);

#endif
