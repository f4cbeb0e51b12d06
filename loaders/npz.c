/* npz.c: the archives of numpy.savez and numpy.savez_compressed, read and written with libzip.
 *
 * A member is looked at in three steps, each before the next costs anything: what the archive's
 * list says of it (name, method, size), what its .npy header says (type, shape), and its elements.
 * Sizes that an archive declares are only compared; what is allocated and unpacked follows from the
 * shape that the caller wants, so that a few bytes cannot unfold into many. libzip compares each
 * member's checksum at its end. */
#include "loaders/npz.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "base/outfile.h"
#include "loaders/row_format.h"

enum { PEEK_BYTES = (1 << 16) + 64, CHUNK_BYTES = 1 << 16 };

static const char suffix[] = ".npy";

struct pri_npz {
    char     path[PR_TEXT_BYTES];
    zip_t   *archive;
    uint32_t num_members;
    char (*name)[PRI_NPZ_NAME_BYTES]; /* [num_members] without ".npy" */
};

/* ---- read: the list of members ---- */

/* Open a regular file as an archive. */
static pr_status open_archive(pri_npz *npz)
{
    pr_status   st   = PR_OK;
    const char *path = npz->path;
    int         code = 0;
    struct stat info;

    /* O_NONBLOCK: a pipe is refused below instead of being waited for. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    PR_CHECK(fd >= 0, pri_input_status(errno), "%s: cannot be read: %s", path, strerror(errno));
    PR_CHECK(fstat(fd, &info) == 0, PR_E_IO, "%s: cannot be read: %s", path, strerror(errno));
    PR_CHECK(S_ISREG(info.st_mode), PR_E_INPUT, "%s: is not a regular file", path);
    npz->archive = zip_fdopen(fd, 0, &code); /* on success the descriptor is the archive's */
    if (!npz->archive) {
        zip_error_t error;
        char        reason[128];
        zip_error_init_with_code(&error, code);
        snprintf(reason, sizeof reason, "%s", zip_error_strerror(&error));
        zip_error_fini(&error);
        (void)close(fd);
        PR_RAISE(code == ZIP_ER_MEMORY ? PR_E_NOMEM : PR_E_INPUT,
                 "%s: is no .npz that can be read: %s (%lld bytes; a zip archive of .npy members "
                 "is wanted, whole)",
                 path, reason, (long long)info.st_size);
    }
    return PR_OK;
done:
    if (fd >= 0 && !npz->archive) (void)close(fd);
    return st;
}

/* Copy a name for an error: what a terminal would not show as it is becomes '?'. */
static void printable(const char *name, char out[PRI_NPZ_NAME_BYTES])
{
    size_t n = 0;

    for (; name[n] && n < PRI_NPZ_NAME_BYTES - 1; n++)
        out[n] = name[n] >= ' ' && name[n] <= '~' ? name[n] : '?';
    out[n] = '\0';
}

/* Look at what the list says of one member, and keep its name. */
static pr_status list_member(pri_npz *npz, uint32_t i)
{
    pr_status  st = PR_OK;
    zip_stat_t info;
    char       shown[PRI_NPZ_NAME_BYTES];

    zip_stat_init(&info);
    PR_CHECK(zip_stat_index(npz->archive, i, ZIP_FL_ENC_RAW, &info) == 0 &&
                 (info.valid & ZIP_STAT_NAME),
             PR_E_INPUT, "%s: member %u of its list cannot be read: %s", npz->path, i,
             zip_strerror(npz->archive));
    const size_t bytes = strlen(info.name), end = sizeof suffix - 1;
    printable(info.name, shown);
    PR_CHECK(bytes > end && !strcmp(info.name + bytes - end, suffix), PR_E_INPUT,
             "%s: has the member '%s'; members of a .npz end in .npy", npz->path, shown);
    PR_CHECK(bytes - end < PRI_NPZ_NAME_BYTES, PR_E_INPUT,
             "%s: member '%s...' has a name of %zu bytes, at most %d are read", npz->path, shown,
             bytes, PRI_NPZ_NAME_BYTES - 1);
    PR_CHECK((info.valid & ZIP_STAT_SIZE) && (info.valid & ZIP_STAT_COMP_METHOD), PR_E_INPUT,
             "%s: member %s: the list does not tell its size", npz->path, shown);
    PR_CHECK(!(info.valid & ZIP_STAT_ENCRYPTION_METHOD) || info.encryption_method == ZIP_EM_NONE,
             PR_E_INPUT, "%s: member %s: is encrypted; only plain ones are read", npz->path, shown);
    PR_CHECK(info.comp_method == ZIP_CM_STORE || info.comp_method == ZIP_CM_DEFLATE, PR_E_INPUT,
             "%s: member %s: is packed by method %u; 0 (stored) and 8 (deflated) are read",
             npz->path, shown, info.comp_method);
    memcpy(npz->name[i], info.name, bytes - end);
    for (uint32_t k = 0; k < i; k++)
        PR_CHECK(strcmp(npz->name[k], npz->name[i]) != 0, PR_E_INPUT, "%s: has the member %s twice",
                 npz->path, shown);
done:
    return st;
}

