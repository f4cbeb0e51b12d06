/* room.c: address space for the worst legal batch; pages are committed when a batch first needs
 * them, so a room costs what its largest batch so far took. */
#include "pipeline/sampler/room.h"

#include "pipeline/sampler/state.h"

/* No sum here comes near 2^64: at most PR_MAX_LAYERS * 3 + 1 arrays of at most 2^34 bytes. */
size_t pri_room_bytes(const pr_sampler *sampler)
{
    const size_t line     = 64; /* each array starts a cache line */
    const size_t per_edge = sizeof(uint32_t) + (sampler->kind->weighs ? sizeof(float) : 0);
    size_t       bytes    = ((size_t)pr_sampler_max_inputs(sampler) + 1) * sizeof(pr_vid) + line;

    for (uint32_t h = 0; h < PR_MAX_LAYERS; h++) {
        const size_t num_dst = pr_sampler_max_dst(sampler, h);
        if (num_dst == 0) break; /* no such hop */
        bytes += (num_dst + 1) * sizeof(uint32_t) + line;
        bytes += pr_sampler_max_hop_edges(sampler, h) * per_edge + 2 * line;
    }
    return bytes;
}
_Static_assert(sizeof(size_t) >= 8, "sizes above are computed in 64 bits");

pr_status pr_batch_room_create(const pr_sampler *sampler, pr_batch_room **out)
{
    pr_status      st   = PR_OK;
    pr_batch_room *room = NULL;

    PR_CHECK(sampler && out, PR_E_ARG, "sampler or out is NULL");
    *out = NULL;
    PR_NEW(room, 1);
    PR_TRY(pri_arena_init(&room->arena, pri_room_bytes(sampler)));
    *out = room;
    room = NULL;
done:
    pr_batch_room_free(room);
    return st;
}

void pr_batch_room_ranges(const pr_batch_room *room, pr_ranges *ranges)
{
    pr_ranges_add(ranges, "batch", room->arena.base, room->arena.bytes);
}

void pr_batch_room_free(pr_batch_room *room)
{
    if (!room) return;
    pri_arena_clear(&room->arena);
    pri_free(room);
}
