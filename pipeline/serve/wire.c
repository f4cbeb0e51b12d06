/* wire.c: what bodies that are read and bodies that are written have in common. */
#include "pipeline/serve/wire.h"

#include "base/float_text.h"

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

uint64_t pri_wire_answer_bytes(const pri_wire_request *request, uint32_t cols, uint32_t hidden)
{
    enum { HEAD = 2048, TEXT = PRI_FLOAT_TEXT + 1 };
    uint64_t row = cols * sizeof(float); /* of one node: as it is computed, and as it is written */

    if (request->num_outputs == 0) row += (uint64_t)cols * (request->binary ? sizeof(float) : TEXT);
    for (uint32_t i = 0; i < request->num_outputs; i++) {
        const bool     inner = request->output[i].what == PRI_WIRE_EMBEDDINGS && hidden > 0;
        const uint64_t width = inner ? hidden : cols;
        if (inner) row += width * sizeof(float);
        row += width * (request->output[i].binary ? sizeof(float) : TEXT);
    }
    return HEAD + request->num_nodes * row;
}

void pri_wire_clear(pri_wire_request *request)
{
    pri_free(request->id);
    pri_free(request->nodes);
    *request = (pri_wire_request){ 0 };
}
