/* exposition_reader.h: reads Prometheus' text format 0.0.4 as its description has it, independently
 * of what writes it, and finds samples in it. */
#ifndef TESTS_UNIT_EXPOSITION_READER_H
#define TESTS_UNIT_EXPOSITION_READER_H

#include "support/support.h"

#include <ctype.h>
#include <math.h>

enum { MAX_SAMPLES = 1024, MAX_FAMILIES = 128 };

typedef struct sample {
    char   name[96], labels[256]; /* labels: name="value",... unescaped as they stand */
    double value;
} sample;

typedef struct family {
    char name[96], type[16];
    bool helped;
} family;

typedef struct exposition {
    family families[MAX_FAMILIES];
    sample samples[MAX_SAMPLES];
    int    num_families, num_samples;
} exposition;

static inline bool is_name(const char *text, size_t n, bool colon)
{
    if (n == 0 || isdigit((unsigned char)text[0])) return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '_' && !(colon && text[i] == ':'))
            return false;
    return true;
}

static inline family *family_of(exposition *e, const char *name, size_t n)
{
    for (int i = 0; i < e->num_families; i++)
        if (strlen(e->families[i].name) == n && !strncmp(e->families[i].name, name, n))
            return &e->families[i];
    return NULL;
}

/* # HELP name words, or # TYPE name type; each once, and before the family's samples. */
static inline void read_comment(exposition *e, const char *line)
{
    static const char *const types[] = { "counter", "gauge", "histogram", "summary", "untyped" };
    const bool               help    = !strncmp(line, "# HELP ", 7);
    if (!help && strncmp(line, "# TYPE ", 7) != 0) fail_msg("a comment of ours: %s", line);
    const char  *name = line + 7;
    const size_t n    = strcspn(name, " ");
    if (!is_name(name, n, true) || name[n] != ' ') fail_msg("no name: %s", line);
    family *f = family_of(e, name, n);
    if (help) {
        if (f) fail_msg("a second HELP: %s", line);
        assert_true(e->num_families < MAX_FAMILIES);
        f = &e->families[e->num_families++];
        snprintf(f->name, sizeof f->name, "%.*s", (int)n, name);
        f->helped = true;
        for (const char *c = name + n; *c; c++)
            if (*c == '\\' && c[1] != '\\' && c[1] != 'n') fail_msg("a bad escape: %s", line);
        return;
    }
    if (!f || !f->helped || f->type[0]) fail_msg("a TYPE without HELP, or a second one: %s", line);
    snprintf(f->type, sizeof f->type, "%.15s", name + n + 1);
    bool known = false;
    for (int i = 0; i < 5; i++) known |= !strcmp(f->type, types[i]);
    if (!known) fail_msg("an unknown type: %s", line);
}

/* {name="value",...}; gives what follows. */
static inline const char *read_labels(const char *at, char *labels, size_t room, const char *line)
{
    const char *begin = ++at;
    while (*at != '}') {
        const size_t n = strcspn(at, "=");
        if (!is_name(at, n, false) || at[n] != '=' || at[n + 1] != '"')
            fail_msg("a bad label: %s", line);
        for (at += n + 2; *at != '"'; at++) {
            if (!*at) fail_msg("a label without end: %s", line);
            if (*at == '\\' && !strchr("\\\"n", *++at)) fail_msg("a bad escape: %s", line);
        }
        at++;
        if (*at == ',')
            at++;
        else if (*at != '}')
            fail_msg("labels without a comma: %s", line);
    }
    snprintf(labels, room, "%.*s", (int)(at - begin), begin);
    return at + 1;
}

static inline void read_sample(exposition *e, const char *line)
{
    assert_true(e->num_samples < MAX_SAMPLES);
    sample      *s  = &e->samples[e->num_samples++];
    const size_t n  = strcspn(line, "{ ");
    const char  *at = line + n;
    char        *end;
    *s = (sample){ .value = 0.0 };
    if (!is_name(line, n, true)) fail_msg("no name: %s", line);
    snprintf(s->name, sizeof s->name, "%.*s", (int)n, line);
    if (*at == '{') at = read_labels(at, s->labels, sizeof s->labels, line);
    if (*at != ' ') fail_msg("no blank before the value: %s", line);
    s->value = strtod(at + 1, &end);
    if (end == at + 1 || *end) fail_msg("a bad value: %s", line);

    const family *last = e->num_families ? &e->families[e->num_families - 1] : NULL;
    if (!last || !last->type[0]) fail_msg("a sample before its TYPE: %s", line);
    const size_t base   = strlen(last->name);
    const char  *suffix = s->name + base;
    if (strncmp(s->name, last->name, base) != 0) fail_msg("not of the last family: %s", line);
    const bool histogram = !strcmp(last->type, "histogram");
    if (histogram ? strcmp(suffix, "_bucket") && strcmp(suffix, "_sum") && strcmp(suffix, "_count")
                  : suffix[0] != '\0')
        fail_msg("not a sample of a %s: %s", last->type, line);
    if (!strcmp(last->type, "counter") && !(s->value >= 0.0)) fail_msg("a counter: %s", line);
    for (int i = 0; i + 1 < e->num_samples; i++)
        if (!strcmp(e->samples[i].name, s->name) && !strcmp(e->samples[i].labels, s->labels))
            fail_msg("a second sample: %s", line);
}

/* Buckets grow, the last is +Inf and equals the count. */
static inline void check_buckets(const exposition *e)
{
    double last = -1.0;
    for (int i = 0; i < e->num_samples; i++) {
        const sample *s = &e->samples[i];
        const size_t  n = strlen(s->name);
        if (n > 7 && !strcmp(s->name + n - 7, "_bucket")) {
            const char *le = strstr(s->labels, "le=\"");
            assert_non_null(le);
            if (last >= 0.0 && s->value < last) fail_msg("%s{%s} falls", s->name, s->labels);
            last = s->value;
            if (!strcmp(le, "le=\"+Inf\"")) {
                const sample *count = s + 2; /* behind the sum */
                assert_true(count < e->samples + e->num_samples);
                assert_true(count->value >= last && count->value <= last);
                last = -1.0;
            }
        } else if (last >= 0.0) {
            fail_msg("a histogram without +Inf before %s", s->name);
        }
    }
}

/* Read all of it, or fail. */
static inline void exposition_read(exposition *e, const char *text)
{
    char line[1024];
    *e = (exposition){ .num_families = 0 };
    while (*text) {
        const size_t n = strcspn(text, "\n");
        assert_true(n < sizeof line);
        if (text[n] != '\n') fail_msg("the last line has no end");
        snprintf(line, sizeof line, "%.*s", (int)n, text);
        if (line[0] == '#')
            read_comment(e, line);
        else
            read_sample(e, line);
        text += n + 1;
    }
    check_buckets(e);
}

/* The value of a sample, or fail. */
static inline double exposition_value(const exposition *e, const char *name, const char *labels)
{
    for (int i = 0; i < e->num_samples; i++)
        if (!strcmp(e->samples[i].name, name) && !strcmp(e->samples[i].labels, labels))
            return e->samples[i].value;
    fail_msg("no %s{%s}", name, labels);
    return (double)NAN;
}

#endif
