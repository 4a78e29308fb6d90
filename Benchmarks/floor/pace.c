// An open-loop HTTP/1.1 load generator: requests leave at a fixed rate whether or not earlier ones were answered, so that
// a stall is seen by all the requests that it held up (no coordinated omission).
//
// usage: pace PORT RATE SECONDS CONNECTIONS HOST [HOSTS]
//   Sends `GET / HTTP/1.1` with `Host: HOST` to 127.0.0.1:PORT; with HOSTS > 1 the names are HOST0 … HOST<n-1>, in turn.
// Prints one JSON object. Latencies are in microseconds. A request that found a free connection counts from its sending;
// one that had to wait counts from when it was due. How late the generator itself woke is `late`, a control of the machine.
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
#include <time.h>
#include <unistd.h>

enum { RECEIVE = 16384, GRACE_SECONDS = 5 };

struct connection {
    int fd;
    int busy;
    uint64_t start;
    size_t count;         // bytes of the answer so far
    size_t need;          // whole answer once its head is known, else 0
    char bytes[RECEIVE];
};

static int poller, port, connections;
static struct connection *all;
static int *idle, idle_first, idle_count;   // a ring, so that every connection takes its turn
static uint32_t *latencies, *lateness;
static uint64_t answered, failed_status, failed_connection, late_count;
static const char *host_name;
static int hosts;

static void die(const char *what) { perror(what); exit(1); }

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int open_connection(struct connection *c) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("socket");
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0) { close(c->fd); c->fd = -1; return 0; }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) < 0) die("epoll_ctl");
    c->busy = 0;
    c->count = c->need = 0;
    return 1;
}

static void put_idle(struct connection *c) { idle[(idle_first + idle_count++) % connections] = (int)(c - all); }

static struct connection *take_idle(void) {
    struct connection *c = &all[idle[idle_first]];
    idle_first = (idle_first + 1) % connections;
    idle_count--;
    return c;
}

static void reopen(struct connection *c) {
    int was_busy = c->busy;
    if (c->fd >= 0) close(c->fd);
    if (was_busy) failed_connection++;
    open_connection(c);   // refused now, it is tried again when its turn comes
    c->busy = 0;
    if (was_busy) put_idle(c);
}

static int send_request(struct connection *c, uint64_t number, uint64_t start) {
    char request[512];
    int length = hosts > 1
        ? snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s%llu\r\nUser-Agent: pace\r\nAccept: */*\r\n\r\n", host_name, (unsigned long long)(number % (uint64_t)hosts))
        : snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: pace\r\nAccept: */*\r\n\r\n", host_name);
    c->busy = 1;
    c->start = start;
    c->count = c->need = 0;
    if (c->fd < 0 && !open_connection(c)) { failed_connection++; return 0; }
    c->busy = 1;
    if (send(c->fd, request, (size_t)length, MSG_NOSIGNAL) == length) return 1;
    // Closed by the peer while it idled: allowed by HTTP; one new connection, and a failure there counts.
    close(c->fd);
    if (open_connection(c)) {
        c->busy = 1;
        if (send(c->fd, request, (size_t)length, MSG_NOSIGNAL) == length) return 1;
    }
    failed_connection++;
    return 0;
}

// Bytes of the whole answer, 0 while its head is incomplete, SIZE_MAX for an answer that this tool does not take.
static size_t whole_length(struct connection *c) {
    c->bytes[c->count] = 0;
    char *end = strstr(c->bytes, "\r\n\r\n");
    if (!end) return c->count >= RECEIVE - 1 ? SIZE_MAX : 0;
    char *field = strcasestr(c->bytes, "\r\ncontent-length:");
    if (!field || field > end) return SIZE_MAX;
    size_t whole = (size_t)(end - c->bytes) + 4 + strtoul(field + 17, NULL, 10);
    return whole < RECEIVE ? whole : SIZE_MAX;
}

