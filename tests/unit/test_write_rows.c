/* test_write_rows.c: feature rows as the writer makes them: aligned in their file, in every format,
 * from memory, from a function and from another dataset's file, and in another order. */
#include "support/little.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/outfile.h"
#include "loaders/permute.h"
#include "loaders/row_format.h"
#include "loaders/write.h"

enum { N = LITTLE_N, F = LITTLE_F };

static const float rows[N * F] = { 1.5f, 0, 2, -7, -3, 0, 0, 0, 0, 4, 5.25f, 0, 0, 1e-3f, 60 };
static float       scales[N];

static pr_status pack(void *context, pr_vid first, pr_vid count, void *to)
{
    const int format = *(const int *)context;
    float     scale;
    for (pr_vid v = 0; v < count; v++) {
        char *row = (char *)to + v * pri_row_bytes(format, F);
        assert_true(pri_row_encode(format, rows + (first + v) * F, F, row, &scale));
        scales[first + v] = scale;
    }
    return PR_OK;
}

static const pr_dataset *open_source(void)
{
    const pr_dataset *d;
    const char       *directory = test_directory();
    little_put(directory, CSC | DENSE);
    assert_ok(little_open(directory, PR_NORM_NONE, &d));
    return d;
}

static pri_dataset_arrays arrays_of(const pr_dataset *d)
{
    return (pri_dataset_arrays){ .name        = "rows",
                                 .graph       = d->graph,
                                 .features    = d->features,
                                 .labels      = d->labels,
                                 .num_classes = d->num_classes };
}

/* Write rows packed in a format; gives the directory. */
static const char *write_packed(int format)
{
    static char        out[512];
    const pr_dataset  *d      = open_source();
    pri_dataset_arrays arrays = arrays_of(d);

    snprintf(out, sizeof out, "%s/new", test_directory());
    arrays.features     = (pr_features){ .num_rows = N, .num_cols = F, .ld = F };
    arrays.fill_packed  = pack;
    arrays.fill_context = &format;
    arrays.row_format   = format;
    arrays.row_scale    = scales;
    assert_ok(pri_dataset_write(out, &arrays, NULL, NULL));
    pr_dataset_close(d);
    return out;
}

static pr_status open_unread(const char *directory, const pr_dataset **out)
{
    pr_dataset_options options = { .feature_check = PR_CHECK_READ };
    snprintf(options.data, sizeof options.data, "%s", directory);
    return pr_dataset_open(&options, out);
}

/* Check a dataset's rows; row v must be row old[v] of ours as the format holds it. */
static void check_rows(const char *directory, int format, const pr_vid old[N])
{
    const pr_dataset *d;
    float             got[N * F];

    assert_ok(open_unread(directory, &d));
    assert_int_equal(d->features.file->format, format);
    assert_int_equal(d->features.file->first_byte, PRI_ROWS_AT);
    assert_ok(pri_rows_read(&d->features, 0, N, got, F));
    for (pr_vid v = 0; v < N; v++) {
        float want[F], scale;
        char  row[F * sizeof(float)];
        assert_true(pri_row_encode(format, rows + old[v] * F, F, row, &scale));
        pri_row_decode(format, row, scale, F, want);
        assert_memory_equal(got + v * F, want, sizeof want);
    }
    pr_dataset_close(d);
}

static const pr_vid same[N] = { 0, 1, 2, 3, 4 }, turned[N] = { 3, 0, 4, 2, 1 };

static void rows_begin_at_a_block_in_every_format(void **state)
{
    (void)state;
    for (int format = PR_ROWS_F32; format <= PR_ROWS_INT8; format++)
        check_rows(write_packed(format), format, same);
}

static void rows_of_a_file_are_written_as_it_has_them(void **state)
{
    (void)state;
    for (int format = PR_ROWS_F32; format <= PR_ROWS_INT8; format++) {
        const pr_dataset *d;
        char              again[512];
        assert_ok(open_unread(write_packed(format), &d));
        const pri_dataset_arrays arrays = arrays_of(d);
        snprintf(again, sizeof again, "%s/again", test_directory());
        assert_ok(pri_dataset_write(again, &arrays, NULL, NULL));
        pr_dataset_close(d);
        check_rows(again, format, same);
    }
}

