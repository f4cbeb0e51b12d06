/* status.c: the status table's words and the last error of each thread. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static _Thread_local pri_error last_error;

const char *pr_status_name(pr_status st)
{
    switch (st) {
#define NAME(name, number, exit_status, text)                                                      \
    case name: return #name;
        PR_STATUS_TABLE(NAME)
#undef NAME
    }
    return "PR_E_BUG";
}

const char *pr_status_text(pr_status st)
{
    switch (st) {
#define TEXT(name, number, exit_status, text)                                                      \
    case name: return text;
        PR_STATUS_TABLE(TEXT)
#undef TEXT
    }
    return "unknown status";
}

int pr_status_exit(pr_status st)
{
    switch (st) {
#define EXIT(name, number, exit_status, text)                                                      \
    case name: return exit_status;
        PR_STATUS_TABLE(EXIT)
#undef EXIT
    }
    return 1;
}

const char *pr_error_message(void)
{
    return last_error.message;
}

const char *pr_error_place(void)
{
    return last_error.place;
}

pr_status pri_error_set(pr_status code, const char *file, int line, const char *function,
                        const char *format, ...)
{
    va_list     args;
    char        text[sizeof last_error.message];
    const char *base = strrchr(file, '/');

    va_start(args, format); /* into a buffer of our own: an argument may be the old message */
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(last_error.message, text, sizeof text);
    last_error.code = code;
    snprintf(last_error.place, sizeof last_error.place, "%s:%d, %s", base ? base + 1 : file, line,
             function);
    return code;
}

void pri_error_prefix(const char *format, ...)
{
    va_list args;
    char    text[sizeof last_error.message];

    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n;
    if (used >= sizeof text) used = sizeof text - 1;
    size_t left = sizeof text - used, have = strlen(last_error.message) + 1;
    memcpy(text + used, last_error.message, have < left ? have : left);
    text[sizeof text - 1] = '\0';
    memcpy(last_error.message, text, sizeof text);
}

void pri_error_save(pri_error *out, pr_status code)
{
    *out      = last_error;
    out->code = code;
}

pr_status pri_error_restore(const pri_error *error)
{
    last_error = *error;
    return error->code;
}
