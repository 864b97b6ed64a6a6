// Command redis serves the Redis protocol out of memory, for the Argo CD of `make test-gitops`: redis ADDRESS.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: redis ADDRESS")
		os.Exit(2)
	}
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer server.Close()
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt, syscall.SIGTERM)
	// It was made for tests that move its clock by hand: what expires does so only when it is told that time went by.
	second := time.NewTicker(time.Second)
	for {
		select {
		case <-second.C:
			server.FastForward(time.Second)
		case <-ended:
			return
		}
	}
}
