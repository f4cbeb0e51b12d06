/* relabel.c: the table behind relabel.h, and the loop over one hop's neighbours. */
#include "pipeline/sampler/relabel.h"

#include <string.h>

enum { AHEAD = 24 }; /* entries fetched ahead; 16 to 32 measure alike */

pr_status pri_relabel_init(pri_relabel *relabel, pr_vid num_nodes)
{
    pr_status    st    = PR_OK;
    const size_t bytes = num_nodes * sizeof *relabel->entry;

    *relabel       = (pri_relabel){ .num_nodes = num_nodes };
    relabel->entry = pri_pages_map(bytes, 1);
    PR_CHECK(relabel->entry, PR_E_NOMEM, "cannot map %zu bytes to relabel %u vertices", bytes,
             num_nodes);
done:
    return st;
}

void pri_relabel_clear(pri_relabel *relabel)
{
    pri_pages_unmap(relabel->entry, relabel->num_nodes * sizeof *relabel->entry);
    *relabel = (pri_relabel){ 0 };
}

void pri_relabel_start(pri_relabel *relabel, pr_vid *nodes)
{
    relabel->nodes = nodes;
    relabel->num   = 0;
    if (++relabel->stamp == 0) { /* after 2^32 - 1 batches old stamps would come back */
        memset(relabel->entry, 0, relabel->num_nodes * sizeof *relabel->entry);
        relabel->stamp = 1;
    }
}

void pri_relabel_array(pri_relabel *relabel, uint32_t *ids, size_t n)
{
    pri_relabel  local   = *relabel; /* kept in registers: the stores below could alias it */
    const size_t fetched = n > AHEAD ? n - AHEAD : 0;
    size_t       i       = 0;

    for (; i < fetched; i++) {
        __builtin_prefetch(&local.entry[ids[i + AHEAD]], 1, 2);
        ids[i] = pri_relabel_one(&local, ids[i]);
    }
    for (; i < n; i++) ids[i] = pri_relabel_one(&local, ids[i]);
    relabel->num = local.num;
}

void pri_relabel_fetched(pri_relabel *relabel, uint32_t *ids, size_t n)
{
    pri_relabel local = *relabel;

    for (size_t i = 0; i < n; i++) ids[i] = pri_relabel_one(&local, ids[i]);
    relabel->num = local.num;
}
