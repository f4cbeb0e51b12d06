/* fuzz_checkpoint.c: any bytes as a checkpoint: refused with words, or a model whose arrays the
 * file has. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pipeline/nn/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char    path[64];
    pri_checkpoint c;

    if (!path[0]) snprintf(path, sizeof path, "/tmp/fuzz-checkpoint-%d", (int)getpid());
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) abort();
    if (pri_checkpoint_load(path, &c) != PR_OK) {
        if (!pr_error_message()[0] || c.model) abort();
    } else if (!c.model || c.model->shape.num_parameters * sizeof(float) > size) {
        abort();
    }
    pri_checkpoint_clear(&c);
    (void)unlink(path);
    return 0;
}
