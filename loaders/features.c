/* features.c: feature rows left in their file, or mapped as they are, where they can be; checked
 * value by value. */
#include "loaders/features.h"

#include <math.h>

#include "loaders/row_format.h"

static bool all_finite(const float *at, uint64_t n)
{
    return pri_values_finite(PR_ROWS_F32, at, n) == n;
}

/* Convert rows into memory, or take the copy that was made because they lay at odd addresses. */
static pr_status convert_rows(pri_feature_arrays *a, uint64_t N, uint64_t F, pr_features *out)
{
    pr_status st  = PR_OK;
    uint64_t  bad = N;
    char      found[PRI_ELEMENT_BYTES];

    PR_TRY(pri_array_floats(&a->data, &out->rows));
    const float *rows = out->rows;
#pragma omp parallel for reduction(min : bad) if (N * F >= PRI_PARALLEL_FROM)
    for (uint64_t v = 0; v < N; v++)
        if (!all_finite(rows + v * F, F) && v < bad) bad = v;
    if (bad < N) {
        const uint64_t col = pri_values_finite(PR_ROWS_F32, rows + bad * F, F);
        pri_array_element_text(&a->data, bad * F + col, found);
        PR_RAISE(PR_E_INPUT, "%s/feat.npy: row %llu, column %llu is %s, must be finite in f32",
                 a->data.dir, (unsigned long long)bad, (unsigned long long)col, found);
    }
    if (a->data.memory) pri_array_drop_file(&a->data);
done:
    return st;
}

/* Leave rows in their file, and look at them now if they are to be. */
static pr_status keep_rows(pri_feature_arrays *a, int format, pr_feature_check check,
                           pr_features *out)
{
    pr_status st = PR_OK;

    PR_TRY(pri_row_file_open(&a->file, &a->data, format));
    out->file = &a->file.face;
    if (format == PR_ROWS_F32) out->rows = a->data.npy.data;
    const bool large = a->file.face.file_bytes > pr_memory_available() / 2;
    if (a->file.face.checked || check == PR_CHECK_READ || (check == PR_CHECK_AUTO && large))
        return PR_OK;
    PR_TRY(pri_rows_check(out, large));
    a->file.face.checked = true;
done:
    return st;
}

static pr_status load_dense(pri_feature_arrays *a, const char *dir, const pri_meta *meta,
                            pr_feature_check check, pr_features *out)
{
    pr_status      st = PR_OK;
    const uint64_t N = meta->num_nodes, F = meta->num_feats;
    int            format;

    PR_TRY(pri_array_open(&a->data, dir, "feat.npy", PRI_TYPES_ROW));
    PR_TRY(pri_array_check_shape(&a->data, 2, N, F, "num_nodes and num_feats of meta.json"));
    PR_TRY(pri_row_file_format(&a->data, meta, &format));
    out->kind       = PR_FEATURES_DENSE;
    out->ld         = F;
    const bool even = a->data.npy.mapping_bytes > 0; /* else a copy of what lay at odd addresses */
    PR_CHECK(even || format == PR_ROWS_F32, PR_E_INPUT,
             "%s/feat.npy: its elements of %zu bytes lie at odd addresses; numpy.save writes them "
             "at even ones",
             dir, pri_row_bytes(format, 1));
    if (a->data.npy.dtype == PR_F64 || !even)
        PR_TRY(convert_rows(a, N, F, out));
    else
        PR_TRY(keep_rows(a, format, check, out));
done:
    return st;
}

/* Say what is wrong with row v of a CSR; called only when something is. */
static pr_status blame_row(const pri_feature_arrays *a, const pr_features *f, uint64_t v)
{
    pr_status       st = PR_OK;
    char            found[PRI_ELEMENT_BYTES];
    const long long row = (long long)v;

    for (pr_eid e = f->indptr[v]; e < f->indptr[v + 1]; e++) {
        const bool first = e == f->indptr[v];
        PR_CHECK(first || f->indices[e] > f->indices[e - 1], PR_E_INPUT,
                 "%s/feat_indices.npy: row %lld has column %u after %u; columns must ascend",
                 a->indices.dir, row, f->indices[e], first ? 0 : f->indices[e - 1]);
        pri_array_element_text(&a->data, e, found);
        PR_CHECK(
            isfinite(f->data[e]), PR_E_INPUT,
            "%s/feat_data.npy: row %lld, column %u (element %llu) is %s, must be finite in f32",
            a->data.dir, row, f->indices[e], (unsigned long long)e, found);
    }
done:
    return st;
}

