/* log_fixture.h: made-up steps that keep the log's identities, SQL over a log, and small disks, for
 * the tests of the step log and of the report. */
#ifndef TESTS_FLOW_LOG_FIXTURE_H
#define TESTS_FLOW_LOG_FIXTURE_H

#include "support/support.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROW_BYTES = 400 };

static const pr_run_info fixture_run = {
    .command       = "train",
    .options_json  = "{\"model\":\"sage\",\"cache.mode\":\"packed\",\"cache.rows\":0,"
                     "\"cache.bytes\":0,\"cache.factor\":2.0}",
    .versions_json = "{\"packrat\":\"0.1.0\"}",
    .host          = "testhost",
    .cpu           = "test cpu",
    .numa_nodes    = 1,
    .threads       = 2,
    .dataset       = "synthetic",
    .seed          = 7,
};

/* A step as the given mode would log it; a pure function of (i, mode). */
static inline pr_step fixture_step(uint64_t i, const char *mode)
{
    const uint64_t m = 100 + i % 17, added = !strcmp(mode, "off") ? 0 : m / 3, h = i % 3;
    const bool     packed = !strcmp(mode, "packed"), off = !strcmp(mode, "off");
    const uint64_t moved = added + (packed ? h : 0);
    pr_step        s     = {
                   .phase          = PR_PHASE_TRAIN,
                   .step           = i,
                   .epoch          = (uint32_t)(i / 10),
                   .num_seeds      = 16,
                   .num_inputs     = m,
                   .num_edges      = 5 * m,
                   .batch_hash     = pri_mix64(i),
                   .rows_hit       = off ? 0 : m - added,
                   .rows_added     = added,
                   .rows_direct    = off ? m : 0,
                   .rows_victim    = added,
                   .rows_compacted = packed ? h : 0,
                   .rows_moved     = moved,
                   .rows_first     = added / 2,
                   .bytes_moved    = moved * ROW_BYTES,
                   .bytes_bound    = packed ? (int64_t)(moved * ROW_BYTES) : PR_NULL_INT,
                   .bytes_gather   = m * ROW_BYTES,
                   .bytes_local    = (int64_t)(moved * ROW_BYTES),
                   .mode           = mode,
                   .path           = off ? "direct" : "paired",
                   .policy         = off ? "none" : "lru",
                   .wait_ns        = 1000,
                   .prepare_ns     = 2000,
                   .place_ns       = 30000 + (int64_t)(i % 7),
                   .aggregate_ns   = 400000,
                   .gemm_ns        = 500000,
                   .backward_ns    = 600000 + (int64_t)(i % 11) * 100,
                   .update_ns      = 70000,
                   .other_ns       = 8000,
                   .sample_ns      = 90000,
                   .fetch_ns       = 0,
                   .queue_depth    = 1,
                   .loss           = 2.0 / (double)(i + 1),
                   .num_correct    = (int64_t)(i % 16),
                   .cycles         = PR_NULL_INT,
                   .instructions   = PR_NULL_INT,
                   .llc_misses     = PR_NULL_INT,
    };
    s.step_ns = s.wait_ns + s.prepare_ns + s.place_ns + s.aggregate_ns + s.gemm_ns + s.backward_ns +
                s.update_ns + s.other_ns;
    return s;
}

/* Cut a step into n partitions whose columns add up to the step's. */
static inline void fixture_partitions(const pr_step *s, pr_step_partition *parts, uint32_t n)
{
    const bool bounded = s->bytes_bound != PR_NULL_INT;
    for (uint32_t p = 0; p < n; p++) {
#define PART(x) ((x) / n + (p < (x) % n))
        parts[p] = (pr_step_partition){
            .partition     = p,
            .numa_node     = (int32_t)p,
            .num_inputs    = PART(s->num_inputs),
            .rows_hit      = PART(s->rows_hit),
            .rows_added    = PART(s->rows_added),
            .rows_bypassed = PART(s->rows_bypassed),
            .rows_victim   = PART(s->rows_victim),
            .bytes_moved   = PART(s->bytes_moved),
            .bytes_bound   = bounded ? (int64_t)PART((uint64_t)s->bytes_bound) : PR_NULL_INT,
            .bytes_local   = (int64_t)PART((uint64_t)s->bytes_local),
            .bytes_remote  = (int64_t)PART((uint64_t)s->bytes_remote),
            .bytes_disk    = PART(s->bytes_disk),
            .reads_disk    = PART(s->reads_disk),
            .prepare_ns    = s->prepare_ns,
            .place_ns      = s->place_ns,
            .fetch_ns      = s->fetch_ns,
            .lane_ns       = s->step_ns,
        };
#undef PART
    }
}

