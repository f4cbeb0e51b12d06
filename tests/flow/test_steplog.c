/* test_steplog.c: the step log as a table: every column, the identities, the views, the order. */
#include "flow/log_fixture.h"

#include <time.h>

/* The columns of docs/step-log.md, in its order. */
static void the_tables_have_the_columns_of_the_contract(void **state)
{
    (void)state;
    static const char *const contract[][2] = {
        { "run", "id,started_at,command,options,host,cpu,numa_nodes,threads,versions,dataset,seed,"
                 "rows_lost,ended_at,exit_status" },
        { "step",
          "run,phase,step,epoch,num_seeds,num_inputs,num_edges,inputs_repeated,batch_hash,rows_hit,"
          "rows_added,"
          "rows_bypassed,rows_direct,rows_victim,rows_compacted,rows_moved,rows_first,bytes_moved,"
          "bytes_bound,bytes_gather,bytes_local,bytes_remote,bytes_disk,reads_disk,reads_again,"
          "rows_disk,rows_early,disk_ns,wait_rows_ns,mode,path,policy,lookahead,"
          "wait_ns,prepare_ns,place_ns,aggregate_ns,gemm_ns,backward_ns,update_ns,other_ns,step_ns,"
          "sample_ns,fetch_ns,queue_depth,loss,num_correct,cycles,instructions,llc_misses" },
        { "step_partition",
          "run,phase,step,partition,numa_node,num_inputs,rows_hit,rows_added,rows_bypassed,"
          "rows_victim,rows_replicated,bytes_moved,bytes_bound,bytes_local,bytes_remote,bytes_disk,"
          "reads_disk,prepare_ns,place_ns,fetch_ns,lane_ns" },
        { "request", "run,request,arrival_ns,endpoint,client_id,num_nodes,queue_ns,compute_ns,"
                     "total_ns,status,batch_step,seed,model_version,shed" },
        { "epoch", "run,epoch,split,loss,accuracy,micro_f1,elapsed_ns,mrr,auc" },
        { "bench", "id,measured_at,host,cpu,threads,versions,bench,options,metric,unit,repeats,"
                   "value,min,max" },
        { "tune", "run,name,value,unit,row_bytes,threads,source" },
        { "lane", "run,lane,numa_node,threads,threads_bound,memory_bound,cpus" },
        { "placement", "run,step,lane,what,numa_node,bytes,pages,pages_checked,pages_on_node,"
                       "pages_elsewhere" },
        { "note", "run,note,text" },
        { "forecast", "run,item,unit,predicted,outcome" },
        { "meta", "key,value" },
    };
    const char *path = path_in(test_directory(), "a.db");
    fixture_log(path, &fixture_run, 0, "off");
    sqlite3 *db = sql_open(path);
    for (size_t i = 0; i < sizeof contract / sizeof *contract; i++) {
        char sql[200];
        snprintf(sql, sizeof sql, "SELECT group_concat(name) FROM pragma_table_info('%s')",
                 contract[i][0]);
        assert_string_equal(sql_text(db, sql), contract[i][1]);
    }
    assert_string_equal(
        sql_text(db, "SELECT group_concat(name) FROM (SELECT name FROM"
                     " sqlite_master WHERE type = 'view' ORDER BY name)"),
        "v_bottleneck,v_bytes,v_compare,v_disk,v_forecast,v_locality,v_locality_time,v_placement,"
        "v_request,v_run,v_slowest_steps,v_stage_share,v_tradeoff");
    assert_string_equal(sql_text(db, "SELECT value FROM meta WHERE key = 'schema_version'"), "7");
    assert_string_equal(sql_text(db, "PRAGMA journal_mode"), "wal");
    assert_int_equal(sql_int(db, "PRAGMA auto_vacuum"), 2);
    assert_int_equal(sql_int(db, "PRAGMA user_version"), 7);
    assert_int_equal(sql_int(db, "PRAGMA application_id"), 0x70726c67);
    (void)sqlite3_close(db);
}

