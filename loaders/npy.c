/* npy.c: numpy's .npy files: map one to read, write one whole or not at all. */
#include "loaders/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Map a regular file read only; gives NULL and 0 for an empty one. */
static pr_status map_file(const char *path, const char **text, size_t *bytes)
{
    pr_status   st = PR_OK;
    struct stat info;

    /* O_NONBLOCK: a pipe is refused below instead of being waited for. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    PR_CHECK(fd >= 0, pri_input_status(errno), "%s: cannot be read: %s", path, strerror(errno));
    PR_CHECK(fstat(fd, &info) == 0, PR_E_IO, "%s: cannot be read: %s", path, strerror(errno));
    PR_CHECK(S_ISREG(info.st_mode), PR_E_INPUT, "%s: is not a regular file", path);
    *text  = NULL;
    *bytes = (size_t)info.st_size;
    if (*bytes > 0) {
        void *at = mmap(NULL, *bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        PR_CHECK(at != MAP_FAILED, errno == ENOMEM ? PR_E_NOMEM : PR_E_IO,
                 "%s: cannot be mapped: %s", path, strerror(errno));
        *text = at;
    }
done:
    if (fd >= 0) (void)close(fd);
    return st;
}

/* mapping_bytes is 0 when `mapping` is a copy on the heap instead of the mapped file. */
void pr_npy_close(pr_npy *npy)
{
    if (!npy) return;
    if (npy->mapping_bytes > 0)
        (void)munmap(npy->mapping, npy->mapping_bytes);
    else
        pri_free(npy->mapping);
    *npy = (pr_npy){ 0 };
}

/* Old writers pad the header so that elements may lie at odd addresses: copy those. */
static pr_status align_data(pr_npy *npy, const char *path, uint64_t data_bytes)
{
    pr_status    st   = PR_OK;
    const size_t size = pri_dtype_bytes(npy->dtype);

    if ((uintptr_t)npy->data % size == 0) return PR_OK;
    void *copy = pri_calloc((size_t)(data_bytes / size), size);
    PR_CHECK(copy, PR_E_NOMEM, "%s: cannot allocate %llu bytes for an aligned copy", path,
             (unsigned long long)data_bytes);
    memcpy(copy, npy->data, (size_t)data_bytes);
    (void)munmap(npy->mapping, npy->mapping_bytes);
    npy->data = npy->mapping = copy;
    npy->mapping_bytes       = 0;
done:
    return st;
}

pr_status pr_npy_open(const char *path, pr_npy *out)
{
    pr_status      st    = PR_OK;
    const char    *text  = NULL;
    size_t         bytes = 0;
    pri_npy_header header;
    char           shape_text[PRI_SHAPE_BYTES];
    pr_npy         npy = { 0 };

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = npy;
    PR_CHECK(path && path[0], PR_E_ARG, "the name of a .npy file is empty");
    PR_TRY(map_file(path, &text, &bytes));
    npy.mapping       = (void *)(uintptr_t)text;
    npy.mapping_bytes = bytes;
    PR_TRY(pri_npy_parse_header(text ? text : "", bytes, path, &header));
    pri_npy_shape_text(header.num_dims, header.shape, shape_text);
    PR_CHECK(header.data_bytes <= bytes - header.data_at, PR_E_INPUT,
             "%s: has %zu bytes, its header wants %llu (shape %s of %s)", path, bytes,
             (unsigned long long)(header.data_at + header.data_bytes), shape_text,
             pri_dtype_name(header.dtype));
    npy.dtype    = header.dtype;
    npy.num_dims = header.num_dims;
    npy.shape[0] = header.shape[0];
    npy.shape[1] = header.shape[1];
    npy.data     = text + header.data_at;
    PR_TRY(align_data(&npy, path, header.data_bytes));
    *out = npy;
    npy  = (pr_npy){ 0 };
done:
    pr_npy_close(&npy);
    return st;
}

size_t pri_npy_header_text(pr_dtype dtype, uint32_t num_dims, const uint64_t *shape,
                           char out[PRI_HEADER_BYTES])
{
    char tuple[PRI_SHAPE_BYTES];

    pri_npy_shape_text(num_dims, shape, tuple);
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    const int    dict  = snprintf(out + 10, PRI_HEADER_BYTES - 10,
                                  "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                                  pri_dtype_name(dtype), tuple);
    const size_t used  = 10 + (size_t)dict;
    const size_t bytes = (used + 1 + 63) / 64 * 64;
    PR_ASSERT(bytes <= PRI_HEADER_BYTES);
    memset(out + used, ' ', bytes - used - 1);
    out[bytes - 1] = '\n';
    out[8]         = (char)((bytes - 10) & 0xff);
    out[9]         = (char)((bytes - 10) >> 8);
    return bytes;
}

pr_status pri_npy_begin(pri_outfile *file, const char *path, pr_dtype dtype, uint32_t num_dims,
                        const uint64_t *shape)
{
    return pri_npy_begin_at(file, path, dtype, num_dims, shape, 0);
}

/* Write blanks up to the newline that ends the header. */
static pr_status pad_header(pri_outfile *file, size_t blanks)
{
    pr_status st = PR_OK;
    for (size_t i = 0; i < blanks; i++) PR_TRY(pri_outfile_write(file, " ", 1));
    PR_TRY(pri_outfile_write(file, "\n", 1));
done:
    return st;
}

pr_status pri_npy_begin_at(pri_outfile *file, const char *path, pr_dtype dtype, uint32_t num_dims,
                           const uint64_t *shape, size_t data_at)
{
    pr_status st = PR_OK;
    char      header[PRI_HEADER_BYTES];

    *file = (pri_outfile){ 0 };
    PR_CHECK(pri_dtype_bytes(dtype), PR_E_ARG, "%s: the type is %d, must be a pr_dtype", path,
             (int)dtype);
    PR_CHECK(num_dims <= 2, PR_E_ARG, "%s: the array has %u dimensions, must be 0..2", path,
             num_dims);
    const size_t bytes = pri_npy_header_text(dtype, num_dims, shape, header);
    const size_t whole = data_at > bytes ? data_at : bytes;
    PR_ASSERT(whole % 64 == 0 && whole <= 1 << 16);
    header[8] = (char)((whole - 10) & 0xff);
    header[9] = (char)((whole - 10) >> 8);
    PR_TRY(pri_outfile_open(file, path));
    PR_TRY(pri_outfile_write(file, header, bytes - 1));
    PR_TRY(pad_header(file, whole - bytes));
done:
    if (st != PR_OK) pri_outfile_abort(file);
    return st;
}

pr_status pr_npy_write(const char *path, pr_dtype dtype, uint32_t num_dims, const uint64_t *shape,
                       const void *data)
{
    pr_status   st    = PR_OK;
    pri_outfile file  = { 0 };
    size_t      bytes = pri_dtype_bytes(dtype);

    PR_CHECK(path && path[0], PR_E_ARG, "the name of a .npy file is empty");
    PR_CHECK(shape || num_dims == 0, PR_E_ARG, "%s: shape is NULL", path);
    for (uint32_t d = 0; d < num_dims && d < 2; d++)
        PR_CHECK(!__builtin_mul_overflow(bytes, (size_t)shape[d], &bytes), PR_E_ARG,
                 "%s: the shape is larger than the address space", path);
    PR_CHECK(data || bytes == 0, PR_E_ARG, "%s: data is NULL", path);
    PR_TRY(pri_npy_begin(&file, path, dtype, num_dims, shape));
    if (bytes > 0) PR_TRY(pri_outfile_write(&file, data, bytes));
    PR_TRY(pri_outfile_commit(&file));
done:
    pri_outfile_abort(&file);
    return st;
}
