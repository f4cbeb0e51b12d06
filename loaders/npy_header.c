/* npy_header.c: the header of a .npy file, a Python dict in text, read strictly:
 *
 *     \x93NUMPY  major minor  length   { 'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *     6 bytes    1     1      2 or 4   length bytes, padded with spaces
 *
 * The three keys may come in any order, with any blanks; nothing else may. */
#include <stdio.h>
#include <string.h>

#include "loaders/npy.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays are mapped as they are");

enum { MAX_HEADER_BYTES = 65536, MAX_WORD_BYTES = 32 };

/* A place in the header's text; `name` is the file, for errors. */
typedef struct cursor {
    const char *begin, *at, *end;
    const char *name;
    bool        any; /* up to PRI_NPY_DIMS dimensions, in either order */
} cursor;

/* The types that are read, in the order of pr_dtype; `name` without its byte order. */
static const struct {
    char   name[3];
    char   written[4];
    size_t bytes;
} dtypes[] = {
    { "i4", "<i4", 4 }, { "u4", "<u4", 4 }, { "i8", "<i8", 8 }, { "u8", "<u8", 8 },
    { "f4", "<f4", 4 }, { "f8", "<f8", 8 }, { "u1", "|u1", 1 }, { "i1", "|i1", 1 },
    { "u2", "<u2", 2 }, { "f2", "<f2", 2 }, { "b1", "|b1", 1 },
};
enum { NUM_DTYPES = sizeof dtypes / sizeof dtypes[0] };

size_t pri_dtype_bytes(pr_dtype dtype)
{
    return (size_t)dtype < NUM_DTYPES ? dtypes[dtype].bytes : 0;
}

const char *pri_dtype_name(pr_dtype dtype)
{
    return (size_t)dtype < NUM_DTYPES ? dtypes[dtype].written : "?";
}

