/* graphs.h: small datasets that several tests train on. */
#ifndef TESTS_GRAPHS_H
#define TESTS_GRAPHS_H

#include "support/support.h"

/* Generate a planted dataset in a fresh directory; borrowed path. */
const char *test_planted(uint64_t nodes, uint64_t edges, uint32_t features, uint32_t classes);

/* Open a dataset with default options. */
const pr_dataset *test_open(const char *path);

/* A training setup with every default and this dataset; no log. */
void test_setup(pr_train_setup *setup, const char *path);

#endif
