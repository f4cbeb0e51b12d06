/* label_sets.c: see label_sets.h. */
#include "loaders/label_sets.h"

#include "loaders/npy.h"

bool pri_label_sets_are(const pr_npy *npy)
{
    const bool whole = npy->dtype != PR_BOOL && npy->dtype != PR_F32 && npy->dtype != PR_F64;

    return npy->num_dims == 2 && !(whole && npy->shape[1] == 1);
}

/* clang-format off */
#define CONVERT_SETS(name, type)                                                                   \
    static uint64_t name(const type *from, uint64_t count, uint8_t *to)                            \
    {                                                                                              \
        uint64_t bad = count;                                                                      \
        _Pragma("omp parallel for reduction(min : bad) if (count >= PRI_PARALLEL_FROM)")           \
        for (uint64_t i = 0; i < count; i++) {                                                     \
            const bool set = from[i] == (type)1;                                                   \
            if (!set && from[i] != (type)0 && i < bad) bad = i;                                    \
            if (to) to[i] = set;                                                                   \
        }                                                                                          \
        return bad;                                                                                \
    }
/* clang-format on */
CONVERT_SETS(convert_u8, uint8_t)
CONVERT_SETS(convert_i32, int32_t)
CONVERT_SETS(convert_i64, int64_t)
CONVERT_SETS(convert_f32, float)
#undef CONVERT_SETS

uint64_t pri_label_sets_convert(const pr_npy *npy, uint8_t *to)
{
    const uint64_t count = npy->shape[0] * npy->shape[1];

    PR_ASSERT(PRI_TYPES_SET & PRI_TYPE(npy->dtype));
    switch (npy->dtype) {
    case PR_I32: return convert_i32(npy->data, count, to);
    case PR_I64: return convert_i64(npy->data, count, to);
    case PR_F32: return convert_f32(npy->data, count, to);
    default: return convert_u8(npy->data, count, to);
    }
}

pr_status pri_label_sets_load(pri_array *array, const pri_meta *meta, const uint8_t **out)
{
    pr_status      st = PR_OK;
    const uint64_t N = meta->num_nodes, C = meta->num_classes;
    const bool     bytes = pri_dtype_bytes(array->npy.dtype) == 1;
    char           found[PRI_ELEMENT_BYTES];

    PR_CHECK(C > 0, PR_E_INPUT,
             "%s/label.npy: has two dimensions, but num_classes of meta.json is 0", array->dir);
    PR_TRY(pri_array_check_shape(array, 2, N, C, "num_nodes and num_classes of meta.json"));
    if (!bytes) PR_TRY(pri_array_own(array, (size_t)(N * C), 1));
    const uint64_t bad = pri_label_sets_convert(&array->npy, array->memory);
    if (bad < N * C) {
        pri_array_element_text(array, bad, found);
        PR_RAISE(PR_E_INPUT, "%s/label.npy: label %llu of node %llu is %s, must be 0 or 1",
                 array->dir, (unsigned long long)(bad % C), (unsigned long long)(bad / C), found);
    }
    *out = bytes ? array->npy.data : array->memory;
    if (!bytes) pri_array_drop_file(array);
done:
    return st;
}
