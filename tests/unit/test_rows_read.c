/* test_rows_read.c: rows in order from memory and from a file, in every format, against what was
 * written; and what is wrong with a file is named. */
#include "support/support.h"

#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "loaders/row_format.h"

enum { FIRST_BYTE = 20, MOST_BYTES = 1 << 20 };

/* A file of rows, and what they are in f32. */
typedef struct bench {
    pr_row_file file;
    pr_features features;
    float      *want, *scale;
    char       *bytes;
} bench;

static void bench_open(bench *b, int format, pr_vid rows, uint32_t cols, const char *name)
{
    test_rng     rng       = { .key = test_seed() };
    const size_t row_bytes = pri_row_bytes(format, cols), all = FIRST_BYTE + rows * row_bytes;

    *b        = (bench){ 0 };
    b->want   = calloc((size_t)rows * cols, sizeof *b->want);
    b->scale  = calloc(rows, sizeof *b->scale);
    b->bytes  = calloc(all, 1);
    float *to = b->want;
    assert_true(b->want && b->scale && b->bytes && all <= MOST_BYTES);
    for (pr_vid v = 0; v < rows; v++, to += cols) {
        char *row = b->bytes + FIRST_BYTE + v * row_bytes;
        for (uint32_t c = 0; c < cols; c++) to[c] = (float)test_below(&rng, 1000) / 7 - 70;
        assert_true(pri_row_encode(format, to, cols, row, &b->scale[v]));
        pri_row_decode(format, row, b->scale[v], cols, to);
    }
    const char *path = test_file(test_directory(), name, b->bytes, all);
    b->file          = (pr_row_file){ .path       = path,
                                      .fd         = open(path, O_RDONLY),
                                      .format     = format,
                                      .first_byte = FIRST_BYTE,
                                      .row_bytes  = row_bytes,
                                      .file_bytes = all,
                                      .scale      = format == PR_ROWS_INT8 ? b->scale : NULL };
    b->features      = (pr_features){
             .kind = PR_FEATURES_DENSE, .num_rows = rows, .num_cols = cols, .ld = cols, .file = &b->file
    };
    assert_true(b->file.fd >= 0);
}

static void bench_close(bench *b)
{
    (void)close(b->file.fd);
    free(b->want);
    free(b->scale);
    free(b->bytes);
}

static void check_range(const bench *b, pr_vid first, uint32_t n, size_t ld)
{
    const uint32_t cols = b->features.num_cols;
    float         *got  = calloc(n * ld + 1, sizeof *got);

    assert_non_null(got);
    for (size_t i = 0; i <= n * ld; i++) got[i] = -777;
    assert_ok(pri_rows_read(&b->features, first, n, got, ld));
    for (size_t v = 0; v < n; v++) {
        assert_memory_equal(got + v * ld, b->want + (first + v) * cols, cols * sizeof *got);
        for (size_t c = cols; c < ld; c++) assert_true(got[v * ld + c] == -777);
    }
    assert_true(got[n * ld] == -777);
    free(got);
}

static void ranges_of_rows_come_as_they_were_written_in_every_format(void **state)
{
    (void)state;
    for (int format = PR_ROWS_F32; format <= PR_ROWS_INT8; format++)
        for (int checked = 0; checked < 2; checked++) {
            bench b;
            bench_open(&b, format, 2500, 67, "rows"); /* a row straddles the end of the buffer */
            b.file.checked = checked;
            check_range(&b, 0, 2500, 67);
            check_range(&b, 0, 2500, 80);
            check_range(&b, 1201, 999, 70);
            check_range(&b, 2499, 1, 67);
            check_range(&b, 7, 0, 67);
            bench_close(&b);
        }
}

static void rows_longer_than_the_buffer_are_put_together(void **state)
{
    (void)state;
    for (int format = PR_ROWS_F32; format <= PR_ROWS_INT8; format++) {
        bench b;
        bench_open(&b, format, 3, 70001, "long");
        check_range(&b, 0, 3, 70001);
        check_range(&b, 1, 2, 70016);
        bench_close(&b);
    }
}

static void rows_without_a_file_come_from_memory(void **state)
{
    bench b;

    (void)state;
    bench_open(&b, PR_ROWS_F32, 20, 5, "unused");
    b.features.file = NULL;
    b.features.rows = b.want;
    check_range(&b, 3, 15, 8);
    bench_close(&b);
}

static void a_value_that_is_not_finite_is_named_where_nobody_looked_before(void **state)
{
    const uint32_t odd[]  = { 0x7fc00000u, 0x7f80u, 0xfc00u };
    const char    *said[] = { "row 1203, column 66 is nan, must be finite",
                              "row 1203, column 66 is inf, must be finite",
                              "row 1203, column 66 is -inf, must be finite" };
    float         *got    = calloc(2500 * 67, sizeof *got);

    (void)state;
    assert_non_null(got);
    for (int format = PR_ROWS_F32; format <= PR_ROWS_F16; format++) {
        bench        b;
        const size_t size = pri_row_bytes(format, 1);
        bench_open(&b, format, 2500, 67, "odd");
        const int fd = open(b.file.path, O_WRONLY);
        assert_true(fd >= 0);
        assert_int_equal(
            pwrite(fd, &odd[format], size, (off_t)(FIRST_BYTE + (1203 * 67 + 66) * size)), size);
        (void)close(fd);
        assert_fails(PR_E_INPUT, said[format], pri_rows_read(&b.features, 0, 2500, got, 67));
        assert_fails(PR_E_INPUT, b.file.path, pri_rows_read(&b.features, 1203, 1, got, 67));
        assert_ok(pri_rows_read(&b.features, 1204, 1000, got, 67));
        b.file.checked = true;
        assert_ok(pri_rows_read(&b.features, 0, 2500, got, 67));
        bench_close(&b);
    }
    free(got);
}

static void a_file_that_shrank_is_named_with_the_place_where_it_ends(void **state)
{
    bench b;
    float got[10 * 8];

    (void)state;
    bench_open(&b, PR_ROWS_F32, 10, 8, "shrunk");
    assert_int_equal(truncate(b.file.path, 100), 0);
    assert_fails(PR_E_IO, "shrunk: ends at byte 100, had 340 bytes when it was opened",
                 pri_rows_read(&b.features, 0, 10, got, 8));
    assert_ok(pri_rows_read(&b.features, 0, 2, got, 8));
    const int fd = b.file.fd;
    b.file.fd    = -1;
    assert_fails(PR_E_IO, "shrunk: cannot be read at byte 20",
                 pri_rows_read(&b.features, 0, 1, got, 8));
    b.file.fd = fd;
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_of_rows_come_as_they_were_written_in_every_format),
        cmocka_unit_test(rows_longer_than_the_buffer_are_put_together),
        cmocka_unit_test(rows_without_a_file_come_from_memory),
        cmocka_unit_test(a_value_that_is_not_finite_is_named_where_nobody_looked_before),
        cmocka_unit_test(a_file_that_shrank_is_named_with_the_place_where_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
