/* print.h: what numa/ says things with: sizes as people read them, texts that grow, and JSON that
 * is built without asking after each member. */
#ifndef NUMA_PRINT_H
#define NUMA_PRINT_H

#include "base/check.h"

/* Write a size as people read it: "23.5 GiB"; gives `out`. */
const char *pri_size_text(uint64_t size_bytes, char *out, size_t bytes);

/* Each of these stops at the first failure and passes it on, so that a list of members reads as
 * one. The item, or list, belongs to the array, or object, or was freed. */
pr_status pri_put_int(pr_status st, pr_json *object, const char *key, uint64_t value);
pr_status pri_put_item(pr_status st, pr_json *array, pr_json *item);
pr_status pri_put_list(pr_status st, pr_json *object, const char *key, pr_json *list);

/* Append to a text of that many bytes, cut to them. */
void pri_append(char *text, size_t bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The s of so many of a thing. */
static inline const char *pri_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

#endif