static void receive(struct connection *c) {
    ssize_t n = recv(c->fd, c->bytes + c->count, RECEIVE - 1 - c->count, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0 || !c->busy) { reopen(c); return; }
    c->count += (size_t)n;
    if (!c->need) c->need = whole_length(c);
    if (c->need == SIZE_MAX) { reopen(c); return; }
    if (!c->need || c->count < c->need) return;
    uint64_t micros = (now_ns() - c->start) / 1000;
    latencies[answered++] = micros > UINT32_MAX ? UINT32_MAX : (uint32_t)micros;
    if (strncmp(c->bytes + 9, "2", 1) != 0) failed_status++;
    c->busy = 0;
    put_idle(c);
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t quantile(uint32_t *sorted, uint64_t count, double q) {
    if (!count) return 0;
    uint64_t index = (uint64_t)(q * (double)count);
    return sorted[index < count ? index : count - 1];
}

int main(int argc, char **argv) {
    if (argc < 6) { fprintf(stderr, "usage: %s PORT RATE SECONDS CONNECTIONS HOST [HOSTS]\n", argv[0]); return 2; }
    port = atoi(argv[1]);
    double rate = atof(argv[2]), seconds = atof(argv[3]);
    connections = atoi(argv[4]);
    host_name = argv[5];
    hosts = argc > 6 ? atoi(argv[6]) : 1;
    uint64_t total = (uint64_t)(rate * seconds), sent = 0;
    if (!total || connections < 1) return 2;
    signal(SIGPIPE, SIG_IGN);
    poller = epoll_create1(EPOLL_CLOEXEC);
    all = calloc((size_t)connections, sizeof *all);
    idle = calloc((size_t)connections, sizeof *idle);
    latencies = calloc(total, sizeof *latencies);
    lateness = calloc(total, sizeof *lateness);
    if (poller < 0 || !all || !idle || !latencies || !lateness) die("start");
    for (int i = 0; i < connections; i++) {
        if (!open_connection(&all[i])) die("connect");
        put_idle(&all[i]);
    }
    struct epoll_event events[256];
    uint64_t begin = now_ns() + 10000000, finish = 0;
    int waited = 0;      // the request that is due next found no free connection when it was due
    while (answered + failed_connection < total) {
        uint64_t now = now_ns();
        while (sent < total) {
            uint64_t due = begin + (uint64_t)((double)sent * 1e9 / rate);
            if (due > now) break;
            if (!idle_count) { waited = 1; break; }
            struct connection *c = take_idle();
            if (!waited) lateness[late_count++] = (uint32_t)((now - due) / 1000);
            if (!send_request(c, sent, waited ? due : now)) { c->busy = 0; put_idle(c); }
            sent++;
            waited = waited && begin + (uint64_t)((double)sent * 1e9 / rate) <= now;
            now = now_ns();
        }
        if (sent == total && !finish) finish = now + (uint64_t)GRACE_SECONDS * 1000000000u;
        if (finish && now > finish) break;
        uint64_t due = sent < total ? begin + (uint64_t)((double)sent * 1e9 / rate) : finish;
        uint64_t wait = due > now && idle_count ? due - now : (due > now ? 10000000 : 0);
        if (!idle_count) wait = 10000000;
        struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000u), .tv_nsec = (long)(wait % 1000000000u)};
        int n = epoll_pwait2(poller, events, 256, &timeout, NULL);
        for (int i = 0; i < n; i++) receive(events[i].data.ptr);
    }
    double elapsed = (double)(now_ns() - begin) / 1e9;
    uint64_t lost = total - (answered < total ? answered : total);
    qsort(latencies, answered, sizeof *latencies, ascending);
    qsort(lateness, late_count, sizeof *lateness, ascending);
    printf("{\"requests\": %llu, \"answered\": %llu, \"failed\": %llu, \"not_2xx\": %llu, \"seconds\": %.3f, "
           "\"p50\": %u, \"p90\": %u, \"p99\": %u, \"p999\": %u, \"max\": %u, \"late\": {\"p50\": %u, \"p99\": %u}}\n",
           (unsigned long long)total, (unsigned long long)answered, (unsigned long long)(lost + failed_status),
           (unsigned long long)failed_status, elapsed, quantile(latencies, answered, 0.5), quantile(latencies, answered, 0.9),
           quantile(latencies, answered, 0.99), quantile(latencies, answered, 0.999), answered ? latencies[answered - 1] : 0,
           quantile(lateness, late_count, 0.5), quantile(lateness, late_count, 0.99));
    return 0;
}
