/* wire_facts.c: what server and model are, whether they are ready, and what went wrong. */
#include "pipeline/serve/wire_text.h"

#include <math.h>

static pr_status end(pri_text *text, pri_wire_body *out)
{
    return pri_text_end(text, text->used, out);
}

pr_status pri_wire_write_error(const char *message, pri_wire_body *out)
{
    pri_text text = { 0 };

    pri_text_add(&text, "{\"error\":");
    pri_text_string(&text, message);
    pri_text_add(&text, "}");
    return end(&text, out);
}

pr_status pri_wire_write_server(pri_wire_body *out)
{
    pri_text text = { 0 };

    pri_text_add(&text, "{\"name\":\"packrat\",\"version\":\"" PR_VERSION "\",\"extensions\":["
                        "\"binary_tensor_data\",\"model_repository\",\"parameters\"]}");
    return end(&text, out);
}

pr_status pri_wire_write_ready(const char *model, bool ready, pri_wire_body *out)
{
    pri_text text = { 0 };

    pri_text_add(&text, "{");
    if (model) {
        pri_text_add(&text, "\"name\":");
        pri_text_string(&text, model);
        pri_text_add(&text, ",");
    }
    pri_text_add(&text, ready ? "\"ready\":true}" : "\"ready\":false}");
    return end(&text, out);
}

/* ---- the model ---- */

/* Describe a tensor of any number of rows; cols 0: it has no columns. */
static void put_tensor(pri_text *text, const char *name, const char *type, uint32_t cols)
{
    pri_text_add(text, "{\"name\":\"");
    pri_text_add(text, name);
    pri_text_add(text, "\",\"datatype\":\"");
    pri_text_add(text, type);
    pri_text_add(text, "\",\"shape\":[-1");
    if (cols) {
        pri_text_add(text, ",");
        pri_text_unsigned(text, cols);
    }
    pri_text_add(text, "]}");
}

static void put_outputs(pri_text *text, const pri_service_facts *facts)
{
    const uint32_t layers = facts->shape.num_layers, cols = facts->shape.width[layers];
    const bool     labels = facts->info.outputs == PR_OUTPUTS_LABELS;

    if (facts->info.outputs == PR_OUTPUTS_EMBEDDING) {
        put_tensor(text, "embeddings", "FP32", cols);
        return;
    }
    put_tensor(text, "logits", "FP32", cols);
    pri_text_add(text, ",");
    put_tensor(text, "probabilities", "FP32", cols);
    pri_text_add(text, ",");
    if (layers > 1) {
        put_tensor(text, "embeddings", "FP32", facts->shape.width[layers - 1]);
        pri_text_add(text, ",");
    }
    put_tensor(text, "class", labels ? "UINT8" : "INT64", labels ? cols : 0);
}

static void put_number(pri_text *text, const char *name, uint64_t number)
{
    pri_text_add(text, ",\"");
    pri_text_add(text, name);
    pri_text_add(text, "\":");
    pri_text_unsigned(text, number);
}

static void put_parameters(pri_text *text, const pri_service_facts *facts)
{
    static const char *const outputs[] = { "classes", "labels", "columns" };
    const pr_model_shape    *shape     = &facts->shape;

    PR_ASSERT(facts->info.outputs >= 0 && facts->info.outputs <= PR_OUTPUTS_EMBEDDING);
    pri_text_add(text, "{\"fanout\":");
    pri_text_fanout(text, &facts->fanout);
    pri_text_add(text, ",\"max_fanout\":");
    pri_text_fanout(text, &facts->max_fanout);
    pri_text_add(text, ",\"seed\":");
    pri_text_seed(text, facts->seed);
    put_number(text, "nodes", facts->num_nodes);
    put_number(text, "features", facts->num_features);
    put_number(text, outputs[facts->info.outputs], shape->width[shape->num_layers]);
    put_number(text, "layers", shape->num_layers);
    put_number(text, "weights", shape->num_parameters);
    put_number(text, "epoch", facts->info.epoch);
    put_number(text, "step", facts->info.step);
    pri_text_add(text, ",\"score\":");
    pri_text_float(text, (float)facts->info.best_val_accuracy);
    pri_text_add(text, ",\"dataset\":");
    pri_text_string(text, facts->info.dataset_name);
    put_number(text, "lanes", facts->num_lanes);
    put_number(text, "capacity_rows", facts->capacity_rows);
    pri_text_add(text, facts->derived ? ",\"derived\":true}" : ",\"derived\":false}");
}

pr_status pri_wire_write_model(const char *model, const pri_service_facts *facts,
                               pri_wire_body *out)
{
    pri_text text = { 0 };

    pri_text_add(&text, "{\"name\":");
    pri_text_string(&text, model);
    pri_text_add(&text, ",\"versions\":[\"");
    pri_text_unsigned(&text, facts->version);
    pri_text_add(&text, "\"],\"platform\":\"packrat_");
    pri_text_add(&text, pr_model_kind_name(facts->shape.options.kind));
    pri_text_add(&text, "\",\"inputs\":[");
    put_tensor(&text, "node_ids", "INT64", 0);
    pri_text_add(&text, "],\"outputs\":[");
    put_outputs(&text, facts);
    pri_text_add(&text, "],\"parameters\":");
    put_parameters(&text, facts);
    pri_text_add(&text, "}");
    return end(&text, out);
}