void pri_npy_shape_text(uint32_t num_dims, const uint64_t *shape, char out[PRI_SHAPE_BYTES])
{
    const unsigned long long rows = num_dims > 0 ? shape[0] : 1, cols = num_dims > 1 ? shape[1] : 1;
    const unsigned long long last = num_dims > 2 ? shape[2] : 1;

    if (num_dims == 0) snprintf(out, PRI_SHAPE_BYTES, "()");
    if (num_dims == 1) snprintf(out, PRI_SHAPE_BYTES, "(%llu,)", rows);
    if (num_dims == 2) snprintf(out, PRI_SHAPE_BYTES, "(%llu, %llu)", rows, cols);
    if (num_dims >= 3) snprintf(out, PRI_SHAPE_BYTES, "(%llu, %llu, %llu)", rows, cols, last);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(cursor *c)
{
    while (c->at < c->end && is_blank(*c->at)) c->at++;
}

/* Step over `wanted` after blanks; false when something else is there. */
static bool accept(cursor *c, char wanted)
{
    skip_blanks(c);
    if (c->at == c->end || *c->at != wanted) return false;
    c->at++;
    return true;
}

/* Say what was found instead of `wanted`. */
static pr_status unexpected(const cursor *c, const char *wanted)
{
    pr_status       st    = PR_OK;
    const long long place = (long long)(c->at - c->begin);

    PR_CHECK(c->at < c->end, PR_E_INPUT, "%s: the .npy header ends at byte %lld, %s must follow",
             c->name, place, wanted);
    PR_RAISE(PR_E_INPUT, "%s: the .npy header has byte 0x%02x ('%c') at %lld, %s must be there",
             c->name, (unsigned)(unsigned char)*c->at,
             *c->at >= ' ' && *c->at <= '~' ? *c->at : '?', place, wanted);
done:
    return st;
}

static pr_status expect(cursor *c, char wanted)
{
    const char text[] = { '\'', wanted, '\'', '\0' };
    return accept(c, wanted) ? PR_OK : unexpected(c, text);
}

/* Read a quoted string without escapes into `word`, ended. */
static pr_status read_string(cursor *c, char word[MAX_WORD_BYTES], const char *what)
{
    pr_status st    = PR_OK;
    size_t    bytes = 0;

    skip_blanks(c);
    const char quote = c->at < c->end ? *c->at : '\0';
    if (quote != '\'' && quote != '"') return unexpected(c, what);
    c->at++;
    while (c->at < c->end && *c->at != quote) {
        PR_CHECK(*c->at >= ' ' && *c->at <= '~' && *c->at != '\\' && bytes < MAX_WORD_BYTES - 1,
                 PR_E_INPUT, "%s: the .npy header has a string at byte %lld that cannot be %s",
                 c->name, (long long)(c->at - c->begin), what);
        word[bytes++] = *c->at++;
    }
    if (c->at == c->end) return unexpected(c, "a closing quote");
    c->at++;
    word[bytes] = '\0';
done:
    return st;
}

static pr_status read_dtype(cursor *c, pri_npy_header *out)
{
    pr_status st = PR_OK;
    char      word[MAX_WORD_BYTES];

    skip_blanks(c);
    PR_CHECK(c->at == c->end || *c->at != '[', PR_E_INPUT,
             "%s: holds structured elements; only plain numbers are read", c->name);
    PR_TRY(read_string(c, word, "a type in quotes"));
    PR_CHECK(word[0] != '>', PR_E_INPUT,
             "%s: holds big endian elements ('%s'); only little endian is read", c->name, word);
    if (word[0] == '<' || word[0] == '=' || word[0] == '|')
        for (size_t i = 0; i < NUM_DTYPES; i++)
            if (!strcmp(word + 1, dtypes[i].name)) {
                out->dtype = (pr_dtype)i;
                return PR_OK;
            }
    PR_RAISE(PR_E_INPUT,
             "%s: holds elements of type '%s'; <i4 <u4 <i8 <u8 <f4 <f8 |u1 |i1 <u2 <f2 |b1 "
             "are read",
             c->name, word);
done:
    return st;
}

static pr_status read_order(cursor *c, bool *fortran)
{
    skip_blanks(c);
    const size_t left = (size_t)(c->end - c->at);
    if (left >= 4 && !memcmp(c->at, "True", 4)) {
        *fortran = true;
        c->at += 4;
    } else if (left >= 5 && !memcmp(c->at, "False", 5)) {
        *fortran = false;
        c->at += 5;
    } else {
        return unexpected(c, "True or False");
    }
    return PR_OK;
}

static pr_status read_length(cursor *c, uint64_t *out)
{
    pr_status   st = PR_OK;
    uint64_t    n  = 0;
    const char *at = c->at;

    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        PR_CHECK(!__builtin_mul_overflow(n, (uint64_t)10, &n) &&
                     !__builtin_add_overflow(n, (uint64_t)(*c->at - '0'), &n),
                 PR_E_INPUT, "%s: a dimension in the .npy header does not fit in 64 bits", c->name);
    if (c->at == at) return unexpected(c, "a length or ')'");
    *out = n;
done:
    return st;
}

/* Read "()", "(3,)", "(3, 4)" or "(3, 4,)". */
static pr_status read_shape(cursor *c, pri_npy_header *out)
{
    pr_status      st     = PR_OK;
    bool           comma  = true;
    uint64_t       length = 0;
    const uint32_t most   = c->any ? PRI_NPY_DIMS : 2;

    out->num_dims = 0;
    out->shape[0] = out->shape[1] = out->shape[2] = 1;
    PR_TRY(expect(c, '('));
    while (!accept(c, ')')) {
        if (!comma) return unexpected(c, "',' or ')'");
        PR_TRY(read_length(c, &length));
        PR_CHECK(out->num_dims < most, PR_E_INPUT,
                 "%s: holds an array of more than %u dimensions; at most %u are read", c->name,
                 most, most);
        out->shape[out->num_dims++] = length;
        comma                       = accept(c, ',');
    }
    if (out->num_dims == 1 && !comma) return unexpected(c, "a tuple, such as (3,),");
done:
    return st;
}

enum { HAS_DTYPE = 1, HAS_ORDER = 2, HAS_SHAPE = 4, HAS_ALL = 7 };

/* Read one "key: value"; sets the key's bit in *seen. */
static pr_status read_member(cursor *c, unsigned *seen, pri_npy_header *out)
{
    pr_status st = PR_OK;
    char      key[MAX_WORD_BYTES];
    unsigned  bit = 0;

    PR_TRY(read_string(c, key, "a key in quotes"));
    if (!strcmp(key, "descr")) bit = HAS_DTYPE;
    if (!strcmp(key, "fortran_order")) bit = HAS_ORDER;
    if (!strcmp(key, "shape")) bit = HAS_SHAPE;
    PR_CHECK(bit, PR_E_INPUT,
             "%s: the .npy header has the key '%s'; descr, fortran_order and shape are allowed",
             c->name, key);
    PR_CHECK(!(*seen & bit), PR_E_INPUT, "%s: the .npy header has the key '%s' twice", c->name,
             key);
    *seen |= bit;
    PR_TRY(expect(c, ':'));
    if (bit == HAS_DTYPE) PR_TRY(read_dtype(c, out));
    if (bit == HAS_ORDER) PR_TRY(read_order(c, &out->fortran));
    if (bit == HAS_SHAPE) PR_TRY(read_shape(c, out));
done:
    return st;
}

static pr_status read_dict(cursor *c, pri_npy_header *out)
{
    pr_status st    = PR_OK;
    unsigned  seen  = 0;
    bool      comma = true;
    char      shape[PRI_SHAPE_BYTES];

    PR_TRY(expect(c, '{'));
    while (!accept(c, '}')) {
        if (!comma) return unexpected(c, "',' or '}'");
        PR_TRY(read_member(c, &seen, out));
        comma = accept(c, ',');
    }
    skip_blanks(c);
    if (c->at < c->end) return unexpected(c, "the end of the header");
    PR_CHECK(seen == HAS_ALL, PR_E_INPUT, "%s: the .npy header lacks%s%s%s", c->name,
             seen & HAS_DTYPE ? "" : " descr", seen & HAS_ORDER ? "" : " fortran_order",
             seen & HAS_SHAPE ? "" : " shape");
    pri_npy_shape_text(out->num_dims, out->shape, shape);
    if (out->shape[0] <= 1 || out->shape[1] <= 1) out->fortran &= out->num_dims > 2;
    PR_CHECK(!out->fortran || c->any, PR_E_INPUT,
             "%s: holds an array of shape %s in Fortran order; only C order is read "
             "(numpy.ascontiguousarray makes it)",
             c->name, shape);
done:
    return st;
}

/* Read the fixed part in front of the dict: gives where the dict begins and its length. */
static pr_status read_prefix(const char *text, size_t bytes, const char *name, size_t *at,
                             size_t *length)
{
    pr_status            st   = PR_OK;
    const unsigned char *byte = (const unsigned char *)text;

    PR_CHECK(bytes >= 10, PR_E_INPUT, "%s: has %zu bytes, a .npy file has at least 10", name,
             bytes);
    PR_CHECK(!memcmp(text, "\x93NUMPY", 6), PR_E_INPUT,
             "%s: is not a .npy file, its first bytes are %02x %02x %02x %02x %02x %02x", name,
             byte[0], byte[1], byte[2], byte[3], byte[4], byte[5]);
    PR_CHECK(byte[6] >= 1 && byte[6] <= 3 && byte[7] == 0, PR_E_INPUT,
             "%s: is .npy version %u.%u; 1.0, 2.0 and 3.0 are read", name, byte[6], byte[7]);
    *length = byte[8] | (size_t)byte[9] << 8;
    *at     = 10;
    if (byte[6] >= 2) {
        PR_CHECK(bytes >= 12, PR_E_INPUT,
                 "%s: has %zu bytes, a .npy file of version 2 has at least 12", name, bytes);
        *length |= (size_t)byte[10] << 16 | (size_t)byte[11] << 24;
        *at = 12;
    }
    PR_CHECK(*length <= MAX_HEADER_BYTES, PR_E_INPUT,
             "%s: its .npy header has %zu bytes, at most %d are allowed", name, *length,
             MAX_HEADER_BYTES);
    PR_CHECK(*length <= bytes - *at, PR_E_INPUT,
             "%s: has %zu bytes, its .npy header alone wants %zu", name, bytes, *at + *length);
done:
    return st;
}

static pr_status parse(const char *text, size_t bytes, const char *name, bool any,
                       pri_npy_header *out)
{
    pr_status st = PR_OK;
    size_t    at = 0, length = 0;

    *out = (pri_npy_header){ 0 };
    PR_TRY(read_prefix(text, bytes, name, &at, &length));
    cursor c = {
        .begin = text, .at = text + at, .end = text + at + length, .name = name, .any = any
    };
    PR_TRY(read_dict(&c, out));

    uint64_t count;
    char     shape[PRI_SHAPE_BYTES];
    pri_npy_shape_text(out->num_dims, out->shape, shape);
    PR_CHECK(!__builtin_mul_overflow(out->shape[0], out->shape[1], &count) &&
                 !__builtin_mul_overflow(count, out->shape[2], &count) &&
                 !__builtin_mul_overflow(count, pri_dtype_bytes(out->dtype), &out->data_bytes) &&
                 out->data_bytes <= INT64_MAX - MAX_HEADER_BYTES * 2,
             PR_E_INPUT, "%s: its shape %s of %s is larger than any file", name, shape,
             pri_dtype_name(out->dtype));
    out->data_at = at + length;
done:
    return st;
}

pr_status pri_npy_parse_header(const char *text, size_t bytes, const char *name,
                               pri_npy_header *out)
{
    return parse(text, bytes, name, false, out);
}

pr_status pri_npy_parse_any(const char *text, size_t bytes, const char *name, pri_npy_header *out)
{
    return parse(text, bytes, name, true, out);
}