/* Write `steps` steps with two partitions each, and an epoch row every ten steps; gives the run. */
static inline int64_t fixture_log(const char *path, const pr_run_info *info, uint64_t steps,
                                  const char *mode)
{
    pr_steplog       *log = NULL;
    pr_step_partition parts[2];

    assert_ok(pr_steplog_open(path, info, &log));
    const int64_t run = pr_steplog_run(log);
    for (uint64_t i = 0; i < steps; i++) {
        const pr_step s = fixture_step(i, mode);
        fixture_partitions(&s, parts, 2);
        pr_steplog_step(log, &s, parts, 2);
        if (i % 10 != 9) continue;
        const char *const splits[] = { "train", "val", "test" };
        for (int k = 0; k < 3; k++)
            pr_steplog_epoch(log, &(pr_epoch){ .epoch      = s.epoch,
                                               .split      = splits[k],
                                               .loss       = s.loss,
                                               .accuracy   = 0.5 + 0.01 * (double)s.epoch - 0.1 * k,
                                               .micro_f1   = (double)NAN,
                                               .elapsed_ns = (int64_t)(i + 1) * 1000000,
                                               .mrr        = (double)NAN,
                                               .auc        = (double)NAN });
    }
    assert_ok(pr_steplog_close(log, 0, NULL));
    return run;
}

/* The options of a report of one run, of "last" or of "all". */
static inline pr_report_options fixture_report(const char *run)
{
    pr_report_options     options;
    const pr_option_group group = { &pr_report_option_table, &options };
    pr_options_init(&group, 1);
    snprintf(options.run, sizeof options.run, "%s", run);
    return options;
}

/* Expect words in a report. */
static inline void fixture_expect(const char *text, const char *words)
{
    if (!strstr(text, words)) fail_msg("\"%s\" is not in:\n%s", words, text);
}

static inline sqlite3 *sql_open(const char *path)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 10000);
    return db;
}

static inline void sql_run(sqlite3 *db, const char *sql)
{
    char *words = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &words) != SQLITE_OK) fail_msg("%s: %s", sql, words);
}

/* The first column of the first row; fails without one. */
static inline int64_t sql_int(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    const int64_t value = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return value;
}

/* The same as text, "NULL" for NULL; borrowed until the next call. */
static inline const char *sql_text(sqlite3 *db, const char *sql)
{
    static char   text[4096];
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    const char *value = (const char *)sqlite3_column_text(statement, 0);
    snprintf(text, sizeof text, "%s", value ? value : "NULL");
    (void)sqlite3_finalize(statement);
    return text;
}

/* Give a log, made by this program, the shape it would have from one of schema version 1 to 6: the
 * tables and columns that came later go, with what they held. Views are stand-ins. */
