/* test_dataset_bad.c: a table of everything that may be wrong with a dataset directory: each is
 * refused with a sentence that names file, place, what was found and what is allowed. */
#include "support/little.h"

#include <math.h>
#include <omp.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N = LITTLE_N, E = LITTLE_E, F = LITTLE_F, NNZ = LITTLE_NNZ };

/* One way to damage the little dataset. With values: an array; with text: that text; with
 * neither: the file is removed, or made a directory. */
typedef struct damage {
    unsigned      form;
    const char   *file;
    pr_dtype      dtype;
    uint32_t      num_dims;
    uint64_t      rows, cols;
    const double *values;
    const char   *text;
    bool          directory;
    const char   *words; /* must be in the message */
} damage;

#define VALUES(...)                                                                                \
    (const double[])                                                                               \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define META(members, wanted)                                                                      \
    {                                                                                              \
        .form = CSC | DENSE, .file = "meta.json", .text = "{" members "}", .words = wanted         \
    }

static const damage damages[] = {
    /* files that are not there or are something else */
    { CSC | DENSE, "meta.json", .words = "/meta.json: cannot be read: No such file" },
    { CSC | DENSE, "meta.json", .directory = true, .words = "/meta.json: is not a regular file" },
    { CSC | DENSE, "indptr.npy", .words = "has indices.npy but no indptr.npy" },
    { CSC | DENSE, "indices.npy", .words = "has indptr.npy but no indices.npy" },
    { PAIRS | DENSE, "edge_index.npy",
      .words = "has neither indptr.npy and indices.npy nor edge_index.npy" },
    { PAIRS | DENSE, "edge_index.npy", .directory = true,
      .words = "/edge_index.npy: is not a regular file" },
    { CSC | DENSE, "feat.npy", .words = "has no features: neither feat.npy nor feat_indptr.npy" },
    { CSC | DENSE | CSR, "indptr.npy", PR_I64, 1, N + 1, 1, little_indptr,
      .words = "meta.json must say which counts" },
    { CSC | CSR, "feat_indices.npy", .words = "/feat_indices.npy: cannot be read: No such file" },
    { CSC | CSR, "feat_data.npy", .words = "/feat_data.npy: cannot be read: No such file" },
    { CSC | DENSE, "label.npy", .words = "/label.npy: cannot be read: No such file" },
    { CSC | DENSE, "label.npy", .text = "\x93NUMPY", .words = "/label.npy: has 6 bytes" },
    { CSC | DENSE, "label.npy", .text = "no array", .words = "/label.npy: has 8 bytes" },
    { CSC | DENSE, "val_idx.npy", .words = "has test_idx.npy but no val_idx.npy" },
    { CSC | DENSE | ALT, "alt_train_idx.npy",
      .words = "has alt_test_idx.npy but no alt_train_idx.npy" },

    /* meta.json */
    { CSC | DENSE, "meta.json", .text = "", .words = "/meta.json: line 1, column 0" },
    { CSC | DENSE, "meta.json", .text = "[]", .words = "/meta.json: is not a JSON object" },
    META("\"num_nodes\": 5", "has no member 'num_edges', an integer in 0.."),
    META("\"num_nodes\": -5", "'num_nodes' is -5, must be in 1..4294967294"),
    META("\"num_nodes\": 0", "'num_nodes' is 0, must be in 1.."),
    META("\"num_nodes\": 4294967295", "'num_nodes' is 4294967295, must be in 1..4294967294"),
    META("\"num_nodes\": 5.0", "'num_nodes' is not an integer"),
    META("\"num_nodes\": \"5\"", "'num_nodes' is not an integer"),
    META("\"num_nodes\": 99999999999999999999", "/meta.json: line 1"),
    META("\"num_nodes\": 5, \"num_nodes\": 5", "duplicate object key"),
    META("\"num_nodes\": 5, \"num_edges\": -1", "'num_edges' is -1, must be in 0.."),
    META("\"num_nodes\": 5, \"num_edges\": 6, \"num_feats\": 0",
         "'num_feats' is 0, must be in 1.."),
    META("\"num_nodes\": 5, \"num_edges\": 6, \"num_feats\": 1048577", "must be in 1..1048576"),
    META("\"num_nodes\": 5, \"num_edges\": 6, \"num_feats\": 3, \"num_classes\": -1",
         "'num_classes' is -1, must be in 0.."),
    META("\"num_nodes\": 5, \"num_edges\": 6, \"num_feats\": 3, \"num_classes\": 2, \"name\": 7",
         "'name' is not a string"),
    META("\"num_nodes\": 5, \"num_edges\": 6, \"num_feats\": 3, \"num_classes\": 2, \"feat\": 7",
         "'feat' is not a string"),
    META("\"num_nodes\": 5, \"num_edges\": 6, \"num_feats\": 3, \"num_classes\": 2, "
         "\"feat\": \"sparse\"",
         "'feat' is 'sparse', must be 'dense' or 'csr'"),
    META("\"num_nodes\": 5, \"num_edges\": 6, \"num_feats\": 3, \"num_classes\": 2, "
         "\"feat\": \"csr\"",
         "/feat_indptr.npy: cannot be read"),

    /* meta.json against the arrays */
    META("\"num_nodes\": 6, \"num_edges\": 6, \"num_feats\": 3, \"num_classes\": 2",
         "/feat.npy: has shape (5, 3), must be (6, 3): num_nodes and num_feats of meta.json"),
    META("\"num_nodes\": 5, \"num_edges\": 7, \"num_feats\": 3, \"num_classes\": 2",
         "/indices.npy: has shape (6,), must be (7,): num_edges of meta.json"),
    META("\"num_nodes\": 5, \"num_edges\": 6, \"num_feats\": 4, \"num_classes\": 2",
         "/feat.npy: has shape (5, 3), must be (5, 4): num_nodes and num_feats of meta.json"),
    META("\"num_nodes\": 5, \"num_edges\": 6, \"num_feats\": 3, \"num_classes\": 1",
         "/label.npy: the label of node 1 is 1, must be in -1..0 (num_classes of meta.json is 1)"),
    META("\"num_nodes\": 5, \"num_edges\": 6, \"num_feats\": 3, \"num_classes\": 0",
         "/label.npy: the label of node 0 is 0, must be in -1..-1"),

    /* arcs */
    { CSC | DENSE, "indptr.npy", PR_I32, 1, N + 1, 1, little_indptr,
      .words = "/indptr.npy: holds <i4 elements, must be <i8 or <u8" },
    { CSC | DENSE, "indptr.npy", PR_I64, 1, N, 1, little_indptr,
      .words = "/indptr.npy: has shape (5,), must be (6,): num_nodes of meta.json, and one more" },
    { CSC | DENSE, "indptr.npy", PR_I64, 2, N + 1, 1, little_indptr,
      .words = "/indptr.npy: has shape (6, 1), must be (6,)" },
    { CSC | DENSE, "indptr.npy", PR_I64, 1, N + 1, 1, VALUES(1, 2, 3, 3, 5, 6),
      .words = "/indptr.npy: element 0 is 1, must be 0" },
    { CSC | DENSE, "indptr.npy", PR_I64, 1, N + 1, 1, VALUES(0, 4, 3, 2, 5, 6),
      .words = "/indptr.npy: element 2 is 3 after 4; offsets must not fall" },
    { CSC | DENSE, "indptr.npy", PR_I64, 1, N + 1, 1, VALUES(0, 2, 3, 3, -5, 6),
      .words = "/indptr.npy: element 4 is -5 after 3" },
    { CSC | DENSE, "indptr.npy", PR_I64, 1, N + 1, 1, VALUES(0, 2, 3, 3, 5, 5),
      .words = "/indptr.npy: the last element is 5, must be 6: num_edges of meta.json" },
    { CSC | DENSE, "indptr.npy", PR_I64, 1, N + 1, 1, VALUES(0, 2, 3, 3, 5, 1e15),
      .words = "/indptr.npy: the last element is 1000000000000000, must be 6" },
    { CSC | DENSE, "indptr.npy", PR_U64, 1, N + 1, 1, VALUES(0, 2, 3, 3, 5, -1),
      .words = "/indptr.npy: element 5 is 18446744073709551615 after 5" },
    { CSC | DENSE | WEIGHTS, "edge_weight.npy", PR_I64, 1, E, 1, little_weights,
      .words = "/edge_weight.npy: holds <i8 elements, must be <f4 or <f8" },
    { CSC | DENSE | WEIGHTS, "edge_weight.npy", PR_F32, 1, E - 1, 1, little_weights,
      .words = "/edge_weight.npy: has shape (5,), must be (6,): num_edges of meta.json" },
    { PAIRS | DENSE | WEIGHTS, "edge_weight.npy", PR_F64, 2, E, 1, little_weights,
      .words = "/edge_weight.npy: has shape (6, 1), must be (6,)" },
    { CSC | DENSE | WEIGHTS, "edge_weight.npy", PR_F32, 1, E, 1, VALUES(0, 1, -1, 1, -2, 1),
      .words = "/edge_weight.npy: element 2 is -1, must be finite in f32 and at least 0" },
    { PAIRS | DENSE | WEIGHTS, "edge_weight.npy", PR_F64, 1, E, 1, VALUES(0, 1, 1, 1, 1, 1e39),
      .words = "/edge_weight.npy: element 5 is 1e+39, must be finite in f32 and at least 0" },
    { PAIRS | DENSE | WEIGHTS, "edge_weight.npy", PR_F32, 1, E, 1, VALUES(NAN, 1, 1, 1, 1, 1),
      .words = "/edge_weight.npy: element 0 is nan, must be" },
    { CSC | DENSE | WEIGHTS, "edge_weight.npy", PR_F64, 1, E, 1, VALUES(1, 1, 1, INFINITY, 1, 1),
      .words = "/edge_weight.npy: element 3 is inf, must be" },
    { CSC | DENSE | WEIGHTS, "edge_weight.npy", .text = "no array",
      .words = "/edge_weight.npy: has 8 bytes" },
    { CSC | DENSE, "indices.npy", PR_F32, 1, E, 1, little_indices,
      .words = "/indices.npy: holds <f4 elements, must be <i4 or <u4 or <i8 or <u8" },
    { CSC | DENSE, "indices.npy", PR_U32, 1, E, 1, VALUES(1, 4, 0, 5, 2, 9),
      .words = "/indices.npy: element 3 is 5, must be in 0..4 (num_nodes of meta.json is 5)" },
    { CSC | DENSE, "indices.npy", PR_I32, 1, E, 1, VALUES(1, 4, 0, -1, 2, 3),
      .words = "/indices.npy: element 3 is -1, must be in 0..4" },
    { CSC | DENSE, "indices.npy", PR_I64, 1, E, 1, VALUES(1, 4, 0, 0, 2, 4294967296.0),
      .words = "/indices.npy: element 5 is 4294967296, must be in 0..4" },
    { CSC | DENSE, "indices.npy", PR_U64, 1, E, 1, VALUES(-1, 4, 0, 0, 2, 3),
      .words = "/indices.npy: element 0 is 18446744073709551615, must be in 0..4" },
    { PAIRS | DENSE, "edge_index.npy", PR_I64, 2, E, 2, little_pairs,
      .words = "/edge_index.npy: has shape (6, 2), must be (2, 6): two rows, num_edges" },
    { PAIRS | DENSE, "edge_index.npy", PR_I64, 1, 2 * E, 1, little_pairs,
      .words = "/edge_index.npy: has shape (12,), must be (2, 6)" },
    { PAIRS | DENSE, "edge_index.npy", PR_F64, 2, 2, E, little_pairs,
      .words = "/edge_index.npy: holds <f8 elements" },
    { PAIRS | DENSE, "edge_index.npy", PR_I64, 2, 2, E, VALUES(1, 4, 0, 0, 7, 3, 0, 0, 1, 3, 3, 4),
      .words = "/edge_index.npy: element [0, 4] is 7, must be in 0..4" },
    { PAIRS | DENSE, "edge_index.npy", PR_I32, 2, 2, E, VALUES(1, 4, 0, 0, 2, 3, 0, -2, 1, 3, 3, 4),
      .words = "/edge_index.npy: element [1, 1] is -2, must be in 0..4" },

    /* features */
    { CSC | DENSE, "feat.npy", PR_I64, 2, N, F, little_rows,
      .words = "/feat.npy: holds <i8 elements, must be <f4 or <f8" },
    { CSC | DENSE, "feat.npy", PR_F32, 1, N *F, 1, little_rows,
      .words = "/feat.npy: has shape (15,), must be (5, 3)" },
    { CSC | DENSE, "feat.npy", PR_F32, 2, N, F,
      VALUES(1, 0, 2, 0, -3, 0, 0, NAN, 0, 4, NAN, 0, 0, 0, 6),
      .words = "/feat.npy: row 2, column 1 is nan, must be finite" },
    { CSC | DENSE, "feat.npy", PR_F32, 2, N, F,
      VALUES(1, 0, 2, 0, -3, 0, 0, 0, 0, 4, 5, 0, 0, 0, -INFINITY),
      .words = "/feat.npy: row 4, column 2 is -inf, must be finite" },
    { CSC | DENSE, "feat.npy", PR_F64, 2, N, F,
      VALUES(1, 0, 1e300, 0, -3, 0, 0, 0, 0, 4, 5, 0, 0, 0, 6),
      .words = "/feat.npy: row 0, column 2 is 1e+300, must be finite in f32" },
    { CSC | CSR, "feat_indptr.npy", PR_I64, 1, N + 1, 1, VALUES(0, 3, 2, 3, 5, 6),
      .words = "/feat_indptr.npy: element 2 is 2 after 3" },
    { CSC | CSR, "feat_indptr.npy", PR_I64, 1, N + 1, 1, VALUES(0, 2, 3, 3, 5, 7),
      .words = "/feat_indices.npy: has shape (6,), must be (7,): the last element of feat_indptr" },
    { CSC | CSR, "feat_indptr.npy", PR_I64, 1, N + 2, 1, VALUES(0, 2, 3, 3, 5, 6, 6),
      .words = "/feat_indptr.npy: has shape (7,), must be (6,)" },
    { CSC | CSR, "feat_indices.npy", PR_I32, 1, NNZ, 1, VALUES(0, 2, 1, 0, 3, 2),
      .words = "/feat_indices.npy: element 4 is 3, must be in 0..2 (num_feats of meta.json is 3)" },
    { CSC | CSR, "feat_indices.npy", PR_I64, 1, NNZ, 1, VALUES(0, 2, 1, 1, 1, 2),
      .words = "/feat_indices.npy: row 3 has column 1 after 1; columns must ascend" },
    { CSC | CSR, "feat_indices.npy", PR_I32, 1, NNZ, 1, VALUES(2, 0, 1, 0, 1, 2),
      .words = "/feat_indices.npy: row 0 has column 0 after 2; columns must ascend" },
    { CSC | CSR, "feat_data.npy", PR_F32, 1, NNZ - 1, 1, little_values,
      .words = "/feat_data.npy: has shape (5,), must be (6,): the last element of feat_indptr" },
    { CSC | CSR, "feat_data.npy", PR_F32, 1, NNZ, 1, VALUES(1, 2, -3, 4, INFINITY, NAN),
      .words = "/feat_data.npy: row 3, column 1 (element 4) is inf, must be finite" },
    { CSC | CSR, "feat_data.npy", PR_U8, 1, NNZ, 1, VALUES(1, 2, 3, 4, 5, 6),
      .words = "/feat_data.npy: holds |u1 elements, must be <f4 or <f8" },

    /* labels and splits */
    { CSC | DENSE, "label.npy", PR_F64, 1, N, 1, little_labels,
      .words = "/label.npy: holds <f8 elements, must be <i4 or <i8" },
    { CSC | DENSE, "label.npy", PR_I64, 1, N - 1, 1, little_labels,
      .words = "/label.npy: has shape (4,), must be (5,): num_nodes of meta.json" },
    { CSC | DENSE, "label.npy", PR_I64, 1, N, 1, VALUES(0, 1, -2, 9, 1),
      .words = "/label.npy: the label of node 2 is -2, must be in -1..1" },
    { CSC | DENSE, "label.npy", PR_I64, 1, N, 1, VALUES(0, 1, 4294967296.0, 0, 1),
      .words = "/label.npy: the label of node 2 is 4294967296, must be in -1..1" },
    { CSC | DENSE, "train_idx.npy", PR_I64, 1, 2, 1, VALUES(0, 5),
      .words = "/train_idx.npy: element 1 is 5, must be in 0..4" },
    { CSC | DENSE, "train_idx.npy", PR_I64, 1, 2, 1, VALUES(1, 0),
      .words = "/train_idx.npy: element 1 is 0 after 1; ids must ascend" },
    { CSC | DENSE, "train_idx.npy", PR_I32, 1, 2, 1, VALUES(1, 1),
      .words = "/train_idx.npy: element 1 is 1 after 1; ids must ascend" },
    { CSC | DENSE, "train_idx.npy", PR_I64, 1, 2, 1, VALUES(0, 2),
      .words = "/train_idx.npy: element 1 is node 2, which has no label" },
    { CSC | DENSE, "train_idx.npy", PR_I64, 0, 1, 1, VALUES(0),
      .words = "/train_idx.npy: has shape (), must be (1,): one dimension" },
    { CSC | DENSE, "train_idx.npy", PR_F64, 1, 0, 1, little_train,
      .words = "/train_idx.npy: holds <f8 elements" },
    { CSC | DENSE, "val_idx.npy", PR_I64, 1, 2, 1, VALUES(1, 3),
      .words = ": node 1 is in both train_idx.npy and val_idx.npy" },
    { CSC | DENSE, "test_idx.npy", PR_I64, 1, 2, 1, VALUES(1, 4),
      .words = ": node 1 is in both train_idx.npy and test_idx.npy" },
    { CSC | DENSE, "test_idx.npy", PR_I64, 1, 2, 1, VALUES(3, 4),
      .words = ": node 3 is in both val_idx.npy and test_idx.npy" },
    { CSC | DENSE | ALT, "alt_train_idx.npy", PR_I64, 1, 1, 1, VALUES(1),
      .words = ": node 1 is in both alt_train_idx.npy and alt_val_idx.npy" },
};

