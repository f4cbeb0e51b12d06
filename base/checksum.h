/* checksum.h: 64-bit checksums of files and fingerprints (XXH3). Not for secrets. */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Hash bytes, starting from an earlier hash or 0: a chain of calls fingerprints several arrays. */
uint64_t pri_checksum(const void *data, size_t bytes, uint64_t seed);

#endif
