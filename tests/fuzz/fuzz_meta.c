/* fuzz_meta.c: any bytes as meta.json: refused with words, or counts within their bounds. */
#include <stdlib.h>
#include <string.h>

#include "loaders/meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pri_meta meta;

    if (pri_meta_parse((const char *)data, size, "fuzz", &meta) != PR_OK) {
        if (!pr_error_message()[0]) abort();
        return 0;
    }
    if (meta.num_nodes < 1 || meta.num_nodes > PR_MAX_NODES || meta.num_edges > INT64_MAX) abort();
    if (meta.num_feats < 1 || meta.num_feats > PRI_MAX_FEATS) abort();
    if (meta.num_classes > PRI_MAX_CLASSES || !memchr(meta.name, 0, sizeof meta.name)) abort();
    return 0;
}
