/* fuzz_wire.c: any bytes as the body of a request, cut into JSON and tensor anywhere: refused with
 * words, or a request within its limits whose answer can be written and is JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "pipeline/serve/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NODES = 1000, MOST = 8, COLS = 3 };

static void check(int holds)
{
    if (!holds) abort();
}

static void check_json(pri_wire_body *body)
{
    pr_json *json;

    check(body->json_bytes <= body->bytes);
    check(pri_json_parse(body->at, body->json_bytes, "answer", &json) == PR_OK);
    pr_json_free(json);
    free(body->at);
}

/* Answer a request with rows of a few numbers. */
static void answer(const pri_wire_request *request, const pri_wire_limits *limits, bool features)
{
    float         row[MOST * COLS];
    pri_wire_body body;
    pri_query     query = { .num_nodes   = request->num_nodes,
                            .seed        = request->seed,
                            .outputs     = limits->outputs,
                            .logits      = { .at = row, .cols = COLS },
                            .used_fanout = { .num_layers = 2, .hop = { 1, 1 } } };

    for (size_t i = 0; i < MOST * COLS; i++) row[i] = (float)i / 7 - 1;
    if (limits->has_hidden) query.hidden = query.logits;
    check((features ? pri_wire_write_features(request, &query, &body)
                    : pri_wire_write_infer(request, &query, "m", &body)) == PR_OK);
    check_json(&body);
}

static void check_request(const pri_wire_request *request, bool features)
{
    check(request->num_nodes >= 1 && request->num_nodes <= MOST);
    for (uint32_t i = 0; i < request->num_nodes; i++) check(request->nodes[i] < NODES);
    check(features ? request->num_outputs == 0
                   : request->num_outputs >= 1 && request->num_outputs <= PRI_WIRE_MAX_OUTPUTS);
    check(isnan(request->deadline_ms) || request->deadline_ms > 0);
    check(memchr(request->fanout, 0, sizeof request->fanout) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pri_wire_request request;
    pri_wire_body    body;

    if (size < 2) return 0;
    const bool            features = data[0] & 1, has_tail = data[0] & 2;
    const pri_wire_limits limits = { .num_nodes  = NODES,
                                     .max_nodes  = MOST,
                                     .outputs    = (data[0] >> 2) % 3,
                                     .has_hidden = data[0] & 16 };
    const char *const     text   = (const char *)data + 2;
    const size_t    bytes = size - 2, json = has_tail && bytes > data[1] ? bytes - data[1] : bytes;
    const pr_status st = features ? pri_wire_read_features(text, bytes, &limits, &request)
                                  : pri_wire_read_infer(text, bytes, json, &limits, &request);
    if (st == PR_OK) {
        check_request(&request, features);
        answer(&request, &limits, features);
    } else {
        check(st == PR_E_INPUT && pr_error_message()[0]);
        check(pri_wire_write_error(pr_error_message(), &body) == PR_OK);
        check_json(&body);
    }
    pri_wire_clear(&request);
    check(pri_mem_live() == 0);
    return 0;
}
