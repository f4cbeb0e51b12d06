/* packrat/nouns.h: the nouns that rooms hand to each other: graph, features, dataset, batch, slab
 * and the row of the step log. Plain structs; the room that makes one says who owns it. */
#ifndef PACKRAT_NOUNS_H
#define PACKRAT_NOUNS_H

#include <packrat/numa.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint32_t pr_vid;  /* a vertex: 0 .. num_nodes-1 */
typedef uint64_t pr_eid;  /* an offset into the stored arcs */
typedef uint32_t pr_slot; /* a row of a slab */

#define PR_VID_NONE   UINT32_MAX
#define PR_SLOT_NONE  UINT32_MAX
#define PR_MAX_NODES  (UINT32_MAX - 1u) /* most vertices a graph may have */
#define PR_MAX_LAYERS 16u

/* A borrowed list of vertex ids. */
typedef struct pr_vids {
    const pr_vid *at; /* [n] */
    size_t        n;
} pr_vids;

/* Stored arcs by destination (CSC): the in-neighbours of v are
 * indices[indptr[v] .. indptr[v+1]). */
typedef struct pr_graph {
    pr_vid        num_nodes;
    pr_eid        num_edges;
    const pr_eid *indptr;  /* [num_nodes + 1], ascending, first 0, last num_edges */
    const pr_vid *indices; /* [num_edges], each below num_nodes */
    const float  *weights; /* [num_edges], finite, >= 0; NULL: the graph has none */
} pr_graph;

typedef enum pr_feature_kind { PR_FEATURES_DENSE, PR_FEATURES_CSR } pr_feature_kind;

/* How a dense row is written down. Kernels compute with f32; the others are converted as they move.
 */
typedef enum pr_row_format {
    PR_ROWS_F32,
    PR_ROWS_BF16, /* the upper half of an f32 */
    PR_ROWS_F16,  /* IEEE 754 binary16 */
    PR_ROWS_INT8  /* times the row's scale */
} pr_row_format;

/* Dense rows where a file has them, packed one behind the other. */
typedef struct pr_row_file {
    const char  *path;
    int          fd;         /* for reading, through the page cache */
    int          format;     /* pr_row_format */
    uint64_t     first_byte; /* row v has row_bytes from first_byte + v * row_bytes on */
    size_t       row_bytes;
    uint64_t     file_bytes; /* when it was opened */
    const float *scale;      /* int8 [num_rows], finite, in memory; else NULL */
    const void  *mapped;     /* row 0 in a mapping of the file, read only */
    bool         checked;    /* all values were found finite; false: whoever reads a row looks */
} pr_row_file;

/* Feature rows of every vertex, X [num_rows, num_cols], dense or CSR. Dense ones have `rows`, or
 * `file`, or both: rows that lie in a mapped file. */
typedef struct pr_features {
    pr_feature_kind    kind;
    pr_vid             num_rows;
    uint32_t           num_cols;
    const float       *rows;    /* dense: row v starts at rows + v * ld; NULL: see file */
    size_t             ld;      /* dense: elements from one row to the next, >= num_cols */
    const pr_eid      *indptr;  /* csr [num_rows + 1] */
    const uint32_t    *indices; /* csr [nnz], columns ascending within a row */
    const float       *data;    /* csr [nnz] */
    const pr_row_file *file;    /* dense: NULL: the rows are in memory only */
} pr_features;

typedef struct pr_split {
    pr_vids train, val, test; /* ascending, disjoint, labelled */
} pr_split;

enum { PR_SPLIT_MAIN = 0, PR_SPLIT_ALT = 1, PR_NUM_SPLITS = 2 };

/* A graph with features, labels and splits. Never changes after loading; any number of threads
 * may read it. */
typedef struct pr_dataset {
    const char    *name; /* from meta.json, or the directory's name */
    const char    *path; /* the directory as it was named */
    pr_graph       graph;
    pr_features    features;
    const int32_t *labels;  /* [num_nodes], -1: no label; NULL: none, or many a vertex */
    const uint8_t *targets; /* [num_nodes, num_classes], 0 or 1: any number of labels a vertex
                               (all vertices are labelled then); NULL: one class a vertex */
    uint32_t num_classes;   /* 0 without labels */
    bool     has_split[PR_NUM_SPLITS];
    pr_split split[PR_NUM_SPLITS];
    uint64_t fingerprint;  /* of counts, arcs and labels; equal for equal graphs */
    int      feature_norm; /* pr_feature_norm that was applied, never auto */
} pr_dataset;

/* Which use of the pipeline a step belongs to; the value is also part of the random key. */
typedef enum pr_phase { PR_PHASE_TRAIN, PR_PHASE_EVAL, PR_PHASE_INFER, PR_PHASE_SERVE } pr_phase;

/* One hop of a batch, from sources to destinations. Local ids: place in pr_batch.nodes. The
 * destinations are the first num_dst sources. */
typedef struct pr_block {
    uint32_t        num_dst, num_src; /* num_src >= num_dst */
    uint32_t        num_edges;
    const uint32_t *indptr;  /* [num_dst + 1] */
    const uint32_t *indices; /* [num_edges] local ids of sources, below num_src */
    const float    *weights; /* [num_edges], > 0: what a source counts in the mean; NULL: alike */
} pr_block;

