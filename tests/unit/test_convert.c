/* test_convert.c: packrat convert: rows in another format, everything else as it was; what it says
 * of errors; and whole or not at all. */
#include "support/little.h"

#include <math.h>
#include <omp.h>
#include <unistd.h>

#include "loaders/row_format.h"
#include "loaders/write.h"

enum { N = LITTLE_N, F = LITTLE_F };

static pr_convert_options convert_of(const char *data, const char *out, int format, int norm)
{
    pr_convert_options o = { .format = format, .feature_norm = norm };
    snprintf(o.data, sizeof o.data, "%s", data);
    snprintf(o.out, sizeof o.out, "%s", out);
    return o;
}

/* Give directory/name; good for the next seven calls. */
static const char *inside(const char *directory, const char *name)
{
    static char path[8][1024];
    static int  at;
    char        joined[1024];

    snprintf(joined, sizeof joined, "%s/%s", directory, name);
    at = (at + 1) % 8;
    memcpy(path[at], joined, sizeof joined);
    return path[at];
}

static void check_same_graph(const pr_dataset *a, const pr_dataset *b)
{
    assert_string_equal(a->name, b->name);
    assert_true(a->fingerprint == b->fingerprint);
    assert_memory_equal(a->labels, b->labels, N * sizeof *a->labels);
    for (int s = 0; s < PR_NUM_SPLITS; s++) {
        assert_int_equal(a->has_split[s], b->has_split[s]);
        if (!a->has_split[s]) continue;
        assert_int_equal(a->split[s].train.n, b->split[s].train.n);
        assert_memory_equal(a->split[s].train.at, b->split[s].train.at,
                            a->split[s].train.n * sizeof(pr_vid));
        assert_int_equal(a->split[s].val.n, b->split[s].val.n);
        assert_int_equal(a->split[s].test.n, b->split[s].test.n);
    }
}

/* Check a converted dataset against rows in f32, and what was said of it. */
static void check_rows(const pr_dataset *d, const float want[N * F], const pr_converted *said)
{
    const int format = d->features.file->format;
    float     got[N * F];
    double    most = 0, square = 0;

    assert_int_equal(d->feature_norm, PR_NORM_NONE);
    assert_ok(pri_rows_read(&d->features, 0, N, got, F));
    for (int v = 0; v < N; v++) {
        float held[F], scale;
        char  row[F * sizeof(float)];
        assert_true(pri_row_encode(format, want + v * F, F, row, &scale));
        pri_row_decode(format, row, scale, F, held);
        assert_memory_equal(got + v * F, held, sizeof held);
        for (int c = 0; c < F; c++) {
            const double error = fabs((double)held[c] - (double)want[v * F + c]);
            most               = error > most ? error : most;
            square += error * error;
        }
    }
    assert_true(said->max_error == most);
    assert_true(fabs(said->rms_error - sqrt(square / (N * F))) <= 1e-12);
}

static void dense_rows_are_written_in_every_format(void **state)
{
    static const double thirds[N * F] = { 1. / 3, 0, 7. / 3, -3, 1e-3, 0, 0,   0,
                                          0,      9, 100.01, 0,  0,    0, -6.6 };
    const char         *directory     = test_directory();
    const int64_t       live          = pri_mem_live();

    (void)state;
    for (int format = PR_ROWS_F32; format <= PR_ROWS_INT8; format++) {
        const pr_dataset *from, *to;
        pr_converted      said;
        const char       *out = inside(directory, pr_row_format_name(format));
        little_put(directory, CSC | DENSE | ALT | WEIGHTS);
        little_put_array(directory, "feat.npy", PR_F32, 2, N, F, thirds);
        const pr_convert_options o = convert_of(directory, out, format, PR_NORM_AUTO);
        assert_ok(pr_convert(&o, NULL, &said));
        assert_ok(little_open(directory, PR_NORM_AUTO, &from));
        assert_ok(little_open(out, PR_NORM_AUTO, &to));
        check_same_graph(from, to);
        check_rows(to, from->features.rows, &said);
        assert_int_equal(to->features.file->format, format);
        assert_int_equal(said.num_rows, N);
        assert_int_equal(said.num_cols, F);
        assert_int_equal(said.format, format);
        assert_int_equal(said.feature_norm, PR_NORM_NONE);
        assert_int_equal(said.bytes_before, 128 + N * F * sizeof(float));
        assert_int_equal(said.bytes_after, PRI_ROWS_AT + N * pri_row_bytes(format, F) +
                                               (format == PR_ROWS_INT8 ? 128 + N * 4 : 0));
        assert_true(said.rms_value > 25 && said.rms_value < 27);
        pr_dataset_close(from);
        pr_dataset_close(to);
        assert_int_equal(pri_mem_live(), live);
    }
}

