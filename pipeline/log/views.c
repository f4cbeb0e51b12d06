/* views.c: the views for people. Times in milliseconds, MB of 10^6 bytes, shares in percent; one
 * row per run, phase or step as the name says. Medians are the mean of the middle two.
 *
 * A filter on `run` (and `phase`) reaches the key of table step: the aggregates group by them and
 * the windows partition by them. */
#include "pipeline/log/schema.h"

/* Rows that went through the cache; NULL in mode off, where nothing did. */
#define HIT_PERCENT "100.0 * sum(rows_hit) / nullif(sum(rows_hit + rows_added + rows_bypassed), 0)"

/* MB of a column that may be NULL; NULL unless every row of the group has a value. */
#define KNOWN_MB(column) "CASE WHEN count(" column ") = count(*) THEN sum(" column ") / 1e6 END"

#define MB_BOUND  KNOWN_MB("bytes_bound") " AS mb_bound"
#define MB_LOCAL  KNOWN_MB("bytes_local") " AS mb_local"
#define MB_REMOTE KNOWN_MB("bytes_remote") " AS mb_remote"

/* Share of a group's bytes that came from the node they were for; NULL unless all are known. */
#define LOCAL_PERCENT                                                                              \
    "CASE WHEN count(bytes_local + bytes_remote) = count(*) THEN 100.0 * sum(bytes_local)"         \
    " / nullif(sum(bytes_local + bytes_remote), 0) END"

#define ONE_MODE   PRI_ONE_OF("mode")
#define ONE_POLICY PRI_ONE_OF("policy")

/* Mean of the middle two of a column over each (run, phase). */
#define MEDIAN(column)                                                                             \
    "SELECT run, phase, avg(" column ") AS median FROM ("                                          \
    "SELECT run, phase, " column ","                                                               \
    " row_number() OVER (PARTITION BY run, phase ORDER BY " column ") AS place,"                   \
    " count(*) OVER (PARTITION BY run, phase) AS n FROM step)"                                     \
    " WHERE place IN ((n + 1) / 2, (n + 2) / 2) GROUP BY run, phase"

#define PLACE_MEDIAN MEDIAN("place_ns")
#define STEP_MEDIAN  MEDIAN("step_ns")

static const char v_run[] =
    "SELECT id AS run, command,\n"
    "    CASE WHEN exit_status IS NULL THEN 'running or killed' WHEN exit_status = 0 THEN 'done'\n"
    "         WHEN exit_status IN (130, 143) THEN 'interrupted' ELSE 'failed' END AS status,\n"
    "    exit_status, datetime(started_at / 1000000000, 'unixepoch') AS started_utc,\n"
    "    datetime(ended_at / 1000000000, 'unixepoch') AS ended_utc,\n"
    "    (ended_at - started_at) / 1e9 AS seconds,\n"
    "    dataset, host, cpu, numa_nodes, threads, printf('%llu', seed) AS seed,\n"
    "    (SELECT count(*) FROM step AS s WHERE s.run = r.id) AS steps,\n"
    "    (SELECT count(*) FROM step AS s WHERE s.run = r.id AND s.phase = 'train')\n"
    "        AS train_steps,\n"
    "    (SELECT max(epoch) + 1 FROM epoch AS e WHERE e.run = r.id) AS epochs,\n"
    "    (SELECT loss FROM epoch AS e WHERE e.run = r.id AND split = 'train'\n"
    "        ORDER BY epoch DESC LIMIT 1) AS train_loss,\n"
    "    (SELECT accuracy FROM epoch AS e WHERE e.run = r.id AND split = 'val'\n"
    "        AND accuracy IS NOT NULL ORDER BY micro_f1 DESC, accuracy DESC, epoch LIMIT 1)\n"
    "        AS best_val_accuracy,\n"
    "    (SELECT t.accuracy FROM epoch AS t LEFT JOIN epoch AS v\n"
    "        ON v.run = t.run AND v.epoch = t.epoch AND v.split = 'val'\n"
    "        WHERE t.run = r.id AND t.split = 'test' AND t.accuracy IS NOT NULL\n"
    "        ORDER BY v.micro_f1 DESC, v.accuracy DESC,\n"
    "            /* the first of equal ones; the last without validation */\n"
    "            CASE WHEN v.accuracy IS NULL THEN -t.epoch ELSE t.epoch END LIMIT 1)\n"
    "        AS test_accuracy,\n"
    "    (SELECT max(micro_f1) FROM epoch AS e WHERE e.run = r.id AND split = 'val')\n"
    "        AS best_val_micro_f1,\n"
    "    (SELECT t.micro_f1 FROM epoch AS t LEFT JOIN epoch AS v\n"
    "        ON v.run = t.run AND v.epoch = t.epoch AND v.split = 'val'\n"
    "        WHERE t.run = r.id AND t.split = 'test' AND t.micro_f1 IS NOT NULL\n"
    "        ORDER BY v.micro_f1 DESC,\n"
    "            CASE WHEN v.micro_f1 IS NULL THEN -t.epoch ELSE t.epoch END LIMIT 1)\n"
    "        AS test_micro_f1,\n"
    "    (SELECT sum(pages_checked) FROM placement AS p WHERE p.run = r.id) AS pages_checked,\n"
    "    (SELECT sum(pages_elsewhere) FROM placement AS p WHERE p.run = r.id)\n"
    "        AS pages_elsewhere,\n"
    "    rows_lost\n"
    "FROM run AS r";

