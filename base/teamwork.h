/* teamwork.h: when a loop is worth the threads of a team.
 *
 * Waking a team and waiting for it takes 1 us where its threads spin, 8 us where they sleep and
 * were awake a moment ago, 50 us and more where they have slept for a while (libgomp, 2 cores).
 * Threads spin by default, so from 10 us of work on a team is of use in the usual case, and costs a
 * fraction of a millisecond a step in the worst.
 *
 * It is all threads or one, never some: libgomp ends and creates threads where a team is smaller or
 * larger than the last one (0.1 ms and more), while a team of one leaves the others alone. So loops
 * have an `if` clause with pri_worth_team and no num_threads. Where the rule draws the line depends
 * on sizes alone, and no result depends on it. */
#ifndef BASE_TEAMWORK_H
#define BASE_TEAMWORK_H

#include <stdbool.h>
#include <stdint.h>

#define PRI_TEAM_NS 10000u /* of one thread: less is not spread */

/* Whether `count` elements are worth a team, each of which takes a thread some `each_ps`
 * picoseconds. */
static inline bool pri_worth_team(uint64_t count, uint32_t each_ps)
{
    return count * each_ps >= PRI_TEAM_NS * UINT64_C(1000);
}

/* Give how many of `num` tasks a thread should take at a time: few enough that each of `threads` is
 * served several times, at most `most`. */
static inline uint32_t pri_task_size(uint64_t num, int threads, uint32_t least, uint32_t most)
{
    const uint64_t share = num / (8 * (uint64_t)threads);

    return share < least ? least : share > most ? most : (uint32_t)share;
}

#endif
