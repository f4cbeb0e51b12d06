/* meta.h: meta.json of a dataset directory: the counts that the arrays must agree with. */
#ifndef LOADERS_META_H
#define LOADERS_META_H

#include <packrat/loaders.h>

#include "base/check.h"

enum {
    PRI_NAME_BYTES  = 256,
    PRI_MAX_FEATS   = 1 << 20,
    PRI_MAX_CLASSES = 1 << 20,
    PRI_FEAT_ANY    = -1, /* meta.json does not say dense or csr */
    PRI_FORMAT_ANY  = -1  /* nor how dense rows are written down */
};

typedef struct pri_meta {
    char     name[PRI_NAME_BYTES]; /* "" when not given */
    pr_vid   num_nodes;            /* 1 .. PR_MAX_NODES */
    uint64_t num_edges;            /* stored arcs, below 2^63 */
    uint32_t num_feats;            /* 1 .. PRI_MAX_FEATS */
    uint32_t num_classes;          /* 0 .. PRI_MAX_CLASSES */
    int      feat;                 /* pr_feature_kind or PRI_FEAT_ANY */
    int      row_format;           /* pr_row_format or PRI_FORMAT_ANY */
} pri_meta;

/* Read meta.json's text; `path` is named in errors. PR_E_INPUT names the member, what was found
 * and what is allowed. Members it does not know are ignored. */
pr_status pri_meta_parse(const char *text, size_t bytes, const char *path, pri_meta *out);

/* Read dir/meta.json. */
pr_status pri_meta_read(const char *dir, pri_meta *out);

#endif
