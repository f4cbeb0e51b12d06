/* arena.c: reserve once, bump, reset. */
#include "base/arena.h"

pr_status pri_arena_init(pri_arena *arena, size_t bytes)
{
    pr_status st = PR_OK;

    *arena = (pri_arena){ 0 };
    if (bytes < 64) bytes = 64;
    arena->base = pri_pages_map(bytes, 1);
    PR_CHECK(arena->base, PR_E_NOMEM, "cannot reserve an arena of %zu bytes", bytes);
    arena->bytes = bytes;
done:
    return st;
}

void pri_arena_clear(pri_arena *arena)
{
    pri_pages_unmap(arena->base, arena->bytes);
    *arena = (pri_arena){ 0 };
}

void *pri_arena_take(pri_arena *arena, size_t count, size_t size)
{
    size_t       bytes;
    const size_t at = (arena->used + 63) / 64 * 64;

    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    if (!arena->base || at > arena->bytes || bytes > arena->bytes - at) return NULL;
    arena->used = at + bytes;
    if (arena->used > arena->peak) arena->peak = arena->used;
    return arena->base + at;
}

void pri_arena_reset(pri_arena *arena)
{
    arena->used = 0;
}
