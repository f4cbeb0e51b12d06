/* whereabouts.c: placed.h, through the record. */
#include "pipeline/serve/whereabouts.h"

#include "pipeline/placed.h"

typedef struct look {
    const pri_whereabouts *where;
    pr_status              status;
} look;

static pr_status look_around(const pri_whereabouts *where, pr_steplog *log)
{
    pr_status              st     = PR_OK;
    pri_placed            *placed = NULL;
    const pri_placed_setup setup  = { .lanes     = where->lanes,
                                      .num_lanes = where->num_lanes,
                                      .store     = where->store,
                                      .num_nodes = where->num_nodes,
                                      .strict    = where->strict,
                                      .log       = log };

    PR_TRY(pri_placed_create(&setup, &placed));
    if (where->batches == 0) pri_placed_log_lanes(placed, log);
    PR_TRY(pri_placed_check(placed, where->batches));
done:
    pri_placed_free(placed);
    return st;
}

static void write_rows(void *context, pr_steplog *log)
{
    look *l   = context;
    l->status = look_around(l->where, log);
}

pr_status pri_whereabouts_log(const pri_whereabouts *where)
{
    look l = { where, PR_OK };

    pri_record_write(where->record, write_rows, &l);
    return l.status;
}
