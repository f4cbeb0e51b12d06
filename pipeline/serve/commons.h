/* commons.h: the store that all generations read, and how much of it each lane keeps. */
#ifndef PIPELINE_SERVE_COMMONS_H
#define PIPELINE_SERVE_COMMONS_H

#include "pipeline/serve/generation.h"

/* Decide the cache of each lane: its mode, and its share of the rows or bytes that were asked for.
 * Where neither was, room for all rows, if that of all lanes takes a quarter of the free memory at
 * most; else so much.
 *
 *   derived_cols   of the other rows that the slab may hold; 0: none */
void pri_commons_size(pri_commons *commons, uint32_t derived_cols);

/* Open the store, on the thread of a lane, whose team makes the copy where there is to be one. */
pr_status pri_commons_open_store(pri_commons *commons, pri_lane *lane);

#endif
