/* edges.c: edge text to pairs of node ids. The digits are read by hand: a line is a few dozen bytes
 * and files have billions of them. */
#include "loaders/edges.h"

#include <float.h>
#include <inttypes.h>
#include <stdlib.h>

enum { SAFE_DIGITS = 18 }; /* numbers of so many cannot be too large */

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

/* Read more digits than are safe; gives false when the number is too large. */
static bool read_long(const char *at, const char *end, uint64_t *id)
{
    uint64_t n = 0;

    for (; at < end; at++) {
        const uint64_t digit = (uint64_t)(*at - '0');
        if (n > (PRI_MAX_EDGE_ID - digit) / 10) return false;
        n = n * 10 + digit;
    }
    *id = n;
    return true;
}

/* Read digits; gives the place behind them, NULL when there are none or the number is too large. */
static const char *read_id(const char *at, uint64_t *id)
{
    const char *first = at;
    uint64_t    n     = 0;

    for (; is_digit(*at); at++) n = n * 10 + (uint64_t)(*at - '0'); /* may wrap */
    *id = n;
    if (at - first > SAFE_DIGITS && !read_long(first, at, id)) return NULL;
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

static pr_status append(pri_edges *edges, const edge *e)
{
    pr_status             st    = PR_OK;
    const pri_edge_rules *rules = &edges->rules;
    const pri_lines      *lines = &edges->lines;
    const uint64_t        most  = rules->num_nodes ? rules->num_nodes : PR_MAX_NODES;
    const uint64_t        above = e->pair[0] > e->pair[1] ? e->pair[0] : e->pair[1];

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
    if (rules->weighted) {
        const float weight = (float)e->weight; /* beyond f32: infinite */
        PR_CHECK(weight >= 0.0f && weight <= FLT_MAX, PR_E_INPUT,
                 "%s: line %" PRIu64 ": weight %g, must be finite in 32 bits and at least 0",
                 lines->path, lines->number, e->weight);
        edges->weight[edges->n] = weight;
    }
    edges->id[2 * edges->n]     = e->pair[0];
    edges->id[2 * edges->n + 1] = e->pair[1];
    edges->n++;
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

static pr_status take_block(pri_edges *edges)
{
    pr_status st = PR_OK;

    PR_NEW(edges->id, 2 * PRI_BLOCK_EDGES);
    if (edges->rules.weighted) PR_NEW(edges->weight, PRI_BLOCK_EDGES);
done:
    return st;
}

pr_status pri_edges_open(pri_edges *edges, const char *path, const pri_edge_rules *rules,
                         const volatile int *stop)
{
    pr_status st = PR_OK;

    *edges = (pri_edges){ .rules = *rules };
    PR_TRY(pri_lines_open(&edges->lines, path, PRI_MAX_SHORT_LINE_BYTES, stop));
    PR_TRY(take_block(edges));
done:
    if (st != PR_OK) pri_edges_close(edges);
    return st;
}

pr_status pri_edges_memory(pri_edges *edges, const char *name, const void *text, size_t bytes,
                           const pri_edge_rules *rules)
{
    pr_status st = PR_OK;

    *edges = (pri_edges){ .rules = *rules };
    PR_TRY(pri_lines_memory(&edges->lines, name, text, bytes));
    PR_TRY(take_block(edges));
done:
    if (st != PR_OK) pri_edges_close(edges);
    return st;
}

/* Tell once of columns that nobody reads. */
static void warn_of_columns(pri_edges *edges)
{
    const bool weighted = edges->rules.weighted;

    if (!edges->warned)
        pr_diag(PR_WARN, "%s: line %" PRIu64 ": columns after the %s are ignored%s",
                edges->lines.path, edges->lines.number, weighted ? "third" : "second",
                weighted ? "" : " (--edge-weights reads a third as weight)");
    edges->warned = true;
}

pr_status pri_edges_next(pri_edges *edges)
{
    pr_status  st       = PR_OK;
    const bool weighted = edges->rules.weighted;
    char      *text;
    size_t     bytes;

    edges->n = 0;
    while (edges->n < PRI_BLOCK_EDGES) {
        edge e;
        e.weight = 0;
        PR_TRY(pri_lines_next(&edges->lines, &text, &bytes));
        if (!text) break;
        if (read_edge(text, text + bytes, weighted, &e)) {
            if (e.more) warn_of_columns(edges);
            PR_TRY(append(edges, &e));
        } else {
            if (pri_lines_is_empty(text, bytes)) continue;
            if (edges->begun || !is_heading(skip_blanks(text)))
                PR_TRY(malformed(&edges->lines, weighted, text, bytes));
        }
        edges->begun = true;
    }
    edges->num_edges += edges->n;
done:
    return st;
}

uint64_t pri_edges_bytes(const pri_edges *edges)
{
    const uint64_t each = 2 * sizeof *edges->id + (edges->rules.weighted ? sizeof(float) : 0);
    return pri_lines_bytes(&edges->lines) + PRI_BLOCK_EDGES * each;
}

void pri_edges_close(pri_edges *edges)
{
    pri_lines_close(&edges->lines);
    pri_free(edges->id);
    pri_free(edges->weight);
    edges->id     = NULL;
    edges->weight = NULL;
    edges->n      = 0;
}
