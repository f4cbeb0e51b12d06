/* lanes_open.h: what a training run puts on the machine: its plan, its lanes, the store they share
 * and what each of them works with. Parts of pri_trainer_open, in this order. */
#ifndef PIPELINE_LANES_OPEN_H
#define PIPELINE_LANES_OPEN_H

#include "pipeline/trainer.h"

/* Find the machine, decide where everything goes, and who works on which seeds. */
pr_status pri_lanes_place(pri_trainer *trainer);

/* Start the lanes' threads and pin their teams. */
pr_status pri_lanes_open(pri_trainer *trainer);

/* Open the store, fill its shards, each from its lane, and equip the lanes, all at once; decides
 * whether the run is pipelined. */
pr_status pri_lanes_equip(pri_trainer *trainer);

/* Whether the run is pipelined over a store whose rows must be fetched, or need not. */
bool pri_lanes_pipelined(const pri_trainer *trainer, bool fetches);

/* Give what decides about the store of the run; borrows from the trainer. */
pr_store_setup pri_lanes_store(const pri_trainer *trainer);

/* Give a lane its share of what the caches were asked to keep: as large as its share of seeds. */
pr_cache_options pri_lanes_cache(const pri_split_rule *rule, pr_cache_options all, uint32_t lane);

/* Score the nodes when the cache's policy asks for it; else *scores is NULL. Free with pri_free. */
pr_status pri_lanes_rank(pri_trainer *trainer, uint32_t **scores);

/* Say in a line for people what the run was kept from, or that more lanes do not pay; nothing where
 * it has the machine to itself. What was decided goes to the log as well. */
void pri_lanes_say(const pri_trainer *trainer);

#endif
