/* read_arrival.c: see read_arrival.h. */
#include "cache/read_arrival.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "loaders/row_format.h"

/* A read that is always interrupted is given up after so many times. */
enum { MOST_INTERRUPTED = 1000, FIRST_NAP_NS = 100000, MOST_NAP_NS = 20000000 };

static uint64_t begin_of_row(const pr_row_file *file, pr_vid row)
{
    return file->first_byte + (uint64_t)row * file->row_bytes;
}

void pri_read_begin(pri_read *read)
{
    read->offset = read->extent.offset;
    read->bytes  = read->extent.bytes;
    read->to     = read->buffer;
    read->got    = 0;
    read->failed = read->interrupted = 0;
    read->due_ns                     = 0;
    read->failure                    = (pri_failure){ .kind = PRI_READ_FINE };
}

static void blame_value(const pri_read_target *target, pri_read *read, pr_vid row, const char *from)
{
    const pr_row_file *file  = target->file->rows;
    const size_t       bytes = file->row_bytes / target->num_cols;
    const uint64_t     col   = pri_values_finite(file->format, from, target->num_cols);

    read->failure = (pri_failure){ .kind = PRI_READ_NOT_FINITE, .row = row, .col = (uint32_t)col };
    memcpy(read->failure.value, from + col * bytes, bytes);
}

/* Copy the rows that are there whole to their slots, up to one that is not as it should be. Gives
 * how many. */
static size_t deliver(const pri_read_target *target, pri_read *read)
{
    const pr_row_file *file  = target->file->rows;
    const size_t       bytes = file->row_bytes;
    size_t             i     = 0;

    for (; i < read->extent.num_rows; i++) {
        const pri_write row = read->rows[i];
        const size_t    at  = (size_t)(begin_of_row(file, row.id) - read->extent.offset);
        if (at + bytes > read->got) break;
        char *to = target->slots + (size_t)row.to * target->slot_bytes;
        memcpy(to, read->buffer + at, bytes);
        if (file->checked || pri_row_is_finite(file->format, to, target->num_cols)) continue;
        blame_value(target, read, row.id, to); /* there it is aligned, wherever the file has it */
        break;
    }
    return i;
}

/* Give up: rows before the fault are looked at all the same, the first that cannot be had is the
 * one to blame. */
static void give_up(const pri_read_target *target, pri_read *read, pri_failure failure)
{
    const size_t i = deliver(target, read);

    read->state = PRI_READ_DONE;
    if (read->failure.kind != PRI_READ_FINE) return;
    PR_ASSERT(i < read->extent.num_rows);
    failure.row    = read->rows[i].id;
    failure.offset = read->offset;
    failure.bytes  = read->bytes;
    failure.tries  = read->failed + read->interrupted;
    read->failure  = failure;
}

/* Ask again after a nap that grows with every failure, unless that was tried often enough. */
static void try_again(const pri_read_target *target, pri_read *read, pri_failure failure)
{
    const uint32_t grown = read->failed < 8 ? read->failed : 8;
    const int64_t  nap   = (int64_t)FIRST_NAP_NS << grown;

    read->failed++;
    if (read->failed > target->retries) {
        give_up(target, read, failure);
        return;
    }
    read->state  = PRI_READ_AGAIN;
    read->due_ns = pr_now_ns() + (nap < MOST_NAP_NS ? nap : MOST_NAP_NS);
}

static void take_error(const pri_read_target *target, pri_read *read, int error)
{
    const pri_failure failure = { .kind = PRI_READ_ERROR, .error = error };

    if (error != EINTR && error != EAGAIN) {
        try_again(target, read, failure);
        return;
    }
    read->interrupted++;
    if (read->interrupted > MOST_INTERRUPTED) {
        give_up(target, read, failure);
        return;
    }
    read->state  = PRI_READ_AGAIN;
    read->due_ns = read->interrupted > 10 ? pr_now_ns() + FIRST_NAP_NS : 0;
}

/* A read that ended before the last row did: at the end of the file, or anywhere. What is left is
 * asked for from a multiple of the blocks on. */
static void take_short(const pri_read_target *target, pri_read *read, int64_t result)
{
    const pr_row_file *file   = target->file->rows;
    const size_t       before = (size_t)(read->to - read->buffer);
    const size_t       done   = read->got - read->got % target->file->step;
    pri_failure        ends   = { .kind = PRI_READ_ENDS };
    struct stat        now;
    size_t             i = 0;

    while (begin_of_row(file, read->rows[i].id) + file->row_bytes <=
           read->extent.offset + read->got)
        i++;
    if (fstat(target->file->fd, &now) == 0) {
        ends.result = now.st_size;
        if ((uint64_t)now.st_size < begin_of_row(file, read->rows[i].id) + file->row_bytes) {
            read->failed++;
            give_up(target, read, ends);
            return;
        }
    }
    read->offset = read->extent.offset + done;
    read->bytes  = read->extent.bytes - done;
    read->to     = read->buffer + done;
    if (done > before) {
        read->state  = PRI_READ_AGAIN;
        read->due_ns = 0;
        return;
    }
    ends.result = (int64_t)(read->extent.offset + read->got);
    try_again(target, read,
              result ? (pri_failure){ .kind = PRI_READ_STUCK, .result = result } : ends);
}

void pri_read_arrived(const pri_read_target *target, pri_read *read, int64_t result)
{
    if (result < 0) {
        take_error(target, read, (int)-result);
        return;
    }
    if ((uint64_t)result > read->bytes) {
        try_again(target, read, (pri_failure){ .kind = PRI_READ_TOO_LONG, .result = result });
        return;
    }
    read->got = (size_t)(read->to - read->buffer) + (size_t)result;
    if (read->got < read->extent.needed) {
        take_short(target, read, result);
        return;
    }
    (void)deliver(target, read);
    read->state = PRI_READ_DONE;
}

static pr_status raise_ends(const pri_failure *failure, const pr_row_file *file)
{
    pr_status      st    = PR_OK;
    const uint64_t begin = begin_of_row(file, failure->row);

    PR_RAISE(PR_E_IO,
             "%s: ends at byte %" PRId64 ", row %u needs bytes %" PRIu64 "..%" PRIu64
             "; it had %" PRIu64 " bytes when it was opened",
             file->path, failure->result, failure->row, begin, begin + file->row_bytes - 1,
             file->file_bytes);
done:
    return st;
}

pr_status pri_failure_raise(const pri_failure *failure, const pr_row_file *file)
{
    pr_status      st    = PR_OK;
    const uint64_t bytes = failure->bytes, offset = failure->offset;

    switch (failure->kind) {
    case PRI_READ_FINE: break;
    case PRI_READ_ENDS: PR_TRY(raise_ends(failure, file)); break;
    case PRI_READ_ERROR:
        PR_RAISE(PR_E_IO,
                 "%s: cannot read %" PRIu64 " bytes at byte %" PRIu64
                 " (row %u): %s; tried %u times",
                 file->path, bytes, offset, failure->row, strerror(failure->error), failure->tries);
    case PRI_READ_STUCK:
    case PRI_READ_TOO_LONG:
        PR_RAISE(PR_E_IO,
                 "%s: read %" PRId64 " bytes at byte %" PRIu64 " (row %u) where %" PRIu64
                 " were asked for; tried %u times",
                 file->path, failure->result, offset, failure->row, bytes, failure->tries);
    case PRI_READ_NOT_FINITE:
        PR_TRY(pri_row_not_finite(file, failure->row, failure->col, failure->value));
        break;
    }
done:
    return st;
}
