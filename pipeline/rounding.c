/* rounding.c: see rounding.h. */
#include "pipeline/rounding.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/isa.h"
#include "pipeline/nn/engine.h"
#include "pipeline/nn/model.h"

/* Describe how lanes are cut: their threads, and whose rows are whose, which decides who has which
 * seeds. */
static pr_status describe_lanes(const pri_trainer *t, pr_json *json)
{
    pr_status        st     = PR_OK;
    const pr_shards *shards = &t->placing.shards;
    char             text[16 * PR_MAX_LANES];
    size_t           at  = 0;
    uint64_t         sum = 0;

    for (uint32_t i = 0; i < t->num_lanes; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%u", i ? "," : "",
                               t->lane[i]->binding.num_threads);
    PR_TRY(pr_json_set_string(json, "threads", text));
    snprintf(text, sizeof text, "%u", t->num_lanes);
    PR_TRY(pr_json_set_string(json, "lanes", text));
    if (t->num_lanes < 2) return pr_json_set_string(json, "shards", "one");
    const uint32_t num = shards->num_shards;
    sum                = pri_checksum(shards->lane, num * sizeof *shards->lane, num);
    if (shards->of_row)
        sum = pri_checksum(shards->of_row, t->dataset->graph.num_nodes, sum);
    else
        sum = pri_checksum(shards->first, (num + (size_t)1) * sizeof *shards->first, sum);
    snprintf(text, sizeof text, "%s %016" PRIx64, shards->of_row ? "by row" : "ranges", sum);
    PR_TRY(pr_json_set_string(json, "shards", text));
done:
    return st;
}

/* Describe in which order the first layer works, and on what. */
static pr_status describe_layers(const pri_trainer *t, pr_json *json)
{
    static const char *const formats[] = { [PR_ROWS_F32]  = "f32",
                                           [PR_ROWS_BF16] = "bf16",
                                           [PR_ROWS_F16]  = "f16",
                                           [PR_ROWS_INT8] = "int8" };
    pr_status                st        = PR_OK;
    const pr_features       *x         = &t->dataset->features;
    const bool               csr       = x->kind == PR_FEATURES_CSR;
    const bool               as_is     = csr && t->setup->cache.mode == PR_CACHE_OFF;
    pr_model_shape           shape;

    pr_model_describe(t->model, &shape);
    const bool first = as_is || shape.options.kind == PR_MODEL_GAT;
    PR_TRY(pr_json_set_string(json, "rows",
                              csr       ? "csr"
                              : x->file ? formats[x->file->format]
                                        : "f32"));
    PR_TRY(pr_json_set_string(json, "inputs", as_is ? "sparse" : "dense"));
    PR_TRY(
        pr_json_set_string(json, "first layer", first ? "multiplies first" : "aggregates first"));
    PR_TRY(pr_json_set_string(json, "activation",
                              pri_model_fuses(&shape, 0) ? "within the product" : "by itself"));
done:
    return st;
}

pr_status pri_rounding_describe(const pri_trainer *t, pr_json **out)
{
    pr_status   st    = PR_OK;
    pr_json    *json  = pr_json_object();
    const char *limit = getenv("DNNL_MAX_CPU_ISA");
    char        text[64];

    *out = NULL;
    PR_CHECK(json, PR_E_NOMEM, "cannot describe what rounding depends on");
    PR_TRY(pr_json_set_string(json, "packrat", PR_VERSION));
    PR_TRY(pr_json_set_string(json, "compiler", __VERSION__));
    PR_TRY(pr_json_set_string(json, "processor", pr_topo_cpu_model(t->topo)));
    PR_TRY(pr_json_set_string(json, "kernels", pri_isa_name(pri_isa_at_most(PR_ISA_AVX512))));
    pri_engine_version(text, sizeof text);
    PR_TRY(pr_json_set_string(json, "onednn", text));
    pri_engine_isa(text, sizeof text);
    PR_TRY(pr_json_set_string(json, "onednn isa", text));
    PR_TRY(pr_json_set_string(json, "DNNL_MAX_CPU_ISA", limit ? limit : ""));
    PR_TRY(describe_lanes(t, json));
    PR_TRY(describe_layers(t, json));
    *out = json;
    json = NULL;
done:
    pr_json_free(json);
    return st;
}

void pri_rounding_compare(const pr_json *now, const pr_json *was, char *out, size_t bytes)
{
    pr_json *walked = (pr_json *)(uintptr_t)now; /* walking changes nothing */
    size_t   at     = 0;

    out[0] = '\0';
    for (void *it = pri_json_next(walked, NULL); it; it = pri_json_next(walked, it)) {
        const char *key    = pri_json_key(it);
        const char *mine   = pri_json_as_string(pri_json_value(it));
        const char *theirs = pri_json_as_string(pri_json_find(was, key));
        if ((theirs && !strcmp(mine, theirs)) || at >= bytes) continue;
        at += (size_t)snprintf(out + at, bytes - at, "%s%s: '%.80s' was '%.80s'", at ? "; " : "",
                               key, mine, theirs ? theirs : "(not known)");
    }
}
