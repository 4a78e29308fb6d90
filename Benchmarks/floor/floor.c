// The floor: what any proxy on this machine must at least cost. It accepts, connects once per connection and forwards
// bytes both ways through epoll, one thread, and parses nothing.
// usage: floor LISTEN_PORT BACKEND_PORT     (both on 127.0.0.1)
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 16384, EVENTS = 256 };

// One direction's end: what was read from `fd` and not yet written to its peer.
struct end {
    int fd;
    int watching;
    struct end *peer;
    size_t start, count;
    struct end *next_dead;
    int dead;
    char bytes[BUFFER];
};

static int poller;
static struct end *graveyard;

static void die(const char *what) { perror(what); exit(1); }

static void watch(struct end *e, int events, int operation) {
    if (operation == EPOLL_CTL_MOD && e->watching == events) return;
    struct epoll_event event = {.events = (uint32_t)events, .data.ptr = e};
    if (epoll_ctl(poller, operation, e->fd, &event) < 0) die("epoll_ctl");
    e->watching = events;
}

// Freed only after the batch of events, since a later event of the batch may still name it.
static void bury(struct end *e) {
    if (e->dead) return;
    e->dead = 1;
    close(e->fd);
    e->next_dead = graveyard;
    graveyard = e;
}

static void bury_both(struct end *e) { struct end *peer = e->peer; bury(e); bury(peer); }

// Returns 0 when the pair is gone.
static int flush_to(struct end *to, struct end *from) {
    while (from->count > 0) {
        ssize_t n = send(to->fd, from->bytes + from->start, from->count, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN || errno == ENOTCONN) break;
            bury_both(to);
            return 0;
        }
        from->start += (size_t)n;
        from->count -= (size_t)n;
    }
    if (from->count == 0) from->start = 0;
    watch(to, (to->count == 0 ? EPOLLIN : 0) | (from->count > 0 ? EPOLLOUT : 0), EPOLL_CTL_MOD);
    watch(from, (from->count == 0 ? EPOLLIN : 0) | (to->count > 0 ? EPOLLOUT : 0), EPOLL_CTL_MOD);
    return 1;
}

static int listening(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) die("socket");
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0) die("listen");
    return fd;
}

static struct end *made(int fd) {
    struct end *e = calloc(1, sizeof *e);
    int on = 1;
    if (!e) die("calloc");
    e->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return e;
}

static void accept_all(int listener, int backend_port) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)backend_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int out = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (out < 0) die("socket");
        if (connect(out, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
            close(fd);
            close(out);
            continue;
        }
        struct end *down = made(fd), *up = made(out);
        down->peer = up;
        up->peer = down;
        watch(down, EPOLLIN, EPOLL_CTL_ADD);
        watch(up, EPOLLIN, EPOLL_CTL_ADD);
    }
}

static void serve(struct end *e, uint32_t events) {
    if (e->dead) return;
    if (events & EPOLLOUT && !flush_to(e, e->peer)) return;
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || e->count > 0) return;
    ssize_t n = recv(e->fd, e->bytes, BUFFER, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        bury_both(e);
    } else if (n > 0) {
        e->count = (size_t)n;
        flush_to(e->peer, e);
    }
}

int main(int argc, char **argv) {
    if (argc != 3) { fprintf(stderr, "usage: %s LISTEN_PORT BACKEND_PORT\n", argv[0]); return 2; }
    signal(SIGPIPE, SIG_IGN);
    int listener = listening(atoi(argv[1])), backend_port = atoi(argv[2]);
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
    if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) < 0) die("epoll");
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) serve(events[i].data.ptr, events[i].events);
            else accept_all(listener, backend_port);
        }
        while (graveyard) { struct end *e = graveyard; graveyard = e->next_dead; free(e); }
    }
}
