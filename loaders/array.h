/* array.h: one array of a dataset directory: a mapped .npy used in place, or what it was converted
 * into. Every check names the file, what was found and what is allowed. */
#ifndef LOADERS_ARRAY_H
#define LOADERS_ARRAY_H

#include <packrat/loaders.h>

#include "base/check.h"

typedef struct pri_array {
    const char *dir, *file; /* borrowed: the directory, and the file's name in it */
    pr_npy      npy;        /* zeroed once converted */
    void       *memory;     /* converted elements; NULL: used in place */
    size_t      page_bytes; /* of `memory` when it came by the page; 0: from the heap */
} pri_array;

/* Loops over fewer elements than this stay on one thread. */
enum { PRI_PARALLEL_FROM = 1 << 16 };

/* Types as a set: PRI_TYPE(PR_I32) | PRI_TYPE(PR_U32). */
#define PRI_TYPE(dtype) (1u << (dtype))
enum {
    PRI_TYPES_ID     = PRI_TYPE(PR_I32) | PRI_TYPE(PR_U32) | PRI_TYPE(PR_I64) | PRI_TYPE(PR_U64),
    PRI_TYPES_OFFSET = PRI_TYPE(PR_I64) | PRI_TYPE(PR_U64),
    PRI_TYPES_LABEL  = PRI_TYPE(PR_I32) | PRI_TYPE(PR_I64),
    PRI_TYPES_SET    = PRI_TYPE(PR_BOOL) | PRI_TYPE(PR_U8) | PRI_TYPE(PR_I32) | PRI_TYPE(PR_I64) |
                    PRI_TYPE(PR_F32),
    PRI_TYPES_REAL = PRI_TYPE(PR_F32) | PRI_TYPE(PR_F64),
    PRI_TYPES_ROW  = PRI_TYPES_REAL | PRI_TYPE(PR_F16) | PRI_TYPE(PR_U16) | PRI_TYPE(PR_I8)
};

/* Say whether dir/file exists (readable or not). */
bool pri_array_present(const char *dir, const char *file);

/* Map dir/file, whose elements must be of one of `types`. A zeroed array can be closed too. */
pr_status pri_array_open(pri_array *array, const char *dir, const char *file, unsigned types);
void      pri_array_close(pri_array *array);

/* Check the shape; `why` says where the wanted one comes from. cols is 1 for num_dims 1. */
pr_status pri_array_check_shape(const pri_array *array, uint32_t num_dims, uint64_t rows,
                                uint64_t cols, const char *why);

/* Give the array zeroed memory of its own: huge pages when large. */
pr_status pri_array_own(pri_array *array, size_t count, size_t size);

/* Unmap the file, once all of it is in memory of its own. */
void pri_array_drop_file(pri_array *array);

/* Copy a file that is used in place to memory on huge pages, and unmap it: random reads of a mapped
 * file wait for page tables. Elements first .. first+count-1 of it are kept. NULL, and all as it
 * was, when there is no memory. */
const void *pri_array_to_pages(pri_array *array, uint64_t first, uint64_t count);

/* Print element i for an error; cannot fail. */
enum { PRI_ELEMENT_BYTES = 40 };
void pri_array_element_text(const pri_array *array, uint64_t i, char out[PRI_ELEMENT_BYTES]);

/* Give elements first .. first+count-1 as u32, each below `bound`: in place when they have 4 bytes,
 * else converted into memory of the array's own. `bound_name` is what the bound is called in
 * errors, which name the first offending element. */
pr_status pri_array_ids(pri_array *array, uint64_t first, uint64_t count, uint64_t bound,
                        const char *bound_name, const uint32_t **out);

/* Give num_rows + 1 offsets in place: the first 0, none below the one before it. */
pr_status pri_array_offsets(const pri_array *array, uint64_t num_rows, const pr_eid **out);

/* Give all elements as f32: in place, or f64 rounded. Values are not looked at. */
pr_status pri_array_floats(pri_array *array, const float **out);

#endif
