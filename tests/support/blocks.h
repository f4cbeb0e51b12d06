/* blocks.h: graphs made in memory: planted blocks, and odd shapes. */
#ifndef TESTS_BLOCKS_H
#define TESTS_BLOCKS_H

#include "support/support.h"

#include "loaders/csc.h"

/* A graph of num_blocks blocks of block_size vertices whose ids are scattered: every vertex sends
 * `degree` arcs, `inside` of 100 to its own block.
 *
 *   block_of   out [num_blocks * block_size]
 *   out        clear with pri_csc_clear; directed */
void test_blocks(uint32_t num_blocks, uint32_t block_size, uint32_t degree, uint32_t inside,
                 uint32_t *block_of, pri_csc *out);

/* Make a graph of pairs (source, destination), sorted, without loops and duplicates. */
void test_graph_of(const pr_vid *pair, uint64_t num_pairs, pr_vid num_nodes, bool undirected,
                   pri_csc *out);

#endif
