/* schema.c: the tables of a log, as SQL, and how they get into a new file. docs/step-log.md says
 * what every column means; a change here needs a change there and a new PRI_SCHEMA_VERSION.
 *
 * Integers of 64 bits without sign (seed, batch_hash) are stored in SQLite's signed integers, bit
 * for bit. */
#include "pipeline/log/schema.h"

#include <string.h>
#include <time.h>

#include "pipeline/log/db.h"

static const char meta_sql[] = "CREATE TABLE meta (\n"
                               "    key   TEXT NOT NULL PRIMARY KEY,\n"
                               "    value TEXT\n"
                               ") WITHOUT ROWID";

static const char run_sql[] = "CREATE TABLE run (\n"
                              "    id          INTEGER PRIMARY KEY AUTOINCREMENT,\n"
                              "    started_at  INTEGER NOT NULL,\n"
                              "    command     TEXT NOT NULL,\n"
                              "    options     TEXT NOT NULL,\n"
                              "    host        TEXT,\n"
                              "    cpu         TEXT,\n"
                              "    numa_nodes  INTEGER NOT NULL,\n"
                              "    threads     INTEGER NOT NULL,\n"
                              "    versions    TEXT NOT NULL,\n"
                              "    dataset     TEXT,\n"
                              "    seed        INTEGER NOT NULL,\n"
                              "    rows_lost   INTEGER NOT NULL DEFAULT 0,\n"
                              "    ended_at    INTEGER,\n"
                              "    exit_status INTEGER\n"
                              ")";

static const char step_sql[] =
    "CREATE TABLE step (\n"
    "    run            INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,\n"
    "    phase          TEXT NOT NULL CHECK (phase IN ('train', 'eval', 'infer', 'serve')),\n"
    "    step           INTEGER NOT NULL,\n"
    "    epoch          INTEGER NOT NULL,\n"
    "    num_seeds      INTEGER NOT NULL,\n"
    "    num_inputs     INTEGER NOT NULL,\n"
    "    num_edges      INTEGER NOT NULL,\n"
    "    inputs_repeated INTEGER,\n"
    "    batch_hash     INTEGER NOT NULL,\n"
    "    rows_hit       INTEGER NOT NULL,\n"
    "    rows_added     INTEGER NOT NULL,\n"
    "    rows_bypassed  INTEGER NOT NULL,\n"
    "    rows_direct    INTEGER NOT NULL,\n"
    "    rows_victim    INTEGER NOT NULL,\n"
    "    rows_compacted INTEGER NOT NULL,\n"
    "    rows_moved     INTEGER NOT NULL,\n"
    "    rows_first     INTEGER NOT NULL,\n"
    "    bytes_moved    INTEGER NOT NULL,\n"
    "    bytes_bound    INTEGER,\n"
    "    bytes_gather   INTEGER NOT NULL,\n"
    "    bytes_local    INTEGER,\n"
    "    bytes_remote   INTEGER,\n"
    "    bytes_disk     INTEGER NOT NULL,\n"
    "    reads_disk     INTEGER NOT NULL DEFAULT 0,\n"
    "    reads_again    INTEGER NOT NULL DEFAULT 0,\n"
    "    rows_disk      INTEGER NOT NULL DEFAULT 0,\n"
    "    rows_early     INTEGER NOT NULL DEFAULT 0,\n"
    "    disk_ns        INTEGER,\n"
    "    wait_rows_ns   INTEGER,\n"
    "    mode           TEXT,\n"
    "    path           TEXT,\n"
    "    policy         TEXT,\n"
    "    lookahead      INTEGER NOT NULL,\n"
    "    wait_ns        INTEGER,\n"
    "    prepare_ns     INTEGER,\n"
    "    place_ns       INTEGER,\n"
    "    aggregate_ns   INTEGER,\n"
    "    gemm_ns        INTEGER,\n"
    "    backward_ns    INTEGER,\n"
    "    update_ns      INTEGER,\n"
    "    other_ns       INTEGER,\n"
    "    step_ns        INTEGER,\n"
    "    sample_ns      INTEGER,\n"
    "    fetch_ns       INTEGER,\n"
    "    queue_depth    INTEGER NOT NULL,\n"
    "    loss           REAL,\n"
    "    num_correct    INTEGER,\n"
    "    cycles         INTEGER,\n"
    "    instructions   INTEGER,\n"
    "    llc_misses     INTEGER,\n"
    "    PRIMARY KEY (run, phase, step)\n"
    ") WITHOUT ROWID";

