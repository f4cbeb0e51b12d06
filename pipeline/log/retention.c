/* retention.c: old rows of serving go, and the disk gets its space back.
 *
 *     delete    requests in the order they came, by the times of their runs; then the steps of
 *               phase serve that no request names any more
 *     vacuum    pages that became free go to the end of the file and off it
 *     moved     a checkpoint writes what the WAL has, and cuts both files
 *
 * Each is done in small transactions, some 10 ms of them at a time, for the writer has rows to
 * write; and as many rows as it wrote may go however long that takes, lest a backlog makes the file
 * larger than it may be, perhaps than the disk is. A table `request` in the order of its key is
 * almost in the order of time (a request is numbered when it ends), so that no index is needed:
 * what is too old is among the first rows of its run, and what is not quite in order is found when
 * those before it are gone.
 *
 * What counts against max_bytes is pages in use, and room for a WAL: a file that cannot shrink, or
 * a reader that keeps the WAL from being emptied, must not cost all rows there are.
 *
 * How old a row of this run is is counted from when it began by a clock that nobody sets: a machine
 * that began with the wrong time, and was told the right one later, has no rows that are years
 * old. */
#include "pipeline/log/retention.h"

#include <limits.h>
#include <stdio.h>

#include "pipeline/log/db.h"

enum {
    CHUNK_ROWS   = 1000, /* of one transaction */
    NAMED_ROWS   = 4000, /* requests that are looked at for the steps they name */
    VACUUM_PAGES = 128,  /* of one transaction */
    FEW_PAGES    = 16,   /* free ones, that are left for rows to come */
    HOLES_SHARE  = 16,   /* of pages in use, that as many may be free */
    WAL_PAGES    = 1000, /* SQLite's own: it is moved to the file when it is that long */
    WAL_SHARE    = 4     /* of max_bytes, that a WAL may take */
};
static const int64_t TURN_NS = 10000000, LOOK_NS = 200000000, SLACK_NS = 1000000000;

typedef enum statement {
    PAGE_COUNT,
    FREE_COUNT,
    OLDEST_RUN,
    LAST_OF_CHUNK,
    DELETE_REQUESTS,
    FIRST_NAMED,
    DELETE_PARTITIONS,
    DELETE_STEPS,
    ORPHANS,
    NUM_STATEMENTS
} statement;

/* Runs that have requests, found by steps down the key; the two whose first ones are oldest. */
#define RUNS_WITH_REQUESTS                                                                         \
    "WITH RECURSIVE served (run) AS (SELECT min(run) FROM request UNION ALL"                       \
    " SELECT (SELECT min(run) FROM request WHERE run > served.run) FROM served"                    \
    " WHERE served.run IS NOT NULL) "

static const char *const sql_of[NUM_STATEMENTS] = {
    [PAGE_COUNT] = "PRAGMA page_count",
    [FREE_COUNT] = "PRAGMA freelist_count",
    [OLDEST_RUN] =
        RUNS_WITH_REQUESTS "SELECT id, began, began + (SELECT arrival_ns FROM request AS q"
                           " WHERE q.run = r.id ORDER BY request LIMIT 1) AS since FROM (SELECT id,"
                           " CASE id WHEN ?1 THEN ?2 ELSE started_at END AS began FROM run"
                           " WHERE id IN (SELECT run FROM served)) AS r ORDER BY since LIMIT 2",
    [LAST_OF_CHUNK]   = "SELECT max(request), coalesce(max(batch_step), -1), count(*) FROM (SELECT"
                        " request, batch_step, arrival_ns FROM request WHERE run = ?1"
                        " ORDER BY request LIMIT ?3) WHERE arrival_ns < ?2",
    [DELETE_REQUESTS] = "DELETE FROM request WHERE run = ?1 AND request <= ?3 AND arrival_ns < ?2",
    [FIRST_NAMED]     = "SELECT min(batch_step) FROM (SELECT batch_step FROM request WHERE run = ?1"
                        " ORDER BY request LIMIT ?2)",
    [DELETE_PARTITIONS] =
        "DELETE FROM step_partition WHERE run = ?1 AND phase = 'serve' AND step < ?2",
    [DELETE_STEPS] = "DELETE FROM step WHERE run = ?1 AND phase = 'serve' AND step < ?2",
    /* of runs that began before that time, not this one, steps whose requests are all gone */
    [ORPHANS] = "SELECT id FROM run AS r WHERE started_at < ?1 AND id <> ?2 AND EXISTS (SELECT 1"
                " FROM step AS s WHERE s.run = r.id AND s.phase = 'serve') AND NOT EXISTS (SELECT 1"
                " FROM request AS q WHERE q.run = r.id) LIMIT 1",
};

