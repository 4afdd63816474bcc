package main

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// owner is the user that runs Postvet in a container, and its group. The number has no
// meaning on the host, and no account of a distribution has it.
const owner = 65532

// Places in the image.
const (
	binaryPath = "usr/bin/postvet"
	configPath = "etc/postvet/postvet.toml"
	statePath  = "var/lib/postvet"
	runPath    = "run/postvet" // for a volume that a proxy shares, with the socket of the web page
)

//go:embed postvet.toml
var configuration []byte

// file is a file or, if its name ends in a slash, a directory of the image.
type file struct {
	name string
	mode int64
	own  bool // it belongs to owner; the others are root's
	data []byte
}

// root returns all files of an image. The directories above them are made by layer.
func root(i image) ([]file, error) {
	binary, err := os.ReadFile(i.binary)
	if err != nil {
		return nil, err
	}
	roots, err := certificates()
	if err != nil {
		return nil, err
	}
	zones, err := timeZones(i.zones)
	if err != nil {
		return nil, err
	}
	account := fmt.Sprintf("postvet:x:%d:", owner)
	return append(zones,
		file{name: binaryPath, mode: 0o755, data: binary},
		file{name: configPath, mode: 0o644, data: configuration},
		file{name: "etc/passwd", mode: 0o644, data: fmt.Appendf(nil, "root:x:0:0:root:/:/sbin/nologin\n%s%d:Postvet:/%s:/sbin/nologin\n", account, owner, statePath)},
		file{name: "etc/group", mode: 0o644, data: []byte("root:x:0:\n" + account + "\n")},
		file{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, data: roots},
		file{name: "usr/share/doc/postvet/LICENSE", mode: 0o644, data: i.licence},
		file{name: "usr/share/doc/postvet/third-party-licences", mode: 0o644, data: i.licences},
		file{name: statePath + "/", mode: 0o750, own: true},
		// An empty volume takes its owner and its rights from the folder.
		file{name: runPath + "/", mode: 0o750, own: true},
	), nil
}

// certificates returns the authorities that Mozilla trusts, as the Go project bundles
// them: go.mod pins the bundle, where that of the machine would be another one each
// month. Authorities that count for some names or dates only are left out, as a file
// cannot say so.
func certificates() ([]byte, error) {
	var all bytes.Buffer
	for r := range bundle.Roots() {
		if r.Constraint != nil {
			continue
		}
		if err := pem.Encode(&all, &pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate}); err != nil {
			return nil, err
		}
	}
	return all.Bytes(), nil
}

// timeZones returns the database of time zones that comes with Go. It is not linked into
// the binary, which stays that of the packages, and a newer one can be mounted over it.
func timeZones(path string) ([]file, error) {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	var all []file
	for _, entry := range archive.File {
		if strings.HasSuffix(entry.Name, "/") {
			continue
		}
		r, err := entry.Open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		all = append(all, file{name: "usr/share/zoneinfo/" + entry.Name, mode: 0o644, data: data})
	}
	return all, nil
}