static void everything_wrong_is_refused_with_words(void **state)
{
    (void)state;
    const char   *directory = test_directory();
    const int64_t live      = pri_mem_live();

    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        const damage     *bad = &damages[i];
        const pr_dataset *d   = (const pr_dataset *)1;
        little_put(directory, bad->form);
        if (bad->values)
            little_put_array(directory, bad->file, bad->dtype, bad->num_dims, bad->rows, bad->cols,
                             bad->values);
        else if (bad->text)
            little_put_text(directory, bad->file, bad->text);
        else
            assert_int_equal(remove(little_path(directory, bad->file)), 0);
        if (bad->directory) assert_int_equal(mkdir(little_path(directory, bad->file), 0777), 0);
        assert_fails(PR_E_INPUT, bad->words, little_open(directory, PR_NORM_AUTO, &d));
        assert_non_null(strstr(pr_error_message(), directory)); /* names where it is */
        assert_null(d);
        assert_int_equal(pri_mem_live(), live);
    }
    printf("%zu damages refused\n", sizeof damages / sizeof damages[0]);
}

static void each_array_cut_short_is_refused(void **state)
{
    (void)state;
    const char   *directory = test_directory();
    const int64_t live      = pri_mem_live();

    for (unsigned form = 0; form < 2; form++)
        for (size_t i = 0; i < sizeof little_files / sizeof little_files[0]; i++) {
            const pr_dataset *d;
            char              wanted[64];
            little_put(directory, (form ? CSC | DENSE : PAIRS | CSR) | ALT | WEIGHTS);
            const char *path = little_path(directory, little_files[i]);
            struct stat info;
            if (stat(path, &info) != 0 || !strcmp(little_files[i], "alt_test_idx.npy")) continue;
            assert_int_equal(truncate(path, info.st_size - 1), 0);
            snprintf(wanted, sizeof wanted, "/%s: ", little_files[i]);
            assert_fails(PR_E_INPUT, wanted, little_open(directory, PR_NORM_AUTO, &d));
            assert_int_equal(pri_mem_live(), live);
        }
}

