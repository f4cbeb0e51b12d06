/* watch.h: telling a caller's pr_watch how far long work is. */
#ifndef LOADERS_WATCH_H
#define LOADERS_WATCH_H

#include <packrat/loaders.h>

#include "base/check.h"

/* Who is told, and when it was told last. */
typedef struct pri_teller {
    const pr_watch *watch; /* NULL: nobody */
    const char     *stage;
    int64_t         last_ns;
} pri_teller;

/* Say whether the caller wants the work to end. */
bool pri_watch_stopped(const pr_watch *watch);

/* Give the flag that says so; NULL: none. */
const volatile int *pri_watch_stop(const pr_watch *watch);

/* Tell how far it is, unless it was told a moment ago: a new stage and its end always are. */
void pri_tell(pri_teller *teller, const char *stage, uint64_t done, uint64_t total);

#endif
