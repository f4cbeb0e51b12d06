/* copy_isa.h: the copies compiled for more than the baseline; see copy.h. */
#ifndef CACHE_COPY_ISA_H
#define CACHE_COPY_ISA_H

#include "cache/copy.h"

extern const pri_copy_table pri_copy_avx2, pri_copy_avx512;

#endif
