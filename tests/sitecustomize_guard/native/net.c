/* Resolves a host and connects, by whatever C library it is linked with: net HOST PORT. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int argc, char **argv) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (argc != 3) return 2;
    int code = getaddrinfo(argv[1], argv[2], &hints, &found);
    if (code) { printf("%s\n", gai_strerror(code)); return 3; }
    int s = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (connect(s, found->ai_addr, found->ai_addrlen)) { perror("connect"); return 4; }
    puts("connected");
    return 0;
}
