package dkim

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var openDKIMResult = regexp.MustCompile(`(?m)^\s+dkim=(\w+)`)

// TestOpenDKIM compares with OpenDKIM on mutated messages. OpenDKIM runs in its test
// mode, which needs neither socket nor DNS. That mode trims header values and
// completes the last line, so the header form is relaxed and messages end in CRLF.
// The test is skipped if Debian's package is not installed.
func TestOpenDKIM(t *testing.T) {
	t.Parallel()
	bin, err := exec.LookPath("opendkim")
	if err != nil {
		t.Skip("opendkim is not installed")
	}
	if testing.Short() {
		t.Skip("some seconds of processes")
	}
	dir := t.TempDir()
	var keys strings.Builder
	for name, txt := range oracleZone() {
		fmt.Fprintf(&keys, "%s %s\n", name, txt)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("keys", keys.String())
	write("conf", "Mode v\nSyslog no\nTestPublicKeys "+filepath.Join(dir, "keys")+"\n")
	rnd := rand.New(rand.NewPCG(2011, 2))
	r := zoneMap(oracleZone())
	passed, failed, unread := 0, 0, 0
	for n := range 150 {
		o := signOptions{
			Domain: "example.org", Selector: "ed", Key: crypto.Signer(edKey()),
			HeaderForm: Relaxed, BodyForm: Canonicalization(rnd.IntN(2)), SignedFields: []string{"From", "Subject", "X-Many", "X-Many", "X-None"},
		}
		if n%2 == 0 {
			o.Selector, o.Key = "rsa", rsaKey()
		}
		var b bytes.Buffer
		if err := signMail(&b, strings.NewReader(randomMail(rnd)+"end\r\n"), o); err != nil {
			t.Fatal(err)
		}
		mail := strings.TrimSuffix(mutate(rnd, b.String()), "\r\n") + "\r\n"
		ours := verify(r, mail, Options{})
		if bareBreak(mail, Result{}) || strayLine(mail) || len(ours) != 1 {
			unread++
			continue
		}
		write("mail", mail)
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		cmd := exec.CommandContext(ctx, bin, "-vv", "-x", "conf", "-t", "mail")
		cmd.Dir = dir
		out, err := cmd.Output()
		cancel()
		theirs := openDKIMResult.FindSubmatch(append([]byte("\n "), bytes.ReplaceAll(out, []byte("hvalue='"), []byte("\n "))...))
		if err != nil || theirs == nil {
			unread++
			continue
		}
		switch ourPass := ours[0].Status == Pass; {
		case ourPass != (string(theirs[1]) == "pass"):
			t.Errorf("ours %s (%s), OpenDKIM %s of\n%q", ours[0].Status, ours[0].Reason, theirs[1], mail)
		case ourPass:
			passed++
		default:
			failed++
		}
	}
	t.Logf("%d passed and %d failed on both sides, %d were not compared", passed, failed, unread)
	if passed < 20 || failed < 20 {
		t.Errorf("only %d passed and %d failed: nothing is shown (%d not compared)", passed, failed, unread)
	}
}
