/* rows_read.c: passes over dense rows in order, through a small buffer on the stack: whatever the
 * format, whatever the length of a row. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "loaders/row_format.h"

enum { CHUNK_BYTES = 64 << 10, BLOCK_BYTES = 1 << 20 };

pr_status pri_row_file_read(const pr_row_file *file, uint64_t at, size_t bytes, void *to)
{
    pr_status st   = PR_OK;
    size_t    have = 0;

    while (have < bytes) {
        const uint64_t offset = file->first_byte + at + have;
        const ssize_t  n      = pread(file->fd, (char *)to + have, bytes - have, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        PR_CHECK(n >= 0, PR_E_IO, "%s: cannot be read at byte %llu: %s", file->path,
                 (unsigned long long)offset, strerror(errno));
        PR_CHECK(n > 0, PR_E_IO, "%s: ends at byte %llu, had %llu bytes when it was opened",
                 file->path, (unsigned long long)offset, (unsigned long long)file->file_bytes);
        have += (size_t)n;
    }
done:
    return st;
}

uint64_t pri_values_finite(int format, const void *values, uint64_t n)
{
    const size_t   size = pri_row_bytes(format, 1);
    const uint64_t most = 1 << 20;
    float          x;

    for (uint64_t at = 0; at < n; at += most) {
        const char    *from  = (const char *)values + at * size;
        const uint32_t count = (uint32_t)(n - at < most ? n - at : most);
        if (pri_row_is_finite(format, from, count)) continue;
        for (uint32_t i = 0; i < count; i++) {
            pri_row_decode(format, from + i * size, 1, 1, &x);
            if (!isfinite(x)) return at + i;
        }
    }
    return n;
}

pr_status pri_row_not_finite(const pr_row_file *file, uint64_t row, uint64_t col, const void *value)
{
    pr_status st = PR_OK;
    float     x;

    pri_row_decode(file->format, value, 1, 1, &x);
    PR_RAISE(PR_E_INPUT, "%s: row %llu, column %llu is %g, must be finite", file->path,
             (unsigned long long)row, (unsigned long long)col, (double)x);
done:
    return st;
}

/* Convert elements at .. at+n-1 of the packed rows, counted from row `first`, to their places. */
static void spread(const pr_features *f, pr_vid first, uint64_t at, uint64_t n, const char *from,
                   float *out, size_t ld)
{
    const pr_row_file *file = f->file;
    const size_t       size = pri_row_bytes(file->format, 1);
    const uint64_t     cols = f->num_cols;

    for (uint64_t done = 0; done < n;) {
        const uint64_t row = (at + done) / cols, col = (at + done) % cols;
        const uint64_t left  = n - done;
        const uint64_t count = cols - col < left ? cols - col : left;
        pri_row_decode(file->format, from + done * size, file->scale ? file->scale[first + row] : 1,
                       (uint32_t)count, out + row * ld + col);
        done += count;
    }
}

/* Read the file's elements from that of (first, 0) on, `count` of them; without `out` only look. */
static pr_status read_elements(const pr_features *f, pr_vid first, uint64_t count, bool look,
                               float *out, size_t ld)
{
    pr_status          st   = PR_OK;
    const pr_row_file *file = f->file;
    const size_t       size = pri_row_bytes(file->format, 1);
    const uint64_t     most = CHUNK_BYTES / size, begin = (uint64_t)first * f->num_cols;
    _Alignas(64) char  chunk[CHUNK_BYTES];

    for (uint64_t at = 0; at < count; at += most) {
        const uint64_t n = count - at < most ? count - at : most;
        PR_TRY(pri_row_file_read(file, (begin + at) * size, (size_t)n * size, chunk));
        if (look) {
            const uint64_t odd = pri_values_finite(file->format, chunk, n), e = begin + at + odd;
            if (odd < n)
                PR_TRY(
                    pri_row_not_finite(file, e / f->num_cols, e % f->num_cols, chunk + odd * size));
        }
        if (out) spread(f, first, at, n, chunk, out, ld);
    }
done:
    return st;
}

void pri_row_file_forget(const pr_row_file *file, pr_vid first, uint64_t n)
{
    const uint64_t at = file->first_byte + first * file->row_bytes;

    (void)posix_fadvise(file->fd, (off_t)at, (off_t)(n * file->row_bytes), POSIX_FADV_DONTNEED);
}

void pri_row_file_foresee(const pr_row_file *file, pr_vid v)
{
    (void)posix_fadvise(file->fd, (off_t)(file->first_byte + v * (uint64_t)file->row_bytes),
                        (off_t)file->row_bytes, POSIX_FADV_WILLNEED);
}

pr_status pri_rows_read(const pr_features *f, pr_vid first, uint32_t n, float *out, size_t ld)
{
    pr_status st = PR_OK;

    PR_ASSERT(f->kind == PR_FEATURES_DENSE && ld >= f->num_cols);
    PR_ASSERT(first <= f->num_rows && n <= f->num_rows - first);
    if (f->file) {
        PR_TRY(read_elements(f, first, (uint64_t)n * f->num_cols, !f->file->checked, out, ld));
        if (!f->file->checked) pri_row_file_forget(f->file, first, n);
    } else {
        for (uint32_t v = 0; v < n; v++)
            memcpy(out + v * ld, f->rows + (first + (size_t)v) * f->ld, f->num_cols * sizeof *out);
    }
done:
    return st;
}

/* Rows that are looked at at a time: block `at` of them. */
static pr_status check_block(const pr_features *f, uint64_t at, uint64_t rows, bool forget)
{
    pr_status      st    = PR_OK;
    const pr_vid   first = (pr_vid)(at * rows);
    const uint64_t left = f->num_rows - (uint64_t)first, n = left < rows ? left : rows;

    PR_TRY(read_elements(f, first, n * f->num_cols, true, NULL, 0));
    if (forget) pri_row_file_forget(f->file, first, n);
done:
    return st;
}

/* Errors are told on the caller's thread: what failed on another is read once more. */
pr_status pri_rows_check(const pr_features *f, bool forget)
{
    pr_status      st   = PR_OK;
    const uint64_t size = f->file->row_bytes;
    const uint64_t rows = size < BLOCK_BYTES ? BLOCK_BYTES / size : 1;
    const uint64_t num  = (f->num_rows + rows - 1) / rows;
    uint64_t       bad  = num;

#pragma omp parallel for schedule(dynamic, 1) reduction(min : bad) if (num > 1)
    for (uint64_t b = 0; b < num; b++)
        if (check_block(f, b, rows, forget) != PR_OK && b < bad) bad = b;
    for (uint64_t b = bad; b < num; b++) PR_TRY(check_block(f, b, rows, forget));
done:
    return st;
}
