/* test_row_file.c: datasets whose dense rows stay in their file: where it says they are, in every
 * format; when values are looked at; that looking makes no page of the mapping resident; and what
 * is wrong with formats, scales and values is named. */
#include "support/little.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loaders/npy.h"
#include "loaders/row_format.h"

enum { N = LITTLE_N, F = LITTLE_F };

static const char *meta_with(const char *member)
{
    static char text[256];
    snprintf(text, sizeof text,
             "{\"num_nodes\": 5, \"num_edges\": 6, \"num_feats\": 3, \"num_classes\": 2%s}",
             member);
    return text;
}

/* Write the little dataset with its rows in a format; gives what they are in f32. */
static void put_rows(const char *directory, int format, float want[N * F])
{
    double values[N * F], scales[N];

    little_put(directory, CSC | DENSE);
    for (int v = 0; v < N; v++) {
        float    row[F], scale;
        uint16_t half[F];
        int8_t   whole[F];
        void    *to = format == PR_ROWS_INT8 ? (void *)whole : (void *)half;
        for (int c = 0; c < F; c++) row[c] = (float)little_rows[v * F + c] / 3;
        if (format == PR_ROWS_F32) to = want + v * F;
        assert_true(pri_row_encode(format, row, F, to, &scale));
        if (format != PR_ROWS_F32) pri_row_decode(format, to, scale, F, want + v * F);
        for (int c = 0; c < F; c++)
            values[v * F + c] = format == PR_ROWS_F32    ? (double)row[c]
                                : format == PR_ROWS_INT8 ? whole[c]
                                                         : half[c];
        scales[v] = (double)scale;
    }
    little_put_array(directory, "feat.npy", pri_row_dtype(format), 2, N, F, values);
    (void)remove(little_path(directory, "feat_scale.npy"));
    if (format == PR_ROWS_BF16)
        little_put_text(directory, "meta.json", meta_with(", \"feat_format\": \"bf16\""));
    if (format == PR_ROWS_INT8)
        little_put_array(directory, "feat_scale.npy", PR_F32, 1, N, 1, scales);
}

static pr_status open_checked(const char *directory, pr_feature_check check, const pr_dataset **out)
{
    pr_dataset_options options = { .feature_check = (int)check };
    snprintf(options.data, sizeof options.data, "%s", directory);
    return pr_dataset_open(&options, out);
}

static void rows_of_every_format_stay_in_their_file(void **state)
{
    const char   *directory = test_directory();
    const int64_t live      = pri_mem_live();

    (void)state;
    for (int format = PR_ROWS_F32; format <= PR_ROWS_INT8; format++)
        for (pr_feature_check check = PR_CHECK_AUTO; check <= PR_CHECK_READ; check++) {
            const pr_dataset *d;
            float             want[N * F], got[N * F];
            struct stat       info;
            put_rows(directory, format, want);
            assert_ok(open_checked(directory, check, &d));
            const pr_features *x    = &d->features;
            const pr_row_file *file = x->file;
            assert_int_equal(x->kind, PR_FEATURES_DENSE);
            assert_int_equal(x->ld, F);
            assert_non_null(file);
            assert_int_equal(x->rows != NULL, format == PR_ROWS_F32);
            assert_int_equal(file->format, format);
            assert_string_equal(file->path, little_path(directory, "feat.npy"));
            assert_int_equal(stat(file->path, &info), 0);
            assert_int_equal(file->file_bytes, info.st_size);
            assert_int_equal(file->row_bytes, pri_row_bytes(format, F));
            assert_int_equal(file->first_byte + N * file->row_bytes, file->file_bytes);
            assert_int_equal(file->checked, format == PR_ROWS_INT8 || check != PR_CHECK_READ);
            assert_int_equal(file->scale != NULL, format == PR_ROWS_INT8);
            if (x->rows) assert_ptr_equal(x->rows, file->mapped);
            for (pr_vid v = 0; v < N; v++)
                pri_row_decode(format, (const char *)file->mapped + v * file->row_bytes,
                               file->scale ? file->scale[v] : 1, F, got + v * F);
            assert_memory_equal(got, want, sizeof want);
            memset(got, 0, sizeof got);
            assert_ok(pri_rows_read(x, 0, N, got, F));
            assert_memory_equal(got, want, sizeof want);
            pr_dataset_close(d);
            assert_int_equal(pri_mem_live(), live);
        }
}

