/* belady.h: the fewest misses any choice of victims can have, knowing the whole trace. */
#ifndef BENCH_SUPPORT_BELADY_H
#define BENCH_SUPPORT_BELADY_H

#include "bench/support/trace.h"

/* Simulate a resident cache of `rows` slots whose victims are the rows wanted farthest in the
 * future (Belady, 1966), chosen for a whole list at once: all rows of a list must be in together,
 * so rows of the present list are never victims. Shares no code with the library.
 *
 *   rows     at least the longest list
 *   misses   out [num_lists]
 */
void bench_belady(const bench_trace *trace, uint32_t rows, uint64_t *misses);

#endif