static void every_column_of_a_step_comes_back_as_it_was_given(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    pr_steplog *log  = NULL;
    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    const pr_step s = {
        PR_PHASE_INFER,
        1,
        2,
        3,
        4,
        5,
        55,
        UINT64_MAX - 6,
        7,
        8,
        9,
        10,
        11,
        12,
        13,
        14,
        15,
        16,
        17,
        18,
        19,
        20,
        201,
        202,
        203,
        204,
        205,
        206,
        "m",
        "p",
        "q",
        24,
        25,
        26,
        27,
        28,
        29,
        30,
        31,
        32,
        33,
        34,
        35,
        36,
        37.5,
        38,
        39,
        40,
        41,
    };
    const pr_step_partition part = {
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 131, 14, 15, 16, 17
    };
    pr_steplog_step(log, &s, &part, 1);
    assert_ok(pr_steplog_close(log, 0, NULL));

    sqlite3 *db = sql_open(path);
    assert_string_equal(
        sql_text(db,
                 "SELECT phase||' '||step||' '||epoch||' '||num_seeds||' '||num_inputs||' '||"
                 "num_edges||' '||inputs_repeated||' '||batch_hash||' '||rows_hit||' "
                 "'||rows_added||' '||"
                 "rows_bypassed||' '||rows_direct||' '||rows_victim||' '||rows_compacted||' '||"
                 "rows_moved||' '||rows_first||' '||bytes_moved||' '||bytes_bound||' '||"
                 "bytes_gather||' '||bytes_local||' '||bytes_remote||' '||bytes_disk||' '||"
                 "reads_disk||' '||reads_again||' '||rows_disk||' '||rows_early||' '||disk_ns||' '"
                 "||wait_rows_ns FROM step"),
        "infer 1 2 3 4 5 55 -7 7 8 9 10 11 12 13 14 15 16 17 18 19 20 201 202 203 204 205 206");
    assert_string_equal(
        sql_text(db, "SELECT mode||' '||path||' '||policy||' '||lookahead||' '||wait_ns||' '||"
                     "prepare_ns||' '||place_ns||' '||aggregate_ns||' '||gemm_ns||' '||"
                     "backward_ns||' '||update_ns||' '||other_ns||' '||step_ns||' '||sample_ns||' '"
                     "||fetch_ns||' '||queue_depth||' '||loss||' '||num_correct||' '||cycles||' '||"
                     "instructions||' '||llc_misses FROM step"),
        "m p q 24 25 26 27 28 29 30 31 32 33 34 35 36 37.5 38 39 40 41");
    assert_string_equal(
        sql_text(db, "SELECT run||' '||phase||' '||step||' '||partition||' '||numa_node||' '||"
                     "num_inputs||' '||rows_hit||' '||rows_added||' '||rows_bypassed||' '||"
                     "rows_victim||' '||rows_replicated||' '||bytes_moved||' '||bytes_bound||' '||"
                     "bytes_local||' '||bytes_remote||' '||bytes_disk||' '||reads_disk||' "
                     "'||prepare_ns||' '||"
                     "place_ns||' '||fetch_ns||' '||lane_ns FROM step_partition"),
        "1 infer 1 1 2 3 4 5 6 7 8 9 10 11 12 13 131 14 15 16 17");
    (void)sqlite3_close(db);
}

