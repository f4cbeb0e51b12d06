/* test_row_reader.c: cache/row_reader.c with both engines, past and through the page cache: every
 * row arrives, whatever the kernel says to a read (pri_read_outcome below stands in for it), or the
 * error names the first that cannot. Nothing may wait for ever: an alarm ends the program. */
#include "support/row_file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cache/row_reader.h"

enum { SECONDS = 120 };

/* What is done to reads. Changed only while no reader is open. */
typedef enum fault { FINE, FAIL, SHORT, TOO_LONG, SLOW } fault;

static struct faults {
    fault            kind;
    uint64_t         every;       /* reads from one that is hit to the next; 0: none is */
    uint64_t         first;       /* the first that is hit */
    int64_t          amount;      /* FAIL: errno; SHORT: bytes left of it; TOO_LONG: more */
    uint64_t         from, to;    /* only reads that begin here */
    _Atomic uint64_t reads, hits; /* so far */
    _Atomic uint64_t hit;         /* offset of the last one */
    uint64_t         log[256];    /* offsets of the first reads; of one engine thread */
} faults;

static void no_faults(void)
{
    faults.kind  = FINE;
    faults.every = 0;
    faults.first = 0;
    faults.from  = 0;
    faults.to    = UINT64_MAX;
    atomic_store(&faults.reads, 0);
    atomic_store(&faults.hits, 0);
}

int64_t pri_read_outcome(uint64_t nth, uint64_t offset, size_t bytes, int64_t result)
{
    (void)nth;
    if (offset < faults.from || offset >= faults.to) return result;
    const uint64_t n = atomic_fetch_add(&faults.reads, 1);
    if (n < sizeof faults.log / sizeof *faults.log) faults.log[n] = offset;
    if (!faults.every || n < faults.first || (n - faults.first) % faults.every) return result;
    atomic_fetch_add(&faults.hits, 1);
    faults.hit = offset;
    switch (faults.kind) {
    case FAIL: return -faults.amount;
    case SHORT: return result > faults.amount ? faults.amount : result;
    case TOO_LONG: return (int64_t)bytes + faults.amount;
    case SLOW: (void)usleep(2000); return result;
    case FINE: break;
    }
    return result;
}

/* A file, a reader of it, and slots. */
typedef struct rig {
    pr_row_file     file;
    pr_io_options   io;
    pri_row_reader *reader;
    pr_vid          num_rows;
    uint32_t        num_cols;
    size_t          slot_bytes, num_slots;
    char           *slots;
    pri_write      *write;
    pr_fetch_cost   cost;
} rig;

typedef struct way {
    int      engine;
    bool     direct;
    uint32_t depth;
} way;

static const way ways[] = {
    { PR_IO_URING, true, 16 },
    { PR_IO_URING, false, 16 },
    { PR_IO_THREADS, true, 4 },
    { PR_IO_THREADS, false, 4 },
};
enum { NUM_WAYS = sizeof ways / sizeof *ways };

static bool has_uring;

static void find_out_about_uring(void)
{
    const char           byte = 0;
    const char          *path = test_file(test_directory(), "probe", &byte, 1);
    const int            fd   = open(path, O_RDONLY | O_CLOEXEC);
    const pr_row_file    file = { .path = path, .fd = fd, .row_bytes = 1, .file_bytes = 1 };
    const pr_io_options  io   = { .engine = PR_IO_URING, .depth = 1, .max_read = 4096 };
    char                 slot[1];
    pri_row_reader_setup setup = { .file       = &file,
                                   .num_rows   = 1,
                                   .num_cols   = 1,
                                   .io         = &io,
                                   .slots      = slot,
                                   .slot_bytes = 1,
                                   .max_rows   = 1 };
    pri_row_reader      *reader;
    const pr_status      st = pri_row_reader_open(&setup, &reader);

    has_uring = st == PR_OK;
    if (!has_uring) printf("not tried with io_uring: %s\n", pr_error_message());
    pri_row_reader_free(reader);
    (void)close(fd);
}

static bool can(way w)
{
    return w.engine != PR_IO_URING || has_uring;
}

