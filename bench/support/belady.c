/* belady.c: the offline optimum.
 *
 * One pass backwards finds, for every wanted row, the next list that wants it. Forwards, resident
 * rows hang in chains, one for each list that may want them next; a row moves to another chain only
 * when it is wanted, so the chain of the present list is exactly its hits, and victims come from
 * the chain farthest ahead. Everything is linear in the wanted rows. */
#include "bench/support/belady.h"

#include <stdlib.h>

#define NO_ROW UINT32_MAX

typedef struct chains {
    uint32_t *first;    /* [num_lists + 1] the last is of rows never wanted again */
    uint32_t *next;     /* [num_rows] */
    uint32_t  farthest; /* no chain behind it holds a row */
} chains;

/* Write, for each wanted row, the next list that wants it, or num_lists. */
static uint32_t **next_uses(const bench_trace *t)
{
    uint32_t **use  = bench_new(t->num_lists, sizeof *use);
    uint32_t  *seen = bench_new(t->num_rows, sizeof *seen);

    for (pr_vid v = 0; v < t->num_rows; v++) seen[v] = t->num_lists;
    for (uint32_t i = t->num_lists; i-- > 0;) {
        use[i] = bench_new(t->list[i].n, sizeof **use);
        for (size_t j = 0; j < t->list[i].n; j++) {
            use[i][j]              = seen[t->list[i].at[j]];
            seen[t->list[i].at[j]] = i;
        }
    }
    free(seen);
    return use;
}

static void hang(chains *c, uint32_t chain, pr_vid row)
{
    c->next[row]    = c->first[chain];
    c->first[chain] = row;
    if (chain > c->farthest) c->farthest = chain;
}

/* Take the row that is wanted last. */
static pr_vid take_farthest(chains *c)
{
    while (c->first[c->farthest] == NO_ROW) c->farthest--;
    const pr_vid row      = c->first[c->farthest];
    c->first[c->farthest] = c->next[row];
    return row;
}

void bench_belady(const bench_trace *t, uint32_t rows, uint64_t *misses)
{
    uint32_t **use      = next_uses(t);
    bool      *resident = bench_new(t->num_rows, sizeof *resident);
    chains     c        = { .first = bench_new(t->num_lists + 1, sizeof *c.first),
                            .next  = bench_new(t->num_rows, sizeof *c.next) };
    uint64_t   held     = 0;

    BENCH_CHECK(rows >= t->max_m, "%u slots are fewer than the longest list's %u rows", rows,
                t->max_m);
    for (uint32_t i = 0; i <= t->num_lists; i++) c.first[i] = NO_ROW;
    for (uint32_t i = 0; i < t->num_lists; i++) {
        const pr_vids wanted = t->list[i];
        misses[i]            = 0;
        c.first[i]           = NO_ROW; /* the hits, which hang anew below */
        for (size_t j = 0; j < wanted.n; j++) misses[i] += !resident[wanted.at[j]];
        for (held += misses[i]; held > rows; held--) resident[take_farthest(&c)] = false;
        for (size_t j = 0; j < wanted.n; j++) {
            resident[wanted.at[j]] = true;
            hang(&c, use[i][j], wanted.at[j]);
        }
    }
    for (uint32_t i = 0; i < t->num_lists; i++) free(use[i]);
    free(use);
    free(resident);
    free(c.first);
    free(c.next);
}
