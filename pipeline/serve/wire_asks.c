/* wire_asks.c: how a request wants to be answered: its parameters, and the outputs it names. */
#include "pipeline/serve/wire_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <packrat/sampler.h>

/* ---- parameters ---- */

static const double MAX_DEADLINE_MS = 86400000; /* a day */

pr_status pri_wire_read_flag(const pr_json *object, const char *where, const char *key, bool *out)
{
    pr_status            st   = PR_OK;
    const pr_json *const flag = pri_json_find(object, key);
    char                 said[PRI_JSON_SAY];

    PR_CHECK(!flag || pri_json_as_bool(flag, out), PR_E_INPUT, "%s.%s is %s, must be true or false",
             where, key, pri_json_say(flag, said));
done:
    return st;
}

/* Write one hop of a fanout: a number, or "all". */
static pr_status print_hop(const pr_json *hop, const char *where, char *out, size_t room)
{
    pr_status   st   = PR_OK;
    const char *text = pri_json_as_string(hop);
    int64_t     n    = 0;
    char        said[PRI_JSON_SAY];

    PR_CHECK((text && !strcmp(text, "all")) ||
                 (pri_json_as_int(hop, &n) && n > 0 && n <= PR_FANOUT_MAX),
             PR_E_INPUT, "%s is %s, must be 1..%u or \"all\"", where, pri_json_say(hop, said),
             PR_FANOUT_MAX);
    if (text)
        snprintf(out, room, "all");
    else
        snprintf(out, room, "%" PRId64, n);
done:
    return st;
}

/* Bring a fanout, which may be text as --fanout has it, a list of hops or one number, into text. */
static pr_status read_fanout(const pr_json *json, pri_wire_request *out)
{
    pr_status         st   = PR_OK;
    const char *const text = pri_json_as_string(json);
    const size_t      hops = pri_json_length(json);
    size_t            used = 0;
    char              where[64];
    pr_fanout         parsed;

    if (!json) return PR_OK;
    if (text) {
        PR_CHECK(strlen(text) < sizeof out->fanout, PR_E_INPUT,
                 "parameters.fanout has %zu bytes, at most %zu are allowed", strlen(text),
                 sizeof out->fanout - 1);
        memcpy(out->fanout, text, strlen(text) + 1);
    } else if (pri_json_is_array(json)) {
        PR_CHECK(hops >= 1 && hops <= PR_MAX_LAYERS, PR_E_INPUT,
                 "parameters.fanout has %zu hops, must have 1..%u", hops, PR_MAX_LAYERS);
        for (size_t h = 0; h < hops; h++) { /* 16 hops of 10 digits fit */
            snprintf(where, sizeof where, "parameters.fanout[%zu]", h);
            if (h) out->fanout[used++] = ',';
            PR_TRY(print_hop(pri_json_at(json, h), where, out->fanout + used,
                             sizeof out->fanout - used));
            used += strlen(out->fanout + used);
        }
    } else {
        PR_TRY(print_hop(json, "parameters.fanout", out->fanout, sizeof out->fanout));
    }
    if (pr_fanout_parse(out->fanout, 0, &parsed) != PR_OK)
        PR_RAISE(PR_E_INPUT,
                 "parameters.fanout is \"%.80s\", must be as \"10,5\": one of 1..%u or "
                 "all for each layer, or one for all of them",
                 out->fanout, PR_FANOUT_MAX);
    out->own_fanout = true;
done:
    return st;
}

/* Read digits, and nothing else. */
static bool read_digits(const char *text, uint64_t *out)
{
    uint64_t value = 0;

    if (!*text) return false;
    for (; *text; text++)
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return false;
    *out = value;
    return true;
}

static pr_status read_seed(const pr_json *json, pri_wire_request *out)
{
    pr_status         st   = PR_OK;
    const char *const text = pri_json_as_string(json);
    int64_t           n    = -1;
    char              said[PRI_JSON_SAY];

    if (!json) return PR_OK;
    PR_CHECK(text ? read_digits(text, &out->seed) : pri_json_as_int(json, &n) && n >= 0, PR_E_INPUT,
             "parameters.seed is %s, must be an integer 0..%" PRIu64 ", as text beyond %" PRId64,
             pri_json_say(json, said), UINT64_MAX, INT64_MAX);
    if (!text) out->seed = (uint64_t)n;
    out->own_seed = true;
done:
    return st;
}

static pr_status read_deadline(const pr_json *json, pri_wire_request *out)
{
    pr_status st = PR_OK;
    double    ms = 0;
    char      said[PRI_JSON_SAY];

    if (!json) return PR_OK;
    PR_CHECK(pri_json_as_real(json, &ms) && ms > 0 && ms <= MAX_DEADLINE_MS, PR_E_INPUT,
             "parameters.deadline_ms is %s, must be a number above 0, at most %.0f",
             pri_json_say(json, said), MAX_DEADLINE_MS);
    out->deadline_ms = ms;
done:
    return st;
}

/* Triton keeps these for itself, and its clients send them unasked: not for us, and no harm. */
static bool is_tritons(const char *key)
{
    static const char *const name[] = { "sequence_id", "sequence_start", "sequence_end",
                                        "priority",    "timeout",        "headers" };

    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++)
        if (!strcmp(key, name[i])) return true;
    return !strncmp(key, "triton_", 7);
}

