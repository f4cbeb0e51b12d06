/* test_trace_file.c: what is written to an access trace is read back; a cut file gives what was
 * whole, a damaged one is refused with the place. */
#include "support/support.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/checksum.h"
#include "loaders/trace_format.h"

enum { NODES = 100000, STEPS = 12, MOST = 70000 };

static const pr_trace_info info_of = { "planted", 0x1234567890abcdef, NODES, 512, 7 };

/* The ids of a step: none, one, few, more than a piece of a reader; near each other or not. */
static size_t ids_of(uint32_t step, pr_vid *out)
{
    static const size_t sizes[STEPS] = { 0, 1, 2, 31, MOST, 1000, 65536, 65537, 5, 300, 0, 20000 };
    test_rng            rng          = { test_seed() + step, 0 };

    for (size_t i = 0; i < sizes[step]; i++)
        out[i] = step % 2 ? test_below(&rng, NODES) : (pr_vid)((i * 3 + step) % NODES);
    if (step == 2) { /* the largest distances there are */
        out[0] = NODES - 1;
        out[1] = 0;
    }
    return sizes[step];
}

static pr_trace_step step_of(uint32_t step, pr_vid *room)
{
    return (pr_trace_step){ .phase  = step == 9 ? PR_PHASE_EVAL : PR_PHASE_TRAIN,
                            .lane   = step % 3,
                            .step   = step / 3,
                            .wanted = { room, ids_of(step, room) } };
}

/* Write all steps; end[i] is the file's size behind step i. */
static void write_all(const char *path, size_t *end)
{
    pr_trace_writer *writer;
    pr_vid          *room = calloc(MOST, sizeof *room);

    assert_ok(pr_trace_create(path, &info_of, MOST, &writer));
    const uint64_t calls = pri_mem_calls();
    for (uint32_t i = 0; i < STEPS; i++) {
        const pr_trace_step step = step_of(i, room);
        FILE               *file;
        assert_ok(pr_trace_add(writer, &step));
        if (!end) continue;
        file = fopen(path, "rb"); /* whole frames are in the file at once */
        assert_non_null(file);
        fseek(file, 0, SEEK_END);
        end[i] = (size_t)ftell(file);
        fclose(file);
    }
    assert_int_equal(pri_mem_calls(), calls);
    assert_ok(pr_trace_finish(writer));
    free(room);
}

/* Read up to `steps` steps and then the end. */
static void check_steps(const char *path, uint32_t steps)
{
    pr_trace     *trace;
    pr_trace_info info;
    pr_trace_step got;
    pr_vid       *room = calloc(MOST, sizeof *room);
    bool          more;

    assert_ok(pr_trace_open(path, &trace, &info));
    assert_memory_equal(&info, &info_of, sizeof info);
    for (uint32_t i = 0; i < steps; i++) {
        const pr_trace_step want = step_of(i, room);
        assert_ok(pr_trace_next(trace, &more, &got));
        assert_true(more);
        assert_int_equal(got.phase, want.phase);
        assert_int_equal(got.lane, want.lane);
        assert_int_equal(got.step, want.step);
        assert_int_equal(got.wanted.n, want.wanted.n);
        assert_memory_equal(got.wanted.at, want.wanted.at, want.wanted.n * sizeof(pr_vid));
    }
    for (int again = 0; again < 2; again++) {
        assert_ok(pr_trace_next(trace, &more, &got));
        assert_false(more);
    }
    pr_trace_close(trace);
    free(room);
}

static void steps_come_back_in_order_and_adding_them_allocates_nothing(void **state)
{
    (void)state;
    write_all(test_path("whole"), NULL);
    check_steps(test_path("whole"), STEPS);
}

static char *bytes_of(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *n          = (size_t)ftell(file);
    char *bytes = malloc(*n);
    rewind(file);
    assert_int_equal(fread(bytes, 1, *n, file), *n);
    fclose(file);
    return bytes;
}

static void a_trace_is_the_same_bytes_whenever_it_is_written(void **state)
{
    (void)state;
    size_t n[2];

    write_all(test_path("one"), NULL);
    char *one = bytes_of(test_path("one"), &n[0]);
    write_all(test_path("two"), NULL);
    char *two = bytes_of(test_path("two"), &n[1]);
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(one, two, n[0]);
    free(one);
    free(two);
}

