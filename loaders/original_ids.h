/* original_ids.h: ids.npy of a dataset directory: what the nodes were called before import --remap.
 */
#ifndef LOADERS_ORIGINAL_IDS_H
#define LOADERS_ORIGINAL_IDS_H

#include <packrat/loaders.h>

#include "base/check.h"

/* Map dir/ids.npy if there is one.
 *
 *   npy   out: close with pr_npy_close; zeroed without the file
 *   ids   out [num_nodes], borrows from npy; NULL without the file
 *
 * PR_E_INPUT unless it holds one i64 for every node. */
pr_status pri_original_ids_open(const char *dir, pr_vid num_nodes, pr_npy *npy,
                                const int64_t **ids);

#endif
