/* relabel.h: from vertices to their places in a batch. One entry {stamp, local} a vertex; an entry
 * counts only while its stamp is the batch's, so that starting a batch clears nothing. */
#ifndef PIPELINE_SAMPLER_RELABEL_H
#define PIPELINE_SAMPLER_RELABEL_H

#include <packrat/nouns.h>

#include "base/check.h"

typedef struct pri_relabel_entry {
    uint32_t stamp, local;
} pri_relabel_entry;

typedef struct pri_relabel {
    pri_relabel_entry *entry; /* [num_nodes] */
    pr_vid             num_nodes;
    uint32_t           stamp; /* of the present batch; 0 before the first */
    pr_vid            *nodes; /* [num] vertices in order of discovery; borrowed from start */
    uint32_t           num;
} pri_relabel;

/* Reserve 8 bytes a vertex; free with pri_relabel_clear. PR_E_NOMEM names the bytes. */
pr_status pri_relabel_init(pri_relabel *relabel, pr_vid num_nodes);
void      pri_relabel_clear(pri_relabel *relabel); /* zeroed and cleared ones are fine */

/* Start a batch without vertices. `nodes` needs one element more than the batch will have
 * vertices, and is borrowed until the next start. Cannot fail. */
void pri_relabel_start(pri_relabel *relabel, pr_vid *nodes);

/* Give the place of v, appending it when it is new. v < num_nodes. */
static inline uint32_t pri_relabel_one(pri_relabel *relabel, pr_vid v)
{
    const pri_relabel_entry old    = relabel->entry[v];
    const uint32_t          is_new = old.stamp != relabel->stamp;
    const uint32_t          local  = is_new ? relabel->num : old.local;

    /* Written in any case: whether a vertex is new is a coin toss that no branch predicts. */
    relabel->entry[v]            = (pri_relabel_entry){ relabel->stamp, local };
    relabel->nodes[relabel->num] = v;
    relabel->num += is_new;
    return local;
}

/* Replace `n` vertices by their places, in order. Cannot fail. `fetched` is for vertices whose
 * entries were prefetched not long ago. */
void pri_relabel_array(pri_relabel *relabel, uint32_t *ids, size_t n);
void pri_relabel_fetched(pri_relabel *relabel, uint32_t *ids, size_t n);

#endif
