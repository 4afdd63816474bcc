package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
)

// answerTime is how long a command waits for the service's answer.
const answerTime = 10 * time.Second

// serviceFlags are the flags by which a command finds the running service.
type serviceFlags struct {
	cmd          *cobra.Command
	socket, file string
}

func (f *serviceFlags) addSocket(cmd *cobra.Command) {
	f.cmd = cmd
	cmd.Flags().StringVar(&f.socket, "socket", "", "control socket, as `PATH` (default that of the configuration, then "+control.DefaultSocket+")")
	cmd.Flags().StringVar(&f.file, "config", "", "configuration `FILE` of the service, to find the socket (default "+packagedConfig+" if it is there)")
}

// client returns a client of the service's socket: the one that is named, that of
// the configuration, or that of the packaged service. Nothing else is read of the
// configuration, so that a file with faults is no obstacle.
func (f *serviceFlags) client() (*control.Client, error) {
	c := &control.Client{Socket: f.socket, Postvet: thisBuild()}
	named := f.cmd.Flags().Changed("config")
	if !named {
		f.file = packagedConfig
	}
	switch {
	case f.cmd.Flags().Changed("socket"):
		if f.socket = strings.TrimPrefix(f.socket, "unix:"); f.socket == "" {
			return nil, usage("--socket has an empty path; write a path such as %s", control.DefaultSocket)
		}
		c.Socket = f.socket
		return c, nil
	}
	var err error
	socket := os.Getenv(config.ControlVariable) // it wins over the file for the service too
	if socket == "" {
		socket, err = config.ControlSocketIn(f.file)
	}
	switch {
	case err != nil && named:
		return nil, failed("%s; name a readable file, or the socket with --socket", fileError(f.file, err))
	case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
		return nil, failed("%s; name the socket with --socket", fileError(f.file, err))
	case err != nil:
		socket = config.ControlAuto
	}
	switch socket = strings.TrimPrefix(socket, "unix:"); socket {
	case "":
		return nil, failed("%s sets control.socket to none, so the service cannot be asked; set it to \"auto\" or a path and restart the service", f.file)
	case config.ControlAuto:
		if socket = autoSocket(); socket == "" {
			socket = control.DefaultSocket
		}
	}
	c.Socket = socket
	return c, nil
}

// autoSocket returns the default control socket in the runtime directory of our systemd
// unit, "" if systemd did not start us with one.
func autoSocket() string { return config.Default().ControlPath(os.Getenv("RUNTIME_DIRECTORY")) }

// do has the service carry out a request, within a time. Errors carry the exit code.
func (f *serviceFlags) do(ctx context.Context, most time.Duration, q control.Request, result any) error {
	c, err := f.client()
	if err != nil {
		return err
	}
	return request(ctx, c, most, q, result)
}

// request is do for a client that is known.
func request(ctx context.Context, c *control.Client, most time.Duration, q control.Request, result any) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if err := c.Do(ctx, q, result); err != nil {
		return requestError(err)
	}
	return nil
}

// requestError returns the error of a request with its exit code.
func requestError(err error) error {
	var r *control.Refusal
	var e exit
	switch {
	case errors.As(err, &e):
		return err
	case errors.As(err, &r) && (r.Code == control.CodeRefused || r.Code == control.CodeRequest):
		return exit{exitUsage, err}
	}
	return exit{exitFailed, err}
}
