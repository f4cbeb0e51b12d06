/* fuzz_npy.c: any bytes as a .npy file: refused with words, or an array that can be read whole. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loaders/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read every byte the header promises, so that a wrong size meets the sanitizer or the page. */
static void read_all(const pr_npy *npy)
{
    const uint64_t bytes = npy->shape[0] * npy->shape[1] * pri_dtype_bytes(npy->dtype);

    for (uint64_t i = 0; i < bytes; i++) (void)((const volatile uint8_t *)npy->data)[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int     fd = -1;
    pri_npy_header header;
    pr_npy         npy;
    char           path[64];

    /* From a block of exactly this size: reading past the end is seen. */
    char *copy = malloc(size ? size : 1);
    if (!copy) return 0;
    if (size > 0) memcpy(copy, data, size);
    const pr_status parsed = pri_npy_parse_header(copy, size, "fuzz", &header);
    if (parsed == PR_OK && (header.data_at > size || header.num_dims > 2)) abort();
    free(copy);

    if (fd < 0) fd = memfd_create("fuzz.npy", 0);
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (pr_npy_open(path, &npy) == PR_OK) {
        if (parsed != PR_OK) abort();
        read_all(&npy);
    } else if (npy.data || !pr_error_message()[0]) {
        abort();
    }
    pr_npy_close(&npy);
    if (pri_mem_live() != 0) abort();
    return 0;
}
