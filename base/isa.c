/* isa.c: ask the processor. */
#include "base/isa.h"

static int best(void)
{
#if PRI_X86
    __builtin_cpu_init();
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                     __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        return PR_ISA_AVX512;
    if (avx2) return PR_ISA_AVX2;
#endif
    return PR_ISA_PORTABLE;
}

int pri_isa_at_most(int wanted)
{
    const int have = best();
    return wanted < have ? wanted : have;
}

const char *pri_isa_name(int isa)
{
    static const char *const names[] = { "portable", "avx2", "avx512" };
    return isa >= 0 && isa < PRI_NUM_ISAS ? names[isa] : "unknown";
}