static void a_trace_cut_anywhere_gives_its_whole_frames(void **state)
{
    (void)state;
    size_t        end[STEPS];
    pr_trace     *trace;
    pr_trace_info info;

    write_all(test_path("cut"), end);
    for (uint32_t i = STEPS; i-- > 0;) {
        const size_t begin = i ? end[i - 1] : sizeof(pri_trace_head);
        const size_t cut[] = { end[i], end[i] - 1, begin + sizeof(pri_trace_frame) + 1,
                               begin + sizeof(pri_trace_frame) - 1, begin + 1 };
        for (size_t c = 0; c < sizeof cut / sizeof *cut; c++) {
            assert_int_equal(truncate(test_path("cut"), (off_t)cut[c]), 0);
            check_steps(test_path("cut"), cut[c] == end[i] ? i + 1 : i);
        }
    }
    for (size_t n = sizeof(pri_trace_head); n-- > 0;) { /* what has no head is no trace */
        assert_int_equal(truncate(test_path("cut"), (off_t)n), 0);
        assert_fails(PR_E_INPUT, "is no access trace",
                     pr_trace_open(test_path("cut"), &trace, &info));
        assert_null(trace);
    }
}

/* Write bytes to the file "bad"; gives its path. */
static const char *put_bad(const char *bytes, size_t n)
{
    FILE *file = fopen(test_path("bad"), "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    return test_path("bad");
}

/* Read everything; gives the first failure. */
static pr_status read_all(const char *path)
{
    pr_status     st;
    pr_trace     *trace;
    pr_trace_info info;
    pr_trace_step step;
    bool          more = true;

    st = pr_trace_open(path, &trace, &info);
    while (st == PR_OK && more) st = pr_trace_next(trace, &more, &step);
    pr_trace_close(trace);
    return st;
}

/* Whichever bit is turned, in a head, its checksum or the compressed bytes. */
static void a_damaged_frame_is_refused_with_its_place(void **state)
{
    (void)state;
    size_t   end[STEPS], n;
    char     words[128];
    test_rng rng = { test_seed(), 0 };

    write_all(test_path("good"), end);
    char *bytes = bytes_of(test_path("good"), &n);
    snprintf(words, sizeof words, "frame 9 at byte %zu is damaged", end[8]);
    for (int i = 0; i < 300; i++) {
        const size_t span = end[9] - end[8];
        const size_t at   = end[8] + (i < 64 ? (size_t)i : test_below(&rng, (uint32_t)span));
        const char   flip = (char)(1 << test_below(&rng, 8));
        bytes[at] ^= flip;
        assert_fails(PR_E_INPUT, words, read_all(put_bad(bytes, n)));
        bytes[at] ^= flip;
    }
    for (size_t at = 0; at < sizeof(pri_trace_head); at++) {
        bytes[at] ^= 1;
        assert_fails(PR_E_INPUT, "bad: ", read_all(put_bad(bytes, n)));
        bytes[at] ^= 1;
    }
    free(bytes);
}

/* Heads whose checksums are right, so that the counts themselves are held against bounds. */
static void counts_are_bounded_whatever_the_checksum(void **state)
{
    (void)state;
    size_t          end[STEPS], n;
    pri_trace_frame good, bad;

    write_all(test_path("good"), end);
    char *bytes = bytes_of(test_path("good"), &n);
    memcpy(&good, bytes + end[2], sizeof good);
    const struct {
        size_t      offset;
        uint64_t    value;
        const char *words;
    } cases[] = {
        { offsetof(pri_trace_frame, count), NODES + 1, "has 100001 rows, the dataset 100000" },
        { offsetof(pri_trace_frame, count), UINT64_MAX, "rows, the dataset 100000" },
        { offsetof(pri_trace_frame, count), good.count - 1, "rows than the 30" },
        { offsetof(pri_trace_frame, count), good.count + 1, "has 31 rows of 32" },
        { offsetof(pri_trace_frame, coded_bytes), 30, "must be 1..5 each" },
        { offsetof(pri_trace_frame, coded_bytes), UINT64_MAX, "must be 1..5 each" },
        { offsetof(pri_trace_frame, packed_bytes), UINT64_MAX, "were compressed to" },
        { offsetof(pri_trace_frame, packed_bytes), good.packed_bytes - 1, "rows of 31" },
        { offsetof(pri_trace_frame, packed_bytes), good.packed_bytes + 1, "behind its end" },
        { offsetof(pri_trace_frame, ids_checksum), 0, "the checksum of its rows is another" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bad = good;
        memcpy((char *)&bad + cases[i].offset, &cases[i].value, sizeof cases[i].value);
        if (cases[i].offset == offsetof(pri_trace_frame, count) && cases[i].value > NODES)
            bad.coded_bytes = cases[i].value;
        bad.checksum = pri_checksum(&bad, offsetof(pri_trace_frame, checksum), 0);
        memcpy(bytes + end[2], &bad, sizeof bad);
        assert_fails(PR_E_INPUT, cases[i].words, read_all(put_bad(bytes, n)));
    }
    free(bytes);
}

static void what_cannot_be_written_is_refused(void **state)
{
    (void)state;
    pr_trace_writer    *writer;
    pr_trace           *trace;
    pr_trace_info       info;
    const pr_vid        beyond[] = { 1, NODES };
    const pr_vid        many[3]  = { 1, 2, 3 };
    const pr_trace_step outside = { .wanted = { beyond, 2 } }, wide = { .wanted = { many, 3 } };

    assert_fails(PR_E_ARG, "max_wanted is 0, must be in 1..100000",
                 pr_trace_create(test_path("no"), &info_of, 0, &writer));
    assert_fails(PR_E_ARG, "max_wanted is 100001",
                 pr_trace_create(test_path("no"), &info_of, NODES + 1, &writer));
    assert_fails(PR_E_IO, "no_such/t: cannot be written",
                 pr_trace_create(test_path("no_such/t"), &info_of, 2, &writer));
    assert_ok(pr_trace_create(test_path("little"), &info_of, 2, &writer));
    assert_fails(PR_E_RANGE, "row 100000 is wanted, there are 100000",
                 pr_trace_add(writer, &outside));
    assert_fails(PR_E_ARG, "wants 3 rows, the trace was made for 2", pr_trace_add(writer, &wide));
    assert_ok(pr_trace_finish(writer)); /* neither has left anything */
    assert_ok(read_all(test_path("little")));
    assert_ok(pr_trace_finish(NULL));
    assert_fails(PR_E_INPUT, "missing: cannot be opened",
                 pr_trace_open(test_path("missing"), &trace, &info));
    assert_fails(PR_E_INPUT, "is not a file", pr_trace_open(test_path(""), &trace, &info));
}

/* The file may have no more bytes: what was whole before can be read, and the failure is said to
 * whoever adds or finishes. */
static void a_disk_that_is_full_leaves_whole_frames_and_is_said_at_the_end(void **state)
{
    (void)state;
    enum { FEW = 20000 };
    struct rlimit       old, narrow;
    pr_trace_writer    *writer;
    pr_vid             *room = calloc(MOST, sizeof *room);
    const pr_trace_step fits = step_of(0, room), next = step_of(1, room);

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    narrow = (struct rlimit){ FEW, old.rlim_max };
    assert_ok(pr_trace_create(test_path("full"), &info_of, MOST, &writer));
    assert_ok(pr_trace_add(writer, &fits));
    assert_ok(pr_trace_add(writer, &next));
    const pr_trace_step large = { .wanted = { room, ids_of(7, room) } };
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &narrow), 0);
    assert_fails(PR_E_IO, "full: cannot be written: File too large", pr_trace_add(writer, &large));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_fails(PR_E_IO, "full: could not be written before", pr_trace_add(writer, &fits));
    assert_fails(PR_E_IO, "full: could not be written", pr_trace_finish(writer));
    check_steps(test_path("full"), 2);
    free(room);
}