static const char v_stage_share[] =
    "SELECT run, phase, position, stage, in_step,\n"
    "    ns / 1e6 AS total_ms, ns / 1e6 / steps AS ms_per_step,\n"
    "    100.0 * ns / nullif(step_ns, 0) AS percent\n"
    "FROM (\n"
    "    SELECT run, phase, steps, step_ns, p.column1 AS position, p.column2 AS stage,\n"
    "        p.column3 AS in_step,\n"
    "        CASE p.column1 WHEN 1 THEN wait_ns WHEN 2 THEN prepare_ns WHEN 3 THEN place_ns\n"
    "            WHEN 4 THEN aggregate_ns WHEN 5 THEN gemm_ns WHEN 6 THEN backward_ns\n"
    "            WHEN 7 THEN update_ns WHEN 8 THEN other_ns WHEN 9 THEN sample_ns\n"
    "            ELSE fetch_ns END AS ns\n"
    "    FROM (SELECT run, phase, count(*) AS steps, sum(step_ns) AS step_ns,\n"
    "            sum(wait_ns) AS wait_ns, sum(prepare_ns) AS prepare_ns,\n"
    "            sum(place_ns) AS place_ns, sum(aggregate_ns) AS aggregate_ns,\n"
    "            sum(gemm_ns) AS gemm_ns, sum(backward_ns) AS backward_ns,\n"
    "            sum(update_ns) AS update_ns, sum(other_ns) AS other_ns,\n"
    "            sum(sample_ns) AS sample_ns, sum(fetch_ns) AS fetch_ns\n"
    "        FROM step GROUP BY run, phase) AS t,\n"
    "        (VALUES (1, 'wait', 1), (2, 'prepare', 1), (3, 'place', 1), (4, 'aggregate', 1),\n"
    "            (5, 'gemm', 1), (6, 'backward', 1), (7, 'update', 1), (8, 'other', 1),\n"
    "            (9, 'sample', 0), (10, 'fetch', 0)) AS p)";

static const char v_bytes[] =
    "SELECT run, phase, count(*) AS steps,\n"
    "    sum(bytes_moved) / 1e6 AS mb_moved,\n"
    "    " MB_BOUND ",\n"
    "    sum(bytes_gather) / 1e6 AS mb_gather,\n"
    "    " MB_LOCAL ",\n"
    "    " MB_REMOTE ",\n"
    "    sum(bytes_disk) / 1e6 AS mb_disk,\n"
    "    CASE WHEN count(bytes_bound) = count(*)\n"
    "        THEN 1.0 * sum(bytes_moved) / nullif(sum(bytes_bound), 0) END AS moved_per_bound,\n"
    "    100.0 * sum(bytes_moved) / nullif(sum(bytes_gather), 0) AS moved_percent_of_gather,\n"
    "    " HIT_PERCENT " AS hit_percent\n"
    "FROM step GROUP BY run, phase";