/* What the sampler hands on. block[0] is the seeds' hop; block[h].num_src ==
 * block[h+1].num_dst; nodes[0 .. block[h].num_src) are the vertices of hop h. */
typedef struct pr_batch {
    pr_phase phase;
    uint64_t step;
    uint32_t epoch;
    uint32_t num_seeds;
    const uint32_t
            *positions; /* [num_seeds] of each seed in the step's whole list; NULL: 0, 1, ... */
    uint32_t num_layers;
    const pr_block *block; /* [num_layers] */
    pr_vids         nodes; /* distinct vertices in order of discovery, seeds first: the inputs */
    uint64_t        num_edges; /* over all hops */
    uint64_t        hash;      /* this batch's part of batch_hash; parts of lanes add up */
    int64_t         sample_ns;
} pr_batch;

/* The rows a batch reads, in place. Row of input i (batch local id i):
 *   features == NULL   rows + slot_of_input[i] * ld      (dense: slab, bypass tail or store)
 *   features != NULL   CSR row slot_of_input[i] of *features (mode off, sparse store)
 */
typedef struct pr_slab {
    const float       *rows;
    size_t             ld; /* elements from one row to the next */
    uint32_t           num_cols;
    uint32_t           num_inputs;
    const pr_slot     *slot_of_input; /* [num_inputs] */
    const pr_features *features;
    bool               is_derived; /* rows are what the first layer makes of features, not features
                                      (pr_store_derived) */
} pr_slab;

/* Which NUMA node, and which lane, has a row of the store; a value. */
typedef struct pr_shards {
    uint32_t       num_shards;
    int32_t        node[PR_MAX_SHARDS];      /* [num_shards] OS index, -1: not known */
    uint32_t       lane[PR_MAX_SHARDS];      /* [num_shards] that works for its rows */
    pr_vid         first[PR_MAX_SHARDS + 1]; /* ranges: shard s has rows first[s] .. first[s+1]-1 */
    const uint8_t *of_row; /* [num_rows] a shard each, borrowed; NULL: shards are ranges */
} pr_shards;

/* What bringing the rows of one plan from a slow tier cost. What is counted does not depend on
 * timing, but for reads_again and disk_ns. */
typedef struct pr_fetch_cost {
    uint64_t rows;        /* that were read for it; rows - rows_early when it was planned */
    uint64_t rows_early;  /* before: while their list waited in the window */
    uint64_t reads;       /* neighbouring rows come with one read */
    uint64_t bytes;       /* of those reads: whole blocks, gaps between rows included */
    uint64_t reads_again; /* reads, or what was left of them, asked for again: short, interrupted,
                             or failed and retried */
    int64_t disk_ns;      /* while some read of it was in flight */
} pr_fetch_cost;

#define PR_NULL_INT INT64_MIN /* SQL NULL in an integer column of the log */

/* What one step did and cost: one row of table `step` (docs/step-log.md has the units). Times
 * are wall clock, with several lanes the slowest lane's; NaN loss is NULL. */
typedef struct pr_step {
    pr_phase    phase;
    uint64_t    step;
    uint32_t    epoch;
    uint64_t    num_seeds, num_inputs, num_edges;
    int64_t     inputs_repeated; /* that a lane before had too; PR_NULL_INT: not counted */
    uint64_t    batch_hash;
    uint64_t    rows_hit, rows_added, rows_bypassed, rows_direct; /* sum: num_inputs */
    uint64_t    rows_victim, rows_compacted, rows_moved, rows_first;
    uint64_t    bytes_moved;
    int64_t     bytes_bound; /* PR_NULL_INT in modes without a bound */
    uint64_t    bytes_gather;
    int64_t     bytes_local, bytes_remote; /* PR_NULL_INT when not known */
    uint64_t    bytes_disk, reads_disk, reads_again, rows_disk, rows_early; /* pr_fetch_cost */
    int64_t     disk_ns;
    int64_t     wait_rows_ns;         /* of wait_ns, for rows; not for batches */
    const char *mode, *path, *policy; /* literals */
    uint32_t    lookahead;
    int64_t     wait_ns, prepare_ns, place_ns, aggregate_ns, gemm_ns, backward_ns, update_ns;
    int64_t     other_ns, step_ns, sample_ns, fetch_ns;
    uint32_t    queue_depth;
    double      loss;
    int64_t     num_correct;                      /* PR_NULL_INT when not known */
    int64_t     cycles, instructions, llc_misses; /* PR_NULL_INT without counters */
} pr_step;

/* The part of a step that one cache partition did: one row of table `step_partition`. */
typedef struct pr_step_partition {
    uint32_t partition;
    int32_t  numa_node; /* -1: not bound to one */
    uint64_t num_inputs, rows_hit, rows_added, rows_bypassed, rows_victim;
    int64_t  rows_replicated; /* PR_NULL_INT: not counted */
    uint64_t bytes_moved;
    int64_t  bytes_bound;
    int64_t  bytes_local, bytes_remote; /* PR_NULL_INT when not known */
    uint64_t bytes_disk, reads_disk;
    int64_t  prepare_ns, place_ns, fetch_ns, lane_ns;
} pr_step_partition;

#ifdef __cplusplus
}
#endif
#endif