static pr_status create(void *context, void **out)
{
    return pr_trace_create(context, &info_of, 1000, (pr_trace_writer **)out);
}

static pr_status open_one(void *context, void **out)
{
    pr_trace_info info;
    return pr_trace_open(context, (pr_trace **)out, &info);
}

static void finish(void *writer)
{
    assert_ok(pr_trace_finish(writer));
}

static void close_one(void *trace)
{
    pr_trace_close(trace);
}

static void no_memory_is_said_and_nothing_is_kept(void **state)
{
    (void)state;
    test_oom("pr_trace_create", create, finish, (void *)(uintptr_t)test_path("oom"));
    test_oom("pr_trace_open", open_one, close_one, (void *)(uintptr_t)test_path("oom"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_come_back_in_order_and_adding_them_allocates_nothing),
        cmocka_unit_test(a_trace_is_the_same_bytes_whenever_it_is_written),
        cmocka_unit_test(a_trace_cut_anywhere_gives_its_whole_frames),
        cmocka_unit_test(a_damaged_frame_is_refused_with_its_place),
        cmocka_unit_test(counts_are_bounded_whatever_the_checksum),
        cmocka_unit_test(what_cannot_be_written_is_refused),
        cmocka_unit_test(a_disk_that_is_full_leaves_whole_frames_and_is_said_at_the_end),
        cmocka_unit_test(no_memory_is_said_and_nothing_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
