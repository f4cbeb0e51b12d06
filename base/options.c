/* options.c: from a table of options to a filled struct, with the offending name, what was found
 * and what is allowed in every error. */
#include "base/options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/json.h"

enum { MAX_CONFIG_BYTES = 1 << 20 };

static void *member(const pr_option *option, void *target)
{
    return (char *)target + option->offset;
}

static const pr_option *find(const pr_option_group *groups, size_t num_groups, const char *name,
                             size_t name_bytes, void **target)
{
    for (size_t g = 0; g < num_groups; g++)
        for (size_t i = 0; i < groups[g].table->num_options; i++) {
            const pr_option *option = &groups[g].table->options[i];
            if (strlen(option->name) == name_bytes && !memcmp(option->name, name, name_bytes)) {
                *target = groups[g].target;
                return option;
            }
        }
    return NULL;
}

/* Find `text` among "a|b|c"; -1 when it is not there. */
static int choice_index(const char *choices, const char *text)
{
    const size_t n = strlen(text);
    int          i = 0;

    for (const char *at = choices; *at; i++) {
        const size_t bytes = strcspn(at, "|");
        if (bytes == n && !memcmp(at, text, n)) return i;
        at += bytes + (at[bytes] == '|');
    }
    return -1;
}

/* Read a whole number without sign, or a number with K, M, G, T when `suffix`. */
static bool parse_uint(const char *text, bool suffix, uint64_t *out)
{
    char *end;

    if (!isdigit((unsigned char)text[0])) return false;
    errno            = 0;
    const uint64_t n = strtoull(text, &end, 10);
    if (errno == 0 && *end == '\0') {
        *out = n;
        return true;
    }
    if (!suffix) return false;
    static const char   letters[] = "KMGT";
    static const double scale[]   = { 0x1p10, 0x1p20, 0x1p30, 0x1p40 };
    const double        real      = strtod(text, &end);
    if (strspn(text, "0123456789.") != (size_t)(end - text)) return false; /* no 0x10K, 1e3K */
    const char *unit = *end ? strchr(letters, toupper((unsigned char)*end)) : NULL;
    if (!unit || (end[1] && strcmp(end + 1, "iB") != 0 && strcmp(end + 1, "B") != 0)) return false;
    const double bytes = real * scale[unit - letters];
    if (!(bytes >= 0 && bytes < 0x1p63)) return false;
    *out = (uint64_t)bytes;
    return true;
}

/* Compare as integers: as doubles, numbers a little above 2^53 and more equal their bound. */
static bool is_within(const pr_option *option, uint64_t whole)
{
    return (double)whole >= option->min &&
           (option->max >= 0x1p64 || whole <= (uint64_t)option->max) &&
           (option->type != PR_OPT_U32 || whole <= UINT32_MAX) &&
           (option->type != PR_OPT_AUTO_U32 || whole < PR_OPT_AUTO);
}

static bool parse_flag(const char *text, bool *out)
{
    static const char *const yes[] = { "true", "yes", "on", "1" };
    static const char *const no[]  = { "false", "no", "off", "0" };

    for (size_t i = 0; i < 4; i++) {
        if (!strcmp(text, yes[i])) return *out = true;
        if (!strcmp(text, no[i])) return *out = false, true;
    }
    return false;
}