struct pri_retention {
    sqlite3      *db;
    const char   *path;
    int64_t       run, keep_ns;
    int64_t       began_ns;                         /* the run, by pr_now_ns */
    uint64_t      max_bytes, page_bytes, wal_bytes; /* wal_bytes: that a WAL may take */
    bool          can_shrink, said_full;
    bool          swept;  /* runs before this one were looked at for steps without requests */
    bool          more;   /* the last turn did not finish */
    bool          cut;    /* pages were given back, and the files are still to be cut */
    int64_t       looked; /* when it was looked last */
    sqlite3_stmt *statement[NUM_STATEMENTS];
};

/* Run a statement with its parameters and give the first row's columns, zeros without one or where
 * they are NULL; true when there was a row. */
static bool ask(pri_retention *r, statement which, const int64_t *in, int num_in, int64_t *out,
                int num_out)
{
    sqlite3_stmt *s = r->statement[which];

    for (int i = 0; i < num_in; i++) (void)sqlite3_bind_int64(s, i + 1, in[i]);
    const bool row = sqlite3_step(s) == SQLITE_ROW;
    for (int i = 0; i < num_out; i++) out[i] = row ? sqlite3_column_int64(s, i) : 0;
    (void)sqlite3_reset(s);
    return row;
}

/* Run a statement that changes rows; gives the SQLite code, and adds how many rows it changed. */
static int change(pri_retention *r, statement which, const int64_t *in, int num_in, uint64_t *rows)
{
    sqlite3_stmt *s = r->statement[which];

    for (int i = 0; i < num_in; i++) (void)sqlite3_bind_int64(s, i + 1, in[i]);
    (void)sqlite3_step(s);
    const int rc = sqlite3_reset(s);
    if (rc == SQLITE_OK) *rows += (uint64_t)sqlite3_changes64(r->db);
    return rc;
}

static uint64_t pages(pri_retention *r, statement which)
{
    int64_t n = 0;
    (void)ask(r, which, NULL, 0, &n, 1);
    return (uint64_t)n;
}

static uint64_t used_pages(pri_retention *r)
{
    return pages(r, PAGE_COUNT) - pages(r, FREE_COUNT);
}

/* Free pages that a file of so many others may have. */
static uint64_t max_holes(uint64_t used)
{
    return used / HOLES_SHARE > FEW_PAGES ? used / HOLES_SHARE : FEW_PAGES;
}

/* Bytes of pages in use, and of holes and the WAL that are to be expected. */
static uint64_t live_bytes(pri_retention *r)
{
    const uint64_t used = used_pages(r);
    return (used + max_holes(used)) * r->page_bytes + r->wal_bytes;
}

/* The first step of a run that is still needed, after requests up to `last_step` were deleted. */
static int64_t first_needed(pri_retention *r, int64_t run, int64_t last_step)
{
    sqlite3_stmt *s     = r->statement[FIRST_NAMED];
    int64_t       first = last_step + 1;

    (void)sqlite3_bind_int64(s, 1, run);
    (void)sqlite3_bind_int64(s, 2, NAMED_ROWS);
    if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL)
        first = sqlite3_column_int64(s, 0);
    (void)sqlite3_reset(s);
    return first;
}

static int delete_steps(pri_retention *r, int64_t run, int64_t below, uint64_t *deleted)
{
    const int64_t in[] = { run, below };
    const int     rc   = change(r, DELETE_PARTITIONS, in, 2, deleted);
    return rc == SQLITE_OK ? change(r, DELETE_STEPS, in, 2, deleted) : rc;
}

