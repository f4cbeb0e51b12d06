/* labor_isa.h: the rows of labor.h compiled for each instruction set; labor_kernel.h is the code.
 */
#ifndef PIPELINE_SAMPLER_LABOR_ISA_H
#define PIPELINE_SAMPLER_LABOR_ISA_H

#include "pipeline/sampler/labor_row.h"

extern const pri_labor_isa pri_labor_portable, pri_labor_avx2, pri_labor_avx512;

#endif
