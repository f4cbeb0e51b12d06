/* spread.c: see spread.h. */
#include "cache/spread.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "numa/area.h"

static const size_t huge_bytes = (size_t)2 << 20;

size_t pri_spread_page_up(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) / page * page;
}

/* Keep huge pages from lying across a border: those around it stay small. */
static void part_at(const pri_spread *spread, size_t cut)
{
    const size_t begin = cut / huge_bytes * huge_bytes;
    const size_t end =
        begin + huge_bytes < spread->bytes ? begin + huge_bytes : pri_spread_page_up(spread->bytes);

    if (cut == begin || cut >= spread->bytes || spread->bytes < huge_bytes) return;
    (void)madvise(spread->at + begin, end - begin, MADV_NOHUGEPAGE);
}

static pr_status bind_parts(pri_spreader *how, const pri_spread *spread)
{
    pr_status        st     = PR_OK;
    const pr_shards *shards = how->shards;
    const bool       strict = how->mode == PR_NUMA_STRICT;

    if (!how->topo || how->mode == PR_NUMA_OFF) goto done;
    for (uint32_t s = 0; s < shards->num_shards; s++) {
        const size_t begin = spread->cut[s], bytes = spread->cut[s + 1] - begin;
        if (bytes == 0 || shards->node[s] < 0) continue;
        if (pri_area_bind(how->topo, spread->at + begin, bytes, shards->node[s], strict)) continue;
        PR_CHECK(!strict, PR_E_UNSUPPORTED,
                 "%zu bytes of shard %u cannot be bound to NUMA node %d, as --numa strict demands",
                 bytes, s, shards->node[s]);
        how->refused = true;
    }
done:
    return st;
}

pr_status pri_spread_map(pri_spreader *how, const size_t *cut, pri_spread *out)
{
    pr_status      st    = PR_OK;
    const uint32_t parts = how->shards->num_shards;

    *out = (pri_spread){ .bytes = cut[parts] };
    memcpy(out->cut, cut, (parts + 1) * sizeof *cut);
    out->at = pri_pages_map(out->bytes, 1);
    PR_CHECK(out->at, PR_E_NOMEM, "cannot take %zu bytes for shards of the store", out->bytes);
    for (uint32_t s = 1; s < parts; s++) part_at(out, cut[s]);
    PR_TRY(bind_parts(how, out));
done:
    return st;
}

void pri_spread_unmap(pri_spread *spread)
{
    pri_pages_unmap(spread->at, spread->bytes);
    *spread = (pri_spread){ 0 };
}

void pri_spread_ranges(const pri_spread *spread, const pr_shards *shards, pr_ranges *ranges)
{
    const int32_t  node = ranges->numa_node;
    const uint32_t lane = ranges->lane;

    for (uint32_t s = 0; s < shards->num_shards; s++) {
        ranges->numa_node = shards->node[s];
        ranges->lane      = shards->lane[s];
        if (spread->at)
            pr_ranges_add(ranges, "shard", spread->at + spread->cut[s],
                          spread->cut[s + 1] - spread->cut[s]);
    }
    ranges->numa_node = node;
    ranges->lane      = lane;
}
