/* figures.c: what a report shows: for each table its SELECT, and a line for every column. The
 * SELECTs read tables and the views of views.c, never a view of the file. */
#include "pipeline/log/figures.h"

#include "pipeline/log/schema.h"

#define PHASE_ORDER                                                                                \
    "CASE phase WHEN 'train' THEN 0 WHEN 'eval' THEN 1 WHEN 'infer' THEN 2 ELSE 3 END"

#define TABLE_OF(key, title, note, form, several, sql, columns)                                    \
    {                                                                                              \
        key, title, note, PRI_FORM_##form, several, sql, columns, sizeof columns / sizeof *columns \
    }
#define TABLE(key, title, note, form, sql, columns)                                                \
    TABLE_OF(key, title, note, form, false, sql, columns)

static const pri_table_column header_columns[] = {
    { "command", "command", 0, false, PRI_SHOW_ALWAYS },
    { "status", "status", 0, false, PRI_SHOW_ALWAYS },
    { "exit_status", "exit status", 0, false, PRI_SHOW_KNOWN },
    { "started_utc", "started (UTC)", 0, false, PRI_SHOW_ALWAYS },
    { "seconds", "took (s)", 1, false, PRI_SHOW_KNOWN },
    { "dataset", "dataset", 0, false, PRI_SHOW_KNOWN },
    { "seed", "seed", 0, false, PRI_SHOW_ALWAYS },
    { "settings", "options", 0, false, PRI_SHOW_KNOWN },
    { "host", "host", 0, false, PRI_SHOW_KNOWN },
    { "cpu", "cpu", 0, false, PRI_SHOW_KNOWN },
    { "numa_nodes", "NUMA nodes", 0, false, PRI_SHOW_ALWAYS },
    { "threads", "threads", 0, false, PRI_SHOW_ALWAYS },
    { "tuning", "tuning", 0, false, PRI_SHOW_KNOWN },
    { "versions", "versions", 0, false, PRI_SHOW_KNOWN },
    { "steps", "steps", 0, false, PRI_SHOW_ALWAYS },
    { "rows_lost", "log rows lost", 0, false, PRI_SHOW_ALWAYS },
};

static const pri_table_column summary_columns[] = {
    { "test_accuracy_percent", "test accuracy at best validation (%)", 2, false, PRI_SHOW_KNOWN },
    { "best_val_accuracy_percent", "best validation accuracy (%)", 2, false, PRI_SHOW_KNOWN },
    { "test_micro_f1_percent", "test micro-F1 at best validation (%)", 2, false, PRI_SHOW_KNOWN },
    { "best_val_micro_f1_percent", "best validation micro-F1 (%)", 2, false, PRI_SHOW_KNOWN },
    { "test_mrr", "test MRR at best validation", 4, false, PRI_SHOW_KNOWN },
    { "best_val_mrr", "best validation MRR", 4, false, PRI_SHOW_KNOWN },
    { "train_loss", "last training loss", 4, false, PRI_SHOW_KNOWN },
    { "step_ms_median", "median step (ms)", 2, false, PRI_SHOW_KNOWN },
    { "moved_percent_of_gather", "bytes moved, of a gather's (%)", 1, false, PRI_SHOW_KNOWN },
    { "hit_percent", "hit rate (%)", 1, false, PRI_SHOW_KNOWN },
    { "local_percent", "bytes moved, from the own node (%)", 1, false, PRI_SHOW_KNOWN },
};

static const pri_table_column epoch_columns[] = {
    { "epoch", "epoch", 0, false, PRI_SHOW_ALWAYS },
    { "train_loss", "train loss", 4, false, PRI_SHOW_KNOWN },
    { "train_percent", "train %", 2, false, PRI_SHOW_KNOWN },
    { "val_loss", "val loss", 4, false, PRI_SHOW_KNOWN },
    { "val_percent", "val %", 2, false, PRI_SHOW_KNOWN },
    { "test_loss", "test loss", 4, false, PRI_SHOW_KNOWN },
    { "test_percent", "test %", 2, false, PRI_SHOW_KNOWN },
    { "all_loss", "all loss", 4, false, PRI_SHOW_KNOWN },
    { "all_percent", "all %", 2, false, PRI_SHOW_KNOWN },
    { "val_micro_f1_percent", "val micro-F1 %", 2, false, PRI_SHOW_KNOWN },
    { "test_micro_f1_percent", "test micro-F1 %", 2, false, PRI_SHOW_KNOWN },
    { "val_mrr", "val MRR", 4, false, PRI_SHOW_KNOWN },
    { "val_auc", "val AUC", 4, false, PRI_SHOW_KNOWN },
    { "test_mrr", "test MRR", 4, false, PRI_SHOW_KNOWN },
    { "test_auc", "test AUC", 4, false, PRI_SHOW_KNOWN },
    { "elapsed_s", "at (s)", 1, false, PRI_SHOW_KNOWN },
};

