/* trace_read.c: an access trace, frame after frame. Nothing in the file is believed: counts are
 * held against num_nodes and the file's size, and memory grows with the ids that are there. */
#include <packrat/loaders.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/outfile.h"
#include "loaders/trace_format.h"

enum { PIECE_BYTES = 1 << 16, FIRST_IDS = 1 << 12, MAX_SHIFT = 28 };

struct pr_trace {
    char          path[PR_TEXT_BYTES];
    int           fd;
    ZSTD_DStream *zstd;
    uint64_t      num_nodes;
    uint64_t      file_bytes; /* when it was opened: frames added later are not seen */
    uint64_t      offset;     /* of the next frame */
    uint64_t      num_frames; /* that were read */
    pr_vid       *ids;        /* [room] */
    size_t        room;
    uint8_t       packed[PIECE_BYTES], coded[PIECE_BYTES];
};

/* Where the numbers of a frame stand, from piece to piece. */
typedef struct decoding {
    uint64_t count, found; /* ids */
    uint64_t part;         /* of a number whose last byte has not come */
    unsigned shift;
    int64_t  before;
} decoding;

void pr_trace_close(pr_trace *trace)
{
    if (!trace) return;
    if (trace->fd >= 0) (void)close(trace->fd);
    ZSTD_freeDStream(trace->zstd);
    pri_free(trace->ids);
    pri_free(trace);
}

