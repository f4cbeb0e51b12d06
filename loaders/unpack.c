/* unpack.c: plain, gzip and zstd files as one stream of bytes. Memory stays the same whatever an
 * archive holds: it is unpacked into the caller's room, piece by piece. */
#include "loaders/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/outfile.h"

enum { KIND_PLAIN, KIND_GZIP, KIND_ZSTD };
enum { WINDOW_LOG_LEAST = 10, WINDOW_LOG_MOST = 27, AUTO_GZIP = 15 + 16 };
enum { FRAME_HEADER_BYTES = 18 }; /* the longest of zstd */

/* How archives begin. A mask bit of 0 is not looked at. */
static const struct magic {
    const char   *name;
    int           kind; /* -1: known by name only */
    unsigned      n;
    unsigned char byte[6], mask[6];
} magics[] = {
    { "gzip", KIND_GZIP, 2, { 0x1f, 0x8b }, { 0xff, 0xff } },
    { "zstd", KIND_ZSTD, 4, { 0x28, 0xb5, 0x2f, 0xfd }, { 0xff, 0xff, 0xff, 0xff } },
    { "zstd", KIND_ZSTD, 4, { 0x50, 0x2a, 0x4d, 0x18 }, { 0xf0, 0xff, 0xff, 0xff } }, /* to skip */
    { "xz", -1, 6, { 0xfd, '7', 'z', 'X', 'Z', 0 }, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
    { "bzip2", -1, 4, { 'B', 'Z', 'h', '0' }, { 0xff, 0xff, 0xff, 0xf0 } },
    { "zip", -1, 4, { 'P', 'K', 3, 4 }, { 0xff, 0xff, 0xff, 0xff } },
    { "lz4", -1, 4, { 0x04, 0x22, 0x4d, 0x18 }, { 0xff, 0xff, 0xff, 0xff } },
};

static const struct magic *magic_of(const unsigned char *bytes, size_t num_bytes)
{
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        const struct magic *m  = &magics[i];
        unsigned            at = 0;
        while (at < m->n && at < num_bytes && (bytes[at] & m->mask[at]) == m->byte[at]) at++;
        if (at == m->n) return m;
    }
    return NULL;
}

const char *pri_unpack_name_of(const void *bytes, size_t num_bytes)
{
    const struct magic *m = magic_of(bytes, num_bytes);
    return m ? m->name : NULL;
}

pr_status pri_unpack_open(pri_unpack *u, const char *path)
{
    pr_status   st = PR_OK;
    struct stat info;

    *u    = (pri_unpack){ .path = path, .window_most = UINT64_MAX };
    u->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hang us */
    PR_CHECK(u->fd >= 0, pri_input_status(errno), "%s: cannot be read: %s", path, strerror(errno));
    PR_CHECK(fstat(u->fd, &info) == 0, PR_E_IO, "%s: cannot be read: %s", path, strerror(errno));
    PR_CHECK(!S_ISDIR(info.st_mode), PR_E_INPUT, "%s: is a directory, must be a text file", path);
    PR_CHECK(S_ISREG(info.st_mode), PR_E_INPUT, "%s: is not a regular file", path);
    u->file_bytes = (uint64_t)info.st_size;
    (void)posix_fadvise(u->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    u->in_capacity = PRI_UNPACK_IN_BYTES;
    PR_NEW(u->in, u->in_capacity);
done:
    if (st != PR_OK) pri_unpack_close(u);
    return st;
}

pr_status pri_unpack_memory(pri_unpack *u, const char *name, const void *bytes, size_t num_bytes)
{
    pr_status st = PR_OK;

    *u             = (pri_unpack){ .path = name, .fd = -1, .window_most = UINT64_MAX };
    u->in_capacity = num_bytes;
    PR_NEW(u->in, num_bytes);
    if (num_bytes > 0) memcpy(u->in, bytes, num_bytes);
    u->in_end     = num_bytes;
    u->in_ended   = true;
    u->file_bytes = u->bytes_read = num_bytes;
done:
    return st;
}

void pri_unpack_set_window(pri_unpack *u, uint64_t bytes)
{
    u->window_most = bytes;
}

/* Read up to `room` bytes of the file as it is. */
static pr_status read_file(pri_unpack *u, void *to, size_t room, size_t *got)
{
    pr_status st = PR_OK;
    ssize_t   n;

    do n = read(u->fd, to, room);
    while (n < 0 && errno == EINTR);
    PR_CHECK(n >= 0, PR_E_IO, "%s: cannot be read at byte %" PRIu64 ": %s", u->path, u->bytes_read,
             strerror(errno));
    u->bytes_read += (size_t)n;
    *got = (size_t)n;
done:
    return st;
}

/* Have something in `in`, or the end. */
static pr_status refill(pri_unpack *u)
{
    pr_status st = PR_OK;
    size_t    n  = 0;

    if (u->in_at < u->in_end || u->in_ended) return PR_OK;
    PR_TRY(read_file(u, u->in, u->in_capacity, &n));
    u->in_at    = 0;
    u->in_end   = n;
    u->in_ended = n == 0;
done:
    return st;
}

/* Name the archive that is not what it should be. */
static pr_status broken(const pri_unpack *u, const char *what)
{
    pr_status st = PR_OK;
    PR_RAISE(PR_E_INPUT,
             "%s: %s at byte %" PRIu64 " of the archive, after %" PRIu64 " bytes of text", u->path,
             what, u->bytes_read - (u->in_end - u->in_at), u->bytes_unpacked);
done:
    return st;
}

/* zlib's memory comes through the heap door. */
static void *take(void *context, unsigned count, unsigned size)
{
    (void)context;
    return pri_calloc(count, size);
}

static void give_back(void *context, void *ptr)
{
    (void)context;
    pri_free(ptr);
}

static pr_status begin_gzip(pri_unpack *u)
{
    pr_status st = PR_OK;
    z_stream *gz = NULL;

    PR_NEW(gz, 1);
    gz->zalloc = take;
    gz->zfree  = give_back;
    PR_CHECK(inflateInit2(gz, AUTO_GZIP) == Z_OK, PR_E_NOMEM, "%s: cannot allocate what zlib needs",
             u->path);
    u->state = gz;
    gz       = NULL;
done:
    pri_free(gz);
    return st;
}

/* Give the largest power of two that is allowed, as its logarithm. */
static int window_log(uint64_t most)
{
    int log = WINDOW_LOG_LEAST;
    while (log < WINDOW_LOG_MOST && (UINT64_C(2) << log) <= most) log++;
    return log;
}

static pr_status begin_zstd(pri_unpack *u)
{
    pr_status  st   = PR_OK;
    ZSTD_DCtx *zstd = ZSTD_createDCtx();

    PR_CHECK(zstd, PR_E_NOMEM, "%s: cannot allocate what zstd needs", u->path);
    (void)ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, window_log(u->window_most));
    u->state = zstd;
done:
    return st;
}

