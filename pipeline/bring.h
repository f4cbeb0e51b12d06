/* bring.h: the rows of a batch, from the cache's decision to the tier that place reads.
 *
 * In line, a step decides (prepare) and fetches when it has its batch. Where rows are slow to
 * fetch, and the run is pipelined, both are begun for the next step as soon as this one's rows are
 * in their slots, and a thread fetches while the lane computes:
 *
 *     lane     place 7 | prepare 8 | compute 7 ...  | wait | place 8 | prepare 9 | compute 8 ...
 *     fetcher                      | fetch 8 ...           |                     | fetch 9 ...
 *
 * The cache sees the same calls in the same order, but for the release of 7, on which no decision
 * depends. */
#ifndef PIPELINE_BRING_H
#define PIPELINE_BRING_H

#include "pipeline/ahead.h"

/* Create what a lane keeps of rows in flight.
 *
 *   cache      the lane's
 *   threaded   start a thread that fetches
 *   team       whose CPUs the thread uses; NULL: it stays as it is started
 */
pr_status pri_bring_create(pr_cache *cache, bool threaded, const pri_team *team, pri_bring **out);
void      pri_bring_free(pri_bring *bring); /* waits for the fetch in work; NULL is fine */

/* Prepare and fetch the rows of the turn's batch, or wait for those that were begun. What fails on
 * the fetching thread fails here.
 *
 *   wanted   the batch's list; in order, the oldest one foreseen
 *   plan     out
 *   times    added to
 */
pr_status pri_bring_rows(pri_lane *lane, const pri_turn *turn, pr_vids wanted, pr_cache_plan *plan,
                         pri_ahead_times *times);

/* Begin with the rows of the step that follows the turn, where that pays; the turn's are placed.
 * Its next call on the cache but the release of the view is pri_bring_rows. */
pr_status pri_bring_next(pri_lane *lane, const pri_turn *turn, pri_ahead_times *times);

#endif
