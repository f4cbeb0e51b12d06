/* wire_ids.c: node ids of a request: a tensor of any integer type, [n] or [n, 1], in JSON, flat or
 * in rows, or as bytes behind it, little endian; or a plain list. */
#include "pipeline/serve/wire_parts.h"

#include <inttypes.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#    error "tensors of the protocol are little endian, as is all that packrat runs on"
#endif

typedef struct id_type {
    const char *name;
    uint32_t    bytes;
    bool        is_signed;
} id_type;

static const id_type type[] = { { "INT64", 8, true },   { "INT32", 4, true },
                                { "UINT64", 8, false }, { "UINT32", 4, false },
                                { "INT16", 2, true },   { "UINT16", 2, false },
                                { "INT8", 1, true },    { "UINT8", 1, false } };

enum { NUM_TYPES = sizeof type / sizeof type[0] };

static const char INPUT[] = "inputs[0]";

/* What a tensor says of itself. */
typedef struct id_tensor {
    const id_type *type;
    bool           rows; /* [n, 1] */
    uint32_t       n;
} id_tensor;

static pr_status read_type(const pr_json *json, const id_type **out)
{
    pr_status   st   = PR_OK;
    const char *name = pri_json_as_string(json);
    char        said[PRI_JSON_SAY];

    for (size_t i = 0; name && i < NUM_TYPES; i++)
        if (!strcmp(name, type[i].name)) {
            *out = &type[i];
            return PR_OK;
        }
    PR_RAISE(
        PR_E_INPUT,
        "%s.datatype is %s, must be INT64, INT32, INT16, INT8, UINT64, UINT32, UINT16 or UINT8",
        INPUT, pri_json_say(json, said));
done:
    return st;
}

static pr_status check_count(uint64_t n, const char *where, const pri_wire_limits *limits)
{
    pr_status st = PR_OK;

    PR_CHECK(n >= 1 && n <= limits->max_nodes, PR_E_INPUT,
             "%s has %" PRIu64 " nodes, a request has 1..%u", where, n, limits->max_nodes);
done:
    return st;
}

static pr_status read_shape(const pr_json *json, const pri_wire_limits *limits, id_tensor *out)
{
    pr_status    st   = PR_OK;
    const size_t dims = pri_json_length(json);
    int64_t      n = -1, width = 1;
    char         said[PRI_JSON_SAY];

    PR_CHECK(dims == 1 || dims == 2, PR_E_INPUT, "%s.shape is %s, must be [n] or [n, 1]", INPUT,
             pri_json_say(json, said));
    PR_CHECK(pri_json_as_int(pri_json_at(json, 0), &n) && n >= 0, PR_E_INPUT,
             "%s.shape[0] is %s, must be an integer from 0 on", INPUT,
             pri_json_say(pri_json_at(json, 0), said));
    PR_CHECK(dims == 1 || (pri_json_as_int(pri_json_at(json, 1), &width) && width == 1), PR_E_INPUT,
             "%s.shape[1] is %s, must be 1: shapes are [n] or [n, 1]", INPUT,
             pri_json_say(pri_json_at(json, 1), said));
    PR_TRY(check_count((uint64_t)n, INPUT, limits));
    out->n    = (uint32_t)n;
    out->rows = dims == 2;
done:
    return st;
}

/* Take an id that is an integer. */
static pr_status take(int64_t id, const char *where, size_t i, const pri_wire_limits *limits,
                      pr_vid *out)
{
    pr_status st = PR_OK;

    PR_CHECK(id >= 0 && id < (int64_t)limits->num_nodes, PR_E_INPUT,
             "%s[%zu] is node %" PRId64 ", the graph has 0..%u", where, i, id,
             limits->num_nodes - 1);
    *out = (pr_vid)id;
done:
    return st;
}

