/* checkpoint_header.c: the JSON of a checkpoint, written and read. Reading names the file and the
 * member that is wrong, what was found and what is allowed. */
#include "pipeline/nn/checkpoint_header.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <packrat/loaders.h>

#include "base/members.h"
#include "base/options.h"

static const char *const norm_names[] = {
    [PR_NORM_AUTO] = "auto", [PR_NORM_NONE] = "none", [PR_NORM_L1] = "l1", [PR_NORM_L2] = "l2"
};
static const char *const output_names[] = { [PR_OUTPUTS_CLASSES]   = "classes",
                                            [PR_OUTPUTS_LABELS]    = "labels",
                                            [PR_OUTPUTS_EMBEDDING] = "embedding" };

enum {
    NUM_NORMS   = sizeof norm_names / sizeof *norm_names,
    NUM_OUTPUTS = sizeof output_names / sizeof *output_names
};

static const struct {
    const char *name, *type;
} arrays[PRI_NUM_ARRAYS] = { [PRI_ARRAY_WEIGHTS] = { "weights", "f32" },
                             [PRI_ARRAY_LATEST]  = { "latest", "f32" },
                             [PRI_ARRAY_MOMENT1] = { "moment1", "f32" },
                             [PRI_ARRAY_MOMENT2] = { "moment2", "f32" },
                             [PRI_ARRAY_RECENT]  = { "recent", "u32" } };

/* ---- write ---- */

/* Write the model's options down by name, as a user would. */
static pr_status describe_options(const pr_model_options *options, pr_json *header)
{
    pr_status              st    = PR_OK;
    const pr_option_table *table = &pr_model_option_table;
    pr_json               *json  = pr_json_object();
    char                   text[PR_TEXT_BYTES];

    PR_CHECK(json, PR_E_NOMEM, "cannot make a checkpoint's header");
    for (size_t i = 0; i < table->num_options; i++) {
        pri_option_text(&table->options[i], options, text, sizeof text);
        PR_TRY(pr_json_set_string(json, table->options[i].name, text));
    }
    st   = pr_json_set(header, "model", json);
    json = NULL;
done:
    pr_json_free(json);
    return st;
}

static pr_status describe_arrays(const uint64_t count[PRI_NUM_ARRAYS], pr_json *header)
{
    pr_status st   = PR_OK;
    pr_json  *list = pr_json_array(), *json = NULL;

    PR_CHECK(list, PR_E_NOMEM, "cannot make a checkpoint's header");
    for (int i = 0; i < PRI_NUM_ARRAYS; i++) {
        if (count[i] == 0) continue;
        json = pr_json_object();
        PR_CHECK(json, PR_E_NOMEM, "cannot make a checkpoint's header");
        PR_TRY(pr_json_set_string(json, "name", arrays[i].name));
        PR_TRY(pr_json_set_string(json, "type", arrays[i].type));
        PR_TRY(pri_member_set_u64(json, "count", count[i]));
        st   = pr_json_append(list, json);
        json = NULL;
        if (st != PR_OK) goto done;
    }
    st   = pr_json_set(header, "arrays", list);
    list = NULL;
done:
    pr_json_free(json);
    pr_json_free(list);
    return st;
}

static pr_status describe_info(const pr_checkpoint_info *info, pr_json *header)
{
    pr_status st = PR_OK;

    PR_TRY(pr_json_set_string(header, "outputs", output_names[info->outputs]));
    PR_TRY(pr_json_set_string(header, "dataset_name", info->dataset_name));
    PR_TRY(pri_member_set_u64(header, "dataset_fingerprint", info->dataset_fingerprint));
    PR_TRY(pri_member_set_u64(header, "seed", info->seed));
    PR_TRY(pri_member_set_u64(header, "step", info->step));
    PR_TRY(pr_json_set_int(header, "epoch", info->epoch));
    PR_TRY(pr_json_set_int(header, "split", info->split));
    PR_TRY(pr_json_set_string(header, "feature_norm", norm_names[info->feature_norm]));
    PR_TRY(pri_member_set_real(header, "best_val_score", info->best_val_accuracy));
    PR_TRY(pr_json_set_string(header, "options", info->options));
done:
    return st;
}

