/* tracing.c: see tracing.h. */
#include "pipeline/tracing.h"

struct pri_tracing {
    pr_trace_writer *writer; /* NULL: it has failed */
    pri_error        error;  /* of the first failure; code PR_OK: none */
};

pr_status pri_tracing_open(const pri_trainer *t, pri_tracing **out)
{
    pr_status         st      = PR_OK;
    pri_tracing      *tracing = NULL;
    const pr_dataset *d       = t->dataset;
    uint64_t          most    = 1;
    pr_trace_info     info    = { .fingerprint = d->fingerprint,
                                  .num_nodes   = d->graph.num_nodes,
                                  .row_bytes   = (uint64_t)d->features.num_cols * sizeof(float),
                                  .seed        = t->setup->train.seed };

    *out = NULL;
    if (!t->setup->train.trace[0]) return PR_OK;
    if (d->features.file) info.row_bytes = d->features.file->row_bytes;
    snprintf(info.dataset, sizeof info.dataset, "%s", d->name);
    for (uint32_t i = 0; i < t->num_lanes; i++) {
        const uint32_t inputs = pr_sampler_max_inputs(t->lane[i]->sampler);
        if (inputs > most) most = inputs;
    }
    if (most > info.num_nodes) most = info.num_nodes;
    PR_NEW(tracing, 1);
    PR_TRY(pr_trace_create(t->setup->train.trace, &info, (size_t)most, &tracing->writer));
    *out    = tracing;
    tracing = NULL;
done:
    pri_free(tracing);
    return st;
}

/* Keep the error for the end; the frames before it can be read. */
static void give_up(pri_tracing *tracing, pr_status st)
{
    pri_error_save(&tracing->error, st);
    pr_diag(PR_WARN, "%s; training goes on without the trace", pr_error_message());
    (void)pr_trace_finish(tracing->writer);
    tracing->writer = NULL;
}

void pri_tracing_step(pri_tracing *tracing, uint64_t step, const pr_vids *wanted,
                      uint32_t num_lanes)
{
    for (uint32_t i = 0; i < num_lanes && tracing->writer; i++) {
        const pr_trace_step frame = {
            .phase = PR_PHASE_TRAIN, .lane = i, .step = step, .wanted = wanted[i]
        };
        const pr_status st = pr_trace_add(tracing->writer, &frame);
        if (st != PR_OK) give_up(tracing, st);
    }
}

pr_status pri_tracing_close(pri_tracing *tracing, pr_status st, bool *lost)
{
    pri_error error;

    *lost = false;
    if (!tracing) return st;
    pri_error_save(&error, st);
    if (tracing->writer) {
        const pr_status closed = pr_trace_finish(tracing->writer);
        if (closed != PR_OK) pri_error_save(&tracing->error, closed);
    }
    *lost = tracing->error.code != PR_OK;
    if (st == PR_OK) error = tracing->error;
    pri_free(tracing);
    return error.code == PR_OK ? PR_OK : pri_error_restore(&error);
}
