/* edges.c: edge text to pairs of node ids. The digits are read by hand: a line is a few dozen bytes
 * and files have billions of them. */
#include "loaders/edges.h"

#include <float.h>
#include <inttypes.h>
#include <stdlib.h>

enum { FIRST_PAIRS = 1 << 12 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_blanks(const char *at)
{
    while (is_blank(*at)) at++;
    return at;
}

/* Read digits; gives the place behind them, NULL when there are none or the number is too large. */
static const char *read_id(const char *at, uint64_t *id)
{
    const char *first = at;
    uint64_t    n     = 0;

    for (; is_digit(*at); at++) {
        const uint64_t digit = (uint64_t)(*at - '0');
        if (n > (PRI_MAX_EDGE_ID - digit) / 10) return NULL;
        n = n * 10 + digit;
    }
    *id = n;
    return at > first ? at : NULL;
}

/* Step over blanks with at most one comma; gives NULL when there is nothing to step over. */
static const char *skip_separator(const char *at)
{
    const char *next = skip_blanks(at);
    if (*next == ',') next = skip_blanks(next + 1);
    return next > at ? next : NULL;
}

/* One line of text. */
typedef struct edge {
    uint64_t pair[2];
    double   weight; /* not looked at yet; 0 where none is read */
    bool     more;   /* columns */
} edge;

/* Read "source destination ...", or "source destination weight ..."; gives false when the line is
 * anything else. The text ends with a 0 byte at `end`. */
static bool read_edge(const char *at, const char *end, bool weighted, edge *e)
{
    at = read_id(skip_blanks(at), &e->pair[0]);
    if (at) at = skip_separator(at);
    if (at) at = read_id(at, &e->pair[1]);
    if (at && weighted) {
        char *behind;
        at = skip_separator(at);
        if (!at) return false;
        e->weight = strtod(at, &behind);
        at        = behind > at ? behind : NULL;
    }
    if (!at) return false;
    const char *rest = skip_separator(at);
    e->more          = rest && rest < end;
    return at == end || rest;
}

/* Say whether a line is a heading: at least two words, each beginning with a letter, '_' or '"'. */
static bool is_heading(const char *at)
{
    for (int words = 0;; words++) {
        const char c = *at;
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '"'))
            return c == '\0' && words >= 2;
        while (*at && !is_blank(*at) && *at != ',') at++;
        const char *next = skip_separator(at);
        if (!next) return *at == '\0' && words >= 1;
        at = next;
    }
}

static pr_status grow(pri_edges *edges, const pri_edge_rules *rules, const char *path)
{
    pr_status      st     = PR_OK;
    const bool     wide   = rules->any_id;
    const uint64_t wanted = edges->capacity ? edges->capacity + edges->capacity / 2 : FIRST_PAIRS;
    const size_t   size   = wide ? 2 * sizeof *edges->wide : 2 * sizeof *edges->pair;
    void          *old    = wide ? (void *)edges->wide : (void *)edges->pair;
    void          *grown  = pri_realloc(old, wanted, size);

    PR_CHECK(grown, PR_E_NOMEM, "%s: cannot allocate %" PRIu64 " edges of %zu bytes", path, wanted,
             size);
    if (wide)
        edges->wide = grown;
    else
        edges->pair = grown;
    if (rules->weighted) {
        float *weight = pri_realloc(edges->weight, wanted, sizeof *weight);
        PR_CHECK(weight, PR_E_NOMEM, "%s: cannot allocate %" PRIu64 " weights", path, wanted);
        edges->weight = weight;
    }
    edges->capacity = wanted;
done:
    return st;
}

static pr_status append(pri_edges *edges, const pri_edge_rules *rules, const pri_lines *lines,
                        const edge *e)
{
    pr_status       st    = PR_OK;
    const uint64_t *pair  = e->pair;
    const uint64_t  most  = rules->num_nodes ? rules->num_nodes : PR_MAX_NODES;
    const uint64_t  above = pair[0] > pair[1] ? pair[0] : pair[1];

    if (!rules->any_id && above >= most) {
        PR_CHECK(!rules->num_nodes, PR_E_INPUT,
                 "%s: line %" PRIu64 ": node id %" PRIu64 ", must be in 0 .. %" PRIu64
                 " for %s (--remap numbers the ids found from 0)",
                 lines->path, lines->number, above, most - 1, rules->nodes_from);
        PR_RAISE(PR_E_INPUT,
                 "%s: line %" PRIu64 ": node id %" PRIu64 ", must be in 0 .. %" PRIu64
                 " (--remap numbers the ids found from 0)",
                 lines->path, lines->number, above, most - 1);
    }
    const float weight = (float)e->weight; /* beyond f32: infinite */
    PR_CHECK(weight >= 0.0f && weight <= FLT_MAX, PR_E_INPUT,
             "%s: line %" PRIu64 ": weight %g, must be finite in 32 bits and at least 0",
             lines->path, lines->number, e->weight);
    if (edges->num_pairs == edges->capacity) PR_TRY(grow(edges, rules, lines->path));
    if (rules->weighted) edges->weight[edges->num_pairs] = weight;
    const uint64_t at = 2 * edges->num_pairs++;
    if (rules->any_id) {
        edges->wide[at]     = pair[0];
        edges->wide[at + 1] = pair[1];
    } else {
        edges->pair[at]     = (pr_vid)pair[0];
        edges->pair[at + 1] = (pr_vid)pair[1];
    }
    if (above > edges->max_id) edges->max_id = above;
done:
    return st;
}

/* Name the line that is not an edge. */
static pr_status malformed(const pri_lines *lines, bool weighted, const char *text, size_t bytes)
{
    pr_status st = PR_OK;
    char      excerpt[PRI_EXCERPT_BYTES];

    pri_lines_excerpt(text, bytes, excerpt);
    PR_RAISE(PR_E_INPUT,
             "%s: line %" PRIu64 ": found '%s', must be two node ids (whole numbers from 0 to "
             "%" PRIu64 ")%s separated by blanks, a tab or one comma",
             lines->path, lines->number, excerpt, PRI_MAX_EDGE_ID,
             weighted ? " and a weight," : "");
done:
    return st;
}

pr_status pri_edges_read(pri_lines *lines, const pri_edge_rules *rules, pri_edges *out)
{
    pr_status st    = PR_OK;
    bool      first = true, warned = false;
    char     *text;
    size_t    bytes;

    *out = (pri_edges){ 0 };
    for (;;) {
        edge e = { .more = false };
        PR_TRY(pri_lines_next(lines, &text, &bytes));
        if (!text) break;
        if (!read_edge(text, text + bytes, rules->weighted, &e)) {
            if (pri_lines_is_empty(text, bytes)) continue;
            if (!first || !is_heading(skip_blanks(text)))
                PR_TRY(malformed(lines, rules->weighted, text, bytes));
            first = false;
            continue;
        }
        first = false;
        if (e.more && !warned)
            pr_diag(PR_WARN, "%s: line %" PRIu64 ": columns after the %s are ignored%s",
                    lines->path, lines->number, rules->weighted ? "third" : "second",
                    rules->weighted ? "" : " (--edge-weights reads a third as weight)");
        warned |= e.more;
        PR_TRY(append(out, rules, lines, &e));
    }
done:
    if (st != PR_OK) pri_edges_clear(out);
    return st;
}

void pri_edges_clear(pri_edges *edges)
{
    pri_free(edges->pair);
    pri_free(edges->wide);
    pri_free(edges->weight);
    *edges = (pri_edges){ 0 };
}
