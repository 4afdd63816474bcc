package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a real one of the kernel (pty(7)), with what a person would see
// on it.
type terminal struct {
	t      *testing.T
	master *os.File
	ended  chan struct{} // nobody has it open any more

	mu            sync.Mutex
	columns, rows int
	screen        [2][][]rune // the usual one, and the other
	on            int
	row, column   int
	cursor        bool
	unknown       []string // sequences that are none of those below
}

// startOn runs a command on a new terminal.
func startOn(t *testing.T, columns, rows int, cmd *exec.Cmd) *terminal {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, master: os.NewFile(uintptr(fd), "/dev/ptmx"), ended: make(chan struct{}), cursor: true}
	t.Cleanup(func() { _ = term.master.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	term.resize(columns, rows)
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	go term.read()
	return term
}

// resize changes the size as a window does; the kernel sends SIGWINCH.
func (term *terminal) resize(columns, rows int) {
	term.t.Helper()
	term.mu.Lock()
	defer term.mu.Unlock()
	term.columns, term.rows = columns, rows
	for i := range term.screen {
		term.screen[i] = make([][]rune, rows)
		for j := range term.screen[i] {
			term.screen[i][j] = []rune(strings.Repeat(" ", columns))
		}
	}
	size := unix.Winsize{Row: uint16(rows), Col: uint16(columns)}
	if err := unix.IoctlSetWinsize(int(term.master.Fd()), unix.TIOCSWINSZ, &size); err != nil {
		term.t.Fatal(err)
	}
}

func (term *terminal) keys(s string) {
	term.t.Helper()
	if _, err := term.master.WriteString(s); err != nil {
		term.t.Fatal(err)
	}
}

var sequence = regexp.MustCompile(`^\x1b\[[0-9;?]*[a-zA-Z]`)

func (term *terminal) read() {
	defer close(term.ended)
	var rest string
	b := make([]byte, 4096)
	for {
		n, err := term.master.Read(b)
		if err != nil {
			return
		}
		term.mu.Lock()
		rest = term.show(rest + string(b[:n]))
		term.mu.Unlock()
	}
}

// show obeys what is complete and returns the rest.
func (term *terminal) show(s string) string {
	for s != "" {
		if s[0] == 0x1b {
			seq := sequence.FindString(s)
			if seq == "" {
				return s
			}
			term.obey(seq)
			s = s[len(seq):]
			continue
		}
		r := []rune(s)[0]
		s = s[len(string(r)):]
		switch {
		case r == '\r':
			term.column = 0
		case r == '\n':
			if term.row++; term.row >= term.rows { // it scrolls
				lines := term.screen[term.on]
				copy(lines, lines[1:])
				lines[len(lines)-1] = []rune(strings.Repeat(" ", term.columns))
				term.row = term.rows - 1
			}
		case term.column < term.columns && term.row < term.rows:
			term.screen[term.on][term.row][term.column] = r
			term.column++
		}
	}
	return ""
}

func (term *terminal) obey(seq string) {
	blank := func(row, from int) {
		for ; row < term.rows && from < term.columns; from++ {
			term.screen[term.on][row][from] = ' '
		}
	}
	switch seq {
	case "\x1b[?1049h", "\x1b[?1049l":
		term.on = 0
		if strings.HasSuffix(seq, "h") {
			term.on = 1
		}
	case "\x1b[?25h", "\x1b[?25l":
		term.cursor = strings.HasSuffix(seq, "h")
	case "\x1b[H":
		term.row, term.column = 0, 0
	case "\x1b[K":
		blank(term.row, term.column)
	case "\x1b[J":
		blank(term.row, term.column)
		for row := term.row + 1; row < term.rows; row++ {
			blank(row, 0)
		}
	default:
		term.unknown = append(term.unknown, seq)
	}
}

// text is what stands on the screen that is shown.
func (term *terminal) text() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	var b strings.Builder
	for _, line := range term.screen[term.on] {
		b.WriteString(strings.TrimRight(string(line), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// wait waits until the screen shows a text, and returns it.
func (term *terminal) wait(text string) string {
	term.t.Helper()
	shown := ""
	if !eventually(func() bool { shown = term.text(); return strings.Contains(shown, text) }) {
		term.t.Fatalf("the terminal does not show %q but\n%s", text, shown)
	}
	return shown
}
