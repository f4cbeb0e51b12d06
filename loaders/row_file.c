/* row_file.c: see row_file.h. */
#include "loaders/row_file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loaders/npy.h"
#include "loaders/row_format.h"

enum { CHUNK_BYTES = 4096 };

pr_status pri_row_file_format(const pri_array *data, const pri_meta *meta, int *format)
{
    pr_status      st    = PR_OK;
    const pr_dtype found = data->npy.dtype;
    const char    *type  = pri_dtype_name(found);

    PR_CHECK(found != PR_U16 || meta->row_format != PRI_FORMAT_ANY, PR_E_INPUT,
             "%s/%s: holds %s elements; meta.json must say what they are: \"feat_format\": "
             "\"bf16\"",
             data->dir, data->file, type);
    *format = meta->row_format;
    for (int f = PR_ROWS_F32; *format == PRI_FORMAT_ANY && f <= PR_ROWS_INT8; f++)
        if (pri_row_dtype(f) == found) *format = f;
    if (*format == PRI_FORMAT_ANY) *format = PR_ROWS_F32; /* f64 */
    const bool wide = found == PR_F64 && *format == PR_ROWS_F32;
    PR_CHECK(wide || found == pri_row_dtype(*format), PR_E_INPUT,
             "%s/%s: holds %s elements, must be %s: feat_format of meta.json is '%s'", data->dir,
             data->file, type, pri_dtype_name(pri_row_dtype(*format)), pr_row_format_name(*format));
done:
    return st;
}

/* Load feat_scale.npy: one finite f32 that is not negative for each row. */
static pr_status load_scales(pri_row_file *file, const pri_array *data)
{
    pr_status      st  = PR_OK;
    const uint64_t N   = data->npy.shape[0];
    uint64_t       bad = N;
    char           found[PRI_ELEMENT_BYTES];

    PR_TRY(pri_array_open(&file->scale, data->dir, "feat_scale.npy", PRI_TYPE(PR_F32)));
    PR_TRY(pri_array_check_shape(&file->scale, 1, N, 1, "one for each row of feat.npy"));
    const float *scale = file->scale.npy.data;
#pragma omp parallel for reduction(min : bad) if (N >= PRI_PARALLEL_FROM)
    for (uint64_t v = 0; v < N; v++)
        if (!(scale[v] >= 0 && isfinite(scale[v])) && v < bad) bad = v;
    if (bad < N) {
        pri_array_element_text(&file->scale, bad, found);
        PR_RAISE(PR_E_INPUT, "%s/feat_scale.npy: element %llu is %s, must be finite and 0 or more",
                 data->dir, (unsigned long long)bad, found);
    }
    const void *copy = pri_array_to_pages(&file->scale, 0, N); /* a scale must cost no disk read */
    PR_CHECK(copy, PR_E_NOMEM, "%s/feat_scale.npy: cannot allocate %llu bytes for it", data->dir,
             (unsigned long long)(N * sizeof *scale));
    file->face.scale = copy;
done:
    return st;
}

/* See that fd is the file that was mapped: another may have taken its name since. */
static pr_status check_same(const pri_row_file *file, const pri_array *data)
{
    pr_status   st = PR_OK;
    struct stat info;
    char        chunk[CHUNK_BYTES];
    const char *header = data->npy.mapping;
    uint64_t    at     = 0;

    PR_CHECK(fstat(file->face.fd, &info) == 0, PR_E_IO, "%s: cannot be read: %s", file->path,
             strerror(errno));
    bool same = (uint64_t)info.st_size == data->npy.mapping_bytes;
    while (same && at < file->face.first_byte) {
        const uint64_t left = file->face.first_byte - at;
        const size_t   n    = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        same                = pread(file->face.fd, chunk, n, (off_t)at) == (ssize_t)n &&
               !memcmp(chunk, header + at, n);
        at += n;
    }
    PR_CHECK(same, PR_E_IO, "%s: was changed while it was opened", file->path);
done:
    return st;
}

pr_status pri_row_file_open(pri_row_file *file, const pri_array *data, int format)
{
    pr_status     st  = PR_OK;
    const pr_npy *npy = &data->npy;

    PR_ASSERT(npy->mapping_bytes > 0);
    *file = (pri_row_file){ 0 };
    snprintf(file->path, sizeof file->path, "%s/%s", data->dir, data->file);
    const int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    PR_CHECK(fd >= 0, pri_input_status(errno), "%s: cannot be read: %s", file->path,
             strerror(errno));
    file->is_open = true;
    file->face    = (pr_row_file){
           .path       = file->path,
           .fd         = fd,
           .format     = format,
           .first_byte = (uint64_t)((const char *)npy->data - (const char *)npy->mapping),
           .row_bytes  = pri_row_bytes(format, (uint32_t)npy->shape[1]),
           .file_bytes = npy->mapping_bytes,
           .mapped     = npy->data,
           .checked    = format == PR_ROWS_INT8, /* every pattern is a number */
    };
    PR_TRY(check_same(file, data));
    if (format == PR_ROWS_INT8) PR_TRY(load_scales(file, data));
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
done:
    return st;
}

void pri_row_file_close(pri_row_file *file)
{
    if (file->is_open) (void)close(file->face.fd);
    pri_array_close(&file->scale);
    *file = (pri_row_file){ 0 };
}
