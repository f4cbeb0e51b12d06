/* predict_exact.c: `packrat infer --mode exact`: all layers at once, or with --resume one after the
 * other, each of which reads what the one before left in a file. */
#include <inttypes.h>
#include <unistd.h>

#include "pipeline/evaluate.h"
#include "pipeline/exact_memory.h"
#include "pipeline/predict.h"

/* Rows of a layer that is not there yet, in a file: enough to plan with. */
typedef struct rows_to_come {
    pr_row_file file;
    pr_features features;
} rows_to_come;

static const pr_features *foresee(const pri_prediction *p, uint32_t layer, rows_to_come *out)
{
    const pr_vid   rows      = p->session.dataset->graph.num_nodes;
    const uint32_t columns   = p->shape.width[layer];
    const size_t   row_bytes = columns * sizeof(float);

    out->file     = (pr_row_file){ .path       = "",
                                   .fd         = -1,
                                   .row_bytes  = row_bytes,
                                   .file_bytes = rows * (uint64_t)row_bytes,
                                   .checked    = true };
    out->features = (pr_features){ .kind     = PR_FEATURES_DENSE,
                                   .num_rows = rows,
                                   .num_cols = columns,
                                   .rows     = (const float *)(const void *)out, /* never read */
                                   .ld       = columns,
                                   .file     = &out->file };
    return &out->features;
}

/* Give the layers that are done together, from `first` on. */
static pri_exact_span span_at(const pri_prediction *p, uint32_t first)
{
    return (pri_exact_span){ first, p->setup->infer.resume ? first + 1 : p->end };
}

/* Give what layer `first` reads; NULL: the dataset's features. */
static const pr_features *inputs_of(const pri_prediction *p, uint32_t first, rows_to_come *room)
{
    if (first == 0) return NULL;
    return p->files.layer == first ? &p->files.features : foresee(p, first, room);
}

/* Add what a span takes to the plan. */
static pr_status plan_span(pri_prediction *p, pri_exact_span span)
{
    pr_status          st    = PR_OK;
    pri_exact         *exact = NULL;
    pr_infer_result   *r     = p->result;
    const pr_dataset  *data  = p->session.dataset;
    rows_to_come       room;
    const pr_features *inputs = inputs_of(p, span.first, &room);
    pri_exact_limits   limits;
    uint64_t           spill;

    PR_TRY(pri_exact_memory_limits(&p->session, inputs, &span, p->kept_bytes, 0, &limits));
    PR_TRY(pri_exact_create_within(p->session.model, &data->graph,
                                   inputs ? inputs : &data->features, (pri_exact_output){ 0 }, 1,
                                   &limits, &span, &exact));
    const uint64_t bytes = pri_exact_memory(exact, &spill) + pri_exact_mapped(exact) +
                           pri_exact_memory_beside(&p->session, p->kept_bytes);
    if (bytes > r->memory_bytes) r->memory_bytes = bytes;
    if (spill > r->spill_bytes) r->spill_bytes = spill;
    r->passes += pri_exact_num_passes(exact);
done:
    pri_exact_free(exact);
    return st;
}

pr_status pri_predict_plan(pri_prediction *p)
{
    pr_status      st   = PR_OK;
    const uint64_t rows = p->session.dataset->graph.num_nodes;

    p->result->layers_found = p->files.layer;
    for (uint32_t at = p->files.layer; at < p->end;) {
        const pri_exact_span span = span_at(p, at);
        PR_TRY(plan_span(p, span));
        at = span.end;
        if (!p->setup->infer.resume || span.end == p->end) continue;
        /* a layer, and the one before until it is whole */
        const uint64_t before = span.first > 0 ? p->shape.width[span.first] : 0;
        const uint64_t bytes  = rows * (before + p->shape.width[span.end]) * sizeof(float);
        if (bytes > p->result->work_bytes) p->result->work_bytes = bytes;
    }
done:
    return st;
}