#define PARTITION_COLUMNS                                                                          \
    "    run             INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,\n"                \
    "    phase           TEXT NOT NULL CHECK (phase IN ('train', 'eval', 'infer', 'serve')),\n"    \
    "    step            INTEGER NOT NULL,\n"                                                      \
    "    partition       INTEGER NOT NULL,\n"                                                      \
    "    numa_node       INTEGER,\n"                                                               \
    "    num_inputs      INTEGER NOT NULL,\n"                                                      \
    "    rows_hit        INTEGER NOT NULL,\n"                                                      \
    "    rows_added      INTEGER NOT NULL,\n"                                                      \
    "    rows_bypassed   INTEGER NOT NULL,\n"                                                      \
    "    rows_victim     INTEGER NOT NULL,\n"                                                      \
    "    rows_replicated INTEGER,\n"                                                               \
    "    bytes_moved     INTEGER NOT NULL,\n"                                                      \
    "    bytes_bound     INTEGER,\n"                                                               \
    "    bytes_local     INTEGER,\n"                                                               \
    "    bytes_remote    INTEGER,\n"                                                               \
    "    bytes_disk      INTEGER NOT NULL,\n"                                                      \
    "    reads_disk      INTEGER NOT NULL DEFAULT 0,\n"                                            \
    "    prepare_ns      INTEGER,\n"                                                               \
    "    place_ns        INTEGER,\n"                                                               \
    "    fetch_ns        INTEGER,\n"                                                               \
    "    lane_ns         INTEGER,\n"                                                               \
    "    PRIMARY KEY (run, phase, step, partition)\n"                                              \
    ") WITHOUT ROWID"

static const char step_partition_sql[] = "CREATE TABLE step_partition (\n" PARTITION_COLUMNS;

#define REQUEST_COLUMNS                                                                            \
    "    run           INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,\n"                  \
    "    request       INTEGER NOT NULL,\n"                                                        \
    "    arrival_ns    INTEGER NOT NULL,\n"                                                        \
    "    endpoint      TEXT NOT NULL,\n"                                                           \
    "    client_id     TEXT,\n"                                                                    \
    "    num_nodes     INTEGER NOT NULL,\n"                                                        \
    "    queue_ns      INTEGER,\n"                                                                 \
    "    compute_ns    INTEGER,\n"                                                                 \
    "    total_ns      INTEGER NOT NULL,\n"                                                        \
    "    status        INTEGER NOT NULL,\n"                                                        \
    "    batch_step    INTEGER,\n"                                                                 \
    "    seed          INTEGER NOT NULL,\n"                                                        \
    "    model_version INTEGER NOT NULL,\n"                                                        \
    "    shed          INTEGER NOT NULL,\n"                                                        \
    "    PRIMARY KEY (run, request)\n"                                                             \
    ") WITHOUT ROWID"

static const char request_sql[] = "CREATE TABLE request (\n" REQUEST_COLUMNS;

static const char epoch_sql[] =
    "CREATE TABLE epoch (\n"
    "    run        INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,\n"
    "    epoch      INTEGER NOT NULL,\n"
    "    split      TEXT NOT NULL,\n"
    "    loss       REAL,\n"
    "    accuracy   REAL,\n"
    "    micro_f1   REAL,\n"
    "    elapsed_ns INTEGER,\n"
    "    mrr        REAL,\n"
    "    auc        REAL,\n"
    "    PRIMARY KEY (run, epoch, split)\n"
    ") WITHOUT ROWID";

static const char bench_sql[] = "CREATE TABLE bench (\n"
                                "    id          INTEGER PRIMARY KEY AUTOINCREMENT,\n"
                                "    measured_at INTEGER NOT NULL,\n"
                                "    host        TEXT,\n"
                                "    cpu         TEXT,\n"
                                "    threads     INTEGER,\n"
                                "    versions    TEXT,\n"
                                "    bench       TEXT NOT NULL,\n"
                                "    options     TEXT NOT NULL,\n"
                                "    metric      TEXT NOT NULL,\n"
                                "    unit        TEXT NOT NULL,\n"
                                "    repeats     INTEGER NOT NULL,\n"
                                "    value       REAL,\n"
                                "    min         REAL,\n"
                                "    max         REAL\n"
                                ")";