/* See what the file is. */
static pr_status begin(pri_unpack *u)
{
    pr_status st = PR_OK;
    size_t    n  = 1;

    while (u->fd >= 0 && u->in_end < sizeof magics[0].byte && n > 0) {
        PR_TRY(read_file(u, u->in + u->in_end, u->in_capacity - u->in_end, &n));
        u->in_end += n;
        u->in_ended = n == 0;
    }
    u->begun              = true;
    const struct magic *m = magic_of(u->in, u->in_end);
    if (!m) return PR_OK;
    PR_CHECK(m->kind >= 0, PR_E_INPUT,
             "%s: is packed with %s, must be text, or text packed with "
             "gzip or zstd",
             u->path, m->name);
    u->kind = m->kind;
    if (u->kind == KIND_GZIP) PR_TRY(begin_gzip(u));
    if (u->kind == KIND_ZSTD) PR_TRY(begin_zstd(u));
done:
    return st;
}

/* Between two members: zeros that fill a block are passed over, anything else must be another
 * member. */
static pr_status next_member(pri_unpack *u)
{
    pr_status st = PR_OK;

    for (;;) {
        PR_TRY(refill(u));
        if (u->in_at == u->in_end) break;
        if (u->in[u->in_at] == 0x1f) {
            (void)inflateReset(u->state);
            u->within = true;
            return PR_OK;
        }
        if (u->in[u->in_at] != 0) PR_TRY(broken(u, "something that is not gzip stands"));
        u->in_at++;
    }
    u->out_ended = true;
done:
    return st;
}

static pr_status read_gzip(pri_unpack *u, void *to, size_t room, size_t *got)
{
    pr_status st = PR_OK;
    z_stream *gz = u->state;

    while (*got == 0 && !u->out_ended) {
        if (!u->within) PR_TRY(next_member(u));
        if (u->out_ended) break;
        PR_TRY(refill(u));
        if (u->in_at == u->in_end) PR_TRY(broken(u, "is cut off"));
        gz->next_in = u->in + u->in_at;
        gz->avail_in =
            u->in_end - u->in_at < UINT32_MAX ? (unsigned)(u->in_end - u->in_at) : UINT32_MAX;
        gz->next_out               = to;
        gz->avail_out              = room < UINT32_MAX ? (unsigned)room : UINT32_MAX;
        const unsigned free_before = gz->avail_out;
        const int      result      = inflate(gz, Z_NO_FLUSH);
        u->in_at                   = (size_t)(gz->next_in - u->in);
        *got                       = free_before - gz->avail_out;
        if (result == Z_STREAM_END) u->within = false;
        PR_CHECK(result != Z_MEM_ERROR, PR_E_NOMEM, "%s: cannot allocate what zlib needs", u->path);
        u->bytes_unpacked += *got;
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            PR_TRY(broken(u, "is damaged"));
    }
done:
    return st;
}

