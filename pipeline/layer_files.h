/* layer_files.h: a directory beside an answer in the making that keeps the outputs of the last
 * finished layer, so that exact inference which was ended, by whatever, goes on behind it.
 *
 *     layer-<l>.npy   outputs of layers 0 .. l-1, a row for every vertex
 *     manifest        what they were made of, and their checksum; written last, by itself checked
 *     lock            held while somebody works here
 *
 * Each is written whole or not at all, and made durable before the one that relies on it. */
#ifndef PIPELINE_LAYER_FILES_H
#define PIPELINE_LAYER_FILES_H

#include <packrat/loaders.h>

#include "pipeline/answers.h"

/* What outputs of layers depend on. */
typedef struct pri_layer_key {
    uint64_t model, graph, features; /* checksum of the checkpoint's bytes; fingerprints */
    uint32_t num_nodes, num_layers;
    int32_t  feature_norm;
} pri_layer_key;

typedef struct pri_layer_files {
    char          directory[PR_TEXT_BYTES + 8], path[PR_TEXT_BYTES + 48]; /* of the layer's rows */
    int           lock;
    pri_layer_key key;
    uint32_t      layer; /* layers that are done; 0: none */
    pr_npy        rows;  /* outputs of the last of them, mapped */
    pr_row_file   file;
    pr_features   features; /* the same as inputs of the next */
    bool          is_open;
} pri_layer_files;

/* Open the directory, or make it, and look at what is there: every row, against its checksum. What
 * is damaged or half there is said (PR_WARN) and begun anew. PR_E_MISMATCH, naming both, when it is
 * of another model, graph or features; PR_E_IO when somebody else works there. */
pr_status pri_layer_files_open(const char *directory, const pri_layer_key *key,
                               pri_layer_files *out);

/* Begin the outputs of layers 0 .. layer-1; rows are given to `out`. */
pr_status pri_layer_files_begin(const pri_layer_files *files, uint32_t layer, uint32_t columns,
                                const volatile int *stop, pri_answers **out);

/* They are complete: make them durable, and what the next layer reads; those before are removed. */
pr_status pri_layer_files_end(pri_layer_files *files, uint32_t layer, pri_answers *rows);

/* Close; nothing is removed. A zeroed one is fine. */
void pri_layer_files_close(pri_layer_files *files);

/* Remove the directory and what we put there: the answer is complete. Best effort. */
void pri_layer_files_remove(pri_layer_files *files);

/* Fingerprint feature rows as the model reads them; reads all of them once. */
pr_status pri_features_fingerprint(const pr_features *features, const volatile int *stop,
                                   uint64_t *out);

#endif
