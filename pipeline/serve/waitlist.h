/* waitlist.h: queries that wait, in three orders at once: by age, with their equals (those they may
 * share a batch with), and by deadline. No thread, no clock: who calls says what time it is. */
#ifndef PIPELINE_SERVE_WAITLIST_H
#define PIPELINE_SERVE_WAITLIST_H

#include "pipeline/serve/queries.h"

/* What queries must have in common to share a batch. */
typedef struct pri_waiting_key {
    pri_query_kind kind;
    bool           own_fanout;
    uint64_t       seed;   /* features: 0 */
    pr_fanout      fanout; /* with own_fanout, else zero */
} pri_waiting_key;

pri_waiting_key pri_waiting_key_of(const pri_query *query);

typedef struct pri_waitlist pri_waitlist;

/* Create an empty list for at most `most` queries. */
pr_status pri_waitlist_create(uint32_t most, pri_waitlist **out);
void      pri_waitlist_free(pri_waitlist *list); /* the queries stay the caller's; NULL is fine */

/* Put a query at the end. False: it is full. O(1), with a deadline O(log n). */
bool pri_waitlist_put(pri_waitlist *list, pri_query *query);

uint32_t   pri_waitlist_num(const pri_waitlist *list);
pri_query *pri_waitlist_oldest(const pri_waitlist *list); /* NULL: none */

/* Give the nodes that the oldest and its equals ask for together, repeats counted; 0: none wait. */
uint64_t pri_waitlist_nodes(const pri_waitlist *list);

/* Take those out that share a batch with the oldest, oldest first, as long as they have no more
 * than max_nodes nodes together; the first is taken whatever it has.
 *
 *   num   out: how many
 *   cut   out: others of them stay, as there was no room
 *
 * Gives them linked by `next`. O(taken), with deadlines O(taken log n). */
pri_query *pri_waitlist_take(pri_waitlist *list, uint64_t max_nodes, uint32_t *num, bool *cut);

/* Take out more equals of a query that was taken before, as long as they fit into max_nodes. */
pri_query *pri_waitlist_join(pri_waitlist *list, const pri_query *with, uint64_t max_nodes,
                             uint32_t *num, bool *cut);

/* Give the earliest deadline; INT64_MAX: there is none. */
int64_t pri_waitlist_deadline(const pri_waitlist *list);

/* Take those out whose deadline is not after `now`, linked by `next`. */
pri_query *pri_waitlist_take_late(pri_waitlist *list, int64_t now);

#endif