/* Give how far a zstd frame looks back, by its header. */
static uint64_t window_of(const uint8_t header[FRAME_HEADER_BYTES])
{
    const unsigned descriptor = header[4], fcs = descriptor >> 6, id = descriptor & 3;

    if (!(descriptor & 0x20)) {
        const uint64_t base = UINT64_C(1) << (10 + (header[5] >> 3));
        return base + base / 8 * (header[5] & 7);
    }
    const uint8_t *at   = header + 5 + (id == 3 ? 4 : id); /* one segment: all of the content */
    uint64_t       size = 0;
    for (unsigned i = 0; i < 1u << fcs; i++) size |= (uint64_t)at[i] << 8 * i;
    return fcs == 1 ? size + 256 : size;
}

/* Say of a frame that looks back too far how far that is. */
static pr_status looks_far_back(pri_unpack *u)
{
    pr_status st = PR_OK;
    uint8_t   header[FRAME_HEADER_BYTES];

    memset(header, 0, sizeof header);
    if (u->fd < 0) {
        const size_t left = u->in_end - (size_t)u->frame_at;
        memcpy(header, u->in + u->frame_at, left < sizeof header ? left : sizeof header);
    } else {
        PR_CHECK(pread(u->fd, header, sizeof header, (off_t)u->frame_at) >= 0, PR_E_IO,
                 "%s: cannot be read at byte %" PRIu64 ": %s", u->path, u->frame_at,
                 strerror(errno));
    }
    u->window_wanted = window_of(header);
    PR_RAISE(PR_E_INPUT,
             "%s: at byte %" PRIu64 " of the archive begins what looks back %" PRIu64
             " bytes, must be at most %" PRIu64,
             u->path, u->frame_at, u->window_wanted, UINT64_C(1) << window_log(u->window_most));
done:
    return st;
}

static pr_status read_zstd(pri_unpack *u, void *to, size_t room, size_t *got)
{
    pr_status st = PR_OK;

    while (*got == 0 && !u->out_ended) {
        PR_TRY(refill(u));
        if (!u->within) u->frame_at = u->bytes_read - (u->in_end - u->in_at);
        ZSTD_inBuffer  in   = { u->in + u->in_at, u->in_end - u->in_at, 0 };
        ZSTD_outBuffer out  = { to, room, 0 };
        const size_t   left = ZSTD_decompressStream(u->state, &out, &in);
        u->in_at += in.pos;
        *got = out.pos;
        u->bytes_unpacked += out.pos;
        if (ZSTD_isError(left)) {
            char what[160];
            if (ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge)
                PR_TRY(looks_far_back(u));
            snprintf(what, sizeof what, "is damaged (%s)", ZSTD_getErrorName(left));
            PR_TRY(broken(u, what));
        }
        if (in.size == 0 && out.pos == 0) { /* nothing came, nothing left */
            if (u->within) PR_TRY(broken(u, "is cut off"));
            u->out_ended = true;
        } else {
            u->within = left != 0;
        }
    }
done:
    return st;
}

static pr_status read_plain(pri_unpack *u, void *to, size_t room, size_t *got)
{
    pr_status st = PR_OK;

    *got = u->in_end - u->in_at < room ? u->in_end - u->in_at : room;
    if (*got > 0) {
        memcpy(to, u->in + u->in_at, *got);
        u->in_at += *got;
    } else if (!u->in_ended) { /* what was read ahead is used up */
        PR_TRY(read_file(u, to, room, got));
        u->in_ended = *got == 0;
    }
    u->bytes_unpacked += *got;
done:
    return st;
}

pr_status pri_unpack_read(pri_unpack *u, void *to, size_t room, size_t *got)
{
    pr_status st = PR_OK;

    PR_ASSERT(room > 0);
    *got = 0;
    if (!u->begun) PR_TRY(begin(u));
    switch (u->kind) {
    case KIND_GZIP: PR_TRY(read_gzip(u, to, room, got)); break;
    case KIND_ZSTD: PR_TRY(read_zstd(u, to, room, got)); break;
    default: PR_TRY(read_plain(u, to, room, got)); break;
    }
done:
    return st;
}

uint64_t pri_unpack_bytes(const pri_unpack *u)
{
    uint64_t bytes = u->in_capacity;
    if (u->kind == KIND_GZIP && u->state) bytes += PRI_UNPACK_GZ_BYTES;
    if (u->kind == KIND_ZSTD && u->state) bytes += ZSTD_sizeof_DCtx(u->state);
    return bytes;
}

void pri_unpack_close(pri_unpack *u)
{
    if (u->path && u->fd >= 0) (void)close(u->fd); /* a zeroed one has no path */
    if (u->state && u->kind == KIND_GZIP) {
        (void)inflateEnd(u->state);
        pri_free(u->state);
    }
    if (u->state && u->kind == KIND_ZSTD) (void)ZSTD_freeDCtx(u->state);
    pri_free(u->in);
    *u = (pri_unpack){ .fd = -1 };
}
