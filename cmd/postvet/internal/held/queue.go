package held

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/foreign"
)

const (
	// askTime bounds how long the MTA may take to list its queue, and maxQueue the
	// messages that are read.
	askTime  = time.Minute
	maxQueue = 1_000_000
	// maxLine bounds a line of the list.
	maxLine = 1 << 20
)

// Ask returns the ids of the messages that the MTA of this machine holds at present. It
// reads the queue and changes nothing.
func Ask(ctx context.Context, m MTA) (map[string]bool, error) {
	argv, parse := []string{"postqueue", "-j"}, postfixEntry
	if m == Sendmail {
		argv, parse = []string{"mailq", "-qQ"}, sendmailEntry
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	program, err := find(argv[0])
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, argv[1:]...)
	cmd.WaitDelay = time.Second
	var said strings.Builder
	cmd.Stderr = &bounded{w: &said, left: 500}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	ids, readErr := read(out, parse)
	if readErr != nil {
		cancel()
	}
	if err := errors.Join(readErr, cmd.Wait()); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, foreign.Line(said.String(), 200))
	}
	return ids, nil
}

// find returns the path of a program. That of an ordinary user's shell lacks the folders of
// the MTA.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin/", "/usr/local/sbin/"} {
		if info, statErr := os.Stat(dir + name); statErr == nil && info.Mode().IsRegular() {
			return dir + name, nil
		}
	}
	return "", err
}

// read returns the ids of a list of the queue.
func read(r io.Reader, parse func(line []byte) string) (map[string]bool, error) {
	ids := map[string]bool{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if id := parse(lines.Bytes()); ValidID(id) {
			if ids[id] = true; len(ids) > maxQueue {
				return nil, fmt.Errorf("the queue has more than %d messages", maxQueue)
			}
		}
	}
	return ids, lines.Err()
}

// postfixEntry returns the id of a line of "postqueue -j", "" if the message is not held.
func postfixEntry(line []byte) string {
	var entry struct {
		Queue string `json:"queue_name"`
		ID    string `json:"queue_id"`
	}
	if json.Unmarshal(line, &entry) != nil || entry.Queue != "hold" {
		return ""
	}
	return entry.ID
}

// sendmailEntry returns the id of a line of "mailq -qQ" that begins an entry: the id stands
// in the first column, with a mark behind it if the message is being processed.
func sendmailEntry(line []byte) string {
	id, _, _ := strings.Cut(string(line), " ")
	id = strings.TrimRight(id, "*X?-")
	if len(id) < 14 || MTAOf(id) != Sendmail {
		return ""
	}
	return id
}

// bounded writes the beginning of what it gets.
type bounded struct {
	w    io.Writer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	if _, err := b.w.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}