pr_status pri_wire_read_parameters(const pr_json *json, pri_wire_request *out, bool *binary)
{
    static const char *const own[] = { "fanout", "seed", "deadline_ms", "binary_data_output" };
    pr_status                st    = PR_OK;
    char                     said[PRI_JSON_SAY];

    if (!json) return PR_OK;
    PR_CHECK(pri_json_is_object(json), PR_E_INPUT, "parameters is %s, must be an object",
             pri_json_say(json, said));
    for (void *it = pri_json_next(json, NULL); it; it = pri_json_next(json, it)) {
        const char *const key   = pri_json_key(it);
        bool              known = is_tritons(key);
        for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) known |= !strcmp(key, own[i]);
        PR_CHECK(known, PR_E_INPUT,
                 "parameters has \"%.64s\", may have fanout, seed, deadline_ms and "
                 "binary_data_output",
                 key);
    }
    PR_TRY(read_fanout(pri_json_find(json, "fanout"), out));
    PR_TRY(read_seed(pri_json_find(json, "seed"), out));
    PR_TRY(read_deadline(pri_json_find(json, "deadline_ms"), out));
    PR_TRY(pri_wire_read_flag(json, "parameters", "binary_data_output", binary));
done:
    return st;
}

/* ---- outputs ---- */

static bool may_have(const pri_wire_limits *limits, int what)
{
    if (limits->outputs == PR_OUTPUTS_EMBEDDING) return what == PRI_WIRE_EMBEDDINGS;
    return what != PRI_WIRE_EMBEDDINGS || limits->has_hidden;
}

/* Write the names of outputs that may be had. */
static void list_outputs(const pri_wire_limits *limits, char out[128])
{
    size_t used = 0;

    for (int what = 0; what <= PRI_WIRE_CLASS; what++)
        if (may_have(limits, what))
            used += (size_t)snprintf(out + used, 128 - used, "%s%s", used ? ", " : "",
                                     pri_wire_output_name(what));
}

static pr_status read_name(const pr_json *json, const char *where, const pri_wire_limits *limits,
                           int *out)
{
    pr_status         st   = PR_OK;
    const char *const name = pri_json_as_string(json);
    char              said[PRI_JSON_SAY], names[128];
    int               what = 0;

    while (name && what <= PRI_WIRE_CLASS && strcmp(name, pri_wire_output_name(what))) what++;
    if (name && what <= PRI_WIRE_CLASS && may_have(limits, what)) {
        *out = what;
        return PR_OK;
    }
    list_outputs(limits, names);
    const bool known = name && what <= PRI_WIRE_CLASS;
    PR_RAISE(PR_E_INPUT, "%s.name is %s, must be one of %s%s", where, pri_json_say(json, said),
             names,
             !known                        ? ""
             : what == PRI_WIRE_EMBEDDINGS ? ": a model of one layer has no embeddings"
                                           : ": a model for links has no classes");
done:
    return st;
}

static pr_status read_output(const pr_json *json, const pri_wire_limits *limits, bool binary,
                             pri_wire_request *out)
{
    static const char *const members[]    = { "name", "parameters", NULL };
    static const char *const parameters[] = { "binary_data", NULL };
    pr_status                st           = PR_OK;
    char                     where[64], of[80];
    int                      what = 0;

    snprintf(where, sizeof where, "outputs[%u]", out->num_outputs);
    snprintf(of, sizeof of, "%s.parameters", where);
    PR_TRY(pri_wire_only(json, where, members));
    PR_TRY(read_name(pri_json_find(json, "name"), where, limits, &what));
    for (uint32_t i = 0; i < out->num_outputs; i++)
        PR_CHECK(out->output[i].what != what, PR_E_INPUT,
                 "%s.name is \"%s\", as outputs[%u] has it", where, pri_wire_output_name(what), i);
    const pr_json *const own = pri_json_find(json, "parameters");
    if (own) {
        PR_TRY(pri_wire_only(own, of, parameters));
        PR_TRY(pri_wire_read_flag(own, of, "binary_data", &binary));
    }
    out->output[out->num_outputs].what     = what;
    out->output[out->num_outputs++].binary = binary;
done:
    return st;
}

/* Ask for what is usual: for a model of links its embeddings, else all but them. */
static void ask_usual(const pri_wire_limits *limits, bool binary, pri_wire_request *out)
{
    for (int what = 0; what <= PRI_WIRE_CLASS; what++)
        if ((what == PRI_WIRE_EMBEDDINGS) == (limits->outputs == PR_OUTPUTS_EMBEDDING)) {
            out->output[out->num_outputs].what     = what;
            out->output[out->num_outputs++].binary = binary;
        }
}

pr_status pri_wire_read_outputs(const pr_json *json, const pri_wire_limits *limits, bool binary,
                                pri_wire_request *out)
{
    pr_status st = PR_OK;
    char      said[PRI_JSON_SAY];

    PR_CHECK(!json || pri_json_is_array(json), PR_E_INPUT, "outputs is %s, must be an array",
             pri_json_say(json, said));
    const size_t n = pri_json_length(json);
    PR_CHECK(n <= PRI_WIRE_MAX_OUTPUTS, PR_E_INPUT,
             "outputs has %zu elements, at most %d are allowed", n, PRI_WIRE_MAX_OUTPUTS);
    for (size_t i = 0; i < n; i++) PR_TRY(read_output(pri_json_at(json, i), limits, binary, out));
    if (n == 0) ask_usual(limits, binary, out);
done:
    return st;
}
