/* test_row_reader.c: cache/row_reader.c with both engines, past and through the page cache: every
 * row arrives, groups keep their order, readers end in the middle of work. What the kernel may say
 * to reads is in test_read_faults.c. */
#include "support/reader_rig.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void every_row_arrives(void **state)
{
    static const uint32_t cols[]  = { 1, 3, 128, 515, 25600 };
    static const pr_vid   rows[]  = { 5000, 3000, 1500, 300, 20 };
    static const uint64_t first[] = { 4096, 128, 77 };
    static const uint32_t depth[] = { 1, 2, 33, 128 };

    (void)state;
    for (size_t c = 0; c < 5; c++)
        for (size_t f = 0; f < 3; f++) {
            reader_rig r = reader_make(rows[c], cols[c], first[f]);
            for (size_t w = 0; w < NUM_WAYS; w++) {
                way how   = ways[w];
                how.depth = depth[(c + f + w) % 4];
                if (!way_can(how)) continue;
                reader_open(&r, how);
                const uint64_t a = reader_enter(&r, 0, r.num_rows, 7, true);
                const uint64_t b = reader_enter(&r, 1, r.num_rows, 7, false);
                const uint64_t e = reader_enter(&r, 2, r.num_rows, 7, true);
                assert_ok(pri_row_reader_wait(r.reader, e, &r.cost));
                assert_ok(pri_row_reader_wait(r.reader, b, &r.cost));
                assert_ok(pri_row_reader_wait(r.reader, a, &r.cost));
                assert_ok(pri_row_reader_wait(r.reader, a, &r.cost));
                reader_check(&r, 0, r.num_rows, 7);
                reader_check(&r, 1, r.num_rows, 7);
                reader_check(&r, 2, r.num_rows, 7);
                assert_true(r.cost.reads > 0 && r.cost.disk_ns > 0);
                assert_int_equal(r.cost.reads_again, 0);
                assert_int_equal(r.cost.reads, atomic_load(&faults.reads));
                atomic_store(&faults.reads, 0);
                const uint64_t all = reader_enter(&r, 0, r.num_rows, 1, true);
                assert_ok(pri_row_reader_wait(r.reader, all, &r.cost));
                reader_check(&r, 0, r.num_rows, 1);
                atomic_store(&faults.reads, 0);
                reader_close(&r);
            }
            reader_end(&r);
        }
}

/* The first read of an early group is held up; urgent rows entered meanwhile pass the rest. */
static void urgent_groups_are_read_before_early_ones(void **state)
{
    reader_rig r = reader_make(400, 1024, 4096);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++) {
        way how   = ways[w];
        how.depth = 1;
        if (!way_can(how)) continue;
        faults_none();
        faults.kind  = FAULT_SLOW;
        faults.every = 1;
        r.io.gap     = 0;
        reader_open(&r, how);
        uint64_t group[8];
        for (pr_vid g = 0; g < 6; g++)
            group[g] = reader_enter(&r, 10 * g, 10 * g + 8, 2, g % 2 == 1);
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
        reader_check(&r, 0, 8, 2);
        reader_check(&r, 50, 58, 2);
        reader_close(&r);
    }
    reader_end(&r);
}

/* One group wakes one thread, which must see to it that the others come. */
static void a_pool_has_as_many_reads_in_flight_as_it_may(void **state)
{
    const way  how = { .engine = PR_IO_THREADS, .depth = 6 };
    reader_rig r   = reader_make(400, 1024, 4096);

    (void)state;
    faults.kind   = FAULT_MEET;
    faults.every  = 1;
    faults.amount = 6;
    faults.from   = 4096 + 4 * 4096; /* rows from 4 on */
    r.io.gap      = 0;
    reader_open(&r, how);
    assert_ok(pri_row_reader_wait(r.reader, reader_enter(&r, 0, 2, 2, true), &r.cost));
    (void)usleep(50000); /* all of them sleep by now; if not, the test is easier to pass */
    assert_ok(pri_row_reader_wait(r.reader, reader_enter(&r, 4, 40, 2, true), &r.cost));
    assert_int_equal(faults.met, 6);
    reader_check(&r, 4, 40, 2);
    reader_close(&r);
    reader_end(&r);
}

