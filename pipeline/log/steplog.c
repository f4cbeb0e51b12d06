/* steplog.c: a log from its opening to its end: the run's row. What is handed to it in between is
 * handover.c's, writing it writer.c's. */
#include <packrat/log.h>

#include <string.h>

#include "base/json.h"
#include "pipeline/log/db.h"
#include "pipeline/log/writer.h"

static const int64_t BUSY_NS = 30000000000, SERVER_BUSY_NS = 2000000000;

static void free_log(pr_steplog *log)
{
    if (!log) return;
    pri_writer_stop(log);
    if (log->sync_made) {
        (void)pthread_cond_destroy(&log->wake);
        (void)pthread_mutex_destroy(&log->lock);
    }
    for (int kind = 0; kind < PRI_NUM_RECORD_KINDS; kind++)
        (void)sqlite3_finalize(log->insert[kind]);
    pri_retention_free(log->retention);
    pri_db_close(log->db);
    pri_ring_free(log->ring);
    pri_free(log);
}

/* Expect a JSON text; NULL stands for "{}". */
static pr_status check_json(const char *what, const char **text)
{
    pr_status st   = PR_OK;
    pr_json  *json = NULL;

    if (!*text) *text = "{}";
    if (pri_json_parse(*text, strlen(*text), what, &json) != PR_OK) st = PR_E_ARG;
    pr_json_free(json);
    return st;
}

/* Insert a row of table tune for each constant. */
static pr_status insert_tuning(pr_steplog *log, const pr_run_tuning *tuning)
{
    pr_status     st        = PR_OK;
    sqlite3_stmt *statement = NULL;
    sqlite3      *db        = log->db;

    PR_TRY(pri_db_prepare(db, log->path,
                          "INSERT INTO tune (run, name, value, unit, row_bytes, threads, source)"
                          " VALUES (?, ?, ?, ?, ?, ?, ?)",
                          &statement));
    for (size_t i = 0; i < tuning->num_constants; i++) {
        const pr_run_constant *c = &tuning->constants[i];
        PR_SQL(db, log->path, sqlite3_bind_int64(statement, 1, log->run));
        PR_SQL(db, log->path, sqlite3_bind_text(statement, 2, c->name, -1, SQLITE_STATIC));
        PR_SQL(db, log->path, sqlite3_bind_double(statement, 3, c->value)); /* NaN binds NULL */
        PR_SQL(db, log->path, sqlite3_bind_text(statement, 4, c->unit, -1, SQLITE_STATIC));
        PR_SQL(db, log->path, sqlite3_bind_int64(statement, 5, (int64_t)tuning->row_bytes));
        PR_SQL(db, log->path, sqlite3_bind_int64(statement, 6, tuning->threads));
        PR_SQL(db, log->path, sqlite3_bind_text(statement, 7, tuning->source, -1, SQLITE_STATIC));
        (void)sqlite3_step(statement);
        PR_SQL(db, log->path, sqlite3_reset(statement));
    }
done:
    (void)sqlite3_finalize(statement);
    return st;
}

/* Insert the run's row, and what it was tuned with, in one transaction; the row's id is the run's
 * name from now on. */