#define TUNE_COLUMNS                                                                               \
    "    run       INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,\n"                      \
    "    name      TEXT NOT NULL,\n"                                                               \
    "    value     REAL,\n"                                                                        \
    "    unit      TEXT NOT NULL,\n"                                                               \
    "    row_bytes INTEGER NOT NULL,\n"                                                            \
    "    threads   INTEGER NOT NULL,\n"                                                            \
    "    source    TEXT NOT NULL,\n"                                                               \
    "    PRIMARY KEY (run, name)\n"                                                                \
    ") WITHOUT ROWID"

static const char tune_sql[] = "CREATE TABLE tune (\n" TUNE_COLUMNS;

#define LANE_COLUMNS                                                                               \
    "    run           INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,\n"                  \
    "    lane          INTEGER NOT NULL,\n"                                                        \
    "    numa_node     INTEGER,\n"                                                                 \
    "    threads       INTEGER NOT NULL,\n"                                                        \
    "    threads_bound INTEGER NOT NULL,\n"                                                        \
    "    memory_bound  INTEGER NOT NULL,\n"                                                        \
    "    cpus          TEXT NOT NULL,\n"                                                           \
    "    PRIMARY KEY (run, lane)\n"                                                                \
    ") WITHOUT ROWID"

#define PLACEMENT_COLUMNS                                                                          \
    "    run             INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,\n"                \
    "    step            INTEGER NOT NULL,\n"                                                      \
    "    lane            INTEGER NOT NULL,\n"                                                      \
    "    what            TEXT NOT NULL,\n"                                                         \
    "    numa_node       INTEGER NOT NULL,\n"                                                      \
    "    bytes           INTEGER NOT NULL,\n"                                                      \
    "    pages           INTEGER NOT NULL,\n"                                                      \
    "    pages_checked   INTEGER NOT NULL,\n"                                                      \
    "    pages_on_node   INTEGER NOT NULL,\n"                                                      \
    "    pages_elsewhere INTEGER NOT NULL,\n"                                                      \
    "    PRIMARY KEY (run, step, lane, what, numa_node)\n"                                         \
    ") WITHOUT ROWID"

#define NOTE_COLUMNS                                                                               \
    "    run  INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,\n"                           \
    "    note INTEGER NOT NULL,\n"                                                                 \
    "    text TEXT NOT NULL,\n"                                                                    \
    "    PRIMARY KEY (run, note)\n"                                                                \
    ") WITHOUT ROWID"

/* In the order in which rows were written last, which a report keeps: so with a rowid. */
#define FORECAST_COLUMNS                                                                           \
    "    run       INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,\n"                      \
    "    item      TEXT NOT NULL,\n"                                                               \
    "    unit      TEXT NOT NULL,\n"                                                               \
    "    predicted REAL,\n"                                                                        \
    "    outcome   REAL,\n"                                                                        \
    "    PRIMARY KEY (run, item)\n"                                                                \
    ")"

static const char lane_sql[]      = "CREATE TABLE lane (\n" LANE_COLUMNS;
static const char placement_sql[] = "CREATE TABLE placement (\n" PLACEMENT_COLUMNS;
static const char note_sql[]      = "CREATE TABLE note (\n" NOTE_COLUMNS;
static const char forecast_sql[]  = "CREATE TABLE forecast (\n" FORECAST_COLUMNS;

static const char *const table_sql[] = {
    meta_sql,  run_sql,  step_sql, step_partition_sql, request_sql, epoch_sql,
    bench_sql, tune_sql, lane_sql, placement_sql,      note_sql,    forecast_sql,
};

/* What version 5 added to tables that were there. */
#define STEP_OF_5                                                                                  \
    "0 AS reads_disk, 0 AS reads_again, 0 AS rows_disk, 0 AS rows_early, NULL AS disk_ns,"         \
    " NULL AS wait_rows_ns"

/* Versions before 4 wrote 0 rows_replicated whatever there were: with several partitions that means
 * not counted. Columns by name, for a table of another order. */
