/* team.h: the pinned threads of one lane, and memory bound to its node. */
#ifndef NUMA_TEAM_H
#define NUMA_TEAM_H

#include <packrat/numa.h>

#include "base/arena.h"

typedef struct pri_team pri_team;

/* What of a lane's wishes the kernel granted; read back, not assumed. */
typedef struct pri_binding {
    bool threads_bound; /* every thread was seen on a core of the lane */
    bool memory_bound;
    bool by_user; /* OMP_PROC_BIND or OMP_PLACES has placed the threads: nothing was asked for */
    uint32_t num_threads;
} pri_binding;

/* Describe lane `lane` of the plan; nothing is pinned yet. `topo` must outlive the team. */
pr_status pri_team_create(const pr_topo *topo, const pr_plan *plan, uint32_t lane,
                          pr_numa_mode mode, pri_team **out);

/* On the thread that entered: give it and its workers the CPUs back that they had before. Anywhere
 * else, and for NULL, only the memory goes. */
void pri_team_free(pri_team *team);

/* Make the calling thread the team's master: sets the OpenMP team size, starts the workers and
 * binds all of them, each to a core of its own when there are as many threads as cores, else to
 * the lane's cores; not when OMP_PROC_BIND or OMP_PLACES says that the user did. Whatever they
 * touch first from then on (arenas, slabs, tapes) lies on the lane's node. Best effort; with
 * PR_NUMA_STRICT a refusal is PR_E_UNSUPPORTED. Call once, on the lane's own thread; threads that
 * are to run elsewhere (log writer, sampler) start before, as they inherit the master's core. */
pr_status pri_team_enter(pri_team *team, pri_binding *binding);

uint32_t pri_team_num_threads(const pri_team *team);

/* List the CPUs that the team's threads may run on, all together, read back: "0-3,8". On the thread
 * that entered. "" when the kernel does not say. Cannot fail. */
void pri_team_cpus(const pri_team *team, char *out, size_t bytes);

/* Let the calling thread, which is none of the team's, work for the lane: on any of the lane's
 * CPUs, as far as the team was bound, with memory of its node and an OpenMP team of `threads` of
 * its own. Best effort. After pri_team_enter; the thread must end before the team is freed. */
void pri_team_attend(const pri_team *team, uint32_t threads);

/* Tell whether this process may use less than the machine has: CPUs, or CPU time. */
bool pri_topo_is_limited(const pr_topo *topo);

/* Describe the hwloc in use, such as "2.9"; for the log's versions. */
void pri_numa_version(char *out, size_t bytes);

#endif