static void what_is_not_known_is_null(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    pr_steplog *log  = NULL;
    pr_run_info info = { .command = "eval", .seed = UINT64_MAX };
    assert_ok(pr_steplog_open(path, &info, &log));
    pr_step s     = fixture_step(0, "resident");
    s.loss        = (double)NAN;
    s.num_correct = PR_NULL_INT;
    s.policy      = NULL;
    s.fetch_ns    = PR_NULL_INT;
    pr_step_partition part;
    fixture_partitions(&s, &part, 1);
    part.numa_node   = -1;
    part.bytes_local = part.bytes_remote = s.bytes_local = s.bytes_remote = PR_NULL_INT;
    part.rows_replicated = s.inputs_repeated = PR_NULL_INT;
    pr_steplog_step(log, &s, &part, 1);
    pr_steplog_epoch(log, &(pr_epoch){ .split      = "val",
                                       .loss       = (double)NAN,
                                       .accuracy   = 0.25,
                                       .micro_f1   = (double)NAN,
                                       .elapsed_ns = 9,
                                       .mrr        = (double)NAN,
                                       .auc        = 0.75 });
    pr_steplog_epoch(log, &(pr_epoch){ .split      = "val",
                                       .loss       = 1.5,
                                       .accuracy   = 0.5,
                                       .micro_f1   = (double)NAN,
                                       .elapsed_ns = 10,
                                       .mrr        = (double)NAN,
                                       .auc        = 0.75 });
    assert_ok(pr_steplog_close(log, 3, NULL));

    sqlite3 *db = sql_open(path);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step WHERE loss IS NULL AND num_correct IS"
                                 " NULL AND policy IS NULL AND fetch_ns IS NULL AND bytes_bound IS"
                                 " NULL AND cycles IS NULL AND instructions IS NULL AND llc_misses"
                                 " IS NULL AND mode IS NOT NULL AND bytes_local IS NULL AND"
                                 " bytes_remote IS NULL AND inputs_repeated IS NULL"),
                     1);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step_partition WHERE rows_replicated IS NULL"
                                 " AND numa_node IS NULL AND"
                                 " bytes_bound IS NULL AND bytes_local IS NULL AND bytes_remote IS"
                                 " NULL"),
                     1);
    assert_int_equal(sql_int(db, "SELECT mb_local IS NULL AND mb_remote IS NULL FROM v_bytes"), 1);
    assert_int_equal(sql_int(db, "SELECT mb_local IS NULL AND mb_remote IS NULL AND local_percent"
                                 " IS NULL FROM v_locality"),
                     1);
    assert_string_equal(sql_text(db, "SELECT options || versions FROM run"), "{}{}");
    assert_string_equal(sql_text(db, "SELECT host FROM run"), "NULL");
    assert_int_equal(sql_int(db, "SELECT seed FROM run"), -1);
    assert_string_equal(sql_text(db, "SELECT seed FROM v_run"), "18446744073709551615");
    assert_string_equal(sql_text(db, "SELECT status FROM v_run"), "failed");
    assert_int_equal(sql_int(db, "SELECT exit_status FROM run"), 3);
    /* the last row of an epoch and split wins */
    assert_string_equal(sql_text(db, "SELECT count(*)||' '||loss||' '||accuracy||' '||"
                                     "elapsed_ns||' '||(micro_f1 IS NULL)||' '||"
                                     "(mrr IS NULL)||' '||auc FROM epoch"),
                        "1 1.5 0.5 10 1 1 0.75");
    (void)sqlite3_close(db);
}

static void a_run_begins_and_ends_with_its_times_and_status(void **state)
{
    (void)state;
    const char     *path   = path_in(test_directory(), "a.db");
    const long long before = (long long)time(NULL);
    pr_steplog     *log    = NULL;
    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    assert_int_equal(pr_steplog_run(log), 1);
    sqlite3 *db = sql_open(path);
    assert_string_equal(sql_text(db, "SELECT status FROM v_run"), "running or killed");
    assert_string_equal(sql_text(db, "SELECT command||' '||host||' '||cpu||' '||numa_nodes||' '||"
                                     "threads||' '||dataset||' '||seed||' '||rows_lost FROM run"),
                        "train testhost test cpu 1 2 synthetic 7 0");
    (void)sqlite3_close(db);
    uint64_t lost = 77;
    assert_ok(pr_steplog_close(log, 130, &lost));
    assert_int_equal(lost, 0);
    assert_false(is_there(path, "-wal")); /* the one file is the log */
    assert_false(is_there(path, "-shm"));

    db = sql_open(path);
    assert_string_equal(sql_text(db, "SELECT status FROM v_run"), "interrupted");
    assert_true(sql_int(db, "SELECT started_at / 1000000000 FROM run") >= before);
    assert_int_equal(sql_int(db, "SELECT ended_at >= started_at FROM run"), 1);
    (void)sqlite3_close(db);
    assert_int_equal(fixture_log(path, &fixture_run, 3, "off"), 2);
}