#define PARTITIONS_OF_OLD                                                                          \
    "SELECT run, phase, step, partition, numa_node, num_inputs, rows_hit, rows_added,"             \
    " rows_bypassed, rows_victim, CASE WHEN run IN (SELECT run FROM main.step_partition"           \
    " WHERE partition > 0) THEN NULL ELSE rows_replicated END AS rows_replicated,"                 \
    " bytes_moved, bytes_bound, bytes_local, bytes_remote, bytes_disk, 0 AS reads_disk,"           \
    " prepare_ns, place_ns,"                                                                       \
    " fetch_ns, lane_ns FROM main.step_partition"

int pri_schema_version(sqlite3 *db, int64_t *version)
{
    sqlite3_stmt *statement = NULL;

    *version = 0;
    int rc   = sqlite3_prepare_v2(db,
                                  "SELECT count(*) FROM sqlite_master"
                                    " WHERE type = 'table' AND name = 'meta'",
                                  -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(statement);
    const bool found = rc == SQLITE_ROW && sqlite3_column_int64(statement, 0) == 1;
    (void)sqlite3_finalize(statement);
    if (rc != SQLITE_ROW) return rc;
    if (!found) return SQLITE_OK;

    rc = sqlite3_prepare_v2(db,
                            "SELECT CAST(value AS INTEGER) FROM meta"
                            " WHERE key = 'schema_version'",
                            -1, &statement, NULL);
    if (rc == SQLITE_ERROR) return SQLITE_OK; /* somebody else's table of that name */
    if (rc == SQLITE_OK) rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) *version = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

pr_status pri_schema_check(const char *path, int64_t version)
{
    pr_status st = PR_OK;
    PR_CHECK(version != 0, PR_E_INPUT,
             "%s: is not a packrat log: it has no table meta with a schema_version", path);
    PR_CHECK(version <= PRI_SCHEMA_VERSION, PR_E_INPUT,
             "%s: has schema version %lld, this packrat " PR_VERSION " knows up to %d", path,
             (long long)version, PRI_SCHEMA_VERSION);
    PR_CHECK(version > 0, PR_E_INPUT, "%s: has schema version %lld, allowed are 1 .. %d", path,
             (long long)version, PRI_SCHEMA_VERSION);
done:
    return st;
}

/* Create a view; kind is VIEW or TEMP VIEW. */
static pr_status create_view(sqlite3 *db, const char *path, const char *kind, const pri_view *view)
{
    pr_status st  = PR_OK;
    char     *sql = sqlite3_mprintf("CREATE %s %s AS\n%s", kind, view->name, view->select);

    PR_CHECK(sql, PR_E_NOMEM, "%s: out of memory while creating view %s", path, view->name);
    st = pri_db_run(db, path, sql);
    sqlite3_free(sql);
done:
    return st;
}

/* Create everything in an empty database, inside the caller's transaction. */
static pr_status create_all(sqlite3 *db, const char *path)
{
    pr_status st = PR_OK;
    char      sql[512];

    for (size_t i = 0; i < sizeof table_sql / sizeof *table_sql; i++)
        PR_TRY(pri_db_run(db, path, table_sql[i]));
    for (size_t i = 0; i < PRI_NUM_VIEWS; i++) PR_TRY(create_view(db, path, "VIEW", &pri_views[i]));
    snprintf(sql, sizeof sql,
             "INSERT INTO meta VALUES ('schema_version', '%d'), ('created_by', 'packrat %s'),"
             " ('created_at', '%lld')",
             PRI_SCHEMA_VERSION, PR_VERSION, (long long)time(NULL) * 1000000000);
    PR_TRY(pri_db_run(db, path, sql));
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             PRI_APPLICATION_ID, PRI_SCHEMA_VERSION);
    PR_TRY(pri_db_run(db, path, sql));
done:
    return st;
}

pr_status pri_schema_install(sqlite3 *db, const char *path)
{
    pr_status st      = PR_OK;
    int64_t   version = 0, objects = 0;

    PR_TRY(pri_db_run(db, path, "BEGIN"));
    /* Must come before the first page; takes the write lock, so that what follows sees what another
     * process may have made meanwhile. */
    PR_TRY(pri_db_run(db, path, "PRAGMA auto_vacuum = INCREMENTAL"));
    PR_SQL(db, path, pri_schema_version(db, &version));
    if (version == 0) {
        PR_TRY(pri_db_int(db, path, "SELECT count(*) FROM sqlite_master", &objects));
        if (objects != 0) PR_TRY(pri_schema_check(path, 0));
        PR_TRY(create_all(db, path));
    } else {
        PR_TRY(pri_schema_check(path, version));
    }
    PR_TRY(pri_db_run(db, path, "COMMIT"));
done:
    pri_db_rollback(db);
    return st;
}

