/* parts.h: which lane works for which row of the store, as --shards says. */
#ifndef PIPELINE_PARTS_H
#define PIPELINE_PARTS_H

#include <packrat/pipeline.h>

#include "base/check.h"

enum { PRI_PARTS_WHY_BYTES = 256 };

/* Decide it.
 *
 *   options    --shards and --shards.file are read
 *   num_rows   of the store, at least 1: a file must hold a part for each
 *   num_lanes  1 .. PR_MAX_LANES
 *   seed       of the hash
 *   of_row     out [num_rows], a lane each, free with pri_free; NULL: rows are to be cut into
 *              ranges, or there is one lane, and on failure
 *   why        out: half a sentence on what was chosen
 *
 * P parts are dealt to L lanes evenly and in order: part p to lane p * L / P, so that parts with
 * near numbers stay together. A lane may be left without a row, by parts or by few rows; of parts
 * that is said. A file is read and checked for one lane too. The same everywhere: of the ids and
 * the seed, or the file, alone.
 *
 * PR_E_ARG when options contradict each other, PR_E_INPUT for what the file holds, PR_E_MISMATCH
 * when it is of other rows or has fewer parts than there are lanes. Takes a byte a row. */
pr_status pri_parts_open(const pr_placement_options *options, pr_vid num_rows, uint32_t num_lanes,
                         uint64_t seed, uint8_t **of_row, char why[PRI_PARTS_WHY_BYTES]);

#endif