static void every_format_is_read_too(void **state)
{
    const char *directory = test_directory();

    (void)state;
    little_put(directory, CSC | DENSE);
    for (int format = PR_ROWS_F32; format <= PR_ROWS_INT8; format++) {
        const pr_dataset  *from, *to;
        pr_converted       said;
        float              want[N * F];
        const char        *middle = inside(directory, pr_row_format_name(format));
        const char        *out    = inside(middle, "f32");
        pr_convert_options o      = convert_of(directory, middle, format, PR_NORM_L1);
        assert_ok(pr_convert(&o, NULL, &said));
        assert_int_equal(said.feature_norm, PR_NORM_L1);
        o = convert_of(middle, out, PR_ROWS_F32, PR_NORM_AUTO);
        assert_ok(pr_convert(&o, NULL, &said));
        assert_true(said.max_error == 0 && said.rms_error == 0);
        assert_ok(little_open(middle, PR_NORM_AUTO, &from));
        assert_ok(little_open(out, PR_NORM_AUTO, &to));
        assert_ok(pri_rows_read(&from->features, 0, N, want, F));
        assert_memory_equal(to->features.rows, want, sizeof want);
        pr_dataset_close(from);
        pr_dataset_close(to);
    }
}

/* With auto they are scaled as they would have been, once. */
static void sparse_rows_become_dense_and_are_scaled_once(void **state)
{
    const char       *directory = test_directory();
    const char       *out       = inside(directory, "dense");
    const pr_dataset *from, *to;
    pr_converted      said;
    float             want[N * F] = { 0 };

    (void)state;
    little_put(directory, PAIRS | CSR);
    const pr_convert_options o = convert_of(directory, out, PR_ROWS_F32, PR_NORM_AUTO);
    assert_ok(pr_convert(&o, NULL, &said));
    assert_int_equal(said.feature_norm, PR_NORM_L2);
    assert_ok(little_open(directory, PR_NORM_AUTO, &from));
    assert_ok(little_open(out, PR_NORM_AUTO, &to));
    check_same_graph(from, to);
    const pr_features *x = &from->features;
    for (int v = 0; v < N; v++)
        for (pr_eid e = x->indptr[v]; e < x->indptr[v + 1]; e++)
            want[(uint32_t)v * F + x->indices[e]] = x->data[e];
    check_rows(to, want, &said);
    assert_true(to->features.rows[0] > 0.4f && to->features.rows[0] < 0.5f);
    pr_dataset_close(from);
    pr_dataset_close(to);
}

static void ids_of_before_are_kept(void **state)
{
    static const double first[] = { 5, 7, 9, 11, 13 }, moved[] = { 4, 3, 2, 1, 0 };
    const char         *directory = test_directory();
    const char         *out       = inside(directory, "new");
    const char         *files[]   = { "ids.npy", "node_ids.npy" };
    const double       *values[]  = { first, moved };
    pr_converted        said;

    (void)state;
    little_put(directory, CSC | DENSE);
    for (int i = 0; i < 2; i++) little_put_array(directory, files[i], PR_I64, 1, N, 1, values[i]);
    pr_convert_options o = convert_of(directory, out, PR_ROWS_BF16, PR_NORM_AUTO);
    assert_ok(pr_convert(&o, NULL, &said));
    for (int i = 0; i < 2; i++) {
        pr_npy npy;
        assert_ok(pr_npy_open(inside(out, files[i]), &npy));
        for (int v = 0; v < N; v++)
            assert_true((double)((const int64_t *)npy.data)[v] == values[i][v]);
        pr_npy_close(&npy);
    }
    o = convert_of(directory, inside(directory, "never"), PR_ROWS_BF16, PR_NORM_AUTO);
    little_put_array(directory, "node_ids.npy", PR_I64, 1, N, 1,
                     (const double[]){ 1, 2, -3, 4, 5 });
    assert_fails(PR_E_INPUT, "/node_ids.npy: element 2 is -3", pr_convert(&o, NULL, &said));
    little_put_array(directory, "node_ids.npy", PR_I32, 1, N, 1, moved);
    assert_fails(PR_E_INPUT, "/node_ids.npy: must hold one <i8", pr_convert(&o, NULL, &said));
    assert_int_not_equal(access(o.out, F_OK), 0);
}

