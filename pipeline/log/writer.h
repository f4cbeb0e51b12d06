/* writer.h: a log that is open, and the thread that writes it; see writer.c. */
#ifndef PIPELINE_LOG_WRITER_H
#define PIPELINE_LOG_WRITER_H

#include <pthread.h>
#include <stdatomic.h>

#include "pipeline/log/columns.h"
#include "pipeline/log/retention.h"
#include "pipeline/log/ring.h"

typedef enum pri_record_kind {
    PRI_RECORD_STEP,
    PRI_RECORD_PARTITION,
    PRI_RECORD_REQUEST,
    PRI_RECORD_EPOCH,
    PRI_RECORD_LANE, /* its text follows */
    PRI_RECORD_PLACEMENT,
    PRI_RECORD_NOTE, /* its text follows */
    PRI_RECORD_FORECAST,
    PRI_NUM_RECORD_KINDS,
    PRI_RECORD_TEXT = PRI_NUM_RECORD_KINDS /* a piece of the text of the record before; no row */
} pri_record_kind;

/* What the ring holds. */
typedef struct pri_log_record {
    pri_record_kind kind;
    uint32_t        followers; /* records behind this one that belong to its transaction */
    union {
        pr_step              step;
        pri_partition_record partition;
        pr_request_row       request;
        pr_epoch             epoch;
        pri_lane_record      lane;
        pr_placement_row     placement;
        pri_note_record      note;
        pr_forecast_row      forecast;
        char                 text[sizeof(pr_step)]; /* ends with a 0, or fills the record */
    } as;
} pri_log_record;

enum {
    PRI_RING_RECORDS = 65536,
    PRI_PIECE_BYTES  = sizeof(((pri_log_record *)NULL)->as.text),
    PRI_MAX_PIECES   = (PR_TEXT_BYTES + PRI_PIECE_BYTES - 1) / PRI_PIECE_BYTES
};

struct pr_steplog {
    char             path[PR_TEXT_BYTES];
    sqlite3         *db; /* the writer's while it runs, the closer's afterwards */
    sqlite3_stmt    *insert[PRI_NUM_RECORD_KINDS];
    int64_t          run;
    bool             never_waits;
    pri_ring        *ring;
    _Atomic uint64_t unsent;    /* rows the producer had to drop */
    uint64_t         num_notes; /* the producer's */
    pri_retention   *retention; /* NULL: nothing is deleted */

    pthread_t       writer;
    bool            writer_runs;
    pthread_mutex_t lock; /* of `woken` and `trouble`; taken by the producer only when the ring is
                             full and it may wait */
    pthread_cond_t wake;
    bool           sync_made, woken;
    char           trouble[256]; /* why the last try failed; "": it did not */
    _Atomic bool   begun, stop;  /* begun: the run's row is there */

    /* the writer's, the closer's afterwards */
    bool     broken;      /* something was lost, write no more rows (unless never_waits) */
    int      failing;     /* never_waits: the SQLite code the last try failed with; 0: it did not */
    int64_t  tried_ns;    /* when that was */
    int64_t  said_ns;     /* when that was said last; 0: never */
    bool     said;        /* that it is so now */
    int64_t  stopping_ns; /* when the end was first seen; 0: not yet */
    uint64_t told_lost;   /* as run.rows_lost has it */
    char     reason[512]; /* of the first failure */
    char     text[PRI_MAX_PIECES * PRI_PIECE_BYTES + 1]; /* of the row at hand */

    /* for others to read */
    _Atomic uint64_t rows_lost, rows_deleted, file_bytes;
};

/* Start the writer of a log whose ring is there; it leaves the database alone until a record comes,
 * or something is to be deleted. */
pr_status pri_writer_start(pr_steplog *log);
void      pri_writer_stop(pr_steplog *log); /* write what is there, and end */
void      pri_writer_wake(pr_steplog *log);

/* All rows that were lost, on either side of the ring. */
uint64_t pri_writer_lost(const pr_steplog *log);

#endif