/* Add a copy of an object, unless it is NULL. */
static pr_status describe_object(const pr_json *object, const char *key, pr_json *header)
{
    pr_status st   = PR_OK;
    pr_json  *copy = NULL;
    char     *text = NULL;

    if (!object) return PR_OK;
    text = pr_json_text(object);
    PR_CHECK(text, PR_E_NOMEM, "cannot print a checkpoint's header");
    PR_TRY(pri_json_parse(text, strlen(text), key, &copy));
    PR_TRY(pr_json_set(header, key, copy));
done:
    free(text);
    return st;
}

pr_status pri_checkpoint_describe(const pri_checkpoint *checkpoint,
                                  const uint64_t count[PRI_NUM_ARRAYS], pr_json **out)
{
    pr_status             st     = PR_OK;
    const pr_model       *model  = checkpoint->model;
    const pr_model       *latest = checkpoint->latest ? checkpoint->latest : model;
    const pr_model_shape *shape  = &model->shape;
    pr_json              *header = pr_json_object();

    *out = NULL;
    PR_CHECK(header, PR_E_NOMEM, "cannot make a checkpoint's header");
    PR_TRY(pr_json_set_string(header, "packrat", PR_VERSION));
    PR_TRY(describe_options(&model->options, header));
    PR_TRY(pr_json_set_int(header, "num_layers", shape->num_layers));
    PR_TRY(pr_json_set_int(header, "num_features", shape->width[0]));
    PR_TRY(pr_json_set_int(header, "num_outputs", shape->width[shape->num_layers]));
    PR_TRY(pri_member_set_u64(header, "updates", latest->adam_steps));
    PR_TRY(describe_info(&checkpoint->info, header));
    PR_TRY(describe_object(checkpoint->rounding, "rounding", header));
    PR_TRY(describe_object(checkpoint->training, "training", header));
    PR_TRY(describe_arrays(count, header));
    *out   = header;
    header = NULL;
done:
    pr_json_free(header);
    return st;
}

/* ---- read ---- */

/* Read a word that must be one of a list; `allowed` says which. */
static pr_status get_word(const pri_members *m, const char *key, const char *const *names, int num,
                          const char *allowed, int32_t *out)
{
    pr_status st = PR_OK;
    char      text[16];

    PR_TRY(pri_member_text(m, key, text, sizeof text));
    for (*out = 0; *out < num; ++*out)
        if (!strcmp(text, names[*out])) return PR_OK;
    PR_RAISE(PR_E_INPUT, "%s: %s is '%s', must be %s", m->path, key, text, allowed);
done:
    return st;
}

static pr_status get_info(const pri_members *m, uint32_t version, pr_checkpoint_info *info)
{
    pr_status st = PR_OK;
    int64_t   split;

    PR_TRY(pri_member_text(m, "dataset_name", info->dataset_name, sizeof info->dataset_name));
    PR_TRY(pri_member_u64(m, "dataset_fingerprint", &info->dataset_fingerprint));
    PR_TRY(pri_member_u64(m, "seed", &info->seed));
    PR_TRY(pri_member_u64(m, "step", &info->step));
    PR_TRY(pri_member_u32(m, "epoch", &info->epoch));
    PR_TRY(pri_member_int(m, "split", PR_SPLIT_MAIN, PR_SPLIT_ALT, &split));
    info->split = (int32_t)split;
    PR_TRY(get_word(m, "feature_norm", norm_names, NUM_NORMS, "auto, none, l1 or l2",
                    &info->feature_norm));
    PR_TRY(pri_member_real_or_null(m, version == 1 ? "best_val_accuracy" : "best_val_score",
                                   &info->best_val_accuracy));
    PR_TRY(pri_member_text(m, "options", info->options, sizeof info->options));
    info->outputs = PR_OUTPUTS_CLASSES;
    if (version > 1)
        PR_TRY(get_word(m, "outputs", output_names, NUM_OUTPUTS, "classes, labels or embedding",
                        &info->outputs));
done:
    return st;
}