static const pri_table_column serving_columns[] = {
    { "requests", "requests", 0, false, PRI_SHOW_ALWAYS },
    { "requests_per_s", "requests/s", 1, false, PRI_SHOW_KNOWN },
    { "answered", "answered", 0, false, PRI_SHOW_ALWAYS },
    { "refused", "refused (4xx, 503)", 0, false, PRI_SHOW_ALWAYS },
    { "failed", "failed (5xx)", 0, false, PRI_SHOW_ALWAYS },
    { "gone", "clients that had gone", 0, false, PRI_SHOW_ALWAYS },
    { "shed", "answered with a smaller fanout", 0, false, PRI_SHOW_ALWAYS },
    { "nodes_per_request", "nodes/request", 2, false, PRI_SHOW_KNOWN },
    { "batches", "batches", 0, false, PRI_SHOW_KNOWN },
    { "requests_per_batch", "requests/batch", 2, false, PRI_SHOW_KNOWN },
    { "nodes_per_batch", "distinct nodes/batch", 2, false, PRI_SHOW_KNOWN },
    { "hit_percent", "hit rate (%)", 1, false, PRI_SHOW_KNOWN },
    { "derived_percent", "batches of derived rows (%)", 1, false, PRI_SHOW_KNOWN },
    { "swaps", "models that took over", 0, false, PRI_SHOW_ALWAYS },
};

static const pri_table_column latency_columns[] = {
    { "endpoint", "endpoint", 0, false, PRI_SHOW_VARIED },
    { "time", "ms", 0, false, PRI_SHOW_ALWAYS },
    { "requests", "requests", 0, false, PRI_SHOW_ALWAYS },
    { "mean_ms", "mean", 3, false, PRI_SHOW_ALWAYS },
    { "p50_ms", "p50", 3, false, PRI_SHOW_ALWAYS },
    { "p90_ms", "p90", 3, false, PRI_SHOW_ALWAYS },
    { "p99_ms", "p99", 3, false, PRI_SHOW_ALWAYS },
    { "p99_9_ms", "p99.9", 3, false, PRI_SHOW_ALWAYS },
    { "max_ms", "max", 3, false, PRI_SHOW_ALWAYS },
};

static const pri_table_column status_columns[] = {
    { "endpoint", "endpoint", 0, false, PRI_SHOW_ALWAYS },
    { "status", "status", 0, false, PRI_SHOW_ALWAYS },
    { "requests", "requests", 0, false, PRI_SHOW_ALWAYS },
    { "percent", "% of requests", 3, true, PRI_SHOW_ALWAYS },
};

static const pri_table_column step_columns[] = {
    { "phase", "phase", 0, false, PRI_SHOW_ALWAYS },
    { "steps", "steps", 0, false, PRI_SHOW_ALWAYS },
    { "median_ms", "median ms", 3, false, PRI_SHOW_ALWAYS },
    { "mean_ms", "mean ms", 3, false, PRI_SHOW_ALWAYS },
    { "max_ms", "max ms", 3, false, PRI_SHOW_ALWAYS },
    { "seeds", "seeds/step", 1, false, PRI_SHOW_ALWAYS },
    { "inputs", "inputs/step", 1, false, PRI_SHOW_ALWAYS },
    { "edges", "edges/step", 1, false, PRI_SHOW_ALWAYS },
};

static const pri_table_column stage_columns[] = {
    { "phase", "phase", 0, false, PRI_SHOW_VARIED },
    { "stage", "stage", 0, false, PRI_SHOW_ALWAYS },
    { "ms_per_step", "ms/step", 4, false, PRI_SHOW_ALWAYS },
    { "total_ms", "total ms", 1, false, PRI_SHOW_ALWAYS },
    { "percent", "% of step", 1, true, PRI_SHOW_ALWAYS },
    { "in_step", "in step", 0, false, PRI_SHOW_NEVER },
};

static const pri_table_column bottleneck_columns[] = {
    { "phase", "phase", 0, false, PRI_SHOW_NEVER },
    { "stage", "stage", 0, false, PRI_SHOW_NEVER },
    { "ms_per_step", "ms/step", 4, false, PRI_SHOW_NEVER },
    { "percent", "% of step", 1, false, PRI_SHOW_NEVER },
    { "sentence", "bottleneck", 0, false, PRI_SHOW_ALWAYS },
};

static const pri_table_column disk_columns[] = {
    { "sentence", "in short", 0, false, PRI_SHOW_ALWAYS },
    { "phase", "phase", 0, false, PRI_SHOW_NEVER },
    { "is_limit", "is the limit", 0, false, PRI_SHOW_NEVER },
    { "rows_per_step", "rows read/step", 1, false, PRI_SHOW_ALWAYS },
    { "reads_per_step", "reads/step", 1, false, PRI_SHOW_ALWAYS },
    { "mb_per_step", "MB read/step", 3, false, PRI_SHOW_ALWAYS },
    { "rows_per_read", "rows/read", 2, false, PRI_SHOW_ALWAYS },
    { "bytes_per_read", "bytes/read", 0, false, PRI_SHOW_ALWAYS },
    { "reads_per_s", "reads/s while steps ran", 0, false, PRI_SHOW_ALWAYS },
    { "mb_per_s", "MB/s while steps ran", 1, false, PRI_SHOW_ALWAYS },
    { "reads_per_s_reading", "reads/s while reading", 0, false, PRI_SHOW_KNOWN },
    { "waited_percent", "waited for rows, of the step (%)", 1, false, PRI_SHOW_ALWAYS },
    { "early_percent", "rows that came early (%)", 1, false, PRI_SHOW_KNOWN },
    { "reads_again", "reads asked for again", 0, false, PRI_SHOW_ALWAYS },
};

