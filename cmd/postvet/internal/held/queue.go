package held

import (
	"bufio"
	"bytes"
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
	// maxLine bounds what is read of a line of the list. The line of a message has all its
	// recipients, and what other hosts said about them.
	maxLine = 64 << 10
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

// read returns the ids of a list of the queue. Of a long line the beginning counts.
func read(r io.Reader, parse func(line []byte) string) (map[string]bool, error) {
	ids := map[string]bool{}
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, long, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			return ids, nil
		} else if err != nil {
			return nil, err
		}
		if id := parse(line); ValidID(id) {
			if ids[id] = true; len(ids) > maxQueue {
				return nil, fmt.Errorf("the queue has more than %d messages", maxQueue)
			}
		}
		for long && err == nil {
			_, long, err = lines.ReadLine()
		}
	}
}

// postfixEntry returns the id of a line of "postqueue -j", "" if the message is not held. The
// end of the line may be missing: queue and id come first.
func postfixEntry(line []byte) string {
	var queue, id string
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return ""
	}
	for queue == "" || id == "" {
		key, err := d.Token()
		if err != nil {
			return ""
		}
		value, err := d.Token()
		if _, nested := value.(json.Delim); err != nil || nested {
			return ""
		}
		text, _ := value.(string)
		switch key {
		case "queue_name":
			queue = text
		case "queue_id":
			id = text
		}
	}
	if queue != "hold" {
		return ""
	}
	return id
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