/* Give the shape of the model; here the file is to blame for options out of bounds. */
static pr_status get_shape(const pri_members *m, const char *outputs, pri_checkpoint_head *head)
{
    pr_status st = PR_OK;
    int64_t   layers, features, num;

    PR_TRY(pri_member_int(m, "num_layers", 1, PR_MAX_LAYERS, &layers));
    PR_TRY(pri_member_int(m, "num_features", 1, INT32_MAX, &features));
    PR_TRY(pri_member_int(m, outputs, 1, INT32_MAX, &num));
    st = pri_model_shape(&head->options, (uint32_t)layers, (uint32_t)features, (uint32_t)num,
                         &head->shape);
    if (st != PR_OK) {
        pri_error_prefix("%s: ", m->path);
        st = PR_E_INPUT;
    }
done:
    return st;
}

/* Version 1 knew one kind of model, and its optimiser. */
static pr_status get_model_1(const pri_members *m, pri_checkpoint_head *head)
{
    pr_status st = PR_OK;
    char      kind[16];
    int64_t   hidden;

    PR_TRY(pri_member_text(m, "model", kind, sizeof kind));
    PR_CHECK(!strcmp(kind, "sage"), PR_E_INPUT, "%s: model is '%s', must be sage", m->path, kind);
    PR_TRY(pri_member_int(m, "hidden", 1, PRI_MAX_WIDTH, &hidden));
    head->options = (pr_model_options){ .kind = PR_MODEL_SAGE, .hidden = (uint32_t)hidden };
    PR_TRY(pri_member_real(m, "dropout", &head->options.dropout));
    PR_TRY(pri_member_u64(m, "adam_steps", &head->updates));
    PR_TRY(get_shape(m, "num_classes", head));
    head->count[PRI_ARRAY_WEIGHTS]     = head->count[PRI_ARRAY_MOMENT1] =
        head->count[PRI_ARRAY_MOMENT2] = head->shape.num_parameters;
done:
    return st;
}

/* Read the model's options; those that are left out have their defaults. */
static pr_status get_options(const pri_members *m, pr_model_options *options)
{
    pr_status             st    = PR_OK;
    const pr_option_group group = { &pr_model_option_table, options };
    const pr_json        *model = NULL;
    char                  text[64];

    PR_TRY(pri_member_object(m, "model", &model));
    const pri_members own = { .path = m->path, .object = model };
    PR_TRY(pri_member_text(&own, "model", text, sizeof text));
    pr_options_init(&group, 1);
    pr_json *walked = (pr_json *)(uintptr_t)model; /* walking changes nothing */
    for (void *it = pri_json_next(walked, NULL); it; it = pri_json_next(walked, it)) {
        PR_TRY(pri_member_text(&own, pri_json_key(it), text, sizeof text));
        st = pr_options_set(&group, 1, pri_json_key(it), text);
        if (st != PR_OK) {
            pri_error_prefix("%s: model: ", m->path);
            st = PR_E_INPUT;
            goto done;
        }
    }
done:
    return st;
}

