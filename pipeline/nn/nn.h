/* nn.h: what the pipeline calls of the nn room: forward, loss, backward and update of one lane's
 * part of a mini-batch, and exact layer-wise inference over the whole graph.
 *
 * layer.h has the kinds of layers and their formulas. Dropout falls on the inputs of layers, by
 * vertex, so that a vertex and its neighbours see the same mask. */
#ifndef PIPELINE_NN_NN_H
#define PIPELINE_NN_NN_H

#include <packrat/nn.h>
#include <packrat/nouns.h>
#include <packrat/numa.h>

#include "base/arena.h"

/* Where the time of a step went; added to, never reset here. */
typedef struct pri_nn_times {
    int64_t aggregate_ns, gemm_ns, backward_ns, update_ns;
} pri_nn_times;

/* Activations, gradients and kept primitives of one lane. */
typedef struct pri_tape pri_tape;

/* Create a tape for batches of at most these sizes; reserves address space, pages follow use.
 *
 *   graph                that batches are drawn from, borrowed: gcn, gin and gat need degrees
 *   max_dst, max_edges   [num_layers], by hop (hop 0 is the seeds')
 *   max_inputs           distinct vertices of a batch
 *
 * PR_E_NOMEM names the bytes. Belongs to one thread at a time; its team may change size. */
pr_status pri_tape_create(const pr_model *model, const pr_graph *graph, const uint32_t *max_dst,
                          const uint64_t *max_edges, uint32_t max_inputs, pri_tape **out);
void      pri_tape_free(pri_tape *tape);

/* Give the bytes of such a tape for a model of this shape; UINT64_MAX when they have no number. */
uint64_t pri_tape_bytes(const pr_model_shape *shape, const uint32_t *max_dst,
                        const uint64_t *max_edges, uint32_t max_inputs);

/* What batches need of a tape, by hop. */
typedef struct pri_tape_sizes {
    uint32_t dst[PR_MAX_LAYERS];
    uint64_t edges[PR_MAX_LAYERS];
    uint32_t inputs;
} pri_tape_sizes;

/* Give the bytes that a tape made for batches of `most` has in memory once it has worked on those
 * of `used`, at most.
 *
 *   sparse   the first layer reads rows of CSR
 *   page     of pri_page_most */
uint64_t pri_tape_resident(const pr_model_shape *shape, const pri_tape_sizes *most,
                           const pri_tape_sizes *used, bool sparse, size_t page);

/* Append the memory a tape holds by itself. */
void pri_tape_ranges(const pri_tape *tape, pr_ranges *ranges);

/* Run the model on a batch.
 *
 *   slab      the batch's input rows; not read after this call returns
 *   training  true: dropout, and activations are kept for backward
 *   key       seed of dropout, with (step, layer, vertex, column)
 *
 * Logits stay in the tape until the next forward. Times go to aggregate_ns and gemm_ns.
 * PR_E_LIBRARY when oneDNN fails; PR_E_MISMATCH or PR_E_FULL when batch or slab is not what model
 * and tape were made for. Never calls the heap door. */
pr_status pri_nn_forward(const pr_model *model, pri_tape *tape, const pr_batch *batch,
                         const pr_slab *slab, bool training, uint64_t key, pri_nn_times *times);

/* Derived rows: what the first layer makes of a vertex's features before any neighbour comes in, so
 * that a batch neither reads nor multiplies features (slab->is_derived). By kind, of a row x:
 *
 *     sage (mean)   [ x Ws + b | x W ]     gcn, gin   x W     gat   x W (of all heads)
 *
 * The first layer of pri_nn_forward does the rest on their slab; there is no way back, and no
 * training. Not for sage with max, nor for models whose first layer has a residual.
 *
 * Give the columns of such a row; 0: this model's first layer has none. */
uint32_t pri_nn_derived_cols(const pr_model_shape *shape);

/* What computes them; belongs to one thread at a time. */
typedef struct pri_deriver pri_deriver;

/* Create one for a model, which must outlive it and not change.
 *
 *   features   of CSR: rows are read there by id; NULL, or dense: rows are handed in
 *
 * PR_E_UNSUPPORTED for models without derived rows. */
pr_status pri_deriver_create(const pr_model *model, const pr_features *features, pri_deriver **out);
void      pri_deriver_free(pri_deriver *deriver); /* NULL is fine */

/* A pr_derive; context is a pri_deriver. */
pr_status pri_derive(void *context, const pr_vid *ids, uint32_t n, const float *x, size_t ldx,
                     float *out, size_t ldo);

