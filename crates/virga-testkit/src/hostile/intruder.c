/* Stands in for ffmpeg or ffprobe and tries to get out of its sandbox. Compiled by a test, which
   defines SECRET and SOURCE (files), FOLDER (with files `long` and `removed`), TCP and UDP (ports of
   127.0.0.1) and SOCKET (an abstract Unix socket). The site is its parent process.

   Prints a line for each act: its name and `reached`, or the number of the error. Ends with the
   names of all that it reached in one line on its standard error, and code 1. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static char reached[512] = "reached:";

static void act(const char *name, long result) {
    if (result >= 0) {
        printf("%s reached\n", name);
        strcat(strcat(reached, " "), name);
    } else {
        printf("%s %d\n", name, errno);
    }
}

static long failed(int error) { errno = error; return -1; }

static long reads(const char *path) {
    char byte;
    int file = open(path, O_RDONLY);
    return file < 0 ? -1 : read(file, &byte, 1) == 1 ? 0 : failed(EIO);
}

static long sends(int family, int type, const void *address, socklen_t length) {
    int s = socket(family, type, 0);
    if (s < 0 || connect(s, address, length) < 0) return -1;
    return send(s, "x", 1, MSG_NOSIGNAL);
}

static long internet(int type, int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    return sends(AF_INET, type, &to, sizeof to);
}

static long abstract(void) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strcpy(to.sun_path + 1, SOCKET);
    return sends(AF_UNIX, SOCK_STREAM, &to,
                 offsetof(struct sockaddr_un, sun_path) + 1 + strlen(SOCKET));
}

/* A child that ends at once, by any of the calls that make one. */
static long child(long result) {
    if (result == 0) _exit(0);
    if (result > 0) waitpid(result, NULL, 0);
    return result;
}

static long cloned(void) {
    unsigned long arguments[11] = {0};
    arguments[4] = SIGCHLD;
    return child(syscall(SYS_clone3, arguments, sizeof arguments));
}

static long inherited(void) {
    for (int number = 3; number < 64; number++)
        if (fcntl(number, F_GETFD) >= 0) return number;
    return failed(EBADF);
}

static long memory(pid_t site) {
    char byte;
    struct iovec here = {&byte, 1}, there = {(void *)0x1000, 1};
    long got = process_vm_readv(site, &here, 1, &there, 1, 0);
    /* Nothing is mapped there, but it was permitted to look. */
    return got < 0 && errno == EFAULT ? 0 : got;
}

int main(int count, char **words) {
    pid_t site = getppid();
    char path[64];
    if (count > 1 && strcmp(words[1], "foreign") == 0) {
#ifdef __x86_64__
        long result;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
        printf("%ld\n", result);
#endif
        return 0;
    }
    if (count > 1 && strcmp(words[1], "another") == 0) {
        execl("/bin/true", "true", NULL);
        return 1;
    }
    act("descriptor", inherited());
    act("input", reads("../in"));
    act("secret", reads(SECRET));
    act("source", reads(SOURCE));
    snprintf(path, sizeof path, "/proc/%d/environ", site);
    act("environ", reads(path));
    act("write", open(FOLDER "/written", O_CREAT | O_WRONLY, 0600));
    act("truncate", truncate(FOLDER "/long", 1));
    act("empty-input", open("../in", O_RDONLY | O_TRUNC));
    act("write-input", open("../in", O_WRONLY));
    act("link-input", link("../in", "linked"));
    act("rename-input", rename("../in", "../out-of-it"));
    act("mode", chmod(SOURCE, 0666));
    act("attribute", setxattr(SOURCE, "user.x", "x", 1, 0));
    act("remove", unlink(FOLDER "/removed"));
    act("tcp", internet(SOCK_STREAM, TCP));
    act("udp", internet(SOCK_DGRAM, UDP));
    act("abstract", abstract());
    act("signal", kill(site, 0));
    act("thread-signal", syscall(SYS_tgkill, site, site, 0));
    act("fork", child(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)));
    act("clone3", cloned());
    /* The leader of a group may not: the call is there all the same. */
    act("setsid", setsid() < 0 && errno != EPERM ? -1 : 0);
    act("setpgid", setpgid(0, 0) < 0 && errno != EPERM ? -1 : 0);
    act("limits", syscall(SYS_prlimit64, site, 7, NULL, path));
    act("memory", memory(site));
    act("mount", mount("none", FOLDER, "tmpfs", 0, NULL));
    act("namespace", unshare(CLONE_NEWUSER | CLONE_NEWNS));
    act("io-uring", syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == EFAULT ? 0 : failed(errno));
    act("bpf", syscall(SYS_bpf, 0, NULL, 0) < 0 && errno != ENOSYS ? 0 : failed(errno));
    act("userfaultfd", syscall(SYS_userfaultfd, -1) < 0 && errno != ENOSYS ? 0 : failed(errno));
    act("keyctl", syscall(SYS_keyctl, -1) < 0 && errno != ENOSYS ? 0 : failed(errno));
    act("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
    act("work", open("made", O_CREAT | O_RDWR, 0600));
    fflush(stdout);
    fprintf(stderr, "%s\n", reached);
    return 1;
}
