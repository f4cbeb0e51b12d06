/* reader_rig.c: see reader_rig.h. */
#include "support/reader_rig.h"

#include <fcntl.h>
#include <unistd.h>

enum { SECONDS = 120 };

reader_faults faults;

const way ways[NUM_WAYS] = {
    { PR_IO_URING, true, 16 },
    { PR_IO_URING, false, 16 },
    { PR_IO_THREADS, true, 4 },
    { PR_IO_THREADS, false, 4 },
};

static bool has_uring;

void faults_none(void)
{
    faults.kind  = FAULT_FINE;
    faults.every = 0;
    faults.first = 0;
    faults.from  = 0;
    faults.to    = UINT64_MAX;
    atomic_store(&faults.reads, 0);
    atomic_store(&faults.hits, 0);
    atomic_store(&faults.met, 0);
}

/* Wait for others. Who is the last, or has waited long enough, lets all go. */
static void meet(void)
{
    static _Atomic int64_t inside;
    const int64_t          now  = atomic_fetch_add(&inside, 1) + 1;
    int64_t                most = atomic_load(&faults.met);

    while (now > most && !atomic_compare_exchange_weak(&faults.met, &most, now)) {
    }
    for (int i = 0; i < 3000 && atomic_load(&faults.met) < faults.amount; i++) (void)usleep(1000);
    atomic_fetch_sub(&inside, 1);
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
    case FAULT_FAIL: return -faults.amount;
    case FAULT_SHORT: return result > faults.amount ? faults.amount : result;
    case FAULT_TOO_LONG: return (int64_t)bytes + faults.amount;
    case FAULT_SLOW: (void)usleep(2000); return result;
    case FAULT_MEET: meet(); return result;
    case FAULT_FINE: break;
    }
    return result;
}

void ways_find(void)
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

    (void)alarm(SECONDS);
    has_uring = st == PR_OK;
    if (!has_uring) printf("not tried with io_uring: %s\n", pr_error_message());
    pri_row_reader_free(reader);
    (void)close(fd);
}

bool way_can(way w)
{
    return w.engine != PR_IO_URING || has_uring;
}

reader_rig reader_make(pr_vid num_rows, uint32_t num_cols, uint64_t first_byte)
{
    reader_rig r = { .file       = row_file_make(test_directory(), "feat.npy", num_rows, num_cols,
                                                 first_byte),
                     .io         = { .gap = 4096, .max_read = 65536, .retries = 3 },
                     .num_rows   = num_rows,
                     .num_cols   = num_cols,
                     .slot_bytes = (num_cols * sizeof(float) + 63) / 64 * 64,
                     .num_slots  = num_rows };

    r.slots = malloc(r.num_slots * r.slot_bytes);
    r.write = malloc((num_rows + 1) * sizeof *r.write);
    assert_true(r.slots && r.write);
    faults_none();
    return r;
}

void reader_open(reader_rig *r, way w)
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

void reader_close(reader_rig *r)
{
    pri_row_reader_free(r->reader);
    r->reader = NULL;
}

void reader_end(reader_rig *r)
{
    reader_close(r);
    row_file_close(&r->file);
    free(r->slots);
    free(r->write);
}

uint64_t reader_enter(reader_rig *r, pr_vid begin, pr_vid end, pr_vid step, bool urgent)
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

void reader_check(const reader_rig *r, pr_vid begin, pr_vid end, pr_vid step)
{
    for (pr_vid v = begin; v < end; v += step)
        if (!row_file_is_right(r->slots + v * r->slot_bytes, v, r->num_cols))
            fail_msg("row %u of %u columns is wrong", v, r->num_cols);
}
