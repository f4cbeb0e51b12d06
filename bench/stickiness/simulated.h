/* simulated.h: what a simulation of the same samplers on other graphs of the same kind gave. */
#ifndef BENCH_STICKINESS_SIMULATED_H
#define BENCH_STICKINESS_SIMULATED_H

/* Rows moved over those of a uniform gather, or NaN where it was not simulated.
 *
 *   graph, setting, policy   as the bench names them
 *   of, factor               capacity: "own" or "uniform" m, times this
 */
double bench_simulated(const char *graph, const char *setting, const char *policy, const char *of,
                       double factor);

#endif