static const pri_table_column forecast_columns[] = {
    { "item", "what", 0, false, PRI_SHOW_ALWAYS },
    { "unit", "unit", 0, false, PRI_SHOW_ALWAYS },
    { "predicted", "predicted", 2, false, PRI_SHOW_ALWAYS },
    { "outcome", "outcome", 2, false, PRI_SHOW_ALWAYS },
    { "percent", "outcome, % of predicted", 1, false, PRI_SHOW_KNOWN },
};

static const pri_table_column row_columns[] = {
    { "phase", "phase", 0, false, PRI_SHOW_VARIED },
    { "mode", "mode", 0, false, PRI_SHOW_ALWAYS },
    { "policy", "policy", 0, false, PRI_SHOW_ALWAYS },
    { "wanted", "wanted", 1, false, PRI_SHOW_ALWAYS },
    { "hit", "hit", 1, false, PRI_SHOW_ALWAYS },
    { "added", "added", 1, false, PRI_SHOW_ALWAYS },
    { "bypassed", "bypassed", 1, false, PRI_SHOW_ALWAYS },
    { "direct", "direct", 1, false, PRI_SHOW_ALWAYS },
    { "victims", "victims", 1, false, PRI_SHOW_ALWAYS },
    { "compacted", "compacted", 1, false, PRI_SHOW_ALWAYS },
    { "moved", "moved", 1, false, PRI_SHOW_ALWAYS },
    { "first", "first", 1, false, PRI_SHOW_ALWAYS },
    { "hit_percent", "hit %", 1, true, PRI_SHOW_ALWAYS },
};

static const pri_table_column byte_columns[] = {
    { "phase", "phase", 0, false, PRI_SHOW_VARIED },
    { "bytes", "bytes", 0, false, PRI_SHOW_ALWAYS },
    { "mb_per_step", "MB/step", 4, false, PRI_SHOW_ALWAYS },
    { "mb", "total MB", 2, false, PRI_SHOW_ALWAYS },
    { "times_bound", "x bound", 3, false, PRI_SHOW_KNOWN },
    { "percent_of_gather", "% of gather", 1, true, PRI_SHOW_ALWAYS },
};

static const pri_table_column partition_columns[] = {
    { "phase", "phase", 0, false, PRI_SHOW_VARIED },
    { "partition", "partition", 0, false, PRI_SHOW_ALWAYS },
    { "numa_node", "node", 0, false, PRI_SHOW_ALWAYS },
    { "wanted", "wanted/step", 1, false, PRI_SHOW_ALWAYS },
    { "hit_percent", "hit %", 1, false, PRI_SHOW_ALWAYS },
    { "replicated", "replicated/step", 1, false, PRI_SHOW_KNOWN },
    { "mb_moved", "MB moved", 2, false, PRI_SHOW_ALWAYS },
    { "mb_remote", "MB remote", 2, false, PRI_SHOW_ALWAYS },
    { "local_percent", "local %", 1, true, PRI_SHOW_ALWAYS },
    { "lane_ms", "lane ms/step", 3, false, PRI_SHOW_ALWAYS },
};

static const pri_table_column slowest_columns[] = {
    { "phase", "phase", 0, false, PRI_SHOW_VARIED },
    { "step", "step", 0, false, PRI_SHOW_ALWAYS },
    { "epoch", "epoch", 0, false, PRI_SHOW_ALWAYS },
    { "step_ms", "ms", 3, false, PRI_SHOW_ALWAYS },
    { "times_median", "x median", 2, false, PRI_SHOW_ALWAYS },
    { "largest_stage", "largest stage", 0, false, PRI_SHOW_ALWAYS },
    { "largest_stage_ms", "its ms", 3, false, PRI_SHOW_ALWAYS },
    { "num_inputs", "inputs", 0, false, PRI_SHOW_ALWAYS },
    { "rows_moved", "rows moved", 0, false, PRI_SHOW_ALWAYS },
    { "hit_percent", "hit %", 1, false, PRI_SHOW_ALWAYS },
};

