package transfer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/policy/foreign"
)

// Take takes a snapshot that was asked for at a time.
type Take func(from io.Reader, asked time.Time) error

// The beginnings of a source.
const (
	unixScheme  = "unix:"
	httpsScheme = "https://"
)

// Fetch gets the snapshot of a source and has it taken: of "unix:/path", the control socket of
// a service, or of "https://host:port", a [Server]. It returns when ctx ends at the latest, if
// take does. The error says what to do.
func Fetch(ctx context.Context, source string, f Files, take Take) error {
	err := fetch(ctx, source, f, take)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("it did not send a snapshot in time; see whether the service there hangs: %w", ctx.Err())
	}
	return err
}

func fetch(ctx context.Context, source string, f Files, take Take) error {
	if socket, ok := strings.CutPrefix(source, unixScheme); ok {
		return fetchUnix(ctx, socket, take)
	}
	if strings.HasPrefix(source, httpsScheme) {
		return fetchHTTPS(ctx, strings.TrimSuffix(source, "/"), f, take)
	}
	return fmt.Errorf("%s is no source; write unix: and the path of a control socket, or https:// with host and port", foreign.Terminal(source, 256))
}

// errTaken ends the writer of a snapshot whose reader has ended.
var errTaken = errors.New("taken")

func fetchUnix(ctx context.Context, socket string, take Take) error {
	asked := time.Now()
	from, to := io.Pipe()
	exported := make(chan error, 1)
	go func() {
		err := (&control.Client{Socket: socket, Trusted: true}).Export(ctx, to)
		_ = to.CloseWithError(err) // nil is the end
		exported <- err
	}()
	err := take(from, asked)
	_ = from.CloseWithError(errTaken)
	if failed := <-exported; failed != nil && !errors.Is(failed, errTaken) {
		return failed
	}
	return err
}

func fetchHTTPS(ctx context.Context, source string, f Files, take Take) error {
	certificate, authorities, err := f.read()
	if err != nil {
		return err
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}, RootCAs: authorities,
		},
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeaderBytes,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, source+path, http.NoBody)
	if err != nil {
		return fmt.Errorf("%w; write https:// with host and port", err)
	}
	asked := time.Now()
	r, err := client.Do(q)
	if err != nil {
		return tlsError(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(r.Body, 512))
		return fmt.Errorf("it says %s: %s; see the log of the service there", foreign.Terminal(r.Status, 64), foreign.Terminal(strings.TrimSpace(string(text)), 512))
	}
	return take(r.Body, asked)
}

// tlsError adds what to do about a connection that failed.
func tlsError(err error) error {
	var theirs *tls.CertificateVerificationError
	var alert tls.AlertError
	var host x509.HostnameError
	switch {
	case errors.As(err, &host):
		return fmt.Errorf("%w; write the source as its certificate names it", err)
	case errors.As(err, &theirs):
		return fmt.Errorf("its certificate is not accepted: %w; have the authority of peers.ca_file sign it", err)
	case errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls:"):
		return fmt.Errorf("it does not accept our certificate: %w; see peers.certificate here, and peers.ca_file there", err)
	case strings.Contains(err.Error(), "server gave HTTP response"):
		return fmt.Errorf("%w; name the port of peers.listen there", err)
	}
	return fmt.Errorf("%w; see whether the service there runs, with peers.listen, and whether a firewall is between", err)
}
