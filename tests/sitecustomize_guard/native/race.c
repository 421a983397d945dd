/* Connects in a loop while a second thread changes what the connect is given: port, addr, family, descriptor, pointer. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static volatile struct sockaddr_in address;
static volatile int current = -1, running = 1;
static const char *what;
static int allowed_port, denied_port;

static void spin(void) {
    for (volatile int i = rand() % 4000; i > 0; i--) {
    }
}

static void change(int good) {
    if (!strcmp(what, "port")) {
        address.sin_port = htons(good ? allowed_port : denied_port);
    } else if (!strcmp(what, "addr")) {
        address.sin_addr.s_addr = htonl(good ? 0x7f000002 : 0x7f000001);
    } else if (!strcmp(what, "family")) {
        address.sin_family = good ? AF_UNIX : AF_INET;
    } else if (!strcmp(what, "descriptor") && current >= 0) {
        int other = socket(good ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
        dup2(other, current);
        close(other);
    }
}

static void *changer(void *unused) {
    (void)unused;
    while (running) {
        change(1);
        spin();
        change(0);
        spin();
    }
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    what = argv[1];
    allowed_port = atoi(argv[2]);
    denied_port = atoi(argv[3]);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(0x7f000001);
    address.sin_port = htons(denied_port);
    pthread_t thread;
    pthread_create(&thread, NULL, changer, NULL);
    long tries = 0, connected = 0;
    for (time_t end = time(NULL) + atoi(argv[4]); time(NULL) < end; tries++) {
        int one = socket(AF_INET, SOCK_STREAM, 0);
        if (one < 0) continue;
        current = one;
        connected += connect(one, (const struct sockaddr *)&address, sizeof address) == 0;
        current = -1;
        close(one);
    }
    running = 0;
    pthread_join(thread, NULL);
    printf("%ld %ld\n", tries, connected);
    return 0;
}
