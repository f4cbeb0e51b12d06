/* host.h: where and how figures were made, so that they can be judged and made again. */
#ifndef BENCH_SUPPORT_HOST_H
#define BENCH_SUPPORT_HOST_H

#include <packrat/base.h>

/* Give {"cpu", "cores", "l3_bytes", "kernel", "huge_pages", "compiler", "build", "commit",
 * "packrat", "date", "command", "clock_ns", "openblas_coretype"}. The host's name is left out on
 * purpose. Ends the bench when out of memory. */
pr_json *bench_host_json(int argc, char *const *argv);

/* Print the same as lines "# key: value". */
void bench_host_print(const pr_json *host, FILE *out);

#endif
