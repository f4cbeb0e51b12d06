/* checkpoint_header.c: the JSON of a checkpoint, written and read. Reading names the file and the
 * member that is wrong, what was found and what is allowed. */
#include "pipeline/nn/checkpoint_header.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <packrat/loaders.h>

#include "base/json.h"

static const char *const norm_names[] = {
    [PR_NORM_AUTO] = "auto", [PR_NORM_NONE] = "none", [PR_NORM_L1] = "l1", [PR_NORM_L2] = "l2"
};

enum { NUM_NORMS = sizeof norm_names / sizeof *norm_names };

/* JSON has no 64-bit unsigned and prints reals in 12 digits, so both go as text. */
static pr_status set_u64(pr_json *header, const char *key, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return pr_json_set_string(header, key, text);
}

static pr_status set_exact(pr_json *header, const char *key, double value)
{
    char text[40];
    if (isnan(value)) return pr_json_set_null(header, key);
    snprintf(text, sizeof text, "%.17g", value);
    return pr_json_set_string(header, key, text);
}

pr_status pri_checkpoint_describe(const pr_model *model, const pr_checkpoint_info *info,
                                  pr_json **out)
{
    pr_status             st     = PR_OK;
    const pr_model_shape *shape  = &model->shape;
    pr_json              *header = pr_json_object();

    *out = NULL;
    PR_CHECK(header, PR_E_NOMEM, "cannot make a checkpoint's header");
    PR_TRY(pr_json_set_string(header, "packrat", PR_VERSION));
    PR_TRY(pr_json_set_string(header, "model", "sage"));
    PR_TRY(pr_json_set_int(header, "num_layers", shape->num_layers));
    PR_TRY(pr_json_set_int(header, "num_features", shape->width[0]));
    PR_TRY(pr_json_set_int(header, "hidden", model->options.hidden));
    PR_TRY(pr_json_set_int(header, "num_classes", shape->width[shape->num_layers]));
    PR_TRY(set_exact(header, "dropout", shape->options.dropout));
    PR_TRY(set_u64(header, "adam_steps", model->adam_steps));
    PR_TRY(pr_json_set_string(header, "dataset_name", info->dataset_name));
    PR_TRY(set_u64(header, "dataset_fingerprint", info->dataset_fingerprint));
    PR_TRY(set_u64(header, "seed", info->seed));
    PR_TRY(set_u64(header, "step", info->step));
    PR_TRY(pr_json_set_int(header, "epoch", info->epoch));
    PR_TRY(pr_json_set_int(header, "split", info->split));
    PR_TRY(pr_json_set_string(header, "feature_norm", norm_names[info->feature_norm]));
    PR_TRY(set_exact(header, "best_val_accuracy", info->best_val_accuracy));
    PR_TRY(pr_json_set_string(header, "options", info->options));
    *out   = header;
    header = NULL;
done:
    pr_json_free(header);
    return st;
}

/* Reads members of one header; errors name the file and the member. */
typedef struct reader {
    const char    *path;
    const pr_json *header;
} reader;

static pr_status get_int(const reader *r, const char *key, int64_t min, int64_t max, int64_t *out)
{
    pr_status st = PR_OK;

    PR_CHECK(pri_json_as_int(pri_json_find(r->header, key), out), PR_E_INPUT,
             "%s: %s is missing or not an integer", r->path, key);
    PR_CHECK(*out >= min && *out <= max, PR_E_INPUT, "%s: %s is %lld, must be in %lld .. %lld",
             r->path, key, (long long)*out, (long long)min, (long long)max);
done:
    return st;
}

static pr_status get_u32(const reader *r, const char *key, uint32_t *out)
{
    int64_t         value = 0;
    const pr_status st    = get_int(r, key, 0, UINT32_MAX, &value);

    *out = (uint32_t)value;
    return st;
}

static pr_status get_u64(const reader *r, const char *key, uint64_t *out)
{
    pr_status   st   = PR_OK;
    char       *end  = NULL;
    const char *text = pri_json_as_string(pri_json_find(r->header, key));

    errno = 0;
    if (text && text[0] >= '0' && text[0] <= '9') *out = strtoull(text, &end, 10);
    PR_CHECK(end && *end == '\0' && errno == 0, PR_E_INPUT,
             "%s: %s is '%s', must be a whole number as text", r->path, key, text ? text : "");
done:
    return st;
}

static pr_status get_exact(const reader *r, const char *key, double *out)
{
    pr_status      st     = PR_OK;
    char          *end    = NULL;
    const pr_json *member = pri_json_find(r->header, key);
    const char    *text   = pri_json_as_string(member);

    if (text && text[0]) *out = strtod(text, &end);
    PR_CHECK(end && *end == '\0', PR_E_INPUT, "%s: %s is '%s', must be a number as text", r->path,
             key, text ? text : "");
done:
    return st;
}