/* Set one member from text. The struct is unchanged on failure. */
static pr_status set_member(const pr_option *option, void *target, const char *text)
{
    pr_status st = PR_OK;
    void     *at = member(option, target);
    char      allowed[512];
    uint64_t  whole = 0;
    double    real  = 0;
    bool      flag  = false;
    char     *end;

    pri_option_allowed(option, allowed, sizeof allowed);
    switch (option->type) {
    case PR_OPT_FLAG:
        PR_CHECK(parse_flag(text, &flag), PR_E_ARG, "--%s is '%s', must be true or false",
                 option->name, text);
        *(bool *)at = flag;
        break;
    case PR_OPT_AUTO_U32:
        if (!strcmp(text, "auto")) {
            *(uint32_t *)at = PR_OPT_AUTO;
            break;
        }
        /* fall through */
    case PR_OPT_U32:
    case PR_OPT_U64:
    case PR_OPT_BYTES:
        PR_CHECK(parse_uint(text, option->type == PR_OPT_BYTES, &whole), PR_E_ARG,
                 "--%s is '%s', must be a whole number in %s", option->name, text, allowed);
        PR_CHECK(is_within(option, whole), PR_E_ARG, "--%s is %s, must be in %s", option->name,
                 text, allowed);
        if (option->type == PR_OPT_U32 || option->type == PR_OPT_AUTO_U32)
            *(uint32_t *)at = (uint32_t)whole;
        else
            *(uint64_t *)at = whole;
        break;
    case PR_OPT_REAL:
        real = strtod(text, &end);
        PR_CHECK(end != text && *end == '\0' && isfinite(real) &&
                     text[strspn(text, "+-.0123456789eE")] == '\0', /* no blanks, no hex */
                 PR_E_ARG, "--%s is '%s', must be a number in %s", option->name, text, allowed);
        PR_CHECK(real >= option->min && real <= option->max, PR_E_ARG, "--%s is %s, must be in %s",
                 option->name, text, allowed);
        *(double *)at = real;
        break;
    case PR_OPT_TEXT:
        PR_CHECK(strlen(text) < PR_TEXT_BYTES, PR_E_ARG, "--%s has %zu bytes, at most %d allowed",
                 option->name, strlen(text), PR_TEXT_BYTES - 1);
        memset(at, 0, PR_TEXT_BYTES);
        memcpy(at, text, strlen(text));
        break;
    case PR_OPT_CHOICE: {
        const int index = choice_index(option->choices, text);
        PR_CHECK(index >= 0, PR_E_ARG, "--%s is '%s', must be one of %s", option->name, text,
                 option->choices);
        *(int *)at = index;
        break;
    }
    }
done:
    return st;
}

void pr_options_init(const pr_option_group *groups, size_t num_groups)
{
    for (size_t g = 0; g < num_groups; g++)
        for (size_t i = 0; i < groups[g].table->num_options; i++) {
            const pr_option *option = &groups[g].table->options[i];
            pr_status        st     = set_member(option, groups[g].target, option->initial);
            PR_ASSERT(st == PR_OK);
            (void)st;
        }
}

void pri_option_default(const pr_option *option, const void *target, char *out, size_t bytes)
{
    union {
        char     text[PR_TEXT_BYTES];
        double   real;
        uint64_t whole;
    } table;
    char      found[PR_TEXT_BYTES];
    pr_option alone = *option;

    snprintf(out, bytes, "%s", option->initial);
    if (!target) return;
    alone.offset       = 0;
    const pr_status st = set_member(&alone, &table, option->initial);
    PR_ASSERT(st == PR_OK);
    (void)st;
    pri_option_text(option, target, found, sizeof found);
    char initial[PR_TEXT_BYTES];
    pri_option_text(&alone, &table, initial, sizeof initial);
    if (strcmp(found, initial) != 0) snprintf(out, bytes, "%s", found);
}

pr_status pr_options_set(const pr_option_group *groups, size_t num_groups, const char *name,
                         const char *value)
{
    pr_status        st = PR_OK;
    void            *target;
    const pr_option *option = find(groups, num_groups, name, strlen(name), &target);

    PR_CHECK(option, PR_E_ARG, "unknown option --%s", name);
    PR_TRY(set_member(option, target, value));
done:
    return st;
}

