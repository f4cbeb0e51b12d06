/* array.c: see array.h. Loops over elements run on all threads and report the first offender, so
 * that messages do not depend on the number of threads. */
#include "loaders/array.h"

#include <string.h>
#include <unistd.h>

#include "loaders/npy.h"

enum { PAGES_FROM_BYTES = 2 << 20, PATH_BYTES = PR_TEXT_BYTES + 64 };

bool pri_array_present(const char *dir, const char *file)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return access(path, F_OK) == 0;
}

/* Print the set of types, such as "<i8 or <u8". */
static void types_text(unsigned types, char out[64])
{
    size_t used = 0;

    out[0] = '\0';
    for (int t = PR_I32; t <= PR_BOOL; t++)
        if (types & PRI_TYPE(t))
            used += (size_t)snprintf(out + used, 64 - used, "%s%s", used > 0 ? " or " : "",
                                     pri_dtype_name((pr_dtype)t));
}

pr_status pri_array_open(pri_array *array, const char *dir, const char *file, unsigned types)
{
    pr_status st = PR_OK;
    char      path[PATH_BYTES], allowed[64];

    *array = (pri_array){ .dir = dir, .file = file };
    snprintf(path, sizeof path, "%s/%s", dir, file);
    PR_TRY(pr_npy_open(path, &array->npy));
    types_text(types, allowed);
    PR_CHECK(types & PRI_TYPE(array->npy.dtype), PR_E_INPUT, "%s: holds %s elements, must be %s",
             path, pri_dtype_name(array->npy.dtype), allowed);
done:
    if (st != PR_OK) pri_array_close(array);
    return st;
}

void pri_array_close(pri_array *array)
{
    pr_npy_close(&array->npy);
    if (array->page_bytes > 0)
        pri_pages_unmap(array->memory, array->page_bytes);
    else
        pri_free(array->memory);
    *array = (pri_array){ 0 };
}

pr_status pri_array_check_shape(const pri_array *array, uint32_t num_dims, uint64_t rows,
                                uint64_t cols, const char *why)
{
    pr_status      st       = PR_OK;
    const uint64_t wanted[] = { rows, cols };
    char           found_text[PRI_SHAPE_BYTES], wanted_text[PRI_SHAPE_BYTES];

    pri_npy_shape_text(array->npy.num_dims, array->npy.shape, found_text);
    pri_npy_shape_text(num_dims, wanted, wanted_text);
    PR_CHECK(array->npy.num_dims == num_dims && array->npy.shape[0] == rows &&
                 array->npy.shape[1] == cols,
             PR_E_INPUT, "%s/%s: has shape %s, must be %s: %s", array->dir, array->file, found_text,
             wanted_text, why);
done:
    return st;
}

pr_status pri_array_own(pri_array *array, size_t count, size_t size)
{
    pr_status st = PR_OK;
    size_t    bytes;

    PR_ASSERT(!array->memory);
    PR_CHECK(!__builtin_mul_overflow(count, size, &bytes), PR_E_NOMEM,
             "%s/%s: %zu elements of %zu bytes do not fit in memory", array->dir, array->file,
             count, size);
    if (bytes >= PAGES_FROM_BYTES) {
        array->memory     = pri_pages_map(bytes, 1);
        array->page_bytes = array->memory ? bytes : 0;
    } else {
        array->memory = pri_calloc(count, size);
    }
    PR_CHECK(array->memory, PR_E_NOMEM, "%s/%s: cannot allocate %zu elements of %zu bytes",
             array->dir, array->file, count, size);
done:
    return st;
}

void pri_array_drop_file(pri_array *array)
{
    pr_npy_close(&array->npy);
}

const void *pri_array_to_pages(pri_array *array, uint64_t first, uint64_t count)
{
    const size_t size = pri_dtype_bytes(array->npy.dtype), bytes = (size_t)count * size;
    const char  *from  = (const char *)array->npy.data + first * size;
    const size_t chunk = PAGES_FROM_BYTES;

    PR_ASSERT(!array->memory && bytes > 0);
    char *to = pri_pages_map(bytes, 1);
    if (!to) return NULL;
#pragma omp parallel for if (bytes > chunk)
    for (size_t at = 0; at < bytes; at += chunk)
        memcpy(to + at, from + at, bytes - at < chunk ? bytes - at : chunk);
    array->memory     = to;
    array->page_bytes = bytes;
    pri_array_drop_file(array);
    return to;
}

void pri_array_element_text(const pri_array *array, uint64_t i, char out[PRI_ELEMENT_BYTES])
{
    const void  *data = array->npy.data;
    const size_t room = PRI_ELEMENT_BYTES;

    switch (array->npy.dtype) {
    case PR_I32: snprintf(out, room, "%d", ((const int32_t *)data)[i]); break;
    case PR_U32: snprintf(out, room, "%u", ((const uint32_t *)data)[i]); break;
    case PR_I64: snprintf(out, room, "%lld", (long long)((const int64_t *)data)[i]); break;
    case PR_U64:
        snprintf(out, room, "%llu", (unsigned long long)((const uint64_t *)data)[i]);
        break;
    case PR_F32: snprintf(out, room, "%g", (double)((const float *)data)[i]); break;
    case PR_F64: snprintf(out, room, "%g", ((const double *)data)[i]); break;
    case PR_BOOL:
    case PR_U8: snprintf(out, room, "%u", ((const uint8_t *)data)[i]); break;
    case PR_I8: snprintf(out, room, "%d", ((const int8_t *)data)[i]); break;
    case PR_U16:
    case PR_F16: snprintf(out, room, "0x%04x", ((const uint16_t *)data)[i]); break;
    }
}

