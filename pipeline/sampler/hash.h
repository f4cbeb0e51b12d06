/* hash.h: batch_hash of a finished batch. */
#ifndef PIPELINE_SAMPLER_HASH_H
#define PIPELINE_SAMPLER_HASH_H

#include <packrat/sampler.h>

/* Give the batch's part of batch_hash.
 *
 *   batch     phase, step and epoch are not read
 *   inputs    scratch [nodes.n], overwritten
 *   inner     scratch [num_dst of the last hop], overwritten
 *
 * Cannot fail. O(edges); the result does not depend on `threads`.
 */
uint64_t pri_hash_batch(const pr_batch *batch, uint32_t threads, uint64_t *inputs, uint64_t *inner);

#endif