static void f64_and_scaled_rows_are_in_memory_only(void **state)
{
    const char       *directory = test_directory();
    const pr_dataset *d;

    (void)state;
    little_put(directory, CSC | DENSE);
    assert_ok(little_open(directory, PR_NORM_L2, &d));
    assert_null(d->features.file);
    assert_non_null(d->features.rows);
    pr_dataset_close(d);
    little_put_array(directory, "feat.npy", PR_F64, 2, N, F, little_rows);
    assert_ok(little_open(directory, PR_NORM_AUTO, &d));
    assert_null(d->features.file);
    assert_non_null(d->features.rows);
    pr_dataset_close(d);
}

static void rows_that_stay_in_their_file_are_not_scaled(void **state)
{
    const char        *directory = test_directory();
    const pr_dataset  *d;
    float              want[N * F];
    pr_dataset_options options = { .feature_norm = PR_NORM_L2, .feature_check = PR_CHECK_READ };
    const int64_t      live    = pri_mem_live();

    (void)state;
    snprintf(options.data, sizeof options.data, "%s", directory);
    put_rows(directory, PR_ROWS_F32, want);
    assert_fails(PR_E_UNSUPPORTED, "packrat convert --feature-norm l2 writes scaled rows",
                 pr_dataset_open(&options, &d));
    assert_null(d);
    put_rows(directory, PR_ROWS_F16, want);
    assert_fails(PR_E_UNSUPPORTED, "feat.npy are f16, only f32 ones",
                 little_open(directory, PR_NORM_L1, &d));
    assert_ok(little_open(directory, PR_NORM_AUTO, &d));
    assert_int_equal(d->feature_norm, PR_NORM_NONE);
    pr_dataset_close(d);
    assert_int_equal(pri_mem_live(), live);
}

/* Formats, types and scales that do not agree. */
static void what_does_not_fit_together_is_refused_with_words(void **state)
{
    static const struct {
        int         format;
        const char *member; /* of meta.json; NULL: as it is */
        const char *words;
    } cases[] = {
        { PR_ROWS_BF16, "",
          "/feat.npy: holds <u2 elements; meta.json must say what they are: \"feat_format\": "
          "\"bf16\"" },
        { PR_ROWS_F16, ", \"feat_format\": \"bf16\"",
          "/feat.npy: holds <f2 elements, must be <u2: feat_format of meta.json is 'bf16'" },
        { PR_ROWS_BF16, ", \"feat_format\": \"int8\"", "holds <u2 elements, must be |i1" },
        { PR_ROWS_F32, ", \"feat_format\": \"f16\"", "holds <f4 elements, must be <f2" },
        { PR_ROWS_F32, ", \"feat_format\": \"f8\"",
          "/meta.json: 'feat_format' is 'f8', must be 'f32', 'bf16', 'f16' or 'int8'" },
        { PR_ROWS_F32, ", \"feat_format\": 8", "/meta.json: 'feat_format' is not a string" },
        { PR_ROWS_F32, ", \"feat\": \"csr\", \"feat_format\": \"f32\"",
          "meta.json has a feat_format, which is of dense rows, and \"feat\": \"csr\"" },
    };
    const char   *directory = test_directory();
    const int64_t live      = pri_mem_live();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pr_dataset *d;
        float             want[N * F];
        put_rows(directory, cases[i].format, want);
        little_put_text(directory, "meta.json", meta_with(cases[i].member));
        assert_fails(PR_E_INPUT, cases[i].words, little_open(directory, PR_NORM_AUTO, &d));
        assert_non_null(strstr(pr_error_message(), directory));
        assert_null(d);
        assert_int_equal(pri_mem_live(), live);
    }
}

