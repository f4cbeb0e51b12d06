/* radix_kernel.h: a sort in place, in ascending order, written once for several kinds of whole
 * numbers. Include it with RADIX_SORT, the function's name, and RADIX_KEY, an unsigned type,
 * defined; it undefines both. */

/* Sort by bits from `bit` down (radix exchange): never more passes than bits, whatever a file
 * holds, and no memory. Lists of RADIX_SHORT and less, and what is equal in all of those bits, are
 * left to insertion. */
static void RADIX_SORT(RADIX_KEY *at, uint64_t n, int bit)
{
    enum { RADIX_SHORT = 24 };

    while (n > RADIX_SHORT && bit >= 0) {
        uint64_t low = 0, high = n;
        while (low < high) {
            if ((at[low] >> bit & 1) == 0) {
                low++;
            } else {
                const RADIX_KEY key = at[--high];
                at[high]            = at[low];
                at[low]             = key;
            }
        }
        bit--;
        RADIX_SORT(at + low, n - low, bit);
        n = low;
    }
    if (n > RADIX_SHORT) return; /* all equal */
    for (uint64_t i = 1; i < n; i++) {
        const RADIX_KEY key = at[i];
        uint64_t        j   = i;
        for (; j > 0 && at[j - 1] > key; j--) at[j] = at[j - 1];
        at[j] = key;
    }
}

#undef RADIX_SORT
#undef RADIX_KEY
