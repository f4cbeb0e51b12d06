/* class_weights.c: see class_weights.h. */
#include "pipeline/class_weights.h"

#include <packrat/loaders.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Count the nodes of each class, or with each label. */
static void count_nodes(const pr_dataset *dataset, pr_vids train, uint64_t *count)
{
    const size_t C = dataset->num_classes;

    for (size_t i = 0; i < train.n; i++) {
        const size_t v = train.at[i];
        if (dataset->labels)
            count[dataset->labels[v]]++;
        else
            for (size_t c = 0; c < C; c++) count[c] += dataset->targets[v * C + c];
    }
}

/* Give the weight of a class or label that `count` of n nodes are of. */
static float balanced_of(const pr_dataset *dataset, uint64_t n, uint64_t count)
{
    const double nodes = (double)n, with = (double)count;

    if (dataset->labels)
        return count ? (float)(nodes / ((double)dataset->num_classes * with)) : 0.0f;
    return count > 0 && count < n ? (float)((nodes - with) / with) : 1.0f;
}

static pr_status make_balanced(const pr_dataset *dataset, pr_vids train, float *weight)
{
    pr_status      st    = PR_OK;
    const uint32_t C     = dataset->num_classes;
    uint32_t       empty = 0, first = 0;
    uint64_t      *count = NULL;

    PR_NEW(count, C);
    count_nodes(dataset, train, count);
    for (uint32_t c = 0; c < C; c++) {
        weight[c] = balanced_of(dataset, train.n, count[c]);
        if (count[c] == 0 && empty++ == 0) first = c;
    }
    if (empty)
        pr_diag(PR_WARN,
                "--class-weights balanced: %u of %u %s have no training node, the first is %u; "
                "their weight is %d",
                empty, C, dataset->labels ? "classes" : "labels", first, dataset->labels ? 0 : 1);
done:
    pri_free(count);
    return st;
}

static pr_status read_weights(const char *path, uint32_t num_classes, float *weight)
{
    pr_status st  = PR_OK;
    pr_npy    npy = { 0 };

    PR_TRY(pr_npy_open(path, &npy));
    PR_CHECK(npy.dtype == PR_F32 || npy.dtype == PR_F64, PR_E_INPUT,
             "%s: --class-weights must hold <f4 or <f8 numbers", path);
    PR_CHECK(npy.num_dims == 1 && npy.shape[0] == num_classes, PR_E_MISMATCH,
             "%s: --class-weights has %" PRIu32 " dimensions of %" PRIu64 " by %" PRIu64
             ", must have one weight for each of %u classes",
             path, npy.num_dims, npy.shape[0], npy.shape[1], num_classes);
    for (uint32_t c = 0; c < num_classes; c++) {
        const double w = npy.dtype == PR_F32 ? (double)((const float *)npy.data)[c]
                                             : ((const double *)npy.data)[c];
        weight[c]      = (float)w;
        PR_CHECK(w >= 0.0 && isfinite(weight[c]), PR_E_INPUT,
                 "%s: element %u is %g, must be finite and at least 0", path, c, w);
    }
done:
    pr_npy_close(&npy);
    return st;
}

/* Refuse weights under which no training node counts. */
static pr_status check_some(const char *path, const pr_dataset *dataset, pr_vids train,
                            const float *weight)
{
    pr_status st = PR_OK;

    if (!dataset->labels) return PR_OK; /* of labels, those that are not set count 1 */
    for (size_t i = 0; i < train.n; i++)
        if (weight[dataset->labels[train.at[i]]] > 0.0f) return PR_OK;
    PR_RAISE(PR_E_INPUT, "%s: the weight of every class that training nodes are of is 0", path);
done:
    return st;
}

pr_status pri_class_weights_open(const char *choice, const pr_dataset *dataset, pr_vids train,
                                 float **out)
{
    pr_status st     = PR_OK;
    float    *weight = NULL;

    *out = NULL;
    if (!choice[0] || !strcmp(choice, "none")) return PR_OK;
    PR_NEW(weight, dataset->num_classes);
    if (!strcmp(choice, "balanced")) {
        PR_TRY(make_balanced(dataset, train, weight));
    } else {
        const size_t bytes = strlen(choice);
        PR_CHECK(bytes > 4 && !strcmp(choice + bytes - 4, ".npy"), PR_E_ARG,
                 "--class-weights is '%s', must be none, balanced or a file that ends in .npy",
                 choice);
        PR_TRY(read_weights(choice, dataset->num_classes, weight));
        PR_TRY(check_some(choice, dataset, train, weight));
    }
    *out   = weight;
    weight = NULL;
done:
    pri_free(weight);
    return st;
}
