/* cpu.h: what the processor calls itself, without the cost of discovering the machine. */
#ifndef NUMA_CPU_H
#define NUMA_CPU_H

#include "base/check.h"

/* Give the processor's model as /proc/cpuinfo has it, else as pr_topo_discover finds it; "unknown"
 * when neither does. Cut to `bytes`. `root` is "" or, for tests, a directory that holds a made-up
 * /proc. Cannot fail. */
void pri_cpu_model(const char *root, char *out, size_t bytes);

#endif
