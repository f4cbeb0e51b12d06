/* tune_entry.h: one tuning in its file: what it is for, when it was measured, and what was found.
 */
#ifndef CACHE_TUNE_ENTRY_H
#define CACHE_TUNE_ENTRY_H

#include <packrat/cache.h>

#include "base/json.h"

/* What a tuning is kept under. */
typedef struct pri_tune_key {
    char     host[256], cpu[128];
    uint64_t row_bytes;
    uint32_t threads;
} pri_tune_key;

typedef struct pri_tune_entry {
    pri_tune_key key;
    int64_t      measured_at; /* ns since 1970 */
    pr_tuning    tuning;      /* without a source */
} pri_tune_entry;

/* Bounds of what a file may hold; save refuses what load would. */
enum {
    PRI_TUNE_MIN_ROW   = 4,
    PRI_TUNE_MAX_ROW   = 1 << 20,
    PRI_TUNE_MAX_TEAM  = 4096,
    PRI_TUNE_MAX_AHEAD = 1024
};

/* Read entry `index` of the file `path`, which is only named in errors. PR_E_INPUT names the
 * member, what was found and what is allowed; members that are not known are ignored. */
pr_status pri_tune_entry_read(const char *path, size_t index, const pr_json *json,
                              pri_tune_entry *out);

/* Give an entry as JSON; *out is NULL on failure. */
pr_status pri_tune_entry_write(const pri_tune_entry *entry, pr_json **out);

/* Set the members of a tuning in an object, as files and reports have them. */
pr_status pri_tune_members(const pr_tuning *tuning, pr_json *json);

/* Check a tuning that a caller made: PR_E_ARG names the member. */
pr_status pri_tune_check(const pr_tuning *tuning);

#endif
