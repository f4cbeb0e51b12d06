/* test_unpack.c: gzip and zstd archives as text: whole ones in every shape, and none that is cut,
 * damaged, packed twice or larger than memory. */
#include "support/support.h"

#include <zlib.h>
#include <zstd.h>

#include "loaders/edges.h"

enum { ROOM = 4 << 20 };

static const unsigned char skippable[] = { 0x53, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4 };

typedef struct bytes {
    unsigned char *at;
    size_t         n;
} bytes;

static void add_gzip(bytes *to, const void *text, size_t n)
{
    z_stream z = { .next_in = (unsigned char *)(uintptr_t)text, .avail_in = (unsigned)n };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out  = to->at + to->n;
    z.avail_out = (unsigned)(ROOM - to->n);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    to->n = ROOM - z.avail_out;
    deflateEnd(&z);
}

static void add_zstd(bytes *to, const void *text, size_t n)
{
    const size_t took = ZSTD_compress(to->at + to->n, ROOM - to->n, text, n, 3);
    assert_false(ZSTD_isError(took));
    to->n += took;
}

static void add_bytes(bytes *to, const void *from, size_t n)
{
    memcpy(to->at + to->n, from, n);
    to->n += n;
}

/* Unpack in pieces of `piece`; gives how many bytes, which are in `out`. */
static pr_status unpack(const bytes *from, size_t piece, char *out, size_t room, size_t *num)
{
    pri_unpack u;
    size_t     got;
    pr_status  st;

    *num = 0;
    assert_ok(pri_unpack_memory(&u, "archive", from->at, from->n));
    while ((st = pri_unpack_read(&u, out + *num, piece < room - *num ? piece : room - *num,
                                 &got)) == PR_OK &&
           got > 0)
        *num += got;
    pri_unpack_close(&u);
    return st;
}

static void expect_text(const bytes *from, const char *want)
{
    char   out[256];
    size_t n;

    for (size_t piece = 1; piece < 40; piece += 6) {
        assert_ok(unpack(from, piece, out, sizeof out, &n));
        assert_int_equal(n, strlen(want));
        assert_memory_equal(out, want, n);
    }
}

static void archives_in_every_shape_are_text(void **state)
{
    (void)state;
    bytes b = { malloc(ROOM), 0 };
    assert_non_null(b.at);

    add_bytes(&b, "0 1\n", 4);
    expect_text(&b, "0 1\n");
    b.n = 0;
    expect_text(&b, "");
    add_gzip(&b, "0 1\n", 4);
    expect_text(&b, "0 1\n");
    add_gzip(&b, "", 0);
    add_gzip(&b, "2 3\n", 4);
    expect_text(&b, "0 1\n2 3\n");
    add_bytes(&b, "\0\0\0", 3); /* what fills a block of a tape */
    expect_text(&b, "0 1\n2 3\n");
    b.n = 0;
    add_zstd(&b, "0 1\n", 4);
    expect_text(&b, "0 1\n");
    add_bytes(&b, skippable, sizeof skippable);
    add_zstd(&b, "", 0);
    add_zstd(&b, "2 3\n", 4);
    expect_text(&b, "0 1\n2 3\n");
    b.n = 0;
    add_bytes(&b, skippable, sizeof skippable);
    expect_text(&b, "");
    add_zstd(&b, "4 5\n", 4);
    expect_text(&b, "4 5\n");
    free(b.at);
}

/* Wherever it is cut but between two members, it is said so. */
static void cut_archives_are_refused(void **state)
{
    (void)state;
    bytes  b = { malloc(ROOM), 0 };
    char   out[256];
    size_t n, first;
    assert_non_null(b.at);

    for (int zstd = 0; zstd < 2; zstd++) {
        b.n = 0;
        for (int i = 0; i < 2; i++) {
            if (zstd)
                add_zstd(&b, "10 11\n12 13\n10 11\n", 18);
            else
                add_gzip(&b, "10 11\n12 13\n10 11\n", 18);
            if (i == 0) first = b.n;
        }
        for (size_t cut = 5; cut < b.n; cut++) {
            const bytes part = { b.at, cut };
            if (cut == first) {
                assert_ok(unpack(&part, 64, out, sizeof out, &n));
            } else {
                char words[96];
                snprintf(words, sizeof words, "archive: is cut off at byte %zu of the archive",
                         cut);
                assert_fails(PR_E_INPUT, words, unpack(&part, 64, out, sizeof out, &n));
            }
            assert_int_equal(n % 18 == 0 || cut != first, 1);
        }
    }
    free(b.at);
}

static void damaged_archives_are_refused(void **state)
{
    (void)state;
    bytes  b = { malloc(ROOM), 0 };
    char   out[256];
    size_t n;
    assert_non_null(b.at);

    add_gzip(&b, "10 11\n12 13\n10 11\n", 18);
    for (size_t i = 2; i < b.n; i++) {
        if (i >= 4 && i < 10) continue; /* time and system do not matter */
        b.at[i] ^= 0x55;
        assert_fails(PR_E_INPUT, "archive: is ", unpack(&b, 64, out, sizeof out, &n));
        b.at[i] ^= 0x55;
    }
    add_bytes(&b, "more", 4);
    assert_fails(PR_E_INPUT, "archive: something that is not gzip stands at byte",
                 unpack(&b, 64, out, sizeof out, &n));
    b.n = 0;
    add_zstd(&b, "10 11\n12 13\n10 11\n", 18);
    for (size_t i = 4; i < b.n; i++)
        for (int bit = 0; bit < 8; bit++) { /* it has no checksum: other text, or refused */
            b.at[i] ^= (unsigned char)(1 << bit);
            const pr_status st = unpack(&b, 64, out, sizeof out, &n);
            assert_true(st == PR_OK || st == PR_E_INPUT);
            b.at[i] ^= (unsigned char)(1 << bit);
        }
    add_bytes(&b, "more", 4);
    assert_fails(PR_E_INPUT, "is damaged (Unknown frame descriptor)",
                 unpack(&b, 64, out, sizeof out, &n));
    free(b.at);
}

