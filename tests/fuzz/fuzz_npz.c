/* fuzz_npz.c: any bytes as a .npz: refused with words, or members that can be read, or are refused
 * with words, one by one. */
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loaders/npz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_BYTES = 1 << 16, ELEMENTS = 6 };

static void check(int holds)
{
    if (!holds) abort();
}

/* Ask for shapes of few elements: an array that is larger must not be unpacked into `to`. */
static void read_member(pri_npz *npz, uint32_t member)
{
    static const uint64_t shapes[][3] = { { ELEMENTS }, { 2, 3 }, { 1, 2, 3 } };
    float                *to          = malloc(ELEMENTS * sizeof *to);

    check(to != NULL);
    for (uint32_t d = 0; d < 3; d++) {
        const pr_status st = pri_npz_read(npz, member, d + 1, shapes[d], to);
        check(st == PR_OK || (st == PR_E_INPUT && pr_error_message()[0]));
        for (int i = 0; st == PR_OK && i < ELEMENTS; i++) check(isfinite(to[i]));
    }
    free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    pri_npz   *npz;
    char       path[64];

    if (size > MOST_BYTES) return 0;
    if (fd < 0) fd = memfd_create("fuzz.npz", 0);
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const pr_status st = pri_npz_open(path, &npz);
    check(st == PR_OK || (!npz && st == PR_E_INPUT && pr_error_message()[0]));
    for (uint32_t i = 0; st == PR_OK && i < pri_npz_count(npz); i++) read_member(npz, i);
    pri_npz_close(npz);
    check(pri_mem_live() == 0);
    return 0;
}