/* Turn a JSON value into the text a user would have written. */
static pr_status json_to_text(const pr_json *value, const char *path, const char *name, char *out,
                              size_t bytes)
{
    pr_status   st = PR_OK;
    int64_t     whole;
    double      real;
    bool        flag;
    const char *text = pri_json_as_string(value);

    if (text) {
        PR_CHECK(strlen(text) < bytes, PR_E_INPUT, "%s: %s has %zu bytes, at most %zu allowed",
                 path, name, strlen(text), bytes - 1);
        snprintf(out, bytes, "%s", text);
    } else if (pri_json_as_int(value, &whole)) {
        snprintf(out, bytes, "%lld", (long long)whole);
    } else if (pri_json_as_real(value, &real)) {
        snprintf(out, bytes, "%.17g", real);
    } else if (pri_json_as_bool(value, &flag)) {
        snprintf(out, bytes, "%s", flag ? "true" : "false");
    } else {
        PR_RAISE(PR_E_INPUT, "%s: %s must be a string, a number, true or false", path, name);
    }
done:
    return st;
}

static pr_status read_config(const pr_option_group *groups, size_t num_groups, const char *path)
{
    pr_status st     = PR_OK;
    pr_json  *config = NULL;
    char      text[PR_TEXT_BYTES];

    PR_TRY(pri_json_read_object(path, MAX_CONFIG_BYTES, &config));
    for (void *it = pri_json_next(config, NULL); it; it = pri_json_next(config, it)) {
        PR_TRY(json_to_text(pri_json_value(it), path, pri_json_key(it), text, sizeof text));
        st = pr_options_set(groups, num_groups, pri_json_key(it), text);
        if (st != PR_OK) {
            pri_error_prefix("%s: ", path);
            goto done;
        }
    }
done:
    pr_json_free(config);
    return st;
}

/* Read one "--name", "--name=value" or "--name value"; *i is moved past what was used. */
static pr_status parse_one(const pr_option_group *groups, size_t num_groups, int argc,
                           const char *const *argv, int *i, const char **config)
{
    pr_status        st        = PR_OK;
    const char      *name      = argv[*i] + 2;
    const size_t     bytes     = strcspn(name, "=");
    const char      *value     = name[bytes] == '=' ? name + bytes + 1 : NULL;
    void            *target    = NULL;
    const bool       is_config = bytes == 6 && !memcmp(name, "config", 6);
    const pr_option *option    = find(groups, num_groups, name, bytes, &target);

    if (!option && !value && !strncmp(name, "no-", 3)) {
        option = find(groups, num_groups, name + 3, bytes - 3, &target);
        if (option && option->type == PR_OPT_FLAG)
            value = "false";
        else
            option = NULL;
    }
    PR_CHECK(option || is_config, PR_E_ARG, "unknown option --%.*s (see --help)", (int)bytes, name);
    if (!value && option && option->type == PR_OPT_FLAG) value = "true";
    if (!value) {
        PR_CHECK(*i + 1 < argc, PR_E_ARG, "--%s needs a value", name);
        value = argv[++*i];
    }
    if (is_config)
        *config = value;
    else
        PR_TRY(set_member(option, target, value));
done:
    return st;
}

pr_status pr_options_parse(const pr_option_group *groups, size_t num_groups, int argc,
                           const char *const *argv, const char **positional, size_t max_positional,
                           size_t *num_positional)
{
    pr_status   st     = PR_OK;
    const char *config = NULL;

    for (int pass = 0; pass < 2; pass++) { /* the first only looks for --config */
        bool only_words = false;
        *num_positional = 0;
        for (int i = 0; i < argc; i++) {
            if (!only_words && !strcmp(argv[i], "--")) {
                only_words = true;
            } else if (!only_words && !strncmp(argv[i], "--", 2)) {
                PR_TRY(parse_one(groups, num_groups, argc, argv, &i, &config));
            } else {
                PR_CHECK(only_words || argv[i][0] != '-' || argv[i][1] == '\0', PR_E_ARG,
                         "unknown option %s (options are long: --name value)", argv[i]);
                PR_CHECK(*num_positional < max_positional, PR_E_ARG, "unexpected argument '%s'",
                         argv[i]);
                positional[(*num_positional)++] = argv[i];
            }
        }
        if (pass == 0) {
            if (!config) break;
            PR_TRY(read_config(groups, num_groups, config));
        }
    }
done:
    return st;
}