static pr_status read_edges(const bytes *b, pri_edges *e)
{
    assert_ok(pri_edges_memory(e, "edges.gz", b->at, b->n, &(pri_edge_rules){ 0 }));
    return pri_edges_next(e);
}

static void what_is_packed_twice_or_by_others_is_named(void **state)
{
    (void)state;
    bytes     once = { malloc(ROOM), 0 }, twice = { malloc(ROOM), 0 };
    pri_edges e;
    assert_true(once.at && twice.at);

    add_gzip(&once, "0 1\n", 4);
    add_gzip(&twice, once.at, once.n);
    assert_fails(PR_E_INPUT, "edges.gz: holds another archive (gzip)", read_edges(&twice, &e));
    pri_edges_close(&e);
    twice.n = 0;
    add_zstd(&twice, once.at, once.n);
    assert_fails(PR_E_INPUT, "edges.gz: holds another archive (gzip)", read_edges(&twice, &e));
    pri_edges_close(&e);
    once.n = 0;
    add_bytes(&once,
              "\xfd"
              "7zXZ\0...",
              9);
    assert_fails(PR_E_INPUT, "edges.gz: is packed with xz, must be text", read_edges(&once, &e));
    pri_edges_close(&e);
    free(once.at);
    free(twice.at);
}

/* Lines count in the text, and a line of an archive is named like another. */
static void a_line_of_an_archive_is_named(void **state)
{
    (void)state;
    bytes     b = { malloc(ROOM), 0 };
    pri_edges e;
    assert_non_null(b.at);

    add_zstd(&b, "# one\n0 1\n", 10);
    add_zstd(&b, "2 x\n", 4);
    assert_fails(PR_E_INPUT, "edges.gz: line 3: found '2 x'", read_edges(&b, &e));
    pri_edges_close(&e);
    free(b.at);
}

/* 256 MiB of one line in a few KiB: refused at its first MiB. */
static void a_bomb_takes_no_memory(void **state)
{
    (void)state;
    enum { LINE = 1 << 20, TIMES = 256 };
    bytes     b    = { malloc(ROOM), 0 };
    char     *line = malloc(LINE);
    pri_edges e;
    assert_true(b.at && line);

    memset(line, '1', LINE);
    for (int i = 0; i < TIMES; i++) add_zstd(&b, line, LINE);
    assert_true(b.n < 64 << 10);
    assert_fails(PR_E_INPUT, "edges.gz: line 1 has more than 1048576 bytes", read_edges(&b, &e));
    assert_true(pri_edges_bytes(&e) < 16 << 20);
    pri_edges_close(&e);
    free(b.at);
    free(line);
}

/* A frame that looks back further than there is memory for is refused, not given the memory. */
static void a_large_window_is_refused_where_memory_is_small(void **state)
{
    (void)state;
    enum { TEXT = 1 << 20 };
    bytes      b    = { malloc(ROOM), 0 };
    char      *text = malloc(TEXT), out[4096];
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    pri_unpack u;
    size_t     got;
    assert_true(b.at && text && zstd);

    for (int i = 0; i < TEXT; i++) text[i] = (char)('0' + i % 4093 % 7);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, 24);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0);
    ZSTD_inBuffer  in = { text, TEXT, 0 };
    ZSTD_outBuffer to = { b.at, ROOM, 0 };
    assert_int_equal(ZSTD_compressStream2(zstd, &to, &in, ZSTD_e_flush) > 1, 0);
    assert_int_equal(ZSTD_compressStream2(zstd, &to, &in, ZSTD_e_end), 0);
    b.n = to.pos;
    for (int small = 0; small < 2; small++) {
        assert_ok(pri_unpack_memory(&u, "archive", b.at, b.n));
        if (small) pri_unpack_set_window(&u, 4 << 20);
        const pr_status st = pri_unpack_read(&u, out, sizeof out, &got);
        if (small)
            assert_fails(PR_E_INPUT,
                         "at byte 0 of the archive begins what looks back 16777216 bytes, must be "
                         "at most 4194304",
                         st);
        else
            assert_ok(st);
        assert_true(pri_unpack_bytes(&u) < (small ? 4u : 20u) << 20);
        pri_unpack_close(&u);
    }
    ZSTD_freeCCtx(zstd);
    free(b.at);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archives_in_every_shape_are_text),
        cmocka_unit_test(cut_archives_are_refused),
        cmocka_unit_test(damaged_archives_are_refused),
        cmocka_unit_test(what_is_packed_twice_or_by_others_is_named),
        cmocka_unit_test(a_line_of_an_archive_is_named),
        cmocka_unit_test(a_bomb_takes_no_memory),
        cmocka_unit_test(a_large_window_is_refused_where_memory_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