static void scales_that_are_not_one_number_a_row_are_refused(void **state)
{
    static const struct {
        pr_dtype    dtype;
        uint64_t    n;
        double      second;
        const char *words;
    } cases[] = {
        { PR_F32, 0, 1, "/feat_scale.npy: cannot be read: No such file" },
        { PR_F32, 4, 1, "/feat_scale.npy: has shape (4,), must be (5,): one for each row" },
        { PR_F64, 5, 1, "/feat_scale.npy: holds <f8 elements, must be <f4" },
        { PR_F32, 5, -1, "/feat_scale.npy: element 1 is -1, must be finite and 0 or more" },
        { PR_F32, 5, (double)NAN, "/feat_scale.npy: element 1 is nan, must be finite" },
        { PR_F32, 5, (double)INFINITY, "/feat_scale.npy: element 1 is inf, must be finite" },
    };
    const char   *directory = test_directory();
    const int64_t live      = pri_mem_live();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pr_dataset *d;
        float             want[N * F];
        put_rows(directory, PR_ROWS_INT8, want);
        const double scales[] = { 1, cases[i].second, 1, 1, 1 };
        if (cases[i].n > 0)
            little_put_array(directory, "feat_scale.npy", cases[i].dtype, 1, cases[i].n, 1, scales);
        else
            assert_int_equal(remove(little_path(directory, "feat_scale.npy")), 0);
        assert_fails(PR_E_INPUT, cases[i].words, open_checked(directory, PR_CHECK_READ, &d));
        assert_null(d);
        assert_int_equal(pri_mem_live(), live);
    }
}

static void a_value_that_is_not_finite_is_found_at_open_or_when_it_is_read(void **state)
{
    const char  *directory = test_directory();
    const double odd[]     = { 0x7f800000, 0x7f80, 0x7e00 };

    (void)state;
    for (int format = PR_ROWS_F32; format <= PR_ROWS_F16; format++) {
        const pr_dataset *d;
        float             want[N * F], got[N * F];
        double            values[N * F] = { 0 };
        put_rows(directory, format, want);
        values[3 * F + 1] = format == PR_ROWS_F32 ? (double)INFINITY : odd[format];
        little_put_array(directory, "feat.npy", pri_row_dtype(format), 2, N, F, values);
        assert_fails(PR_E_INPUT, "/feat.npy: row 3, column 1 is ",
                     open_checked(directory, PR_CHECK_OPEN, &d));
        assert_ok(open_checked(directory, PR_CHECK_READ, &d));
        assert_ok(pri_rows_read(&d->features, 0, 3, got, F));
        assert_fails(PR_E_INPUT, "/feat.npy: row 3, column 1 is ",
                     pri_rows_read(&d->features, 0, N, got, F));
        pr_dataset_close(d);
    }
}

/* Headers of any length: f32 at odd addresses is copied, others are refused. */
static void rows_at_odd_addresses_are_copied_or_refused(void **state)
{
    const char *directory = test_directory();

    (void)state;
    for (int format = PR_ROWS_F32; format <= PR_ROWS_F16; format++) {
        const pr_dataset *d;
        float             want[N * F], got[N * F];
        char              file[512], *end;
        put_rows(directory, format, want);
        const char *path = little_path(directory, "feat.npy");
        FILE       *in   = fopen(path, "rb");
        assert_non_null(in);
        const size_t bytes = fread(file, 1, sizeof file - 1, in);
        assert_int_equal(fclose(in), 0);
        end = memchr(file, '\n', bytes); /* one more space before the header's end */
        assert_non_null(end);
        memmove(end + 1, end, bytes - (size_t)(end - file));
        *end    = ' ';
        file[8] = (char)(file[8] + 1);
        (void)test_file(directory, "feat.npy", file, bytes + 1);
        if (format == PR_ROWS_F32) {
            assert_ok(little_open(directory, PR_NORM_AUTO, &d));
            assert_null(d->features.file);
            assert_ok(pri_rows_read(&d->features, 0, N, got, F));
            assert_memory_equal(got, want, sizeof want);
            pr_dataset_close(d);
        } else {
            assert_fails(PR_E_INPUT, "/feat.npy: its elements of 2 bytes lie at odd addresses",
                         little_open(directory, PR_NORM_AUTO, &d));
        }
    }
}

