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

typedef struct pr_dataset_options {
    char data[PR_TEXT_BYTES]; /* the directory */
    int  feature_norm;        /* pr_feature_norm; anything but none copies the values once */
} pr_dataset_options;

extern const pr_option_table pr_dataset_option_table; /* data, feature-norm */

/* Open a dataset directory.
 *
 *   out   the dataset, close with pr_dataset_close; NULL on failure
 *
 * Arrays are memory mapped where type and layout allow (f32 features, u32 indices, u64 or i64
 * indptr), else converted into memory. Everything is checked once here: shapes, types, indptr
 * monotone, ids in range, labels in range, splits labelled, ascending and disjoint, features
 * finite. Cost: one pass over every array.
 */
pr_status pr_dataset_open(const pr_dataset_options *options, const pr_dataset **out);

/* Unmap and free; NULL is fine. Nothing may borrow from the dataset any more. */
void pr_dataset_close(const pr_dataset *dataset);

/* A numpy array read from or written to one .npy file. */
typedef enum pr_dtype { PR_I32, PR_U32, PR_I64, PR_U64, PR_F32, PR_F64, PR_U8 } pr_dtype;

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

/* packrat import: make a dataset directory from another directory of the layout, or from an edge
 * list (SNAP text: two ids a line, '#' comments; or csv) with features and labels. */
typedef struct pr_import_options {
    char     source[PR_TEXT_BYTES];
    char     out[PR_TEXT_BYTES];      /* must not exist, or be empty */
    int      format;                  /* 0 auto, 1 dir, 2 edges */
    char     features[PR_TEXT_BYTES]; /* .npy [N, F] or csv of N rows; "" none */
    char     labels[PR_TEXT_BYTES];   /* .npy [N] or csv of N rows (-1: none); "" none */
    uint64_t nodes;                   /* 0: as many as feature rows; else must be that many */
    bool     undirected;              /* add the reverse of every arc */
    bool     edge_weights;            /* an edge list's third column is the edge's weight */
    bool     remap; /* number the ids found 0.. in ascending order, write ids.npy; feature rows and
                     * labels without ids are in that order */
    uint32_t train_percent, val_percent; /* of labelled nodes, by hash; the rest tests */
    uint64_t seed;
    bool     dry_run; /* say what would be made and the peak memory; write nothing */
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
    uint32_t threads;         /* 0: all */
} pr_gen_options;

extern const pr_option_table pr_gen_option_table;

/* What import and gen made (counts as stored). */
typedef struct pr_made {
    uint64_t nodes, edges, features, classes, train, val, test;
    uint64_t self_loops_dropped, duplicates_dropped;
    uint64_t peak_bytes; /* stated peak of packrat's own memory */
} pr_made;

/* Make the directory whole or not at all: written under a temporary name, renamed last.
 * `stop` may be NULL; when it becomes non-zero the work ends with PR_E_INTERRUPTED and leaves
 * nothing behind. */
pr_status pr_import(const pr_import_options *options, const volatile int *stop, pr_made *made);
pr_status pr_generate(const pr_gen_options *options, const volatile int *stop, pr_made *made);

#ifdef __cplusplus
}
#endif
#endif
