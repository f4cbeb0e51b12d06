/* rss.h: how much memory this process has, as the kernel counts it: its resident set, pages of
 * mapped files included. */
#ifndef BASE_RSS_H
#define BASE_RSS_H

#include <stdbool.h>
#include <stdint.h>

/* Give the resident set now, and the largest it ever was; 0 where the kernel does not say. */
uint64_t pri_rss_bytes(void);
uint64_t pri_rss_peak_bytes(void);

/* Forget the peak so far: from now on it is that of what follows. False where the kernel does not
 * let us: the peak is then that of the whole process. */
bool pri_rss_peak_reset(void);

#endif
