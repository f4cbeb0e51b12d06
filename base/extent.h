/* extent.h: how much of a reservation (pri_pages_map) is in memory when parts of it were written.
 * Where the kernel gives huge pages, one byte brings two MiB. */
#ifndef BASE_EXTENT_H
#define BASE_EXTENT_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of a reservation that were written. */
typedef struct pri_extent {
    uint64_t at, bytes;
} pri_extent;

/* Give the page that large reservations are on at most: 2 MiB where the kernel gives huge pages to
 * whom asks for them, else 4 KiB. Reads a file. */
size_t pri_page_most(void);

/* Give the bytes in memory, at most.
 *
 *   extent   [n] ascending, apart
 *   whole    bytes of the reservation
 *   page     of pri_page_most
 *
 * Cannot fail. O(n). */
uint64_t pri_extents_resident(const pri_extent *extent, size_t n, uint64_t whole, size_t page);

/* The same for what is written from the first byte on. */
uint64_t pri_prefix_resident(uint64_t bytes, uint64_t whole, size_t page);

#endif
