/* machines.h: XML of machines we do not own, made from hwloc's notation and edited where that has
 * no words: nodes without memory or cores, memory that is not granted. */
#ifndef TESTS_MACHINES_H
#define TESTS_MACHINES_H

#include <stddef.h>
#include <stdint.h>

/* Replace the first `from`, which must be there. */
typedef struct test_edit {
    const char *from, *to;
} test_edit;

/* Write the XML of a made-up machine, edited, to a file of its own; gives its path, borrowed for
 * the program's life. */
const char *test_machine_xml(const char *synthetic, const test_edit *edits, size_t num_edits);

/* The same with latencies between its nodes, row by row: [nodes, nodes] by OS index. */
const char *test_machine_far_xml(const char *synthetic, const uint64_t *latency);

/* Read a whole file, ended by a 0; free it. */
char *test_read(const char *path, size_t *bytes);

#endif
