/* trace_write.c: lists of wanted rows into a file, a frame each.
 *
 * An id is written as its distance from the one before it, zig-zag (0, -1, 1, -2, ...) in groups of
 * seven bits: neighbours that were found one behind the other are often near each other, in orders
 * that mean something. The order of the batch stays. */
#include <packrat/loaders.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/check.h"
#include "base/checksum.h"
#include "loaders/trace_format.h"

struct pr_trace_writer {
    char       path[PR_TEXT_BYTES];
    int        fd;
    ZSTD_CCtx *zstd;
    uint64_t   num_nodes;
    size_t     max_wanted;
    uint8_t   *coded;  /* [max_wanted * PRI_TRACE_ID_BYTES] */
    uint8_t   *frame;  /* head and compressed bytes */
    size_t     room;   /* of the compressed bytes */
    bool       failed; /* the file ends in the midst of a frame */
};

static void writer_free(pr_trace_writer *writer)
{
    if (!writer) return;
    if (writer->fd >= 0) (void)close(writer->fd);
    ZSTD_freeCCtx(writer->zstd);
    pri_free(writer->coded);
    pri_free(writer->frame);
    pri_free(writer);
}

static pr_status write_bytes(pr_trace_writer *writer, const void *data, size_t bytes)
{
    pr_status   st = PR_OK;
    const char *at = data;

    while (bytes > 0) {
        const ssize_t n = write(writer->fd, at, bytes);
        if (n < 0 && errno == EINTR) continue;
        PR_CHECK(n > 0, PR_E_IO, "%s: cannot be written: %s", writer->path,
                 strerror(n < 0 ? errno : ENOSPC));
        at += n;
        bytes -= (size_t)n;
    }
done:
    if (st != PR_OK) writer->failed = true;
    return st;
}

static pr_status write_head(pr_trace_writer *writer, const pr_trace_info *info)
{
    pri_trace_head head = { .version     = PRI_TRACE_VERSION,
                            .bytes       = sizeof head,
                            .fingerprint = info->fingerprint,
                            .num_nodes   = info->num_nodes,
                            .row_bytes   = info->row_bytes,
                            .seed        = info->seed };

    memcpy(head.magic, PRI_TRACE_MAGIC, sizeof head.magic);
    memcpy(head.dataset, info->dataset, strlen(info->dataset));
    head.checksum = pri_checksum(&head, offsetof(pri_trace_head, checksum), 0);
    return write_bytes(writer, &head, sizeof head);
}

/* Make the compressor take its memory now: for frames of more than a window it needs no more. */
static pr_status open_zstd(pr_trace_writer *writer)
{
    pr_status    st   = PR_OK;
    const size_t most = writer->max_wanted * PRI_TRACE_ID_BYTES;
    const size_t warm = (size_t)2 << PRI_TRACE_WINDOW_LOG;

    writer->zstd = ZSTD_createCCtx();
    PR_CHECK(writer->zstd, PR_E_NOMEM, "cannot allocate a compressor");
    size_t rc = ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_compressionLevel, PRI_TRACE_LEVEL);
    if (!ZSTD_isError(rc))
        rc = ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_windowLog, PRI_TRACE_WINDOW_LOG);
    if (!ZSTD_isError(rc))
        rc = ZSTD_compress2(writer->zstd, writer->frame + sizeof(pri_trace_frame), writer->room,
                            writer->coded, most < warm ? most : warm);
    PR_CHECK(!ZSTD_isError(rc), PR_E_LIBRARY, "zstd: %s", ZSTD_getErrorName(rc));
done:
    return st;
}