/* Give the bytes of the mapping that holds `at` which are resident, as the kernel counts them. */
static uint64_t resident(const void *at)
{
    FILE              *in = fopen("/proc/self/smaps", "r");
    char               line[512];
    unsigned long long begin, end, kib;
    bool               here = false;

    if (!in) return 0;
    while (fgets(line, sizeof line, in)) {
        if (sscanf(line, "%llx-%llx ", &begin, &end) == 2)
            here = (uintptr_t)at >= begin && (uintptr_t)at < end;
        else if (here && sscanf(line, "Rss: %llu kB", &kib) == 1)
            break;
        kib = 0;
    }
    (void)fclose(in);
    return kib << 10;
}

static void opening_and_looking_make_no_row_resident(void **state)
{
    enum { NODES = 8 << 10, COLS = 256 }; /* 8 MiB */
    const char    *directory = test_directory();
    const uint64_t shape[] = { NODES, COLS }, offsets = NODES + 1, none = 0, nodes = NODES;
    float         *rows = calloc((size_t)NODES * COLS, sizeof *rows);
    pr_eid        *zero = calloc(NODES + 1, sizeof *zero);

    (void)state;
    assert_true(rows && zero);
    little_put_text(directory, "meta.json",
                    "{\"num_nodes\": 8192, \"num_edges\": 0, \"num_feats\": 256, "
                    "\"num_classes\": 1}");
    assert_ok(pr_npy_write(little_path(directory, "feat.npy"), PR_F32, 2, shape, rows));
    assert_ok(pr_npy_write(little_path(directory, "indptr.npy"), PR_I64, 1, &offsets, zero));
    assert_ok(pr_npy_write(little_path(directory, "indices.npy"), PR_U32, 1, &none, zero));
    assert_ok(pr_npy_write(little_path(directory, "label.npy"), PR_I64, 1, &nodes, zero));
    for (pr_feature_check check = PR_CHECK_OPEN; check <= PR_CHECK_READ; check++) {
        const pr_dataset *d;
        assert_ok(open_checked(directory, check, &d));
        const char *middle = (const char *)d->features.rows + (4 << 20);
        assert_ok(pri_rows_read(&d->features, 0, NODES, rows, COLS));
        assert_true(resident(middle) <= 256 << 10); /* around the header the kernel maps some */
        float sum = 0;
        for (size_t i = 0; i < (size_t)NODES * COLS; i += 1024) sum += d->features.rows[i];
        assert_true(sum == 0 && resident(middle) >= 7 << 20);
        pr_dataset_close(d);
    }
    free(rows);
    free(zero);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_every_format_stay_in_their_file),
        cmocka_unit_test(f64_and_scaled_rows_are_in_memory_only),
        cmocka_unit_test(rows_that_stay_in_their_file_are_not_scaled),
        cmocka_unit_test(what_does_not_fit_together_is_refused_with_words),
        cmocka_unit_test(scales_that_are_not_one_number_a_row_are_refused),
        cmocka_unit_test(a_value_that_is_not_finite_is_found_at_open_or_when_it_is_read),
        cmocka_unit_test(rows_at_odd_addresses_are_copied_or_refused),
        cmocka_unit_test(opening_and_looking_make_no_row_resident),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
