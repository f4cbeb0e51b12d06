/* examples.c: five lines that show the way from nothing to predictions. */
#include "cli/examples.h"

const example examples[NUM_EXAMPLES] = {
    { "make a small graph with planted communities",
      "packrat gen --kind planted --nodes 5000 --edges 50000 --features 32 --classes 8 --out "
      "demo" },
    { "train GraphSAGE on it; every step goes to packrat.db",
      "packrat train --data demo --epochs 5 --batch-size 256 --checkpoint demo.prc" },
    { "see what training learned, moved and cost", "packrat report packrat.db" },
    { "write the class of every node", "packrat infer --data demo --checkpoint demo.prc "
                                       "--out demo.csv" },
    { "see the machine as packrat sees it", "packrat topo" },
};