static const char v_slowest_steps[] =
    "SELECT k.run, k.phase, k.place AS rank, k.step, s.epoch, s.step_ns / 1e6 AS step_ms,\n"
    "    s.step_ns / nullif(k.median, 0) AS times_median,\n"
    "    " PRI_LARGEST_STAGE " AS largest_stage,\n"
    "    " PRI_LARGEST_STAGE_NS " / 1e6 AS largest_stage_ms,\n"
    "    s.num_inputs, s.rows_moved, s.bytes_moved / 1e6 AS mb_moved,\n"
    "    100.0 * s.rows_hit / nullif(s.rows_hit + s.rows_added + s.rows_bypassed, 0)\n"
    "        AS hit_percent\n"
    "FROM (SELECT run, phase, step, place, avg(CASE WHEN place IN ((n + 1) / 2, (n + 2) / 2)\n"
    "            THEN step_ns END) OVER (PARTITION BY run, phase) AS median\n"
    "        FROM (SELECT run, phase, step, step_ns,\n"
    "                row_number() OVER (PARTITION BY run, phase ORDER BY step_ns DESC, step)\n"
    "                    AS place,\n"
    "                count(*) OVER (PARTITION BY run, phase) AS n FROM step)) AS k\n"
    "    JOIN step AS s ON s.run = k.run AND s.phase = k.phase AND s.step = k.step\n"
    "ORDER BY k.run, k.phase, k.place";

static const char v_locality[] =
    "SELECT run, phase, partition, max(numa_node) AS numa_node, count(*) AS steps,\n"
    "    1.0 * sum(num_inputs) / count(*) AS rows_wanted_per_step,\n"
    "    " HIT_PERCENT " AS hit_percent,\n"
    "    count(rows_replicated) AS steps_counted,\n"
    "    avg(rows_replicated) AS rows_replicated_per_step, /* of the steps counted */\n"
    "    sum(bytes_moved) / 1e6 AS mb_moved,\n"
    "    " MB_LOCAL ",\n"
    "    " MB_REMOTE ",\n"
    "    sum(bytes_disk) / 1e6 AS mb_disk,\n"
    "    " LOCAL_PERCENT " AS local_percent,\n"
    "    sum(place_ns) / 1e6 / count(*) AS place_ms_per_step,\n"
    "    sum(lane_ns) / 1e6 / count(*) AS lane_ms_per_step\n"
    "FROM step_partition GROUP BY run, phase, partition";

/* At most 200 buckets of a run's phase, equally long but for the last one. The last step is looked
 * up for every row, one step down the key: a join would not pass a filter on the run on. */
static const char v_locality_time[] =
    "SELECT run, phase, step / width AS bucket, min(step) AS first_step, max(step) AS last_step,\n"
    "    partition, max(numa_node) AS numa_node,\n"
    "    " MB_LOCAL ",\n"
    "    " MB_REMOTE ",\n"
    "    " LOCAL_PERCENT " AS local_percent,\n"
    "    avg(rows_replicated) AS rows_replicated /* of the steps counted */\n"
    "FROM (SELECT *, ((SELECT max(step) FROM step_partition AS last WHERE last.run = p.run\n"
    "            AND last.phase = p.phase) + 200) / 200 AS width FROM step_partition AS p)\n"
    "GROUP BY run, phase, bucket, partition";

/* Pages never touched are neither here nor there. */
static const char v_placement[] =
    "SELECT run, step, lane, what, CASE WHEN numa_node >= 0 THEN numa_node END AS numa_node,\n"
    "    bytes / 1e6 AS mb, pages, pages_checked,\n"
    "    pages_on_node + pages_elsewhere AS pages_present, pages_elsewhere,\n"
    "    100.0 * pages_on_node / nullif(pages_on_node + pages_elsewhere, 0) AS percent_on_node\n"
    "FROM placement";

/* Options that mean nothing where others are as they are give NULL; a log from before there was an
 * option has the only thing there was then. */