/* Bring tables of versions before 4 to it. A column cannot lose its NOT NULL, so step_partition is
 * copied; the old way of renaming leaves alone what refers to the name, such as a view that
 * somebody added. Our own views are not there meanwhile. */
static pr_status upgrade_to_4(sqlite3 *db, const char *path)
{
    pr_status st = PR_OK;

    PR_TRY(pri_db_run(db, path, "ALTER TABLE step ADD COLUMN inputs_repeated INTEGER"));
    PR_TRY(pri_db_run(db, path, "CREATE TABLE step_partition_4 (\n" PARTITION_COLUMNS));
    PR_TRY(pri_db_run(db, path, "INSERT INTO step_partition_4 " PARTITIONS_OF_OLD));
    PR_TRY(pri_db_run(db, path, "DROP TABLE step_partition"));
    PR_TRY(pri_db_run(db, path,
                      "PRAGMA legacy_alter_table = ON;"
                      " ALTER TABLE step_partition_4 RENAME TO step_partition;"
                      " PRAGMA legacy_alter_table = OFF"));
    PR_TRY(pri_db_run(db, path, lane_sql));
    PR_TRY(pri_db_run(db, path, placement_sql));
    PR_TRY(pri_db_run(db, path, note_sql));
done:
    return st;
}

/* Bring tables of versions before 5 to it: step_partition only of version 4, that of older ones was
 * made anew. */
static pr_status upgrade_to_5(sqlite3 *db, const char *path, int64_t version)
{
    static const char *const added[] = { "reads_disk INTEGER NOT NULL DEFAULT 0",
                                         "reads_again INTEGER NOT NULL DEFAULT 0",
                                         "rows_disk INTEGER NOT NULL DEFAULT 0",
                                         "rows_early INTEGER NOT NULL DEFAULT 0",
                                         "disk_ns INTEGER",
                                         "wait_rows_ns INTEGER" };
    pr_status                st      = PR_OK;
    char                     sql[160];

    for (size_t i = 0; i < sizeof added / sizeof *added; i++) {
        snprintf(sql, sizeof sql, "ALTER TABLE step ADD COLUMN %s", added[i]);
        PR_TRY(pri_db_run(db, path, sql));
    }
    if (version == 4)
        PR_TRY(pri_db_run(db, path,
                          "ALTER TABLE step_partition ADD COLUMN"
                          " reads_disk INTEGER NOT NULL DEFAULT 0"));
    PR_TRY(pri_db_run(db, path, forecast_sql));
done:
    return st;
}

/* Bring tables of versions before 6 to it. */
static pr_status upgrade_to_6(sqlite3 *db, const char *path)
{
    pr_status st = PR_OK;

    PR_TRY(pri_db_run(db, path, "ALTER TABLE epoch ADD COLUMN mrr REAL"));
    PR_TRY(pri_db_run(db, path, "ALTER TABLE epoch ADD COLUMN auc REAL"));
done:
    return st;
}

/* Bring tables of versions before 7 to it: nothing wrote to the table request that they had. */
static pr_status upgrade_to_7(sqlite3 *db, const char *path)
{
    pr_status st = PR_OK;

    PR_TRY(pri_db_run(db, path, "DROP TABLE IF EXISTS request"));
    PR_TRY(pri_db_run(db, path, request_sql));
done:
    return st;
}

/* Change what the version lacks. Our views are made anew, all of them, and those that somebody else
 * added stay. */