static void the_identities_hold_by_sql(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    fixture_log(path, &fixture_run, 300, "packed");
    fixture_log(path, &fixture_run, 300, "resident");
    fixture_log(path, &fixture_run, 300, "off");
    sqlite3 *db = sql_open(path);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step"), 900);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step WHERE rows_hit + rows_added +"
                                 " rows_bypassed + rows_direct <> num_inputs"),
                     0);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step WHERE abs(wait_ns + prepare_ns +"
                                 " place_ns + aggregate_ns + gemm_ns + backward_ns + update_ns +"
                                 " other_ns - step_ns) > 0.02 * step_ns"),
                     0);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step WHERE mode = 'packed' AND path ="
                                 " 'paired' AND bytes_moved <> bytes_bound"),
                     0);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step WHERE bytes_moved > bytes_gather"), 0);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step AS s WHERE (num_inputs, bytes_moved) <>"
                                 " (SELECT sum(p.num_inputs), sum(p.bytes_moved) FROM"
                                 " step_partition AS p WHERE p.run = s.run AND p.phase = s.phase"
                                 " AND p.step = s.step)"),
                     0);
    assert_int_equal(
        sql_int(db, "SELECT count(*) FROM step WHERE bytes_local + bytes_remote <> bytes_moved"),
        0);
    /* the views agree with the tables */
    assert_int_equal(sql_int(db, "SELECT round(sum(percent) * 100) FROM v_stage_share WHERE run = 1"
                                 " AND in_step"),
                     10000);
    assert_int_equal(sql_int(db, "SELECT round(moved_per_bound * 1000) FROM v_bytes WHERE run = 1"),
                     1000);
    assert_string_equal(sql_text(db, "SELECT mb_bound FROM v_bytes WHERE run = 2"), "NULL");
    assert_string_equal(sql_text(db, "SELECT hit_percent FROM v_bytes WHERE run = 3"), "NULL");
    assert_int_equal(sql_int(db, "SELECT count(*) FROM v_locality WHERE run = 1"), 2);
    assert_int_equal(sql_int(db, "SELECT (SELECT step FROM v_slowest_steps WHERE run = 1 AND"
                                 " rank = 1) = (SELECT step FROM step WHERE run = 1 ORDER BY"
                                 " step_ns DESC, step LIMIT 1)"),
                     1);
    assert_string_equal(sql_text(db, "SELECT DISTINCT largest_stage FROM v_slowest_steps"),
                        "backward");
    assert_string_equal(sql_text(db, "SELECT group_concat(same_batches_as) FROM v_compare"),
                        "1,1,1");
    assert_string_equal(sql_text(db, "SELECT group_concat(capacity) FROM v_compare WHERE run = 2"),
                        "2.0 m");
    (void)sqlite3_close(db);
}

static void other_batches_are_told_apart(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    fixture_log(path, &fixture_run, 40, "off");
    fixture_log(path, &fixture_run, 40, "off");
    fixture_log(path, &fixture_run, 40, "off");
    sqlite3 *db = sql_open(path);
    sql_run(db, "UPDATE step SET batch_hash = batch_hash + 1 WHERE run = 2 AND step = 20");
    /* run 3: two batches changed places */
    sql_run(db, "UPDATE step SET batch_hash = (SELECT batch_hash FROM step AS s WHERE s.run = 1 AND"
                " s.step = 23 - step.step) WHERE run = 3 AND step IN (11, 12)");
    assert_string_equal(sql_text(db, "SELECT group_concat(same_batches_as) FROM (SELECT * FROM"
                                     " v_compare ORDER BY run)"),
                        "1,2,3");
    (void)sqlite3_close(db);
}

static void exact_passes_have_no_batches_to_share(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    fixture_log(path, &fixture_run, 3, "off");
    fixture_log(path, &fixture_run, 3, "off");
    sqlite3 *db = sql_open(path);
    sql_run(db, "UPDATE step SET batch_hash = 0");
    assert_int_equal(sql_int(db, "SELECT count(*) FROM v_compare WHERE same_batches_as IS NULL AND"
                                 " batch_fold IS NULL"),
                     2);
    (void)sqlite3_close(db);
}

/* The fixture's epochs: validation 0.40 + epoch / 100, test 0.30 + epoch / 100. */
static void the_test_accuracy_is_that_of_the_kept_model(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    fixture_log(path, &fixture_run, 40, "off");
    sqlite3 *db = sql_open(path);
    sql_run(db, "UPDATE epoch SET accuracy = 0.9, micro_f1 = 0.9"
                " WHERE split = 'val' AND epoch IN (1, 2)");
    assert_int_equal(sql_int(db, "SELECT round(1000 * test_accuracy) FROM v_run"), 310);
    /* with many labels a node micro-F1 chooses, and the accuracy is the one there */
    sql_run(db, "UPDATE epoch SET micro_f1 = 0.95 WHERE split = 'val' AND epoch = 0;"
                "UPDATE epoch SET micro_f1 = 0.85 WHERE split = 'test' AND epoch = 0");
    assert_int_equal(sql_int(db, "SELECT round(1000 * test_accuracy) FROM v_run"), 300);
    assert_int_equal(sql_int(db, "SELECT round(1000 * best_val_accuracy) FROM v_run"), 400);
    assert_int_equal(sql_int(db, "SELECT round(1000 * best_val_micro_f1) FROM v_run"), 950);
    assert_int_equal(sql_int(db, "SELECT round(1000 * test_micro_f1) FROM v_run"), 850);
    sql_run(db, "UPDATE epoch SET accuracy = NULL, micro_f1 = NULL WHERE split = 'val'");
    assert_int_equal(sql_int(db, "SELECT round(1000 * test_accuracy) FROM v_run"), 330);
    sql_run(db, "DELETE FROM epoch WHERE split = 'val'");
    assert_int_equal(sql_int(db, "SELECT round(1000 * test_accuracy) FROM v_run"), 330);
    (void)sqlite3_close(db);
}