static void what_is_no_dataset_directory_is_refused(void **state)
{
    (void)state;
    const char        *directory = test_directory();
    const char        *file      = test_file(directory, "file", "x", 1);
    const pr_dataset  *d;
    pr_dataset_options options = { .data = "/tmp", .feature_norm = 7 };

    assert_fails(PR_E_ARG, "--data is empty", little_open("", PR_NORM_AUTO, &d));
    assert_fails(PR_E_INPUT, "--data /no/such: cannot be read: No such file",
                 little_open("/no/such", PR_NORM_AUTO, &d));
    assert_fails(PR_E_INPUT, "is not a directory", little_open(file, PR_NORM_AUTO, &d));
    assert_fails(PR_E_INPUT, "/meta.json: cannot be read",
                 little_open(directory, PR_NORM_AUTO, &d));
    assert_fails(PR_E_ARG, "feature-norm", pr_dataset_open(&options, &d));
    assert_fails(PR_E_ARG, "options is NULL", pr_dataset_open(NULL, &d));
    assert_fails(PR_E_ARG, "out is NULL", pr_dataset_open(&options, NULL));
}

/* Hostile counts over tiny files must not make the loader allocate by them. */
static void huge_counts_over_small_files_are_refused_before_memory_is_taken(void **state)
{
    (void)state;
    static const char *const counts[][4] = {
        { "4294967294", "6", "3", "2" },
        { "5", "9223372036854775807", "3", "2" },
        { "4294967294", "9223372036854775807", "1048576", "1048576" },
    };
    static const unsigned forms[]   = { CSC | DENSE, CSC | CSR, PAIRS | DENSE, PAIRS | CSR };
    const char           *directory = test_directory();

    for (int m = 0; m < 3; m++)
        for (int f = 0; f < 4; f++) {
            const pr_dataset *d;
            little_put(directory, forms[f]);
            char meta[256];
            snprintf(meta, sizeof meta,
                     "{\"num_nodes\": %s, \"num_edges\": %s, \"num_feats\": %s, "
                     "\"num_classes\": %s}",
                     counts[m][0], counts[m][1], counts[m][2], counts[m][3]);
            little_put_text(directory, "meta.json", meta);
            const uint64_t calls = pri_mem_calls();
            assert_fails(PR_E_INPUT, "must be (", little_open(directory, PR_NORM_AUTO, &d));
            assert_true(pri_mem_calls() - calls <= 3); /* itself, meta.json's text, columns */
        }
}