static const char v_tradeoff[] =
    "SELECT run, dataset, seed,\n"
    "    sampler || coalesce(' ' || kappa, '') || CASE kappa_form WHEN 'drift' THEN ' drift'\n"
    "        ELSE '' END || CASE WHEN cache_bias > 1 THEN ' bias ' || cache_bias ELSE '' END\n"
    "        || CASE seed_order WHEN 'random' THEN '' ELSE ', ' || seed_order END\n"
    "        || CASE WHEN echo > 1 THEN ', echo ' || echo || coalesce(' pool ' || echo_pool, '')\n"
    "        ELSE '' END AS setting,\n"
    "    sampler, kappa, kappa_form, cache_bias, seed_order, echo, echo_pool, fanout,\n"
    "    batch_size, lr_schedule, mode, policy, lookahead,\n"
    "    CASE WHEN mode = 'off' THEN NULL WHEN rows > 0 THEN rows || ' rows'\n"
    "        WHEN bytes > 0 THEN bytes || ' bytes' WHEN mode = 'resident' THEN factor || ' m'\n"
    "        END AS capacity,\n"
    "    steps, rows_wanted_per_step, rows_moved_per_step,\n"
    "    rows_moved_per_step / nullif(rows_wanted_per_step, 0) AS moved_per_wanted,\n"
    "    mb_moved_per_step, best_val_accuracy, test_accuracy\n"
    "FROM (SELECT t.run, r.dataset, v.seed, r.sampler,\n"
    "        CASE r.sampler WHEN 'labor' THEN r.kappa END AS kappa,\n"
    "        CASE WHEN r.sampler = 'labor' AND r.kappa > 1 THEN r.form END AS kappa_form,\n"
    "        CASE r.sampler WHEN 'labor' THEN r.bias END AS cache_bias, r.seed_order, r.echo,\n"
    "        CASE WHEN r.echo > 1 THEN r.pool END AS echo_pool, r.fanout, r.batch_size,\n"
    "        r.lr_schedule, t.mode, t.policy, t.lookahead, r.rows, r.bytes, r.factor, t.steps,\n"
    "        t.rows_wanted_per_step, t.rows_moved_per_step, t.mb_moved_per_step,\n"
    "        v.best_val_accuracy, v.test_accuracy\n"
    "    FROM (SELECT run, " ONE_MODE " AS mode, " ONE_POLICY " AS policy,\n"
    "            max(lookahead) AS lookahead, count(*) AS steps,\n"
    "            1.0 * sum(num_inputs) / count(*) AS rows_wanted_per_step,\n"
    "            1.0 * sum(rows_moved) / count(*) AS rows_moved_per_step,\n"
    "            sum(bytes_moved) / 1e6 / count(*) AS mb_moved_per_step\n"
    "        FROM step WHERE phase = 'train' GROUP BY run) AS t\n"
    "    JOIN (SELECT id, dataset, coalesce(json_extract(o, '$.sampler'), 'uniform') AS sampler,\n"
    "            json_extract(o, '$.kappa') AS kappa,\n"
    "            json_extract(o, '$.\"kappa-form\"') AS form,\n"
    "            json_extract(o, '$.\"cache-bias\"') AS bias,\n"
    "            coalesce(json_extract(o, '$.order'), 'random') AS seed_order,\n"
    "            coalesce(json_extract(o, '$.echo'), 1) AS echo,\n"
    "            json_extract(o, '$.\"echo.pool\"') AS pool,\n"
    "            json_extract(o, '$.fanout') AS fanout,\n"
    "            json_extract(o, '$.\"batch-size\"') AS batch_size,\n"
    "            coalesce(json_extract(o, '$.\"lr-schedule\"'), 'constant') AS lr_schedule,\n"
    "            json_extract(o, '$.\"cache.rows\"') AS rows,\n"
    "            json_extract(o, '$.\"cache.bytes\"') AS bytes,\n"
    "            json_extract(o, '$.\"cache.factor\"') AS factor\n"
    "        FROM (SELECT id, dataset, CASE WHEN json_valid(options) THEN options ELSE '{}' END\n"
    "            AS o FROM run)) AS r ON r.id = t.run\n"
    "    JOIN v_run AS v ON v.run = t.run)";

/* batch_fold: three sums over the steps' batch_hash, the last one weighted by the step's place.
 * Each term stays below 2^32, so no sum overflows before 2^31 steps. NULL when no step has a hash:
 * exact passes have no batches to compare. */
