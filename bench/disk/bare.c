/* bare.c: see bare.h. */
#include "bench/disk/bare.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/support/bench.h"
#include "cache/row_reader.h"

enum { BLOCK = 4096 };

static struct {
    disk_read     *reads;
    size_t         most;
    _Atomic size_t n;
    _Atomic bool   on;
} record;

/* Takes the place of the library's: every read that the kernel has answered passes here. */
int64_t pri_read_outcome(uint64_t nth, uint64_t offset, size_t bytes, int64_t result)
{
    (void)nth;
    if (!atomic_load_explicit(&record.on, memory_order_relaxed)) return result;
    const size_t at = atomic_fetch_add(&record.n, 1);
    if (at < record.most) record.reads[at] = (disk_read){ offset, bytes };
    return result;
}

void disk_record_begin(size_t most)
{
    record.reads = bench_new(most, sizeof *record.reads);
    record.most  = most;
    atomic_store(&record.n, 0);
    atomic_store(&record.on, true);
}

size_t disk_record_end(disk_read **reads)
{
    atomic_store(&record.on, false);
    const size_t n = atomic_load(&record.n);
    *reads         = record.reads;
    return n < record.most ? n : record.most;
}

/* Where a read goes after the shift: whole blocks within the file. */
static disk_read shifted(disk_read read, uint64_t shift, uint64_t file_bytes)
{
    const uint64_t bytes = (read.bytes + BLOCK - 1) / BLOCK * BLOCK;
    const uint64_t room  = file_bytes / BLOCK * BLOCK - bytes;

    return (disk_read){ (read.offset + shift) / BLOCK * BLOCK % (room + BLOCK), bytes };
}

static void ask(struct io_uring *ring, int fd, char *buffer, size_t slot_bytes, uint64_t slot,
                disk_read read)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

    BENCH_CHECK(sqe, "the ring is full");
    io_uring_prep_read(sqe, fd, buffer + slot * slot_bytes, (unsigned)read.bytes, read.offset);
    io_uring_sqe_set_data64(sqe, slot);
}

int64_t disk_bare(const char *path, const disk_read *reads, size_t n, uint32_t depth,
                  uint64_t shift)
{
    struct io_uring ring;
    struct stat     info;
    size_t          widest = BLOCK, asked = 0, done = 0;

    const int failed = io_uring_queue_init(depth, &ring, 0);
    if (failed) {
        fprintf(stderr, "no bare loop: io_uring: %s\n", strerror(-failed));
        return 0;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
    if (fd < 0) fd = open(path, O_RDONLY | O_CLOEXEC);
    BENCH_CHECK(fd >= 0 && fstat(fd, &info) == 0, "%s: %s", path, strerror(errno));
    const uint64_t file_bytes = (uint64_t)info.st_size;
    for (size_t i = 0; i < n; i++) {
        const disk_read read = shifted(reads[i], shift, file_bytes);
        if (read.bytes > widest) widest = read.bytes;
    }
    BENCH_CHECK(widest + BLOCK <= file_bytes, "%s is too short for a bare loop", path);
    char *buffer = aligned_alloc(BLOCK, depth * widest);
    BENCH_CHECK(buffer, "no room for %u reads of %zu bytes", depth, widest);

    const int64_t start = pr_now_ns();
    for (; asked < depth && asked < n; asked++)
        ask(&ring, fd, buffer, widest, asked, shifted(reads[asked], shift, file_bytes));
    while (done < n) {
        struct io_uring_cqe *cqe;
        BENCH_CHECK(io_uring_submit_and_wait(&ring, 1) >= 0, "io_uring_submit_and_wait failed");
        while (io_uring_peek_cqe(&ring, &cqe) == 0) {
            const uint64_t slot = io_uring_cqe_get_data64(cqe);
            BENCH_CHECK(cqe->res >= 0, "a bare read failed: %s", strerror(-cqe->res));
            io_uring_cqe_seen(&ring, cqe);
            done++;
            if (asked >= n) continue;
            ask(&ring, fd, buffer, widest, slot, shifted(reads[asked], shift, file_bytes));
            asked++;
        }
    }
    const int64_t ns = pr_now_ns() - start;
    io_uring_queue_exit(&ring);
    (void)close(fd);
    free(buffer);
    return ns;
}
