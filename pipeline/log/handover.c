/* handover.c: what a run hands to its log: a copy into the ring. Steps are copied and published
 * with their partitions, so that the writer sees all of them or none.
 *
 * Records are as long as a step. Texts, which few rows have, follow their record in pieces: the
 * ring stays small, and nothing is allocated for them. */
#include <packrat/log.h>

#include <string.h>
#include <time.h>

#include "pipeline/log/writer.h"

enum { MAX_PARTITIONS = 4096 }; /* of one step; rows beyond are counted as lost */

static void count_unsent(pr_steplog *log, uint64_t rows)
{
    atomic_fetch_add_explicit(&log->unsent, rows, memory_order_relaxed);
}

/* Make sure that n records fit, `rows` of which are rows. The writer is behind by a whole ring when
 * they do not: wait for it, or lose them. */
static bool make_room(pr_steplog *log, uint32_t n, uint32_t rows)
{
    const struct timespec pause = { .tv_sec = 0, .tv_nsec = 200000 };

    while (!pri_ring_has_room(log->ring, n)) {
        if (log->never_waits) {
            count_unsent(log, rows);
            return false;
        }
        pri_writer_wake(log);
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

/* Give a record that nothing follows; NULL when it is lost. */
static pri_log_record *next_record(pr_steplog *log, pri_record_kind kind)
{
    if (!log || !make_room(log, 1, 1)) return NULL;
    pri_log_record *r = pri_ring_next(log->ring, 0);
    r->kind           = kind;
    r->followers      = 0;
    return r;
}

void pr_steplog_step(pr_steplog *log, const pr_step *step, const pr_step_partition *partitions,
                     uint32_t num_partitions)
{
    if (!log) return;
    if (num_partitions > MAX_PARTITIONS) {
        count_unsent(log, num_partitions - MAX_PARTITIONS);
        num_partitions = MAX_PARTITIONS;
    }
    if (!make_room(log, 1 + num_partitions, 1 + num_partitions)) return;
    pri_log_record *r = pri_ring_next(log->ring, 0);
    r->kind           = PRI_RECORD_STEP;
    r->followers      = num_partitions;
    r->as.step        = *step;
    for (uint32_t i = 0; i < num_partitions; i++) {
        r               = pri_ring_next(log->ring, i + 1);
        r->kind         = PRI_RECORD_PARTITION;
        r->followers    = 0;
        r->as.partition = (pri_partition_record){ step->phase, step->step, partitions[i] };
    }
    pri_ring_publish(log->ring, 1 + num_partitions);
}

void pr_steplog_request(pr_steplog *log, const pr_request_row *row)
{
    pri_log_record *r = next_record(log, PRI_RECORD_REQUEST);
    if (!r) return;
    r->as.request                                      = *row;
    r->as.request.client_id[sizeof row->client_id - 1] = '\0';
    pri_ring_publish(log->ring, 1);
}

void pr_steplog_epoch(pr_steplog *log, const pr_epoch *epoch)
{
    pri_log_record *r = next_record(log, PRI_RECORD_EPOCH);
    if (!r) return;
    r->as.epoch = *epoch;
    pri_ring_publish(log->ring, 1);
}

void pr_steplog_placement(pr_steplog *log, const pr_placement_row *row)
{
    pri_log_record *r = next_record(log, PRI_RECORD_PLACEMENT);
    if (!r) return;
    r->as.placement = *row;
    pri_ring_publish(log->ring, 1);
}

void pr_steplog_forecast(pr_steplog *log, const pr_forecast_row *row)
{
    pri_log_record *r = next_record(log, PRI_RECORD_FORECAST);
    if (!r) return;
    r->as.forecast = *row;
    pri_ring_publish(log->ring, 1);
}

/* Publish a record whose text follows it in pieces; room for all of them is there. */
static void publish_with_text(pr_steplog *log, pri_log_record *r, const char *text)
{
    size_t   left   = strnlen(text, PR_TEXT_BYTES - 1);
    uint32_t pieces = 0;

    while (left > 0) {
        pri_log_record *piece = pri_ring_next(log->ring, ++pieces);
        const size_t    n     = left < PRI_PIECE_BYTES ? left : PRI_PIECE_BYTES;
        piece->kind           = PRI_RECORD_TEXT;
        piece->followers      = 0;
        memcpy(piece->as.text, text, n);
        if (n < PRI_PIECE_BYTES) piece->as.text[n] = '\0';
        text += n;
        left -= n;
    }
    r->followers = pieces;
    pri_ring_publish(log->ring, 1 + pieces);
}

void pr_steplog_lane(pr_steplog *log, const pr_lane_row *lane)
{
    if (!log || !make_room(log, 1 + PRI_MAX_PIECES, 1)) return;
    pri_log_record *r = pri_ring_next(log->ring, 0);
    r->kind           = PRI_RECORD_LANE;
    r->as.lane        = (pri_lane_record){ .lane          = lane->lane,
                                           .numa_node     = lane->numa_node,
                                           .threads       = lane->threads,
                                           .threads_bound = lane->threads_bound,
                                           .memory_bound  = lane->memory_bound };
    publish_with_text(log, r, lane->cpus);
}

void pr_steplog_note(pr_steplog *log, const char *text)
{
    if (!log || !make_room(log, 1 + PRI_MAX_PIECES, 1)) return;
    pri_log_record *r = pri_ring_next(log->ring, 0);
    r->kind           = PRI_RECORD_NOTE;
    r->as.note        = (pri_note_record){ .note = log->num_notes++ };
    publish_with_text(log, r, text);
}