/* Read n elements of a list; with `rows`, each may be a list of one. */
static pr_status read_elements(const pr_json *list, const char *where, bool rows,
                               const pri_wire_limits *limits, pri_wire_request *out)
{
    pr_status st = PR_OK;
    char      said[PRI_JSON_SAY];
    int64_t   id;

    PR_NEW(out->nodes, out->num_nodes);
    for (uint32_t i = 0; i < out->num_nodes; i++) {
        const pr_json *item = pri_json_at(list, i);
        if (rows && pri_json_length(item) == 1) item = pri_json_at(item, 0);
        PR_CHECK(pri_json_as_int(item, &id), PR_E_INPUT,
                 "%s[%u] is %s, must be an integer, written without point and exponent", where, i,
                 pri_json_say(item, said));
        PR_TRY(take(id, where, i, limits, &out->nodes[i]));
    }
done:
    return st;
}

pr_status pri_wire_read_list(const pr_json *list, const char *where, const pri_wire_limits *limits,
                             pri_wire_request *out)
{
    pr_status st = PR_OK;
    char      said[PRI_JSON_SAY];

    PR_CHECK(pri_json_is_array(list), PR_E_INPUT, "%s is %s, must be an array of node ids", where,
             pri_json_say(list, said));
    PR_TRY(check_count(pri_json_length(list), where, limits));
    out->num_nodes = (uint32_t)pri_json_length(list);
    PR_TRY(read_elements(list, where, false, limits, out));
done:
    return st;
}

/* Give element i of a tensor of bytes; those of UINT64 beyond INT64 are negative. */
static int64_t element(const id_type *of, const unsigned char *at)
{
    int64_t  wide   = 0;
    uint32_t unused = 64 - 8 * of->bytes;

    memcpy(&wide, at, of->bytes);
    if (!of->is_signed || !unused) return wide;
    return (int64_t)((uint64_t)wide << unused) >> unused; /* the sign's bit moves down */
}

static pr_status read_binary(const pri_wire_parts *parts, const id_tensor *tensor, int64_t bytes,
                             const pri_wire_limits *limits, pri_wire_request *out)
{
    pr_status    st   = PR_OK;
    const size_t each = tensor->type->bytes, want = tensor->n * each;

    PR_CHECK(bytes >= 0 && (uint64_t)bytes == want, PR_E_INPUT,
             "%s.parameters.binary_data_size is %" PRId64 ", must be %zu: %u elements of %s", INPUT,
             bytes, want, tensor->n, tensor->type->name);
    PR_CHECK(parts->tail_bytes == want, PR_E_INPUT,
             "%zu bytes follow the JSON, binary_data_size is %zu: does "
             "Inference-Header-Content-Length give the bytes of the JSON?",
             parts->tail_bytes, want);
    PR_NEW(out->nodes, tensor->n);
    for (uint32_t i = 0; i < tensor->n; i++) {
        const int64_t id = element(tensor->type, parts->tail + i * each);
        PR_CHECK(id >= 0 || tensor->type->is_signed, PR_E_INPUT,
                 "%s.data[%u] is node %" PRIu64 ", the graph has 0..%u", INPUT, i, (uint64_t)id,
                 limits->num_nodes - 1);
        PR_TRY(take(id, "inputs[0].data", i, limits, &out->nodes[i]));
    }
done:
    return st;
}

/* Make sure that numbers written out are of the type that is named. */
static pr_status check_type(const id_tensor *tensor, const pri_wire_request *request)
{
    pr_status      st   = PR_OK;
    const uint32_t bits = 8 * tensor->type->bytes - tensor->type->is_signed;
    const uint64_t most = bits >= 32 ? UINT32_MAX : (UINT64_C(1) << bits) - 1;

    for (uint32_t i = 0; i < request->num_nodes; i++)
        PR_CHECK(request->nodes[i] <= most, PR_E_INPUT,
                 "%s.data[%u] is %u, more than %s holds (%" PRIu64 ")", INPUT, i, request->nodes[i],
                 tensor->type->name, most);
done:
    return st;
}

