/* steplog.c: the writer of the step log.
 *
 *     the run's thread  --ring of 65,536 records-->  writer thread  --one transaction-->  file
 *
 * A step and its partitions are published together and written in one transaction, in the order
 * they came, every 50 ms or 256 records, whichever is first. The writer looks at the ring every
 * 10 ms; the producer wakes it only when the ring is full, so handing over a step is a copy and a
 * store.
 *
 * After the first batch of rows that cannot be written nothing more of this run is written but the
 * run's end: the steps in the file stay a prefix. A locked database is no failure until it has
 * been locked for 30 s; meanwhile the records wait in the ring.
 *
 * Records are as long as a step. Texts, which few rows have, follow their record in pieces: the
 * ring stays small, and nothing is allocated for them. */
#include <packrat/log.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/thread.h"
#include "pipeline/log/columns.h"
#include "pipeline/log/db.h"
#include "pipeline/log/ring.h"

enum {
    RING_RECORDS        = 65536,
    FLUSH_RECORDS       = 256,
    TRANSACTION_RECORDS = 4096, /* most in one transaction, but for a single step's partitions */
    MAX_PARTITIONS      = 4096, /* of one step; rows beyond are counted as lost */
};
static const int64_t FLUSH_NS = 50000000, LOOK_NS = 10000000, BUSY_NS = 30000000000;

typedef enum record_kind {
    RECORD_STEP,
    RECORD_PARTITION,
    RECORD_EPOCH,
    RECORD_LANE, /* its text follows */
    RECORD_PLACEMENT,
    RECORD_NOTE, /* its text follows */
    RECORD_FORECAST,
    NUM_KINDS,
    RECORD_TEXT = NUM_KINDS /* a piece of the text of the record before; no row of its own */
} record_kind;

typedef struct record {
    record_kind kind;
    uint32_t    followers; /* records behind this one that belong to its transaction */
    union {
        pr_step              step;
        pri_partition_record partition;
        pr_epoch             epoch;
        pri_lane_record      lane;
        pr_placement_row     placement;
        pri_note_record      note;
        pr_forecast_row      forecast;
        char                 text[sizeof(pr_step)]; /* ends with a 0, or fills the record */
    } as;
} record;

enum {
    PIECE_BYTES = sizeof(((record *)NULL)->as.text),
    MAX_PIECES  = (PR_TEXT_BYTES + PIECE_BYTES - 1) / PIECE_BYTES
};

static const pri_columns *const columns_of[NUM_KINDS] = {
    [RECORD_STEP] = &pri_step_columns,           [RECORD_PARTITION] = &pri_partition_columns,
    [RECORD_EPOCH] = &pri_epoch_columns,         [RECORD_LANE] = &pri_lane_columns,
    [RECORD_PLACEMENT] = &pri_placement_columns, [RECORD_NOTE] = &pri_note_columns,
    [RECORD_FORECAST] = &pri_forecast_columns,
};

struct pr_steplog {
    char          path[PR_TEXT_BYTES];
    sqlite3      *db; /* the writer's while it runs, the closer's afterwards */
    sqlite3_stmt *insert[NUM_KINDS];
    int64_t       run;
    pri_ring     *ring;
    uint64_t      unsent;    /* rows the producer had to drop */
    uint64_t      num_notes; /* the producer's */

    pthread_t       writer;
    bool            writer_runs;
    pthread_mutex_t lock; /* of `woken`; taken by the producer only when the ring is full */
    pthread_cond_t  wake;
    bool            sync_made, woken;
    _Atomic bool    stop;

    bool     broken;    /* writer's: something was lost, write no more rows */
    uint64_t rows_lost; /* writer's */
    char     reason[512];
    char     text[MAX_PIECES * PIECE_BYTES + 1]; /* writer's: of the row at hand */
};

static int64_t unix_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Put the pieces of text that follow record i together, in log->text. */
static void join_text(pr_steplog *log, uint32_t i, uint32_t followers)
{
    for (uint32_t k = 0; k < followers; k++) {
        const record *piece = pri_ring_peek(log->ring, i + 1 + k);
        memcpy(log->text + (size_t)k * PIECE_BYTES, piece->as.text, PIECE_BYTES);
    }
    log->text[(size_t)followers * PIECE_BYTES] = '\0';
}

