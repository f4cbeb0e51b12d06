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

/* Say in a line for people what the run was kept from, or that more lanes do not pay; nothing where
 * it has the machine to itself. What was decided goes to the log as well. */
void pri_lanes_say(const pri_trainer *trainer);

#endif
