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

const (
	// answerTime is how long a command waits for the service's answer.
	answerTime = 10 * time.Second
	// packagedConfig is where the package has the configuration.
	packagedConfig = "/etc/postvet/postvet.toml"
)

// asking is how a command finds the running service.
type asking struct {
	cmd          *cobra.Command
	socket, file string
}

func (a *asking) addSocket(cmd *cobra.Command) {
	a.cmd = cmd
	cmd.Flags().StringVar(&a.socket, "socket", "", "control socket, as `PATH` (default that of the configuration, then "+control.DefaultSocket+")")
	cmd.Flags().StringVar(&a.file, "config", "", "configuration `FILE` of the service, to find the socket (default "+packagedConfig+" if it is there)")
}

// client finds the socket: the one that is named, that of the configuration, or
// the packaged service's. Of the configuration nothing else is read, so that a
// file with faults is no obstacle.
func (a *asking) client() (*control.Client, error) {
	c := &control.Client{Socket: a.socket, Postvet: thisBuild()}
	named := a.cmd.Flags().Changed("config")
	switch {
	case a.cmd.Flags().Changed("socket"):
		if a.socket = strings.TrimPrefix(a.socket, "unix:"); a.socket == "" {
			return nil, usage("--socket has an empty path; write a path such as %s", control.DefaultSocket)
		}
		c.Socket = a.socket
		return c, nil
	case !named:
		a.file = packagedConfig
	}
	socket, err := config.ControlSocketIn(a.file)
	switch {
	case err != nil && named:
		return nil, failed("%s; name a readable file, or the socket with --socket", fileError(a.file, err))
	case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
		return nil, failed("%s; name the socket with --socket", fileError(a.file, err))
	case err != nil:
		socket = config.ControlAuto
	}
	switch socket = strings.TrimPrefix(socket, "unix:"); socket {
	case "":
		return nil, failed("%s sets control.socket to none, so the service cannot be asked; set it to \"auto\" or a path and restart the service", a.file)
	case config.ControlAuto:
		if socket = autoSocket(); socket == "" {
			socket = control.DefaultSocket
		}
	}
	c.Socket = socket
	return c, nil
}

// autoSocket is where a service of the same unit has its socket.
func autoSocket() string { return config.Default().ControlPath(os.Getenv("RUNTIME_DIRECTORY")) }

// do asks once. Errors carry the exit code.
func (a *asking) do(ctx context.Context, most time.Duration, q control.Request, result any) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	return ask(ctx, c, most, q, result)
}

func ask(ctx context.Context, c *control.Client, most time.Duration, q control.Request, result any) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err := c.Do(ctx, q, result)
	var r *control.Refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &r) && (r.Code == control.CodeRefused || r.Code == control.CodeRequest):
		return exit{exitUsage, err}
	}
	return exit{exitFailed, err}
}
