/* leftover.h: the end of a weighted row whose heavy arcs are all drawn: reading the weights of the
 * others beats drawing until one of them comes. */
#ifndef PIPELINE_SAMPLER_LEFTOVER_H
#define PIPELINE_SAMPLER_LEFTOVER_H

#include "pipeline/sampler/chosen.h"
#include "pipeline/sampler/words.h"

/* Give the sums of scratch that a row of this degree needs. */
uint32_t pri_leftover_scratch(uint32_t degree);

/* Draw the rest of what is wanted, one after the other, each arc in proportion to its weight among
 * those not chosen yet; two words each. More arcs have positive weight than are wanted.
 *
 *   weights   [degree]
 *   sums      [pri_leftover_scratch(degree)], overwritten
 *
 * Cannot fail. O(degree + draws * sqrt of it, about). */
void pri_leftover_draw(const float *weights, uint32_t degree, double *sums, pri_words *words,
                       pri_chosen *chosen);

#endif
