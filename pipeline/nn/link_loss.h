/* link_loss.h: the loss of link prediction: a pair of vertices scores the dot product of their
 * embeddings, and binary cross entropy compares it with whether there is an edge:
 *
 *     s_p = <z_a, z_b>         loss_p = log(1 + exp(-s_p)) of an edge, log(1 + exp(s_p)) of none
 *     dz_i = 1/divisor * sum over pairs p of i, in order, of (sigmoid(s_p) - [p is an edge])
 * z_other
 */
#ifndef PIPELINE_NN_LINK_LOSS_H
#define PIPELINE_NN_LINK_LOSS_H

#include "pipeline/nn/nn.h"

/* The pairs of a step, by the places of their ends among the batch's seeds. Borrowed. */
typedef struct pri_pairs {
    uint32_t        num_seeds, num_pairs;
    uint32_t        group;   /* pair p is an edge where p % group is 0 */
    const uint32_t *source;  /* [num_pairs] */
    const uint32_t *target;  /* [num_pairs] not the source */
    const uint32_t *indptr;  /* [num_seeds + 1] */
    const uint32_t *pair_of; /* [2 num_pairs] each seed's pairs, ascending */
    float          *slope;   /* [num_pairs] scratch */
    double         *loss;    /* [num_pairs] scratch */
} pri_pairs;

/* Loss over the pairs of a batch whose embeddings the last forward left in the tape; the gradient
 * of their sum over `divisor` stays there, 0 for seeds in no pair.
 *
 *   out   sum of losses; num_correct: pairs whose score has the right sign, which 0 has not
 *
 * The same bits for any number of threads. Cannot fail. O(num_pairs * columns). */
void pri_nn_link_loss(pri_tape *tape, const pr_batch *batch, const pri_pairs *pairs, double divisor,
                      pri_loss *out);

/* The dot product of two rows, in an order of its own that is the same everywhere. */
float pri_dot(const float *a, const float *b, size_t cols);

/* log(1 + exp(x)) without overflow. */
double pri_softplus(double x);

#endif
