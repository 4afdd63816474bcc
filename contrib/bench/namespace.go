//go:build linux

package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// The benchmark runs in namespaces of its own. The network is only a loopback,
// on which port 53 is free for our DNS server. /etc/resolv.conf names that
// server to programs that have no setting for it. The kernel ends all processes
// with the first one, so that none is left.

// insideKey marks the second of the two processes, and has the folder of the
// binaries.
const insideKey = "POSTVET_BENCH_BINARIES"

// enter runs this program again, with the same arguments, in namespaces, and
// returns its exit code. The caller's goroutine must be locked to its thread,
// since the end of the thread stops the child.
func enter(binaries string) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideKey+"="+binaries)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	// A terminal sends its signals to the child too, which then ends in order.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("namespaces: %w (root is needed)", err)
	}
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-signals:
				cmd.Process.Signal(syscall.SIGTERM)
			case <-done:
				return
			}
		}
	}()
	err = cmd.Wait()
	close(done)
	if cmd.ProcessState == nil {
		return 0, err
	}
	return cmd.ProcessState.ExitCode(), nil
}

// setUp sets up the namespaces for the benchmark; dir is a folder for our
// files.
func setUp(dir string) error {
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("namespaces: mounts: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("namespaces: /proc: %w", err)
	}
	if err := syscall.Sethostname([]byte("mx.test.example")); err != nil {
		return fmt.Errorf("namespaces: host name: %w", err)
	}
	for path, text := range map[string]string{
		"/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:5 attempts:2\n",
		"/etc/hosts":       "127.0.0.1 localhost mx.test.example\n::1 localhost\n",
	} {
		file := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
		if err := syscall.Mount(file, path, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("namespaces: %s: %w", path, err)
		}
	}
	return loopback()
}

// networks are where the corpus's clients are.
var networks = []netip.Prefix{
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.0.0/16"),
}

// loopback brings the interface lo up and gives it the addresses of the
// corpus's clients, so that a client can connect from its own.
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("namespaces: lo: %w", err)
	}
	for i, n := range networks {
		if err := addNetwork(fd, fmt.Sprintf("lo:%d", i+1), n); err != nil {
			return fmt.Errorf("namespaces: %s on lo: %w", n, err)
		}
	}
	return nil
}

// addNetwork adds a network to lo under the alias. Unlike other interfaces, lo
// then has every address of the network.
func addNetwork(fd int, alias string, n netip.Prefix) error {
	for _, set := range []struct {
		request uint
		address net.IP
	}{
		{unix.SIOCSIFADDR, n.Addr().Next().AsSlice()},
		{unix.SIOCSIFNETMASK, net.IP(net.CIDRMask(n.Bits(), 32))},
	} {
		r, err := unix.NewIfreq(alias)
		if err != nil {
			return err
		}
		if err := r.SetInet4Addr(set.address); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, set.request, r); err != nil {
			return err
		}
	}
	return nil
}

// serveDNS starts the DNS server on 127.0.0.1:53. dnstest takes any free port,
// so for that moment 53 is the only port that this network has.
func serveDNS(zone string) (*dnstest.Server, error) {
	const (
		from   = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
		choice = "/proc/sys/net/ipv4/ip_local_port_range"
	)
	before, err := os.ReadFile(choice)
	if err != nil {
		return nil, err
	}
	for _, set := range [][2]string{{from, "0"}, {choice, "53 53"}} {
		if err := os.WriteFile(set[0], []byte(set[1]), 0o644); err != nil {
			return nil, fmt.Errorf("DNS server: %w", err)
		}
	}
	s, err := dnstest.NewServer(zone)
	if err != nil {
		return nil, fmt.Errorf("DNS server: %w", err)
	}
	if err := os.WriteFile(choice, before, 0o644); err != nil {
		return nil, err
	}
	if !strings.HasSuffix(s.Addr(), ":53") {
		return nil, fmt.Errorf("DNS server: it is on %s, want port 53", s.Addr())
	}
	return s, nil
}
