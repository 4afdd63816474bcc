package main

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/mtasetup"
)

// askTime is how long the running service is waited for where its answer is not needed.
const askTime = 2 * time.Second

// controlPath returns the control socket of a service with the configuration c, "" if
// it has none.
func controlPath(c *config.Config) string {
	if c.Control.Socket == config.ControlAuto {
		if path := autoSocket(); path != "" {
			return path
		}
		return control.DefaultSocket
	}
	return strings.TrimPrefix(c.Control.Socket, "unix:")
}

// packagedControl returns the control socket of the packaged service.
func packagedControl() string {
	socket, err := config.ControlSocketIn(packagedConfig)
	if err != nil {
		socket = config.ControlAuto
	}
	return controlPath(&config.Config{Control: config.Control{Socket: socket}})
}

// askSources asks the running service on which sockets it listens, and returns that
// with the other sources. file is the configuration that it was started with, "" if it
// is not known.
func askSources(ctx context.Context, socket string) (s mtasetup.Sources, file string) {
	s = mtasetup.Sources{Control: socket, UnitFolders: mtasetup.UnitFolders}
	if socket == "" {
		return s, ""
	}
	var status control.Status
	err := request(ctx, &control.Client{Socket: socket, Postvet: thisBuild()}, askTime, control.Request{Do: control.DoStatus}, &status)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		s.Refused = err.Error()
	default:
		s.Running, file = status.Sockets, status.Config.File
	}
	return s, file
}

// sameFile reports whether two names are of one file.
func sameFile(a, b string) bool {
	a, errA := filepath.Abs(a)
	b, errB := filepath.Abs(b)
	return errA == nil && errB == nil && a == b
}
