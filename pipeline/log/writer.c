/* writer.c: the thread that writes the step log.
 *
 *     the run's thread  --ring of 65,536 records-->  writer thread  --one transaction-->  file
 *
 * A step and its partitions are published together and written in one transaction, in the order
 * they came, every 50 ms or 256 records, whichever is first; of a server, whose rows are many,
 * every 200 ms or 4,096. The writer looks at the ring every 10 ms; the producer wakes it only when
 * the ring is full, so handing over a step is a copy and a store.
 *
 * A training run waits for a full ring, and stops to write after the first batch of rows that
 * cannot be written: the steps in the file stay a prefix. A locked database is no failure until it
 * has been locked for 30 s; meanwhile the records wait in the ring.
 *
 * A server never waits. What does not fit in the ring is lost, and so are the rows of a transaction
 * that fails; then the writer tries with later ones, once a second. Of a locked database nothing is
 * lost but what the ring cannot hold. Between two transactions it deletes what is too old or too
 * much (retention.c), for a few ms at a time, so that the ring does not fill meanwhile. */
#include "pipeline/log/writer.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/thread.h"
#include "pipeline/log/db.h"

enum {
    FLUSH_RECORDS        = 256,
    SERVER_FLUSH_RECORDS = 4096,
    TRANSACTION_RECORDS  = 4096, /* most in one transaction, but for a single step's partitions */
};
static const int64_t FLUSH_NS = 50000000, SERVER_FLUSH_NS = 200000000, LOOK_NS = 10000000;
static const int64_t BUSY_NS = 30000000000, AGAIN_NS = 1000000000, SAY_NS = 60000000000;
static const int64_t LAST_NS = 2000000000; /* that the end of a server waits for a lock */

static const pri_columns *const columns_of[PRI_NUM_RECORD_KINDS] = {
    [PRI_RECORD_STEP] = &pri_step_columns,       [PRI_RECORD_PARTITION] = &pri_partition_columns,
    [PRI_RECORD_REQUEST] = &pri_request_columns, [PRI_RECORD_EPOCH] = &pri_epoch_columns,
    [PRI_RECORD_LANE] = &pri_lane_columns,       [PRI_RECORD_PLACEMENT] = &pri_placement_columns,
    [PRI_RECORD_NOTE] = &pri_note_columns,       [PRI_RECORD_FORECAST] = &pri_forecast_columns,
};

uint64_t pri_writer_lost(const pr_steplog *log)
{
    return atomic_load_explicit(&log->rows_lost, memory_order_relaxed) +
           atomic_load_explicit(&log->unsent, memory_order_relaxed);
}

/* Put the pieces of text that follow record i together, in log->text. */
static void join_text(pr_steplog *log, uint32_t i, uint32_t followers)
{
    for (uint32_t k = 0; k < followers; k++) {
        const pri_log_record *piece = pri_ring_peek(log->ring, i + 1 + k);
        memcpy(log->text + (size_t)k * PRI_PIECE_BYTES, piece->as.text, PRI_PIECE_BYTES);
    }
    log->text[(size_t)followers * PRI_PIECE_BYTES] = '\0';
}

/* Insert the row that record i is; gives the SQLite code. */
static int insert_record(pr_steplog *log, uint32_t i)
{
    const pri_log_record *r   = pri_ring_peek(log->ring, i);
    const void           *row = &r->as;
    pri_lane_record       lane;
    pri_note_record       note;

    if (r->kind == PRI_RECORD_TEXT) return SQLITE_OK;
    if (r->kind == PRI_RECORD_LANE) {
        lane = r->as.lane;
        join_text(log, i, r->followers);
        lane.cpus = log->text;
        row       = &lane;
    } else if (r->kind == PRI_RECORD_NOTE) {
        note = r->as.note;
        join_text(log, i, r->followers);
        note.text = log->text;
        row       = &note;
    }
    return pri_columns_insert(columns_of[r->kind], log->insert[r->kind], log->run, row);
}

/* Say in a server's row of table run how many rows were lost so far; in the transaction at hand. */
static int tell_lost(pr_steplog *log, uint64_t lost)
{
    char sql[128];

    if (!log->never_waits || lost == log->told_lost) return SQLITE_OK;
    snprintf(sql, sizeof sql, "UPDATE run SET rows_lost = %llu WHERE id = %lld",
             (unsigned long long)lost, (long long)log->run);
    return sqlite3_exec(log->db, sql, NULL, NULL, NULL);
}