static pr_status read_at(pr_trace *trace, void *out, size_t bytes, uint64_t offset)
{
    pr_status st = PR_OK;
    char     *at = out;

    while (bytes > 0) {
        const ssize_t n = pread(trace->fd, at, bytes, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        PR_CHECK(n >= 0, PR_E_IO, "%s: cannot be read at byte %llu: %s", trace->path,
                 (unsigned long long)offset, strerror(errno));
        PR_CHECK(n > 0, PR_E_IO, "%s: ends at byte %llu now, it had %llu bytes", trace->path,
                 (unsigned long long)offset, (unsigned long long)trace->file_bytes);
        at += n;
        bytes -= (size_t)n;
        offset += (uint64_t)n;
    }
done:
    return st;
}

static pr_status read_head(pr_trace *trace, pr_trace_info *info)
{
    pr_status      st = PR_OK;
    pri_trace_head head;

    PR_CHECK(trace->file_bytes >= sizeof head, PR_E_INPUT,
             "%s: is no access trace: has %llu bytes, its head alone has %zu", trace->path,
             (unsigned long long)trace->file_bytes, sizeof head);
    PR_TRY(read_at(trace, &head, sizeof head, 0));
    PR_CHECK(memcmp(head.magic, PRI_TRACE_MAGIC, sizeof head.magic) == 0, PR_E_INPUT,
             "%s: is no access trace: does not begin with PRTRACE", trace->path);
    PR_CHECK(head.version == PRI_TRACE_VERSION && head.bytes == sizeof head, PR_E_INPUT,
             "%s: is a trace of version %u with a head of %u bytes, must be %d with %zu",
             trace->path, head.version, head.bytes, PRI_TRACE_VERSION, sizeof head);
    PR_CHECK(head.checksum == pri_checksum(&head, offsetof(pri_trace_head, checksum), 0),
             PR_E_INPUT, "%s: its head is damaged: the checksum is another", trace->path);
    PR_CHECK(head.num_nodes >= 1 && head.num_nodes <= PR_MAX_NODES, PR_E_INPUT,
             "%s: is of %llu nodes, must be in 1..%llu", trace->path,
             (unsigned long long)head.num_nodes, (unsigned long long)PR_MAX_NODES);
    PR_CHECK(memchr(head.dataset, 0, sizeof head.dataset), PR_E_INPUT,
             "%s: the dataset's name has no end", trace->path);
    *info = (pr_trace_info){ .fingerprint = head.fingerprint,
                             .num_nodes   = head.num_nodes,
                             .row_bytes   = head.row_bytes,
                             .seed        = head.seed };
    memcpy(info->dataset, head.dataset, sizeof info->dataset);
    trace->num_nodes = head.num_nodes;
    trace->offset    = sizeof head;
done:
    return st;
}

pr_status pr_trace_open(const char *path, pr_trace **out, pr_trace_info *info)
{
    pr_status   st    = PR_OK;
    pr_trace   *trace = NULL;
    struct stat about;

    PR_CHECK(out && info, PR_E_ARG, "out or info is NULL");
    *out = NULL;
    PR_CHECK(path && path[0] && strlen(path) < PR_TEXT_BYTES, PR_E_ARG,
             "a trace needs a path of 1 .. %d bytes", PR_TEXT_BYTES - 1);
    PR_NEW(trace, 1);
    memcpy(trace->path, path, strlen(path));
    trace->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hang here */
    PR_CHECK(trace->fd >= 0, pri_input_status(errno), "%s: cannot be opened: %s", path,
             strerror(errno));
    PR_CHECK(fstat(trace->fd, &about) == 0, PR_E_IO, "%s: %s", path, strerror(errno));
    PR_CHECK(S_ISREG(about.st_mode), PR_E_INPUT, "%s: is not a file", path);
    trace->file_bytes = (uint64_t)about.st_size;
    PR_TRY(read_head(trace, info));
    trace->zstd = ZSTD_createDStream();
    PR_CHECK(trace->zstd, PR_E_NOMEM, "cannot allocate a decompressor");
    const size_t rc =
        ZSTD_DCtx_setParameter(trace->zstd, ZSTD_d_windowLogMax, PRI_TRACE_WINDOW_LOG);
    PR_CHECK(!ZSTD_isError(rc), PR_E_LIBRARY, "zstd: %s", ZSTD_getErrorName(rc));
    trace->room = FIRST_IDS;
    PR_NEW(trace->ids, trace->room);
    *out  = trace;
    trace = NULL;
done:
    pr_trace_close(trace);
    return st;
}

/* A frame that cannot be what was written; leaves through done. */
#define DAMAGED(trace, ...)                                                                        \
    do {                                                                                           \
        st = pri_error_set(PR_E_INPUT, __FILE__, __LINE__, __func__, __VA_ARGS__);                 \
        pri_error_prefix("%s: frame %llu at byte %llu is damaged: ", (trace)->path,                \
                         (unsigned long long)(trace)->num_frames,                                  \
                         (unsigned long long)(trace)->offset);                                     \
        goto done;                                                                                 \
    } while (0)

static pr_status check_frame(const pr_trace *trace, const pri_trace_frame *frame)
{
    pr_status st = PR_OK;

    if (frame->checksum != pri_checksum(frame, offsetof(pri_trace_frame, checksum), 0))
        DAMAGED(trace, "the checksum of its head is another");
    if (frame->kind != PRI_TRACE_STEP || frame->phase > PR_PHASE_SERVE)
        DAMAGED(trace, "kind is 0x%x and phase %u, must be 0x%x and 0..%d", frame->kind,
                frame->phase, PRI_TRACE_STEP, PR_PHASE_SERVE);
    if (frame->count > trace->num_nodes)
        DAMAGED(trace, "has %llu rows, the dataset %llu", (unsigned long long)frame->count,
                (unsigned long long)trace->num_nodes);
    if (frame->coded_bytes < frame->count || frame->coded_bytes > PRI_TRACE_ID_BYTES * frame->count)
        DAMAGED(trace, "%llu rows take %llu bytes, must be 1..%d each",
                (unsigned long long)frame->count, (unsigned long long)frame->coded_bytes,
                PRI_TRACE_ID_BYTES);
    if (frame->packed_bytes > ZSTD_compressBound(frame->coded_bytes))
        DAMAGED(trace, "%llu bytes were compressed to %llu", (unsigned long long)frame->coded_bytes,
                (unsigned long long)frame->packed_bytes);
done:
    return st;
}

/* Make room for one more id; room doubles, so that it follows what was found. */
static pr_status grow(pr_trace *trace, uint64_t count)
{
    pr_status st   = PR_OK;
    size_t    room = 2 * trace->room;

    if (room > count) room = (size_t)count;
    pr_vid *ids = pri_realloc(trace->ids, room, sizeof *ids);
    PR_CHECK(ids, PR_E_NOMEM, "cannot allocate %zu ids for a step of %s", room, trace->path);
    trace->ids  = ids;
    trace->room = room;
done:
    return st;
}

/* Decode a piece of a frame. */
static pr_status decode(pr_trace *trace, decoding *d, const uint8_t *at, size_t bytes)
{
    pr_status st = PR_OK;

    for (const uint8_t *end = at + bytes; at < end; at++) {
        d->part |= (uint64_t)(*at & 127) << d->shift;
        if (*at & 128) {
            if (d->shift == MAX_SHIFT) DAMAGED(trace, "a number has more than 5 bytes");
            d->shift += 7;
            continue;
        }
        if (d->found == d->count)
            DAMAGED(trace, "has more rows than the %llu it should", (unsigned long long)d->count);
        d->before += (int64_t)(d->part >> 1) ^ -(int64_t)(d->part & 1);
        if (d->before < 0 || (uint64_t)d->before >= trace->num_nodes)
            DAMAGED(trace, "row %lld, must be in 0..%llu", (long long)d->before,
                    (unsigned long long)trace->num_nodes - 1);
        if (d->found == trace->room) PR_TRY(grow(trace, d->count));
        trace->ids[d->found++] = (pr_vid)d->before;
        d->part                = 0;
        d->shift               = 0;
    }
done:
    return st;
}

/* Decompress and decode a piece; *at_end when the compressed stream ends in it. */
static pr_status unpack(pr_trace *trace, decoding *d, ZSTD_inBuffer *in, bool *at_end)
{
    pr_status st = PR_OK;

    while (!*at_end) {
        ZSTD_outBuffer out = { trace->coded, sizeof trace->coded, 0 };
        const size_t   rc  = ZSTD_decompressStream(trace->zstd, &out, in);
        if (ZSTD_isError(rc)) DAMAGED(trace, "zstd: %s", ZSTD_getErrorName(rc));
        PR_TRY(decode(trace, d, trace->coded, out.pos));
        *at_end = rc == 0;
        if (in->pos == in->size && out.pos < out.size) break; /* wants more */
    }
    if (*at_end && in->pos < in->size) DAMAGED(trace, "has bytes behind its end");
done:
    return st;
}

static pr_status read_ids(pr_trace *trace, const pri_trace_frame *frame)
{
    pr_status      st     = PR_OK;
    decoding       d      = { .count = frame->count };
    bool           at_end = false;
    const uint64_t begin  = trace->offset + sizeof *frame;

    (void)ZSTD_DCtx_reset(trace->zstd, ZSTD_reset_session_only);
    for (uint64_t read = 0; read < frame->packed_bytes;) {
        const uint64_t left  = frame->packed_bytes - read;
        const size_t   bytes = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
        PR_TRY(read_at(trace, trace->packed, bytes, begin + read));
        ZSTD_inBuffer in = { trace->packed, bytes, 0 };
        if (at_end) DAMAGED(trace, "has bytes behind its end");
        PR_TRY(unpack(trace, &d, &in, &at_end));
        read += bytes;
    }
    if (!at_end || d.shift || d.found != d.count)
        DAMAGED(trace, "has %llu rows of %llu", (unsigned long long)d.found,
                (unsigned long long)d.count);
    if (pri_checksum(trace->ids, (size_t)d.count * sizeof(pr_vid), 0) != frame->ids_checksum)
        DAMAGED(trace, "the checksum of its rows is another");
done:
    return st;
}

pr_status pr_trace_next(pr_trace *trace, bool *more, pr_trace_step *step)
{
    pr_status       st = PR_OK;
    pri_trace_frame frame;

    PR_CHECK(trace && more && step, PR_E_ARG, "trace, more or step is NULL");
    *more = false;
    if (trace->file_bytes - trace->offset < sizeof frame) goto done; /* the end, or a cut */
    PR_TRY(read_at(trace, &frame, sizeof frame, trace->offset));
    PR_TRY(check_frame(trace, &frame));
    if (trace->file_bytes - trace->offset - sizeof frame < frame.packed_bytes) goto done;
    PR_TRY(read_ids(trace, &frame));
    *step = (pr_trace_step){ .phase  = (pr_phase)frame.phase,
                             .lane   = frame.lane,
                             .step   = frame.step,
                             .wanted = { trace->ids, (size_t)frame.count } };
    trace->offset += sizeof frame + frame.packed_bytes;
    trace->num_frames++;
    *more = true;
done:
    return st;
}
