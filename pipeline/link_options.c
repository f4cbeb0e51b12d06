/* link_options.c: the options of link prediction. */
#include <packrat/pipeline.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define LINK(member) offsetof(pr_link_options, member)

static const pr_option options[] = {
    { "link.val-share", "share",
      "of the edges, to validate on; where the dataset brings no val_edges.npy or test_edges.npy",
      "0.05", PR_OPT_REAL, LINK(val_share), 0, 0.9, NULL },
    { "link.test-share", "share", "of the edges, to test on; likewise", "0.1", PR_OPT_REAL,
      LINK(test_share), 0, 0.9, NULL },
    { "link.negatives", "pairs", "negative pairs drawn for each edge of a step", "1", PR_OPT_U32,
      LINK(negatives), 1, 1024, NULL },
    { "link.negative-sampler", "",
      "where the other end of a negative pair is drawn from: uniform (all vertices alike), degree "
      "(in proportion to degree^0.75)",
      "uniform", PR_OPT_CHOICE, LINK(negative_sampler), 0, 0, "uniform|degree" },
    { "link.dim", "columns", "of an embedding; 0: as --hidden", "0", PR_OPT_U32, LINK(dim), 0,
      65536, NULL },
    { "link.eval-negatives", "pairs",
      "negative pairs each edge is ranked among in evaluation, the same in all epochs", "100",
      PR_OPT_U32, LINK(eval_negatives), 1, 65535, NULL },
};
const pr_option_table pr_link_option_table = { "Link prediction (--task link)", options,
                                               COUNT(options) };
