/* retention.h: what is deleted from a log: requests and steps of phase serve that are too old, or
 * the oldest of them where the file is too large. Steps of training, of evaluation and of inference
 * never are. See retention.c. */
#ifndef PIPELINE_LOG_RETENTION_H
#define PIPELINE_LOG_RETENTION_H

#include <sqlite3.h>

#include "base/check.h"

typedef struct pri_retention pri_retention;

/* Prepare what is deleted with.
 *
 *   db, path    the log, open for appending; borrowed
 *   run         that this process writes
 *   keep_ns     rows that are older are deleted; 0: none are
 *   max_bytes   of the file with its WAL; 0: no limit
 *
 * Says so when the file cannot shrink. Limits the WAL where max_bytes is small. */
pr_status pri_retention_create(sqlite3 *db, const char *path, int64_t run, int64_t keep_ns,
                               uint64_t max_bytes, pri_retention **out);
void      pri_retention_free(pri_retention *retention); /* before db is closed; NULL is fine */

/* Look whether something is due, and delete and give back for some 10 ms, or until as many rows
 * have gone as were written since the last turn, in transactions of about a ms; gives how many rows
 * were deleted. Failures are left for the next turn: rows that stay too long are no reason to stop
 * anything. Cheap when nothing is due. */
uint64_t pri_retention_turn(pri_retention *retention, uint64_t written);

#endif
