/* edge_text.c: edge lists of any length for tests of import, and what they hold, counted anew.
 *
 *   edge_text edges E N        E lines "source destination" of N nodes
 *   edge_text rows N           a .npy [N, 1] of f32
 *   edge_text lists E N V...   for each node V a line: V, and its sources, ascending, none twice,
 *                              without itself
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Give edge i: any source, or a loop; low destinations more often than high ones. */
static void edge_of(uint64_t i, uint64_t num_nodes, uint64_t edge[2])
{
    const uint64_t draw = mix(i * 2 + 1);
    const double   x    = (double)(draw >> 11) * 0x1p-53;

    edge[1] = (uint64_t)(x * x * x * (double)num_nodes);
    edge[0] = i % 1000 == 7 ? edge[1] : mix(i * 2 + 2) % num_nodes;
    if (i % 50 == 3) edge[0] %= 8; /* sources that everybody has, often twice */
}

static char *put_number(char *to, uint64_t n)
{
    char digit[24];
    int  num = 0;

    do digit[num++] = (char)('0' + n % 10);
    while (n /= 10);
    while (num > 0) *to++ = digit[--num];
    return to;
}

static int write_edges(uint64_t num_edges, uint64_t num_nodes)
{
    static char buffer[1 << 16];
    char       *at = buffer;

    for (uint64_t i = 0; i < num_edges; i++) {
        uint64_t edge[2];
        edge_of(i, num_nodes, edge);
        at    = put_number(at, edge[0]);
        *at++ = ' ';
        at    = put_number(at, edge[1]);
        *at++ = '\n';
        if (at - buffer < (1 << 16) - 64 && i + 1 < num_edges) continue;
        if (fwrite(buffer, 1, (size_t)(at - buffer), stdout) != (size_t)(at - buffer)) return 1;
        at = buffer;
    }
    return fflush(stdout) != 0;
}

static int write_rows(uint64_t num_nodes)
{
    char header[128];
    int  n = snprintf(header + 10, sizeof header - 10,
                      "{'descr': '<f4', 'fortran_order': False, 'shape': (%" PRIu64 ", 1), }",
                      num_nodes);

    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10);
    memset(header + 10 + n, ' ', sizeof header - 11 - (size_t)n);
    header[sizeof header - 1] = '\n';
    if (fwrite(header, sizeof header, 1, stdout) != 1) return 1;
    for (uint64_t v = 0; v < num_nodes; v++) {
        const float value = (float)(mix(v) % 1000);
        if (fwrite(&value, sizeof value, 1, stdout) != 1) return 1;
    }
    return fflush(stdout) != 0;
}

static int ascending(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int write_list(uint64_t num_edges, uint64_t num_nodes, uint64_t v)
{
    uint64_t *source = NULL, num = 0, room = 0, edge[2];

    for (uint64_t i = 0; i < num_edges; i++) {
        edge_of(i, num_nodes, edge);
        if (edge[1] != v || edge[0] == v) continue;
        if (num == room) {
            room            = 2 * room + 64;
            uint64_t *grown = realloc(source, room * sizeof *source);
            if (!grown) {
                free(source);
                return 1;
            }
            source = grown;
        }
        source[num++] = edge[0];
    }
    if (num > 0) qsort(source, num, sizeof *source, ascending);
    printf("%" PRIu64, v);
    for (uint64_t i = 0; i < num; i++)
        if (i == 0 || source[i] != source[i - 1]) printf(" %" PRIu64, source[i]);
    printf("\n");
    free(source);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (!strcmp(what, "edges") && argc == 4)
        return write_edges(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
    if (!strcmp(what, "rows") && argc == 3) return write_rows(strtoull(argv[2], NULL, 10));
    if (!strcmp(what, "lists") && argc > 3) {
        int failed = 0;
        for (int i = 4; i < argc; i++)
            failed |= write_list(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10),
                                 strtoull(argv[i], NULL, 10));
        return failed;
    }
    fprintf(stderr, "usage: edge_text edges E N | rows N | lists E N V...\n");
    return 2;
}
