/* columns.c: the column tables, and from a record to a row. */
#include "pipeline/log/columns.h"

#include <string.h>

#include "pipeline/log/db.h"

#define STEP(member, kind)  #member, PRI_COLUMN_##kind, offsetof(pr_step, member)
#define PART(member, kind)  #member, PRI_COLUMN_##kind, offsetof(pri_partition_record, part.member)
#define REQ(member, kind)   #member, PRI_COLUMN_##kind, offsetof(pr_request_row, member)
#define EPOCH(member, kind) #member, PRI_COLUMN_##kind, offsetof(pr_epoch, member)
#define LANE(member, kind)  #member, PRI_COLUMN_##kind, offsetof(pri_lane_record, member)
#define PLACE(member, kind) #member, PRI_COLUMN_##kind, offsetof(pr_placement_row, member)
#define NOTE(member, kind)  #member, PRI_COLUMN_##kind, offsetof(pri_note_record, member)
#define FORE(member, kind)  #member, PRI_COLUMN_##kind, offsetof(pr_forecast_row, member)

static const pri_column step_columns[] = {
    { STEP(phase, PHASE) },         { STEP(step, U64) },           { STEP(epoch, U32) },
    { STEP(num_seeds, U64) },       { STEP(num_inputs, U64) },     { STEP(num_edges, U64) },
    { STEP(inputs_repeated, I64) }, { STEP(batch_hash, U64) },     { STEP(rows_hit, U64) },
    { STEP(rows_added, U64) },      { STEP(rows_bypassed, U64) },  { STEP(rows_direct, U64) },
    { STEP(rows_victim, U64) },     { STEP(rows_compacted, U64) }, { STEP(rows_moved, U64) },
    { STEP(rows_first, U64) },      { STEP(bytes_moved, U64) },    { STEP(bytes_bound, I64) },
    { STEP(bytes_gather, U64) },    { STEP(bytes_local, I64) },    { STEP(bytes_remote, I64) },
    { STEP(bytes_disk, U64) },      { STEP(reads_disk, U64) },     { STEP(reads_again, U64) },
    { STEP(rows_disk, U64) },       { STEP(rows_early, U64) },     { STEP(disk_ns, I64) },
    { STEP(wait_rows_ns, I64) },    { STEP(mode, TEXT) },          { STEP(path, TEXT) },
    { STEP(policy, TEXT) },         { STEP(lookahead, U32) },      { STEP(wait_ns, I64) },
    { STEP(prepare_ns, I64) },      { STEP(place_ns, I64) },       { STEP(aggregate_ns, I64) },
    { STEP(gemm_ns, I64) },         { STEP(backward_ns, I64) },    { STEP(update_ns, I64) },
    { STEP(other_ns, I64) },        { STEP(step_ns, I64) },        { STEP(sample_ns, I64) },
    { STEP(fetch_ns, I64) },        { STEP(queue_depth, U32) },    { STEP(loss, REAL) },
    { STEP(num_correct, I64) },     { STEP(cycles, I64) },         { STEP(instructions, I64) },
    { STEP(llc_misses, I64) },
};

static const pri_column partition_columns[] = {
    { "phase", PRI_COLUMN_PHASE, offsetof(pri_partition_record, phase) },
    { "step", PRI_COLUMN_U64, offsetof(pri_partition_record, step) },
    { PART(partition, U32) },
    { PART(numa_node, NODE) },
    { PART(num_inputs, U64) },
    { PART(rows_hit, U64) },
    { PART(rows_added, U64) },
    { PART(rows_bypassed, U64) },
    { PART(rows_victim, U64) },
    { PART(rows_replicated, I64) },
    { PART(bytes_moved, U64) },
    { PART(bytes_bound, I64) },
    { PART(bytes_local, I64) },
    { PART(bytes_remote, I64) },
    { PART(bytes_disk, U64) },
    { PART(reads_disk, U64) },
    { PART(prepare_ns, I64) },
    { PART(place_ns, I64) },
    { PART(fetch_ns, I64) },
    { PART(lane_ns, I64) },
};

static const pri_column request_columns[] = {
    { REQ(request, U64) },     { REQ(arrival_ns, I64) }, { REQ(endpoint, TEXT) },
    { REQ(client_id, CHARS) }, { REQ(num_nodes, U32) },  { REQ(queue_ns, I64) },
    { REQ(compute_ns, I64) },  { REQ(total_ns, I64) },   { REQ(status, U32) },
    { REQ(batch_step, I64) },  { REQ(seed, U64) },       { REQ(model_version, U64) },
    { REQ(shed, BOOL) },
};

static const pri_column epoch_columns[] = {
    { EPOCH(epoch, U32) },     { EPOCH(split, TEXT) },    { EPOCH(loss, REAL) },
    { EPOCH(accuracy, REAL) }, { EPOCH(micro_f1, REAL) }, { EPOCH(elapsed_ns, I64) },
    { EPOCH(mrr, REAL) },      { EPOCH(auc, REAL) },
};

static const pri_column lane_columns[] = {
    { LANE(lane, U32) },           { LANE(numa_node, NODE) },    { LANE(threads, U32) },
    { LANE(threads_bound, BOOL) }, { LANE(memory_bound, BOOL) }, { LANE(cpus, TEXT) },
};

