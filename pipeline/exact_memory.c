/* exact_memory.c: see exact_memory.h. */
#include "pipeline/exact_memory.h"

#include <inttypes.h>

#include "base/rss.h"

enum { MIB = 1 << 20 };

/* Code of products, as oneDNN has it and makes it at run time, some 10 MiB; stacks of a thread that
 * has not worked yet; and what the process takes more in one run than in another. */
static const uint64_t library_bytes = 12 * MIB, thread_bytes = MIB / 4, spread_bytes = 2 * MIB;

pr_status pri_exact_memory_limits(const pri_session *session, const pr_features *features,
                                  const pri_exact_span *span, uint64_t answer_bytes,
                                  uint64_t later_bytes, pri_exact_limits *out)
{
    pr_status      st    = PR_OK;
    const uint64_t limit = session->machine_options->memory;
    const uint64_t now   = pri_rss_bytes();
    uint64_t       least;
    pr_model_shape shape;

    *out = (pri_exact_limits){ 0, session->machine_options->spill };
    if (!limit) return PR_OK;
    pr_model_describe(session->model, &shape);
    pri_exact_measure(&shape, features ? features : &session->dataset->features, 1, span, limit,
                      NULL, &least, NULL);
    const uint64_t work   = library_bytes + session->plan.num_threads * thread_bytes;
    const uint64_t beside = now + work + answer_bytes;
    if (least < later_bytes) least = later_bytes;
    const uint64_t works = (beside + least + spread_bytes + MIB - 1) / MIB;
    PR_CHECK(least < UINT64_MAX / 2 && beside + least <= limit, PR_E_RANGE,
             "--memory is %" PRIu64 " bytes, at least %" PRIu64 "M are needed: %" PRIu64
             " bytes are in use, answers take %" PRIu64 ", layers %" PRIu64 " at least",
             limit, works, now, answer_bytes, least);
    out->memory_bytes = limit - beside;
done:
    return st;
}

uint64_t pri_exact_memory_beside(const pri_session *session, uint64_t answer_bytes)
{
    return pri_rss_bytes() + library_bytes + session->plan.num_threads * thread_bytes +
           spread_bytes + answer_bytes;
}
