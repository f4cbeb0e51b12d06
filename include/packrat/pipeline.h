/* packrat/pipeline.h: the rooms put together: train, evaluate, infer. */
#ifndef PACKRAT_PIPELINE_H
#define PACKRAT_PIPELINE_H

#include <packrat/cache.h>
#include <packrat/loaders.h>
#include <packrat/log.h>
#include <packrat/nn.h>
#include <packrat/numa.h>
#include <packrat/partition.h>
#include <packrat/sampler.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pr_eval_kind {
    PR_EVAL_AUTO,
    PR_EVAL_EXACT,
    PR_EVAL_SAMPLED,
    PR_EVAL_NONE
} pr_eval_kind;

/* Whether batches are drawn, and slow rows fetched, on threads of their own while a step is
 * computed. Nothing that is drawn, moved or computed depends on it. */
typedef enum pr_pipeline_kind {
    PR_PIPELINE_AUTO, /* on where rows must be fetched, or a lane has more cores than threads */
    PR_PIPELINE_ON,
    PR_PIPELINE_OFF /* in line, on the lane's thread; just as far ahead */
} pr_pipeline_kind;

/* How a run uses the machine. */
typedef struct pr_machine_options {
    uint32_t threads; /* compute threads of the whole process; 0: as the machine allows */
    int      numa;    /* pr_numa_mode */
    char     tuning[PR_TEXT_BYTES]; /* a file, "auto", "none" or "": see pr_tuning_load */
    uint64_t memory;           /* bytes the whole process may take (resident set); 0: no limit */
    char spill[PR_TEXT_BYTES]; /* directory for rows that do not fit; "": $TMPDIR, or /var/tmp */
} pr_machine_options;

/* What a model is trained to tell. */
typedef enum pr_task { PR_TASK_NODE, PR_TASK_LINK } pr_task;

typedef struct pr_train_options {
    int      split; /* PR_SPLIT_MAIN or PR_SPLIT_ALT */
    uint32_t layers;
    char     fanout[PR_TEXT_BYTES];
    uint32_t batch_size;
    uint32_t epochs; /* 0: 10, or as many as make 200 steps */
    uint64_t steps;  /* 0: no limit */
    int      eval;   /* pr_eval_kind */
    uint32_t eval_every;
    uint32_t patience;        /* evaluations without a better score; 0: never stop early */
    uint32_t sampler_threads; /* 0: the lane's; pipelined: 1 */
    int      pipeline;        /* pr_pipeline_kind */
    uint64_t seed;
    char     log[PR_TEXT_BYTES];           /* "" or "none": no log */
    char     checkpoint[PR_TEXT_BYTES];    /* "": none */
    char     init[PR_TEXT_BYTES];          /* weights to start from, .prc or .npz; "": drawn */
    char     trace[PR_TEXT_BYTES];         /* which rows every step wanted (pr_trace); "": none */
    int      task;                         /* pr_task */
    char     class_weights[PR_TEXT_BYTES]; /* "none", "balanced", or a .npy of a weight each */
    bool     resume;           /* go on where the checkpoint is; from the start without one */
    uint64_t checkpoint_every; /* steps; 0: when the best model is newer, some seconds apart */
} pr_train_options;

/* In which order training uses its seeds. */
typedef enum pr_order_kind { PR_ORDER_RANDOM, PR_ORDER_COMMUNITY, PR_ORDER_FILE } pr_order_kind;

typedef struct pr_order_options {
    int      kind;                /* pr_order_kind */
    char     file[PR_TEXT_BYTES]; /* file: .npy of training nodes, each at most once */
    uint32_t buffer;              /* community: batches that the shuffle buffer holds */
    double   mix;                 /* community: share of each batch's seeds in random order */
    uint32_t clusters;            /* community: about so many; 0: one for 512 vertices */
    int      method;              /* community: pr_cluster_method */
    uint32_t echo;                /* how often each seed is used an epoch */
    uint32_t pool;                /* batches that are echoed together */
} pr_order_options;

/* How rows are dealt to lanes. */
typedef enum pr_shard_kind {
    PR_SHARDS_AUTO,  /* part with a file of parts, else range */
    PR_SHARDS_RANGE, /* runs of ids, good where neighbours have near ids (packrat reorder) */
    PR_SHARDS_HASH,  /* by a hash of the id: even, and local by chance alone */
    PR_SHARDS_PART   /* as a file says (packrat partition) */
} pr_shard_kind;

