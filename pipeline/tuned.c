/* tuned.c: which tuning a command works with. */
#include "pipeline/tuned.h"

#include <math.h>

/* Table tune has numbers only; UINT64_MAX stands for never. */
static double bytes_or_never(uint64_t bytes)
{
    return bytes == UINT64_MAX ? (double)NAN : (double)bytes;
}

pr_status pri_tuned_load(const pr_machine_options *machine, const pr_features *features,
                         const pr_plan *plan, pri_tuned *out)
{
    pr_status  st = PR_OK;
    pr_tuning *t  = &out->tuning;

    *out           = (pri_tuned){ 0 };
    out->row_bytes = (size_t)features->num_cols * sizeof(float);
    out->threads   = plan->lane[0].num_threads;
    PR_TRY(pr_tuning_load(machine->tuning, out->row_bytes, out->threads, t));
    pr_diag(PR_DEBUG, "tuning of the copies: %s", t->source);

    const pr_run_constant constants[PRI_NUM_CONSTANTS] = {
        { "isa", "", t->isa },
        { "prefetch_to", "", t->prefetch_to },
        { "row_ahead", "rows", t->row_ahead },
        { "index_ahead", "ids", t->index_ahead },
        { "thread_bytes", "bytes", bytes_or_never(t->thread_bytes) },
        { "stream_bytes", "bytes", bytes_or_never(t->stream_bytes) },
        { "repack_share", "", t->repack_share },
    };
    for (int i = 0; i < PRI_NUM_CONSTANTS; i++) out->constant[i] = constants[i];
    out->log = (pr_run_tuning){ .source        = t->source,
                                .row_bytes     = out->row_bytes,
                                .threads       = out->threads,
                                .constants     = out->constant,
                                .num_constants = PRI_NUM_CONSTANTS };
done:
    return st;
}
