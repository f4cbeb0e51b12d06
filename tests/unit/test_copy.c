/* test_copy.c: every copy kernel of cache/copy.h against memcpy: row sizes, strides and alignments
 * of the source, prefetch distances and ranges. Nothing outside the target rows is written, and
 * nothing behind the last source row is read: a page that must not be touched begins there. */
#include "support/support.h"

#include <sys/mman.h>
#include <unistd.h>

#include "cache/copy.h"

enum { ROWS = 24, SLOTS = 31, LINE = 64, GUARD = 0xa5, MAX_ROW = 8192 + 512 };

typedef struct room {
    char  *from_end;  /* source rows end here, before a page that cannot be read */
    char  *from_base; /* what was mapped */
    char  *to;        /* 64-byte aligned, with a guarded line before and behind the slots */
    char  *want;
    size_t from_bytes, to_bytes;
} room;

static void open_room(room *x)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);

    x->from_bytes = (ROWS * (size_t)MAX_ROW + page) / page * page;
    x->to_bytes   = (SLOTS * (size_t)MAX_ROW) + 2 * LINE;
    x->from_base  = mmap(NULL, x->from_bytes + page, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(x->from_base != MAP_FAILED);
    x->from_end = x->from_base + x->from_bytes;
    assert_int_equal(mprotect(x->from_end, page, PROT_NONE), 0);
    x->to   = aligned_alloc(LINE, x->to_bytes);
    x->want = aligned_alloc(LINE, x->to_bytes);
    assert_true(x->to && x->want);
}

static void close_room(room *x)
{
    munmap(x->from_base, x->from_bytes + (size_t)sysconf(_SC_PAGESIZE));
    free(x->to), free(x->want);
}

typedef struct copy_case {
    size_t row_bytes, gap; /* of the source, between rows */
    size_t extra_lines;    /* of a target row, beyond its last */
    size_t n, ahead, cut;  /* copied as [0, cut) and [cut, n) */
    int    prefetch_to;
    size_t shift; /* bytes the source ends before the page */
} copy_case;

/* Distinct slots and any rows. */
static void draw_writes(pri_write *write, size_t n, test_rng *rng)
{
    uint32_t slots[SLOTS];

    for (uint32_t s = 0; s < SLOTS; s++) slots[s] = s;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t j = i + test_below(rng, SLOTS - i), slot = slots[j];
        slots[j] = slots[i];
        write[i] = (pri_write){ .id = test_below(rng, ROWS), .to = slot };
    }
    if (n > 0) write[n - 1].id = ROWS - 1; /* the row before the page */
}

/* Every byte of the room: rows copied, the rest of their last line copied or zero, all else as it
 * was. */
static void check_room(const room *x, const pri_copy *c)
{
    const size_t lines = (c->row_bytes + LINE - 1) / LINE * LINE;

    memset(x->want, GUARD, x->to_bytes);
    for (size_t i = 0; i < c->n; i++) {
        const size_t at  = LINE + c->write[i].to * c->to_bytes;
        char        *got = x->to + at;
        memcpy(x->want + at, c->from + c->write[i].id * c->from_bytes, c->row_bytes);
        for (size_t k = c->row_bytes; k < lines; k++)
            if (got[k] == 0) x->want[at + k] = 0;
    }
    if (memcmp(x->to, x->want, x->to_bytes) == 0) return;
    size_t at = 0;
    while (x->to[at] == x->want[at]) at++;
    fail_msg("rows of %zu bytes, %zu apart, ahead %zu: byte %td is %02x, not %02x", c->row_bytes,
             c->from_bytes, c->ahead, (ptrdiff_t)at - LINE, (unsigned char)x->to[at],
             (unsigned char)x->want[at]);
}