/* The setting that v_tradeoff gives a run with these options. */
static const char *setting_of(const char *options)
{
    const char *path = path_in(test_directory(), "a.db");
    pr_run_info info = fixture_run;

    info.options_json = options;
    fixture_log(path, &info, 1, "resident");
    sqlite3    *db      = sql_open(path);
    const char *setting = sql_text(db, "SELECT setting FROM v_tradeoff");
    (void)sqlite3_close(db);
    return setting;
}

static void a_runs_setting_names_what_its_batches_were_drawn_with(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "uniform", "{}" },
        { "uniform", "{\"sampler\":\"uniform\",\"kappa\":8,\"cache-bias\":8,\"order\":\"random\","
                     "\"echo\":1,\"echo.pool\":4}" },
        { "labor 1", "{\"sampler\":\"labor\",\"kappa\":1,\"kappa-form\":\"drift\"}" },
        { "labor 8", "{\"sampler\":\"labor\",\"kappa\":8,\"kappa-form\":\"staggered\","
                     "\"cache-bias\":1}" },
        { "labor 8 drift", "{\"sampler\":\"labor\",\"kappa\":8,\"kappa-form\":\"drift\"}" },
        { "labor 8 bias 16", "{\"sampler\":\"labor\",\"kappa\":8,\"cache-bias\":16}" },
        { "uniform, community", "{\"order\":\"community\"}" },
        { "labor 8, community, echo 4 pool 2", "{\"sampler\":\"labor\",\"kappa\":8,\"order\":"
                                               "\"community\",\"echo\":4,\"echo.pool\":2}" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(setting_of(cases[i][1]), cases[i][0]);
}

/* The fixture's epochs: validation 0.40 + epoch / 100, test 0.30 + epoch / 100. */
static void bytes_and_accuracy_of_a_run_stand_side_by_side(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    pr_run_info eval = fixture_run;

    eval.command = "eval";
    fixture_log(path, &fixture_run, 40, "resident");
    fixture_log(path, &fixture_run, 40, "off");
    fixture_log(path, &eval, 0, "off");
    sqlite3 *db = sql_open(path);
    sql_run(db, "UPDATE step SET phase = 'eval' WHERE run = 1 AND step >= 30");
    assert_string_equal(sql_text(db, "SELECT group_concat(run || ' ' || steps || ' ' ||"
                                     " coalesce(capacity, '-')) FROM v_tradeoff"),
                        "1 30 2.0 m,2 40 -");
    assert_int_equal(sql_int(db, "SELECT count(*) FROM v_tradeoff AS v WHERE (rows_wanted_per_step,"
                                 " rows_moved_per_step, mb_moved_per_step) = (SELECT"
                                 " avg(num_inputs), avg(rows_moved), avg(bytes_moved) / 1e6 FROM"
                                 " step AS s WHERE s.run = v.run AND phase = 'train')"),
                     2);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM v_tradeoff WHERE abs(moved_per_wanted *"
                                 " rows_wanted_per_step - rows_moved_per_step) < 1e-6"),
                     2);
    assert_int_equal(sql_int(db, "SELECT round(1000 * best_val_accuracy) FROM v_tradeoff"), 430);
    assert_int_equal(sql_int(db, "SELECT round(1000 * test_accuracy) FROM v_tradeoff"), 330);
    (void)sqlite3_close(db);
}