/* Insert the row that record i is; gives the SQLite code. */
static int insert_record(pr_steplog *log, uint32_t i)
{
    const record   *r   = pri_ring_peek(log->ring, i);
    const void     *row = &r->as;
    pri_lane_record lane;
    pri_note_record note;

    if (r->kind == RECORD_TEXT) return SQLITE_OK;
    if (r->kind == RECORD_LANE) {
        lane = r->as.lane;
        join_text(log, i, r->followers);
        lane.cpus = log->text;
        row       = &lane;
    } else if (r->kind == RECORD_NOTE) {
        note = r->as.note;
        join_text(log, i, r->followers);
        note.text = log->text;
        row       = &note;
    }
    return pri_columns_insert(columns_of[r->kind], log->insert[r->kind], log->run, row);
}

/* Write the first n records in one transaction; gives the SQLite code. On failure nothing of it
 * stays. */
static int write_once(pr_steplog *log, uint32_t n)
{
    int rc = sqlite3_exec(log->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

    for (uint32_t i = 0; i < n && rc == SQLITE_OK; i++) rc = insert_record(log, i);
    if (rc == SQLITE_OK) rc = sqlite3_exec(log->db, "COMMIT", NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        snprintf(log->reason, sizeof log->reason, "%s (SQLite %d)", sqlite3_errmsg(log->db), rc);
        pri_db_rollback(log->db);
    }
    return rc;
}

/* How many of the first n records are rows. */
static uint64_t count_rows(const pr_steplog *log, uint32_t n)
{
    uint64_t rows = 0;

    for (uint32_t i = 0; i < n; i++)
        rows += ((const record *)pri_ring_peek(log->ring, i))->kind != RECORD_TEXT;
    return rows;
}

/* Write n records, or count their rows as lost. */
static void write_records(pr_steplog *log, uint32_t n)
{
    if (!log->broken) {
        const int64_t give_up = pr_now_ns() + BUSY_NS;
        int           rc;
        do rc = write_once(log, n);
        while ((rc & 0xff) == SQLITE_BUSY && pr_now_ns() < give_up);
        if (rc != SQLITE_OK) {
            log->broken = true;
            pr_diag(PR_WARN,
                    "%s: the step log cannot be written: %s; the run goes on, and the rows "
                    "it loses are counted",
                    log->path, log->reason);
        }
    }
    if (log->broken) log->rows_lost += count_rows(log, n);
    pri_ring_release(log->ring, n);
}

/* Write the oldest records of the ring, whole steps only. */
static void flush(pr_steplog *log, uint32_t available)
{
    uint32_t n = 0;

    while (n < available && n < TRANSACTION_RECORDS) {
        const record *r = pri_ring_peek(log->ring, n);
        n += 1 + r->followers;
    }
    PR_ASSERT(n <= available); /* a step is published with its partitions */
    write_records(log, n);
}

/* Sleep until somebody wakes the writer, at most LOOK_NS. */
static void look_later(pr_steplog *log)
{
    struct timespec until;
    const int64_t   at = pr_now_ns() + LOOK_NS;

    until.tv_sec  = (time_t)(at / 1000000000);
    until.tv_nsec = (long)(at % 1000000000);
    (void)pthread_mutex_lock(&log->lock);
    if (!log->woken) (void)pthread_cond_timedwait(&log->wake, &log->lock, &until);
    log->woken = false;
    (void)pthread_mutex_unlock(&log->lock);
}

static void wake_writer(pr_steplog *log)
{
    (void)pthread_mutex_lock(&log->lock);
    log->woken = true;
    (void)pthread_cond_signal(&log->wake);
    (void)pthread_mutex_unlock(&log->lock);
}

static void *writer_main(void *argument)
{
    pr_steplog *log     = argument;
    int64_t     flushed = pr_now_ns();

    for (;;) {
        const bool     stop = atomic_load(&log->stop); /* before the count: it is then final */
        const uint32_t n    = pri_ring_count(log->ring);
        if (stop && n == 0) return NULL;
        if (n >= FLUSH_RECORDS || (n > 0 && (stop || pr_now_ns() - flushed >= FLUSH_NS))) {
            flush(log, n);
            flushed = pr_now_ns();
        } else {
            look_later(log);
        }
    }
}

/* Start the writer. */
static pr_status start_writer(pr_steplog *log)
{
    pr_status          st = PR_OK;
    pthread_condattr_t clock;
    int                error;

    error = pthread_mutex_init(&log->lock, NULL);
    PR_CHECK(error == 0, PR_E_IO, "cannot make the log's lock: %s", strerror(error));
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    error = pthread_cond_init(&log->wake, &clock);
    (void)pthread_condattr_destroy(&clock);
    if (error != 0) (void)pthread_mutex_destroy(&log->lock);
    PR_CHECK(error == 0, PR_E_IO, "cannot make the log's condition: %s", strerror(error));
    log->sync_made = true;

    PR_TRY(pri_thread_start(writer_main, log, "the log's writer", &log->writer));
    log->writer_runs = true;
done:
    return st;
}

static void stop_writer(pr_steplog *log)
{
    if (!log->writer_runs) return;
    atomic_store(&log->stop, true);
    wake_writer(log);
    (void)pthread_join(log->writer, NULL);
    log->writer_runs = false;
}

static void free_log(pr_steplog *log)
{
    if (!log) return;
    stop_writer(log);
    if (log->sync_made) {
        (void)pthread_cond_destroy(&log->wake);
        (void)pthread_mutex_destroy(&log->lock);
    }
    for (int kind = 0; kind < NUM_KINDS; kind++) (void)sqlite3_finalize(log->insert[kind]);
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
    PR_SQL(log->db, log->path, sqlite3_bind_int64(statement, 1, unix_ns()));
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
    PR_TRY(pri_ring_create(sizeof(record), RING_RECORDS, &log->ring));
    PR_TRY(pri_db_append(path, &log->db));
    snprintf(log->path, sizeof log->path, "%s", path);
    for (int kind = 0; kind < NUM_KINDS; kind++)
        PR_TRY(pri_columns_prepare(columns_of[kind], log->db, log->path, &log->insert[kind]));
    PR_TRY(start_writer(log)); /* it leaves the database alone until a record comes */
    PR_TRY(begin_run(log, info));
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

/* Wait until n records fit: the writer is behind by a whole ring. */
static void wait_for_room(pr_steplog *log, uint32_t n)
{
    const struct timespec pause = { .tv_sec = 0, .tv_nsec = 200000 };

    while (!pri_ring_has_room(log->ring, n)) {
        wake_writer(log);
        (void)nanosleep(&pause, NULL);
    }
}

void pr_steplog_step(pr_steplog *log, const pr_step *step, const pr_step_partition *partitions,
                     uint32_t num_partitions)
{
    if (!log) return;
    if (num_partitions > MAX_PARTITIONS) {
        log->unsent += num_partitions - MAX_PARTITIONS;
        num_partitions = MAX_PARTITIONS;
    }
    wait_for_room(log, 1 + num_partitions);
    record *r    = pri_ring_next(log->ring, 0);
    r->kind      = RECORD_STEP;
    r->followers = num_partitions;
    r->as.step   = *step;
    for (uint32_t i = 0; i < num_partitions; i++) {
        r               = pri_ring_next(log->ring, i + 1);
        r->kind         = RECORD_PARTITION;
        r->followers    = 0;
        r->as.partition = (pri_partition_record){ step->phase, step->step, partitions[i] };
    }
    pri_ring_publish(log->ring, 1 + num_partitions);
}

void pr_steplog_epoch(pr_steplog *log, const pr_epoch *epoch)
{
    if (!log) return;
    wait_for_room(log, 1);
    record *r    = pri_ring_next(log->ring, 0);
    r->kind      = RECORD_EPOCH;
    r->followers = 0;
    r->as.epoch  = *epoch;
    pri_ring_publish(log->ring, 1);
}

/* Publish a record whose text follows it in pieces; room for all of them is there. */
static void publish_with_text(pr_steplog *log, record *r, const char *text)
{
    size_t   left   = strnlen(text, PR_TEXT_BYTES - 1);
    uint32_t pieces = 0;

    while (left > 0) {
        record      *piece = pri_ring_next(log->ring, ++pieces);
        const size_t n     = left < PIECE_BYTES ? left : PIECE_BYTES;
        piece->kind        = RECORD_TEXT;
        piece->followers   = 0;
        memcpy(piece->as.text, text, n);
        if (n < PIECE_BYTES) piece->as.text[n] = '\0';
        text += n;
        left -= n;
    }
    r->followers = pieces;
    pri_ring_publish(log->ring, 1 + pieces);
}

void pr_steplog_lane(pr_steplog *log, const pr_lane_row *lane)
{
    if (!log) return;
    wait_for_room(log, 1 + MAX_PIECES);
    record *r  = pri_ring_next(log->ring, 0);
    r->kind    = RECORD_LANE;
    r->as.lane = (pri_lane_record){ .lane          = lane->lane,
                                    .numa_node     = lane->numa_node,
                                    .threads       = lane->threads,
                                    .threads_bound = lane->threads_bound,
                                    .memory_bound  = lane->memory_bound };
    publish_with_text(log, r, lane->cpus);
}

void pr_steplog_placement(pr_steplog *log, const pr_placement_row *row)
{
    if (!log) return;
    wait_for_room(log, 1);
    record *r       = pri_ring_next(log->ring, 0);
    r->kind         = RECORD_PLACEMENT;
    r->followers    = 0;
    r->as.placement = *row;
    pri_ring_publish(log->ring, 1);
}

void pr_steplog_request(pr_steplog *log, const pr_request_row *row)
{
    (void)log, (void)row;
}

void pr_steplog_health(const pr_steplog *log, pr_steplog_health_state *out)
{
    (void)log;
    *out = (pr_steplog_health_state){ .writable = true };
}

void pr_steplog_forecast(pr_steplog *log, const pr_forecast_row *row)
{
    if (!log) return;
    wait_for_room(log, 1);
    record *r      = pri_ring_next(log->ring, 0);
    r->kind        = RECORD_FORECAST;
    r->followers   = 0;
    r->as.forecast = *row;
    pri_ring_publish(log->ring, 1);
}

void pr_steplog_note(pr_steplog *log, const char *text)
{
    if (!log) return;
    wait_for_room(log, 1 + MAX_PIECES);
    record *r  = pri_ring_next(log->ring, 0);
    r->kind    = RECORD_NOTE;
    r->as.note = (pri_note_record){ .note = log->num_notes++ };
    publish_with_text(log, r, text);
}

static int run_while_busy(pr_steplog *log, const char *sql)
{
    const int64_t give_up = pr_now_ns() + BUSY_NS;
    int           rc;

    do rc = sqlite3_exec(log->db, sql, NULL, NULL, NULL);
    while ((rc & 0xff) == SQLITE_BUSY && pr_now_ns() < give_up);
    return rc;
}

/* Write the run's end; on a full disk once more after emptying the WAL, which may make the room it
 * needs. Gives the SQLite code. */
static int end_run(pr_steplog *log, int exit_status)
{
    char sql[256];

    snprintf(sql, sizeof sql,
             "UPDATE run SET ended_at = %lld, exit_status = %d, rows_lost = %llu WHERE id = %lld",
             (long long)unix_ns(), exit_status, (unsigned long long)log->rows_lost,
             (long long)log->run);
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
    stop_writer(log);
    log->rows_lost += log->unsent;
    if (rows_lost) *rows_lost = log->rows_lost;
    if (log->rows_lost > 0 && exit_status == 0) exit_status = pr_status_exit(PR_E_IO);

    const int ended = end_run(log, exit_status);
    int64_t   busy  = 0;
    if (ended == SQLITE_OK && /* a full disk or somebody else's long read: the WAL stays, whole */
        (pri_db_int(log->db, log->path, "PRAGMA wal_checkpoint(TRUNCATE)", &busy) != PR_OK || busy))
        pr_diag(PR_INFO, "%s: keep %s-wal beside it; it holds the newest rows", log->path,
                log->path);
    PR_CHECK(log->rows_lost == 0, PR_E_IO, "%s: %llu rows of run %lld could not be written: %s",
             log->path, (unsigned long long)log->rows_lost, (long long)log->run,
             log->reason[0] ? log->reason : "more than 4096 partitions in a step");
    if (ended != SQLITE_OK) PR_SQL(log->db, log->path, ended);
done:
    free_log(log);
    return st;
}
