// Gomilter is the floor under every milter that is built on go-milter: it looks
// at everything and decides nothing. With -work it is the least that a verifier
// on go-milter can cost: reads are buffered, answers that nobody needs are not
// sent, the body is hashed once and each signature is verified, with no DNS,
// no canonicalization and no result.
//
// Usage: gomilter [-work] SOCKET
package main

import (
	"bufio"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"flag"
	"fmt"
	"hash"
	"net"
	"net/textproto"
	"os"
	"strings"

	"github.com/emersion/go-milter"
)

func main() {
	work := flag.Bool("work", false, "hash the body and verify signatures")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: gomilter [-work] SOCKET")
		os.Exit(2)
	}
	if err := serve(flag.Arg(0), *work); err != nil {
		fmt.Fprintln(os.Stderr, "gomilter:", err)
		os.Exit(3)
	}
}

func serve(socket string, work bool) error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	s := &milter.Server{NewMilter: func() milter.Milter { return milter.NoOpMilter{} }, Actions: milter.OptAddHeader}
	if work {
		p, err := newProofs()
		if err != nil {
			return err
		}
		s.NewMilter = func() milter.Milter { return &worker{proofs: p, body: sha256.New()} }
		s.Protocol = noReplies
		l = buffered{l}
	}
	return s.Serve(l)
}

const noReplies = milter.OptNoHeaderReply | milter.OptNoEOHReply | milter.OptNoBodyReply | milter.OptNoData | milter.OptNoUnknown

// proofs has one signature of each kind. Their content does not change the time
// that verifying takes.
type proofs struct {
	digest  [32]byte
	rsaKey  *rsa.PublicKey
	rsaSig  []byte
	edKey   ed25519.PublicKey
	edProof []byte
}

func newProofs() (*proofs, error) {
	p := &proofs{digest: sha256.Sum256([]byte("floor"))}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	if p.rsaSig, err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, p.digest[:]); err != nil {
		return nil, err
	}
	p.rsaKey = &key.PublicKey
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	p.edKey, p.edProof = public, ed25519.Sign(private, p.digest[:])
	return p, nil
}

// worker does the work of a verifier for one connection.
type worker struct {
	milter.NoOpMilter
	proofs *proofs
	body   hash.Hash
	rsa    int // signatures of the message
	ed     int
}

func (w *worker) MailFrom(string, *milter.Modifier) (milter.Response, error) {
	w.body.Reset()
	w.rsa, w.ed = 0, 0
	return milter.RespContinue, nil
}

func (w *worker) Header(name, value string, _ *milter.Modifier) (milter.Response, error) {
	if strings.EqualFold(name, "DKIM-Signature") {
		if strings.Contains(value, "ed25519") {
			w.ed++
		} else {
			w.rsa++
		}
	}
	return nil, nil
}

func (w *worker) Headers(textproto.MIMEHeader, *milter.Modifier) (milter.Response, error) {
	return nil, nil
}

func (w *worker) BodyChunk(chunk []byte, _ *milter.Modifier) (milter.Response, error) {
	w.body.Write(chunk)
	return nil, nil
}

func (w *worker) Body(*milter.Modifier) (milter.Response, error) {
	w.body.Sum(nil)
	for range w.rsa {
		if err := rsa.VerifyPKCS1v15(w.proofs.rsaKey, crypto.SHA256, w.proofs.digest[:], w.proofs.rsaSig); err != nil {
			return nil, err
		}
	}
	for range w.ed {
		if !ed25519.Verify(w.proofs.edKey, w.proofs.digest[:], w.proofs.edProof) {
			return nil, fmt.Errorf("ed25519: wrong signature")
		}
	}
	return milter.RespAccept, nil
}

// buffered is a listener whose connections read ahead.
type buffered struct{ net.Listener }

func (b buffered) Accept() (net.Conn, error) {
	c, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, r: bufio.NewReaderSize(c, 16<<10)}, nil
}

type conn struct {
	net.Conn
	r *bufio.Reader
}

func (c *conn) Read(p []byte) (int, error) { return c.r.Read(p) }
