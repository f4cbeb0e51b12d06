/* fuzz_trace.c: any bytes as an access trace, and as the frame of one whose checksums are right:
 * refused with words, or steps whose rows are within the dataset. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/checksum.h"
#include "loaders/trace_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FEW_NODES = 5000, MOST_BYTES = 1 << 16 };

static void check(int holds)
{
    if (!holds) abort();
}

static void read_all(int fd)
{
    pr_trace     *trace;
    pr_trace_info info;
    pr_trace_step step;
    char          path[64];
    bool          more = true;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    pr_status st = pr_trace_open(path, &trace, &info);
    check(st == PR_OK || (!trace && st == PR_E_INPUT && pr_error_message()[0]));
    while (st == PR_OK && more) {
        st = pr_trace_next(trace, &more, &step);
        check(st == PR_OK || (!more && st == PR_E_INPUT && pr_error_message()[0]));
        if (st != PR_OK || !more) break;
        check(step.wanted.n <= info.num_nodes);
        for (size_t i = 0; i < step.wanted.n; i++) check(step.wanted.at[i] < info.num_nodes);
    }
    pr_trace_close(trace);
    check(pri_mem_live() == 0);
}

static void put(int fd, const void *data, size_t bytes)
{
    check(write(fd, data, bytes) == (ssize_t)bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pri_trace_head  head  = { .version   = PRI_TRACE_VERSION,
                              .bytes     = sizeof head,
                              .num_nodes = FEW_NODES };
    pri_trace_frame frame = { .kind = PRI_TRACE_STEP };
    uint16_t        few[2];

    if (size < sizeof few || size > MOST_BYTES) return 0;
    pr_diag_set_level(PR_ERROR);
    const int raw = memfd_create("raw", 0), made = memfd_create("made", 0);
    check(raw >= 0 && made >= 0);
    put(raw, data, size);
    read_all(raw);

    memcpy(few, data, sizeof few);
    memcpy(head.magic, PRI_TRACE_MAGIC, sizeof head.magic);
    head.checksum      = pri_checksum(&head, offsetof(pri_trace_head, checksum), 0);
    frame.count        = few[0];
    frame.coded_bytes  = few[1];
    frame.packed_bytes = size - sizeof few;
    frame.checksum     = pri_checksum(&frame, offsetof(pri_trace_frame, checksum), 0);
    put(made, &head, sizeof head);
    put(made, &frame, sizeof frame);
    put(made, data + sizeof few, size - sizeof few);
    read_all(made);
    close(raw);
    close(made);
    return 0;
}