/* Write the first n records in one transaction; gives the SQLite code. On failure nothing of it
 * stays. */
static int write_once(pr_steplog *log, uint32_t n)
{
    const uint64_t lost = pri_writer_lost(log);
    int            rc   = sqlite3_exec(log->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

    for (uint32_t i = 0; i < n && rc == SQLITE_OK; i++) rc = insert_record(log, i);
    if (rc == SQLITE_OK) rc = tell_lost(log, lost);
    if (rc == SQLITE_OK) rc = sqlite3_exec(log->db, "COMMIT", NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        snprintf(log->reason, sizeof log->reason, "%s (SQLite %d)", sqlite3_errmsg(log->db), rc);
        pri_db_rollback(log->db);
    } else if (log->never_waits) {
        log->told_lost = lost;
    }
    return rc;
}

/* Count the rows of the first n records as lost. */
static void lose(pr_steplog *log, uint32_t n)
{
    uint64_t rows = 0;

    for (uint32_t i = 0; i < n; i++)
        rows += ((const pri_log_record *)pri_ring_peek(log->ring, i))->kind != PRI_RECORD_TEXT;
    atomic_fetch_add_explicit(&log->rows_lost, rows, memory_order_relaxed);
}

/* Let others know how writing goes; "": well. */
static void set_trouble(pr_steplog *log, const char *words)
{
    (void)pthread_mutex_lock(&log->lock);
    snprintf(log->trouble, sizeof log->trouble, "%.255s", words);
    (void)pthread_mutex_unlock(&log->lock);
}

/* Write n records of a run that waits, or count their rows as lost. */
static void write_records(pr_steplog *log, uint32_t n)
{
    if (!log->broken) {
        const int64_t give_up = pr_now_ns() + BUSY_NS;
        int           rc;
        do rc = write_once(log, n);
        while ((rc & 0xff) == SQLITE_BUSY && pr_now_ns() < give_up);
        if (rc != SQLITE_OK) {
            log->broken = true;
            set_trouble(log, log->reason);
            pr_diag(PR_WARN,
                    "%s: the step log cannot be written: %s; the run goes on, and the rows "
                    "it loses are counted",
                    log->path, log->reason);
        }
    }
    if (log->broken) lose(log, n);
    pri_ring_release(log->ring, n);
}

/* A server's try failed with that code, or succeeded again (0): say so, at most once a minute. */
static void note_outcome(pr_steplog *log, int code)
{
    const bool    failed = code != SQLITE_OK, changed = failed != (log->failing != SQLITE_OK);
    const int64_t now = pr_now_ns();

    log->failing  = code;
    log->tried_ns = now;
    if (failed || changed) set_trouble(log, failed ? log->reason : "");
    if (!changed) return;
    if (failed && (log->said_ns == 0 || now - log->said_ns >= SAY_NS)) {
        log->said_ns = now;
        log->said    = true;
        pr_diag(PR_WARN,
                "%s: the log cannot be written: %s; serving goes on, it is tried again every "
                "second, and the rows it loses are counted",
                log->path, log->reason);
    } else if (!failed && log->said) {
        log->said = false;
        pr_diag(PR_INFO, "%s: the log is written again; %llu rows were lost so far", log->path,
                (unsigned long long)pri_writer_lost(log));
    }
}

/* Write n records of a server. Those of a locked database stay in the ring, unless it is the end;
 * those of any other failure are lost, for what is in the way may be one of them. */
static void write_or_lose(pr_steplog *log, uint32_t n)
{
    const int     rc      = write_once(log, n);
    const bool    busy    = (rc & 0xff) == SQLITE_BUSY;
    const int64_t stopped = log->stopping_ns ? pr_now_ns() - log->stopping_ns : 0;
    const bool    keeps   = busy && (log->stopping_ns == 0 || stopped < LAST_NS);

    if (busy && !keeps) n = pri_ring_count(log->ring); /* the end cannot wait any longer */
    if (rc != SQLITE_OK && !keeps) lose(log, n);
    note_outcome(log, rc);
    if (keeps) return;
    pri_ring_release(log->ring, n);
    if (rc != SQLITE_OK && !busy) /* what is in the WAL may go where there is room for it */
        (void)sqlite3_exec(log->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
}

/* Write the oldest records of the ring, whole steps only; gives how many. */
static uint32_t flush(pr_steplog *log, uint32_t available)
{
    uint32_t n = 0;

    while (n < available && n < TRANSACTION_RECORDS) {
        const pri_log_record *r = pri_ring_peek(log->ring, n);
        n += 1 + r->followers;
    }
    PR_ASSERT(n <= available); /* a step is published with its partitions */
    if (log->never_waits)
        write_or_lose(log, n);
    else
        write_records(log, n);
    return n;
}

/* Sleep until somebody wakes the writer, at most LOOK_NS. */
static void look_later(pr_steplog *log)
{
    const int64_t until = pr_now_ns() + LOOK_NS;

    (void)pthread_mutex_lock(&log->lock);
    if (!log->woken) pri_cond_wait_until(&log->wake, &log->lock, until);
    log->woken = false;
    (void)pthread_mutex_unlock(&log->lock);
}

void pri_writer_wake(pr_steplog *log)
{
    (void)pthread_mutex_lock(&log->lock);
    log->woken = true;
    (void)pthread_cond_signal(&log->wake);
    (void)pthread_mutex_unlock(&log->lock);
}

/* Whether n records that wait are to be written now. A server that could not write looks every
 * second whether it can, even if nothing waits: it is to be known when it is well again. */
static bool is_due(const pr_steplog *log, uint32_t n, bool stop, int64_t flushed)
{
    const uint32_t enough = log->never_waits ? SERVER_FLUSH_RECORDS : FLUSH_RECORDS;
    const int64_t  pause  = log->never_waits ? SERVER_FLUSH_NS : FLUSH_NS;
    const int64_t  now    = pr_now_ns();

    if (log->failing && !stop) return now - log->tried_ns >= AGAIN_NS;
    return n > 0 && (stop || n >= enough || now - flushed >= pause);
}

/* Delete what is due, after so many records were written; not while writing fails, for deleting is
 * writing too. On a full disk it is tried nevertheless: it may be this file that fills it, and
 * small changes find room where large ones do not. */
static void retain(pr_steplog *log, uint64_t written)
{
    if (!atomic_load(&log->begun) || !log->retention) return;
    if (log->failing && (log->failing & 0xff) != SQLITE_FULL) return;
    const uint64_t deleted = pri_retention_turn(log->retention, written);
    atomic_fetch_add_explicit(&log->rows_deleted, deleted, memory_order_relaxed);
}

/* Look how long a server's file is, now and then. */
static void measure(pr_steplog *log, int64_t *measured)
{
    const int64_t now = pr_now_ns();

    if (!log->never_waits || now - *measured < AGAIN_NS / 5) return;
    *measured = now;
    atomic_store_explicit(&log->file_bytes, pri_db_bytes(log->path), memory_order_relaxed);
}

static void *writer_main(void *argument)
{
    pr_steplog *log     = argument;
    int64_t     flushed = pr_now_ns(), measured = flushed;

    for (;;) {
        const bool     stop = atomic_load(&log->stop); /* before the count: it is then final */
        const uint32_t n    = pri_ring_count(log->ring);
        if (stop && n == 0) return NULL;
        if (stop && log->stopping_ns == 0) log->stopping_ns = pr_now_ns();
        const bool due     = is_due(log, n, stop, flushed);
        uint32_t   written = 0;
        if (due) {
            written = flush(log, n);
            flushed = pr_now_ns();
        }
        if (!stop) retain(log, log->failing ? 0 : written);
        measure(log, &measured);
        if (!due) look_later(log);
    }
}

pr_status pri_writer_start(pr_steplog *log)
{
    pr_status st = PR_OK;
    int       error;

    for (int kind = 0; kind < PRI_NUM_RECORD_KINDS; kind++)
        PR_TRY(pri_columns_prepare(columns_of[kind], log->db, log->path, &log->insert[kind]));
    error = pthread_mutex_init(&log->lock, NULL);
    PR_CHECK(error == 0, PR_E_IO, "cannot make the log's lock: %s", strerror(error));
    error = pri_cond_init(&log->wake);
    if (error != 0) (void)pthread_mutex_destroy(&log->lock);
    PR_CHECK(error == 0, PR_E_IO, "cannot make the log's condition: %s", strerror(error));
    log->sync_made = true;

    PR_TRY(pri_thread_start(writer_main, log, "the log's writer", &log->writer));
    log->writer_runs = true;
done:
    return st;
}

void pri_writer_stop(pr_steplog *log)
{
    if (!log->writer_runs) return;
    atomic_store(&log->stop, true);
    pri_writer_wake(log);
    (void)pthread_join(log->writer, NULL);
    log->writer_runs = false;
}
