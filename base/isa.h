/* isa.h: which instruction sets this host has, and how code for one of them is marked. Files named
 * *_avx2.c and *_avx512.c hold the same functions as their portable twins, compiled for more. */
#ifndef BASE_ISA_H
#define BASE_ISA_H

#include <packrat/base.h>

enum { PRI_NUM_ISAS = PR_ISA_AVX512 + 1 };

#if defined(__x86_64__) && defined(__GNUC__)
#    define PRI_X86  1
#    define PRI_AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#    define PRI_AVX512                                                                             \
        __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,bmi,bmi2,lzcnt,popcnt")))
#else
#    define PRI_X86 0
#endif

/* Give the best instruction set of this host, at most `wanted`. Any thread. */
int pri_isa_at_most(int wanted);

/* "portable", "avx2", "avx512". */
const char *pri_isa_name(int isa);

#endif
