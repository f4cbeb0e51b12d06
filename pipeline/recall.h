/* recall.h: the vertices of the last batches that were trained on, for a checkpoint of a run with a
 * cache bias: what its sampler draws next depends on them. The sampler itself has drawn ahead, so
 * it no longer knows. */
#ifndef PIPELINE_RECALL_H
#define PIPELINE_RECALL_H

#include "pipeline/lane.h"

typedef struct pri_recall pri_recall;

/* Create an empty one for lanes that are equipped; it remembers `window` steps. Reserves 4 bytes
 * for each input that window batches can have; pages follow use. */
pr_status pri_recall_create(pri_lane *const *lanes, uint32_t num_lanes, uint32_t window,
                            pri_recall **out);
void      pri_recall_free(pri_recall *recall); /* NULL is fine */

/* Remember the batches of a step behind all before, one a lane. Cannot fail. */
void pri_recall_add(pri_recall *recall, uint64_t step, const pr_vids *batches);

/* Write all of it into one array (docs/file-format.md, "recent"); free with pri_free. */
pr_status pri_recall_write(const pri_recall *recall, uint32_t **out, size_t *num);

/* Remember what was written, and tell the lanes' samplers.
 *
 *   end   the step that comes next: all that was written is before it
 *
 * PR_E_INPUT when it is not what such an array can be. */
pr_status pri_recall_read(pri_recall *recall, pri_lane *const *lanes, uint64_t end,
                          const uint32_t *from, size_t num);

#endif
