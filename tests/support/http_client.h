/* http_client.h: a client that speaks to a server of this machine byte by byte. */
#ifndef TESTS_HTTP_CLIENT_H
#define TESTS_HTTP_CLIENT_H

#include "support/support.h"

typedef struct test_client {
    int    fd;
    char   buffer[1 << 16]; /* came and was not read */
    size_t have;
} test_client;

typedef struct test_reply {
    int    status; /* 0: the connection ended without one, or in the midst */
    char   head[4096];
    char  *body; /* malloc */
    size_t bytes;
} test_reply;

void test_dial(test_client *client, uint16_t port);
/* false: the server does not take it */
bool       test_say(const test_client *client, const void *at, size_t bytes);
bool       test_say_text(const test_client *client, const char *text);
test_reply test_hear(test_client *client, bool body); /* waits for at most 20 s */
bool       test_is_closed(test_client *client);       /* waits for the end; nothing more comes */
void       test_hang_up(test_client *client);
void       test_reply_free(test_reply *reply);

/* Dial, say, hear, hang up: the status, 0 for none; body may be NULL, else [1024]. */
int test_ask(uint16_t port, const char *text, char *body);

#endif
