/* packrat/loaders.h: files in, dataset out. A dataset is a directory of .npy arrays and a
 * meta.json (docs/file-format.md). Every reader treats its file as hostile: it names the file and
 * the field, what was found and what is allowed, and gives PR_E_INPUT. */
#ifndef PACKRAT_LOADERS_H
#define PACKRAT_LOADERS_H

#include <packrat/base.h>
#include <packrat/nouns.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pr_feature_norm {
    PR_NORM_AUTO, /* l2 for CSR features (bags of words), none for dense ones */
    PR_NORM_NONE,
    PR_NORM_L1,
    PR_NORM_L2
} pr_feature_norm;

/* When the values of dense feature rows are looked at. */
typedef enum pr_feature_check {
    PR_CHECK_AUTO, /* at once, where the file takes at most half of the memory that is free */
    PR_CHECK_OPEN, /* at once, all of them */
    PR_CHECK_READ  /* each row when it is read: opening reads no row */
} pr_feature_check;

typedef struct pr_dataset_options {
    char data[PR_TEXT_BYTES]; /* the directory */
    int  feature_norm;        /* pr_feature_norm; anything but none copies the values once */
    int  feature_check;       /* pr_feature_check */
} pr_dataset_options;

extern const pr_option_table pr_dataset_option_table; /* data, feature-norm, feature-check */

/* "f32", "bf16", "f16", "int8"; never NULL. */
const char *pr_row_format_name(int format);

/* Open a dataset directory.
 *
 *   out   the dataset, close with pr_dataset_close; NULL on failure
 *
 * Arrays are memory mapped where type and layout allow (f32 features, u32 indices, u64 or i64
 * indptr), else converted into memory. Everything is checked once here: shapes, types, indptr
 * monotone, ids in range, labels in range, splits labelled, ascending and disjoint, features
 * finite; but dense rows not before they are read, where feature_check says so. Rows of other
 * formats than f32 stay as they are (features.rows is NULL, features.file says where).
 * PR_E_UNSUPPORTED for a feature_norm of dense rows that are not to be read at once, or are not
 * f32: packrat convert writes scaled rows. Cost: one pass over every array that is checked.
 */
pr_status pr_dataset_open(const pr_dataset_options *options, const pr_dataset **out);

/* Unmap and free; NULL is fine. Nothing may borrow from the dataset any more. */
void pr_dataset_close(const pr_dataset *dataset);

/* A numpy array read from or written to one .npy file. */
typedef enum pr_dtype {
    PR_I32,
    PR_U32,
    PR_I64,
    PR_U64,
    PR_F32,
    PR_F64,
    PR_U8,
    PR_I8,
    PR_U16,
    PR_F16,
    PR_BOOL /* a byte, 0 or 1 */
} pr_dtype;

typedef struct pr_npy {
    pr_dtype    dtype;
    uint32_t    num_dims; /* 0, 1 or 2 */
    uint64_t    shape[2]; /* unused dimensions are 1 */
    const void *data;     /* C order, little endian, mapped; read only */
    void       *mapping;  /* the loader's own */
    size_t      mapping_bytes;
} pr_npy;

/* Map one .npy file (versions 1 to 3, C order, little endian, at most two dimensions). PR_E_INPUT
 * when it is anything else or shorter than its header says. */
pr_status pr_npy_open(const char *path, pr_npy *out);
void      pr_npy_close(pr_npy *npy);

/* Write one array as .npy version 1.0, whole or not at all (temporary name, fsync, rename). */
pr_status pr_npy_write(const char *path, pr_dtype dtype, uint32_t num_dims, const uint64_t *shape,
                       const void *data);

/* What long work tells its caller, and how it is stopped. */
typedef struct pr_watch {
    const volatile int *stop; /* NULL, or non-zero to end with PR_E_INTERRUPTED and leave nothing */
    /* NULL: silent. `stage` is a literal ("count edges"), `done` of `total` bytes, or rows; total
     * 0: not known. On the calling thread, some times a second at most. */
    void (*progress)(void *context, const char *stage, uint64_t done, uint64_t total);
    void *context;
} pr_watch;

/* packrat import: make a dataset directory from another directory of the layout, or from an edge
 * list (SNAP text: two ids a line, '#' comments; or csv) with features and labels. */
typedef struct pr_import_options {
    char source[PR_TEXT_BYTES];
    char out[PR_TEXT_BYTES];      /* must not exist, or be empty */
    int  format;                  /* 0 auto, 1 dir, 2 edges */
    char features[PR_TEXT_BYTES]; /* .npy [N, F] or csv of N rows; "" none */
    char labels[PR_TEXT_BYTES];   /* .npy [N] or csv of N rows (-1: none), or .npy [N, C] of 0
                                     and 1: any number of labels a node; "" none */
    uint64_t nodes;               /* 0: as many as feature rows; else must be that many */
    bool     undirected;          /* add the reverse of every arc */
    bool     edge_weights;        /* an edge list's third column is the edge's weight */
    bool     remap; /* number the ids found 0.. in ascending order, write ids.npy; feature rows and
                     * labels without ids are in that order */
    uint32_t train_percent, val_percent; /* of labelled nodes, by hash; the rest tests */
    uint64_t seed;
    int      duplicates; /* of equal arcs: 0 keep one (weights are added up), 1 keep all */
    int      self_loops; /* 0 drop, 1 keep, 2 keep, and one for every node that has none */
    uint64_t memory;     /* bytes that the whole process may take; 0: as suits it */
    bool     dry_run;    /* say what would be made and the peak memory; write nothing */
} pr_import_options;