static rig rig_make(pr_vid num_rows, uint32_t num_cols, uint64_t first_byte)
{
    rig r = { .file = row_file_make(test_directory(), "feat.npy", num_rows, num_cols, first_byte),
              .io   = { .gap = 4096, .max_read = 65536, .retries = 3 },
              .num_rows   = num_rows,
              .num_cols   = num_cols,
              .slot_bytes = (num_cols * sizeof(float) + 63) / 64 * 64,
              .num_slots  = num_rows };

    r.slots = malloc(r.num_slots * r.slot_bytes);
    r.write = malloc((num_rows + 1) * sizeof *r.write);
    assert_true(r.slots && r.write);
    no_faults();
    return r;
}

static void rig_open(rig *r, way w)
{
    r->io.engine = w.engine;
    r->io.direct = w.direct;
    r->io.depth  = w.depth;
    memset(r->slots, 0xee, r->num_slots * r->slot_bytes);
    r->cost = (pr_fetch_cost){ 0 };

    const pri_row_reader_setup setup = { .file       = &r->file,
                                         .num_rows   = r->num_rows,
                                         .num_cols   = r->num_cols,
                                         .io         = &r->io,
                                         .slots      = r->slots,
                                         .slot_bytes = r->slot_bytes,
                                         .max_rows   = r->num_rows };
    assert_ok(pri_row_reader_open(&setup, &r->reader));
}

static void rig_close(rig *r)
{
    pri_row_reader_free(r->reader);
    r->reader = NULL;
}

static void rig_end(rig *r)
{
    rig_close(r);
    row_file_close(&r->file);
    free(r->slots);
    free(r->write);
}

/* Enter rows begin, begin + step, ..., shuffled a little; row v goes to slot v. */
static uint64_t enter(rig *r, pr_vid begin, pr_vid end, pr_vid step, bool urgent)
{
    size_t n = 0;

    for (pr_vid v = begin; v < end; v += step) r->write[n++] = (pri_write){ .id = v, .to = v };
    for (size_t i = 0; i + 1 < n; i += 2) {
        const pri_write row     = r->write[i];
        r->write[i]             = r->write[n - 1 - i / 2];
        r->write[n - 1 - i / 2] = row;
    }
    const uint64_t group = pri_row_reader_enter(r->reader, r->write, n, urgent, &r->cost);
    memset(r->write, 0xee, n * sizeof *r->write); /* theirs no longer */
    assert_true(group > 0);
    return group;
}

static void check_rows(const rig *r, pr_vid begin, pr_vid end, pr_vid step)
{
    for (pr_vid v = begin; v < end; v += step)
        if (!row_file_is_right(r->slots + v * r->slot_bytes, v, r->num_cols))
            fail_msg("row %u of %u columns is wrong", v, r->num_cols);
}

static void every_row_arrives(void **state)
{
    static const uint32_t cols[]  = { 1, 3, 128, 515, 25600 };
    static const pr_vid   rows[]  = { 5000, 3000, 1500, 300, 20 };
    static const uint64_t first[] = { 4096, 128, 77 };
    static const uint32_t depth[] = { 1, 2, 33, 128 };

    (void)state;
    for (size_t c = 0; c < 5; c++)
        for (size_t f = 0; f < 3; f++) {
            rig r = rig_make(rows[c], cols[c], first[f]);
            for (size_t w = 0; w < NUM_WAYS; w++) {
                way how   = ways[w];
                how.depth = depth[(c + f + w) % 4];
                if (!can(how)) continue;
                rig_open(&r, how);
                const uint64_t a = enter(&r, 0, r.num_rows, 7, true);
                const uint64_t b = enter(&r, 1, r.num_rows, 7, false);
                const uint64_t e = enter(&r, 2, r.num_rows, 7, true);
                assert_ok(pri_row_reader_wait(r.reader, e, &r.cost));
                assert_ok(pri_row_reader_wait(r.reader, b, &r.cost));
                assert_ok(pri_row_reader_wait(r.reader, a, &r.cost));
                assert_ok(pri_row_reader_wait(r.reader, a, &r.cost));
                check_rows(&r, 0, r.num_rows, 7);
                check_rows(&r, 1, r.num_rows, 7);
                check_rows(&r, 2, r.num_rows, 7);
                assert_true(r.cost.reads > 0 && r.cost.disk_ns > 0);
                assert_int_equal(r.cost.reads_again, 0);
                assert_int_equal(r.cost.reads, atomic_load(&faults.reads));
                atomic_store(&faults.reads, 0);
                const uint64_t all = enter(&r, 0, r.num_rows, 1, true);
                assert_ok(pri_row_reader_wait(r.reader, all, &r.cost));
                check_rows(&r, 0, r.num_rows, 1);
                atomic_store(&faults.reads, 0);
                rig_close(&r);
            }
            rig_end(&r);
        }
}

