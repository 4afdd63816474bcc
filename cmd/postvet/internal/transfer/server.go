package transfer

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/idle"
	"github.com/postvet/postvet/policy/foreign"
)

// The bounds of a server. A client without a certificate can only begin connections, of which
// maxConns are kept for as long as a handshake may take.
const (
	maxConns       = 64
	maxHeaderBytes = 8 << 10
	handshakeTime  = 5 * time.Second
	closeTime      = time.Second
	// A peer gets this many snapshots in this time.
	maxSnapshots = 6
	perTime      = time.Minute
)

// Options are what a Server needs. All are required.
type Options struct {
	// Files and Names are read at each connection. Names are those of the peers, as their
	// certificates have them.
	Files func() Files
	Names func() []string
	// Export returns a snapshot for a peer. ended is called with what became of it.
	Export  func(peer string) (from io.Reader, ended func(octets int64, err error), err error)
	Refused func(why string)
	Logger  *zap.Logger
}

// Server serves snapshots to peers.
type Server struct {
	*idle.Server
	opt Options

	mu   sync.Mutex
	sent map[string][]time.Time // the last ones, by name
}

// Serve serves snapshots on l, which Close closes. A snapshot on its way has a moment to end.
func Serve(l net.Listener, o Options) *Server {
	s := &Server{opt: o, sent: map[string][]time.Time{}}
	server := &http.Server{
		Handler: http.HandlerFunc(s.answer),
		TLSConfig: &tls.Config{
			MinVersion:         tls.VersionTLS13,
			NextProtos:         []string{"http/1.1"},
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.config() },
		},
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // no HTTP/2
		ReadHeaderTimeout: handshakeTime,
		ReadTimeout:       handshakeTime,
		WriteTimeout:      control.TransferTime,
		IdleTimeout:       handshakeTime,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(failures{o.Logger}, "", 0),
	}
	s.Server = idle.Serve(server, l, maxConns, closeTime, func(err error) {
		o.Logger.Error("dns answers are no longer served to peers; restart to serve them again", zap.Error(err))
	})
	return s
}

// failures logs connections that fail, in lines whose message is always the same, so that many
// are summed up.
type failures struct{ log *zap.Logger }

func (f failures) Write(line []byte) (int, error) {
	f.log.Warn("a connection of a peer failed", zap.String("error", foreign.Terminal(strings.TrimSpace(string(line)), 512)))
	return len(line), nil
}

// config returns the configuration of one connection.
func (s *Server) config() (*tls.Config, error) {
	certificate, authorities, err := s.opt.Files().read()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"},
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: authorities,
		SessionTicketsDisabled: true, // each connection shows a certificate that is valid now
	}, nil
}

// answer answers a request of a client whose certificate is one of our authorities'.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Connection", "close")
	leaf := r.TLS.PeerCertificates[0]
	name := nameIn(leaf, s.opt.Names())
	switch {
	case name == "":
		s.refuse(w, http.StatusForbidden, r, fmt.Sprintf("the certificate is for %s, which peers.names of this service does not have", namesOf(leaf)))
	case r.URL.Path != path:
		s.refuse(w, http.StatusNotFound, r, "there is "+path+" alone")
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		s.refuse(w, http.StatusMethodNotAllowed, r, "only GET is served")
	case !s.admit(name, time.Now()):
		w.Header().Set("Retry-After", strconv.Itoa(int(perTime/time.Second)))
		s.refuse(w, http.StatusTooManyRequests, r, fmt.Sprintf("%s had %d snapshots within %v", name, maxSnapshots, perTime))
	default:
		s.send(w, r, name)
	}
}

// send sends a snapshot.
func (s *Server) send(w http.ResponseWriter, r *http.Request, name string) {
	from, ended, err := s.opt.Export(name)
	if err != nil {
		w.Header().Set("Retry-After", "1")
		s.refuse(w, http.StatusServiceUnavailable, r, err.Error())
		return
	}
	if c := idle.ConnOf(r.Context()); c != nil {
		c.Keep()
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	n, err := int64(0), errors.New("panic")
	defer func() { ended(n, err) }()
	n, err = io.Copy(w, from)
}

// refuse answers without a snapshot.
func (s *Server) refuse(w http.ResponseWriter, status int, r *http.Request, why string) {
	s.opt.Refused(why)
	s.opt.Logger.Warn("dns answers not sent to a peer", zap.String("peer", r.RemoteAddr), zap.String("error", why))
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, why+"\n")
}

// nameIn returns the first of the names that a certificate is for, "" if it is for none.
func nameIn(leaf *x509.Certificate, names []string) string {
	i := slices.IndexFunc(names, func(name string) bool { return leaf.VerifyHostname(name) == nil })
	if i < 0 {
		return ""
	}
	return names[i]
}

// namesOf returns the names in a certificate for a person.
func namesOf(leaf *x509.Certificate) string {
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no host"
	}
	return foreign.Terminal(strings.Join(names, ", "), 256)
}

// admit reports whether a peer may have another snapshot now.
func (s *Server) admit(name string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := slices.DeleteFunc(s.sent[name], func(t time.Time) bool { return now.Sub(t) >= perTime })
	admitted := len(last) < maxSnapshots
	if admitted {
		last = append(last, now)
	}
	s.sent[name] = last
	return admitted
}