static void copy_and_check(room *x, int isa, pri_stores stores, const copy_case *given,
                           test_rng *rng)
{
    pri_write           write[SLOTS];
    const pri_copy_rows copy_rows  = pri_copy_of(isa, stores, given->prefetch_to);
    const size_t        from_bytes = given->row_bytes + given->gap;
    const size_t        used       = (ROWS - 1) * from_bytes + given->row_bytes;
    const pri_copy      c          = {
                      .from       = x->from_end - given->shift - used,
                      .from_bytes = from_bytes,
                      .to         = x->to + LINE,
                      .to_bytes   = ((given->row_bytes + LINE - 1) / LINE + given->extra_lines) * LINE,
                      .row_bytes  = given->row_bytes,
                      .write      = write,
                      .n          = given->n,
                      .ahead      = given->ahead,
    };

    assert_true(2 * LINE + SLOTS * c.to_bytes <= x->to_bytes && c.from >= x->from_base);
    draw_writes(write, given->n, rng);
    memset(x->to, GUARD, x->to_bytes);
    copy_rows(&c, 0, given->cut);
    copy_rows(&c, given->cut, given->n);
    pri_copy_fence(stores);
    check_room(x, &c);
}

static void every_kernel_copies_what_memcpy_copies(void **state)
{
    (void)state;
    static const size_t sizes[] = {
        4,   8,   12,   60,   64,   68,   124,  128,  132,  252,  256,
        400, 512, 1000, 1024, 2044, 2048, 4092, 4096, 5000, 8188, 8192
    };
    static const size_t gaps[] = { 0, 4, 28, 60, 64 };
    test_rng            rng    = { .key = test_seed() };
    room                x;
    int                 num_isas = 0;

    open_room(&x);
    for (uint32_t i = 0; i < ROWS * MAX_ROW / 4; i++) { /* never zero, never the guard */
        const uint32_t word = test_random(&rng) | 0x01010101u;
        memcpy(x.from_base + i * sizeof word, &word, sizeof word);
    }
    for (int isa = PR_ISA_PORTABLE; isa < PRI_NUM_ISAS; isa++) {
        if (pri_isa_at_most(isa) != isa) continue;
        num_isas++;
        for (int stores = 0; stores < PRI_NUM_STORES; stores++)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
                for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++) {
                    const size_t    n     = test_below(&rng, ROWS + 1);
                    const copy_case given = {
                        .row_bytes   = sizes[s],
                        .gap         = gaps[g],
                        .extra_lines = test_below(&rng, 3),
                        .n           = n,
                        .ahead       = g == 0   ? 0
                                       : g == 1 ? 1000
                                                : test_below(&rng, 20),
                        .cut         = test_below(&rng, (uint32_t)n + 1),
                        .shift       = g < 2 ? 0 : 4 * test_below(&rng, 16),
                        .prefetch_to = 1 + (int)test_below(&rng, 2),
                    };
                    copy_and_check(&x, isa, (pri_stores)stores, &given, &rng);
                }
    }
    printf("%d instruction sets on this host\n", num_isas);
    close_room(&x);
}

/* Every number of floats up to four lines, at every alignment of the source. */
static void every_small_row_at_every_alignment(void **state)
{
    (void)state;
    test_rng rng = { .key = test_seed() };
    room     x;

    open_room(&x);
    for (size_t i = 0; i < x.from_bytes; i++) x.from_base[i] = (char)(1 + i % 100);
    x.to_bytes = (SLOTS * 5 + 2) * (size_t)LINE; /* what small rows use */
    for (int isa = PR_ISA_PORTABLE; isa < PRI_NUM_ISAS; isa++) {
        if (pri_isa_at_most(isa) != isa) continue;
        for (int stores = 0; stores < PRI_NUM_STORES; stores++)
            for (size_t bytes = 4; bytes <= 256; bytes += 4)
                for (size_t shift = 0; shift < LINE; shift += 4) {
                    const copy_case given = {
                        .row_bytes   = bytes,
                        .n           = 5,
                        .ahead       = 2,
                        .cut         = 3,
                        .shift       = shift,
                        .prefetch_to = 1 + (int)(bytes / 4 % 2),
                    };
                    copy_and_check(&x, isa, (pri_stores)stores, &given, &rng);
                }
    }
    close_room(&x);
}

static void no_row_at_all_is_no_copy(void **state)
{
    (void)state;
    for (int stores = 0; stores < PRI_NUM_STORES; stores++) {
        const pri_copy none = { .row_bytes = 64 };
        pri_copy_of(PR_ISA_PORTABLE, (pri_stores)stores, 2)(&none, 0, 0);
        assert_non_null(pri_stores_name((pri_stores)stores));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_copies_what_memcpy_copies),
        cmocka_unit_test(every_small_row_at_every_alignment),
        cmocka_unit_test(no_row_at_all_is_no_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