/* Check that columns ascend and values are finite. */
static pr_status check_rows(const pri_feature_arrays *a, const pr_features *f)
{
    pr_status      st  = PR_OK;
    const uint64_t N   = f->num_rows;
    uint64_t       bad = N;

#pragma omp parallel for reduction(min : bad) if (f->indptr[N] >= PRI_PARALLEL_FROM)
    for (uint64_t v = 0; v < N; v++) {
        const pr_eid begin = f->indptr[v], end = f->indptr[v + 1];
        bool         falls = false;
        for (pr_eid e = begin + 1; e < end; e++) falls |= f->indices[e] <= f->indices[e - 1];
        if ((falls || !all_finite(f->data + begin, end - begin)) && v < bad) bad = v;
    }
    if (bad < N) PR_TRY(blame_row(a, f, bad));
done:
    return st;
}

static pr_status load_csr(pri_feature_arrays *a, const char *dir, const pri_meta *meta,
                          pr_features *out)
{
    pr_status      st = PR_OK;
    const uint64_t N  = meta->num_nodes;

    PR_TRY(pri_array_open(&a->indptr, dir, "feat_indptr.npy", PRI_TYPES_OFFSET));
    PR_TRY(pri_array_check_shape(&a->indptr, 1, N + 1, 1, "num_nodes of meta.json, and one more"));
    PR_TRY(pri_array_open(&a->indices, dir, "feat_indices.npy", PRI_TYPES_ID));
    PR_TRY(pri_array_open(&a->data, dir, "feat_data.npy", PRI_TYPES_REAL));
    PR_TRY(pri_array_offsets(&a->indptr, N, &out->indptr));
    const uint64_t nnz = out->indptr[N];
    PR_TRY(pri_array_check_shape(&a->indices, 1, nnz, 1, "the last element of feat_indptr.npy"));
    PR_TRY(pri_array_check_shape(&a->data, 1, nnz, 1, "the last element of feat_indptr.npy"));
    PR_TRY(pri_array_ids(&a->indices, 0, nnz, meta->num_feats, "num_feats of meta.json",
                         &out->indices));
    PR_TRY(pri_array_floats(&a->data, &out->data));
    PR_TRY(check_rows(a, out));
    if (a->indices.memory) pri_array_drop_file(&a->indices);
    if (a->data.memory) pri_array_drop_file(&a->data);
    out->kind = PR_FEATURES_CSR;
done:
    return st;
}

pr_status pri_features_load(pri_feature_arrays *arrays, const char *dir, const pri_meta *meta,
                            pr_feature_check check, pr_features *out)
{
    pr_status  st    = PR_OK;
    const bool dense = pri_array_present(dir, "feat.npy");
    const bool csr   = pri_array_present(dir, "feat_indptr.npy");

    *out = (pr_features){ .num_rows = meta->num_nodes, .num_cols = meta->num_feats };
    if (meta->feat == PR_FEATURES_DENSE) return load_dense(arrays, dir, meta, check, out);
    PR_CHECK(meta->feat != PR_FEATURES_CSR || meta->row_format == PRI_FORMAT_ANY, PR_E_INPUT,
             "%s: meta.json has a feat_format, which is of dense rows, and \"feat\": \"csr\"", dir);
    if (meta->feat == PR_FEATURES_CSR) return load_csr(arrays, dir, meta, out);
    PR_CHECK(!dense || !csr, PR_E_INPUT,
             "%s: has feat.npy and feat_indptr.npy; meta.json must say which counts: "
             "\"feat\": \"dense\" or \"csr\"",
             dir);
    PR_CHECK(dense || meta->row_format == PRI_FORMAT_ANY, PR_E_INPUT,
             "%s: meta.json has a feat_format, which is of feat.npy, and there is none", dir);
    PR_CHECK(dense || csr, PR_E_INPUT, "%s: has no features: neither feat.npy nor feat_indptr.npy",
             dir);
    return dense ? load_dense(arrays, dir, meta, check, out) : load_csr(arrays, dir, meta, out);
done:
    return st;
}