static void a_failed_read_is_tried_again_and_counted(void **state)
{
    static const int errors[] = { EIO, EINTR, EAGAIN, ENOMEM };
    rig              r        = rig_make(2000, 100, 128);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++)
        for (uint64_t every = 2; every < 20 && can(ways[w]); every += 4) {
            no_faults();
            faults.kind   = FAIL;
            faults.every  = every;
            faults.first  = every / 2;
            faults.amount = errors[every / 4 % 4];
            r.io.retries  = 50; /* with many reads in flight one may be hit often */
            rig_open(&r, ways[w]);
            const uint64_t group = enter(&r, 0, r.num_rows, 11, true);
            assert_ok(pri_row_reader_wait(r.reader, group, &r.cost));
            check_rows(&r, 0, r.num_rows, 11);
            assert_true(r.cost.reads_again > 0);
            assert_int_equal(r.cost.reads_again, atomic_load(&faults.hits));
            rig_close(&r);
        }
    rig_end(&r);
}

static void short_reads_are_gone_on_with(void **state)
{
    static const int64_t left[] = { 0, 1, 511, 512, 600, 1024, 4095, 4096, 5000 };
    rig                  r      = rig_make(900, 515, 128);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++)
        for (size_t i = 0; i < sizeof left / sizeof *left && can(ways[w]); i++) {
            no_faults();
            faults.kind   = SHORT;
            faults.every  = 3;
            faults.amount = left[i];
            r.io.retries  = 50;
            rig_open(&r, ways[w]);
            const uint64_t group = enter(&r, 0, r.num_rows, 3, true);
            assert_ok(pri_row_reader_wait(r.reader, group, &r.cost));
            check_rows(&r, 0, r.num_rows, 3);
            assert_true(r.cost.reads_again > 0);
            rig_close(&r);
        }
    rig_end(&r);
}

/* Where only so many bytes come with every read, each read makes its way in steps. */
static void reads_that_are_always_short_arrive_in_pieces(void **state)
{
    rig r = rig_make(100, 5000, 128);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++) {
        if (!can(ways[w])) continue;
        no_faults();
        faults.kind   = SHORT;
        faults.every  = 1;
        faults.amount = 5000;
        r.io.retries  = 0;
        rig_open(&r, ways[w]);
        const uint64_t group = enter(&r, 0, r.num_rows, 1, true);
        assert_ok(pri_row_reader_wait(r.reader, group, &r.cost));
        check_rows(&r, 0, r.num_rows, 1);
        assert_true(r.cost.reads_again > r.cost.reads);
        rig_close(&r);
    }
    rig_end(&r);
}

/* What cannot be had is named: by its first row, though the rows behind it fail as well, and other
 * groups do not mind. */