static void another_order_keeps_the_format(void **state)
{
    const int64_t live = pri_mem_live();

    (void)state;
    for (int format = PR_ROWS_F32; format <= PR_ROWS_INT8; format++) {
        const pr_dataset *d;
        pri_permuted      permuted;
        char              again[512];
        assert_ok(open_unread(write_packed(format), &d));
        snprintf(again, sizeof again, "%s/turned", test_directory());
        assert_ok(pri_dataset_permute(d, turned, NULL, 1, NULL, &permuted));
        assert_ok(pri_dataset_write(again, &permuted.arrays, NULL, NULL));
        pri_permuted_clear(&permuted);
        pr_dataset_close(d);
        check_rows(again, format, turned);
    }
    assert_int_equal(pri_mem_live(), live);
}

/* Who writes rows looks at those that nobody did: what is made can be read. */
static void a_value_that_is_not_finite_leaves_nothing(void **state)
{
    const pr_dataset *d;
    pri_permuted      permuted;
    char              out[512];
    const char       *source = write_packed(PR_ROWS_F16);
    const int         fd     = open(little_path(source, "feat.npy"), O_WRONLY);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "\x00\x7c", 2, PRI_ROWS_AT + 2 * (4 * F + 1)), 2);
    (void)close(fd);
    assert_ok(open_unread(source, &d));
    snprintf(out, sizeof out, "%s/never", test_directory());
    const pri_dataset_arrays arrays = arrays_of(d);
    assert_fails(PR_E_INPUT, "/feat.npy: row 4, column 1 is inf, must be finite",
                 pri_dataset_write(out, &arrays, NULL, NULL));
    assert_ok(pri_dataset_permute(d, turned, NULL, 1, NULL, &permuted));
    assert_fails(PR_E_INPUT, "/feat.npy: row 4, column 1 is inf, must be finite",
                 pri_dataset_write(out, &permuted.arrays, NULL, NULL));
    pri_permuted_clear(&permuted);
    pr_dataset_close(d);
    assert_int_not_equal(access(out, F_OK), 0);
}

/* What large files do; the bytes must be all there. */
static void a_file_that_is_settled_on_the_way_is_whole(void **state)
{
    enum { CHUNK = 5 << 20, NUM = 12 };
    char        path[512];
    char       *chunk = malloc(CHUNK);
    pri_outfile file;

    (void)state;
    assert_non_null(chunk);
    snprintf(path, sizeof path, "%s/large", test_directory());
    assert_ok(pri_outfile_open(&file, path));
    for (int i = 0; i < NUM; i++) {
        memset(chunk, i + 1, CHUNK);
        assert_ok(pri_outfile_write(&file, chunk, CHUNK));
        pri_outfile_settle(&file);
    }
    assert_int_equal(file.begun, 3 * 4 * CHUNK); /* every 16 MiB or a little more: 20 */
    assert_int_equal(file.settled, 2 * 4 * CHUNK);
    assert_ok(pri_outfile_commit(&file));
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    for (int i = 0; i < NUM; i++) {
        assert_int_equal(fread(chunk, 1, CHUNK, in), CHUNK);
        for (int k = 0; k < CHUNK; k += 4096) assert_int_equal(chunk[k], i + 1);
    }
    assert_int_equal(fgetc(in), EOF);
    (void)fclose(in);
    free(chunk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_begin_at_a_block_in_every_format),
        cmocka_unit_test(rows_of_a_file_are_written_as_it_has_them),
        cmocka_unit_test(another_order_keeps_the_format),
        cmocka_unit_test(a_value_that_is_not_finite_leaves_nothing),
        cmocka_unit_test(a_file_that_is_settled_on_the_way_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
