/* examples.h: the five examples that `packrat` alone prints; they work in this order in an empty
 * directory, and a test runs them as they stand. */
#ifndef CLI_EXAMPLES_H
#define CLI_EXAMPLES_H

typedef struct example {
    const char *words, *line;
} example;

enum { NUM_EXAMPLES = 5 };

extern const example examples[NUM_EXAMPLES];

#endif