/* Check ids against a bound, and copy them unless `to` is NULL. Gives the first offender's place,
 * or `count`. A negative id becomes a huge one and is caught by the same comparison. */
/* clang-format off */
#define CONVERT_IDS(name, type)                                                                    \
    static uint64_t name(const type *from, uint64_t count, uint64_t bound, uint32_t *to)           \
    {                                                                                              \
        uint64_t bad = count;                                                                      \
        _Pragma("omp parallel for reduction(min : bad) if (count >= PRI_PARALLEL_FROM)")           \
        for (uint64_t i = 0; i < count; i++) {                                                     \
            if ((uint64_t)from[i] >= bound && i < bad) bad = i;                                    \
            if (to) to[i] = (uint32_t)from[i];                                                     \
        }                                                                                          \
        return bad;                                                                                \
    }
/* clang-format on */
CONVERT_IDS(convert_i32, int32_t)
CONVERT_IDS(convert_u32, uint32_t)
CONVERT_IDS(convert_i64, int64_t)
CONVERT_IDS(convert_u64, uint64_t)
#undef CONVERT_IDS

static uint64_t convert_ids(const pr_npy *npy, uint64_t first, uint64_t count, uint64_t bound,
                            uint32_t *to)
{
    switch (npy->dtype) {
    case PR_I32: return convert_i32((const int32_t *)npy->data + first, count, bound, to);
    case PR_U32: return convert_u32((const uint32_t *)npy->data + first, count, bound, to);
    case PR_I64: return convert_i64((const int64_t *)npy->data + first, count, bound, to);
    default: return convert_u64((const uint64_t *)npy->data + first, count, bound, to);
    }
}

pr_status pri_array_ids(pri_array *array, uint64_t first, uint64_t count, uint64_t bound,
                        const char *bound_name, const uint32_t **out)
{
    pr_status  st       = PR_OK;
    const bool in_place = pri_dtype_bytes(array->npy.dtype) == sizeof(uint32_t);
    char       found[PRI_ELEMENT_BYTES], place[64];

    PR_ASSERT(PRI_TYPES_ID & PRI_TYPE(array->npy.dtype));
    if (!in_place) PR_TRY(pri_array_own(array, (size_t)count, sizeof(uint32_t)));
    const uint64_t bad = convert_ids(&array->npy, first, count, bound, array->memory);
    if (bad < count) {
        const uint64_t cols = array->npy.shape[1], at = first + bad;
        pri_array_element_text(array, at, found);
        if (array->npy.num_dims == 2)
            snprintf(place, sizeof place, "[%llu, %llu]", (unsigned long long)(at / cols),
                     (unsigned long long)(at % cols));
        else
            snprintf(place, sizeof place, "%llu", (unsigned long long)at);
        PR_RAISE(PR_E_INPUT, "%s/%s: element %s is %s, must be in 0..%lld (%s is %llu)", array->dir,
                 array->file, place, found, (long long)bound - 1, bound_name,
                 (unsigned long long)bound);
    }
    *out = in_place ? (const uint32_t *)array->npy.data + first : array->memory;
done:
    return st;
}

pr_status pri_array_offsets(const pri_array *array, uint64_t num_rows, const pr_eid **out)
{
    pr_status     st  = PR_OK;
    const pr_eid *at  = array->npy.data; /* an i64 below 0 reads as a huge offset */
    uint64_t      bad = UINT64_MAX;
    char          found[PRI_ELEMENT_BYTES], before[PRI_ELEMENT_BYTES];

    PR_ASSERT(PRI_TYPES_OFFSET & PRI_TYPE(array->npy.dtype));
    pri_array_element_text(array, 0, found);
    PR_CHECK(at[0] == 0, PR_E_INPUT, "%s/%s: element 0 is %s, must be 0", array->dir, array->file,
             found);
#pragma omp parallel for reduction(min : bad) if (num_rows >= PRI_PARALLEL_FROM)
    for (uint64_t i = 1; i <= num_rows; i++)
        if ((at[i] < at[i - 1] || at[i] > INT64_MAX) && i < bad) bad = i;
    if (bad <= num_rows) {
        pri_array_element_text(array, bad, found);
        pri_array_element_text(array, bad - 1, before);
        PR_RAISE(PR_E_INPUT,
                 "%s/%s: element %llu is %s after %s; offsets must not fall or pass 2^63 - 1",
                 array->dir, array->file, (unsigned long long)bad, found, before);
    }
    *out = at;
done:
    return st;
}

pr_status pri_array_floats(pri_array *array, const float **out)
{
    pr_status      st    = PR_OK;
    const uint64_t count = array->npy.shape[0] * array->npy.shape[1];

    PR_ASSERT(PRI_TYPES_REAL & PRI_TYPE(array->npy.dtype));
    *out = array->npy.data;
    if (array->npy.dtype == PR_F32) return PR_OK;

    const double *from = array->npy.data;
    PR_TRY(pri_array_own(array, (size_t)count, sizeof(float)));
    float *to = array->memory;
#pragma omp parallel for if (count >= PRI_PARALLEL_FROM)
    for (uint64_t i = 0; i < count; i++) to[i] = (float)from[i];
    *out = to;
done:
    return st;
}