static void check_named(rig *r, way how, const char *const *words)
{
    rig_open(r, how);
    const uint64_t  before = enter(r, 0, 400, 10, true);
    const uint64_t  bad    = enter(r, 402, r->num_rows, 20, true);
    const uint64_t  early  = enter(r, 5, 400, 10, false);
    const pr_status st     = pri_row_reader_wait(r->reader, bad, &r->cost);
    assert_int_equal(st, PR_E_IO);
    for (int twice = 0; twice < 2; twice++) {
        for (const char *const *word = words; *word; word++)
            if (!strstr(pr_error_message(), *word))
                fail_msg("\"%s\" is not in \"%s\"", *word, pr_error_message());
        assert_int_equal(pri_row_reader_wait(r->reader, bad, &r->cost), PR_E_IO);
    }
    assert_ok(pri_row_reader_wait(r->reader, early, &r->cost));
    assert_ok(pri_row_reader_wait(r->reader, before, &r->cost));
    check_rows(r, 0, 400, 10);
    check_rows(r, 5, 400, 10);
    rig_close(r);
}

static void what_fails_for_good_is_named(void **state)
{
    /* Row 422 begins at byte 4096 + 422 * 2048. */
    static const struct {
        fault       kind;
        int64_t     amount;
        const char *words[6];
    } cases[] = {
        { FAIL,
          EIO,
          { "feat.npy", "at byte 868352 (row 422)", "Input/output error", "tried 4 times" } },
        { FAIL, EINTR, { "feat.npy", "(row 422)", "Interrupted system call" } },
        { SHORT, 0, { "feat.npy", "ends at byte 868352", "row 422 needs bytes 868352..870399" } },
        { SHORT, 100, { "feat.npy", "read 100 bytes", "(row 422)" } },
        { TOO_LONG, 1, { "feat.npy", "at byte 868352 (row 422)", "were asked for" } },
    };
    rig r = rig_make(1000, 512, 4096);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++)
        for (size_t c = 0; c < sizeof cases / sizeof *cases && can(ways[w]); c++) {
            /* Through the page cache 100 bytes are progress. */
            if (cases[c].amount == 100 && !ways[w].direct) continue;
            no_faults();
            faults.kind   = cases[c].kind;
            faults.amount = cases[c].amount;
            faults.every  = 1;
            faults.from   = 4096 + 422 * 2048;
            r.io.retries  = 3;
            r.io.max_read = 4096;
            check_named(&r, ways[w], cases[c].words);
        }
    rig_end(&r);
}

static void a_read_that_always_fails_is_tried_as_often_as_asked(void **state)
{
    rig r = rig_make(10, 128, 4096);

    (void)state;
    for (uint32_t retries = 0; retries < 5; retries++) {
        no_faults();
        faults.kind   = FAIL;
        faults.amount = EIO;
        faults.every  = 1;
        r.io.retries  = retries;
        rig_open(&r, ways[2]);
        const uint64_t group = enter(&r, 3, 4, 1, true);
        assert_fails(PR_E_IO, "(row 3)", pri_row_reader_wait(r.reader, group, &r.cost));
        assert_int_equal(atomic_load(&faults.reads), retries + 1);
        assert_int_equal(r.cost.reads_again, retries);
        rig_close(&r);
    }
    rig_end(&r);
}

/* The row, of every 20th, whose blocks begin at this byte of a file with rows of 2048. */
static pr_vid row_behind(uint64_t offset)
{
    const uint64_t begin = offset < 4096 ? 0 : (offset - 4096) / 2048;
    return (pr_vid)((begin + 19) / 20 * 20);
}

static void check_one_fault(rig *r, way how, uint64_t nth)
{
    static const struct {
        fault       kind;
        int64_t     amount;
        bool        fatal; /* without a retry */
        const char *words;
    } cases[] = {
        { FAIL, EIO, true, "Input/output error" }, { FAIL, EINTR, false, "" },
        { SHORT, 0, true, "ends at byte" },        { SHORT, 2048, false, "" },
        { SHORT, 13, true, "read 13 bytes" },      { TOO_LONG, 512, true, "were asked for" },
    };
    char row[32];

    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (uint32_t retries = 0; retries < 2; retries++) {
            /* Through the page cache whatever came is progress; a row is there after 2048 bytes. */
            const bool progress = cases[c].kind == SHORT && cases[c].amount > 0 && !how.direct;
            no_faults();
            faults.kind   = cases[c].kind;
            faults.amount = cases[c].amount;
            faults.first  = nth;
            faults.every  = UINT64_MAX;
            r->io.retries = retries;
            rig_open(r, how);
            const uint64_t group = enter(r, 0, r->num_rows, 20, true);
            if (cases[c].fatal && !retries && !progress) {
                assert_fails(PR_E_IO, cases[c].words,
                             pri_row_reader_wait(r->reader, group, &r->cost));
                (void)snprintf(row, sizeof row, "row %u", row_behind(atomic_load(&faults.hit)));
                assert_non_null(strstr(pr_error_message(), row));
            } else {
                assert_ok(pri_row_reader_wait(r->reader, group, &r->cost));
                check_rows(r, 0, r->num_rows, 20);
                assert_true(r->cost.reads_again <= 1);
            }
            assert_int_equal(atomic_load(&faults.hits), 1);
            rig_close(r);
        }
}

