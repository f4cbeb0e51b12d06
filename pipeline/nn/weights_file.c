/* weights_file.c: a model's weights as a .npz that numpy and PyTorch read, and from one that they
 * wrote (docs/file-format.md, "Weights for PyTorch"). */
#include <string.h>

#include "loaders/npz.h"
#include "pipeline/nn/model.h"
#include "pipeline/nn/torch_names.h"

/* Give B [cols, rows], the transpose of A [rows, cols]. */
static void transpose(const float *a, size_t rows, size_t cols, float *b)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++) b[j * rows + i] = a[i * cols + j];
}

/* Give the elements of the largest tensor. */
static size_t largest(const pr_model_shape *shape)
{
    size_t     most = 1;
    pri_tensor tensor[PRI_NUM_ROLES];

    for (uint32_t l = 0; l < shape->num_layers; l++) {
        const uint32_t num = pri_model_tensors(shape, l, tensor);
        for (uint32_t i = 0; i < num; i++)
            if (tensor[i].rows * tensor[i].cols > most) most = tensor[i].rows * tensor[i].cols;
    }
    return most;
}

/* ---- save ---- */

static pr_status add_layer(pri_npz_writer *writer, const pr_model *model, uint32_t l, float *room)
{
    pr_status      st = PR_OK;
    pri_tensor     tensor[PRI_NUM_ROLES];
    const uint32_t num = pri_model_tensors(&model->shape, l, tensor);

    for (uint32_t i = 0; i < num; i++) {
        const pri_torch_tensor t    = pri_torch_describe(&model->shape, &tensor[i]);
        const float           *from = model->parameters + tensor[i].at;
        if (t.transposed) transpose(from, tensor[i].rows, tensor[i].cols, room);
        PR_TRY(pri_npz_add(writer, t.name, t.num_dims, t.shape, t.transposed ? room : from));
    }
done:
    return st;
}

pr_status pr_weights_save(const char *path, const pr_model *model)
{
    pr_status       st     = PR_OK;
    pri_npz_writer *writer = NULL;
    float          *room   = NULL;

    PR_CHECK(path && path[0] && model, PR_E_ARG, "path or model is NULL");
    PR_NEW(room, largest(&model->shape));
    PR_TRY(pri_npz_begin(&writer));
    for (uint32_t l = 0; l < model->shape.num_layers; l++)
        PR_TRY(add_layer(writer, model, l, room));
    PR_TRY(pri_npz_commit(writer, path));
done:
    pri_npz_end(writer);
    pri_free(room);
    return st;
}

/* ---- load ---- */

/* A .npz on its way into a model. */
typedef struct loading {
    const char *path;
    pri_npz    *npz;
    bool       *used; /* [members] */
    float      *room; /* for the largest tensor */
} loading;

/* Give the member of a tensor: under its name, or the older one, not both. */
static pr_status find_tensor(const loading *in, const pri_torch_tensor *t, uint32_t *out)
{
    pr_status      st    = PR_OK;
    const uint32_t found = pri_npz_find(in->npz, t->name);
    const uint32_t older = t->older[0] ? pri_npz_find(in->npz, t->older) : PRI_NPZ_MEMBERS;

    PR_CHECK(found == PRI_NPZ_MEMBERS || older == PRI_NPZ_MEMBERS, PR_E_INPUT,
             "%s: has both %s.npy and %s.npy, which are two names for one tensor", in->path,
             t->name, t->older);
    *out = found < PRI_NPZ_MEMBERS ? found : older;
    if (*out == PRI_NPZ_MEMBERS) {
        char shape[PRI_SHAPE_BYTES];
        pri_npy_shape_text(t->num_dims, t->shape, shape);
        PR_RAISE(PR_E_INPUT,
                 "%s: lacks the member %s.npy of shape %s%s%s%s (it has %u members%s%s)", in->path,
                 t->name, shape, t->older[0] ? ", also read as " : "", t->older,
                 t->older[0] ? ".npy" : "", pri_npz_count(in->npz),
                 pri_npz_count(in->npz) > 0 ? ", the first is " : "",
                 pri_npz_count(in->npz) > 0 ? pri_npz_name(in->npz, 0) : "");
    }
done:
    return st;
}

