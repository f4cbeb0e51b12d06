/* test_npy.c: .npy files read and written: every type and version, every way to be wrong. */
#include "support/support.h"

#include <sys/stat.h>
#include <unistd.h>

#include "loaders/npy.h"

enum { ROOM = 4096 };

/* Compose a file of `version` with this header text and data; gives its bytes. */
static size_t compose(char *out, int version, const char *header, const void *data, size_t bytes)
{
    const size_t length = strlen(header);
    size_t       at     = 8;

    memcpy(out, "\x93NUMPY", 6);
    out[6]    = (char)version;
    out[7]    = 0;
    out[at++] = (char)(length & 0xff);
    out[at++] = (char)(length >> 8);
    if (version > 1) {
        out[at++] = 0;
        out[at++] = 0;
    }
    memcpy(out + at, header, length);
    if (bytes > 0) memcpy(out + at + length, data, bytes);
    return at + length + bytes;
}

/* Write such a file over the last one; gives its path. */
static const char *file_of(int version, const char *header, const void *data, size_t bytes)
{
    static const char *directory;
    static char        path[512];
    char               text[ROOM];

    if (!directory) directory = test_directory();
    snprintf(path, sizeof path, "%s/a.npy", directory);
    const size_t n    = compose(text, version, header, data, bytes);
    FILE        *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    return path;
}

static const int32_t six[] = { 1, 2, 3, 4, 5, 6 };

static void every_listed_type_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        pr_dtype    dtype;
        size_t      bytes;
    } types[] = {
        { "<i4", PR_I32, 4 }, { "<u4", PR_U32, 4 }, { "<i8", PR_I64, 8 }, { "<u8", PR_U64, 8 },
        { "<f4", PR_F32, 4 }, { "<f8", PR_F64, 8 }, { "|u1", PR_U8, 1 },  { "=i4", PR_I32, 4 },
        { "=f8", PR_F64, 8 }, { "|i4", PR_I32, 4 }, { "<u1", PR_U8, 1 },  { "|i1", PR_I8, 1 },
        { "<u2", PR_U16, 2 }, { "<f2", PR_F16, 2 }, { "=f2", PR_F16, 2 }, { "|b1", PR_BOOL, 1 },
    };
    const unsigned char bytes[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char   header[128];
        pr_npy npy;
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (2,), }",
                 types[i].name);
        assert_ok(pr_npy_open(file_of(1, header, bytes, 2 * types[i].bytes), &npy));
        assert_int_equal(npy.dtype, types[i].dtype);
        assert_int_equal(npy.num_dims, 1);
        assert_int_equal(npy.shape[0], 2);
        assert_int_equal(npy.shape[1], 1);
        assert_int_equal((uintptr_t)npy.data % types[i].bytes, 0);
        assert_memory_equal(npy.data, bytes, 2 * types[i].bytes);
        pr_npy_close(&npy);
    }
}

static void three_versions_any_key_order_and_blanks_are_read(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }          \n",
        "{'shape':(2,3),'descr':'<i4','fortran_order':False}",
        "  { \"fortran_order\" : False ,\n\t'shape' : ( 2 , 3 , ) , 'descr' : \"<i4\" , } \n",
    };
    for (int version = 1; version <= 3; version++)
        for (int i = 0; i < 3; i++) {
            pr_npy npy;
            assert_ok(pr_npy_open(file_of(version, headers[i], six, sizeof six), &npy));
            assert_int_equal(npy.num_dims, 2);
            assert_int_equal(npy.shape[0], 2);
            assert_int_equal(npy.shape[1], 3);
            assert_memory_equal(npy.data, six, sizeof six);
            pr_npy_close(&npy);
        }
}

static void scalars_and_empty_arrays_are_read(void **state)
{
    (void)state;
    pr_npy npy;

    assert_ok(pr_npy_open(
        file_of(1, "{'descr': '<i4', 'fortran_order': False, 'shape': ()}", six, 4), &npy));
    assert_int_equal(npy.num_dims, 0);
    assert_int_equal(*(const int32_t *)npy.data, 1);
    pr_npy_close(&npy);
    assert_ok(pr_npy_open(
        file_of(1, "{'descr': '<i4', 'fortran_order': False, 'shape': (0,)}", six, 0), &npy));
    assert_int_equal(npy.shape[0], 0);
    pr_npy_close(&npy);
    assert_ok(pr_npy_open(
        file_of(1, "{'descr': '<i4', 'fortran_order': False, 'shape': (0, 7)}", six, 0), &npy));
    assert_int_equal(npy.shape[0], 0);
    assert_int_equal(npy.shape[1], 7);
    pr_npy_close(&npy);
}

