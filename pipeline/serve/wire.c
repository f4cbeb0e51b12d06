/* wire.c: what bodies that are read and bodies that are written have in common. */
#include "pipeline/serve/wire.h"

const char *pri_wire_output_name(int what)
{
    static const char *const name[] = { "logits", "probabilities", "embeddings", "class" };

    PR_ASSERT(what >= 0 && what <= PRI_WIRE_CLASS);
    return name[what];
}

bool pri_wire_wants_hidden(const pri_wire_request *request, const pri_wire_limits *limits)
{
    if (limits->outputs == PR_OUTPUTS_EMBEDDING) return false;
    for (uint32_t i = 0; i < request->num_outputs; i++)
        if (request->output[i].what == PRI_WIRE_EMBEDDINGS) return true;
    return false;
}

void pri_wire_clear(pri_wire_request *request)
{
    pri_free(request->id);
    pri_free(request->nodes);
    *request = (pri_wire_request){ 0 };
}