static void a_view_of_one_run_reads_only_that_run(void **state)
{
    (void)state;
    static const char *const views[] = { "v_stage_share", "v_bytes",    "v_slowest_steps",
                                         "v_locality",    "v_tradeoff", "v_locality_time" };
    const char              *path    = path_in(test_directory(), "a.db");
    fixture_log(path, &fixture_run, 10, "packed");
    sqlite3 *db = sql_open(path);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        char          sql[200];
        sqlite3_stmt *statement = NULL;
        snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN SELECT * FROM %s WHERE run = 1", views[i]);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
        while (sqlite3_step(statement) == SQLITE_ROW) {
            const char *plan = (const char *)sqlite3_column_text(statement, 3);
            if (!strncmp(plan, "SCAN step", 9)) fail_msg("%s: %s", views[i], plan);
        }
        (void)sqlite3_finalize(statement);
    }
    (void)sqlite3_close(db);
}

static void forty_thousand_steps_arrive_in_order_and_cost_the_run_no_allocation(void **state)
{
    (void)state;
    enum { STEPS = 40000 }; /* more records than the ring holds */
    const char       *path = path_in(test_directory(), "a.db");
    pr_steplog       *log  = NULL;
    pr_step_partition part;
    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    const pr_step step = fixture_step(0, "packed");
    fixture_partitions(&step, &part, 1);
    const uint64_t calls = pri_mem_calls();
    int64_t        early = 0, all = pr_now_ns();
    pr_step        s = step;
    for (uint64_t i = 0; i < STEPS; i++) {
        s.step = i;
        pr_steplog_step(log, &s, &part, 1);
        if (i == 9999) early = pr_now_ns() - all;
    }
    all = pr_now_ns() - all;
    assert_int_equal(pri_mem_calls(), calls);
    assert_ok(pr_steplog_close(log, 0, NULL));
    printf("producer: %lld ns a step while the ring has room, %lld with a full ring\n",
           (long long)(early / 10000), (long long)(all / STEPS));

    sqlite3 *db = sql_open(path);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step"), STEPS);
    assert_int_equal(sql_int(db, "SELECT max(step) FROM step"), STEPS - 1);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step_partition"), STEPS);
    (void)sqlite3_close(db);
}

static void no_log_takes_steps_and_closes(void **state)
{
    (void)state;
    const pr_step s    = fixture_step(0, "off");
    uint64_t      lost = 5;
    pr_steplog_step(NULL, &s, NULL, 0);
    pr_steplog_epoch(NULL, &(pr_epoch){ .split = "val" });
    pr_steplog_lane(NULL, &(pr_lane_row){ .lane = 0 });
    pr_steplog_placement(NULL, &(pr_placement_row){ .what = "slab" });
    pr_steplog_note(NULL, "nobody hears");
    assert_int_equal(pr_steplog_run(NULL), 0);
    assert_ok(pr_steplog_close(NULL, 0, &lost));
    assert_int_equal(lost, 0);
}

static void deleting_a_run_takes_its_rows_along(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    fixture_log(path, &fixture_run, 20, "packed");
    fixture_log(path, &fixture_run, 30, "packed");
    sqlite3 *db = sql_open(path);
    sql_run(db, "PRAGMA foreign_keys = ON; DELETE FROM run WHERE id = 1");
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step"), 30);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step_partition"), 60);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM epoch"), 9);
    sql_run(db, "DELETE FROM run WHERE id = 2");
    (void)sqlite3_close(db);
    assert_int_equal(fixture_log(path, &fixture_run, 1, "off"), 3); /* numbers are not used again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_have_the_columns_of_the_contract),
        cmocka_unit_test(every_column_of_a_step_comes_back_as_it_was_given),
        cmocka_unit_test(what_is_not_known_is_null),
        cmocka_unit_test(a_run_begins_and_ends_with_its_times_and_status),
        cmocka_unit_test(the_identities_hold_by_sql),
        cmocka_unit_test(other_batches_are_told_apart),
        cmocka_unit_test(exact_passes_have_no_batches_to_share),
        cmocka_unit_test(the_test_accuracy_is_that_of_the_kept_model),
        cmocka_unit_test(a_runs_setting_names_what_its_batches_were_drawn_with),
        cmocka_unit_test(bytes_and_accuracy_of_a_run_stand_side_by_side),
        cmocka_unit_test(a_view_of_one_run_reads_only_that_run),
        cmocka_unit_test(forty_thousand_steps_arrive_in_order_and_cost_the_run_no_allocation),
        cmocka_unit_test(no_log_takes_steps_and_closes),
        cmocka_unit_test(deleting_a_run_takes_its_rows_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