static const pri_table_column compare_columns[] = {
    { "log", "log", 0, false, PRI_SHOW_VARIED },
    { "run", "run", 0, false, PRI_SHOW_ALWAYS },
    { "phase", "phase", 0, false, PRI_SHOW_VARIED },
    { "mode", "mode", 0, false, PRI_SHOW_ALWAYS },
    { "policy", "policy", 0, false, PRI_SHOW_ALWAYS },
    { "setting", "sampler", 0, false, PRI_SHOW_VARIED },
    { "capacity", "capacity", 0, false, PRI_SHOW_KNOWN },
    { "steps", "steps", 0, false, PRI_SHOW_ALWAYS },
    { "rows_wanted_per_step", "wanted", 1, false, PRI_SHOW_ALWAYS },
    { "rows_moved_per_step", "moved", 1, false, PRI_SHOW_ALWAYS },
    { "mb_moved_per_step", "MB moved", 3, false, PRI_SHOW_ALWAYS },
    { "moved_percent_of_gather", "% of gather", 1, true, PRI_SHOW_ALWAYS },
    { "hit_percent", "hit %", 1, false, PRI_SHOW_ALWAYS },
    { "place_ms_median", "place ms", 3, false, PRI_SHOW_ALWAYS },
    { "step_ms_median", "step ms", 3, false, PRI_SHOW_ALWAYS },
    { "test_accuracy_percent", "test %", 2, false, PRI_SHOW_KNOWN },
    { "batch_fold", "batch fold", 0, false, PRI_SHOW_NEVER },
    { "same_batches_as", "batches of", 0, false, PRI_SHOW_KNOWN },
};

static const pri_table_column lane_columns[] = {
    { "lane", "lane", 0, false, PRI_SHOW_ALWAYS },
    { "numa_node", "node", 0, false, PRI_SHOW_ALWAYS },
    { "threads", "threads", 0, false, PRI_SHOW_ALWAYS },
    { "cpus", "may run on CPUs", 0, false, PRI_SHOW_ALWAYS },
    { "threads_bound", "threads bound", 0, false, PRI_SHOW_ALWAYS },
    { "memory_bound", "memory bound", 0, false, PRI_SHOW_ALWAYS },
};

static const pri_table_column locality_columns[] = {
    { "phase", "phase", 0, false, PRI_SHOW_VARIED },
    { "first_step", "from step", 0, false, PRI_SHOW_ALWAYS },
    { "last_step", "to", 0, false, PRI_SHOW_ALWAYS },
    { "mb_local", "MB local", 2, false, PRI_SHOW_ALWAYS },
    { "mb_remote", "MB remote", 2, false, PRI_SHOW_ALWAYS },
    { "least_percent", "least %", 1, false, PRI_SHOW_ALWAYS },
    { "local_percent", "local %", 1, true, PRI_SHOW_ALWAYS },
};

static const pri_table_column twice_columns[] = {
    { "phase", "phase", 0, false, PRI_SHOW_VARIED },
    { "steps", "steps counted", 0, false, PRI_SHOW_ALWAYS },
    { "inputs", "inputs/step", 1, false, PRI_SHOW_ALWAYS },
    { "repeated", "repeated/step", 1, false, PRI_SHOW_ALWAYS },
    { "repeated_percent", "% of inputs", 1, true, PRI_SHOW_ALWAYS },
    { "replicated", "rows replicated", 1, false, PRI_SHOW_ALWAYS },
};

static const pri_table_column placement_columns[] = {
    { "step", "after step", 0, false, PRI_SHOW_NEVER },
    { "lane", "lane", 0, false, PRI_SHOW_ALWAYS },
    { "what", "what", 0, false, PRI_SHOW_ALWAYS },
    { "numa_node", "node", 0, false, PRI_SHOW_ALWAYS },
    { "mb", "MB", 1, false, PRI_SHOW_ALWAYS },
    { "pages", "pages", 0, false, PRI_SHOW_ALWAYS },
    { "pages_checked", "asked about", 0, false, PRI_SHOW_ALWAYS },
    { "pages_present", "in memory", 0, false, PRI_SHOW_ALWAYS },
    { "pages_elsewhere", "elsewhere", 0, false, PRI_SHOW_ALWAYS },
    { "percent_on_node", "on node %", 1, true, PRI_SHOW_ALWAYS },
};

static const pri_table_column misplaced_columns[] = {
    { "lane", "lane", 0, false, PRI_SHOW_NEVER },
    { "what", "what", 0, false, PRI_SHOW_NEVER },
    { "numa_node", "node", 0, false, PRI_SHOW_NEVER },
    { "pages_elsewhere", "elsewhere", 0, false, PRI_SHOW_NEVER },
    { "sentence", "memory", 0, false, PRI_SHOW_ALWAYS },
};

static const pri_table_column note_columns[] = { { "text", "note", 0, false, PRI_SHOW_ALWAYS } };

/* Table tune in words; NULL for a run that was not tuned. A thread_bytes of NULL is never. */
#define TUNING                                                                                     \
    "SELECT max(CASE name WHEN 'isa' THEN CASE value WHEN 0 THEN 'portable' WHEN 1 THEN 'avx2'"    \
    "   ELSE 'avx512' END END)"                                                                    \
    " || ', rows ' || max(CASE name WHEN 'row_ahead' THEN CAST(value AS INTEGER) END)"             \
    " || ' and ids ' || max(CASE name WHEN 'index_ahead' THEN CAST(value AS INTEGER) END)"         \
    " || ' ahead, threads ' || max(CASE name WHEN 'thread_bytes' THEN"                             \
    "   coalesce('from ' || CAST(value AS INTEGER) || ' bytes', 'never') END)"                     \
    " || ', repack from ' || max(CASE name WHEN 'repack_share' THEN round(100 * value, 1) END)"    \
    " || ' %; ' || max(source) FROM tune WHERE run = ?1"

