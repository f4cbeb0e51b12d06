/* wire_write.c: answers as the protocol has them. What a row means is decided where `packrat infer`
 * has it from too, metrics.c. */
#include "pipeline/serve/wire_text.h"

#include "base/float_text.h"
#include "pipeline/metrics.h"

#include <string.h>

/* One tensor to be written. */
typedef struct tensor {
    int          what; /* pri_wire_output */
    bool         labels, binary;
    const float *rows; /* [n, cols] */
    uint32_t     n, cols;
    float       *scratch; /* [cols], for probabilities */
} tensor;

static bool is_class(const tensor *t)
{
    return t->what == PRI_WIRE_CLASS && !t->labels;
}

static bool is_labels(const tensor *t)
{
    return t->what == PRI_WIRE_CLASS && t->labels;
}

static const char *type_of(const tensor *t)
{
    return is_class(t) ? "INT64" : is_labels(t) ? "UINT8" : "FP32";
}

static size_t row_bytes(const tensor *t)
{
    if (is_class(t)) return sizeof(int64_t);
    return t->cols * (is_labels(t) ? sizeof(uint8_t) : sizeof(float));
}

/* Give the most bytes that a row takes as text, its commas included. */
static size_t row_room(const tensor *t)
{
    if (is_class(t)) return 12;
    return (size_t)t->cols * (is_labels(t) ? 2 : PRI_FLOAT_TEXT + 1);
}

/* Give row i as it is to be written; borrowed until the next. */
static const float *row_of(const tensor *t, uint32_t i)
{
    const float *const row = t->rows + (size_t)i * t->cols;

    if (t->what != PRI_WIRE_PROBABILITIES) return row;
    memcpy(t->scratch, row, t->cols * sizeof *row);
    if (t->labels)
        pri_sigmoid_row(t->scratch, t->cols);
    else
        pri_softmax_row(t->scratch, t->cols);
    return t->scratch;
}

static char *put_class(char *to, uint32_t class_of)
{
    char   digit[10];
    size_t n = 0;

    do digit[n++] = (char)('0' + class_of % 10);
    while (class_of /= 10);
    while (n > 0) *to++ = digit[--n];
    *to++ = ',';
    return to;
}

/* Write a row's numbers, each with a comma behind it. There is room. */
static char *put_row(const tensor *t, uint32_t i, char *to)
{
    const float *const row = row_of(t, i);

    if (is_class(t)) return put_class(to, pri_argmax_row(row, t->cols));
    for (uint32_t c = 0; c < t->cols; c++) {
        if (is_labels(t))
            *to++ = row[c] > 0.0f ? '1' : '0';
        else
            to += pri_float_text(row[c], to);
        *to++ = ',';
    }
    return to;
}

/* Write "data": [...]. */
static void put_data(pri_text *text, const tensor *t)
{
    pri_text_add(text, ",\"data\":[");
    for (uint32_t i = 0; i < t->n; i++) {
        if (!pri_text_room(text, row_room(t))) return;
        text->used = (size_t)(put_row(t, i, text->at + text->used) - text->at);
    }
    text->at[text->used - 1] = ']'; /* in place of the last comma */
}

/* Write what stands before a tensor's data, or in place of it. */
static void put_tensor(pri_text *text, const char *name, const tensor *t)
{
    pri_text_add(text, "{\"name\":\"");
    pri_text_add(text, name);
    pri_text_add(text, "\",\"datatype\":\"");
    pri_text_add(text, type_of(t));
    pri_text_add(text, "\",\"shape\":[");
    pri_text_unsigned(text, t->n);
    if (!is_class(t)) {
        pri_text_add(text, ",");
        pri_text_unsigned(text, t->cols);
    }
    pri_text_add(text, "]");
    if (t->binary) {
        pri_text_add(text, ",\"parameters\":{\"binary_data_size\":");
        pri_text_unsigned(text, t->n * row_bytes(t));
        pri_text_add(text, "}");
    } else {
        put_data(text, t);
    }
    pri_text_add(text, "}");
}

/* Write a tensor's bytes behind the JSON. */
static void put_bytes(pri_text *text, const tensor *t)
{
    if (!pri_text_room(text, t->n * row_bytes(t))) return;
    for (uint32_t i = 0; i < t->n; i++) {
        const float *const row = row_of(t, i);
        char *const        to  = text->at + text->used;
        if (is_class(t)) {
            const int64_t class_of = pri_argmax_row(row, t->cols);
            memcpy(to, &class_of, sizeof class_of);
        } else if (is_labels(t)) {
            pri_labels_row(row, t->cols, (uint8_t *)to);
        } else {
            memcpy(to, row, t->cols * sizeof *row);
        }
        text->used += row_bytes(t);
    }
}

/* ---- infer ---- */

/* Say which rows an output is made of. A model that was loaded since the request was read may have
 * none. */
