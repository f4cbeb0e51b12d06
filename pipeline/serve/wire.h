/* wire.h: the Open Inference Protocol v2, from bytes to queries and back: JSON, and tensors as
 * binary behind it (Triton's binary tensor data extension). Knows no HTTP but for one header. */
#ifndef PIPELINE_SERVE_WIRE_H
#define PIPELINE_SERVE_WIRE_H

#include "pipeline/serve/queries.h"
#include "pipeline/serve/service.h"

enum { PRI_WIRE_MAX_OUTPUTS = 8 };

typedef enum pri_wire_output {
    PRI_WIRE_LOGITS,        /* FP32 [n, columns] */
    PRI_WIRE_PROBABILITIES, /* FP32 [n, columns]: softmax, or of each label */
    PRI_WIRE_EMBEDDINGS,    /* FP32 [n, columns]: inputs of the last layer, or of a model for links
                               its outputs */
    PRI_WIRE_CLASS          /* INT64 [n], or UINT8 [n, labels] */
} pri_wire_output;

/* What a body of infer or features asked for. */
typedef struct pri_wire_request {
    char    *id;    /* NULL: none */
    pr_vid  *nodes; /* [num_nodes] */
    uint32_t num_nodes;
    bool     own_fanout, own_seed;
    char     fanout[256]; /* as text, for pr_fanout_parse, which takes it for some layers */
    uint64_t seed;
    double   deadline_ms; /* NaN: none */
    bool     binary;      /* features: rows are wanted as binary */
    uint32_t num_outputs; /* infer: at least 1; features: 0 */
    struct {
        int  what; /* pri_wire_output */
        bool binary;
    } output[PRI_WIRE_MAX_OUTPUTS]; /* in the order asked for */
} pri_wire_request;

/* What may be asked for. */
typedef struct pri_wire_limits {
    pr_vid   num_nodes; /* of the graph */
    uint32_t max_nodes; /* of a request */
    int32_t  outputs;   /* pr_outputs */
    bool     has_hidden;
} pri_wire_limits;

/* "logits", ... */
const char *pri_wire_output_name(int what);

/* Read the body of POST .../infer. Without "outputs" all but embeddings are given, as JSON, or
 * binary with the parameter binary_data_output. Input node_ids is INT64, or any other integer type,
 * [n] or [n, 1], in JSON or binary.
 *
 *   json_bytes   of Inference-Header-Content-Length; equal to `bytes` without one
 *
 * PR_E_INPUT names what was found and what is allowed; `out` is to be cleared then too. Cost
 * O(bytes).
 */
pr_status pri_wire_read_infer(const char *body, size_t bytes, size_t json_bytes,
                              const pri_wire_limits *limits, pri_wire_request *out);

/* Read the body of POST /v1/features: {"node_ids": [..], "parameters": {"binary_data_output"}} */
pr_status pri_wire_read_features(const char *body, size_t bytes, const pri_wire_limits *limits,
                                 pri_wire_request *out);
void      pri_wire_clear(pri_wire_request *request); /* zeroed is fine */

/* Give what pri_query.wants_hidden is to be. */
bool pri_wire_wants_hidden(const pri_wire_request *request, const pri_wire_limits *limits);

/* Give the most bytes that an answer takes, its rows included.
 *
 *   cols     of logits, or of features
 *   hidden   of embeddings */
uint64_t pri_wire_answer_bytes(const pri_wire_request *request, uint32_t cols, uint32_t hidden);

/* Bytes to be sent; `at` is freed with free(). */
typedef struct pri_wire_body {
    char  *at;
    size_t bytes, json_bytes; /* json_bytes < bytes: binary tensors follow */
} pri_wire_body;

/* Write answers. Floats are printed so that they read back as they were; NaN and infinities as null
 * (binary ones as they are). PR_E_NOMEM; of infer also PR_E_MISMATCH, where a model that was loaded
 * since the request was read has no such output (409). Seeds are numbers up to 2^63 - 1, text
 * beyond. */
pr_status pri_wire_write_infer(const pri_wire_request *request, const pri_query *query,
                               const char *model, pri_wire_body *out);
pr_status pri_wire_write_features(const pri_wire_request *request, const pri_query *query,
                                  pri_wire_body *out);
pr_status pri_wire_write_error(const char *message, pri_wire_body *out); /* {"error": ...} */
pr_status pri_wire_write_server(pri_wire_body *out);                     /* GET /v2 */
pr_status pri_wire_write_model(const char *model, const pri_service_facts *facts,
                               pri_wire_body *out); /* GET /v2/models/{name} */
pr_status pri_wire_write_ready(const char *model, bool ready,
                               pri_wire_body *out); /* NULL: of the server */

#endif