pr_status pri_npz_open(const char *path, pri_npz **out)
{
    pr_status st  = PR_OK;
    pri_npz  *npz = NULL;

    *out = NULL;
    PR_CHECK(path && path[0], PR_E_ARG, "the name of a .npz file is empty");
    PR_CHECK(strlen(path) < PR_TEXT_BYTES, PR_E_ARG, "the name of a .npz file has %zu bytes",
             strlen(path));
    PR_NEW(npz, 1);
    strcpy(npz->path, path);
    PR_TRY(open_archive(npz));
    const zip_int64_t num = zip_get_num_entries(npz->archive, 0);
    PR_CHECK(num >= 0 && num <= PRI_NPZ_MEMBERS, PR_E_INPUT,
             "%s: has %lld members, at most %d are read", path, (long long)num, PRI_NPZ_MEMBERS);
    PR_NEW(npz->name, num > 0 ? num : 1);
    for (; npz->num_members < (uint32_t)num; npz->num_members++)
        PR_TRY(list_member(npz, npz->num_members));
    *out = npz;
    npz  = NULL;
done:
    pri_npz_close(npz);
    return st;
}

void pri_npz_close(pri_npz *npz)
{
    if (!npz) return;
    if (npz->archive) zip_discard(npz->archive);
    pri_free(npz->name);
    pri_free(npz);
}

uint32_t pri_npz_count(const pri_npz *npz)
{
    return npz->num_members;
}

const char *pri_npz_name(const pri_npz *npz, uint32_t member)
{
    return npz->name[member];
}

uint32_t pri_npz_find(const pri_npz *npz, const char *name)
{
    for (uint32_t i = 0; i < npz->num_members; i++)
        if (!strcmp(npz->name[i], name)) return i;
    return PRI_NPZ_MEMBERS;
}

/* ---- read: one member ---- */

/* A member that is unpacked, and what it is called in errors. */
typedef struct unpacking {
    zip_file_t *file;
    uint64_t    bytes; /* as declared */
    char        label[PR_TEXT_BYTES + PRI_NPZ_NAME_BYTES + 16];
} unpacking;

/* Read exactly `bytes`. */
static pr_status unpack(unpacking *u, void *to, size_t bytes)
{
    pr_status st = PR_OK;

    for (size_t have = 0; have < bytes;) {
        const zip_int64_t n = zip_fread(u->file, (char *)to + have, bytes - have);
        PR_CHECK(n >= 0, PR_E_INPUT, "%s: is damaged: %s", u->label, zip_file_strerror(u->file));
        PR_CHECK(n > 0, PR_E_INPUT, "%s: ends before the %llu bytes that the list declares",
                 u->label, (unsigned long long)u->bytes);
        have += (size_t)n;
    }
done:
    return st;
}

/* See that nothing follows; at the end libzip compares the checksum. */
static pr_status unpack_end(unpacking *u)
{
    pr_status         st = PR_OK;
    char              more;
    const zip_int64_t n = zip_fread(u->file, &more, 1);

    PR_CHECK(n >= 0, PR_E_INPUT, "%s: is damaged: %s", u->label, zip_file_strerror(u->file));
    PR_CHECK(n == 0, PR_E_INPUT, "%s: goes on behind the %llu bytes that the list declares",
             u->label, (unsigned long long)u->bytes);
done:
    return st;
}

/* Compare a header with what is wanted, and with the declared size. */
static pr_status check_header(const unpacking *u, const pri_npy_header *h, uint32_t num_dims,
                              const uint64_t *shape)
{
    pr_status st   = PR_OK;
    bool      same = h->num_dims == num_dims;
    char      found[PRI_SHAPE_BYTES], wanted[PRI_SHAPE_BYTES];

    for (uint32_t d = 0; d < num_dims; d++) same = same && h->shape[d] == shape[d];
    pri_npy_shape_text(h->num_dims, h->shape, found);
    pri_npy_shape_text(num_dims, shape, wanted);
    PR_CHECK(same, PR_E_INPUT, "%s: has shape %s, must have %s", u->label, found, wanted);
    PR_CHECK(h->dtype == PR_F32 || h->dtype == PR_F64 || h->dtype == PR_F16, PR_E_INPUT,
             "%s: holds elements of type %s; <f4, <f8 and <f2 are read", u->label,
             pri_dtype_name(h->dtype));
    PR_CHECK(u->bytes == h->data_at + h->data_bytes, PR_E_INPUT,
             "%s: has %llu bytes, its header wants %llu (shape %s of %s)", u->label,
             (unsigned long long)u->bytes, (unsigned long long)(h->data_at + h->data_bytes), found,
             pri_dtype_name(h->dtype));
done:
    return st;
}