/* Within a transaction: delete among the oldest requests those that came before `cut`, and the
 * steps that were theirs. Gives the SQLite code. Where two servers write one file, neither's are
 * deleted a second before the other's that are older. */
static int delete_oldest(pri_retention *r, int64_t cut, uint64_t *deleted)
{
    sqlite3_stmt *oldest = r->statement[OLDEST_RUN];
    int64_t       row[3] = { 0 }, last[3];

    (void)sqlite3_bind_int64(oldest, 1, r->run);
    (void)sqlite3_bind_int64(oldest, 2, pr_unix_ns() - (pr_now_ns() - r->began_ns));
    const bool found = sqlite3_step(oldest) == SQLITE_ROW;
    for (int i = 0; found && i < 3; i++) row[i] = sqlite3_column_int64(oldest, i);
    if (found && sqlite3_step(oldest) == SQLITE_ROW) {
        const int64_t other = sqlite3_column_int64(oldest, 2) + SLACK_NS;
        if (other < cut) cut = other;
    }
    (void)sqlite3_reset(oldest);
    if (!found || row[2] >= cut) return SQLITE_OK;
    const int64_t run = row[0], before = cut - row[1]; /* in the run's own time */
    (void)ask(r, LAST_OF_CHUNK, (int64_t[]){ run, before, CHUNK_ROWS }, 3, last, 3);
    if (last[2] == 0) return SQLITE_OK;
    const int rc = change(r, DELETE_REQUESTS, (int64_t[]){ run, before, last[0] }, 3, deleted);
    return rc == SQLITE_OK ? delete_steps(r, run, first_needed(r, run, last[1]), deleted) : rc;
}

/* Steps of a run whose requests were deleted, or lost. */
static int delete_orphans(pri_retention *r, int64_t cut, uint64_t *deleted)
{
    int64_t run = 0;
    if (!ask(r, ORPHANS, (int64_t[]){ cut, r->run }, 2, &run, 1)) return SQLITE_OK;
    return delete_steps(r, run, INT64_MAX, deleted);
}

/* One transaction of what `remove` does; gives the rows it deleted, 0 on failure too. */
static uint64_t transact(pri_retention *r, int64_t cut,
                         int (*remove)(pri_retention *r, int64_t cut, uint64_t *deleted))
{
    uint64_t deleted = 0;
    int      rc      = sqlite3_exec(r->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

    if (rc == SQLITE_OK) rc = remove(r, cut, &deleted);
    if (rc == SQLITE_OK) rc = sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
    if (rc != SQLITE_OK) pri_db_rollback(r->db);
    return rc == SQLITE_OK ? deleted : 0;
}

static uint64_t delete_old(pri_retention *r)
{
    const int64_t cut     = pr_unix_ns() - r->keep_ns;
    uint64_t      deleted = transact(r, cut, delete_oldest);

    if (deleted == 0 && !r->swept) {
        deleted  = transact(r, cut, delete_orphans);
        r->swept = deleted == 0;
    }
    return deleted;
}

static uint64_t delete_surplus(pri_retention *r)
{
    uint64_t deleted = transact(r, INT64_MAX, delete_oldest);

    if (deleted == 0) deleted = transact(r, INT64_MAX, delete_orphans);
    if (deleted == 0 && !r->said_full) {
        r->said_full = true;
        pr_diag(PR_WARN,
                "%s: is larger than the %llu bytes that it may have, and has no requests that "
                "could be deleted; what else is in it stays",
                r->path, (unsigned long long)r->max_bytes);
    }
    return deleted;
}

/* Delete one transaction's worth of what is too old or too much. */
static uint64_t delete_some(pri_retention *r)
{
    uint64_t deleted = 0;

    if (r->keep_ns > 0) deleted = delete_old(r);
    if (deleted == 0 && r->max_bytes > 0 && live_bytes(r) > r->max_bytes)
        deleted = delete_surplus(r);
    return deleted;
}

/* Whether so many pages are free that they are worth moving. */
static bool has_holes(pri_retention *r)
{
    return r->can_shrink && pages(r, FREE_COUNT) > max_holes(used_pages(r));
}

/* Move what is in the WAL, and cut both files; not waiting for readers. */
static void cut_files(pri_retention *r)
{
    int in_wal = 0, moved = 0;

    (void)sqlite3_busy_timeout(r->db, 0);
    const int rc =
        sqlite3_wal_checkpoint_v2(r->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &in_wal, &moved);
    (void)sqlite3_busy_timeout(r->db, PRI_SERVER_BUSY_MS);
    if (rc == SQLITE_OK) r->cut = false;
}

uint64_t pri_retention_turn(pri_retention *r, uint64_t written)
{
    const int64_t begun   = pr_now_ns();
    const bool    timely  = written > 0 || begun - r->looked >= LOOK_NS;
    uint64_t      deleted = 0, now;
    char          sql[64];

    if (!timely && !r->more) return 0;
    snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%d)", VACUUM_PAGES);
    r->more = false;
    do {
        now = delete_some(r);
        deleted += now;
        if (now > 0) continue;
        if (!has_holes(r) || sqlite3_exec(r->db, sql, NULL, NULL, NULL) != SQLITE_OK) break;
        r->cut = true;
        now    = 1;
    } while (now > 0 && (deleted < written || pr_now_ns() - begun < TURN_NS));
    r->more = now > 0;
    if (!r->more && r->cut) cut_files(r);
    if (!r->more) r->looked = pr_now_ns();
    return deleted;
}

