/* trace_format.h: the bytes of an access trace (docs/trace-format.md): a head, then frames, each of
 * which can be read without the others. */
#ifndef LOADERS_TRACE_FORMAT_H
#define LOADERS_TRACE_FORMAT_H

#include <packrat/loaders.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "traces are little endian");

#define PRI_TRACE_MAGIC "PRTRACE\n" /* without the zero that ends it */

enum {
    PRI_TRACE_VERSION    = 1,
    PRI_TRACE_STEP       = 0x50455453, /* "STEP" */
    PRI_TRACE_ID_BYTES   = 5,          /* that one id takes at most, before it is compressed */
    PRI_TRACE_LEVEL      = 1,          /* higher ones take longer and save nothing */
    PRI_TRACE_WINDOW_LOG = 17          /* a reader needs no more memory than that of zstd */
};

typedef struct pri_trace_head {
    char     magic[8];
    uint32_t version, bytes; /* of this head */
    uint64_t fingerprint, num_nodes, row_bytes, seed;
    char     dataset[256]; /* ends with a zero */
    uint64_t checksum;     /* of the bytes before */
} pri_trace_head;

/* Before each frame's compressed bytes. */
typedef struct pri_trace_frame {
    uint32_t kind, phase, lane, reserved;
    uint64_t step;
    uint64_t count;        /* ids; at most num_nodes */
    uint64_t coded_bytes;  /* count .. 5 count */
    uint64_t packed_bytes; /* of the frame, behind this */
    uint64_t ids_checksum; /* of the ids as u32 */
    uint64_t checksum;     /* of the bytes before */
} pri_trace_frame;

_Static_assert(sizeof(pri_trace_head) == 312 && sizeof(pri_trace_frame) == 64,
               "members follow each other without holes");

#endif