/* How lanes share the machine and the data. */
typedef struct pr_placement_options {
    uint32_t lanes;  /* 0: one a NUMA node, as far as the batches are worth it */
    int      shards; /* pr_shard_kind */
    char     shards_file[PR_TEXT_BYTES]; /* .npy: a part for every node, 0 .. 127 */
    int      graph_copies;               /* 0 auto (pr_demand), 1 on, 2 off */
    uint64_t verify_every; /* steps from one look at where pages are to the next; 0: after the
                              first step and at the end */
} pr_placement_options;

/* Where the other ends of negative pairs are drawn from. */
typedef enum pr_negative_kind {
    PR_NEGATIVE_UNIFORM, /* all vertices alike */
    PR_NEGATIVE_DEGREE   /* in proportion to degree^0.75 (Mikolov et al., NIPS 2013) */
} pr_negative_kind;

/* Of --task link (docs/link-prediction.md). */
typedef struct pr_link_options {
    double   val_share, test_share; /* of the edges, where the dataset brings no lists of them */
    uint32_t negatives;             /* drawn for each edge of a step */
    int      negative_sampler;      /* pr_negative_kind */
    uint32_t dim;                   /* columns of an embedding; 0: as --hidden */
    uint32_t eval_negatives;        /* drawn for each edge that is scored */
} pr_link_options;

/* Everything `packrat train` can be told. */
typedef struct pr_train_setup {
    pr_dataset_options   dataset;
    pr_model_options     model;
    pr_optimizer_options optimizer;
    pr_cache_options     cache;
    pr_machine_options   machine;
    pr_train_options     train;
    pr_sampler_options   sampler;
    pr_order_options     order;
    pr_placement_options placement;
    pr_io_options        io;
    pr_link_options      link;
} pr_train_setup;

extern const pr_option_table pr_train_option_table;
extern const pr_option_table pr_order_option_table; /* order, order.file, echo, ... */
extern const pr_option_table pr_machine_option_table;
extern const pr_option_table pr_placement_option_table; /* lanes, shards, shards.file, ... */
extern const pr_option_table pr_link_option_table;      /* link.val-share, link.dim, ... */

/* Give the option groups of a setup; out [11]. */
#define PR_TRAIN_GROUPS 11
void pr_train_groups(pr_train_setup *setup, pr_option_group out[PR_TRAIN_GROUPS]);

/* Plan where a training run would put everything on a machine, ours or not: lanes as far as they
 * pay, shards, partitions, bytes. Touches nothing. Figures of slab, sampler and tape are upper
 * bounds: address space, of which batches use what they need. */
pr_status pr_train_place(const pr_train_setup *setup, const pr_dataset *dataset,
                         const pr_topo *topo, pr_placement *out);

/* What a caller may want to know while it runs; called on the calling thread. */
typedef struct pr_progress {
    const char *stage; /* "train", "eval", "infer" */
    uint32_t    epoch, epochs;
    uint64_t    step, steps;  /* of the run; steps 0: not known */
    double      loss;         /* of the last step; NaN */
    double      val_accuracy; /* after an evaluation; NaN. With many labels a vertex: micro-F1 */
    int64_t     elapsed_ns;
    bool        epoch_end;
    double      val_mrr; /* of link prediction after an evaluation; 0 or NaN: none */
} pr_progress;

typedef struct pr_hooks {
    void (*progress)(void *context, const pr_progress *progress); /* NULL: silent */
    void               *context;
    const volatile int *stop; /* NULL, or non-zero to finish the step and end (PR_E_INTERRUPTED);
                                 130 and 143 are also the exit status in the log */
} pr_hooks;

/* What a run's memory is for. */
typedef enum pr_memory_item {
    PR_MEMORY_BASE,       /* code, libraries, what they keep: as large as the process is now */
    PR_MEMORY_GRAPH,      /* arcs, labels, splits, as they are mapped or copied */
    PR_MEMORY_ROWS,       /* feature rows, where they are in memory */
    PR_MEMORY_SLAB,       /* slots, those of bypassed rows too */
    PR_MEMORY_INDEX,      /* with policies and plans */
    PR_MEMORY_STAGING,    /* rows on their way from a file, and the buffers of reads */
    PR_MEMORY_SAMPLER,    /* tables and scratch */
    PR_MEMORY_BATCHES,    /* those drawn ahead */
    PR_MEMORY_TAPE,       /* activations and gradients */
    PR_MEMORY_MODEL,      /* weights, optimiser, the best so far */
    PR_MEMORY_EVALUATION, /* exact evaluation, where it does not share what training left */
    PR_MEMORY_OTHER,      /* seeds, log, checks */
    PR_NUM_MEMORY_ITEMS
} pr_memory_item;

/* "base", "graph", ...; never NULL. */
const char *pr_memory_item_name(pr_memory_item item);

/* What a run is expected to take, before it begins: memory by what it is for, and what a step moves
 * and costs once the cache is warm. Batches are drawn with the run's own sampler and seeds, and go
 * through a cache with the run's options over rows that are not there. */
