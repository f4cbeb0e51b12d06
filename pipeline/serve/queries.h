/* queries.h: one request on its way from HTTP to a batch and back. The side of HTTP makes it, the
 * service answers it, on another thread. Times are of pr_now_ns. */
#ifndef PIPELINE_SERVE_QUERIES_H
#define PIPELINE_SERVE_QUERIES_H

#include <packrat/nn.h>
#include <packrat/sampler.h>

#include "base/check.h"

typedef enum pri_query_kind { PRI_QUERY_INFER, PRI_QUERY_FEATURES } pri_query_kind;

/* What came of it. */
typedef enum pri_outcome {
    PRI_ANSWERED,
    PRI_QUEUE_FULL, /* 503 */
    PRI_DRAINING,   /* 503 */
    PRI_LATE,       /* 504: its deadline passed before it was computed */
    PRI_REFUSED,    /* 400: reason says what is wrong with it */
    PRI_FAILED      /* 500 */
} pri_outcome;

/* Rows that the service writes; room grows as it must and is used again. */
typedef struct pri_rows_out {
    float   *at; /* [num_nodes, cols] */
    size_t   room;
    uint32_t cols;
} pri_rows_out;

typedef struct pri_query pri_query;
struct pri_query {
    /* asked; the service only reads it, from submit to done */
    pri_query_kind kind;
    const pr_vid  *nodes; /* [num_nodes] below the graph's; repeats are answered each */
    uint32_t       num_nodes;
    bool           wants_hidden; /* infer: the inputs of the last layer too ("embeddings") */
    bool           own_fanout, own_seed;
    pr_fanout      fanout; /* with own_fanout */
    uint64_t       seed;   /* with own_seed; else the service fills in the server's */
    int64_t        arrived_ns, deadline_ns;        /* deadline: INT64_MAX for none */
    void (*done)(void *context, pri_query *query); /* once, on any thread, not from submit; the
                                                      query is the caller's again */
    void *context;

    /* answered */
    pri_outcome  outcome;
    char         reason[256]; /* unless answered */
    pri_rows_out logits;      /* infer: what the model gives; features: the rows */
    pri_rows_out hidden;      /* with wants_hidden; cols 0 where the model has one layer */
    int32_t      outputs;     /* pr_outputs */
    uint64_t     model_version;
    pr_fanout    used_fanout;
    bool         shed;
    int64_t      queue_ns, compute_ns; /* PR_NULL_INT: it never came to that */
    int64_t      batch_step;           /* PR_NULL_INT: none */

    /* the service's, while it has it (waitlist.h) */
    pri_query *next;                        /* in a list that was taken out */
    pri_query *older, *younger;             /* of all that wait */
    pri_query *equal_older, *equal_younger; /* of those that may share a batch with it */
    void      *equals;                      /* the list of those */
    uint32_t   deadline_slot;
};

/* Free the rows; the query itself is the caller's. */
static inline void pri_query_clear(pri_query *query)
{
    pri_free(query->logits.at);
    pri_free(query->hidden.at);
    query->logits = query->hidden = (pri_rows_out){ 0 };
}

#endif
