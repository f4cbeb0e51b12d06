/* sweep_isa.h: the passes compiled for more than the baseline; see sweep.h. */
#ifndef CACHE_SWEEP_ISA_H
#define CACHE_SWEEP_ISA_H

#include "cache/sweep.h"

extern const pri_sweeps pri_sweeps_avx2, pri_sweeps_avx512;

#endif