typedef struct pr_forecast {
    uint64_t limit_bytes; /* --memory; 0: none */
    uint64_t bytes[PR_NUM_MEMORY_ITEMS], total_bytes;
    uint64_t least_bytes; /* the smallest --memory that works, rounded up to MiB */
    bool     fits;
    uint64_t capacity_rows, num_rows;
    uint32_t threads, lanes, lookahead, batches_drawn;
    bool     spills;                          /* exact evaluation writes layer outputs to a file */
    uint64_t spill_bytes;                     /* of that file */
    char     store[256];                      /* where rows are read from, and why */
    double   inputs, rows_moved, bytes_moved; /* a step */
    double   reads_disk, bytes_disk;          /* a step; 0: rows are in memory */
    double   disk_ns; /* a step's reads at the rate the file was read at just now; NaN: not tried */
    double   compute_ns; /* a step's work (pri_worth) */
    double   sample_ns;  /* a step's drawing, as measured */
    double   step_ns;    /* of these, as they overlap */
    const char *limit;   /* a literal: what a step waits for: "disk", "compute", "sampling" */
    char        why[PR_TEXT_BYTES]; /* what does not fit, and what would help; "" when all does */
} pr_forecast;

/* Work it out without training. A forecast that does not fit is no error: see fits and why. Takes
 * some seconds, and about the memory of a few batches. */
pr_status pr_explain(const pr_train_setup *setup, const pr_hooks *hooks, pr_forecast *out);

typedef struct pr_train_result {
    int64_t     run; /* id in the log; 0 without one */
    uint32_t    epochs;
    uint64_t    steps;
    uint64_t    first_step;        /* that this process did: where a run was resumed; else 0 */
    double      train_loss;        /* mean over the last epoch's seeds; NaN without steps */
    double      best_val_accuracy; /* 0 .. 1; NaN without evaluation */
    double      test_accuracy;     /* at best validation; NaN without evaluation */
    uint32_t    best_epoch;
    int64_t     step_ns_median;
    double      rows_moved_per_step, rows_wanted_per_step;
    double      hit_rate;   /* rows hit / rows not read in place; NaN in mode off */
    uint64_t    batch_hash; /* of all training batches in order: x -> mix(x ^ hash of the batch) */
    uint64_t    rows_lost;  /* of the log */
    bool        trace_lost; /* the trace could not be written to its end */
    bool        checkpoint_saved; /* asked for and written */
    uint64_t    heap_calls;       /* through the heap door in all steps after the third; 0 */
    uint64_t    capacity_rows;
    int         cache_mode; /* pr_cache_mode, never auto */
    const char *policy;     /* who chose the victims: a literal, "none" without any */
    uint32_t    lookahead;  /* batches drawn ahead, as far as auto had come at the end */
    bool        pipelined;  /* what --pipeline auto came to */
    uint32_t    threads, lanes;
    uint64_t    bytes_moved;               /* of all training steps */
    int64_t     bytes_local, bytes_remote; /* of those; PR_NULL_INT: not known */
    double   inputs_repeated_per_step; /* mean of the steps where it was counted; NaN: one lane */
    uint64_t pages_checked; /* that the kernel was asked about, over all checks of the run */
    uint64_t pages_present, pages_elsewhere; /* in memory; and of those not on their node */
    int64_t  elapsed_ns;
    uint64_t bytes_disk, reads_disk, reads_again; /* of all training steps */
    uint64_t peak_rss_bytes;                      /* of the process, as the kernel says */
    uint64_t memory_bytes; /* what the plan came to (pr_forecast.total_bytes); 0: there was none */
    bool     multi_label;  /* any number of labels a vertex; an accuracy is of all of them right */
    double   best_val_micro_f1; /* what "best" goes by: the accuracy where a vertex has one class */
    double   test_micro_f1;     /* at best validation; NaN without evaluation */
    double   val_mrr;           /* task link: at best, in place of best_val_accuracy; NaN without */
    double   test_mrr, test_hits_at_10, test_auc; /* at best validation; NaN */
} pr_train_result;

/* Train. On PR_E_INTERRUPTED the step was finished, log and checkpoint are written and `result` is
 * filled. Logs lost rows, or the trace could not be written on: PR_E_IO at the end, everything else
 * done. */
pr_status pr_train(const pr_train_setup *setup, const pr_hooks *hooks, pr_train_result *result);

typedef struct pr_eval_options {
    char checkpoint[PR_TEXT_BYTES];
    int  which; /* 0 train, 1 val, 2 test, 3 all labelled nodes */
    int  split; /* 0 the one the model was trained on, 1 main, 2 alt */
    char log[PR_TEXT_BYTES];
} pr_eval_options;