static const char header_sql[] =
    "SELECT v.command, v.status, v.exit_status, v.started_utc, v.seconds, v.dataset, v.seed,"
    " (SELECT group_concat(key || '=' || atom, ' ') FROM json_each(CASE WHEN json_valid(r.options)"
    "   THEN r.options ELSE '{}' END) WHERE atom <> '' AND key IN ('split', 'model', 'layers',"
    "   'hidden', 'fanout', 'batch-size', 'epochs', 'steps', 'lr', 'lr-schedule', 'weight-decay',"
    "   'dropout', 'optimizer', 'feature-norm', 'sampler', 'kappa', 'kappa-form', 'cache-bias',"
    "   'order', 'order.file', 'order.buffer', 'order.mix', 'echo', 'echo.pool', 'patience',"
    "   'cache.mode', 'cache.rows', 'cache.bytes', 'cache.factor', 'cache.policy', 'cache.rank',"
    "   'cache.store', 'memory',"
    "   'lookahead', 'pipeline', 'eval', 'numa', 'threads', 'lanes', 'shards', 'shards.file',"
    "   'graph-copies', 'task', 'class-weights', 'resumed-at', 'checkpoint', 'name', 'fanout.max',"
    "   'derived', 'batch.max-nodes', 'batch.max-delay-us', 'queue.max-requests', 'shed.fanout',"
    "   'http.threads', 'http.max-connections')"
    "   AND NOT (key IN ('lanes', 'memory') AND atom = 0)"
    "   AND NOT (key = 'task' AND atom = 'node') AND NOT (key = 'class-weights' AND atom = 'none')"
    "   AND NOT (key IN ('shards', 'graph-copies', 'cache.store') AND atom = 'auto')),"
    " v.host, v.cpu, v.numa_nodes, v.threads, (" TUNING "),"
    " (SELECT group_concat(key || ' ' || atom, ', ') FROM json_each(CASE WHEN"
    "   json_valid(r.versions) THEN r.versions ELSE '{}' END)),"
    " v.steps, v.rows_lost"
    " FROM v_run AS v JOIN run AS r ON r.id = v.run WHERE v.run = ?1";

/* Micro-F1 where it is not the accuracy: with any number of labels a node. */
static const char summary_sql[] =
    "SELECT 100 * v.test_accuracy, 100 * v.best_val_accuracy,"
    " 100 * nullif(v.test_micro_f1, v.test_accuracy),"
    " 100 * nullif(v.best_val_micro_f1, v.best_val_accuracy),"
    " (SELECT a.mrr FROM epoch AS a LEFT JOIN epoch AS b ON b.run = a.run AND b.epoch = a.epoch"
    "   AND b.split = 'val' WHERE a.run = ?1 AND a.split = 'test' AND a.mrr IS NOT NULL"
    "   ORDER BY b.mrr DESC, CASE WHEN b.mrr IS NULL THEN -a.epoch ELSE a.epoch END LIMIT 1),"
    " (SELECT max(mrr) FROM epoch WHERE run = ?1 AND split = 'val'), v.train_loss, t.median / 1e6,"
    " b.moved_percent_of_gather, b.hit_percent, CASE WHEN v.numa_nodes > 1"
    "   THEN 100 * b.mb_local / nullif(b.mb_local + b.mb_remote, 0) END"
    " FROM v_run AS v LEFT JOIN (SELECT phase, pr_median(step_ns) AS median FROM step"
    "   WHERE run = ?1 GROUP BY phase ORDER BY " PHASE_ORDER " LIMIT 1) AS t"
    " LEFT JOIN v_bytes AS b ON b.run = ?1 AND b.phase = t.phase WHERE v.run = ?1";

/* Loss and accuracy of one split, two columns. */
#define SPLIT(name)                                                                                \
    "max(CASE split WHEN '" name "' THEN loss END),"                                               \
    " 100 * max(CASE split WHEN '" name "' THEN accuracy END), "

/* Micro-F1 of one split, where it is not the accuracy. */
#define SCORE(name) "100 * max(CASE split WHEN '" name "' THEN nullif(micro_f1, accuracy) END), "

/* MRR and AUC of one split, two columns. */
#define LINK(name)                                                                                 \
    "max(CASE split WHEN '" name "' THEN mrr END), max(CASE split WHEN '" name "' THEN auc END), "

static const char epoch_sql[] = "SELECT epoch, " SPLIT("train") SPLIT("val") SPLIT("test")
    SPLIT("all") SCORE("val") SCORE("test") LINK("val") LINK(
        "test") "max(elapsed_ns) / 1e9 FROM epoch WHERE run = ?1 GROUP BY epoch ORDER BY epoch";