static void a_value_beyond_the_format_is_named_and_leaves_nothing(void **state)
{
    static double large[N * F], odd[N * F];
    const char   *directory = test_directory();
    const char   *out       = inside(directory, "new");
    const int64_t live      = pri_mem_live();
    pr_converted  said;

    (void)state;
    little_put(directory, CSC | DENSE);
    large[2 * F + 1] = 65520;
    little_put_array(directory, "feat.npy", PR_F32, 2, N, F, large);
    pr_convert_options o = convert_of(directory, out, PR_ROWS_F16, PR_NORM_AUTO);
    assert_fails(PR_E_INPUT, "row 2, column 1 is 65520; f16 holds values up to 65504",
                 pr_convert(&o, NULL, &said));
    large[2 * F + 1] = 3.4e38;
    little_put_array(directory, "feat.npy", PR_F32, 2, N, F, large);
    o.format = PR_ROWS_BF16;
    assert_fails(PR_E_INPUT, "is 3.4e+38; bf16 holds values up to 3.38e38",
                 pr_convert(&o, NULL, &said));
    odd[4 * F] = (double)NAN;
    little_put_array(directory, "feat.npy", PR_F32, 2, N, F, odd);
    assert_fails(PR_E_INPUT, "/feat.npy: row 4, column 0 is ", pr_convert(&o, NULL, &said));
    assert_int_not_equal(access(out, F_OK), 0);
    assert_int_equal(pri_mem_live(), live);
    assert_fails(PR_E_ARG, "--out is missing",
                 pr_convert(&(pr_convert_options){ .data = "d" }, NULL, &said));
    o = convert_of(directory, directory, PR_ROWS_BF16, PR_NORM_AUTO);
    assert_fails(PR_E_ARG, "is not empty", pr_convert(&o, NULL, &said));
}

static volatile int stop;

static void stop_at_first(void *context, const char *stage, uint64_t done, uint64_t total)
{
    assert_string_equal(stage, "convert");
    assert_true(done <= total);
    *(uint64_t *)context += 1;
    stop = 1;
}

static void an_interrupt_leaves_nothing(void **state)
{
    const char    *directory = test_directory();
    const char    *out       = inside(directory, "new");
    uint64_t       told      = 0;
    const pr_watch watch     = { .stop = &stop, .progress = stop_at_first, .context = &told };
    const int64_t  live      = pri_mem_live();
    pr_converted   said;

    (void)state;
    little_put(directory, CSC | DENSE);
    const pr_convert_options o = convert_of(directory, out, PR_ROWS_INT8, PR_NORM_AUTO);
    stop                       = 0;
    assert_fails(PR_E_INTERRUPTED, "nothing was made", pr_convert(&o, &watch, &said));
    assert_int_equal(told, 1);
    assert_int_not_equal(access(out, F_OK), 0);
    assert_int_equal(pri_mem_live(), live);
    stop = 0;
    assert_ok(pr_convert(&o, &(pr_watch){ 0 }, &said));
}

/* Several blocks, several threads: the same bytes and the same figures. */
static void the_result_does_not_depend_on_the_threads(void **state)
{
    enum { NODES = 3000, COLS = 300 };
    static float   rows[NODES * COLS];
    const char    *directory = test_directory();
    const uint64_t shape[] = { NODES, COLS }, offsets = NODES + 1, none = 0;
    static pr_eid  zero[NODES + 1];
    test_rng       rng = { .key = test_seed() };
    pr_converted   said[2];
    const int      threads = omp_get_max_threads();

    (void)state;
    for (int i = 0; i < NODES * COLS; i++) rows[i] = (float)test_below(&rng, 1 << 20) / 777 - 600;
    little_put_text(directory, "meta.json",
                    "{\"num_nodes\": 3000, \"num_edges\": 0, \"num_feats\": 300, "
                    "\"num_classes\": 0}");
    assert_ok(pr_npy_write(inside(directory, "feat.npy"), PR_F32, 2, shape, rows));
    assert_ok(pr_npy_write(inside(directory, "indptr.npy"), PR_I64, 1, &offsets, zero));
    assert_ok(pr_npy_write(inside(directory, "indices.npy"), PR_U32, 1, &none, zero));
    for (int i = 0; i < 2; i++) {
        const char              *out = inside(directory, i ? "two" : "one");
        const pr_convert_options o   = convert_of(directory, out, PR_ROWS_INT8, PR_NORM_L2);
        omp_set_num_threads(i ? 3 : 1);
        assert_ok(pr_convert(&o, NULL, &said[i]));
    }
    omp_set_num_threads(threads);
    assert_true(said[0].rms_error == said[1].rms_error && said[0].rms_error > 0);
    assert_true(said[0].max_error == said[1].max_error && said[0].rms_value == said[1].rms_value);
    for (int i = 0; i < 2; i++) {
        pr_npy one, two;
        assert_ok(pr_npy_open(inside(directory, i ? "one/feat.npy" : "one/feat_scale.npy"), &one));
        assert_ok(pr_npy_open(inside(directory, i ? "two/feat.npy" : "two/feat_scale.npy"), &two));
        assert_int_equal(one.mapping_bytes, two.mapping_bytes);
        assert_memory_equal(one.mapping, two.mapping, one.mapping_bytes);
        pr_npy_close(&one);
        pr_npy_close(&two);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_rows_are_written_in_every_format),
        cmocka_unit_test(every_format_is_read_too),
        cmocka_unit_test(sparse_rows_become_dense_and_are_scaled_once),
        cmocka_unit_test(ids_of_before_are_kept),
        cmocka_unit_test(a_value_beyond_the_format_is_named_and_leaves_nothing),
        cmocka_unit_test(an_interrupt_leaves_nothing),
        cmocka_unit_test(the_result_does_not_depend_on_the_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
