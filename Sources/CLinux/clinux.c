#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

int clinux_accept(int fd, struct sockaddr *address, socklen_t *length) {
  int accepted = accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return accepted < 0 ? -errno : accepted;
}

ssize_t clinux_random(void *buffer, size_t length) {
  ssize_t count = getrandom(buffer, length, 0);
  return count < 0 ? -errno : count;
}

int clinux_name_thread(const char *name) { return -pthread_setname_np(pthread_self(), name); }

int clinux_nice_thread(int nice) {
  if (getpriority(PRIO_PROCESS, (id_t)gettid()) >= nice) return 0;
  return setpriority(PRIO_PROCESS, (id_t)gettid(), nice) < 0 ? -errno : 0;
}

void clinux_return_memory(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

int clinux_affinity_count(void) {
  for (int cpus = 1024; cpus <= 1024 * 1024; cpus *= 2) {
    cpu_set_t *set = CPU_ALLOC(cpus);
    if (!set) return -ENOMEM;
    size_t size = CPU_ALLOC_SIZE(cpus);
    int result = sched_getaffinity(0, size, set) < 0 ? -errno : CPU_COUNT_S(size, set);
    CPU_FREE(set);
    if (result != -EINVAL) return result;
  }
  return -EINVAL;
}
