/* arena.h: scratch memory of one lane. Address space for the worst legal step is reserved once;
 * taking is a bump of a pointer, pages are committed when first written, and a reset before each
 * step gives all of it back. One thread at a time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/check.h"

typedef struct pri_arena {
    char  *base; /* 2 MiB aligned when bytes >= 2 MiB */
    size_t bytes, used, peak;
} pri_arena;

/* Reserve address space; free with pri_arena_clear. PR_E_NOMEM names the bytes. */
pr_status pri_arena_init(pri_arena *arena, size_t bytes);
void      pri_arena_clear(pri_arena *arena); /* zeroed and cleared arenas are fine */

/* Take count * size bytes, 64-byte aligned, not cleared. NULL when the arena is full. */
void *pri_arena_take(pri_arena *arena, size_t count, size_t size);

/* Start over; what was taken is invalid from now. */
void pri_arena_reset(pri_arena *arena);

/* PR_E_FULL with both numbers unless `ptr` could be taken. */
#define PR_TAKE(arena, ptr, count)                                                                 \
    do {                                                                                           \
        (ptr) = pri_arena_take((arena), (size_t)(count), sizeof *(ptr));                           \
        if (!(ptr))                                                                                \
            PR_RAISE(PR_E_FULL, "arena of %zu bytes has %zu left, " #ptr " wants %zu x %zu",       \
                     (arena)->bytes, (arena)->bytes - (arena)->used, (size_t)(count),              \
                     sizeof *(ptr));                                                               \
    } while (0)

#endif