/* Large arrays are checked by all threads: the sentence must not depend on which comes first. */
static void the_first_of_several_offenders_is_named_for_any_number_of_threads(void **state)
{
    (void)state;
    enum { ROWS = 5000, COLS = 20, ARCS = ROWS * COLS };
    static uint32_t   indices[ARCS];
    static uint64_t   indptr[ROWS + 1];
    static float      rows[ROWS * COLS];
    const uint64_t    shape[] = { ROWS, COLS }, num_arcs = ARCS, num_offsets = ROWS + 1;
    const char       *directory = test_directory();
    const pr_dataset *d;

    for (uint64_t v = 0; v <= ROWS; v++) indptr[v] = v * COLS;
    indices[ARCS / 3] = ROWS;
    indices[ARCS - 1] = ROWS + 1;
    little_put_text(directory, "meta.json",
                    "{\"num_nodes\": 5000, \"num_edges\": 100000, \"num_feats\": 20, "
                    "\"num_classes\": 0}");
    assert_ok(pr_npy_write(little_path(directory, "indptr.npy"), PR_I64, 1, &num_offsets, indptr));
    assert_ok(pr_npy_write(little_path(directory, "indices.npy"), PR_U32, 1, &num_arcs, indices));
    const int before = omp_get_max_threads();
    for (int threads = 1; threads <= 4; threads++) {
        omp_set_num_threads(threads);
        rows[60001] = rows[99999] = 0;
        assert_ok(pr_npy_write(little_path(directory, "feat.npy"), PR_F32, 2, shape, rows));
        assert_fails(PR_E_INPUT, "/indices.npy: element 33333 is 5000, must be in 0..4999",
                     little_open(directory, PR_NORM_AUTO, &d));
        rows[60001] = rows[99999] = NAN;
        assert_ok(pr_npy_write(little_path(directory, "feat.npy"), PR_F32, 2, shape, rows));
        assert_fails(PR_E_INPUT, "/feat.npy: row 3000, column 1 is nan",
                     little_open(directory, PR_NORM_AUTO, &d));
    }
    omp_set_num_threads(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_wrong_is_refused_with_words),
        cmocka_unit_test(the_first_of_several_offenders_is_named_for_any_number_of_threads),
        cmocka_unit_test(each_array_cut_short_is_refused),
        cmocka_unit_test(what_is_no_dataset_directory_is_refused),
        cmocka_unit_test(huge_counts_over_small_files_are_refused_before_memory_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
