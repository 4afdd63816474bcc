package child

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"
)

// FreePort returns a port for a program to listen on, which is free on 127.0.0.1 and on ::1
// at this moment. It is below those that the kernel gives to clients, so that no connection
// of another test takes it before it is used, or while the program is away, and it is given
// out once.
func FreePort() (string, error) {
	var last error
	for range 50 {
		port := strconv.Itoa(10000 + rand.IntN(22000))
		if _, taken := givenPorts.LoadOrStore(port, true); taken {
			continue
		}
		l, err := net.Listen("tcp4", "127.0.0.1:"+port)
		if err != nil {
			last = err
			continue
		}
		l6, err := net.Listen("tcp6", "[::1]:"+port)
		l.Close()
		if errors.Is(err, syscall.EADDRINUSE) {
			last = err
			continue
		}
		if err == nil { // otherwise there is no IPv6 here
			l6.Close()
		}
		return port, nil
	}
	return "", fmt.Errorf("no port is free on 127.0.0.1 and ::1: %w", last)
}

// givenPorts are the ports that FreePort has returned.
var givenPorts sync.Map
