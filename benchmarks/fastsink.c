/* An SMTP server that reads, answers and keeps nothing: it shows what a client costs, since it costs next to nothing.

   One thread, epoll. It looks for "\r\n.\r\n" in bodies and for line ends elsewhere, and never looks at what a command
   says beyond its first letter. Offers PIPELINING when its only argument is "pipelining". Prints its port. For
   benchmarks/smtp_layer.py alone; it checks nothing, so it is no server for tests. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 1 << 18, EVENTS = 64, TAIL = 4 };

struct client {
    int socket;
    int in_body;
    size_t held;         /* of a line that is not whole, or the last bytes of a body */
    char start[1024];
};

static int pipelining;

static void answer(struct client *c, char *out, size_t *used, const char *line) {
    (void)c;
    size_t size = strlen(line);
    memcpy(out + *used, line, size);
    *used += size;
}

/* Answers one command line; 1 when the client says goodbye. */
static int command(struct client *c, const char *line, char *out, size_t *used) {
    switch (line[0] & ~0x20) { /* smtplib writes small letters */
    case 'E':
        answer(c, out, used, pipelining ? "250-fastsink\r\n250 PIPELINING\r\n" : "250 fastsink\r\n");
        return 0;
    case 'D':
        c->in_body = 1;
        answer(c, out, used, "354 go on\r\n");
        return 0;
    case 'Q':
        answer(c, out, used, "221 bye\r\n");
        return 1;
    default:
        answer(c, out, used, "250 ok\r\n");
        return 0;
    }
}

/* Takes what came after what was held; 1 when the connection is over. */
static int take(struct client *c, char *data, size_t size, char *out, size_t *used) {
    char *at = data, *end = data + size;
    while (at < end && *used < 4000) {
        if (c->in_body) {
            char *dot = memmem(at, (size_t)(end - at), "\r\n.\r\n", 5);
            if (dot == NULL) {
                size_t keep = (size_t)(end - at) < TAIL ? (size_t)(end - at) : TAIL;
                memcpy(c->start, end - keep, keep);
                c->held = keep;
                return 0;
            }
            at = dot + 5;
            c->in_body = 0;
            answer(c, out, used, "250 taken\r\n");
        } else {
            char *line_end = memchr(at, '\n', (size_t)(end - at));
            if (line_end == NULL) {
                c->held = (size_t)(end - at) < sizeof c->start ? (size_t)(end - at) : 0;
                memcpy(c->start, at, c->held);
                return 0;
            }
            if (command(c, at, out, used))
                return 1;
            at = line_end + 1;
        }
    }
    c->held = 0;
    return at < end; /* more replies than any honest client waits for */
}

int main(int count, char **arguments) {
    static char room[ROOM + 1024], out[8192];
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof here;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0);
    pipelining = count > 1 && strcmp(arguments[1], "pipelining") == 0;
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 512))
        return 1;
    getsockname(listener, (struct sockaddr *)&here, &length);
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(poll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            struct client *c = events[i].data.ptr;
            if (c == NULL) {
                int fresh = accept(listener, NULL, NULL);
                if (fresh < 0)
                    continue;
                setsockopt(fresh, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                c = calloc(1, sizeof *c);
                c->socket = fresh;
                event.events = EPOLLIN;
                event.data.ptr = c;
                epoll_ctl(poll, EPOLL_CTL_ADD, fresh, &event);
                if (write(fresh, "220 fastsink\r\n", 14) < 0)
                    continue;
                continue;
            }
            memcpy(room, c->start, c->held);
            ssize_t got = read(c->socket, room + c->held, ROOM);
            size_t used = 0, held = c->held;
            int over = got <= 0 || take(c, room, held + (size_t)got, out, &used);
            if (used > 0 && write(c->socket, out, used) < 0)
                over = 1;
            if (over) {
                close(c->socket);
                free(c);
            }
        }
    }
}
