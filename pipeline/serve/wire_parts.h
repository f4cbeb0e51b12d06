/* wire_parts.h: what the readers of bodies share. */
#ifndef PIPELINE_SERVE_WIRE_PARTS_H
#define PIPELINE_SERVE_WIRE_PARTS_H

#include "pipeline/serve/wire.h"

#include "base/json.h"

/* A body taken apart: JSON, and bytes of tensors behind it. */
typedef struct pri_wire_parts {
    pr_json             *json;
    const unsigned char *tail; /* [tail_bytes] borrowed */
    size_t               tail_bytes;
} pri_wire_parts;

/* A name that is allowed, or the end of them. */
typedef const char *const *pri_wire_names;

/* Make sure that `json`, which is at `where`, is an object that has no other members than those,
 * NULL at their end. */
pr_status pri_wire_only(const pr_json *json, const char *where, pri_wire_names allowed);

/* Read "inputs": the one tensor node_ids, in JSON or behind it. */
pr_status pri_wire_read_inputs(const pri_wire_parts *parts, const pri_wire_limits *limits,
                               pri_wire_request *out);

/* Read a plain list of node ids in JSON, named `where`. */
pr_status pri_wire_read_list(const pr_json *list, const char *where, const pri_wire_limits *limits,
                             pri_wire_request *out);

/* Read "parameters" (NULL: none) of infer; `binary` is binary_data_output. */
pr_status pri_wire_read_parameters(const pr_json *json, pri_wire_request *out, bool *binary);

/* Read a parameter that is true or false, which may be absent. */
pr_status pri_wire_read_flag(const pr_json *object, const char *where, const char *key, bool *out);

/* Read "outputs" (NULL: none); without any, all that are usual. */
pr_status pri_wire_read_outputs(const pr_json *json, const pri_wire_limits *limits, bool binary,
                                pri_wire_request *out);

#endif