static void each_single_read_may_fail_once(void **state)
{
    enum { READS = 8 };
    rig r = rig_make(READS * 20, 512, 4096);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++)
        for (uint64_t nth = 0; nth < READS && can(ways[w]); nth++)
            check_one_fault(&r, ways[w], nth);
    rig_end(&r);
}

static void slow_reads_are_waited_for(void **state)
{
    rig r = rig_make(500, 128, 4096);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++) {
        if (!can(ways[w])) continue;
        no_faults();
        faults.kind  = SLOW;
        faults.every = 2;
        rig_open(&r, ways[w]);
        const uint64_t group = enter(&r, 0, r.num_rows, 50, true);
        assert_ok(pri_row_reader_wait(r.reader, group, &r.cost));
        check_rows(&r, 0, r.num_rows, 50);
        rig_close(&r);
    }
    rig_end(&r);
}

static void a_file_that_was_cut_is_told_from_the_rest(void **state)
{
    rig r = rig_make(1000, 512, 4096);

    (void)state;
    assert_int_equal(truncate(r.file.path, 4096 + 422 * 2048 + 100), 0);
    for (size_t w = 0; w < NUM_WAYS; w++) {
        const char *const words[] = { "feat.npy", "ends at byte 868452, row 422 needs bytes",
                                      "868352..870399; it had 2052096 bytes", NULL };
        if (can(ways[w])) check_named(&r, ways[w], words);
    }
    rig_end(&r);
}

static void a_file_whose_name_went_to_another_is_still_the_one_that_is_read(void **state)
{
    rig r = rig_make(300, 128, 4096);

    (void)state;
    assert_int_equal(unlink(r.file.path), 0);
    (void)test_file(test_directory(), "feat.npy", "something else", 14);
    for (size_t w = 0; w < NUM_WAYS; w++) {
        if (!can(ways[w])) continue;
        rig_open(&r, ways[w]);
        const uint64_t group = enter(&r, 0, r.num_rows, 3, true);
        assert_ok(pri_row_reader_wait(r.reader, group, &r.cost));
        check_rows(&r, 0, r.num_rows, 3);
        rig_close(&r);
    }
    rig_end(&r);
}

static void values_that_are_not_finite_are_named(void **state)
{
    rig r = rig_make(1000, 512, 4096);

    (void)state;
    row_file_set(&r.file, 701, 511, (float)INFINITY);
    row_file_set(&r.file, 461, 0, (float)NAN);
    row_file_set(&r.file, 461, 9, (float)NAN);
    for (size_t w = 0; w < NUM_WAYS; w++) {
        if (!can(ways[w])) continue;
        r.file.checked = false;
        rig_open(&r, ways[w]);
        const uint64_t good = enter(&r, 0, r.num_rows, 2, false);
        const uint64_t bad  = enter(&r, 1, r.num_rows, 20, true);
        const uint64_t last = enter(&r, 501, r.num_rows, 20, true);
        assert_fails(PR_E_INPUT, "feat.npy: row 461, column 0 is",
                     pri_row_reader_wait(r.reader, bad, &r.cost));
        assert_fails(PR_E_INPUT, "feat.npy: row 701, column 511 is",
                     pri_row_reader_wait(r.reader, last, &r.cost));
        assert_ok(pri_row_reader_wait(r.reader, good, &r.cost));
        check_rows(&r, 0, r.num_rows, 2);
        rig_close(&r);
        r.file.checked = true; /* it was looked at before: nobody does again */
        rig_open(&r, ways[w]);
        const uint64_t again = enter(&r, 1, r.num_rows, 20, true);
        assert_ok(pri_row_reader_wait(r.reader, again, &r.cost));
        rig_close(&r);
    }
    rig_end(&r);
}