/* Read one entry of the list of arrays; they come in order, each at most once. */
static pr_status get_array(const char *path, const pr_json *entry, int *next,
                           pri_checkpoint_head *head)
{
    pr_status         st = PR_OK;
    const pri_members m  = { .path = path, .object = entry };
    char              name[16], type[8];
    uint64_t          count;

    PR_CHECK(pri_json_is_object(entry), PR_E_INPUT, "%s: arrays has an entry that is no object",
             path);
    PR_TRY(pri_member_text(&m, "name", name, sizeof name));
    PR_TRY(pri_member_text(&m, "type", type, sizeof type));
    PR_TRY(pri_member_u64(&m, "count", &count));
    while (*next < PRI_NUM_ARRAYS && strcmp(name, arrays[*next].name) != 0) ++*next;
    PR_CHECK(*next < PRI_NUM_ARRAYS, PR_E_INPUT,
             "%s: arrays has '%s', which is not known, or there twice or out of order", path, name);
    PR_CHECK(!strcmp(type, arrays[*next].type), PR_E_INPUT,
             "%s: array %s has type '%s', must be %s", path, name, type, arrays[*next].type);
    PR_CHECK(count > 0 && count <= UINT64_MAX / 64, PR_E_INPUT,
             "%s: array %s has %" PRIu64 " elements, must have 1 .. %" PRIu64, path, name, count,
             UINT64_MAX / 64);
    PR_CHECK(*next == PRI_ARRAY_RECENT || count == head->shape.num_parameters, PR_E_INPUT,
             "%s: array %s has %" PRIu64 " elements, the model has %" PRIu64 " parameters", path,
             name, count, head->shape.num_parameters);
    head->count[(*next)++] = count;
done:
    return st;
}

static pr_status get_model_2(const pri_members *m, pri_checkpoint_head *head)
{
    pr_status      st   = PR_OK;
    const pr_json *list = pri_json_find(m->object, "arrays");
    int            next = 0;

    PR_TRY(get_options(m, &head->options));
    PR_TRY(get_shape(m, "num_outputs", head));
    PR_TRY(pri_member_u64(m, "updates", &head->updates));
    PR_CHECK(pri_json_is_array(list), PR_E_INPUT, "%s: arrays is missing or not a list", m->path);
    for (size_t i = 0; i < pri_json_length(list); i++)
        PR_TRY(get_array(m->path, pri_json_at(list, i), &next, head));
    PR_CHECK(head->count[PRI_ARRAY_WEIGHTS] > 0, PR_E_INPUT, "%s: arrays has no weights", m->path);
done:
    return st;
}

/* Take a copy of a member that is an object, if it is there. */
static pr_status get_object(const pri_members *m, const char *key, pr_json **out)
{
    pr_status      st     = PR_OK;
    const pr_json *member = NULL;
    char          *text   = NULL;

    if (!pri_json_find(m->object, key)) return PR_OK;
    PR_TRY(pri_member_object(m, key, &member));
    text = pr_json_text(member);
    PR_CHECK(text, PR_E_NOMEM, "%s: cannot copy %s", m->path, key);
    PR_TRY(pri_json_parse(text, strlen(text), m->path, out));
done:
    free(text);
    return st;
}

pr_status pri_checkpoint_read(const char *path, const pr_json *header, pri_checkpoint *out,
                              pri_checkpoint_head *head)
{
    pr_status         st = PR_OK;
    const pri_members m  = { .path = path, .object = header };

    *head = (pri_checkpoint_head){ 0 };
    PR_CHECK(pri_json_is_object(header), PR_E_INPUT, "%s: its header is not a JSON object", path);
    PR_TRY(get_info(&m, out->version, &out->info));
    PR_TRY(out->version == 1 ? get_model_1(&m, head) : get_model_2(&m, head));
    PR_CHECK(head->updates < UINT64_MAX, PR_E_INPUT, "%s: %s is %" PRIu64 ", too many", path,
             out->version == 1 ? "adam_steps" : "updates", head->updates);
    if (out->version == 1) goto done;
    PR_TRY(get_object(&m, "rounding", &out->rounding));
    PR_TRY(get_object(&m, "training", &out->training));
done:
    return st;
}

bool pri_checkpoint_norm_known(int32_t feature_norm)
{
    return feature_norm >= 0 && feature_norm < NUM_NORMS;
}