static float element(const pri_npy_header *h, const char *raw, size_t i)
{
    float    single;
    double   wide;
    uint16_t half;

    if (h->dtype == PR_F64) {
        memcpy(&wide, raw + i * sizeof wide, sizeof wide);
        return (float)wide;
    }
    if (h->dtype == PR_F16) {
        memcpy(&half, raw + i * sizeof half, sizeof half);
        pri_row_decode(PR_ROWS_F16, &half, 1.0f, 1, &single);
        return single;
    }
    memcpy(&single, raw + i * sizeof single, sizeof single);
    return single;
}

/* Convert elements [s0, s1, s2] to C order; all must be finite. */
static pr_status convert(const unpacking *u, const pri_npy_header *h, const char *raw, float *to)
{
    pr_status    st = PR_OK;
    const size_t s0 = (size_t)h->shape[0], s1 = (size_t)h->shape[1], s2 = (size_t)h->shape[2];
    const size_t count = s0 * s1 * s2;

    for (size_t at = 0; at < count; at++) {
        const size_t k = at % s2, j = at / s2 % s1, i = at / s2 / s1;
        to[at] = element(h, raw, h->fortran ? i + s0 * (j + s1 * k) : at);
        PR_CHECK(isfinite(to[at]), PR_E_INPUT,
                 "%s: element %zu (in C order) is %g as f32, must be finite", u->label, at,
                 (double)to[at]);
    }
done:
    return st;
}

/* Read the header of a member that is open; *seen bytes of `peek` were unpacked. */
static pr_status read_header(unpacking *u, char peek[PEEK_BYTES], size_t *seen, pri_npy_header *out)
{
    pr_status st = PR_OK;

    *seen = u->bytes < PEEK_BYTES ? (size_t)u->bytes : PEEK_BYTES;
    PR_TRY(unpack(u, peek, *seen));
    PR_TRY(pri_npy_parse_any(peek, *seen, u->label, out));
done:
    return st;
}

pr_status pri_npz_read(pri_npz *npz, uint32_t member, uint32_t num_dims, const uint64_t *shape,
                       float *to)
{
    pr_status      st   = PR_OK;
    char          *peek = NULL, *raw = NULL;
    unpacking      u    = { 0 };
    size_t         seen = 0;
    pri_npy_header header;
    zip_stat_t     info;

    PR_ASSERT(member < npz->num_members && num_dims >= 1 && num_dims <= PRI_NPY_DIMS);
    snprintf(u.label, sizeof u.label, "%s: member %s%s", npz->path, npz->name[member], suffix);
    zip_stat_init(&info);
    PR_CHECK(zip_stat_index(npz->archive, member, 0, &info) == 0, PR_E_INPUT, "%s: %s", u.label,
             zip_strerror(npz->archive));
    u.bytes = info.size;
    u.file  = zip_fopen_index(npz->archive, member, 0);
    PR_CHECK(u.file, PR_E_INPUT, "%s: cannot be unpacked: %s", u.label, zip_strerror(npz->archive));
    PR_NEW(peek, PEEK_BYTES);
    PR_TRY(read_header(&u, peek, &seen, &header));
    PR_TRY(check_header(&u, &header, num_dims, shape));
    PR_NEW(raw, header.data_bytes > 0 ? header.data_bytes : 1);
    const size_t begun = seen - (size_t)header.data_at;
    memcpy(raw, peek + header.data_at, begun);
    PR_TRY(unpack(&u, raw + begun, (size_t)header.data_bytes - begun));
    PR_TRY(unpack_end(&u));
    PR_TRY(convert(&u, &header, raw, to));
done:
    if (u.file) (void)zip_fclose(u.file);
    pri_free(peek);
    pri_free(raw);
    return st;
}

/* ---- write ---- */

struct pri_npz_writer {
    zip_source_t *target; /* the archive's bytes, in memory */
    zip_t        *archive;
    uint32_t      num_members;
    char         *block[PRI_NPZ_MEMBERS]; /* each member's .npy until the archive is closed */
};

pr_status pri_npz_begin(pri_npz_writer **out)
{
    pr_status       st     = PR_OK;
    pri_npz_writer *writer = NULL;
    zip_error_t     error;

    *out = NULL;
    zip_error_init(&error);
    PR_NEW(writer, 1);
    writer->target = zip_source_buffer_create(NULL, 0, 0, &error);
    PR_CHECK(writer->target, PR_E_NOMEM, "cannot begin a zip archive: %s",
             zip_error_strerror(&error));
    zip_source_keep(writer->target); /* closing the archive leaves its bytes to us */
    writer->archive = zip_open_from_source(writer->target, ZIP_CREATE | ZIP_TRUNCATE, &error);
    if (!writer->archive) zip_source_free(writer->target);
    PR_CHECK(writer->archive, PR_E_LIBRARY, "libzip cannot begin an archive: %s",
             zip_error_strerror(&error));
    *out   = writer;
    writer = NULL;
done:
    pri_npz_end(writer);
    zip_error_fini(&error);
    return st;
}

