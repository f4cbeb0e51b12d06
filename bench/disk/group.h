/* group.h: a memory group (cgroup version 1 or 2) for one process. */
#ifndef BENCH_DISK_GROUP_H
#define BENCH_DISK_GROUP_H

#include <stdbool.h>
#include <stdint.h>

typedef struct disk_group {
    char path[256]; /* "": there is none */
} disk_group;

/* Make a group with that limit, without swap; 0 bytes: none. Says on stderr, once, why there can be
 * none, and goes on without. */
void disk_group_make(disk_group *group, uint64_t bytes);

/* Put the calling process into it, before it has threads or memory worth speaking of. */
void disk_group_enter(const disk_group *group);

/* Most that it held, page cache included; 0: not known. */
uint64_t disk_group_peak(const disk_group *group);

void disk_group_remove(const disk_group *group); /* when its process has ended */

#endif