pr_status pr_options_check(const pr_option_table *table, const void *target)
{
    pr_status st = PR_OK;
    char      text[PR_TEXT_BYTES], allowed[512];

    for (size_t i = 0; i < table->num_options; i++) {
        const pr_option *option = &table->options[i];
        const char      *at     = (const char *)target + option->offset;
        double           value;
        switch (option->type) {
        case PR_OPT_U32: value = *(const uint32_t *)(const void *)at; break;
        case PR_OPT_AUTO_U32:
            if (*(const uint32_t *)(const void *)at == PR_OPT_AUTO) continue;
            value = *(const uint32_t *)(const void *)at;
            break;
        case PR_OPT_U64:
        case PR_OPT_BYTES: value = (double)*(const uint64_t *)(const void *)at; break;
        case PR_OPT_REAL: value = *(const double *)(const void *)at; break;
        case PR_OPT_CHOICE:
            pri_option_text(option, target, text, sizeof text);
            PR_CHECK(text[0], PR_E_ARG, "--%s is choice %d, must be one of %s", option->name,
                     *(const int *)(const void *)at, option->choices);
            continue;
        case PR_OPT_TEXT:
            PR_CHECK(memchr(at, 0, PR_TEXT_BYTES), PR_E_ARG, "--%s is not ended", option->name);
            continue;
        default: continue;
        }
        pri_option_text(option, target, text, sizeof text);
        pri_option_allowed(option, allowed, sizeof allowed);
        PR_CHECK(value >= option->min && value <= option->max, PR_E_ARG,
                 "--%s is %s, must be in %s", option->name, text, allowed);
    }
done:
    return st;
}

/* JSON values are written with 12 digits; a number that needs more becomes text, which --config
 * reads too, so that a dump gives the very same run. */
static pr_status set_real_exactly(pr_json *json, const pr_option *option, const void *target)
{
    const double value = *(const double *)(const void *)((const char *)target + option->offset);
    char         text[64];

    snprintf(text, sizeof text, "%.12g", value);
    if (!isfinite(value) || strtod(text, NULL) == value)
        return pr_json_set_real(json, option->name, value);
    pri_option_text(option, target, text, sizeof text);
    return pr_json_set_string(json, option->name, text);
}

pr_json *pr_options_json(const pr_option_group *groups, size_t num_groups)
{
    pr_json *json = pr_json_object();
    char     text[PR_TEXT_BYTES];

    for (size_t g = 0; json && g < num_groups; g++)
        for (size_t i = 0; i < groups[g].table->num_options; i++) {
            const pr_option *option = &groups[g].table->options[i];
            const void      *at     = (const char *)groups[g].target + option->offset;
            pr_status        st;
            switch (option->type) {
            case PR_OPT_FLAG: st = pr_json_set_bool(json, option->name, *(const bool *)at); break;
            case PR_OPT_U32: st = pr_json_set_int(json, option->name, *(const uint32_t *)at); break;
            case PR_OPT_AUTO_U32:
                st = *(const uint32_t *)at == PR_OPT_AUTO
                         ? pr_json_set_string(json, option->name, "auto")
                         : pr_json_set_int(json, option->name, *(const uint32_t *)at);
                break;
            case PR_OPT_REAL: st = set_real_exactly(json, option, groups[g].target); break;
            default: /* 64-bit numbers as text when JSON's int64 cannot hold them */
                pri_option_text(option, groups[g].target, text, sizeof text);
                if (option->type != PR_OPT_TEXT && option->type != PR_OPT_CHOICE &&
                    *(const uint64_t *)at <= INT64_MAX)
                    st = pr_json_set_int(json, option->name, (int64_t) * (const uint64_t *)at);
                else
                    st = pr_json_set_string(json, option->name, text);
            }
            if (st != PR_OK) {
                pr_json_free(json);
                return NULL;
            }
        }
    return json;
}
