/* wire_text.c: see wire_text.h. */
#include "pipeline/serve/wire_text.h"

#include "base/float_text.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 1024 };

bool pri_text_room(pri_text *text, size_t bytes)
{
    if (text->room - text->used >= bytes) return !text->failed;
    if (text->failed) return false;
    size_t room = text->room ? 2 * text->room : FIRST_ROOM;
    if (room - text->used < bytes) room = text->used + bytes;
    char *const at = pri_realloc_away(text->at, room);
    if (!at) {
        text->failed = true;
        return false;
    }
    text->at   = at;
    text->room = room;
    return true;
}

void pri_text_put(pri_text *text, const void *bytes, size_t n)
{
    if (n == 0 || !pri_text_room(text, n)) return;
    memcpy(text->at + text->used, bytes, n);
    text->used += n;
}

void pri_text_add(pri_text *text, const char *words)
{
    pri_text_put(text, words, strlen(words));
}

void pri_text_unsigned(pri_text *text, uint64_t number)
{
    char   digit[20];
    size_t at = sizeof digit;

    do digit[--at] = (char)('0' + number % 10);
    while (number /= 10);
    pri_text_put(text, digit + at, sizeof digit - at);
}

void pri_text_float(pri_text *text, float number)
{
    if (!pri_text_room(text, PRI_FLOAT_TEXT)) return;
    text->used += pri_float_text(number, text->at + text->used);
}

void pri_text_seed(pri_text *text, uint64_t seed)
{
    const bool large = seed > INT64_MAX;

    if (large) pri_text_add(text, "\"");
    pri_text_unsigned(text, seed);
    if (large) pri_text_add(text, "\"");
}

void pri_text_fanout(pri_text *text, const pr_fanout *fanout)
{
    char words[128];

    pr_fanout_print(fanout, words, sizeof words);
    pri_text_add(text, "\"");
    pri_text_add(text, words);
    pri_text_add(text, "\"");
}

/* ---- strings ---- */

/* Give the bytes of the character at `c`, a text with an end; 0: they are not UTF-8. */
static size_t utf8_bytes(const unsigned char *c)
{
    const size_t more = c[0] >= 0xf0 ? 3 : c[0] >= 0xe0 ? 2 : 1;

    if (c[0] < 0x80) return 1;
    if (c[0] < 0xc2 || c[0] > 0xf4) return 0;
    for (size_t i = 1; i <= more; i++)
        if ((c[i] & 0xc0) != 0x80) return 0; /* the text's end is none either */
    const bool is_long      = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
    const bool is_surrogate = c[0] == 0xed && c[1] >= 0xa0;
    const bool is_beyond    = c[0] == 0xf4 && c[1] >= 0x90;
    return is_long || is_surrogate || is_beyond ? 0 : more + 1;
}

static void put_escaped(pri_text *text, unsigned char c)
{
    static const char hex[]   = "0123456789abcdef";
    const char        code[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
    const char        mark[2] = { '\\', (char)c };

    if (c == '\n')
        pri_text_put(text, "\\n", 2);
    else if (c == '"' || c == '\\')
        pri_text_put(text, mark, 2);
    else
        pri_text_put(text, code, 6);
}

void pri_text_string(pri_text *text, const char *words)
{
    const unsigned char *c = (const unsigned char *)words;

    pri_text_put(text, "\"", 1);
    while (*c) {
        size_t plain = 0; /* bytes that stand for themselves */
        while (c[plain] >= 0x20 && c[plain] < 0x80 && c[plain] != '"' && c[plain] != '\\') plain++;
        pri_text_put(text, c, plain);
        c += plain;
        if (*c >= 0x80) {
            const size_t n = utf8_bytes(c);
            pri_text_put(text, n ? (const char *)c : "?", n ? n : 1);
            c += n ? n : 1;
        } else if (*c) {
            put_escaped(text, *c++);
        }
    }
    pri_text_put(text, "\"", 1);
}

pr_status pri_text_end(pri_text *text, size_t json_bytes, pri_wire_body *out)
{
    pr_status st = PR_OK;

    *out = (pri_wire_body){ 0 };
    PR_CHECK(!text->failed, PR_E_NOMEM, "cannot allocate a body of more than %zu bytes",
             text->room);
    *out     = (pri_wire_body){ .at = text->at, .bytes = text->used, .json_bytes = json_bytes };
    text->at = NULL;
done:
    free(text->at);
    *text = (pri_text){ 0 };
    return st;
}
