/* db.h: opening a log to append or to read, and SQLite's errors as ours. */
#ifndef PIPELINE_LOG_DB_H
#define PIPELINE_LOG_DB_H

#include <sqlite3.h>

#include "base/check.h"

/* Open or create a log for appending: schema installed, WAL or TRUNCATE journal, busy timeout.
 *
 *   path   "" is PR_E_ARG; another program's file or a newer schema is PR_E_INPUT and stays
 *          untouched; what cannot be created or written is PR_E_IO
 *   out    close with pri_db_close; NULL on failure. One thread at a time.
 */
pr_status pri_db_append(const char *path, sqlite3 **out);

/* Open a log for reading, in one transaction that sees one state, with our views as temporary ones.
 * Works on a log that is being written or whose writer was killed, and leaves no file beside it
 * that was not there. PR_E_INPUT when it is missing or not a log. */
pr_status pri_db_read(const char *path, sqlite3 **out);

enum { PRI_SERVER_BUSY_MS = 1000 }; /* that a server's log waits for a lock, each time */

/* How many bytes a log takes: the file, its WAL or its journal. 0 when it is not there. */
uint64_t pri_db_bytes(const char *path);

void pri_db_close(sqlite3 *db); /* all statements finalized; NULL is fine */

/* Give the status of an SQLite code; record the sentence with the path and SQLite's own words. */
pr_status pri_db_error(sqlite3 *db, const char *path, int rc, const char *file, int line,
                       const char *function);

/* Forward an SQLite code that is not SQLITE_OK. */
#define PR_SQL(db, path, call)                                                                     \
    do {                                                                                           \
        const int rc_ = (call);                                                                    \
        if (rc_ != SQLITE_OK) {                                                                    \
            st = pri_db_error((db), (path), rc_, __FILE__, __LINE__, __func__);                    \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

pr_status pri_db_run(sqlite3 *db, const char *path, const char *sql);
pr_status pri_db_int(sqlite3 *db, const char *path, const char *sql, int64_t *out);
pr_status pri_db_prepare(sqlite3 *db, const char *path, const char *sql, sqlite3_stmt **out);
void      pri_db_rollback(sqlite3 *db); /* the open transaction, if any */

#endif