/* Batches are counted by table step: requests whose rows were deleted or lost name none. */
static const char serving_sql[] =
    "SELECT q.n, 1e9 * q.n / nullif(q.last - q.first, 0), q.answered, q.refused, q.failed, q.gone,"
    " q.shed, q.nodes, s.batches, 1.0 * q.batched / nullif(q.batches, 0), s.nodes, s.hit,"
    " s.derived, max(0, q.models - 1)"
    " FROM (SELECT count(*) AS n, min(arrival_ns) AS first, max(arrival_ns + total_ns) AS last,"
    "   sum(status BETWEEN 200 AND 299) AS answered,"
    "   sum(status BETWEEN 400 AND 499 OR status = 503) AS refused,"
    "   sum(status >= 500 AND status <> 503) AS failed, sum(status = 0) AS gone,"
    "   sum(shed) AS shed, avg(num_nodes) AS nodes, count(batch_step) AS batched,"
    "   count(DISTINCT batch_step) AS batches, count(DISTINCT nullif(model_version, 0)) AS models"
    "   FROM request WHERE run = ?1) AS q,"
    " (SELECT nullif(count(*), 0) AS batches, avg(num_seeds) AS nodes, 100.0 * sum(rows_hit)"
    "   / nullif(sum(rows_hit + rows_added + rows_bypassed), 0) AS hit,"
    "   100.0 * sum(mode = 'derived') / count(*) AS derived"
    "   FROM step WHERE run = ?1 AND phase = 'serve') AS s WHERE q.n > 0";

/* Times of one kind, of requests that were answered. */
#define LATENCY(place, name, column)                                                               \
    "SELECT " place " AS place, endpoint, '" name "' AS what, count(*) AS n,"                      \
    " avg(" column ") / 1e6 AS mean, pr_percentile(" column ", 0.5) / 1e6 AS p50,"                 \
    " pr_percentile(" column ", 0.9) / 1e6 AS p90, pr_percentile(" column ", 0.99) / 1e6 AS p99,"  \
    " pr_percentile(" column ", 0.999) / 1e6 AS p99_9, max(" column ") / 1e6 AS most"              \
    " FROM request WHERE run = ?1 AND status BETWEEN 200 AND 299 AND " column " IS NOT NULL"       \
    " GROUP BY endpoint"

#define QUEUE_TIMES   LATENCY("1", "queue", "queue_ns")
#define COMPUTE_TIMES LATENCY("2", "compute", "compute_ns")
#define TOTAL_TIMES   LATENCY("3", "total", "total_ns")

static const char latency_sql[] = "SELECT endpoint, what, n, mean, p50, p90, p99, p99_9, most FROM"
                                  " (" QUEUE_TIMES " UNION ALL " COMPUTE_TIMES
                                  " UNION ALL " TOTAL_TIMES ") ORDER BY endpoint, place";

static const char status_sql[] =
    "SELECT endpoint, status, count(*),"
    " 100.0 * count(*) / (SELECT count(*) FROM request WHERE run = ?1)"
    " FROM request WHERE run = ?1 GROUP BY endpoint, status ORDER BY endpoint, status";

static const char step_sql[] =
    "SELECT phase, count(*), pr_median(step_ns) / 1e6, avg(step_ns) / 1e6, max(step_ns) / 1e6,"
    " avg(num_seeds), avg(num_inputs), avg(num_edges)"
    " FROM step WHERE run = ?1 GROUP BY phase ORDER BY " PHASE_ORDER;

static const char stage_sql[] =
    "SELECT phase, stage, ms_per_step, total_ms, percent, in_step FROM v_stage_share"
    " WHERE run = ?1 ORDER BY " PHASE_ORDER ", position";

/* Of the phase the run is about. */
static const char bottleneck_sql[] =
    "SELECT phase, stage, ms_per_step, percent, bottleneck FROM v_bottleneck"
    " WHERE run = ?1 ORDER BY " PHASE_ORDER " LIMIT 1";

/* Of the phase the run is about, too: exact passes read the whole file from one end to the other.
 */
static const char disk_sql[] =
    "SELECT sentence, phase, is_limit, rows_per_step, reads_per_step, mb_per_step, rows_per_read,"
    " bytes_per_read, reads_per_s, mb_per_s, reads_per_s_reading, waited_percent, early_percent,"
    " reads_again FROM v_disk WHERE run = ?1 ORDER BY " PHASE_ORDER " LIMIT 1";

static const char forecast_sql[] =
    "SELECT item, unit, predicted, outcome, percent FROM v_forecast WHERE run = ?1";

static const char row_sql[] = "SELECT phase, " PRI_ONE_OF("mode") ", " PRI_ONE_OF(
    "policy") ","
              " avg(num_inputs), avg(rows_hit), avg(rows_added), avg(rows_bypassed), "
              "avg(rows_direct),"
              " avg(rows_victim), avg(rows_compacted), avg(rows_moved), avg(rows_first),"
              " 100.0 * sum(rows_hit) / nullif(sum(rows_hit + rows_added + rows_bypassed), 0)"
              " FROM step WHERE run = ?1 GROUP BY phase ORDER BY " PHASE_ORDER;