static pr_status upgrade_from(sqlite3 *db, const char *path, int64_t version)
{
    pr_status st = PR_OK;
    char      sql[256];

    for (size_t i = 0; i < PRI_NUM_VIEWS; i++) {
        snprintf(sql, sizeof sql, "DROP VIEW IF EXISTS %s", pri_views[i].name);
        PR_TRY(pri_db_run(db, path, sql));
    }
    if (version < 2) { /* it had another table tune, which nothing wrote to */
        PR_TRY(pri_db_run(db, path, "DROP TABLE IF EXISTS tune"));
        PR_TRY(pri_db_run(db, path, tune_sql));
    }
    if (version < 4) PR_TRY(upgrade_to_4(db, path));
    if (version < 5) PR_TRY(upgrade_to_5(db, path, version));
    if (version < 6) PR_TRY(upgrade_to_6(db, path));
    if (version < 7) PR_TRY(upgrade_to_7(db, path));
    for (size_t i = 0; i < PRI_NUM_VIEWS; i++) PR_TRY(create_view(db, path, "VIEW", &pri_views[i]));
    snprintf(sql, sizeof sql,
             "UPDATE meta SET value = '%d' WHERE key = 'schema_version'; PRAGMA user_version = %d",
             PRI_SCHEMA_VERSION, PRI_SCHEMA_VERSION);
    PR_TRY(pri_db_run(db, path, sql));
done:
    return st;
}

pr_status pri_schema_upgrade(sqlite3 *db, const char *path)
{
    pr_status st      = PR_OK;
    int64_t   version = 0;

    PR_TRY(pri_db_run(db, path, "BEGIN IMMEDIATE"));
    PR_SQL(db, path, pri_schema_version(db, &version));
    PR_TRY(pri_schema_check(path, version));
    if (version < PRI_SCHEMA_VERSION) PR_TRY(upgrade_from(db, path, version));
    PR_TRY(pri_db_run(db, path, "COMMIT"));
done:
    pri_db_rollback(db);
    return st;
}

pr_status pri_schema_check_tables(sqlite3 *db, const char *path, int64_t version)
{
    static const char *const tables[] = { "run",      "step",   "step_partition", "epoch",
                                          "tune",     "lane",   "placement",      "note",
                                          "forecast", "request" };
    const size_t num = version < 2 ? 4 : version < 4 ? 5 : version < 5 ? 8 : version < 7 ? 9 : 10;
    pr_status    st  = PR_OK;

    for (size_t i = 0; i < num; i++) {
        char    sql[160];
        int64_t found;
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '%s'"
                 " AND sql LIKE 'CREATE TABLE%%'",
                 tables[i]);
        PR_TRY(pri_db_int(db, path, sql, &found));
        PR_CHECK(found == 1, PR_E_INPUT, "%s: is not a packrat log: it has no table %s", path,
                 tables[i]);
    }
done:
    return st;
}

pr_status pri_schema_temporary_views(sqlite3 *db, const char *path, int64_t version)
{
    pr_status st = PR_OK;

    if (version < 2) PR_TRY(pri_db_run(db, path, "CREATE TEMP TABLE tune (\n" TUNE_COLUMNS));
    if (version < 4) {
        PR_TRY(pri_db_run(db, path,
                          "CREATE TEMP VIEW step AS SELECT *, NULL AS inputs_repeated, " STEP_OF_5
                          " FROM main.step;"
                          " CREATE TEMP VIEW step_partition AS " PARTITIONS_OF_OLD));
        PR_TRY(pri_db_run(db, path, "CREATE TEMP TABLE lane (\n" LANE_COLUMNS));
        PR_TRY(pri_db_run(db, path, "CREATE TEMP TABLE placement (\n" PLACEMENT_COLUMNS));
        PR_TRY(pri_db_run(db, path, "CREATE TEMP TABLE note (\n" NOTE_COLUMNS));
    } else if (version < 5) {
        PR_TRY(pri_db_run(db, path,
                          "CREATE TEMP VIEW step AS SELECT *, " STEP_OF_5 " FROM main.step;"
                          " CREATE TEMP VIEW step_partition AS SELECT *, 0 AS reads_disk"
                          " FROM main.step_partition"));
    }
    if (version < 5)
        PR_TRY(pri_db_run(db, path, "CREATE TEMP TABLE forecast (\n" FORECAST_COLUMNS));
    if (version < 6)
        PR_TRY(pri_db_run(db, path,
                          "CREATE TEMP VIEW epoch AS SELECT *, NULL AS mrr, NULL AS auc"
                          " FROM main.epoch"));
    if (version < 7) PR_TRY(pri_db_run(db, path, "CREATE TEMP TABLE request (\n" REQUEST_COLUMNS));
    for (size_t i = 0; i < PRI_NUM_VIEWS; i++)
        PR_TRY(create_view(db, path, "TEMP VIEW", &pri_views[i]));
done:
    return st;
}