static void take(void *context, uint32_t part, pr_vid first, uint32_t num, const float *rows,
                 size_t ld)
{
    (void)part;
    pri_answers_take(context, first, num, rows, ld);
}

/* Run a span; its outputs go to `to`. */
static pr_status run_span(pri_prediction *p, pri_exact_span span, uint32_t step, uint32_t passes,
                          pri_answers *to)
{
    pr_status          st = PR_OK;
    pri_exact_limits   limits;
    rows_to_come       room;
    const pr_features *inputs = inputs_of(p, span.first, &room);
    pri_metrics        none[PRI_NUM_SCORED];

    PR_TRY(pri_exact_memory_limits(&p->session, inputs, &span, p->kept_bytes, 0, &limits));
    const pri_exact_input input = { .phase       = PR_PHASE_INFER,
                                    .step        = step,
                                    .dataset     = p->session.dataset,
                                    .model       = p->session.model,
                                    .output      = { .take = take, .context = to },
                                    .num_answers = p->n,
                                    .stop        = pri_prediction_stop(p),
                                    .limits      = &limits,
                                    .span        = span,
                                    .features    = inputs,
                                    .last_stop   = pri_answers_stop(to),
                                    .first_pass  = passes,
                                    .all_passes  = p->result->passes,
                                    .hooks       = p->hooks };
    st                          = pri_evaluate_exact(&p->session.lane, 1, &input, none, p->log);
    /* whoever takes rows ended it, and knows why */
    if (st == PR_E_INTERRUPTED && *pri_answers_stop(to)) st = pri_answers_commit(to);
done:
    return st;
}

/* Answer from a layer that is there as a whole. */
static pr_status copy_rows(pri_prediction *p)
{
    pr_status          st   = PR_OK;
    const pr_features *x    = &p->files.features;
    const uint32_t     most = pri_answers_block(x->num_cols * sizeof(float));

    for (uint32_t first = 0, n; first < x->num_rows; first += n) {
        n = x->num_rows - first < most ? x->num_rows - first : most;
        pri_answers_take(p->answers, first, n, x->rows + (size_t)first * x->ld, x->ld);
        PR_CHECK(!*pri_answers_stop(p->answers), PR_E_INTERRUPTED, "interrupted");
    }
done:
    return st == PR_E_INTERRUPTED ? pri_answers_commit(p->answers) : st;
}

/* Make a layer's outputs and keep them. */
static pr_status keep_layer(pri_prediction *p, pri_exact_span span, uint32_t step, uint32_t passes)
{
    pr_status    st   = PR_OK;
    pri_answers *rows = NULL;

    PR_TRY(pri_layer_files_begin(&p->files, span.end, p->shape.width[span.end],
                                 pri_prediction_stop(p), &rows));
    PR_TRY(run_span(p, span, step, passes, rows));
    PR_TRY(pri_layer_files_end(&p->files, span.end, rows));
done:
    pri_answers_free(rows);
    return st;
}

/* Give the passes of a span as it will be run. */
static pr_status passes_of(pri_prediction *p, pri_exact_span span, uint32_t *out)
{
    pr_infer_result *kept = p->result;
    pr_infer_result  one  = { 0 };
    pr_status        st;

    p->result = &one;
    st        = plan_span(p, span);
    p->result = kept;
    *out      = one.passes;
    return st;
}

pr_status pri_predict_exact(pri_prediction *p)
{
    pr_status st     = PR_OK;
    uint32_t  passes = 0, more = 0, step = 0;

    if (p->files.layer >= p->end && p->end > 0 && p->files.is_open) return copy_rows(p);
    for (uint32_t at = p->files.layer; at < p->end; passes += more) {
        const pri_exact_span span = span_at(p, at);
        PR_TRY(passes_of(p, span, &more));
        if (span.end < p->end)
            PR_TRY(keep_layer(p, span, step++, passes));
        else
            PR_TRY(run_span(p, span, step++, passes, p->answers));
        at = span.end;
    }
done:
    return st;
}
