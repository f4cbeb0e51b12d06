/* import.h: what the parts of packrat import share. */
#ifndef LOADERS_IMPORT_H
#define LOADERS_IMPORT_H

#include "loaders/arcs.h"
#include "loaders/csc.h"
#include "loaders/import_memory.h"
#include "loaders/table.h"
#include "loaders/watch.h"

/* One import and everything it holds. */
typedef struct pri_import_job {
    const pr_import_options *options;
    pri_teller               teller;
    pri_dataset_arrays       arrays; /* what is written */
    pri_arc_tally            tally;
    uint64_t                 peak_bytes, least_bytes, num_passes;
    pri_label_table          labels;
    pr_vid                  *split_memory;

    /* of an edge list */
    char              nodes_from[PR_TEXT_BYTES + 64]; /* what says how many nodes there are */
    char              spool_dir[PR_TEXT_BYTES];
    pri_feature_table features;
    pri_arcs          arcs;
    pri_paged         ids; /* with remap: [num_nodes] i64 */
    pri_import_shape  shape;
    uint64_t          room_arcs;

    /* of a directory */
    const pr_dataset *dataset;
    pr_npy            source_ids;
    pri_csc           csc;
} pri_import_job;

/* Read an edge list and what belongs to it; set job->arrays, whose make_arcs brings the arcs. */
pr_status pri_import_edges(pri_import_job *job);

/* Split the labelled nodes by hash, where they bring no split. */
pr_status pri_import_split(pri_import_job *job);

#endif