static void fortran_order_is_read_where_it_means_the_same(void **state)
{
    (void)state;
    pr_npy npy;

    assert_ok(pr_npy_open(
        file_of(1, "{'descr': '<i4', 'fortran_order': True, 'shape': (6,)}", six, 24), &npy));
    pr_npy_close(&npy);
    assert_ok(pr_npy_open(
        file_of(1, "{'descr': '<i4', 'fortran_order': True, 'shape': (1, 6)}", six, 24), &npy));
    pr_npy_close(&npy);
}

static void elements_at_odd_addresses_are_copied_to_even_ones(void **state)
{
    (void)state;
    char header[256] = "{'descr': '<i4', 'fortran_order': False, 'shape': (6,), }";

    for (int pad = 0; pad < 8; pad++) {
        pr_npy        npy;
        const int64_t live = pri_mem_live();
        assert_ok(pr_npy_open(file_of(1, header, six, sizeof six), &npy));
        assert_int_equal((uintptr_t)npy.data % 4, 0);
        assert_memory_equal(npy.data, six, sizeof six);
        pr_npy_close(&npy);
        pr_npy_close(&npy); /* twice is fine */
        assert_int_equal(pri_mem_live(), live);
        strcat(header, " ");
    }
}

static void bytes_behind_the_array_are_ignored(void **state)
{
    (void)state;
    pr_npy npy;

    assert_ok(pr_npy_open(
        file_of(1, "{'descr': '<i4', 'fortran_order': False, 'shape': (5,)}", six, sizeof six),
        &npy));
    assert_int_equal(npy.shape[0], 5);
    pr_npy_close(&npy);
}

static void a_wrong_header_is_refused_with_words(void **state)
{
    (void)state;
    static const struct {
        const char *header, *words;
    } cases[] = {
        { "", "'{' must follow" },
        { "[1]", "byte 0x5b ('[') at 10, '{' must be there" },
        { "{}", "lacks descr fortran_order shape" },
        { "{'descr': '<f4', 'shape': (2,)}", "lacks fortran_order" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", "',' or '}' must follow" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", "the end of the header" },
        { "{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}", "',' or '}'" },
        { "{,'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "a key in quotes" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}", "has the key 'x'" },
        { "{'descr': '<f4', 'descr': '<f4'}", "the key 'descr' twice" },
        { "{'descr' '<f4'}", "':' must be there" },
        { "{'descr': '<f4", "a closing quote must follow" },
        { "{'descr': '<f4\\''}", "a string at byte" },
        { "{'descr': '0123456789012345678901234567890123456789'}", "a string at byte" },
        { "{'descr': '>f4'}", "big endian elements ('>f4'); only little endian" },
        { "{'descr': '<i2'}", "type '<i2'; <i4 <u4 <i8 <u8 <f4 <f8 |u1 |i1 <u2 <f2 |b1 are read" },
        { "{'descr': '|b2'}", "type '|b2'" },
        { "{'descr': '<c8'}", "type '<c8'" },
        { "{'descr': '|O'}", "type '|O'" },
        { "{'descr': 'i4'}", "type 'i4'" },
        { "{'descr': ''}", "type ''" },
        { "{'descr': [('a', '<f4')]}", "structured elements" },
        { "{'descr': 4}", "a type in quotes must be there" },
        { "{'fortran_order': Maybe}", "True or False must be there" },
        { "{'fortran_order': T", "True or False must be there" },
        { "{'shape': 3}", "'(' must be there" },
        { "{'shape': (3)}", "a tuple, such as (3,)" },
        { "{'shape': (,)}", "a length or ')'" },
        { "{'shape': (3,,)}", "a length or ')'" },
        { "{'shape': (3 4)}", "',' or ')'" },
        { "{'shape': (-3,)}", "a length or ')'" },
        { "{'shape': (3.5,)}", "',' or ')'" },
        { "{'shape': (1, 2, 3)}", "more than 2 dimensions" },
        { "{'shape': (99999999999999999999,)}", "does not fit in 64 bits" },
        { "{'shape': (3,", "a length or ')' must follow" },
        { "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}",
          "shape (2, 3) in Fortran order; only C order is read" },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904,)}",
          "shape (4611686018427387904,) of <f8 is larger than any file" },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
          "larger than any file" },
        { "{'descr': '|u1', 'fortran_order': False, 'shape': (9223372036854775807,)}",
          "larger than any file" },
        { "{'descr': '|u1', 'fortran_order': False, 'shape': (9223372036854000000,)}",
          "its header wants 922337203685400" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pr_npy npy;
        assert_fails(PR_E_INPUT, cases[i].words,
                     pr_npy_open(file_of(1, cases[i].header, six, sizeof six), &npy));
        assert_null(npy.data);
        assert_non_null(strstr(pr_error_message(), "a.npy: "));
    }
}

