/* worth.h: how many lanes a training step is worth.
 *
 * A further lane brings threads, and costs waiting, one more gradient to be summed, and vertices
 * that two lanes both need. Whether it pays follows here from what a run is told and from the shape
 * of its data, never from a clock: the number of lanes decides how losses are rounded, so a run
 * that is repeated must get the same.
 *
 * A step of B seeds on L lanes is estimated as
 *
 *     time(L) = max over lanes l of  alone(b_l) + shared(b_l) / T_l
 *             + update(L) / T  +  (L - 1) LANE           b_l = B T_l / T,  T = sum over l of T_l
 *
 * with T_l the threads of lane l. A plan for L lanes has the L nodes with the most cores, and of
 * the threads of a plan for more lanes (--threads, a quota) all that find a core there. Hop h of b
 * seeds begins with V_h vertices (V_0 = b) and draws E_h = V_h min(fanout, mean degree) edges; with
 * the E_h ends anywhere among N vertices, as balls in bins,
 *
 *     V_{h+1} = V_h + (N - V_h) (1 - exp(-E_h / N))
 *
 * so that two halves of a batch have together more vertices than the batch: what is computed twice
 * needs no term of its own. Real graphs are skewed and batches share more, by LABOR above all: then
 * twice-computed vertices, and with them what a lane costs, are underestimated, and so is how small
 * a batch is.
 *
 * The costs are those of one 2-core AMD EPYC with AVX-512, rounded (docs/benchmarks.md has what
 * they come from); what they are for is the ratio of work to waiting, which they settle within a
 * factor of two or so. docs/decisions.md says more. */
#ifndef PIPELINE_WORTH_H
#define PIPELINE_WORTH_H

#include <packrat/nn.h>
#include <packrat/numa.h>
#include <packrat/sampler.h>

/* Nanoseconds of one thread, and where they come from:
 *
 *   LABEL   an edge drawn, what the lane's own thread has of it: relabelling is in order
 *           (bench_sampler: 14 an edge with one thread, 13.6 with two)
 *   DRAW    an edge drawn, what its threads share of it
 *   SCAN    LABOR: a neighbour that is looked at (bench_sampler)
 *   ROW     an input row found in the cache's index (bench_cache_update: 2.5 to 10)
 *   BYTE    a byte of a row, copied or added up: 10 GB/s a core (bench_cache_update)
 *   FLOP    100 GFLOP/s a core: oneDNN reaches 100 to 240 with AVX2 or AVX-512
 *   SCORE   gat: an arc's weight of one head, forward and backward (an exponential, two quotients)
 *   ADAM    a parameter updated
 *   SUM     a parameter's gradient of a further lane: 4 bytes that another node has written, at
 *           4 GB/s
 *   LANE    a further lane woken and waited for, twice a step (bench_scaling, door wake, has it
 *           once) */
#define PRI_WORTH_LABEL_NS 10.0
#define PRI_WORTH_DRAW_NS  4.0
#define PRI_WORTH_SCAN_NS  0.5
#define PRI_WORTH_ROW_NS   5.0
#define PRI_WORTH_BYTE_NS  0.1
#define PRI_WORTH_FLOP_NS  0.01
#define PRI_WORTH_SCORE_NS 4.0
#define PRI_WORTH_ADAM_NS  1.0
#define PRI_WORTH_SUM_NS   1.0
#define PRI_WORTH_LANE_NS  40e3

/* What the estimate goes by; borrowed for the call. */
typedef struct pri_worth_input {
    uint64_t                  num_nodes, num_edges; /* of the graph */
    uint64_t                  num_train;            /* seeds there are: no step has more of them */
    uint32_t                  batch_size;           /* seeds of a step */
    const pr_fanout          *fanout;
    const pr_sampler_options *sampling; /* NULL: uniform */
    uint64_t row_bytes;                 /* of an input row in the slab; 0: rows are read in place */
    double   row_terms; /* entries of a mean row, where rows of CSR are read in place; 0: dense */
    const pr_model_shape *shape; /* of pr_model_describe; its layers are the fanout's */
} pri_worth_input;

/* Give about how many of `nodes` vertices are known after a hop of so many edges, with `known` of
 * them before: the formula above. */
double pri_worth_reach(double known, double edges, double nodes);

/* Estimate the nanoseconds of a step on num_lanes lanes, of those the plan has the ones with the
 * most cores. Cannot fail. O(lanes * layers). */
double pri_worth_step_ns(const pr_plan *plan, const pri_worth_input *input, uint32_t num_lanes);

/* A lane's part of a batch that was drawn, on average; by hop. */
typedef struct pri_worth_batch {
    double dst[PR_MAX_LAYERS], edges[PR_MAX_LAYERS];
    double inputs, rows_moved;
} pri_worth_batch;

/* Estimate the nanoseconds of a lane's step but for drawing and fetching: rows found and moved,
 * forward, backward and update, of batches whose sizes are known. The same costs as above. */
double pri_worth_compute_ns(const pri_worth_input *input, const pri_worth_batch *batch,
                            double threads);

/* Give the number of lanes, 1 .. plan->num_lanes, with the least estimate; of equals the fewest.
 *
 *   why   out: half a sentence for people, "a step of about 0.4 ms is not worth a second lane";
 *         "" where the plan has one lane anyway
 *
 * Cannot fail. */
uint32_t pri_worth_lanes(const pr_plan *plan, const pri_worth_input *input, char why[256]);

#endif
