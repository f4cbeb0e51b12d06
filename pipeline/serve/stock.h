/* stock.h: the rows that a lane can have in its slab, and what is simulated beside them: a cache of
 * features, or of derived rows with what derives them; and an index over the rows of the other
 * kind, which are not there. Both slabs have the same bytes, so that narrower rows are more. */
#ifndef PIPELINE_SERVE_STOCK_H
#define PIPELINE_SERVE_STOCK_H

#include "pipeline/phantom.h"
#include "pipeline/serve/plane.h"

typedef struct pri_stock {
    bool         derived;
    pri_deriver *deriver; /* NULL: features */
    pr_store    *store;   /* derived rows; NULL: features */
    pr_cache    *cache;   /* NULL: the lane's */
    pri_phantom *phantom;
    pr_cache    *simulated; /* over the phantom; NULL: nothing is */
} pri_stock;

/* Give the rows that a slab of either kind has room for. */
uint64_t pri_stock_rows(const pri_plane_setup *setup, bool derived);

/* Whether features come into slots. */
bool pri_stock_moves(const pri_plane_setup *setup);

/* Make one.
 *
 *   cache       make the cache; else the lane has it
 *   simulates   make what simulates the other kind, where it would not be the same
 *
 * Any thread, one at a time for each lane. */
pr_status pri_stock_make(const pri_plane_setup *setup, bool derived, bool cache, bool simulates,
                         pri_stock *out);
void      pri_stock_clear(pri_stock *stock); /* zeroed is fine */

/* Bring rows in, as a batch that wants them does. [n] distinct ids, n at most max_wanted. */
pr_status pri_stock_bring(pr_cache *cache, pr_vids ids);

#endif