static const char v_compare[] =
    "SELECT t.run, t.phase, t.mode, t.policy,\n"
    "    CASE WHEN t.mode = 'off' OR NOT json_valid(r.options) THEN NULL\n"
    "        WHEN json_extract(r.options, '$.\"cache.rows\"') > 0\n"
    "            THEN json_extract(r.options, '$.\"cache.rows\"') || ' rows'\n"
    "        WHEN json_extract(r.options, '$.\"cache.bytes\"') > 0\n"
    "            THEN json_extract(r.options, '$.\"cache.bytes\"') || ' bytes'\n"
    "        WHEN t.mode = 'resident' THEN json_extract(r.options, '$.\"cache.factor\"') || ' m'\n"
    "        END AS capacity,\n"
    "    t.steps, t.rows_wanted_per_step, t.rows_moved_per_step, t.mb_moved_per_step,\n"
    "    t.moved_percent_of_gather, t.hit_percent,\n"
    "    place.median / 1e6 AS place_ms_median, step.median / 1e6 AS step_ms_median,\n"
    "    t.batch_fold,\n"
    "    CASE WHEN t.batch_fold IS NOT NULL\n"
    "        THEN min(t.run) OVER (PARTITION BY t.phase, t.steps, t.batch_fold) END\n"
    "        AS same_batches_as\n"
    "FROM (SELECT run, phase, " ONE_MODE " AS mode, " ONE_POLICY " AS policy,\n"
    "        count(*) AS steps, 1.0 * sum(num_inputs) / count(*) AS rows_wanted_per_step,\n"
    "        1.0 * sum(rows_moved) / count(*) AS rows_moved_per_step,\n"
    "        sum(bytes_moved) / 1e6 / count(*) AS mb_moved_per_step,\n"
    "        100.0 * sum(bytes_moved) / nullif(sum(bytes_gather), 0)\n"
    "            AS moved_percent_of_gather, " HIT_PERCENT " AS hit_percent,\n"
    "        CASE WHEN max(batch_hash <> 0)\n"
    "            THEN printf('%x-%x-%x', sum(batch_hash & 4294967295),\n"
    "            sum((batch_hash >> 32) & 4294967295),\n"
    "            sum(((batch_hash >> 16) & 65535) * (step % 65521 + 1))) END AS batch_fold\n"
    "    FROM step GROUP BY run, phase) AS t\n"
    "    JOIN run AS r ON r.id = t.run\n"
    "    LEFT JOIN (" PLACE_MEDIAN ") AS place\n"
    "        ON place.run = t.run AND place.phase = t.phase\n"
    "    LEFT JOIN (" STEP_MEDIAN ") AS step\n"
    "        ON step.run = t.run AND step.phase = t.phase";

/* Sums of a run's phase, and who holds its steps up. A lane that is fed by threads beside it and
 * still waits a tenth of its time is faster than they are: the one with more work is it. In line,
 * drawing and fetching are stages like the others (wait is their sum), and the largest of all is
 * it. Rows of a file are read while other things are done: what counts is how long a lane waited
 * for them. */
