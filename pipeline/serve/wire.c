/* wire.c: bodies of the Open Inference Protocol. */
#include "pipeline/serve/wire.h"

#include <stdlib.h>

static pr_status unsupported(void)
{
    pr_status st = PR_OK;

    PR_CHECK(false, PR_E_UNSUPPORTED, "bodies");
done:
    return st;
}

pr_status pri_wire_read_infer(const char *body, size_t bytes, size_t json_bytes,
                              const pri_wire_limits *limits, pri_wire_request *out)
{
    (void)body;
    (void)bytes;
    (void)json_bytes;
    (void)limits;
    (void)out;
    return unsupported();
}

pr_status pri_wire_read_features(const char *body, size_t bytes, const pri_wire_limits *limits,
                                 pri_wire_request *out)
{
    (void)body;
    (void)bytes;
    (void)limits;
    (void)out;
    return unsupported();
}

pr_status pri_wire_write_infer(const pri_wire_request *request, const pri_query *query,
                               const char *model, pri_wire_body *out)
{
    (void)request;
    (void)query;
    (void)model;
    (void)out;
    return unsupported();
}

pr_status pri_wire_write_features(const pri_wire_request *request, const pri_query *query,
                                  pri_wire_body *out)
{
    (void)request;
    (void)query;
    (void)out;
    return unsupported();
}

pr_status pri_wire_write_error(const char *message, pri_wire_body *out)
{
    (void)message;
    (void)out;
    return unsupported();
}

pr_status pri_wire_write_server(pri_wire_body *out)
{
    (void)out;
    return unsupported();
}

pr_status pri_wire_write_model(const char *model, const pri_service_facts *facts,
                               pri_wire_body *out)
{
    (void)model;
    (void)facts;
    (void)out;
    return unsupported();
}

pr_status pri_wire_write_ready(const char *model, bool ready, pri_wire_body *out)
{
    (void)model;
    (void)ready;
    (void)out;
    return unsupported();
}

void pri_wire_clear(pri_wire_request *request)
{
    (void)request;
}
