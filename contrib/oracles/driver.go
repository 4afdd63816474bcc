package oracles

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/postvet/postvet/contrib/child"
)

//go:embed *.py *.pl *.php *.rb *.js
var drivers embed.FS

// missing is a driver's exit status if its package is not installed.
const missing = 77

// errMissing is the error of a driver whose package is not installed. It is
// wrapped with the driver's words.
var errMissing = errors.New("not installed")

// Debian's interpreters know Debian's packages; others of the same name in the
// path may not. Node has its packages from npm.
var interpreters = map[string][]string{
	".js":  {"node", "-e"},
	".php": {"/usr/bin/php", "-r"},
	".pl":  {"/usr/bin/perl", "-e"},
	".py":  {"/usr/bin/python3", "-c"},
	".rb":  {"/usr/bin/ruby", "-e"},
}

// driver is a driver that runs. It ends with this program.
type driver struct {
	name    string
	process *child.Process
	stdin   io.WriteCloser
	stdout  io.Closer
	answers *json.Decoder // of stdout
	stderr  bytes.Buffer  // valid when the process has ended
}

// start starts a driver in a folder; "" is the current one.
func start(name, folder string) (*driver, error) {
	script, err := drivers.ReadFile(name)
	if err != nil {
		return nil, err
	}
	command := interpreters[path.Ext(name)]
	if _, err := exec.LookPath(command[0]); err != nil {
		return nil, fmt.Errorf("%s: %w", command[0], errMissing)
	}
	d := &driver{name: name}
	cmd := exec.Command(command[0], command[1], string(script))
	cmd.Dir = folder
	stdout, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, &d.stderr
	d.stdout, d.answers = stdout, json.NewDecoder(stdout)
	if d.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if d.process, err = child.Start(cmd, syscall.SIGKILL); err != nil {
		return nil, err
	}
	go func() {
		<-d.process.Done()
		_ = writer.Close() // never fails
	}()
	return d, nil
}

// stop ends the driver, whatever it does. A driver that waits for requests can
// remove its files first.
func (d *driver) stop() {
	_ = d.stdin.Close()  // fails if the driver has ended
	_ = d.stdout.Close() // never fails; nobody reads what the driver still writes
	select {
	case <-d.process.Done():
	case <-time.After(5 * time.Second):
		d.process.Kill()
	}
}

// ask sends the requests to the driver and returns its answers, one each. With an
// error it returns those before it, and the driver has ended.
func ask[Request, Answer any](d *driver, requests []Request, patience time.Duration) ([]Answer, error) {
	late := time.AfterFunc(patience, d.process.Kill)
	defer late.Stop()
	go func() {
		in := json.NewEncoder(d.stdin)
		for i := range requests {
			if in.Encode(requests[i]) != nil {
				return // the driver has ended, which the reader sees
			}
		}
	}()
	answers := make([]Answer, len(requests))
	for i := range answers {
		if err := d.answers.Decode(&answers[i]); err != nil {
			d.stop()
			words := strings.TrimSpace(d.stderr.String())
			if d.process.ExitCode() == missing {
				return nil, fmt.Errorf("%w: %s", errMissing, words)
			}
			return answers[:i], fmt.Errorf("%s: answer %d of %d: %w\n%s", d.name, i+1, len(requests), err, words)
		}
	}
	return answers, nil
}