typedef struct pr_eval_setup {
    pr_dataset_options dataset;
    pr_machine_options machine;
    pr_eval_options    eval;
} pr_eval_setup;

extern const pr_option_table pr_eval_option_table;

typedef struct pr_eval_result {
    int64_t  run;
    uint64_t num_nodes;
    double   loss, accuracy, micro_f1;
    bool     multi_label; /* any number of labels a vertex; accuracy: all of them right */
    uint64_t rows_lost;
    int64_t  elapsed_ns;
    uint64_t num_edges;            /* task link: that were scored, in place of nodes; 0 otherwise */
    double   mrr, hits_at_10, auc; /* task link, in place of accuracy and micro_f1; else NaN */
} pr_eval_result;

/* Exact evaluation of a checkpoint on one part of a split. PR_E_MISMATCH when the checkpoint's
 * width or class count does not fit the dataset. */
pr_status pr_evaluate(const pr_eval_setup *setup, const pr_hooks *hooks, pr_eval_result *result);

typedef struct pr_infer_options {
    char checkpoint[PR_TEXT_BYTES];
    char out[PR_TEXT_BYTES];   /* .npy or .csv */
    char nodes[PR_TEXT_BYTES]; /* .npy of ids; "" all nodes in order */
    int  output;               /* 0 class, or labels; 1 logits; 2 probabilities; 3 embeddings */
    char log[PR_TEXT_BYTES];

    int      mode;                  /* 0 exact, 1 sampled */
    bool     resume;                /* exact: layers that are finished are kept until the end */
    char     work[PR_TEXT_BYTES];   /* where; "": out with ".work" behind it */
    bool     dry_run;               /* only fill in what it would take */
    char     fanout[PR_TEXT_BYTES]; /* sampled; "": as in training */
    uint32_t batch_size;            /* sampled */
    uint64_t seed;                  /* sampled */
} pr_infer_options;

typedef struct pr_infer_setup {
    pr_dataset_options dataset;
    pr_machine_options machine;
    pr_infer_options   infer;
    pr_sampler_options sampler; /* these are for mode sampled */
    pr_cache_options   cache;
    pr_io_options      io;
} pr_infer_setup;

extern const pr_option_table pr_infer_option_table;

typedef struct pr_infer_result {
    int64_t  run;
    uint64_t num_nodes, num_columns;
    uint64_t rows_lost;
    int64_t  elapsed_ns;

    uint32_t layers_found;   /* that an earlier run had finished (resume) */
    uint32_t passes;         /* exact: over all vertices, of the layers that were left */
    uint64_t steps;          /* sampled */
    uint64_t memory_bytes;   /* exact: what the process was expected to take at most; sampled: 0 */
    uint64_t spill_bytes;    /* of temporary files, at most at a time */
    uint64_t work_bytes;     /* resume: of finished layers, at most at a time */
    uint64_t file_bytes;     /* of the answers; .csv: at least */
    uint64_t peak_rss_bytes; /* of the process, as the kernel says */
} pr_infer_result;

/* Answers for all nodes, or for some, into one file, whole or not at all: .npy (class: i64 [n], or
 * u8 [n, C] of 0 and 1 where vertices have any number of labels; else f32 [n, C]) or .csv (node,
 * then the columns). */
pr_status pr_infer(const pr_infer_setup *setup, const pr_hooks *hooks, pr_infer_result *result);

/* packrat weights: from a checkpoint to a .npz (`out`), or from one (`from`) to a checkpoint. */
typedef struct pr_weights_options {
    char     checkpoint[PR_TEXT_BYTES]; /* read with `out`, written with `from` */
    char     out[PR_TEXT_BYTES];
    char     from[PR_TEXT_BYTES];
    char     like[PR_TEXT_BYTES]; /* a checkpoint; "": setup.dataset and setup.model tell */
    uint32_t layers;
    uint32_t outputs; /* 0: as many as the dataset has classes */
    int      split;   /* PR_SPLIT_MAIN or PR_SPLIT_ALT */
} pr_weights_options;

typedef struct pr_weights_setup {
    pr_dataset_options dataset;
    pr_model_options   model;
    pr_weights_options weights;
} pr_weights_setup;

extern const pr_option_table pr_weights_option_table;

typedef struct pr_weights_result {
    int      kind; /* pr_model_kind */
    uint32_t num_layers;
    uint64_t num_parameters;
} pr_weights_result;

/* Move weights one way or the other. A checkpoint that is made so has no state of an optimiser. */
pr_status pr_weights(const pr_weights_setup *setup, pr_weights_result *result);

#ifdef __cplusplus
}
#endif
#endif