void pri_row_scale(const float *x, uint64_t n, pr_feature_norm norm, float *to)
{
    double sum = 0;

    for (uint64_t i = 0; i < n; i++)
        sum += norm == PR_NORM_L1 ? fabs((double)x[i]) : (double)x[i] * (double)x[i];
    const double length = norm == PR_NORM_L1 ? sum : sqrt(sum);
    for (uint64_t i = 0; i < n; i++) to[i] = length > 0 ? (float)((double)x[i] / length) : 0.0f;
}

/* Give the values' own memory to write to: the converted array, or a fresh one. */
static pr_status writable_values(pri_feature_arrays *a, uint64_t count, float **out)
{
    pr_status st = PR_OK;

    *out = a->data.memory;
    if (*out) return PR_OK;
    a->scaled = (pri_array){ .dir = a->data.dir, .file = a->data.file };
    PR_TRY(pri_array_own(&a->scaled, (size_t)count, sizeof(float)));
    *out = a->scaled.memory;
done:
    return st;
}

/* Refuse to scale rows that are to stay in their file. */
static pr_status check_scalable(const pr_features *features, pr_feature_norm norm)
{
    pr_status          st   = PR_OK;
    const pr_row_file *file = features->file;
    const char        *word = norm == PR_NORM_L1 ? "l1" : "l2";

    if (!file) return PR_OK;
    PR_CHECK(file->format == PR_ROWS_F32, PR_E_UNSUPPORTED,
             "--feature-norm %s: the rows of %s are %s, only f32 ones are scaled as they are "
             "loaded; packrat convert --feature-norm %s writes scaled rows",
             word, file->path, pr_row_format_name(file->format), word);
    PR_CHECK(file->checked, PR_E_UNSUPPORTED,
             "--feature-norm %s: the rows of %s stay in their file (--feature-check read, or auto "
             "and more than half of the free memory); packrat convert --feature-norm %s writes "
             "scaled rows",
             word, file->path, word);
done:
    return st;
}

pr_status pri_features_scale(pri_feature_arrays *arrays, pr_feature_norm norm,
                             pr_features *features, int *applied)
{
    pr_status      st  = PR_OK;
    const bool     csr = features->kind == PR_FEATURES_CSR;
    const uint64_t N = features->num_rows, F = features->num_cols;
    const uint64_t count = csr ? features->indptr[N] : N * F;
    float         *to;

    if (norm == PR_NORM_AUTO) norm = csr ? PR_NORM_L2 : PR_NORM_NONE;
    *applied = (int)norm;
    if (norm == PR_NORM_NONE) return PR_OK;

    PR_TRY(check_scalable(features, norm));
    PR_TRY(writable_values(arrays, count, &to));
    const float *from = csr ? features->data : features->rows;
#pragma omp parallel for if (count >= PRI_PARALLEL_FROM)
    for (uint64_t v = 0; v < N; v++) {
        const uint64_t begin = csr ? features->indptr[v] : v * F;
        pri_row_scale(from + begin, csr ? features->indptr[v + 1] - begin : F, norm, to + begin);
    }
    if (csr)
        features->data = to;
    else
        features->rows = to;
    features->file = NULL;
    pri_row_file_close(&arrays->file);
    pri_array_drop_file(&arrays->data);
done:
    return st;
}

void pri_features_close(pri_feature_arrays *arrays)
{
    pri_row_file_close(&arrays->file);
    pri_array_close(&arrays->indptr);
    pri_array_close(&arrays->indices);
    pri_array_close(&arrays->data);
    pri_array_close(&arrays->scaled);
}
