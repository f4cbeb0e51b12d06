/* json_survey.c: how much there is in a JSON text, by its brackets and commas alone. */
#include "base/json.h"

/* Give the byte behind a string, or the end; `at` is behind its first quote. */
static const char *behind_string(const char *at, const char *end)
{
    for (; at < end; at++) {
        if (*at == '"') return at + 1;
        if (*at == '\\') at++;
    }
    return end;
}

pri_json_size pri_json_survey(const char *text, size_t bytes)
{
    pri_json_size     size = { 0 };
    size_t            open = 0;
    const char *const end  = text + bytes;

    for (const char *at = text; at < end;) {
        switch (*at++) {
        case '"': at = behind_string(at, end); break;
        case '[':
        case '{':
            size.containers++;
            size.values++;
            open++;
            if (open > size.depth) size.depth = open;
            break;
        case ']':
        case '}': open -= open > 0; break;
        case ',': size.values++; break;
        default: break;
        }
    }
    return size;
}
