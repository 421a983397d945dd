// Resolves a host and connects without a C library: net HOST PORT.
package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	c, err := net.DialTimeout("tcp", net.JoinHostPort(os.Args[1], os.Args[2]), 5*time.Second)
	if err != nil {
		fmt.Println(err)
		os.Exit(3)
	}
	fmt.Println("connected", c.RemoteAddr())
}