static pr_status begin_run(pr_steplog *log, const pr_run_info *info)
{
    pr_status     st        = PR_OK;
    sqlite3_stmt *statement = NULL;
    const char   *options = info->options_json, *versions = info->versions_json;

    PR_TRY(check_json("options of the run", &options));
    PR_TRY(check_json("versions of the run", &versions));
    PR_TRY(pri_db_run(log->db, log->path, "BEGIN IMMEDIATE"));
    PR_TRY(pri_db_prepare(log->db, log->path,
                          "INSERT INTO run (started_at, command, options, versions, host, cpu,"
                          " dataset, numa_nodes, threads, seed)"
                          " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                          &statement));
    const char *const text[] = {
        info->command ? info->command : "", options, versions, info->host, info->cpu, info->dataset
    };
    PR_SQL(log->db, log->path, sqlite3_bind_int64(statement, 1, pr_unix_ns()));
    for (int i = 0; i < 6; i++) /* NULL binds NULL */
        PR_SQL(log->db, log->path, sqlite3_bind_text(statement, i + 2, text[i], -1, SQLITE_STATIC));
    PR_SQL(log->db, log->path, sqlite3_bind_int64(statement, 8, info->numa_nodes));
    PR_SQL(log->db, log->path, sqlite3_bind_int64(statement, 9, info->threads));
    PR_SQL(log->db, log->path, sqlite3_bind_int64(statement, 10, (int64_t)info->seed));
    (void)sqlite3_step(statement);
    PR_SQL(log->db, log->path, sqlite3_reset(statement));
    log->run = sqlite3_last_insert_rowid(log->db);
    if (info->tuning) PR_TRY(insert_tuning(log, info->tuning));
    PR_TRY(pri_db_run(log->db, log->path, "COMMIT"));
done:
    (void)sqlite3_finalize(statement);
    if (st != PR_OK) pri_db_rollback(log->db);
    return st;
}

pr_status pr_steplog_open(const char *path, const pr_run_info *info, pr_steplog **out)
{
    pr_status   st  = PR_OK;
    pr_steplog *log = NULL;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(info, PR_E_ARG, "info is NULL");
    PR_NEW(log, 1);
    log->never_waits = info->never_waits;
    PR_TRY(pri_ring_create(sizeof(pri_log_record), PRI_RING_RECORDS, &log->ring));
    PR_TRY(pri_db_append(path, &log->db));
    snprintf(log->path, sizeof log->path, "%s", path);
    PR_TRY(pri_writer_start(log));
    PR_TRY(begin_run(log, info));
    if (info->keep_ns > 0 || info->max_bytes > 0)
        PR_TRY(pri_retention_create(log->db, log->path, log->run, info->keep_ns, info->max_bytes,
                                    &log->retention));
    /* What the schema checks is the name of a phase, which is one of ours; looking it up for every
     * row takes as long as all the rest of the row. */
    PR_TRY(pri_db_run(log->db, log->path, "PRAGMA ignore_check_constraints = ON"));
    if (log->never_waits) (void)sqlite3_busy_timeout(log->db, PRI_SERVER_BUSY_MS);
    atomic_store(&log->file_bytes, pri_db_bytes(path));
    atomic_store(&log->begun, true);
    *out = log;
    log  = NULL;
done:
    free_log(log);
    return st;
}

int64_t pr_steplog_run(const pr_steplog *log)
{
    return log ? log->run : 0;
}

void pr_steplog_health(const pr_steplog *log, pr_steplog_health_state *out)
{
    pr_steplog *open = (pr_steplog *)log; /* its lock changes */

    *out = (pr_steplog_health_state){ .writable = true };
    if (!log) return;
    out->rows_lost    = pri_writer_lost(log);
    out->rows_waiting = pri_ring_count(log->ring);
    out->rows_deleted = atomic_load_explicit(&open->rows_deleted, memory_order_relaxed);
    out->file_bytes   = atomic_load_explicit(&open->file_bytes, memory_order_relaxed);
    (void)pthread_mutex_lock(&open->lock);
    snprintf(out->reason, sizeof out->reason, "%s", log->trouble);
    (void)pthread_mutex_unlock(&open->lock);
    out->writable = !out->reason[0];
}

static int run_while_busy(pr_steplog *log, const char *sql)
{
    const int64_t give_up = pr_now_ns() + (log->never_waits ? SERVER_BUSY_NS : BUSY_NS);
    int           rc;

    do rc = sqlite3_exec(log->db, sql, NULL, NULL, NULL);
    while ((rc & 0xff) == SQLITE_BUSY && pr_now_ns() < give_up);
    return rc;
}

/* Write the run's end; on a full disk once more after emptying the WAL, which may make the room it
 * needs. Gives the SQLite code. */
static int end_run(pr_steplog *log, int exit_status, uint64_t lost)
{
    char sql[256];

    snprintf(sql, sizeof sql,
             "UPDATE run SET ended_at = %lld, exit_status = %d, rows_lost = %llu WHERE id = %lld",
             (long long)pr_unix_ns(), exit_status, (unsigned long long)lost, (long long)log->run);
    const int rc = run_while_busy(log, sql);
    if ((rc & 0xff) != SQLITE_FULL && (rc & 0xff) != SQLITE_IOERR) return rc;
    (void)sqlite3_exec(log->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
    return run_while_busy(log, sql);
}

pr_status pr_steplog_close(pr_steplog *log, int exit_status, uint64_t *rows_lost)
{
    pr_status st = PR_OK;

    if (rows_lost) *rows_lost = 0;
    if (!log) return PR_OK;
    pri_writer_stop(log);
    const uint64_t lost = pri_writer_lost(log);
    if (rows_lost) *rows_lost = lost;
    if (lost > 0 && exit_status == 0 && !log->never_waits) exit_status = pr_status_exit(PR_E_IO);

    const int ended = end_run(log, exit_status, lost);
    int64_t   busy  = 0;
    if (ended == SQLITE_OK && /* a full disk or somebody else's long read: the WAL stays, whole */
        (pri_db_int(log->db, log->path, "PRAGMA wal_checkpoint(TRUNCATE)", &busy) != PR_OK || busy))
        pr_diag(PR_INFO, "%s: keep %s-wal beside it; it holds the newest rows", log->path,
                log->path);
    PR_CHECK(lost == 0, PR_E_IO, "%s: %llu rows of run %lld could not be written: %s", log->path,
             (unsigned long long)lost, (long long)log->run,
             log->reason[0]     ? log->reason
             : log->never_waits ? "they came faster than they could be written"
                                : "more than 4096 partitions in a step");
    if (ended != SQLITE_OK) PR_SQL(log->db, log->path, ended);
done:
    free_log(log);
    return st;
}