static const char byte_sql[] =
    "SELECT phase, p.column2, mb / steps, mb,"
    " CASE WHEN p.column1 = 1 THEN moved_per_bound END, 100.0 * mb / nullif(mb_gather, 0)"
    " FROM (SELECT phase, steps, mb_gather, moved_per_bound, p.column1, p.column2,"
    "   CASE p.column1 WHEN 1 THEN mb_moved WHEN 2 THEN mb_bound WHEN 3 THEN mb_gather"
    "     WHEN 4 THEN mb_local WHEN 5 THEN mb_remote ELSE mb_disk END AS mb"
    "   FROM v_bytes, (VALUES (1, 'moved'), (2, 'bound'), (3, 'gather'), (4, 'local'),"
    "     (5, 'remote'), (6, 'disk')) AS p WHERE run = ?1) AS p"
    " ORDER BY " PHASE_ORDER ", p.column1";

static const char partition_sql[] =
    "SELECT phase, partition, numa_node, rows_wanted_per_step, hit_percent,"
    " rows_replicated_per_step, mb_moved, mb_remote, local_percent, lane_ms_per_step"
    " FROM v_locality WHERE run = ?1 ORDER BY " PHASE_ORDER ", partition";

static const char lane_sql[] =
    "SELECT lane, numa_node, threads, cpus, CASE threads_bound WHEN 0 THEN 'no' ELSE 'yes' END,"
    " CASE memory_bound WHEN 0 THEN 'no' ELSE 'yes' END FROM lane WHERE run = ?1 ORDER BY lane";

/* Ten buckets a line: at most 20 lines a phase. Exact passes move nothing. */
static const char locality_sql[] =
    "SELECT phase, min(first_step), max(last_step), sum(mb_local), sum(mb_remote),"
    " min(100.0 * mb_local / nullif(mb_local + mb_remote, 0)),"
    " 100.0 * sum(mb_local) / nullif(sum(mb_local + mb_remote), 0)"
    " FROM (SELECT phase, bucket / 10 AS line, partition, min(first_step) AS first_step,"
    "   max(last_step) AS last_step, sum(mb_local) AS mb_local, sum(mb_remote) AS mb_remote"
    "   FROM v_locality_time WHERE run = ?1 AND phase IN (SELECT phase FROM step"
    "     WHERE run = ?1 GROUP BY phase HAVING sum(bytes_moved) > 0)"
    "   GROUP BY phase, line, partition)"
    " GROUP BY phase, line HAVING count(mb_local) > 0 ORDER BY " PHASE_ORDER ", line";

/* Exact passes have no batches. */
static const char twice_sql[] =
    "SELECT phase, count(*), avg(num_inputs), avg(inputs_repeated),"
    " 100.0 * sum(inputs_repeated) / nullif(sum(num_inputs), 0),"
    " (SELECT 1.0 * sum(rows_replicated) / count(DISTINCT step) FROM step_partition AS p"
    "   WHERE p.run = ?1 AND p.phase = s.phase AND rows_replicated IS NOT NULL)"
    " FROM step AS s WHERE run = ?1 AND inputs_repeated IS NOT NULL AND batch_hash <> 0"
    " GROUP BY phase HAVING (SELECT max(partition) FROM step_partition AS p"
    "   WHERE p.run = ?1 AND p.phase = s.phase) > 0 ORDER BY " PHASE_ORDER;

static const char placement_sql[] =
    "SELECT step, lane, what, numa_node, mb, pages, pages_checked, pages_present, pages_elsewhere,"
    " percent_on_node FROM v_placement WHERE run = ?1"
    " AND step = (SELECT max(step) FROM placement WHERE run = ?1) ORDER BY lane, what, numa_node";

static const char misplaced_sql[] =
    "SELECT lane, what, numa_node, max(pages_elsewhere),"
    " printf('lane %d, %s: up to %d of %d pages asked about were not on node %d (%d of %d times"
    " the kernel was asked, first after step %d)', lane, what, max(pages_elsewhere),"
    "   max(pages_checked), numa_node, sum(pages_elsewhere > 0), count(*),"
    "   min(CASE WHEN pages_elsewhere > 0 THEN step END))"
    " FROM placement WHERE run = ?1 GROUP BY lane, what, numa_node HAVING max(pages_elsewhere) > 0"
    " ORDER BY lane, what, numa_node";

static const char note_sql[] = "SELECT text FROM note WHERE run = ?1 ORDER BY note";

/* As v_slowest_steps, but with a limit that spares the sort of all steps. CROSS JOIN has the phases
 * read first: the other way round, SQLite sorts the phase anew for every step of it. */
