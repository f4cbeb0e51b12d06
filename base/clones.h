/* clones.h: compile a loop for several instruction sets and pick one when the program starts.
 *
 * Results are the same on all of them: sums are never reordered and never contracted. Put it on
 * whole loops over a row, never on a function with an OpenMP region inside (the region's body
 * would not be cloned). */
#ifndef BASE_CLONES_H
#define BASE_CLONES_H

/* Sanitizers run before the choice could be made. clang 14 takes the x86-64 levels but tests them
 * wrongly at run time, so it gets the two features they stand for here. */
#if defined(PRI_SANITIZED) || !defined(__x86_64__) || !defined(__gnu_linux__)
#    define PRI_CLONES
#elif defined(__clang__)
#    define PRI_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#    define PRI_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#endif

#endif
