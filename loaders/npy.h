/* npy.h: what the loaders share about numpy's .npy files: types, the header, and writing one piece
 * by piece. Mapping a whole file is public (packrat/loaders.h). */
#ifndef LOADERS_NPY_H
#define LOADERS_NPY_H

#include <packrat/loaders.h>

#include "base/check.h"
#include "base/outfile.h"

enum { PRI_NPY_DIMS = 3 };

/* What a header says about the bytes behind it. */
typedef struct pri_npy_header {
    pr_dtype dtype;
    uint32_t num_dims;            /* 0 .. PRI_NPY_DIMS; 0, 1 or 2 of files */
    uint64_t shape[PRI_NPY_DIMS]; /* unused dimensions are 1 */
    bool     fortran;             /* the first index runs fastest; never of files */
    uint64_t data_at;             /* offset of the first element in the file */
    uint64_t data_bytes;
} pri_npy_header;

/* Read the header from the first bytes of a file (all of them, or at least 64 KiB and a few).
 * `name` is the file named in errors; PR_E_INPUT for anything pr_npy_open does not read. The data
 * may reach beyond `bytes`: the caller compares. No memory is taken. */
pr_status pri_npy_parse_header(const char *text, size_t bytes, const char *name,
                               pri_npy_header *out);

/* The same for arrays of up to PRI_NPY_DIMS dimensions in either order: members of a .npz, which
 * their reader converts. */
pr_status pri_npy_parse_any(const char *text, size_t bytes, const char *name, pri_npy_header *out);

size_t      pri_dtype_bytes(pr_dtype dtype); /* of one element; 0: no such type */
const char *pri_dtype_name(pr_dtype dtype);  /* as numpy writes it: "<f4"; "?": no such type */

enum { PRI_SHAPE_BYTES = 80 };

/* Print a shape as Python does: "()", "(3,)", "(3, 4)", "(1, 3, 4)". Cannot fail. */
void pri_npy_shape_text(uint32_t num_dims, const uint64_t *shape, char out[PRI_SHAPE_BYTES]);

enum { PRI_HEADER_BYTES = 192 };

/* Print the header of version 1.0 as numpy does; gives its bytes, a multiple of 64, so that the
 * elements behind it are aligned. Cannot fail. */
size_t pri_npy_header_text(pr_dtype dtype, uint32_t num_dims, const uint64_t *shape,
                           char out[PRI_HEADER_BYTES]);

/* Open a .npy for writing and write its header; the caller adds the elements with
 * pri_outfile_write and ends with pri_outfile_commit or pri_outfile_abort. */
pr_status pri_npy_begin(pri_outfile *file, const char *path, pr_dtype dtype, uint32_t num_dims,
                        const uint64_t *shape);

/* The same with the first element at byte data_at, a multiple of 64 that the header fits into, up
 * to 64 KiB: the header is padded with blanks, as the format allows. */
pr_status pri_npy_begin_at(pri_outfile *file, const char *path, pr_dtype dtype, uint32_t num_dims,
                           const uint64_t *shape, size_t data_at);

#endif