#define FED                                                                                        \
    "SELECT *,\n"                                                                                  \
    "        CASE most WHEN backward THEN 'backward' WHEN gemm THEN 'gemm'\n"                      \
    "            WHEN aggregate THEN 'aggregate' WHEN place THEN 'place'\n"                        \
    "            WHEN prepare THEN 'prepare' WHEN updating THEN 'update' ELSE 'other' END\n"       \
    "            AS stage,\n"                                                                      \
    "        CASE WHEN pipelined THEN wait >= 0.1 * step ELSE work > most END AS held\n"           \
    "    FROM (SELECT *,\n"                                                                        \
    "            CASE WHEN reads = 0 THEN max(sample, fetch) WHEN 2 * awaited > wait\n"            \
    "                THEN awaited ELSE sample END AS work,\n"                                      \
    "            CASE WHEN reads = 0 AND fetch > sample THEN 'fetch'\n"                            \
    "                WHEN reads > 0 AND 2 * awaited > wait THEN 'disk' ELSE 'sampling' END\n"      \
    "                AS feeder\n"                                                                  \
    "        FROM (SELECT s.run, s.phase, count(*) AS steps, sum(step_ns) AS step,\n"              \
    "                coalesce(sum(wait_ns), 0) AS wait, coalesce(sum(sample_ns), 0) AS sample,\n"  \
    "                coalesce(sum(fetch_ns), 0) AS fetch,\n"                                       \
    "                coalesce(sum(wait_rows_ns), 0) AS awaited,\n"                                 \
    "                sum(reads_disk) AS reads, sum(bytes_disk) AS bytes,\n"                        \
    "                sum(rows_disk) AS rows, sum(rows_early) AS early,\n"                          \
    "                sum(reads_again) AS again, sum(disk_ns) AS busy,\n"                           \
    "                max(coalesce(sum(prepare_ns), 0), coalesce(sum(place_ns), 0),\n"              \
    "                    coalesce(sum(aggregate_ns), 0), coalesce(sum(gemm_ns), 0),\n"             \
    "                    coalesce(sum(backward_ns), 0), coalesce(sum(update_ns), 0),\n"            \
    "                    coalesce(sum(other_ns), 0)) AS most,\n"                                   \
    "                sum(prepare_ns) AS prepare, sum(place_ns) AS place,\n"                        \
    "                sum(aggregate_ns) AS aggregate, sum(gemm_ns) AS gemm,\n"                      \
    "                sum(backward_ns) AS backward, sum(update_ns) AS updating,\n"                  \
    "                (SELECT CASE WHEN json_valid(r.options)\n"                                    \
    "                    THEN coalesce(json_extract(r.options, '$.pipeline') = 'on', 0)\n"         \
    "                    ELSE 0 END FROM run AS r WHERE r.id = s.run) AS pipelined\n"              \
    "            FROM step AS s GROUP BY s.run, s.phase HAVING sum(step_ns) > 0))"

/* What the disk did, in words; of FED. */
#define DISK_WORDS                                                                                 \
    "printf('steps waited %.0f %% of their time for rows; %,d reads/s of %.1f KiB, %.0f MB/s;'\n"  \
    "        || ' %.0f %% of rows came early', 100.0 * awaited / step,\n"                          \
    "        CAST(round(1e9 * reads / step, -2) AS INTEGER), bytes / 1024.0 / reads,\n"            \
    "        1e3 * bytes / step, 100.0 * early / max(rows, 1))"

static const char v_bottleneck[] =
    "SELECT run, phase, pipelined, CASE WHEN held THEN feeder ELSE stage END AS stage,\n"
    "    CASE WHEN held THEN work ELSE most END / 1e6 / steps AS ms_per_step,\n"
    "    100.0 * CASE WHEN NOT held THEN most WHEN pipelined AND reads = 0 THEN wait ELSE work\n"
    "        END / step AS percent,\n"
    "    CASE WHEN held AND feeder = 'disk' THEN 'disk: ' || " DISK_WORDS "\n"
    "        WHEN held AND pipelined\n"
    "        THEN printf('%s (%.2f ms a step of work, the lane waited %.0f %% of the step for "
    "it)',\n"
    "            feeder, work / 1e6 / steps, 100.0 * wait / step)\n"
    "        WHEN held THEN printf('%s (%.2f ms a step, in line: %.0f %% of the step)',\n"
    "            feeder, work / 1e6 / steps, 100.0 * work / step)\n"
    "        ELSE printf('%s: %s %.0f %% of the step (%.2f ms%s)',\n"
    "            CASE WHEN stage IN ('prepare', 'place') THEN 'cache'\n"
    "                WHEN stage = 'other' THEN 'other than the stages' ELSE 'compute' END, stage,\n"
    "            100.0 * most / step, most / 1e6 / steps,\n"
    "            CASE WHEN pipelined\n"
    "                THEN printf('; the lane waited %.0f %%', 100.0 * wait / step) ELSE '' END)\n"
    "        END AS bottleneck\n"
    "FROM (" FED ")";

/* What was read from files, of phases that read any. While steps ran: over all of their time; while
 * reading: over the time in which some read was in flight, where reads of several steps may
 * overlap. */