/* Borrow the logits [num_seeds, classes]; *ld in elements. */
const float *pri_nn_logits(const pri_tape *tape, size_t *ld);

/* Borrow the inputs of the last layer, those of the seeds first; the model has two at least. */
const float *pri_nn_hidden(const pri_tape *tape, size_t *ld);

/* What outputs are compared with: one class a vertex, or any number of labels. Borrowed. */
typedef struct pri_targets {
    const int32_t *classes; /* multi-class: [num_nodes of the graph]; NULL: multi-label */
    const uint8_t *labels;  /* multi-label: [num_nodes, num_outputs], 0 or 1 */
    uint32_t       num_outputs;
    const float
        *weight; /* [num_outputs] what a class counts, or a label where it is set; NULL: 1 */
} pri_targets;

/* Give the targets of a dataset, all weights 1. */
static inline pri_targets pri_targets_of(const pr_dataset *dataset)
{
    return (pri_targets){ .classes     = dataset->labels,
                          .labels      = dataset->targets,
                          .num_outputs = dataset->num_classes };
}

/* What a loss came to over some vertices; sums of it add up. */
typedef struct pri_loss {
    double   sum;         /* not divided by anything */
    uint64_t num_correct; /* vertices whose class, or all of whose labels, are right */
    uint64_t true_positives, false_positives,
        false_negatives; /* of labels; multi-class: of classes */
} pri_loss;

/* Add what the loss came to over other vertices. Cannot fail. */
static inline void pri_loss_add(pri_loss *sum, const pri_loss *more)
{
    sum->sum += more->sum;
    sum->num_correct += more->num_correct;
    sum->true_positives += more->true_positives;
    sum->false_positives += more->false_positives;
    sum->false_negatives += more->false_negatives;
}

/* Give what the loss of some vertices is divided by to be their mean: multi-class, the sum of the
 * weights of their classes; multi-label, their number times num_outputs (as torch does). */
double pri_targets_divisor(const pri_targets *targets, pr_vids vertices);

/* Loss over the seeds: softmax cross entropy (multi-class), or the sum over labels of binary cross
 * entropies (multi-label); a label is predicted where its logit is above 0.
 *
 *   targets   seeds are looked up by id; all labelled
 *   divisor   of the gradient: pri_targets_divisor of the whole step's seeds, over all lanes
 *   out       of this lane's seeds
 *
 * Leaves the gradient of the mean loss in the tape. Cannot fail. */
void pri_nn_loss(pri_tape *tape, const pr_batch *batch, const pri_targets *targets, double divisor,
                 pri_loss *out);

/* Gradient of all parameters into the tape's gradient, overwritten. Same result for any number
 * of threads but for the rounding of GEMMs. Time goes to backward_ns. */
pr_status pri_nn_backward(const pr_model *model, pri_tape *tape, const pr_batch *batch,
                          pri_nn_times *times);

/* The tape's gradient, flat [num_parameters]; the model's parameters, flat, same order. */
float *pri_nn_gradient(pri_tape *tape);
float *pri_nn_parameters(pr_model *model);

/* A run of the parameters, for one lane to update. */
typedef struct pri_nn_slice {
    size_t begin, end; /* begin at whole cache lines, so that no two lanes write to one */
} pri_nn_slice;

/* Give one of num_parts slices that are as even as lines allow and make up all parameters. */
pri_nn_slice pri_nn_slice_of(const pr_model *model, uint32_t part, uint32_t num_parts);

/* Sum the lanes' gradients in lane order and take one step of the optimiser that the options name
 * (optimizer.c has the formulas), in one slice. options->lr is the rate of this very step
 * (pr_learning_rate). Several threads may be in it, each with its slice; the bits do not depend on
 * how the parameters are cut. Once all are done, pri_nn_updated. Time goes to update_ns. */
void pri_nn_update(pr_model *model, pri_nn_slice slice, float *const *gradients,
                   uint32_t num_gradients, const pr_optimizer_options *options,
                   pri_nn_times *times);

/* Count an update: what Adam's corrections of the next one go by. */
void pri_nn_updated(pr_model *model);

/* Copy parameters and optimiser state: keep the best model in memory. Shapes must agree. */
void pri_model_copy(pr_model *to, const pr_model *from);

/* Exact inference: layer by layer over all vertices with every neighbour, no dropout.
 *
 *   logits   out [num_nodes, classes], row major, ld = classes
 *   stop     NULL, or a flag that ends the work with PR_E_INTERRUPTED
 *
 * Works in ranges of vertices; takes 2 * num_nodes * widest layer * 4 bytes from the heap (a
 * `create` style call, not for the step path). */
