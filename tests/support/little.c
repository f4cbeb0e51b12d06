/* little.c: see little.h. */
#include "support/little.h"

#include "loaders/npy.h"

const double little_indptr[]  = { 0, 2, 3, 3, 5, 6 };
const double little_indices[] = { 1, 4, 0, 0, 2, 3 };
const double little_pairs[]   = { 1, 4, 0, 0, 2, 3, 0, 0, 1, 3, 3, 4 };
const double little_rows[]    = { 1, 0, 2, 0, -3, 0, 0, 0, 0, 4, 5, 0, 0, 0, 6 };
const double little_starts[]  = { 0, 2, 3, 3, 5, 6 };
const double little_columns[] = { 0, 2, 1, 0, 1, 2 };
const double little_values[]  = { 1, 2, -3, 4, 5, 6 };
const double little_weights[] = { 0.5, 1, 0, 2, 3.25, 0.125 };
const double little_labels[]  = { 0, 1, -1, 0, 1 };
const double little_train[] = { 0, 1 }, little_val[] = { 3 }, little_test[] = { 4 };

static const char little_meta[] = "{\"name\": \"little\", \"num_nodes\": 5, \"num_edges\": 6, "
                                  "\"num_feats\": 3, \"num_classes\": 2}";

const char *little_path(const char *directory, const char *file)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", directory, file);
    return path;
}

void little_put_array(const char *directory, const char *file, pr_dtype dtype, uint32_t num_dims,
                      uint64_t rows, uint64_t cols, const double *values)
{
    const uint64_t shape[] = { rows, cols };
    const uint64_t count   = (num_dims > 0 ? rows : 1) * (num_dims > 1 ? cols : 1);
    union {
        int32_t  i32[32];
        uint32_t u32[32];
        int64_t  i64[32];
        uint64_t u64[32];
        float    f32[32];
        double   f64[32];
        uint8_t  u8[32];
        int8_t   i8[32];
        uint16_t u16[32];
    } to;

    assert_true(count <= 32);
    for (uint64_t i = 0; i < count; i++) switch (dtype) {
        case PR_I32: to.i32[i] = (int32_t)values[i]; break;
        case PR_U32: to.u32[i] = (uint32_t)(int64_t)values[i]; break;
        case PR_I64: to.i64[i] = (int64_t)values[i]; break;
        case PR_U64: to.u64[i] = (uint64_t)(int64_t)values[i]; break;
        case PR_F32: to.f32[i] = (float)values[i]; break;
        case PR_F64: to.f64[i] = values[i]; break;
        case PR_BOOL:
        case PR_U8: to.u8[i] = (uint8_t)values[i]; break;
        case PR_I8: to.i8[i] = (int8_t)values[i]; break;
        case PR_U16:
        case PR_F16: to.u16[i] = (uint16_t)values[i]; break; /* f16: its bits */
        }
    char         header[PRI_HEADER_BYTES]; /* by hand: an fsync for each would take seconds */
    const size_t header_bytes = pri_npy_header_text(dtype, num_dims, shape, header);
    const size_t bytes        = count * pri_dtype_bytes(dtype);
    FILE        *out          = fopen(little_path(directory, file), "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(header, 1, header_bytes, out), header_bytes);
    assert_int_equal(fwrite(&to, 1, bytes, out), bytes);
    assert_int_equal(fclose(out), 0);
}

void little_put_text(const char *directory, const char *file, const char *text)
{
    FILE *out = fopen(little_path(directory, file), "wb");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

const char *const little_files[LITTLE_NUM_FILES] = {
    "meta.json",         "indptr.npy",      "indices.npy",      "edge_index.npy",
    "feat.npy",          "feat_indptr.npy", "feat_indices.npy", "feat_data.npy",
    "label.npy",         "train_idx.npy",   "val_idx.npy",      "test_idx.npy",
    "alt_train_idx.npy", "alt_val_idx.npy", "alt_test_idx.npy", "edge_weight.npy",
};

void little_put(const char *directory, unsigned form)
{
    for (size_t i = 0; i < sizeof little_files / sizeof little_files[0]; i++)
        (void)remove(little_path(directory, little_files[i]));
    little_put_text(directory, "meta.json", little_meta);
    if (form & CSC) {
        little_put_array(directory, "indptr.npy", PR_I64, 1, LITTLE_N + 1, 1, little_indptr);
        little_put_array(directory, "indices.npy", PR_I64, 1, LITTLE_E, 1, little_indices);
    }
    if (form & PAIRS)
        little_put_array(directory, "edge_index.npy", PR_I64, 2, 2, LITTLE_E, little_pairs);
    if (form & WEIGHTS)
        little_put_array(directory, "edge_weight.npy", PR_F32, 1, LITTLE_E, 1, little_weights);
    if (form & DENSE)
        little_put_array(directory, "feat.npy", PR_F32, 2, LITTLE_N, LITTLE_F, little_rows);
    if (form & CSR) {
        little_put_array(directory, "feat_indptr.npy", PR_I64, 1, LITTLE_N + 1, 1, little_starts);
        little_put_array(directory, "feat_indices.npy", PR_I32, 1, LITTLE_NNZ, 1, little_columns);
        little_put_array(directory, "feat_data.npy", PR_F32, 1, LITTLE_NNZ, 1, little_values);
    }
    little_put_array(directory, "label.npy", PR_I64, 1, LITTLE_N, 1, little_labels);
    little_put_array(directory, "train_idx.npy", PR_I64, 1, 2, 1, little_train);
    little_put_array(directory, "val_idx.npy", PR_I64, 1, 1, 1, little_val);
    little_put_array(directory, "test_idx.npy", PR_I64, 1, 1, 1, little_test);
    if (form & ALT) {
        little_put_array(directory, "alt_train_idx.npy", PR_I32, 1, 1, 1, little_val);
        little_put_array(directory, "alt_val_idx.npy", PR_U32, 1, 2, 1, little_train);
        little_put_array(directory, "alt_test_idx.npy", PR_U64, 1, 0, 1, little_test);
    }
}

pr_status little_open(const char *directory, pr_feature_norm norm, const pr_dataset **out)
{
    pr_dataset_options options = { .feature_norm = (int)norm };
    snprintf(options.data, sizeof options.data, "%s", directory);
    return pr_dataset_open(&options, out);
}