static pr_status choose(const pri_query *query, int what, tensor *out)
{
    pr_status           st     = PR_OK;
    const bool          links  = query->outputs == PR_OUTPUTS_EMBEDDING;
    const bool          hidden = what == PRI_WIRE_EMBEDDINGS && !links;
    const pri_rows_out *rows   = hidden ? &query->hidden : &query->logits;

    PR_CHECK(what == PRI_WIRE_EMBEDDINGS || !links, PR_E_MISMATCH,
             "the model that was loaded meanwhile has no %s, but embeddings",
             pri_wire_output_name(what));
    PR_CHECK(rows->cols > 0, PR_E_MISMATCH, "the model that was loaded meanwhile has no %s",
             pri_wire_output_name(what));
    out->what   = what;
    out->labels = query->outputs == PR_OUTPUTS_LABELS;
    out->rows   = rows->at;
    out->cols   = rows->cols;
    out->n      = query->num_nodes;
done:
    return st;
}

static void put_id(pri_text *text, const pri_wire_request *request)
{
    if (!request->id) return;
    pri_text_add(text, "\"id\":");
    pri_text_string(text, request->id);
    pri_text_add(text, ",");
}

/* Write what stands before the outputs. */
static void put_head(pri_text *text, const pri_wire_request *request, const pri_query *query,
                     const char *model)
{
    pri_text_add(text, "{\"model_name\":");
    pri_text_string(text, model);
    pri_text_add(text, ",\"model_version\":\"");
    pri_text_unsigned(text, query->model_version);
    pri_text_add(text, "\",");
    put_id(text, request);
    pri_text_add(text, "\"parameters\":{\"fanout\":");
    pri_text_fanout(text, &query->used_fanout);
    pri_text_add(text, ",\"seed\":");
    pri_text_seed(text, query->seed);
    if (query->shed) pri_text_add(text, ",\"shed\":true");
    pri_text_add(text, "},\"outputs\":[");
}

/* Give about what the outputs take, so that the body seldom grows. */
static size_t room_for(const tensor *t, uint32_t num)
{
    enum { HEAD = 512, EACH = 128 };
    size_t room = HEAD;

    for (uint32_t i = 0; i < num; i++)
        room += EACH + t[i].n * (t[i].binary ? row_bytes(&t[i]) : row_room(&t[i]));
    return room;
}

pr_status pri_wire_write_infer(const pri_wire_request *request, const pri_query *query,
                               const char *model, pri_wire_body *out)
{
    pr_status st      = PR_OK;
    pri_text  text    = { 0 };
    float    *scratch = NULL;
    tensor    t[PRI_WIRE_MAX_OUTPUTS];

    *out = (pri_wire_body){ 0 };
    PR_ASSERT(query->num_nodes > 0 && request->num_outputs <= PRI_WIRE_MAX_OUTPUTS);
    for (uint32_t i = 0; i < request->num_outputs; i++) {
        t[i] = (tensor){ .binary = request->output[i].binary };
        PR_TRY(choose(query, request->output[i].what, &t[i]));
        if (t[i].what != PRI_WIRE_PROBABILITIES) continue;
        if (!scratch) PR_NEW(scratch, t[i].cols);
        t[i].scratch = scratch;
    }
    pri_text_room(&text, room_for(t, request->num_outputs));
    put_head(&text, request, query, model);
    for (uint32_t i = 0; i < request->num_outputs; i++) {
        if (i) pri_text_add(&text, ",");
        put_tensor(&text, pri_wire_output_name(t[i].what), &t[i]);
    }
    pri_text_add(&text, "]}");
    const size_t json_bytes = text.used;
    for (uint32_t i = 0; i < request->num_outputs; i++)
        if (t[i].binary) put_bytes(&text, &t[i]);
    PR_TRY(pri_text_end(&text, json_bytes, out));
done:
    pri_free(scratch);
    return st;
}

/* ---- features ---- */

pr_status pri_wire_write_features(const pri_wire_request *request, const pri_query *query,
                                  pri_wire_body *out)
{
    pri_text     text = { 0 };
    const tensor t    = { .what   = PRI_WIRE_LOGITS, /* rows as they are */
                          .binary = request->binary,
                          .rows   = query->logits.at,
                          .cols   = query->logits.cols,
                          .n      = query->num_nodes };

    PR_ASSERT(t.n > 0 && t.cols > 0);
    pri_text_room(&text, room_for(&t, 1));
    pri_text_add(&text, "{");
    put_id(&text, request);
    pri_text_add(&text, "\"outputs\":[");
    put_tensor(&text, "features", &t);
    pri_text_add(&text, "]}");
    const size_t json_bytes = text.used;
    if (t.binary) put_bytes(&text, &t);
    return pri_text_end(&text, json_bytes, out);
}
