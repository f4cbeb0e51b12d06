/* io_options.c: how rows of a file are read, as options. */
#include <packrat/cache.h>

static const pr_option options[] = {
    { "io.engine", "",
      "who asks the kernel for rows of a file: one thread with an io_uring, or a pool of threads",
      "auto", PR_OPT_CHOICE, offsetof(pr_io_options, engine), 0, 0, "auto|uring|threads" },
    { "io.depth", "reads", "most reads in flight, of each partition", "64", PR_OPT_U32,
      offsetof(pr_io_options, depth), 1, 1024, NULL },
    { "io.gap", "bytes", "rows nearer than this come with one read", "4K", PR_OPT_BYTES,
      offsetof(pr_io_options, gap), 0, 1 << 20, NULL },
    { "io.max-read", "bytes", "the largest read, but for a row that is longer", "64K", PR_OPT_BYTES,
      offsetof(pr_io_options, max_read), 4096, 16 << 20, NULL },
    { "io.ahead", "batches", "batches whose missing rows are asked for before their turn", "1",
      PR_OPT_U32, offsetof(pr_io_options, ahead), 0, PR_MAX_WINDOW, NULL },
    { "io.staging", "bytes",
      "memory for rows that are asked for early, of each partition; 0: as batches needed lately",
      "0", PR_OPT_BYTES, offsetof(pr_io_options, staging), 0, UINT64_C(1) << 50, NULL },
    { "io.retries", "times", "how often a read that fails is tried again", "3", PR_OPT_U32,
      offsetof(pr_io_options, retries), 0, 1000, NULL },
    { "io.direct", "", "read past the page cache where the file system can", "true", PR_OPT_FLAG,
      offsetof(pr_io_options, direct), 0, 0, NULL },
};

const pr_option_table pr_io_option_table = {
    .title       = "Reading rows of a file",
    .options     = options,
    .num_options = sizeof options / sizeof *options,
};
