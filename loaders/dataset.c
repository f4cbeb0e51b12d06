/* dataset.c: opening a dataset directory: meta.json, then each subject's arrays in turn; and the
 * fingerprint that tells graphs apart. */
#include <packrat/loaders.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checksum.h"
#include "base/outfile.h"
#include "loaders/features.h"
#include "loaders/graph.h"
#include "loaders/meta.h"
#include "loaders/splits.h"

static const pr_option options[] = {
    { "data", "dir", "dataset directory to read", "", PR_OPT_TEXT,
      offsetof(pr_dataset_options, data), 0, 0, NULL },
    { "feature-norm", "", "scaling of feature rows; auto is l2 for CSR rows, none for dense ones",
      "auto", PR_OPT_CHOICE, offsetof(pr_dataset_options, feature_norm), 0, 0, "auto|none|l1|l2" },
    { "feature-check", "",
      "when the values of dense rows are looked at: open: at once; read: each row when it is read; "
      "auto: at once where they take at most half of the free memory",
      "auto", PR_OPT_CHOICE, offsetof(pr_dataset_options, feature_check), 0, 0, "auto|open|read" },
};

const pr_option_table pr_dataset_option_table = { "Dataset", options,
                                                  sizeof options / sizeof options[0] };

/* A dataset with what it stands on. */
typedef struct dataset {
    pr_dataset         face; /* what the caller holds; first */
    char               name[PRI_NAME_BYTES], path[PR_TEXT_BYTES];
    pri_graph_arrays   graph;
    pri_feature_arrays features;
    pri_array          labels;
    pri_split_arrays   split[PR_NUM_SPLITS];
} dataset;

/* Hash counts, arcs and labels, as they are in memory: the same for every form of the files; edge
 * weights count where there are any. */
static uint64_t fingerprint_of(const pr_dataset *d)
{
    const pr_graph *g        = &d->graph;
    const uint64_t  counts[] = { g->num_nodes, g->num_edges, d->features.num_cols, d->num_classes };

    uint64_t hash = pri_checksum(counts, sizeof counts, 0);
    hash          = pri_checksum(g->indptr, ((size_t)g->num_nodes + 1) * sizeof *g->indptr, hash);
    hash          = pri_checksum(g->indices, (size_t)g->num_edges * sizeof *g->indices, hash);
    if (d->targets) hash = pri_checksum(d->targets, (size_t)g->num_nodes * d->num_classes, hash);
    if (d->labels) hash = pri_checksum(d->labels, g->num_nodes * sizeof *d->labels, hash);
    if (g->weights) hash = pri_checksum(g->weights, g->num_edges * sizeof *g->weights, hash);
    return hash;
}

static pr_status check_directory(const char *path)
{
    pr_status   st = PR_OK;
    struct stat info;

    PR_CHECK(path[0], PR_E_ARG, "--data is empty, must name a dataset directory");
    PR_CHECK(stat(path, &info) == 0, pri_input_status(errno), "--data %s: cannot be read: %s", path,
             strerror(errno));
    PR_CHECK(S_ISDIR(info.st_mode), PR_E_INPUT, "--data %s: is not a directory", path);
done:
    return st;
}

/* Name the dataset: as meta.json says, else as the directory is called. */
static void set_name(dataset *d, const pri_meta *meta)
{
    char whole[PATH_MAX];

    memcpy(d->name, meta->name, sizeof d->name);
    if (d->name[0]) return;
    const char *path  = realpath(d->path, whole) ? whole : d->path;
    const char *slash = strrchr(path, '/');
    snprintf(d->name, sizeof d->name, "%.*s", (int)sizeof d->name - 1, slash ? slash + 1 : path);
}

/* Features come first: their files bound num_nodes before anything is allocated by it. */
static pr_status load(dataset *d, const pr_dataset_options *given)
{
    pr_status   st   = PR_OK;
    pr_dataset *face = &d->face;
    pri_meta    meta;

    PR_TRY(pri_meta_read(d->path, &meta));
    set_name(d, &meta);
    PR_TRY(pri_features_load(&d->features, d->path, &meta, (pr_feature_check)given->feature_check,
                             &face->features));
    PR_TRY(pri_graph_load(&d->graph, d->path, &meta, &face->graph));
    PR_TRY(pri_labels_load(&d->labels, d->path, &meta, &face->labels, &face->targets));
    for (int s = 0; s < PR_NUM_SPLITS; s++)
        PR_TRY(pri_split_load(&d->split[s], d->path, &meta, s, face, &face->has_split[s],
                              &face->split[s]));
    PR_TRY(pri_features_scale(&d->features, (pr_feature_norm)given->feature_norm, &face->features,
                              &face->feature_norm));
    face->name        = d->name;
    face->path        = d->path;
    face->num_classes = meta.num_classes;
    face->fingerprint = fingerprint_of(face);
done:
    return st;
}

pr_status pr_dataset_open(const pr_dataset_options *given, const pr_dataset **out)
{
    pr_status st = PR_OK;
    dataset  *d  = NULL;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(given, PR_E_ARG, "options is NULL");
    PR_TRY(pr_options_check(&pr_dataset_option_table, given));
    PR_TRY(check_directory(given->data));
    PR_NEW(d, 1);
    memcpy(d->path, given->data, sizeof d->path);
    PR_TRY(load(d, given));
    *out = &d->face;
    d    = NULL;
done:
    if (d) pr_dataset_close(&d->face);
    return st;
}

void pr_dataset_close(const pr_dataset *face)
{
    dataset *d = (dataset *)(uintptr_t)face;

    if (!d) return;
    pri_graph_close(&d->graph);
    pri_features_close(&d->features);
    pri_array_close(&d->labels);
    for (int s = 0; s < PR_NUM_SPLITS; s++) pri_split_close(&d->split[s]);
    pri_free(d);
}
