/* Connects by a 32-bit system call (int 0x80) of a 64-bit process: other numbers, past a filter that forgets the ABI. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>

static long call32(long number, long one, long two, long three) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(one), "c"(two), "d"(three) : "memory", "r8", "r9", "r10", "r11");
    return result;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(0x7f000001)};
    memcpy(low, &address, sizeof address);
    long descriptor = call32(359, AF_INET, SOCK_STREAM, 0);
    long result = descriptor < 0 ? descriptor : call32(362, descriptor, (long)low, sizeof address);
    printf("%ld\n", result);
    return result < 0;
}
