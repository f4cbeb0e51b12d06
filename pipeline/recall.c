/* recall.c: a ring of steps, each with a list a lane. */
#include "pipeline/recall.h"

#include <string.h>

enum { HEAD = 4 }; /* words before a list that is written: lane, step (low, high), length */

struct pri_recall {
    uint32_t  num_lanes, window;
    uint32_t  num, first;         /* steps remembered, and the place of the oldest */
    size_t    room[PR_MAX_LANES]; /* vertices a list can have */
    pr_vid   *list[PR_MAX_LANES]; /* [window, room] */
    uint64_t *step;               /* [window] at a place */
    uint32_t *length;             /* [window, num_lanes] */
};

static size_t bytes_of(const pri_recall *recall, uint32_t lane)
{
    return recall->window * recall->room[lane] * sizeof(pr_vid);
}

pr_status pri_recall_create(pri_lane *const *lanes, uint32_t num_lanes, uint32_t window,
                            pri_recall **out)
{
    pr_status   st     = PR_OK;
    pri_recall *recall = NULL;

    *out = NULL;
    PR_NEW(recall, 1);
    recall->window = window;
    PR_NEW(recall->step, window);
    PR_NEW(recall->length, (size_t)window * num_lanes);
    for (uint32_t i = 0; i < num_lanes; i++) {
        recall->room[i] = pr_sampler_max_inputs(lanes[i]->sampler);
        recall->list[i] = pri_pages_map(bytes_of(recall, i), 0);
        PR_CHECK(recall->list[i], PR_E_NOMEM, "cannot map %zu bytes to remember %u batches",
                 bytes_of(recall, i), window);
        recall->num_lanes++;
    }
    *out   = recall;
    recall = NULL;
done:
    pri_recall_free(recall);
    return st;
}

void pri_recall_free(pri_recall *recall)
{
    if (!recall) return;
    for (uint32_t i = 0; i < recall->num_lanes; i++)
        pri_pages_unmap(recall->list[i], bytes_of(recall, i));
    pri_free(recall->length);
    pri_free(recall->step);
    pri_free(recall);
}

/* Give the place of a new step, in which all lanes have empty lists. */
static uint32_t begin(pri_recall *recall, uint64_t step)
{
    if (recall->num == recall->window) {
        recall->first = (recall->first + 1) % recall->window;
        recall->num--;
    }
    const uint32_t place = (recall->first + recall->num++) % recall->window;
    recall->step[place]  = step;
    memset(recall->length + (size_t)place * recall->num_lanes, 0,
           recall->num_lanes * sizeof *recall->length);
    return place;
}

static void put(pri_recall *recall, uint32_t place, uint32_t lane, pr_vids batch)
{
    PR_ASSERT(batch.n <= recall->room[lane]);
    recall->length[(size_t)place * recall->num_lanes + lane] = (uint32_t)batch.n;
    if (batch.n)
        memcpy(recall->list[lane] + place * recall->room[lane], batch.at,
               batch.n * sizeof *batch.at);
}

void pri_recall_add(pri_recall *recall, uint64_t step, const pr_vids *batches)
{
    const uint32_t place = begin(recall, step);

    for (uint32_t i = 0; i < recall->num_lanes; i++) put(recall, place, i, batches[i]);
}

pr_status pri_recall_write(const pri_recall *recall, uint32_t **out, size_t *num)
{
    pr_status st    = PR_OK;
    size_t    total = 0;
    uint32_t *at;

    *num = 0;
    for (size_t i = 0; i < (size_t)recall->window * recall->num_lanes; i++)
        total += HEAD + recall->length[i];
    PR_NEW(*out, total + 1);
    at = *out;
    for (uint32_t k = 0; k < recall->num; k++) {
        const uint32_t place = (recall->first + k) % recall->window;
        const uint64_t step  = recall->step[place];
        for (uint32_t i = 0; i < recall->num_lanes; i++) {
            const uint32_t      n        = recall->length[(size_t)place * recall->num_lanes + i];
            const uint32_t      head[]   = { i, (uint32_t)step, (uint32_t)(step >> 32), n };
            const pr_vid *const vertices = recall->list[i] + place * recall->room[i];
            memcpy(at, head, sizeof head);
            if (n) memcpy(at + HEAD, vertices, n * sizeof *at);
            at += HEAD + n;
        }
    }
    *num = (size_t)(at - *out);
done:
    return st;
}

/* What a lane's thread tells its sampler, so that pages are touched where they are used. */
typedef struct memory {
    uint64_t step;
    pr_vids  batch;
} memory;

static pr_status tell_sampler(pri_lane *lane, void *argument)
{
    const memory *m = argument;
    return pr_sampler_remember(lane->sampler, m->step, m->batch);
}

pr_status pri_recall_read(pri_recall *recall, pri_lane *const *lanes, uint64_t end,
                          const uint32_t *from, size_t num)
{
    pr_status st    = PR_OK;
    uint32_t  place = 0;
    bool      any   = false;

    for (size_t at = 0; at < num;) {
        PR_CHECK(num - at >= HEAD, PR_E_INPUT, "recent ends within a batch");
        const uint32_t *head = from + at;
        memory m = { .step = head[1] | (uint64_t)head[2] << 32, .batch = { head + HEAD, head[3] } };
        at += HEAD;
        PR_CHECK(head[0] < recall->num_lanes, PR_E_INPUT,
                 "recent has a batch of lane %u, there are %u lanes", head[0], recall->num_lanes);
        PR_CHECK(m.batch.n <= num - at, PR_E_INPUT,
                 "recent has a batch of %zu vertices and %zu words left", m.batch.n, num - at);
        at += m.batch.n;
        const bool same = any && m.step == recall->step[place];
        PR_CHECK(m.step < end && (!any || m.step >= recall->step[place]), PR_E_INPUT,
                 "recent has a batch of step %llu, must ascend and be below %llu",
                 (unsigned long long)m.step, (unsigned long long)end);
        PR_CHECK(!same || recall->length[(size_t)place * recall->num_lanes + head[0]] == 0,
                 PR_E_INPUT, "recent has step %llu of lane %u twice", (unsigned long long)m.step,
                 head[0]);
        st = pri_lane_run(lanes[head[0]], tell_sampler, &m);
        if (st != PR_OK) {
            pri_error_prefix("recent: ");
            st = st == PR_E_ARG ? PR_E_INPUT : st;
            goto done;
        }
        if (!same) place = begin(recall, m.step);
        put(recall, place, head[0], m.batch);
        any = true;
    }
done:
    return st;
}
