//go:build linux

package monitoring_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/realmta"
	"github.com/postvet/postvet/dnscache/dnstest"
)

const zone = `
good.example. TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.good.example. TXT "v=DMARC1; p=reject; rua=mailto:d@good.example"
mx.good.example. A 192.0.2.1
1.2.0.192.in-addr.arpa. PTR mx.good.example.
`

// service is a running postvet.
type service struct {
	*program
	config          string // file
	text            string // in it
	milter, metrics string // addresses
}

// startService runs the real postvet with a resolver of its own.
func startService(t *testing.T) *service {
	t.Helper()
	binary := os.Getenv("POSTVET_BINARY")
	if binary == "" {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		var err error
		if binary, err = realmta.Build(ctx, false); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(binary)) })
	}
	dns, err := dnstest.NewServer(zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	dir := t.TempDir()
	s := &service{config: filepath.Join(dir, "postvet.toml")}
	s.text = fmt.Sprintf("listen = [\"inet:127.0.0.1:0\"]\nauthserv_id = \"mx.test.example\"\n[dns]\nresolvers = [%q]\n[log]\nformat = \"json\"\n[metrics]\nlisten = \"inet:127.0.0.1:0\"\n[sign]\nkeys = %q\n[seal]\ndomain = \"good.example\"\nrecipients = [\"test.example\"]\n[journal]\ndirectory = %q\n[report]\nsend = \"known\"\nsubmitter = \"example.org\"\nemail = \"postmaster@example.org\"\nfrom = \"noreply@reports.example.org\"\nsmtp = \"127.0.0.1:9\"\n", dns.Addr(), dir, filepath.Join(dir, "journal"))
	s.write(t, s.text)
	s.program = start(t, binary, "serve", "--config", s.config)
	s.milter = s.after(`"msg":"serving"`, `"inet:`)
	s.metrics = s.after(`"msg":"metrics are served"`, `"listen":"`)
	return s
}

func (s *service) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// message returns the first line about a message.
func (s *service) message() string { return s.line(`"msg":"message"`) }

// deliver sends one message of good.example as an MTA does, all at once, and
// returns the code of the last reply.
func (s *service) deliver(client string) (verdict byte, err error) {
	conn, err := net.DialTimeout("tcp", s.milter, patience)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var out []byte
	for _, packet := range []string{
		"O\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff",
		"Cclient.example\x004\x00\x19" + client + "\x00", "Hmx.good.example\x00", "M<ann@good.example>\x00", "R<bob@test.example>\x00",
		"LFrom\x00 Ann <ann@good.example>\x00", "LTo\x00 bob@test.example\x00", "N", "BHello\r\n", "E", "Q",
	} {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(packet))), packet...)
	}
	if _, err := conn.Write(out); err != nil {
		return 0, err
	}
	in, err := io.ReadAll(conn)
	if err != nil {
		return 0, err
	}
	for len(in) >= 5 {
		verdict = in[4]
		n := 4 + int(binary.BigEndian.Uint32(in))
		if n > len(in) {
			return 0, io.ErrUnexpectedEOF
		}
		in = in[n:]
	}
	return verdict, nil
}
