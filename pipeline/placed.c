/* placed.c: see placed.h. */
#include "pipeline/placed.h"

#include <string.h>

enum { MAX_SUMS = PR_MAX_RANGES * 2, MAX_NAMED = 3 };

struct pri_placed {
    pri_placed_setup setup;
    pr_steplog      *log;  /* NULL: none */
    bool             said; /* what is elsewhere, once a run */
    bool             asks; /* false once the kernel has not answered */
    uint64_t         pages_checked, pages_present, pages_elsewhere;

    /* of the check at hand */
    pr_ranges        ranges;
    uint32_t         num_sums;
    uint64_t         dropped;       /* ranges for which there was no room */
    pr_placement_row sum[MAX_SUMS]; /* by lane, kind and node */
};

pr_status pri_placed_create(const pri_placed_setup *setup, pri_placed **out)
{
    pr_status   st     = PR_OK;
    pri_placed *placed = NULL;

    *out = NULL;
    PR_NEW(placed, 1);
    placed->setup = *setup;
    placed->log   = setup->log;
    placed->asks  = true;
    *out          = placed;
    placed        = NULL;
done:
    pri_placed_free(placed);
    return st;
}

void pri_placed_free(pri_placed *placed)
{
    pri_free(placed);
}

/* On the lane's thread. */
static pr_status read_cpus(pri_lane *lane, void *argument)
{
    pr_lane_row *row = argument;

    pri_team_cpus(lane->team, row->cpus, sizeof row->cpus);
    return PR_OK;
}

/* Note what a lane was not granted. */
static void note_refusals(const pri_placed *placed, const pr_lane_row *row)
{
    const bool memory = row->memory_bound || row->numa_node < 0 || placed->setup.num_nodes < 2;
    char       text[PR_TEXT_BYTES];

    if (row->threads_bound && memory) return;
    snprintf(text, sizeof text, "lane %u: %s%s%s; its threads may run on CPUs %.200s", row->lane,
             row->threads_bound ? "" : "its threads are not all bound to its cores",
             row->threads_bound || memory ? "" : ", and ",
             memory ? "" : "its memory is not bound to its node", row->cpus);
    pr_steplog_note(placed->log, text);
}

void pri_placed_log_lanes(pri_placed *placed, pr_steplog *log)
{
    placed->log = log;
    if (!log) return;
    for (uint32_t i = 0; i < placed->setup.num_lanes; i++) {
        pri_lane   *lane = placed->setup.lanes[i];
        pr_lane_row row  = { .lane          = lane->index,
                             .numa_node     = lane->numa_node,
                             .threads       = lane->binding.num_threads,
                             .threads_bound = lane->binding.threads_bound,
                             .memory_bound  = lane->binding.memory_bound };
        (void)pri_lane_run(lane, read_cpus, &row);
        pr_steplog_lane(log, &row);
        note_refusals(placed, &row);
    }
}

/* Give the sum that a range belongs to; NULL when there is no room for another one. */
static pr_placement_row *sum_of(pri_placed *placed, const pr_range *range, uint64_t step)
{
    for (uint32_t i = 0; i < placed->num_sums; i++) {
        pr_placement_row *row = &placed->sum[i];
        if (row->lane == range->lane && row->numa_node == range->numa_node &&
            !strcmp(row->what, range->what))
            return row;
    }
    if (placed->num_sums == MAX_SUMS) return NULL;
    pr_placement_row *row = &placed->sum[placed->num_sums++];
    *row                  = (pr_placement_row){
                         .step = step, .lane = range->lane, .what = range->what, .numa_node = range->numa_node
    };
    return row;
}

/* Ask about the ranges that were collected, add the answers up and empty the list. */
static pr_status add_up(pri_placed *placed, uint64_t step)
{
    pr_status  st     = PR_OK;
    pr_ranges *ranges = &placed->ranges;

    placed->dropped += ranges->dropped;
    for (uint32_t i = 0; i < ranges->num; i++) {
        pr_residency      seen;
        pr_placement_row *row = sum_of(placed, &ranges->at[i], step);
        if (!row) {
            placed->dropped++;
            continue;
        }
        PR_TRY(pr_residency_read(&ranges->at[i], PRI_PLACED_MAX_PAGES, &seen));
        row->bytes += ranges->at[i].bytes;
        row->pages += seen.pages;
        row->pages_checked += seen.checked;
        row->pages_on_node += seen.on_node;
        row->pages_elsewhere += seen.elsewhere;
    }
done:
    ranges->num = ranges->dropped = 0;
    return st;
}