/* A file that was made without auto_vacuum keeps its length, whatever is deleted from it. */
static pr_status find_shape(pri_retention *r)
{
    pr_status st     = PR_OK;
    int64_t   vacuum = 0, page = 0;

    PR_TRY(pri_db_int(r->db, r->path, "PRAGMA auto_vacuum", &vacuum));
    PR_TRY(pri_db_int(r->db, r->path, "PRAGMA page_size", &page));
    r->can_shrink = vacuum == 2;
    r->page_bytes = (uint64_t)page;
    if (!r->can_shrink)
        pr_diag(
            PR_WARN,
            "%s: was made without auto_vacuum: what is deleted from it makes room for new rows, "
            "but the file stays as long as it is (PRAGMA auto_vacuum = 2; VACUUM; changes it)",
            r->path);
done:
    return st;
}

/* Have the WAL moved to the file before it takes more than its share. */
static pr_status limit_wal(pri_retention *r)
{
    pr_status st        = PR_OK;
    uint64_t  num_pages = r->max_bytes / WAL_SHARE / r->page_bytes;
    char      sql[128];

    if (r->max_bytes == 0 || num_pages > WAL_PAGES) num_pages = WAL_PAGES;
    if (num_pages < 16) num_pages = 16;
    r->wal_bytes = num_pages * r->page_bytes;
    snprintf(sql, sizeof sql, "PRAGMA wal_autocheckpoint = %llu; PRAGMA journal_size_limit = %llu",
             (unsigned long long)num_pages, (unsigned long long)r->wal_bytes);
    PR_TRY(pri_db_run(r->db, r->path, sql));
done:
    return st;
}

pr_status pri_retention_create(sqlite3 *db, const char *path, int64_t run, int64_t keep_ns,
                               uint64_t max_bytes, pri_retention **out)
{
    pr_status      st = PR_OK;
    pri_retention *r  = NULL;

    *out = NULL;
    PR_CHECK(keep_ns >= 0, PR_E_ARG, "keep_ns is %lld, must be 0 (for ever) or more",
             (long long)keep_ns);
    PR_NEW(r, 1);
    r->db        = db;
    r->path      = path;
    r->run       = run;
    r->began_ns  = pr_now_ns();
    r->keep_ns   = keep_ns;
    r->max_bytes = max_bytes;
    PR_TRY(find_shape(r));
    PR_TRY(limit_wal(r));
    for (int i = 0; i < NUM_STATEMENTS; i++)
        PR_TRY(pri_db_prepare(db, path, sql_of[i], &r->statement[i]));
    *out = r;
    r    = NULL;
done:
    pri_retention_free(r);
    return st;
}

void pri_retention_free(pri_retention *r)
{
    if (!r) return;
    for (int i = 0; i < NUM_STATEMENTS; i++) (void)sqlite3_finalize(r->statement[i]);
    pri_free(r);
}
