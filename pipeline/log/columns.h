/* columns.h: which member of a record goes into which column. One table per record drives the
 * INSERT statement and the binding, so that the two cannot disagree. */
#ifndef PIPELINE_LOG_COLUMNS_H
#define PIPELINE_LOG_COLUMNS_H

#include <packrat/log.h>
#include <sqlite3.h>

#include "base/check.h"

typedef enum pri_column_kind {
    PRI_COLUMN_PHASE, /* pr_phase, stored as its name */
    PRI_COLUMN_U32,
    PRI_COLUMN_U64,  /* stored bit for bit in a signed integer */
    PRI_COLUMN_I64,  /* PR_NULL_INT: NULL */
    PRI_COLUMN_NODE, /* int32_t; negative: NULL */
    PRI_COLUMN_I32,
    PRI_COLUMN_BOOL,  /* 0 or 1 */
    PRI_COLUMN_REAL,  /* NaN: NULL */
    PRI_COLUMN_CHARS, /* a text in the record itself; "": NULL */
    PRI_COLUMN_TEXT   /* stays until the row is inserted; NULL: NULL */
} pri_column_kind;

typedef struct pri_column {
    const char     *name;
    pri_column_kind kind;
    size_t          offset; /* in the record */
} pri_column;

typedef struct pri_columns {
    const char       *table;
    const pri_column *at; /* [n] */
    size_t            n;
    bool              replace; /* a second row of the same key replaces the first */
} pri_columns;

/* A partition's row names its step itself. */
typedef struct pri_partition_record {
    pr_phase          phase;
    uint64_t          step;
    pr_step_partition part;
} pri_partition_record;

/* A lane's row and a note, with their texts where the writer has put them together. */
typedef struct pri_lane_record {
    uint32_t    lane;
    int32_t     numa_node;
    uint32_t    threads;
    bool        threads_bound, memory_bound;
    const char *cpus;
} pri_lane_record;

typedef struct pri_note_record {
    uint64_t    note; /* 0, 1, ... within the run */
    const char *text;
} pri_note_record;

extern const pri_columns pri_step_columns;      /* of pr_step */
extern const pri_columns pri_partition_columns; /* of pri_partition_record */
extern const pri_columns pri_request_columns;   /* of pr_request_row */
extern const pri_columns pri_epoch_columns;     /* of pr_epoch */
extern const pri_columns pri_lane_columns;      /* of pri_lane_record */
extern const pri_columns pri_placement_columns; /* of pr_placement_row */
extern const pri_columns pri_note_columns;      /* of pri_note_record */
extern const pri_columns pri_forecast_columns;  /* of pr_forecast_row */

/* Prepare INSERT INTO table (run, ...); parameter 1 is the run. */
pr_status pri_columns_prepare(const pri_columns *columns, sqlite3 *db, const char *path,
                              sqlite3_stmt **out);

/* Bind one record and insert it; gives the SQLite code. */
int pri_columns_insert(const pri_columns *columns, sqlite3_stmt *insert, int64_t run,
                       const void *record);

const char *pri_phase_name(pr_phase phase);

#endif