static void a_wrong_prefix_is_refused_with_words(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t      n;
        const char *words;
    } cases[] = {
        { "", 0, "has 0 bytes, a .npy file has at least 10" },
        { "\x93NUMPY\x01\x00\x02", 9, "has 9 bytes" },
        { "PK\x03\x04zipfile", 11, "is not a .npy file, its first bytes are 50 4b 03 04 7a 69" },
        { "\x93NUMPY\x00\x00\x02\x00{}", 12, "version 0.0; 1.0, 2.0 and 3.0 are read" },
        { "\x93NUMPY\x04\x00\x02\x00{}", 12, "version 4.0" },
        { "\x93NUMPY\x01\x01\x02\x00{}", 12, "version 1.1" },
        { "\x93NUMPY\x02\x00\x02\x00\x00", 11, "version 2 has at least 12" },
        { "\x93NUMPY\x02\x00\xff\xff\xff\xff{}", 14, "has 4294967295 bytes, at most 65536" },
        { "\x93NUMPY\x02\x00\x01\x00\x01\x00{}", 14, "has 65537 bytes, at most 65536" },
        { "\x93NUMPY\x01\x00\xff\xff{}", 12, "has 12 bytes, its .npy header alone wants 65545" },
    };
    const char *directory = test_directory();

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pr_npy      npy;
        const char *path = test_file(directory, "b.npy", cases[i].bytes, cases[i].n);
        assert_fails(PR_E_INPUT, cases[i].words, pr_npy_open(path, &npy));
    }
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    static const char header[] = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }\n";
    char              whole[ROOM];
    const size_t      n    = compose(whole, 1, header, six, sizeof six);
    const char       *path = test_file(test_directory(), "cut.npy", whole, n);
    pr_npy            npy;

    assert_ok(pr_npy_open(path, &npy));
    pr_npy_close(&npy);
    for (size_t cut = n; cut-- > 0;) {
        assert_int_equal(truncate(path, (off_t)cut), 0);
        assert_fails(PR_E_INPUT, "cut.npy: ", pr_npy_open(path, &npy));
        if (cut == n - 1)
            assert_non_null(strstr(pr_error_message(),
                                   "has 93 bytes, its header wants 94 (shape (2, 3) of <i4)"));
    }
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    const char *directory = test_directory();
    char        path[512];
    pr_npy      npy;

    assert_fails(PR_E_INPUT, "no/such.npy: cannot be read: No such file",
                 pr_npy_open("/no/such.npy", &npy));
    assert_fails(PR_E_INPUT, "is not a regular file", pr_npy_open(directory, &npy));
    assert_fails(PR_E_ARG, "is empty", pr_npy_open("", &npy));
    assert_fails(PR_E_ARG, "out is NULL", pr_npy_open("x", NULL));
    snprintf(path, sizeof path, "%s/pipe", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_fails(PR_E_INPUT, "is not a regular file", pr_npy_open(path, &npy)); /* no waiting */
    pr_npy_close(NULL);
}