static void many_groups_are_entered_and_forgotten(void **state)
{
    reader_rig r = reader_make(500, 16, 4096);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++) {
        if (!way_can(ways[w])) continue;
        reader_open(&r, ways[w]);
        uint64_t first = reader_enter(&r, 0, 3, 1, true), last = first;
        assert_ok(pri_row_reader_wait(r.reader, first, &r.cost));
        for (uint32_t i = 0; i < 3 * PRI_READER_GROUPS; i++) {
            last = reader_enter(&r, i % 100, 100 + i % 50, 49, i % 3 == 0);
            assert_int_equal(last, first + 1 + i);
            if (i % 7 == 0) assert_ok(pri_row_reader_wait(r.reader, last, &r.cost));
            if (i % 64 == 63)
                for (uint64_t g = last - 63; g <= last; g++)
                    assert_ok(pri_row_reader_wait(r.reader, g, &r.cost));
        }
        const uint64_t none = pri_row_reader_enter(r.reader, NULL, 0, true, &r.cost);
        assert_ok(pri_row_reader_wait(r.reader, none, &r.cost));
        assert_ok(pri_row_reader_wait(r.reader, first, &r.cost));
        reader_close(&r);
    }
    reader_end(&r);
}

static void more_rows_than_have_room_are_refused(void **state)
{
    reader_rig r = reader_make(500, 1024, 4096);

    (void)state;
    faults_none();
    faults.kind   = FAULT_SLOW;
    faults.every  = 1;
    r.io.max_read = 4096;
    reader_open(&r, (way){ PR_IO_THREADS, false, 1 });
    const uint64_t all = reader_enter(&r, 0, 500, 1, false);
    for (pr_vid v = 0; v < 400; v++) r.write[v] = (pri_write){ .id = v, .to = v };
    const pr_fetch_cost before = r.cost;
    assert_int_equal(pri_row_reader_enter(r.reader, r.write, 400, false, &r.cost), 0);
    assert_memory_equal(&before, &r.cost, sizeof before);
    assert_fails(PR_E_FULL, "no room", pri_row_reader_wait(r.reader, 0, &r.cost));
    const uint64_t urgent = reader_enter(&r, 0, 3, 1, true);
    assert_ok(pri_row_reader_wait(r.reader, urgent, &r.cost));
    (void)all;
    reader_end(&r); /* with reads in flight, and more that are not begun */
}

static void a_reader_ends_with_reads_in_flight_and_naps(void **state)
{
    reader_rig r = reader_make(2000, 128, 4096);

    (void)state;
    for (int round = 0; round < 12; round++)
        for (size_t w = 0; w < NUM_WAYS; w++) {
            if (!way_can(ways[w])) continue;
            faults_none();
            faults.kind   = round % 2 ? FAULT_FAIL : FAULT_FINE;
            faults.amount = EIO;
            faults.every  = 1;
            r.io.retries  = 1000;
            reader_open(&r, ways[w]);
            (void)reader_enter(&r, 0, r.num_rows, 13, round % 3 == 0);
            if (round % 4 > 1) (void)usleep(500);
            reader_close(&r);
        }
    reader_end(&r);
}

typedef struct waiter {
    reader_rig   *r;
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
    reader_rig r = reader_make(3000, 64, 100);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++) {
        waiter waiters[4];
        if (!way_can(ways[w])) continue;
        faults_none();
        faults.kind   = FAULT_SHORT;
        faults.amount = 700;
        faults.every  = 5;
        r.io.retries  = 50;
        reader_open(&r, ways[w]);
        for (uint32_t round = 0; round < 20; round++) {
            for (pr_vid i = 0; i < 4; i++) {
                const pr_vid begin = round * 100 + i;
                waiters[i] =
                    (waiter){ .r = &r, .group = reader_enter(&r, begin, begin + 900, 4, i & 1) };
                assert_int_equal(
                    pthread_create(&waiters[i].thread, NULL, wait_for_group, &waiters[i]), 0);
            }
            for (size_t i = 0; i < 4; i++) {
                assert_int_equal(pthread_join(waiters[i].thread, NULL), 0);
                assert_int_equal(waiters[i].status, PR_OK);
            }
            reader_check(&r, round * 100, round * 100 + 900, 1);
        }
        reader_close(&r);
    }
    reader_end(&r);
}