pr_status pri_nn_infer_exact(const pr_model *model, const pr_graph *graph,
                             const pr_features *features, float *logits, const volatile int *stop,
                             pri_nn_times *times);

/* The same on several lanes: the vertices are cut into parts, and the work into passes. All parts
 * of a pass may run at once, each on a thread with a team; the next pass begins when all are done.
 * Vertices do not depend on how they are cut but for the rounding of GEMMs. Rows that are only in a
 * file are read from there in ranges (pri_rows_read). */
typedef struct pri_exact pri_exact;

pr_status pri_exact_create(const pr_model *model, const pr_graph *graph,
                           const pr_features *features, float *logits, uint32_t num_parts,
                           pri_exact **out);

/* Where answers go: every vertex's logits, or the last outputs of a span, once, a range of whole
 * rows at a time, in the last pass.
 * Nothing keeps them but who takes them. */
typedef struct pri_exact_output {
    float *logits; /* NULL, or [num_nodes, columns], ld = columns: all are put there */
    /* NULL, or called with `num` rows from vertex `first` on, which are gone when it returns;
     * cannot fail. A part's ranges come in order, on its thread, which has its team; several parts
     * call at the same time. */
    void (*take)(void *context, uint32_t part, pr_vid first, uint32_t num, const float *rows,
                 size_t ld);
    void *context;
} pri_exact_output;

/* How much memory an exact pass may take. Layer outputs that do not fit go to temporary files, in
 * panels of columns: means over neighbours are taken a panel at a time, so that what is read at
 * random is in memory, and files are read and written from one end to the other (exact_plan.c). */
typedef struct pri_exact_limits {
    uint64_t memory_bytes; /* besides answers and graph, features in memory and what oneDNN keeps;
                              rows in a mapped file count where they are read in place; 0: half of
                              the machine's, or of what cgroups grant where that is less */
    const char *spill_dir; /* where temporary files go; they have no name, and end with the run.
                              NULL or "": $TMPDIR, else /var/tmp */
} pri_exact_limits;

/* Which layers: from the inputs of layer `first`, which `features` are then, to the outputs of
 * layer `end` - 1, which are the inputs of layer `end`, or the logits. */
typedef struct pri_exact_span {
    uint32_t first, end;
} pri_exact_span;

/* The same within limits, for all layers, or those of a span (NULL: all). PR_E_NOMEM names the
 * least memory that works; PR_E_IO directory and bytes when temporary files would not fit there. */
pr_status pri_exact_create_within(const pr_model *model, const pr_graph *graph,
                                  const pr_features *features, pri_exact_output output,
                                  uint32_t num_parts, const pri_exact_limits *limits,
                                  const pri_exact_span *span, pri_exact **out);

/* Give what exact inference of a span (NULL: all layers) takes for a model of this shape without
 * limit, at least, and what it writes to temporary files with `memory_bytes` (0 as in limits; less
 * than the least counts as that); any may be NULL. UINT64_MAX: more than can be counted. */
void pri_exact_measure(const pr_model_shape *shape, const pr_features *features, uint32_t num_parts,
                       const pri_exact_span *span, uint64_t memory_bytes, uint64_t *most,
                       uint64_t *least, uint64_t *spill);
void pri_exact_free(pri_exact *exact); /* NULL is fine; removes temporary files */

/* What passes read from files of features and layer outputs, and wrote to the latter. */
typedef struct pri_exact_io {
    uint64_t bytes_read, bytes_written, reads;
    int64_t  disk_ns; /* spent in reading and writing */
} pri_exact_io;

/* Give what a part did so far; not while it runs. */
pri_exact_io pri_exact_io_of(const pri_exact *exact, uint32_t part);

/* Give the bytes of memory it takes, and of all temporary files. */
uint64_t pri_exact_memory(const pri_exact *exact, uint64_t *spill_bytes);

/* Give the bytes of a mapped file that it reads in place besides: pages that become the process's
 * as they are touched, and may be already. 0 where rows are streamed, or in memory of their own. */
uint64_t pri_exact_mapped(const pri_exact *exact);

uint32_t pri_exact_num_passes(const pri_exact *exact); /* 0 for a graph without vertices */

/* Give how many vertices a part has, and the first of them. */
uint32_t pri_exact_rows(const pri_exact *exact, uint32_t part, pr_vid *begin);

/* Run one part of a pass; times are added to. */
pr_status pri_exact_pass(const pri_exact *exact, uint32_t pass, uint32_t part,
                         const volatile int *stop, pri_nn_times *times);

#endif
