//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// measure returns the processor time and peak memory of processes and their descendants.
func measure(roots []int) (usage, error) {
	var u usage
	all, err := family(roots)
	if err != nil {
		return u, err
	}
	for _, p := range all {
		u.cpu += p.cpu()
		u.peak += p.peak()
	}
	if u.cpu == 0 && len(roots) > 0 {
		return u, fmt.Errorf("no processor time is known of the processes %v", roots)
	}
	return u, nil
}

// proc is one process in /proc.
type proc struct {
	pid, parent int
	children    time.Duration // processor time of children that ended
}

// clockTick is the unit of processor time in /proc: 1/100 s on every Linux.
const clockTick = 10 * time.Millisecond

// family lists the processes and all that descend from them.
func family(roots []int) ([]proc, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	all := map[int]proc{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it ended meanwhile
		}
		// pid (comm) state ppid ...: comm may hold blanks and brackets.
		f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(f) < 15 || f[0] == "Z" {
			continue
		}
		p := proc{pid: pid}
		p.parent, _ = strconv.Atoi(f[1])
		user, _ := strconv.ParseInt(f[13], 10, 64)
		system, _ := strconv.ParseInt(f[14], 10, 64)
		p.children = time.Duration(user+system) * clockTick
		all[pid] = p
	}
	in := map[int]bool{}
	for _, r := range roots {
		in[r] = true
	}
	for grown := true; grown; {
		grown = false
		for pid, p := range all {
			if !in[pid] && in[p.parent] {
				in[pid], grown = true, true
			}
		}
	}
	var out []proc
	for pid := range in {
		if p, ok := all[pid]; ok {
			out = append(out, p)
		}
	}
	return out, nil
}

// cpu returns the process's own time and that of its children that ended. The
// process's clock knows nanoseconds, where /proc/PID/stat counts ticks.
func (p proc) cpu() time.Duration {
	// MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) of linux/posix-timers.h.
	clock := int32(^p.pid<<3 | 2)
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return p.children
	}
	return time.Duration(t.Nano()) + p.children
}

// peak returns VmHWM in bytes.
func (p proc) peak() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(status), "\n") {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "VmHWM:" {
			kb, _ := strconv.ParseInt(f[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// resetPeaks sets VmHWM to the memory that is resident now.
func resetPeaks(roots []int) error {
	all, err := family(roots)
	if err != nil {
		return err
	}
	for _, p := range all {
		// 5 stands for "reset the peak" in proc_pid_clear_refs(5).
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.pid), []byte("5"), 0o200); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}