static void nothing_is_allocated_once_it_is_open(void **state)
{
    reader_rig r = reader_make(3000, 64, 100);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++) {
        if (!way_can(ways[w])) continue;
        faults_none();
        reader_open(&r, ways[w]);
        const uint64_t calls = pri_mem_calls();
        for (uint32_t round = 0; round < 20; round++) {
            const uint64_t group = reader_enter(&r, round, 3000, 17, round & 1);
            assert_ok(pri_row_reader_wait(r.reader, group, &r.cost));
        }
        assert_int_equal(pri_mem_calls(), calls);
        reader_close(&r);
    }
    reader_end(&r);
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
    reader_rig r = reader_make(300, 128, 4096);

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
        reader_open(&r, (way){ PR_IO_AUTO, false, 4 });
        restore_descriptors(before);
        printf("%s\n", pri_row_reader_describe(r.reader));
        assert_non_null(strstr(pri_row_reader_describe(r.reader), "threads (io_uring"));
        const uint64_t group = reader_enter(&r, 0, r.num_rows, 3, true);
        assert_ok(pri_row_reader_wait(r.reader, group, &r.cost));
        reader_check(&r, 0, r.num_rows, 3);
        reader_close(&r);
    }
    reader_end(&r);
}

/* Let this process enter no io_uring, though it may make one. False: this kernel filters no calls.
 */
static bool refuse_to_enter(void)
{
    struct sock_filter      code[]  = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                                 (unsigned)offsetof(struct seccomp_data, nr)),
                                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 0, 1),
                                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
    const struct sock_fprog program = { .len = sizeof code / sizeof *code, .filter = code };

    return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
           !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

enum { NO_FILTER = 77 };

/* Read in a process of its own, which the filter stays with; gives its exit status. */
static int read_without_entering(void)
{
    reader_rig r = reader_make(300, 128, 4096);

    if (!refuse_to_enter()) return NO_FILTER;
    (void)alarm(20);
    reader_open(&r, (way){ PR_IO_AUTO, false, 4 });
    const bool     threads = strstr(pri_row_reader_describe(r.reader), "threads (io_uring");
    const uint64_t group   = reader_enter(&r, 0, r.num_rows, 3, true);
    const bool     read    = pri_row_reader_wait(r.reader, group, &r.cost) == PR_OK;
    if (read) reader_check(&r, 0, r.num_rows, 3);
    reader_close(&r);
    return threads && read ? 0 : 1;
}

static void a_ring_that_may_be_made_but_not_entered_is_refused(void **state)
{
    int         status;
    const pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) _exit(read_without_entering());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_FILTER) {
        printf("skipped: no seccomp here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void count_begins(void *context)
{
    atomic_fetch_add((_Atomic uint32_t *)context, 1);
}

static void it_says_how_it_reads_and_begins_threads_with_the_callers_hook(void **state)
{
    reader_rig r = reader_make(10, 64, 100);

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
        if (!way_can(ways[w])) continue;
        r.io.engine = ways[w].engine;
        r.io.direct = ways[w].direct;
        r.io.depth  = 3;
        assert_ok(pri_row_reader_open(&setup, &r.reader));
        const char *text = pri_row_reader_describe(r.reader);
        printf("%s\n", text);
        assert_non_null(strstr(text, ways[w].engine == PR_IO_URING ? "io_uring" : "threads"));
        assert_non_null(strstr(text, "depth 3"));
        if (!ways[w].direct) assert_non_null(strstr(text, "page cache"));
        reader_close(&r);
        assert_int_equal(begun, ways[w].engine == PR_IO_URING ? 1 : 3);
    }
    reader_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first: a child that forks later would lack the threads there are */
        cmocka_unit_test(a_ring_that_may_be_made_but_not_entered_is_refused),
        cmocka_unit_test(every_row_arrives),
        cmocka_unit_test(urgent_groups_are_read_before_early_ones),
        cmocka_unit_test(a_pool_has_as_many_reads_in_flight_as_it_may),
        cmocka_unit_test(many_groups_are_entered_and_forgotten),
        cmocka_unit_test(more_rows_than_have_room_are_refused),
        cmocka_unit_test(a_reader_ends_with_reads_in_flight_and_naps),
        cmocka_unit_test(others_than_who_entered_may_wait),
        cmocka_unit_test(nothing_is_allocated_once_it_is_open),
        cmocka_unit_test(where_the_ring_is_refused_auto_takes_threads_and_uring_says_why),
        cmocka_unit_test(it_says_how_it_reads_and_begins_threads_with_the_callers_hook),
    };

    ways_find();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