/* Read the second copy of a tensor that has two names, where there is one: it must be the same. */
static pr_status check_shared(loading *in, const pri_torch_tensor *t, const pri_tensor *tensor,
                              const float *first)
{
    pr_status      st    = PR_OK;
    const uint32_t found = t->shared[0] ? pri_npz_find(in->npz, t->shared) : PRI_NPZ_MEMBERS;
    const size_t   rows = tensor->rows, cols = tensor->cols;

    if (found == PRI_NPZ_MEMBERS) return PR_OK;
    in->used[found] = true;
    PR_TRY(pri_npz_read(in->npz, found, t->num_dims, t->shape, in->room));
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++)
            PR_CHECK(
                first[i * cols + j] == in->room[j * rows + i], PR_E_INPUT,
                "%s: member %s.npy differs from %s.npy at (%zu, %zu); both ends of an arc must "
                "share one matrix",
                in->path, t->shared, t->older, j, i);
done:
    return st;
}

static pr_status load_tensor(loading *in, pr_model *model, const pri_tensor *tensor)
{
    pr_status              st = PR_OK;
    const pri_torch_tensor t  = pri_torch_describe(&model->shape, tensor);
    float                 *to = model->parameters + tensor->at;
    uint32_t               member;

    PR_TRY(find_tensor(in, &t, &member));
    in->used[member] = true;
    PR_TRY(pri_npz_read(in->npz, member, t.num_dims, t.shape, t.transposed ? in->room : to));
    if (t.transposed) transpose(in->room, tensor->cols, tensor->rows, to);
    PR_TRY(check_shared(in, &t, tensor, to));
done:
    return st;
}

/* Refuse members that are no tensor of the model: it is another one then. */
static pr_status check_extra(const loading *in, const pr_model_shape *shape)
{
    pr_status st = PR_OK;
    char      shown[PRI_NPZ_NAME_BYTES];

    for (uint32_t i = 0; i < pri_npz_count(in->npz); i++) {
        const char *name = pri_npz_name(in->npz, i);
        size_t      n    = 0;
        for (; name[n]; n++) shown[n] = name[n] >= ' ' && name[n] <= '~' ? name[n] : '?';
        shown[n] = '\0';
        PR_CHECK(in->used[i], PR_E_INPUT,
                 "%s: has the member %s.npy, which a %s model of %u layers%s%s does not have "
                 "(docs/file-format.md lists them)",
                 in->path, shown, pr_model_kind_name(shape->options.kind), shape->num_layers,
                 shape->options.residual ? " with residual" : "",
                 shape->options.layer_norm ? " with layer norm" : "");
    }
done:
    return st;
}

pr_status pr_weights_load(const char *path, const pr_model_options *options, uint32_t num_layers,
                          uint32_t num_features, uint32_t num_outputs, pr_model **out)
{
    pr_status  st    = PR_OK;
    pr_model  *model = NULL;
    loading    in    = { .path = path };
    pri_tensor tensor[PRI_NUM_ROLES];

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_TRY(pri_npz_open(path, &in.npz));
    PR_TRY(pri_model_create_zero(options, num_layers, num_features, num_outputs, &model));
    PR_NEW(in.used, pri_npz_count(in.npz) + 1);
    PR_NEW(in.room, largest(&model->shape));
    for (uint32_t l = 0; l < num_layers; l++) {
        const uint32_t num = pri_model_tensors(&model->shape, l, tensor);
        for (uint32_t i = 0; i < num; i++) PR_TRY(load_tensor(&in, model, &tensor[i]));
    }
    PR_TRY(check_extra(&in, &model->shape));
    *out  = model;
    model = NULL;
done:
    pri_npz_close(in.npz);
    pri_free(in.used);
    pri_free(in.room);
    pr_model_free(model);
    return st;
}
