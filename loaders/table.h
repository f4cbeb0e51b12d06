/* table.h: a user's own features and labels, from .npy or csv. */
#ifndef LOADERS_TABLE_H
#define LOADERS_TABLE_H

#include "loaders/watch.h"
#include "loaders/write.h"

/* Say whether a file is taken for a .npy: by its name's end. */
bool pri_is_npy_name(const char *path);

/* Feature rows that were read, or are read when they are wanted; every value is finite in f32. */
typedef struct pri_feature_table {
    uint64_t    num_rows;
    uint32_t    num_cols;
    float      *values;     /* csv: [num_rows, num_cols]; NULL: in a .npy */
    pr_row_file file;       /* .npy: where its rows are; row_bytes 0 otherwise */
    bool        wide;       /* .npy: f64 */
    void       *chunk;      /* .npy: PRI_TABLE_CHUNK_BYTES */
    uint64_t    read_bytes; /* of memory besides, while it was read */
} pri_feature_table;

enum { PRI_TABLE_CHUNK_BYTES = 1 << 20 };

/* Read X [N, F] from a .npy of f32 or f64 (a name that ends in ".npy"), or from csv: a line a row,
 * numbers separated by commas or blanks, comments and blank lines skipped, the first line may be a
 * heading.
 *
 *   out   clear with pri_feature_table_clear; zeroed on failure
 *
 * PR_E_INPUT names the file, the row and column, and what was found. One pass, which `teller` is
 * told of. csv takes 4 bytes a value; a .npy stays where it is and takes PRI_TABLE_CHUNK_BYTES. */
pr_status pri_feature_table_read(const char *path, pri_teller *teller, pri_feature_table *out);

/* Fit the rows into what pri_dataset_write takes: in place, or read, and made f32, while writing.
 * Borrows from the table. */
void pri_feature_table_place(pri_feature_table *table, pri_dataset_arrays *arrays);

void pri_feature_table_clear(pri_feature_table *table); /* zeroed and cleared ones are fine */

/* Who the labels belong to. */
typedef struct pri_label_owner {
    pr_vid         num_nodes;
    const int64_t *ids;  /* [num_nodes] what a labels file calls them, ascending; NULL: 0, 1, ... */
    const char    *from; /* where num_nodes comes from, for errors */
} pri_label_owner;

/* Labels that were read. */
typedef struct pri_label_table {
    int32_t *labels;      /* [num_nodes], -1: none; NULL with targets */
    uint8_t *targets;     /* [num_nodes, num_classes] 0 or 1; NULL: one class a node */
    uint32_t num_classes; /* one more than the largest label, or columns */
    uint64_t read_bytes;  /* what it took besides while it read */
} pri_label_table;

/* Read labels from a .npy of integers, [N] or [N, 1], or from csv: one label a line for node 0, 1,
 * ..., or "id,label" lines in any order, where nodes that are left out have none. -1 is no label.
 * A .npy [N, C] of 0 and 1 gives every node any number of labels.
 *
 *   out   clear with pri_label_table_clear; zeroed on failure
 *
 * PR_E_INPUT for a bad value, PR_E_MISMATCH when the nodes are not the owner's; both name the file
 * and what was found. Takes pri_label_bytes a node. */
pr_status pri_labels_read(const char *path, const pri_label_owner *owner, const volatile int *stop,
                          pri_label_table *out);
void      pri_label_table_clear(pri_label_table *table); /* zeroed and cleared ones are fine */

/* Give the bytes that the labels of a file take a node, as its header says; 4 where it cannot be
 * read, which pri_labels_read will say. */
uint64_t pri_label_bytes(const char *path);

#endif
