package stored

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
)

// Bounds of what a server may answer for a domain.
const (
	MaxKeys = 50
	MaxText = 64 << 10 // octets of a key
)

// Secret reads a file that holds a password or token, without the line end behind it. An
// empty path is no secret. The error names the file.
func Secret(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := read(path)
	if err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" || strings.ContainsAny(secret, "\r\n\x00") {
		return "", fmt.Errorf("%s: not a secret alone in one line", path)
	}
	return secret, nil
}

// TLS returns the settings of a connection to a host whose certificate must be valid for
// its name. caFile has the certificates that sign it, "" for those of the system.
func TLS(host, caFile string) (*tls.Config, error) {
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return c, nil
	}
	text, err := read(caFile)
	if err != nil {
		return nil, err
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: no certificate in PEM", caFile)
	}
	return c, nil
}

func read(path string) ([]byte, error) {
	const most = 1 << 20
	f, err := input.OpenRegular(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, input.Cause(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && len(text) > most {
		err = errors.New("larger than 1 MB")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, input.Cause(err))
	}
	return text, nil
}
