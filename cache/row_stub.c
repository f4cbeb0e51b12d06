/* row_stub.c: stands in for loaders/row_format.c until that is there. */
#include "loaders/row_format.h"

#include <math.h>
#include <string.h>

__attribute__((weak)) bool pri_row_is_finite(int format, const void *row, uint32_t n)
{
    for (uint32_t i = 0; i < n && format == PR_ROWS_F32; i++) {
        float value;
        memcpy(&value, (const char *)row + i * sizeof value, sizeof value);
        if (!isfinite(value)) return false;
    }
    return true;
}