static const char v_disk[] =
    "SELECT run, phase, steps, 1.0 * rows / steps AS rows_per_step,\n"
    "    1.0 * reads / steps AS reads_per_step, bytes / 1e6 / steps AS mb_per_step,\n"
    "    1.0 * rows / reads AS rows_per_read, 1.0 * bytes / reads AS bytes_per_read,\n"
    "    1e9 * reads / step AS reads_per_s, 1e3 * bytes / step AS mb_per_s,\n"
    "    1e9 * reads / nullif(busy, 0) AS reads_per_s_reading,\n"
    "    100.0 * awaited / step AS waited_percent, 100.0 * early / nullif(rows, 0)\n"
    "        AS early_percent, again AS reads_again,\n"
    "    held AND feeder = 'disk' AS is_limit,\n"
    "    CASE WHEN held AND feeder = 'disk' THEN 'the disk is the limit: '\n"
    "        ELSE 'the disk is not the limit: ' END || " DISK_WORDS "\n"
    "        || CASE WHEN again > 0 THEN printf('; %,d reads were asked for again', again)\n"
    "        ELSE '' END AS sentence\n"
    "FROM (" FED ") WHERE reads > 0";

/* In units that people read. */
static const char v_forecast[] =
    "SELECT run, item, CASE unit WHEN 'bytes' THEN 'MB' WHEN 'ns' THEN 'ms' ELSE unit END AS "
    "unit,\n"
    "    predicted / scale AS predicted, outcome / scale AS outcome,\n"
    "    100.0 * outcome / nullif(predicted, 0) AS percent\n"
    "FROM (SELECT *, rowid AS place, CASE unit WHEN 'bytes' THEN 1e6 WHEN 'ns' THEN 1e6 ELSE 1.0\n"
    "    END AS scale FROM forecast) ORDER BY run, place";

/* The smallest time that `part` in `whole` of the answered requests do not exceed. */
#define PERCENTILE(part, whole)                                                                    \
    "max(CASE WHEN ok AND place = (n * " #part " + " #whole " - 1) / " #whole                      \
    " THEN total_ns END) / 1e6"

/* Times of requests that were answered; others say little about them. */
static const char v_request[] =
    "SELECT run, endpoint, count(*) AS requests, sum(ok) AS answered,\n"
    "    sum(status BETWEEN 400 AND 499 OR status = 503) AS refused,\n"
    "    sum(status >= 500 AND status <> 503) AS failed, sum(status = 0) AS gone,\n"
    "    sum(shed) AS shed, sum(num_nodes) AS nodes,\n"
    "    (max(arrival_ns + total_ns) - min(arrival_ns)) / 1e9 AS seconds,\n"
    "    1e9 * sum(ok) / nullif(max(arrival_ns + total_ns) - min(arrival_ns), 0)\n"
    "        AS answers_per_s,\n"
    "    avg(CASE WHEN ok THEN queue_ns END) / 1e6 AS queue_ms_mean,\n"
    "    avg(CASE WHEN ok THEN compute_ns END) / 1e6 AS compute_ms_mean,\n"
    "    " PERCENTILE(50, 100) " AS total_ms_p50, " PERCENTILE(
        90,
        100) " AS total_ms_p90,\n"
             "    " PERCENTILE(99, 100) " AS total_ms_p99, " PERCENTILE(
                 999,
                 1000) " AS total_ms_p99_9,\n"
                       "    max(model_version) AS model_version\n"
                       "FROM (SELECT *, row_number() OVER (PARTITION BY run, endpoint, ok ORDER BY "
                       "total_ns)\n"
                       "            AS place, count(*) OVER (PARTITION BY run, endpoint, ok) AS n\n"
                       "        FROM (SELECT *, status BETWEEN 200 AND 299 AS ok FROM request))\n"
                       "GROUP BY run, endpoint";

const pri_view pri_views[PRI_NUM_VIEWS] = {
    { "v_run", v_run },
    { "v_stage_share", v_stage_share },
    { "v_bytes", v_bytes },
    { "v_slowest_steps", v_slowest_steps },
    { "v_locality", v_locality },
    { "v_compare", v_compare },
    { "v_tradeoff", v_tradeoff },
    { "v_bottleneck", v_bottleneck },
    { "v_locality_time", v_locality_time },
    { "v_placement", v_placement },
    { "v_disk", v_disk },
    { "v_forecast", v_forecast },
    { "v_request", v_request },
};