static const pri_column placement_columns[] = {
    { PLACE(step, U64) },          { PLACE(lane, U32) },          { PLACE(what, TEXT) },
    { PLACE(numa_node, I32) },     { PLACE(bytes, U64) },         { PLACE(pages, U64) },
    { PLACE(pages_checked, U64) }, { PLACE(pages_on_node, U64) }, { PLACE(pages_elsewhere, U64) },
};

static const pri_column note_columns[] = { { NOTE(note, U64) }, { NOTE(text, TEXT) } };

static const pri_column forecast_columns[] = {
    { FORE(item, TEXT) },
    { FORE(unit, TEXT) },
    { FORE(predicted, REAL) },
    { FORE(outcome, REAL) },
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

const pri_columns pri_step_columns      = { "step", step_columns, COUNT_OF(step_columns), false };
const pri_columns pri_partition_columns = { "step_partition", partition_columns,
                                            COUNT_OF(partition_columns), false };
const pri_columns pri_request_columns   = { "request", request_columns, COUNT_OF(request_columns),
                                            false };
const pri_columns pri_epoch_columns     = { "epoch", epoch_columns, COUNT_OF(epoch_columns), true };
const pri_columns pri_lane_columns      = { "lane", lane_columns, COUNT_OF(lane_columns), true };
const pri_columns pri_placement_columns = { "placement", placement_columns,
                                            COUNT_OF(placement_columns), true };
const pri_columns pri_note_columns      = { "note", note_columns, COUNT_OF(note_columns), false };
const pri_columns pri_forecast_columns = { "forecast", forecast_columns, COUNT_OF(forecast_columns),
                                           true };

const char *pri_phase_name(pr_phase phase)
{
    switch (phase) {
    case PR_PHASE_TRAIN: return "train";
    case PR_PHASE_EVAL: return "eval";
    case PR_PHASE_INFER: return "infer";
    case PR_PHASE_SERVE: return "serve";
    }
    return NULL;
}

pr_status pri_columns_prepare(const pri_columns *columns, sqlite3 *db, const char *path,
                              sqlite3_stmt **out)
{
    char   sql[2048];
    size_t used = (size_t)snprintf(sql, sizeof sql, "INSERT%s INTO %s (run",
                                   columns->replace ? " OR REPLACE" : "", columns->table);

    for (size_t i = 0; i < columns->n; i++)
        used += (size_t)snprintf(sql + used, sizeof sql - used, ", %s", columns->at[i].name);
    used += (size_t)snprintf(sql + used, sizeof sql - used, ") VALUES (?");
    for (size_t i = 0; i < columns->n; i++)
        used += (size_t)snprintf(sql + used, sizeof sql - used, ", ?");
    used += (size_t)snprintf(sql + used, sizeof sql - used, ")");
    PR_ASSERT(used < sizeof sql);
    return pri_db_prepare(db, path, sql, out);
}

static int bind_text(sqlite3_stmt *insert, int place, const char *text)
{
    return text ? sqlite3_bind_text(insert, place, text, -1, SQLITE_STATIC)
                : sqlite3_bind_null(insert, place);
}

static int bind_int(sqlite3_stmt *insert, int place, int64_t value)
{
    return value == PR_NULL_INT ? sqlite3_bind_null(insert, place)
                                : sqlite3_bind_int64(insert, place, value);
}

static int bind(sqlite3_stmt *insert, int place, pri_column_kind kind, const void *member)
{
    switch (kind) {
    case PRI_COLUMN_PHASE:
        return bind_text(insert, place, pri_phase_name(*(const pr_phase *)member));
    case PRI_COLUMN_U32: return sqlite3_bind_int64(insert, place, *(const uint32_t *)member);
    case PRI_COLUMN_U64:
        return sqlite3_bind_int64(insert, place, (int64_t) * (const uint64_t *)member);
    case PRI_COLUMN_I64: return bind_int(insert, place, *(const int64_t *)member);
    case PRI_COLUMN_NODE: {
        const int32_t node = *(const int32_t *)member;
        return bind_int(insert, place, node < 0 ? PR_NULL_INT : node);
    }
    case PRI_COLUMN_I32: return sqlite3_bind_int64(insert, place, *(const int32_t *)member);
    case PRI_COLUMN_BOOL: return sqlite3_bind_int64(insert, place, *(const bool *)member);
    case PRI_COLUMN_REAL: return sqlite3_bind_double(insert, place, *(const double *)member);
    case PRI_COLUMN_CHARS:
        return bind_text(insert, place, *(const char *)member ? (const char *)member : NULL);
    case PRI_COLUMN_TEXT: return bind_text(insert, place, *(const char *const *)member);
    }
    return SQLITE_MISUSE;
}

int pri_columns_insert(const pri_columns *columns, sqlite3_stmt *insert, int64_t run,
                       const void *record)
{
    int rc = sqlite3_bind_int64(insert, 1, run);

    for (size_t i = 0; i < columns->n && rc == SQLITE_OK; i++)
        rc = bind(insert, (int)i + 2, columns->at[i].kind,
                  (const char *)record + columns->at[i].offset);
    if (rc != SQLITE_OK) return rc;
    (void)sqlite3_step(insert);
    return sqlite3_reset(insert); /* the code of the step */
}
