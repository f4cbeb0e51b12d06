/* exact_memory.h: what --memory leaves for an exact pass of eval and infer. */
#ifndef PIPELINE_EXACT_MEMORY_H
#define PIPELINE_EXACT_MEMORY_H

#include "pipeline/nn/nn.h"
#include "pipeline/session.h"

/* Give the limits of the session's pass: what the process has in memory now, graph included, and
 * what is still to come are taken off --memory. Without --memory it is half of the
 * machine's, or of the cgroups' limit.
 *
 *   features, span   the pass's; NULL: those of the data set, all layers
 *   answer_bytes   that are kept of outputs, not touched yet
 *   later_bytes    that are taken once the pass has given its memory back
 *
 * PR_E_RANGE names the least --memory that works. */
pr_status pri_exact_memory_limits(const pri_session *session, const pr_features *features,
                                  const pri_exact_span *span, uint64_t answer_bytes,
                                  uint64_t later_bytes, pri_exact_limits *out);

/* Give what the process takes besides what a plan counts: what it has now, and code, stacks and
 * answers to come. */
uint64_t pri_exact_memory_beside(const pri_session *session, uint64_t answer_bytes);

#endif