static inline void fixture_age(const char *path, int version)
{
    static const char *const views[] = { "v_run",           "v_stage_share",   "v_bytes",
                                         "v_locality",      "v_slowest_steps", "v_compare",
                                         "v_tradeoff",      "v_bottleneck",    "v_placement",
                                         "v_locality_time", "v_disk",          "v_forecast",
                                         "v_request" };
    static const char *const added[] = { "reads_disk", "reads_again", "rows_disk",
                                         "rows_early", "disk_ns",     "wait_rows_ns" };
    const int num = version < 3 ? 6 : version < 4 ? 8 : version < 5 ? 10 : 12; /* of the views */
    sqlite3  *db  = sql_open(path);
    char      sql[200];

    for (int i = 0; i < 13; i++) {
        snprintf(sql, sizeof sql, "DROP VIEW %s", views[i]);
        sql_run(db, sql);
    }
    sql_run(db, "DROP TABLE request;"
                "CREATE TABLE request (run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,"
                " request INTEGER NOT NULL, arrival_ns INTEGER NOT NULL, num_nodes INTEGER NOT"
                " NULL, queue_ns INTEGER, compute_ns INTEGER, total_ns INTEGER, status INTEGER NOT"
                " NULL, batch_step INTEGER, seed INTEGER, model_version TEXT,"
                " PRIMARY KEY (run, request)) WITHOUT ROWID");
    if (version < 6)
        sql_run(db, "ALTER TABLE epoch DROP COLUMN mrr; ALTER TABLE epoch DROP COLUMN auc");
    if (version < 5)
        sql_run(db, "DROP TABLE forecast; ALTER TABLE step_partition DROP COLUMN reads_disk");
    for (int i = 0; version < 5 && i < 6; i++) {
        snprintf(sql, sizeof sql, "ALTER TABLE step DROP COLUMN %s", added[i]);
        sql_run(db, sql);
    }
    if (version < 4)
        sql_run(db,
                "DROP TABLE lane; DROP TABLE placement; DROP TABLE note;"
                "ALTER TABLE step DROP COLUMN inputs_repeated;"
                "CREATE TEMP TABLE kept AS SELECT * FROM step_partition;"
                "UPDATE kept SET rows_replicated = 0; DROP TABLE step_partition;"
                "CREATE TABLE step_partition (run INTEGER NOT NULL REFERENCES run (id) ON DELETE"
                " CASCADE, phase TEXT NOT NULL, step INTEGER NOT NULL, partition INTEGER NOT NULL,"
                " numa_node INTEGER, num_inputs INTEGER NOT NULL, rows_hit INTEGER NOT NULL,"
                " rows_added INTEGER NOT NULL, rows_bypassed INTEGER NOT NULL,"
                " rows_victim INTEGER NOT NULL, rows_replicated INTEGER NOT NULL,"
                " bytes_moved INTEGER NOT NULL, bytes_bound INTEGER, bytes_local INTEGER,"
                " bytes_remote INTEGER, bytes_disk INTEGER NOT NULL, prepare_ns INTEGER,"
                " place_ns INTEGER, fetch_ns INTEGER, lane_ns INTEGER,"
                " PRIMARY KEY (run, phase, step, partition)) WITHOUT ROWID;"
                "INSERT INTO step_partition SELECT * FROM kept; DROP TABLE kept");
    if (version < 2)
        sql_run(db, "DROP TABLE tune;"
                    "CREATE TABLE tune (host TEXT NOT NULL, row_bytes INTEGER NOT NULL, threads"
                    " INTEGER NOT NULL, name TEXT NOT NULL, value REAL, unit TEXT NOT NULL,"
                    " measured_at INTEGER NOT NULL, versions TEXT,"
                    " PRIMARY KEY (host, row_bytes, threads, name)) WITHOUT ROWID");
    for (int i = 0; i < num; i++) {
        snprintf(sql, sizeof sql,
                 "CREATE VIEW %s AS SELECT run, rows_replicated FROM step_partition", views[i]);
        sql_run(db, sql);
    }
    snprintf(sql, sizeof sql,
             "UPDATE meta SET value = '%d' WHERE key = 'schema_version'; PRAGMA user_version = %d",
             version, version);
    sql_run(db, sql);
    (void)sqlite3_close(db);
}

static inline const char *path_in(const char *directory, const char *name)
{
    static char paths[64][512];
    static int  n;
    char        path[512]; /* `directory` may be one of ours */
    assert_true(n < 64);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    memcpy(paths[n], path, sizeof path);
    return paths[n++];
}

static inline bool is_there(const char *path, const char *suffix)
{
    char name[600];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return access(name, F_OK) == 0;
}

/* Every run's steps are 0 .. n-1, each with its two partitions, and nothing else. */
static inline void check_prefixes(sqlite3 *db)
{
    assert_string_equal(sql_text(db, "PRAGMA integrity_check"), "ok");
    assert_int_equal(sql_int(db, "SELECT count(*) FROM (SELECT run FROM step GROUP BY run HAVING"
                                 " count(*) <> max(step) + 1 OR min(step) <> 0)"),
                     0);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step AS s WHERE 2 <> (SELECT count(*) FROM"
                                 " step_partition AS p WHERE p.run = s.run AND p.phase = s.phase"
                                 " AND p.step = s.step)"),
                     0);
    assert_int_equal(sql_int(db, "SELECT 2 * (SELECT count(*) FROM step) - (SELECT count(*) FROM"
                                 " step_partition)"),
                     0);
}

/* The small tmpfs of the running test; unmount is its teardown. */
static inline const char **mounted(void)
{
    static const char *directory;
    return &directory;
}

static inline int unmount(void **state)
{
    (void)state;
    const char *directory = *mounted();
    *mounted()            = NULL;
    return directory ? umount(directory) : 0;
}

/* Mount a tmpfs of that size, or skip. */
static inline const char *small_disk(const char *size)
{
    const char *directory = path_in(test_directory(), "small");
    char        options[32];
    snprintf(options, sizeof options, "size=%s", size);
    assert_int_equal(mkdir(directory, 0777), 0);
    if (mount("tmpfs", directory, "tmpfs", 0, options) != 0) {
        printf("skipped: cannot mount a small tmpfs: %s\n", strerror(errno));
        skip();
    }
    return *mounted() = directory;
}

#endif