static pr_status read_json(const pri_wire_parts *parts, const id_tensor *tensor,
                           const pr_json *data, const pri_wire_limits *limits,
                           pri_wire_request *out)
{
    pr_status st = PR_OK;
    char      said[PRI_JSON_SAY];

    PR_CHECK(parts->tail_bytes == 0, PR_E_INPUT,
             "%zu bytes follow the JSON, but %s.parameters.binary_data_size is not given",
             parts->tail_bytes, INPUT);
    PR_CHECK(pri_json_is_array(data), PR_E_INPUT, "%s.data is %s, must be an array of %u", INPUT,
             pri_json_say(data, said), tensor->n);
    PR_CHECK(pri_json_length(data) == tensor->n, PR_E_INPUT,
             "%s.data has %zu elements, must have %u as its shape says", INPUT,
             pri_json_length(data), tensor->n);
    PR_TRY(read_elements(data, "inputs[0].data", tensor->rows, limits, out));
    PR_TRY(check_type(tensor, out));
done:
    return st;
}

/* Find the one input, and make sure that it is node_ids. */
static pr_status find_input(const pr_json *inputs, const pr_json **out)
{
    static const char *const allowed[] = {
        "name", "shape", "datatype", "parameters", "data", NULL
    };
    pr_status st = PR_OK;
    char      said[PRI_JSON_SAY];

    PR_CHECK(pri_json_is_array(inputs), PR_E_INPUT,
             "inputs is %s, must be an array of one: node_ids", pri_json_say(inputs, said));
    PR_CHECK(pri_json_length(inputs) == 1, PR_E_INPUT,
             "inputs has %zu elements, must have one: node_ids", pri_json_length(inputs));
    *out = pri_json_at(inputs, 0);
    PR_TRY(pri_wire_only(*out, INPUT, allowed));
    const pr_json *const name = pri_json_find(*out, "name");
    const char *const    text = pri_json_as_string(name);
    PR_CHECK(text && !strcmp(text, "node_ids"), PR_E_INPUT, "%s.name is %s, must be \"node_ids\"",
             INPUT, pri_json_say(name, said));
done:
    return st;
}

/* Find binary_data_size; -1: there is none. */
static pr_status find_binary_size(const pr_json *input, int64_t *out)
{
    static const char *const allowed[]  = { "binary_data_size", NULL };
    pr_status                st         = PR_OK;
    const pr_json           *parameters = pri_json_find(input, "parameters");
    char                     said[PRI_JSON_SAY];

    *out = -1;
    if (!parameters) return PR_OK;
    PR_TRY(pri_wire_only(parameters, "inputs[0].parameters", allowed));
    const pr_json *const size = pri_json_find(parameters, "binary_data_size");
    PR_CHECK(!size || (pri_json_as_int(size, out) && *out >= 0), PR_E_INPUT,
             "%s.parameters.binary_data_size is %s, must be a number of bytes", INPUT,
             pri_json_say(size, said));
done:
    return st;
}

pr_status pri_wire_read_inputs(const pri_wire_parts *parts, const pri_wire_limits *limits,
                               pri_wire_request *out)
{
    pr_status      st     = PR_OK;
    const pr_json *input  = NULL;
    id_tensor      tensor = { 0 };
    int64_t        binary;

    PR_TRY(find_input(pri_json_find(parts->json, "inputs"), &input));
    PR_TRY(read_type(pri_json_find(input, "datatype"), &tensor.type));
    PR_TRY(read_shape(pri_json_find(input, "shape"), limits, &tensor));
    PR_TRY(find_binary_size(input, &binary));
    const pr_json *const data = pri_json_find(input, "data");
    PR_CHECK(binary < 0 || !data, PR_E_INPUT,
             "%s has data and parameters.binary_data_size, must have one of them", INPUT);
    out->num_nodes = tensor.n;
    if (binary >= 0)
        PR_TRY(read_binary(parts, &tensor, binary, limits, out));
    else
        PR_TRY(read_json(parts, &tensor, data, limits, out));
done:
    return st;
}
