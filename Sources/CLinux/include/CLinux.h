// What Linux offers and Swift's Glibc module does not show: headers that its module map leaves out, functions that the
// C library declares only under _GNU_SOURCE (which Swift does not set), and macros that are expressions. Nothing else
// belongs here.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>     // not in the Glibc module map
#include <sys/eventfd.h>   // not in the Glibc module map
#include <sys/inotify.h>   // not in the Glibc module map
#include <sys/signalfd.h>  // not in the Glibc module map
#include <sys/socket.h>
#include <sys/types.h>

// EPOLLET is 1u << 31 in an enumeration: Swift gives such constants a type that changes with their value.
static inline uint32_t clinux_epoll_in(void) { return EPOLLIN; }
static inline uint32_t clinux_epoll_out(void) { return EPOLLOUT; }
static inline uint32_t clinux_epoll_rdhup(void) { return EPOLLRDHUP; }
static inline uint32_t clinux_epoll_hup(void) { return EPOLLHUP; }
static inline uint32_t clinux_epoll_err(void) { return EPOLLERR; }
static inline uint32_t clinux_epoll_et(void) { return EPOLLET; }
static inline uint32_t clinux_epoll_exclusive(void) { return EPOLLEXCLUSIVE; }

// Declared under _GNU_SOURCE only. Each returns what the system call returns, or minus errno.

/// accept4 with SOCK_NONBLOCK and SOCK_CLOEXEC.
int clinux_accept(int fd, struct sockaddr *address, socklen_t *length);
/// getrandom without flags: blocks until the kernel's generator is seeded, once after boot.
ssize_t clinux_random(void *buffer, size_t length);
/// Names the calling thread; the kernel keeps 15 bytes.
int clinux_name_thread(const char *name);
/// Raises the nice value of the calling thread to at least this (on Linux, setpriority with a thread id concerns that thread alone).
int clinux_nice_thread(int nice);
/// Gives memory that the C library's heap keeps free back to the kernel (malloc_trim); does nothing with another library.
void clinux_return_memory(void);
/// CPU_COUNT of sched_getaffinity for this process, with a mask that grows until the kernel's fits.
int clinux_affinity_count(void);

#endif