static const char slowest_sql[] =
    "SELECT s.phase, s.step, s.epoch, s.step_ns / 1e6, s.step_ns / nullif(p.median, 0),"
    " " PRI_LARGEST_STAGE ", " PRI_LARGEST_STAGE_NS " / 1e6, s.num_inputs, s.rows_moved,"
    " 100.0 * s.rows_hit / nullif(s.rows_hit + s.rows_added + s.rows_bypassed, 0)"
    " FROM (SELECT phase, pr_median(step_ns) AS median FROM step WHERE run = ?1"
    "   GROUP BY phase) AS p"
    " CROSS JOIN step AS s ON s.run = ?1 AND s.phase = p.phase AND s.step IN ("
    "   SELECT x.step FROM step AS x WHERE x.run = ?1 AND x.phase = p.phase"
    "   ORDER BY x.step_ns DESC, x.step LIMIT ?2)"
    " ORDER BY CASE s.phase WHEN 'train' THEN 0 WHEN 'eval' THEN 1 WHEN 'infer' THEN 2 ELSE 3 END,"
    " s.step_ns DESC, s.step";

static const char compare_sql[] =
    "SELECT ?3, c.run, c.phase, c.mode, c.policy,"
    " t.setting, c.capacity, c.steps, c.rows_wanted_per_step,"
    " c.rows_moved_per_step, c.mb_moved_per_step, c.moved_percent_of_gather, c.hit_percent,"
    " c.place_ms_median, c.step_ms_median,"
    " CASE c.phase WHEN 'train' THEN 100 * v.test_accuracy END, c.batch_fold, NULL"
    " FROM v_compare AS c JOIN v_run AS v ON v.run = c.run"
    " LEFT JOIN v_tradeoff AS t ON t.run = c.run"
    " WHERE ?1 IN (0, c.run) ORDER BY c.run, " PHASE_ORDER;

const pri_table_spec pri_report_tables[PRI_NUM_REPORT_TABLES] = {
    TABLE("header", "run", NULL, SINGLE, header_sql, header_columns),
    TABLE("summary", "in short", NULL, SINGLE, summary_sql, summary_columns),
    TABLE("epochs", "accuracy", NULL, ROWS, epoch_sql, epoch_columns),
    TABLE("serving", "requests", NULL, SINGLE, serving_sql, serving_columns),
    TABLE(
        "latency", "how long answers took",
        "Waiting for a batch, in it, and from arrival to the answer's last byte; of requests that "
        "were answered.",
        ROWS, latency_sql, latency_columns),
    TABLE("statuses", "answers by HTTP status", "0: the client had gone.", ROWS, status_sql,
          status_columns),
    TABLE("phases", "steps", NULL, ROWS, step_sql, step_columns),
    TABLE("stages", "where the time goes",
          "From wait to other they add up to the step; sample and fetch are work done wherever it "
          "ran, and may overlap the step.",
          ROWS, stage_sql, stage_columns),
    TABLE("bottleneck", "what holds a step up", NULL, SINGLE, bottleneck_sql, bottleneck_columns),
    TABLE(
        "disk", "what was read from disk",
        "While steps ran: over all of their time; while reading: over the time in which some read "
        "was in flight.",
        SINGLE, disk_sql, disk_columns),
    TABLE("rows", "rows per step",
          "Wanted = hit + added + bypassed + direct; moved counts every row written to the slab.",
          ROWS, row_sql, row_columns),
    TABLE("bytes", "bytes moved",
          "Bound: the least a packed slab can move (other modes have none). Gather: what copying "
          "every batch anew would move.",
          ROWS, byte_sql, byte_columns),
    TABLE("forecast", "predicted, and what came of it",
          "Predicted before the first step, from batches drawn beforehand; -: not known.", ROWS,
          forecast_sql, forecast_columns),
    TABLE("partitions", "cache partitions", NULL, ROWS, partition_sql, partition_columns),
    TABLE_OF("lanes", "lanes", "Read back from the kernel when the run began.", ROWS, true,
             lane_sql, lane_columns),
    TABLE_OF("locality", "local reads over time",
             "Bytes copied to slabs from shards on the slab's own node, of all that were copied; "
             "least: of the lane with the smallest share.",
             ROWS, true, locality_sql, locality_columns),
    TABLE_OF("twice", "done twice",
             "Counted in every 16th step. Repeated: inputs that a lane before wants too; "
             "replicated: rows that another slab holds too.",
             ROWS, true, twice_sql, twice_columns),
    TABLE_OF("placement", "where memory is, by the kernel",
             "The last time it was asked. Pages that were never touched are nowhere yet.", ROWS,
             true, placement_sql, placement_columns),
    TABLE("misplaced", "memory that is not where it was meant to be", NULL, SENTENCES,
          misplaced_sql, misplaced_columns),
    TABLE("notes", "notes", NULL, SENTENCES, note_sql, note_columns),
    TABLE("slowest", "slowest steps", NULL, ROWS, slowest_sql, slowest_columns),
};

const pri_table_spec pri_comparison_table = TABLE(
    "comparison", "runs compared",
    "Per step: rows wanted and moved, MB moved; medians of place and step. \"batches of\": the "
    "first run whose steps have the same batch_hash; exact passes have no batches.",
    ROWS, compare_sql, compare_columns);