/* The first read of an early group is held up; urgent rows entered meanwhile pass the rest. */
static void urgent_groups_are_read_before_early_ones(void **state)
{
    rig r = rig_make(400, 1024, 4096);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++) {
        way how   = ways[w];
        how.depth = 1;
        if (!can(how)) continue;
        no_faults();
        faults.kind  = SLOW;
        faults.every = 1;
        r.io.gap     = 0;
        rig_open(&r, how);
        uint64_t group[8];
        for (pr_vid g = 0; g < 6; g++) group[g] = enter(&r, 10 * g, 10 * g + 8, 2, g % 2 == 1);
        for (size_t g = 0; g < 6; g++) assert_ok(pri_row_reader_wait(r.reader, group[g], &r.cost));
        /* Early rows before the urgent: only those begun while the groups were being entered. All
         * urgent reads come in one piece unless this thread was slower than 2 ms. */
        uint32_t early_behind = 0, urgent = 0;
        for (uint32_t i = 0; i < 24; i++) {
            const bool is_urgent = (faults.log[i] - 4096) / 4096 / 10 % 2 == 1;
            urgent += is_urgent;
            if (!is_urgent && urgent == 12) early_behind++;
        }
        assert_int_equal(urgent, 12);
        printf("%u of 12 early reads came behind all urgent ones\n", early_behind);
        /* Of one class, groups and rows keep their order. */
        uint64_t last[2] = { 0, 0 };
        for (uint32_t i = 0; i < 24; i++) {
            const size_t is_urgent = (faults.log[i] - 4096) / 4096 / 10 % 2;
            assert_true(faults.log[i] > last[is_urgent]);
            last[is_urgent] = faults.log[i];
        }
        check_rows(&r, 0, 8, 2);
        check_rows(&r, 50, 58, 2);
        rig_close(&r);
    }
    rig_end(&r);
}

static void many_groups_are_entered_and_forgotten(void **state)
{
    rig r = rig_make(500, 16, 4096);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++) {
        if (!can(ways[w])) continue;
        rig_open(&r, ways[w]);
        uint64_t first = enter(&r, 0, 3, 1, true), last = first;
        assert_ok(pri_row_reader_wait(r.reader, first, &r.cost));
        for (uint32_t i = 0; i < 3 * PRI_READER_GROUPS; i++) {
            last = enter(&r, i % 100, 100 + i % 50, 49, i % 3 == 0);
            assert_int_equal(last, first + 1 + i);
            if (i % 7 == 0) assert_ok(pri_row_reader_wait(r.reader, last, &r.cost));
            if (i % 64 == 63)
                for (uint64_t g = last - 63; g <= last; g++)
                    assert_ok(pri_row_reader_wait(r.reader, g, &r.cost));
        }
        const uint64_t none = pri_row_reader_enter(r.reader, NULL, 0, true, &r.cost);
        assert_ok(pri_row_reader_wait(r.reader, none, &r.cost));
        assert_ok(pri_row_reader_wait(r.reader, first, &r.cost));
        rig_close(&r);
    }
    rig_end(&r);
}

