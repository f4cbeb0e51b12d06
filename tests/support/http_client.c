/* http_client.c: dialing, saying and hearing. */
#include "support/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 20000 };

void test_dial(test_client *client, uint16_t port)
{
    const struct sockaddr_in to = { .sin_family      = AF_INET,
                                    .sin_port        = htons(port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    client->have                = 0;
    client->fd                  = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client->fd >= 0);
    assert_int_equal(connect(client->fd, (const struct sockaddr *)(const void *)&to, sizeof to), 0);
}

bool test_say(const test_client *client, const void *at, size_t bytes)
{
    const char *from = at;
    while (bytes > 0) {
        const ssize_t said = send(client->fd, from, bytes, MSG_NOSIGNAL);
        if (said <= 0) return false;
        from += said;
        bytes -= (size_t)said;
    }
    return true;
}

bool test_say_text(const test_client *client, const char *text)
{
    return test_say(client, text, strlen(text));
}

/* Read more; false at the end, or when nothing comes. */
static bool more(test_client *client)
{
    struct pollfd come = { .fd = client->fd, .events = POLLIN };
    if (client->have == sizeof client->buffer || poll(&come, 1, WAIT_MS) <= 0) return false;
    const ssize_t got =
        recv(client->fd, client->buffer + client->have, sizeof client->buffer - client->have, 0);
    if (got <= 0) return false;
    client->have += (size_t)got;
    return true;
}

static void drop(test_client *client, size_t bytes)
{
    memmove(client->buffer, client->buffer + bytes, client->have - bytes);
    client->have -= bytes;
}

test_reply test_hear(test_client *client, bool body)
{
    test_reply reply = { 0 };
    char      *blank = NULL;

    for (;;) {
        blank = memmem(client->buffer, client->have, "\r\n\r\n", 4);
        if (blank) {
            const size_t head = (size_t)(blank + 4 - client->buffer);
            assert_true(head < sizeof reply.head);
            memcpy(reply.head, client->buffer, head);
            reply.head[head] = '\0';
            drop(client, head);
            if (strstr(reply.head, "HTTP/1.1 100 ") == reply.head) continue;
            break;
        }
        if (!more(client)) return reply;
    }
    const char *length = strcasestr(reply.head, "\nContent-Length: ");
    reply.bytes        = body && length ? strtoul(length + 17, NULL, 10) : 0;
    reply.body         = calloc(reply.bytes + 1, 1);
    for (size_t got = 0; got < reply.bytes;) {
        if (client->have == 0 && !more(client)) return reply;
        const size_t take = client->have < reply.bytes - got ? client->have : reply.bytes - got;
        memcpy(reply.body + got, client->buffer, take);
        drop(client, take);
        got += take;
    }
    assert_int_equal(sscanf(reply.head, "HTTP/1.%*d %d ", &reply.status), 1);
    return reply;
}

bool test_is_closed(test_client *client)
{
    struct pollfd come = { .fd = client->fd, .events = POLLIN };
    char          byte;
    return client->have == 0 && poll(&come, 1, WAIT_MS) > 0 && recv(client->fd, &byte, 1, 0) <= 0;
}

void test_hang_up(test_client *client)
{
    close(client->fd);
    client->fd = -1;
}

void test_reply_free(test_reply *reply)
{
    free(reply->body);
    reply->body = NULL;
}

int test_ask(uint16_t port, const char *text, char *body)
{
    test_client client;
    test_dial(&client, port);
    (void)test_say_text(&client, text);
    test_reply reply = test_hear(&client, strncmp(text, "HEAD", 4) != 0);
    if (body) snprintf(body, 1024, "%s", reply.body ? reply.body : "");
    const int status = reply.status;
    test_reply_free(&reply);
    test_hang_up(&client);
    return status;
}