extern const pr_option_table pr_import_option_table;

/* packrat gen: a synthetic dataset, the same bytes for any number of threads. */
typedef struct pr_gen_options {
    int      kind; /* 0 planted, 1 rmat */
    char     out[PR_TEXT_BYTES];
    uint64_t nodes, edges; /* edges: stored arcs wanted, before duplicates are dropped */
    uint32_t features, classes;
    uint64_t seed;
    uint32_t communities, subcommunities; /* planted */
    double   homophily;                   /* planted: share of edges that stay in a sub-community */
    double   community_share; /* planted: share of edges that stay in a community only */
    double   degree_exponent; /* planted: Pareto */
    double   noise;           /* standard deviation of feature noise; centres have length 1 */
    double   label_noise;     /* share of nodes whose label is drawn blindly */
    int      edge_weights;    /* 0 none, 1 uniform, 2 pareto */
    bool     multi_label;     /* planted: any number of labels a node */
    uint32_t threads;         /* 0: all */
} pr_gen_options;

extern const pr_option_table pr_gen_option_table;

/* packrat convert: a dataset with its feature rows in another format. Sparse rows become dense. */
typedef struct pr_convert_options {
    char data[PR_TEXT_BYTES], out[PR_TEXT_BYTES];
    int  format;       /* pr_row_format */
    int  feature_norm; /* pr_feature_norm, applied before; the new dataset has none to apply */
} pr_convert_options;

extern const pr_option_table pr_convert_option_table; /* data, out, format, feature-norm */

/* What it did to the values. Errors are of the values as they are read back. */
typedef struct pr_converted {
    pr_vid   num_rows;
    uint32_t num_cols;
    int      format;
    int      feature_norm;              /* that was applied, never auto */
    uint64_t bytes_before, bytes_after; /* of feature files */
    double   max_error, rms_error;      /* absolute */
    double   rms_value;                 /* of the values before */
} pr_converted;

/* Write it, whole or not at all, streaming: takes a few MiB beside the other arrays. PR_E_INPUT for
 * values the format cannot hold (f16: beyond 65504). */
pr_status pr_convert(const pr_convert_options *options, const pr_watch *watch,
                     pr_converted *converted);

/* What import and gen made (counts as stored). */
typedef struct pr_made {
    uint64_t nodes, edges, features, classes, train, val, test;
    uint64_t self_loops_dropped, duplicates_dropped;
    uint64_t peak_bytes;  /* stated peak of memory; of import: of the whole process */
    uint64_t least_bytes; /* of an edge list: the smallest --memory that works; else peak_bytes */
    uint64_t num_passes;  /* over the edges of an edge list, to sort them */
} pr_made;

/* Make the directory whole or not at all: written under a temporary name, renamed last. `watch` and
 * `stop` may be NULL; work that is stopped ends with PR_E_INTERRUPTED and leaves nothing behind. */
pr_status pr_import(const pr_import_options *options, const pr_watch *watch, pr_made *made);
pr_status pr_generate(const pr_gen_options *options, const volatile int *stop, pr_made *made);

/* An access trace: which rows every step of a run wanted, in framed, compressed pieces
 * (docs/trace-format.md). What was written before a cut can be read. */
typedef struct pr_trace_info {
    char     dataset[256];
    uint64_t fingerprint; /* of the dataset */
    uint64_t num_nodes, row_bytes, seed;
} pr_trace_info;

typedef struct pr_trace_step {
    pr_phase phase;
    uint32_t lane;
    uint64_t step;
    pr_vids  wanted; /* in the order of the batch */
} pr_trace_step;

typedef struct pr_trace_writer pr_trace_writer;

/* Create a trace file. One caller at a time. Memory is taken here: steps of up to max_wanted rows.
 */
pr_status pr_trace_create(const char *path, const pr_trace_info *info, size_t max_wanted,
                          pr_trace_writer **out);
pr_status pr_trace_add(pr_trace_writer *writer, const pr_trace_step *step);
pr_status pr_trace_finish(pr_trace_writer *writer); /* flushes and frees; NULL is fine */

typedef struct pr_trace pr_trace;

/* Open one to be read from its beginning. PR_E_INPUT for a file that is none. */
pr_status pr_trace_open(const char *path, pr_trace **out, pr_trace_info *info);

/* Give the next step, borrowed until the next call; false at the end, or where the file was cut. A
 * damaged frame is PR_E_INPUT. */
pr_status pr_trace_next(pr_trace *trace, bool *more, pr_trace_step *step);
void      pr_trace_close(pr_trace *trace); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