static void more_rows_than_have_room_are_refused(void **state)
{
    rig r = rig_make(500, 1024, 4096);

    (void)state;
    no_faults();
    faults.kind   = SLOW;
    faults.every  = 1;
    r.io.max_read = 4096;
    rig_open(&r, (way){ PR_IO_THREADS, false, 1 });
    const uint64_t all = enter(&r, 0, 500, 1, false);
    for (pr_vid v = 0; v < 400; v++) r.write[v] = (pri_write){ .id = v, .to = v };
    const pr_fetch_cost before = r.cost;
    assert_int_equal(pri_row_reader_enter(r.reader, r.write, 400, false, &r.cost), 0);
    assert_memory_equal(&before, &r.cost, sizeof before);
    assert_fails(PR_E_FULL, "no room", pri_row_reader_wait(r.reader, 0, &r.cost));
    const uint64_t urgent = enter(&r, 0, 3, 1, true);
    assert_ok(pri_row_reader_wait(r.reader, urgent, &r.cost));
    (void)all;
    rig_end(&r); /* with reads in flight, and more that are not begun */
}

static void a_reader_ends_with_reads_in_flight_and_naps(void **state)
{
    rig r = rig_make(2000, 128, 4096);

    (void)state;
    for (int round = 0; round < 12; round++)
        for (size_t w = 0; w < NUM_WAYS; w++) {
            if (!can(ways[w])) continue;
            no_faults();
            faults.kind   = round % 2 ? FAIL : FINE;
            faults.amount = EIO;
            faults.every  = 1;
            r.io.retries  = 1000;
            rig_open(&r, ways[w]);
            (void)enter(&r, 0, r.num_rows, 13, round % 3 == 0);
            if (round % 4 > 1) (void)usleep(500);
            rig_close(&r);
        }
    rig_end(&r);
}

typedef struct waiter {
    rig          *r;
    uint64_t      group;
    pr_status     status;
    pr_fetch_cost cost;
    pthread_t     thread;
} waiter;

static void *wait_for_group(void *context)
{
    waiter *w = context;
    w->status = pri_row_reader_wait(w->r->reader, w->group, &w->cost);
    return NULL;
}

static void others_than_who_entered_may_wait(void **state)
{
    rig r = rig_make(3000, 64, 100);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++) {
        waiter waiters[4];
        if (!can(ways[w])) continue;
        no_faults();
        faults.kind   = SHORT;
        faults.amount = 700;
        faults.every  = 5;
        r.io.retries  = 50;
        rig_open(&r, ways[w]);
        for (uint32_t round = 0; round < 20; round++) {
            for (pr_vid i = 0; i < 4; i++) {
                const pr_vid begin = round * 100 + i;
                waiters[i] = (waiter){ .r = &r, .group = enter(&r, begin, begin + 900, 4, i & 1) };
                assert_int_equal(
                    pthread_create(&waiters[i].thread, NULL, wait_for_group, &waiters[i]), 0);
            }
            for (size_t i = 0; i < 4; i++) {
                assert_int_equal(pthread_join(waiters[i].thread, NULL), 0);
                assert_int_equal(waiters[i].status, PR_OK);
            }
            check_rows(&r, round * 100, round * 100 + 900, 1);
        }
        rig_close(&r);
    }
    rig_end(&r);
}

static void nothing_is_allocated_once_it_is_open(void **state)
{
    rig r = rig_make(3000, 64, 100);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++) {
        if (!can(ways[w])) continue;
        no_faults();
        rig_open(&r, ways[w]);
        const uint64_t calls = pri_mem_calls();
        for (uint32_t round = 0; round < 20; round++) {
            const uint64_t group = enter(&r, round, 3000, 17, round & 1);
            assert_ok(pri_row_reader_wait(r.reader, group, &r.cost));
        }
        assert_int_equal(pri_mem_calls(), calls);
        rig_close(&r);
    }
    rig_end(&r);
}

