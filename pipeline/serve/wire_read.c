/* wire_read.c: a request's body as a whole; wire_ids.c reads its tensor, wire_asks.c its parameters
 * and outputs. Names that mean nothing here are refused, so that a misspelt one is not lost without
 * a word, but for those that Triton's own extensions have. */
#include "pipeline/serve/wire_parts.h"

#include <math.h>
#include <string.h>

enum { MAX_DEPTH = 16, MAX_ID_BYTES = 256, MORE_VALUES = 1024 };

/* What every error of a body begins with. */
static const char BODY[] = "request";

/* Write the names as "a, b, c". */
static void list_names(pri_wire_names names, char out[512])
{
    size_t used = 0;

    out[0] = 0;
    for (size_t i = 0; names[i] && used < 400; i++)
        used += (size_t)snprintf(out + used, 512 - used, "%s%s", i ? ", " : "", names[i]);
}

pr_status pri_wire_only(const pr_json *json, const char *where, pri_wire_names allowed)
{
    pr_status st = PR_OK;
    char      said[PRI_JSON_SAY], names[512];

    PR_CHECK(pri_json_is_object(json), PR_E_INPUT, "%s is %s, must be an object", where,
             pri_json_say(json, said));
    for (void *it = pri_json_next(json, NULL); it; it = pri_json_next(json, it)) {
        const char *const key = pri_json_key(it);
        size_t            i   = 0;
        while (allowed[i] && strcmp(allowed[i], key)) i++;
        if (allowed[i]) continue;
        list_names(allowed, names);
        PR_RAISE(PR_E_INPUT, "%s has \"%.64s\", may have %s", where, key, names);
    }
done:
    return st;
}

/* Parse the JSON, unless there is more in it than a request can want. */
static pr_status take_apart(const char *body, size_t bytes, size_t json_bytes,
                            const pri_wire_limits *limits, pri_wire_parts *out)
{
    pr_status    st  = PR_OK;
    const size_t cap = 4 * (size_t)limits->max_nodes + MORE_VALUES;

    PR_CHECK(bytes > 0, PR_E_INPUT, "%s: the body is empty, must be a JSON object", BODY);
    PR_CHECK(json_bytes > 0 && json_bytes <= bytes, PR_E_INPUT,
             "Inference-Header-Content-Length is %zu, must be 1..%zu, the bytes of the body",
             json_bytes, bytes);
    const pri_json_size size = pri_json_survey(body, json_bytes);
    PR_CHECK(size.depth <= MAX_DEPTH, PR_E_INPUT, "%s: %zu levels of depth, at most %d are allowed",
             BODY, size.depth, MAX_DEPTH);
    PR_CHECK(size.values <= cap, PR_E_INPUT,
             "%s: %zu values, far more than %u nodes, the most of a request", BODY, size.values,
             limits->max_nodes);
    *out = (pri_wire_parts){ .tail       = (const unsigned char *)body + json_bytes,
                             .tail_bytes = bytes - json_bytes };
    PR_TRY(pri_json_parse(body, json_bytes, BODY, &out->json));
    PR_CHECK(pri_json_is_object(out->json), PR_E_INPUT, "%s: the body is not a JSON object", BODY);
done:
    return st;
}

static pr_status read_id(const pr_json *json, pri_wire_request *out)
{
    pr_status   st   = PR_OK;
    const char *text = pri_json_as_string(json);
    char        said[PRI_JSON_SAY];

    if (!json) return PR_OK;
    PR_CHECK(text, PR_E_INPUT, "id is %s, must be text", pri_json_say(json, said));
    const size_t n = strlen(text);
    PR_CHECK(n <= MAX_ID_BYTES, PR_E_INPUT, "id has %zu bytes, at most %d are allowed", n,
             MAX_ID_BYTES);
    PR_NEW(out->id, n + 1);
    memcpy(out->id, text, n);
done:
    return st;
}

pr_status pri_wire_read_infer(const char *body, size_t bytes, size_t json_bytes,
                              const pri_wire_limits *limits, pri_wire_request *out)
{
    /* The path names the model; clients may say it again. */
    static const char *const allowed[] = { "id",         "inputs",        "outputs", "parameters",
                                           "model_name", "model_version", NULL };
    pr_status                st        = PR_OK;
    pri_wire_parts           parts     = { 0 };
    bool                     binary    = false;

    *out = (pri_wire_request){ .deadline_ms = (double)NAN };
    PR_TRY(take_apart(body, bytes, json_bytes, limits, &parts));
    PR_TRY(pri_wire_only(parts.json, BODY, allowed));
    PR_TRY(read_id(pri_json_find(parts.json, "id"), out));
    PR_TRY(pri_wire_read_parameters(pri_json_find(parts.json, "parameters"), out, &binary));
    PR_TRY(pri_wire_read_outputs(pri_json_find(parts.json, "outputs"), limits, binary, out));
    PR_TRY(pri_wire_read_inputs(&parts, limits, out));
done:
    pr_json_free(parts.json);
    return st;
}

static pr_status read_features_parameters(const pr_json *json, bool *binary)
{
    static const char *const allowed[] = { "binary_data_output", NULL };
    pr_status                st        = PR_OK;

    if (!json) return PR_OK;
    PR_TRY(pri_wire_only(json, "parameters", allowed));
    PR_TRY(pri_wire_read_flag(json, "parameters", "binary_data_output", binary));
done:
    return st;
}

pr_status pri_wire_read_features(const char *body, size_t bytes, const pri_wire_limits *limits,
                                 pri_wire_request *out)
{
    static const char *const allowed[] = { "id", "node_ids", "inputs", "parameters", NULL };
    pr_status                st        = PR_OK;
    pri_wire_parts           parts     = { 0 };

    *out = (pri_wire_request){ .deadline_ms = (double)NAN };
    PR_TRY(take_apart(body, bytes, bytes, limits, &parts));
    PR_TRY(pri_wire_only(parts.json, BODY, allowed));
    const pr_json *const ids    = pri_json_find(parts.json, "node_ids");
    const pr_json *const inputs = pri_json_find(parts.json, "inputs");
    PR_CHECK(!ids != !inputs, PR_E_INPUT, "%s has %s, must have one of node_ids and inputs", BODY,
             ids ? "node_ids and inputs" : "neither node_ids nor inputs");
    PR_TRY(read_id(pri_json_find(parts.json, "id"), out));
    PR_TRY(read_features_parameters(pri_json_find(parts.json, "parameters"), &out->binary));
    if (ids)
        PR_TRY(pri_wire_read_list(ids, "node_ids", limits, out));
    else
        PR_TRY(pri_wire_read_inputs(&parts, limits, out));
done:
    pr_json_free(parts.json);
    return st;
}
