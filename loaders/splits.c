/* splits.c: labels, and the lists of nodes that train, validate and test. */
#include "loaders/splits.h"

#include "loaders/label_sets.h"
#include "loaders/npy.h"

pr_status pri_labels_load(pri_array *array, const char *dir, const pri_meta *meta,
                          const int32_t **out, const uint8_t **targets)
{
    pr_status      st = PR_OK;
    const uint64_t N = meta->num_nodes, C = meta->num_classes;
    uint64_t       bad = N;
    char           found[PRI_ELEMENT_BYTES];

    *out     = NULL;
    *targets = NULL;
    if (C == 0 && !pri_array_present(dir, "label.npy")) return PR_OK;
    PR_TRY(pri_array_open(array, dir, "label.npy", PRI_TYPES_LABEL | PRI_TYPES_SET));
    if (pri_label_sets_are(&array->npy)) return pri_label_sets_load(array, meta, targets);
    PR_CHECK(PRI_TYPES_LABEL & PRI_TYPE(array->npy.dtype), PR_E_INPUT,
             "%s/label.npy: holds %s elements, must be <i4 or <i8 where each node has one class",
             dir, pri_dtype_name(array->npy.dtype));
    PR_TRY(pri_array_check_shape(array, 1, N, 1, "num_nodes of meta.json"));

    const bool     wide = array->npy.dtype == PR_I64;
    const int64_t *at64 = array->npy.data;
    const int32_t *at32 = array->npy.data;
    if (wide) PR_TRY(pri_array_own(array, (size_t)N, sizeof(int32_t)));
    int32_t *to = array->memory;
#pragma omp parallel for reduction(min : bad) if (N >= PRI_PARALLEL_FROM)
    for (uint64_t v = 0; v < N; v++) {
        const int64_t label = wide ? at64[v] : at32[v];
        if ((label < -1 || label >= (int64_t)C) && v < bad) bad = v;
        if (wide) to[v] = (int32_t)label;
    }
    if (bad < N) {
        pri_array_element_text(array, bad, found);
        PR_RAISE(PR_E_INPUT,
                 "%s/label.npy: the label of node %llu is %s, must be in -1..%lld (num_classes of "
                 "meta.json is %llu)",
                 dir, (unsigned long long)bad, found, (long long)C - 1, (unsigned long long)C);
    }
    if (wide) pri_array_drop_file(array);
    if (C > 0) *out = wide ? to : at32;
done:
    return st;
}

/* Check one list: ascending, labelled. */
static pr_status check_part(const pri_array *array, pr_vids nodes, const pr_dataset *dataset)
{
    pr_status      st     = PR_OK;
    const int32_t *labels = dataset->labels;

    for (size_t i = 0; i < nodes.n; i++) {
        PR_CHECK(i == 0 || nodes.at[i] > nodes.at[i - 1], PR_E_INPUT,
                 "%s/%s: element %zu is %u after %u; ids must ascend", array->dir, array->file, i,
                 nodes.at[i], nodes.at[i - 1]);
        PR_CHECK(dataset->targets || (labels && labels[nodes.at[i]] >= 0), PR_E_INPUT,
                 "%s/%s: element %zu is node %u, which has no label", array->dir, array->file, i,
                 nodes.at[i]);
    }
done:
    return st;
}

/* Check that two ascending lists share no node. */
static pr_status check_disjoint(const char *dir, const char *file_a, pr_vids a, const char *file_b,
                                pr_vids b)
{
    pr_status st = PR_OK;
    size_t    i = 0, j = 0;

    while (i < a.n && j < b.n) {
        PR_CHECK(a.at[i] != b.at[j], PR_E_INPUT, "%s: node %u is in both %s and %s", dir, a.at[i],
                 file_a, file_b);
        if (a.at[i] < b.at[j])
            i++;
        else
            j++;
    }
done:
    return st;
}

static pr_status load_part(pri_array *array, const char *dir, const char *file,
                           const pri_meta *meta, const pr_dataset *dataset, pr_vids *out)
{
    pr_status st = PR_OK;

    PR_TRY(pri_array_open(array, dir, file, PRI_TYPES_ID));
    const uint64_t n = array->npy.shape[0];
    PR_TRY(pri_array_check_shape(array, 1, n, 1, "one dimension"));
    PR_TRY(pri_array_ids(array, 0, n, meta->num_nodes, "num_nodes of meta.json", &out->at));
    out->n = (size_t)n;
    PR_TRY(check_part(array, *out, dataset));
    if (array->memory) pri_array_drop_file(array);
done:
    return st;
}

pr_status pri_split_load(pri_split_arrays *arrays, const char *dir, const pri_meta *meta, int which,
                         const pr_dataset *dataset, bool *has, pr_split *out)
{
    static const char *const files[PR_NUM_SPLITS][3] = {
        [PR_SPLIT_MAIN] = { "train_idx.npy", "val_idx.npy", "test_idx.npy" },
        [PR_SPLIT_ALT]  = { "alt_train_idx.npy", "alt_val_idx.npy", "alt_test_idx.npy" },
    };

    pr_status          st    = PR_OK;
    const char *const *file  = files[which];
    const char        *there = NULL, *missing = NULL;
    pr_vids            part[3];

    *has = false;
    *out = (pr_split){ 0 };
    for (int p = 0; p < 3; p++) {
        if (pri_array_present(dir, file[p]))
            there = file[p];
        else
            missing = file[p];
    }
    if (!there) return PR_OK;
    PR_CHECK(!missing, PR_E_INPUT, "%s: has %s but no %s", dir, there, missing);

    for (int p = 0; p < 3; p++)
        PR_TRY(load_part(&arrays->part[p], dir, file[p], meta, dataset, &part[p]));
    PR_TRY(check_disjoint(dir, file[0], part[0], file[1], part[1]));
    PR_TRY(check_disjoint(dir, file[0], part[0], file[2], part[2]));
    PR_TRY(check_disjoint(dir, file[1], part[1], file[2], part[2]));
    *out = (pr_split){ .train = part[0], .val = part[1], .test = part[2] };
    *has = true;
done:
    return st;
}

void pri_split_close(pri_split_arrays *arrays)
{
    for (int p = 0; p < 3; p++) pri_array_close(&arrays->part[p]);
}