static void an_unreadable_file_is_refused(void **state)
{
    (void)state;
    if (geteuid() == 0) {
        printf("skipped: root reads everything\n");
        skip();
    }
    const char *path = test_file(test_directory(), "secret.npy", "x", 1);
    pr_npy      npy;
    assert_int_equal(chmod(path, 0), 0);
    assert_fails(PR_E_INPUT, "Permission denied", pr_npy_open(path, &npy));
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    const char  *directory = test_directory();
    const double values[]  = { 1.5, -2.5, 3.25, 1e300, 0, 6 };
    char         path[512];

    snprintf(path, sizeof path, "%s/w.npy", directory);
    for (uint32_t num_dims = 0; num_dims <= 2; num_dims++)
        for (int dtype = PR_I32; dtype <= PR_BOOL; dtype++)
            for (uint64_t rows = 0; rows <= 2; rows++) {
                const uint64_t shape[] = { rows, 3 };
                const uint64_t count   = num_dims == 0 ? 1 : num_dims == 1 ? rows : rows * 3;
                pr_npy         npy;
                assert_ok(pr_npy_write(path, (pr_dtype)dtype, num_dims, shape, values));
                assert_ok(pr_npy_open(path, &npy));
                assert_int_equal(npy.dtype, dtype);
                assert_int_equal(npy.num_dims, num_dims);
                assert_int_equal(npy.shape[0] * npy.shape[1], count);
                assert_memory_equal(npy.data, values, count * pri_dtype_bytes((pr_dtype)dtype));
                assert_int_equal((uintptr_t)npy.data % 64, 0);
                pr_npy_close(&npy);
            }
}

/* The label files of the real sets were written by numpy itself. */
static void written_bytes_are_those_of_numpy(void **state)
{
    (void)state;
    static const char *const names[] = { "label.npy", "edge_index.npy", "feat_data.npy" };
    const char              *set     = test_data("cora");
    if (!set) skip();
    const char *directory = test_directory();

    for (int i = 0; i < 3; i++) {
        char   theirs[512], ours[512];
        char  *a = NULL, *b = NULL;
        size_t n, m;
        pr_npy npy;
        snprintf(theirs, sizeof theirs, "%s/%s", set, names[i]);
        snprintf(ours, sizeof ours, "%s/ours.npy", directory);
        assert_ok(pr_npy_open(theirs, &npy));
        assert_ok(pr_npy_write(ours, npy.dtype, npy.num_dims, npy.shape, npy.data));
        pr_npy_close(&npy);
        assert_ok(pri_file_read(theirs, 1 << 24, &a, &n));
        assert_ok(pri_file_read(ours, 1 << 24, &b, &m));
        assert_int_equal(n, m);
        assert_memory_equal(a, b, n);
        pri_free(a);
        pri_free(b);
    }
}

static void a_failed_write_leaves_the_old_file_and_nothing_else(void **state)
{
    (void)state;
    const char    *directory = test_directory();
    const char    *path      = test_file(directory, "kept", "old", 3);
    const uint64_t shape[] = { 1, 2, 3 }, huge[] = { UINT64_MAX, 2 };
    char          *text;
    size_t         n;

    assert_fails(PR_E_ARG, "3 dimensions, must be 0..2", pr_npy_write(path, PR_I32, 3, shape, six));
    assert_fails(PR_E_ARG, "type is 11", pr_npy_write(path, (pr_dtype)11, 1, shape, six));
    assert_fails(PR_E_ARG, "data is NULL", pr_npy_write(path, PR_I32, 1, shape, NULL));
    assert_fails(PR_E_ARG, "shape is NULL", pr_npy_write(path, PR_I32, 1, NULL, six));
    assert_fails(PR_E_ARG, "address space", pr_npy_write(path, PR_I32, 2, huge, six));
    assert_fails(PR_E_ARG, "is empty", pr_npy_write("", PR_I32, 1, shape, six));
    assert_fails(PR_E_IO, "/no/such/dir.npy: cannot be written",
                 pr_npy_write("/no/such/dir.npy", PR_I32, 1, shape, six));
    assert_ok(pri_file_read(path, 100, &text, &n));
    assert_string_equal(text, "old");
    pri_free(text);
    assert_ok(pr_npy_write(path, PR_I32, 1, shape, six)); /* over the old one */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory), 0); /* nothing else is in it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_listed_type_is_read),
        cmocka_unit_test(three_versions_any_key_order_and_blanks_are_read),
        cmocka_unit_test(scalars_and_empty_arrays_are_read),
        cmocka_unit_test(fortran_order_is_read_where_it_means_the_same),
        cmocka_unit_test(elements_at_odd_addresses_are_copied_to_even_ones),
        cmocka_unit_test(bytes_behind_the_array_are_ignored),
        cmocka_unit_test(a_wrong_header_is_refused_with_words),
        cmocka_unit_test(a_wrong_prefix_is_refused_with_words),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(an_unreadable_file_is_refused),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(written_bytes_are_those_of_numpy),
        cmocka_unit_test(a_failed_write_leaves_the_old_file_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