pr_status pr_trace_create(const char *path, const pr_trace_info *info, size_t max_wanted,
                          pr_trace_writer **out)
{
    pr_status        st     = PR_OK;
    pr_trace_writer *writer = NULL;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(path && path[0] && strlen(path) < PR_TEXT_BYTES, PR_E_ARG,
             "a trace needs a path of 1 .. %d bytes", PR_TEXT_BYTES - 1);
    PR_CHECK(info && memchr(info->dataset, 0, sizeof info->dataset), PR_E_ARG,
             "info is NULL, or its dataset has no end");
    PR_CHECK(info->num_nodes >= 1 && info->num_nodes <= PR_MAX_NODES, PR_E_ARG,
             "num_nodes is %llu, must be in 1..%llu", (unsigned long long)info->num_nodes,
             (unsigned long long)PR_MAX_NODES);
    PR_CHECK(max_wanted >= 1 && max_wanted <= info->num_nodes, PR_E_ARG,
             "max_wanted is %zu, must be in 1..%llu", max_wanted,
             (unsigned long long)info->num_nodes);
    PR_NEW(writer, 1);
    writer->fd         = -1;
    writer->num_nodes  = info->num_nodes;
    writer->max_wanted = max_wanted;
    writer->room       = ZSTD_compressBound(max_wanted * PRI_TRACE_ID_BYTES);
    memcpy(writer->path, path, strlen(path));
    PR_NEW(writer->coded, max_wanted * PRI_TRACE_ID_BYTES);
    PR_NEW(writer->frame, sizeof(pri_trace_frame) + writer->room);
    PR_TRY(open_zstd(writer));
    writer->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    PR_CHECK(writer->fd >= 0, PR_E_IO, "%s: cannot be written: %s", path, strerror(errno));
    PR_TRY(write_head(writer, info));
    *out   = writer;
    writer = NULL;
done:
    writer_free(writer);
    return st;
}

/* Code ids; gives the bytes. */
static size_t code(pr_vids ids, uint8_t *out)
{
    uint8_t *const begin  = out;
    int64_t        before = 0;

    for (size_t i = 0; i < ids.n; i++) {
        const int64_t delta = (int64_t)ids.at[i] - before;
        uint64_t      left  = ((uint64_t)delta << 1) ^ (uint64_t)(delta >> 63);
        before              = (int64_t)ids.at[i];
        for (; left >= 128; left >>= 7) *out++ = (uint8_t)(left | 128);
        *out++ = (uint8_t)left;
    }
    return (size_t)(out - begin);
}

static pr_status check_step(const pr_trace_writer *writer, const pr_trace_step *step)
{
    pr_status st      = PR_OK;
    uint64_t  highest = 0;

    PR_CHECK(!writer->failed, PR_E_IO, "%s: could not be written before", writer->path);
    PR_CHECK(step->wanted.n <= writer->max_wanted, PR_E_ARG,
             "a step wants %zu rows, the trace was made for %zu", step->wanted.n,
             writer->max_wanted);
    for (size_t i = 0; i < step->wanted.n; i++)
        if (step->wanted.at[i] > highest) highest = step->wanted.at[i];
    PR_CHECK(highest < writer->num_nodes, PR_E_RANGE, "row %llu is wanted, there are %llu",
             (unsigned long long)highest, (unsigned long long)writer->num_nodes);
done:
    return st;
}

pr_status pr_trace_add(pr_trace_writer *writer, const pr_trace_step *step)
{
    pr_status st = PR_OK;

    PR_CHECK(writer && step, PR_E_ARG, "writer or step is NULL");
    PR_TRY(check_step(writer, step));
    pri_trace_frame frame = { .kind  = PRI_TRACE_STEP,
                              .phase = (uint32_t)step->phase,
                              .lane  = step->lane,
                              .step  = step->step,
                              .count = step->wanted.n };
    frame.ids_checksum    = pri_checksum(step->wanted.at, step->wanted.n * sizeof(pr_vid), 0);
    frame.coded_bytes     = code(step->wanted, writer->coded);
    const size_t rc       = ZSTD_compress2(writer->zstd, writer->frame + sizeof frame, writer->room,
                                           writer->coded, frame.coded_bytes);
    PR_CHECK(!ZSTD_isError(rc), PR_E_LIBRARY, "zstd: %s", ZSTD_getErrorName(rc));
    frame.packed_bytes = rc;
    frame.checksum     = pri_checksum(&frame, offsetof(pri_trace_frame, checksum), 0);
    memcpy(writer->frame, &frame, sizeof frame);
    PR_TRY(write_bytes(writer, writer->frame, sizeof frame + rc));
done:
    return st;
}

pr_status pr_trace_finish(pr_trace_writer *writer)
{
    pr_status st = PR_OK;

    if (!writer) return PR_OK;
    const int fd = writer->fd;
    writer->fd   = -1;
    /* close says what a network file system could not write */
    PR_CHECK(close(fd) == 0, PR_E_IO, "%s: cannot be written: %s", writer->path, strerror(errno));
    PR_CHECK(!writer->failed, PR_E_IO, "%s: could not be written", writer->path);
done:
    writer_free(writer);
    return st;
}