/* Lane by lane, as a list has room for one lane's ranges rather than for those of all. */
static pr_status ask(pri_placed *placed, uint64_t step)
{
    const pri_placed_setup *setup = &placed->setup;
    pr_status               st    = PR_OK;

    placed->num_sums = 0;
    placed->dropped  = 0;
    for (uint32_t i = 0; i < setup->num_lanes; i++) {
        pri_lane_ranges(setup->lanes[i], &placed->ranges);
        PR_TRY(add_up(placed, step));
    }
    if (setup->store) pr_store_ranges(setup->store, &placed->ranges);
    PR_TRY(add_up(placed, step));
done:
    return st;
}

/* Put into words what is elsewhere; gives how many sums that is true of. */
static uint32_t describe(const pri_placed *placed, char *out, size_t bytes)
{
    size_t   used  = 0;
    uint32_t wrong = 0;

    out[0] = '\0';
    for (uint32_t i = 0; i < placed->num_sums; i++) {
        const pr_placement_row *row = &placed->sum[i];
        if (row->pages_elsewhere == 0 || wrong++ >= MAX_NAMED) continue;
        const uint64_t present = row->pages_on_node + row->pages_elsewhere;
        const int      n       = snprintf(out + used, bytes - used,
                                          "%s%llu of %llu pages of lane %u's %s are not on node %d",
                               used ? ", " : "", (unsigned long long)row->pages_elsewhere,
                                          (unsigned long long)present, row->lane, row->what, row->numa_node);
        used += n > 0 && (size_t)n < bytes - used ? (size_t)n : 0;
    }
    if (wrong > MAX_NAMED)
        (void)snprintf(out + used, bytes - used, ", and so on for %u more", wrong - MAX_NAMED);
    return wrong;
}

/* The kernel does not say where pages are: an error when the user insists and it matters. */
static pr_status give_up(pri_placed *placed)
{
    pr_status st = PR_OK;
    char      text[PR_TEXT_BYTES];

    snprintf(text, sizeof text, "where memory is was not verified: %.500s", pr_error_message());
    placed->asks = false;
    PR_CHECK(!placed->setup.strict || placed->setup.num_nodes < 2, PR_E_UNSUPPORTED, "%s", text);
    pr_steplog_note(placed->log, text);
    pr_diag(placed->setup.num_nodes < 2 ? PR_DEBUG : PR_INFO, "%s", text);
done:
    return st;
}

pr_status pri_placed_check(pri_placed *placed, uint64_t step)
{
    pr_status st = PR_OK;
    char      text[1024];

    if (!placed->asks) return PR_OK;
    st = ask(placed, step);
    if (st == PR_E_UNSUPPORTED) return give_up(placed);
    if (st != PR_OK) return st;
    for (uint32_t i = 0; i < placed->num_sums; i++) {
        pr_steplog_placement(placed->log, &placed->sum[i]);
        placed->pages_checked += placed->sum[i].pages_checked;
        placed->pages_elsewhere += placed->sum[i].pages_elsewhere;
        placed->pages_present += placed->sum[i].pages_on_node + placed->sum[i].pages_elsewhere;
    }
    PR_CHECK(!placed->dropped || !placed->setup.strict, PR_E_UNSUPPORTED,
             "%llu ranges of memory were not verified: more than there is room for (--numa strict)",
             (unsigned long long)placed->dropped);
    if (placed->dropped)
        pr_diag(PR_DEBUG, "%llu ranges of memory were not verified: more than there is room for",
                (unsigned long long)placed->dropped);
    if (describe(placed, text, sizeof text) == 0) return PR_OK;
    PR_CHECK(!placed->setup.strict, PR_E_UNSUPPORTED, "%s (--numa strict)", text);
    if (!placed->said) pr_diag(PR_INFO, "%s; the log has all of it (table placement)", text);
    placed->said = true;
done:
    return st;
}

uint64_t pri_placed_pages_checked(const pri_placed *placed)
{
    return placed->pages_checked;
}

uint64_t pri_placed_pages_present(const pri_placed *placed)
{
    return placed->pages_present;
}

uint64_t pri_placed_pages_elsewhere(const pri_placed *placed)
{
    return placed->pages_elsewhere;
}