/* Give a member to libzip: stored, and dated 1980-01-01 as numpy does. */
static pr_status add_member(pri_npz_writer *writer, const char *name, const char *block,
                            size_t bytes)
{
    enum { FIRST_DAY = 1 << 5 | 1 };
    pr_status     st = PR_OK;
    char          file_name[PRI_NPZ_NAME_BYTES + sizeof suffix];
    zip_source_t *source = zip_source_buffer(writer->archive, block, bytes, 0);

    PR_CHECK(source, PR_E_NOMEM, "cannot add %s to a .npz: %s", name,
             zip_strerror(writer->archive));
    snprintf(file_name, sizeof file_name, "%s%s", name, suffix);
    const zip_int64_t at = zip_file_add(writer->archive, file_name, source, ZIP_FL_ENC_UTF_8);
    if (at < 0) zip_source_free(source);
    PR_CHECK(
        at >= 0 &&
            zip_set_file_compression(writer->archive, (zip_uint64_t)at, ZIP_CM_STORE, 0) == 0 &&
            zip_file_set_dostime(writer->archive, (zip_uint64_t)at, 0, FIRST_DAY, 0) == 0,
        PR_E_LIBRARY, "libzip cannot add %s to a .npz: %s", name, zip_strerror(writer->archive));
done:
    return st;
}

pr_status pri_npz_add(pri_npz_writer *writer, const char *name, uint32_t num_dims,
                      const uint64_t *shape, const float *data)
{
    pr_status st    = PR_OK;
    size_t    count = 1;
    char      header[PRI_HEADER_BYTES];

    PR_ASSERT(writer->archive && num_dims <= PRI_NPY_DIMS && strlen(name) < PRI_NPZ_NAME_BYTES);
    PR_CHECK(writer->num_members < PRI_NPZ_MEMBERS, PR_E_FULL, "a .npz has room for %d members",
             PRI_NPZ_MEMBERS);
    for (uint32_t d = 0; d < num_dims; d++) count *= (size_t)shape[d];
    const size_t begin = pri_npy_header_text(PR_F32, num_dims, shape, header);
    char       **block = &writer->block[writer->num_members];
    PR_NEW(*block, begin + count * sizeof *data);
    writer->num_members++;
    memcpy(*block, header, begin);
    if (count > 0) memcpy(*block + begin, data, count * sizeof *data);
    PR_TRY(add_member(writer, name, *block, begin + count * sizeof *data));
done:
    return st;
}

/* Copy the finished archive to a file. */
static pr_status write_out(zip_source_t *archive, pri_outfile *file)
{
    pr_status   st = PR_OK;
    zip_int64_t n  = 0;
    char        chunk[CHUNK_BYTES];

    PR_CHECK(zip_source_open(archive) == 0, PR_E_LIBRARY, "libzip cannot give the archive back: %s",
             zip_error_strerror(zip_source_error(archive)));
    while ((n = zip_source_read(archive, chunk, sizeof chunk)) > 0 && st == PR_OK)
        st = pri_outfile_write(file, chunk, (size_t)n);
    if (st == PR_OK && n < 0)
        st = pri_error_set(PR_E_LIBRARY, __FILE__, __LINE__, __func__,
                           "libzip cannot give the archive back: %s",
                           zip_error_strerror(zip_source_error(archive)));
    (void)zip_source_close(archive);
done:
    return st;
}

pr_status pri_npz_commit(pri_npz_writer *writer, const char *path)
{
    pr_status   st   = PR_OK;
    pri_outfile file = { 0 };

    PR_ASSERT(writer->archive);
    PR_CHECK(zip_close(writer->archive) == 0, PR_E_NOMEM, "%s: cannot be put together: %s", path,
             zip_strerror(writer->archive));
    writer->archive = NULL;
    PR_TRY(pri_outfile_open(&file, path));
    PR_TRY(write_out(writer->target, &file));
    PR_TRY(pri_outfile_commit(&file));
done:
    pri_outfile_abort(&file);
    return st;
}

void pri_npz_end(pri_npz_writer *writer)
{
    if (!writer) return;
    if (writer->archive) zip_discard(writer->archive);
    if (writer->target) zip_source_free(writer->target);
    for (uint32_t i = 0; i < writer->num_members; i++) pri_free(writer->block[i]);
    pri_free(writer);
}