/* Take all descriptors but so many; gives the limit there was. */
static rlim_t leave_descriptors(rlim_t num)
{
    struct rlimit limit;
    const int     next = dup(0);
    const rlim_t  most = (rlim_t)next + num;

    assert_true(next >= 0);
    (void)close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur      = most;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

static void restore_descriptors(rlim_t before)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = before;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* One descriptor is the file's, the next the bell's, the third would be the ring's. */
static void where_the_ring_is_refused_auto_takes_threads_and_uring_says_why(void **state)
{
    rig r = rig_make(300, 128, 4096);

    (void)state;
    for (rlim_t num = 1; num <= 2; num++) {
        rlim_t                     before = leave_descriptors(num);
        const pri_row_reader_setup setup  = { .file       = &r.file,
                                              .num_rows   = r.num_rows,
                                              .num_cols   = r.num_cols,
                                              .io         = &r.io,
                                              .slots      = r.slots,
                                              .slot_bytes = r.slot_bytes,
                                              .max_rows   = r.num_rows };
        r.io.engine                       = PR_IO_URING;
        r.io.depth                        = 4;
        assert_fails(PR_E_UNSUPPORTED, "io_uring", pri_row_reader_open(&setup, &r.reader));
        assert_null(r.reader);
        rig_open(&r, (way){ PR_IO_AUTO, false, 4 });
        restore_descriptors(before);
        printf("%s\n", pri_row_reader_describe(r.reader));
        assert_non_null(strstr(pri_row_reader_describe(r.reader), "threads (io_uring"));
        const uint64_t group = enter(&r, 0, r.num_rows, 3, true);
        assert_ok(pri_row_reader_wait(r.reader, group, &r.cost));
        check_rows(&r, 0, r.num_rows, 3);
        rig_close(&r);
    }
    rig_end(&r);
}

static void count_begins(void *context)
{
    atomic_fetch_add((_Atomic uint32_t *)context, 1);
}

static void it_says_how_it_reads_and_begins_threads_with_the_callers_hook(void **state)
{
    rig r = rig_make(10, 64, 100);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++) {
        _Atomic uint32_t     begun = 0;
        pri_row_reader_setup setup = { .file          = &r.file,
                                       .num_rows      = r.num_rows,
                                       .num_cols      = r.num_cols,
                                       .io            = &r.io,
                                       .slots         = r.slots,
                                       .slot_bytes    = r.slot_bytes,
                                       .max_rows      = r.num_rows,
                                       .thread_begins = count_begins,
                                       .context       = &begun };
        if (!can(ways[w])) continue;
        r.io.engine = ways[w].engine;
        r.io.direct = ways[w].direct;
        r.io.depth  = 3;
        assert_ok(pri_row_reader_open(&setup, &r.reader));
        const char *text = pri_row_reader_describe(r.reader);
        printf("%s\n", text);
        assert_non_null(strstr(text, ways[w].engine == PR_IO_URING ? "io_uring" : "threads"));
        assert_non_null(strstr(text, "depth 3"));
        if (!ways[w].direct) assert_non_null(strstr(text, "page cache"));
        rig_close(&r);
        assert_int_equal(begun, ways[w].engine == PR_IO_URING ? 1 : 3);
    }
    rig_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_arrives),
        cmocka_unit_test(a_failed_read_is_tried_again_and_counted),
        cmocka_unit_test(short_reads_are_gone_on_with),
        cmocka_unit_test(reads_that_are_always_short_arrive_in_pieces),
        cmocka_unit_test(what_fails_for_good_is_named),
        cmocka_unit_test(a_read_that_always_fails_is_tried_as_often_as_asked),
        cmocka_unit_test(each_single_read_may_fail_once),
        cmocka_unit_test(slow_reads_are_waited_for),
        cmocka_unit_test(a_file_that_was_cut_is_told_from_the_rest),
        cmocka_unit_test(a_file_whose_name_went_to_another_is_still_the_one_that_is_read),
        cmocka_unit_test(values_that_are_not_finite_are_named),
        cmocka_unit_test(urgent_groups_are_read_before_early_ones),
        cmocka_unit_test(many_groups_are_entered_and_forgotten),
        cmocka_unit_test(more_rows_than_have_room_are_refused),
        cmocka_unit_test(a_reader_ends_with_reads_in_flight_and_naps),
        cmocka_unit_test(others_than_who_entered_may_wait),
        cmocka_unit_test(nothing_is_allocated_once_it_is_open),
        cmocka_unit_test(where_the_ring_is_refused_auto_takes_threads_and_uring_says_why),
        cmocka_unit_test(it_says_how_it_reads_and_begins_threads_with_the_callers_hook),
    };

    (void)alarm(SECONDS);
    find_out_about_uring();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
