/* checksum.c: the only file that includes xxhash. */
#include "base/checksum.h"

#include <xxhash.h>

uint64_t pri_checksum(const void *data, size_t bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, bytes, seed);
}