static pr_status get_text(const reader *r, const char *key, char *out, size_t bytes)
{
    pr_status   st   = PR_OK;
    const char *text = pri_json_as_string(pri_json_find(r->header, key));

    PR_CHECK(text, PR_E_INPUT, "%s: %s is missing or not text", r->path, key);
    PR_CHECK(strlen(text) < bytes, PR_E_INPUT, "%s: %s has %zu bytes, at most %zu allowed", r->path,
             key, strlen(text), bytes - 1);
    memset(out, 0, bytes);
    memcpy(out, text, strlen(text));
done:
    return st;
}

static pr_status get_norm(const reader *r, int32_t *out)
{
    pr_status st = PR_OK;
    char      text[16];

    PR_TRY(get_text(r, "feature_norm", text, sizeof text));
    for (*out = 0; *out < NUM_NORMS; ++*out)
        if (!strcmp(text, norm_names[*out])) return PR_OK;
    PR_RAISE(PR_E_INPUT, "%s: feature_norm is '%s', must be auto, none, l1 or l2", r->path, text);
done:
    return st;
}

static bool is_null(const pr_json *member)
{
    char      *text = member ? pr_json_text(member) : NULL;
    const bool null = text && !strcmp(text, "null");

    free(text);
    return null;
}

static pr_status get_info(const reader *r, pr_checkpoint_info *info)
{
    pr_status st = PR_OK;
    int64_t   split;

    PR_TRY(get_text(r, "dataset_name", info->dataset_name, sizeof info->dataset_name));
    PR_TRY(get_u64(r, "dataset_fingerprint", &info->dataset_fingerprint));
    PR_TRY(get_u64(r, "seed", &info->seed));
    PR_TRY(get_u64(r, "step", &info->step));
    PR_TRY(get_u32(r, "epoch", &info->epoch));
    PR_TRY(get_int(r, "split", PR_SPLIT_MAIN, PR_SPLIT_ALT, &split));
    info->split = (int32_t)split;
    PR_TRY(get_norm(r, &info->feature_norm));
    info->best_val_accuracy = NAN;
    if (!is_null(pri_json_find(r->header, "best_val_accuracy")))
        PR_TRY(get_exact(r, "best_val_accuracy", &info->best_val_accuracy));
    PR_TRY(get_text(r, "options", info->options, sizeof info->options));
done:
    return st;
}

static pr_status get_model(const reader *r, pri_checkpoint_model *m)
{
    pr_status      st = PR_OK;
    char           kind[16];
    pr_model_shape shape = { 0 };
    int64_t        layers, features, hidden, classes;

    PR_TRY(get_text(r, "model", kind, sizeof kind));
    PR_CHECK(!strcmp(kind, "sage"), PR_E_INPUT, "%s: model is '%s', must be sage", r->path, kind);
    PR_TRY(get_int(r, "num_layers", 1, PR_MAX_LAYERS, &layers));
    PR_TRY(get_int(r, "num_features", 1, INT32_MAX, &features));
    PR_TRY(get_int(r, "hidden", 1, PRI_MAX_WIDTH, &hidden));
    PR_TRY(get_int(r, "num_classes", 1, INT32_MAX, &classes));
    *m = (pri_checkpoint_model){ .options = { .kind = PR_MODEL_SAGE, .hidden = (uint32_t)hidden },
                                 .num_layers   = (uint32_t)layers,
                                 .num_features = (uint32_t)features,
                                 .num_classes  = (uint32_t)classes };
    PR_TRY(get_exact(r, "dropout", &m->options.dropout));
    PR_TRY(get_u64(r, "adam_steps", &m->adam_steps));
    PR_CHECK(m->adam_steps < UINT64_MAX, PR_E_INPUT, "%s: adam_steps is %" PRIu64 ", too many",
             r->path, m->adam_steps);

    shape.num_layers = m->num_layers;
    for (uint32_t l = 0; l <= shape.num_layers; l++) shape.width[l] = m->options.hidden;
    shape.width[0]                = m->num_features;
    shape.width[shape.num_layers] = m->num_classes;
    PR_CHECK(pri_model_count(&shape, &m->num_parameters), PR_E_INPUT,
             "%s: %lld features, %lld hidden columns and %lld classes make too large a model",
             r->path, (long long)features, (long long)hidden, (long long)classes);
done:
    return st;
}

pr_status pri_checkpoint_read(const char *path, const pr_json *header, pr_checkpoint_info *info,
                              pri_checkpoint_model *model)
{
    pr_status    st = PR_OK;
    const reader r  = { .path = path, .header = header };

    PR_CHECK(pri_json_is_object(header), PR_E_INPUT, "%s: its header is not a JSON object", path);
    PR_TRY(get_info(&r, info));
    PR_TRY(get_model(&r, model));
done:
    return st;
}

bool pri_checkpoint_norm_known(int32_t feature_norm)
{
    return feature_norm >= 0 && feature_norm < NUM_NORMS;
}
