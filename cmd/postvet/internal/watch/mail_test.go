package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestMail: events are gathered, mail is sent at most once an hour, and what could not be
// sent is sent later, also after a restart.
func TestMail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		z := newZone("a.example", "b.example")
		var mails []string
		refuse := false
		o := Options{
			Domains: []string{"a.example", "b.example"}, File: filepath.Join(t.TempDir(), "watch.json"), Every: 10 * time.Minute,
			Mail: func(_ context.Context, subject, text string) error {
				if refuse {
					return errors.New("451 not now")
				}
				mails = append(mails, subject+"\n"+text)
				return nil
			},
		}
		w := start(t, z, o)
		w.told(time.Hour)
		z.set(dmarcID, none)
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if len(mails) != 1 || !strings.HasPrefix(mails[0], "DNS of a.example: 1 changed record\n") ||
			!strings.Contains(mails[0], "\n    before: "+reject+"\n    now:    "+none+"\n") {
			t.Errorf("%q", mails)
		}
		refuse = true
		z.set("a.example MX", "10 mx2.provider.example")
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		w.stop()
		if s := w.Stats(); len(mails) != 1 || s.Mails != 1 || s.MailsFailed < 3 || s.MailsFailed > 20 {
			t.Errorf("%d mails, %+v", len(mails), s)
		}
		if n := w.log.FilterMessage("mail about watched domains is not sent; it is tried again").Len(); n != 1 {
			t.Errorf("logged %d times", n)
		}
		refuse = false
		w = start(t, z, o)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(mails) != 2 || !strings.HasPrefix(mails[1], "DNS of a.example: 2 errors, 1 changed record\n") {
			t.Errorf("%q", mails)
		}
		w.stop()

		o.Daily = true
		w = start(t, z, o)
		z.set("b.example MX", "0 .")
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		z.set("b.example MX", "20 mx.provider.example")
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		w.stop()
		days := w.log.FilterMessage("watched domains in the last day").All()
		if len(days) != 1 || !strings.Contains(fmt.Sprint(days[0].ContextMap()["changes"]), "b.example: b.example MX: 10 mx.provider.example. -> 20 mx.provider.example.") {
			t.Errorf("the log of the day: %v", days)
		}
		if len(mails) != 3 || strings.Count(mails[2], "b.example MX changed 2 times") != 1 {
			t.Errorf("%q", mails)
		}
	})
}

// TestNotSaved: a state that cannot be written is logged once, and the watcher goes on.
func TestNotSaved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		z := newZone("a.example")
		w := start(t, z, Options{Domains: []string{"a.example"}, File: filepath.Join(t.TempDir(), "absent", "watch.json")})
		w.told(round, "the state of watched domains is not saved; a restart would tell changes again")
		z.set(dmarcID, none)
		w.told(round, "_dmarc.a.example TXT ["+reject+"] -> ["+none+"] (1)")
		w.stop()
	})
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, tt := range map[string]struct{ text, err string }{
		"damaged":     {"{", " is damaged: unexpected end of JSON input"},
		"newer":       {`{"version":2}`, " has version 2, this program reads 1"},
		"with gaps":   {`{"version":1,"domains":{"a.example":null,"b.example":{"records":{"x TXT":null},"faults":{"y":null}}}}`, ""},
		"wrong types": {`{"version":1,"domains":[]}`, " is damaged: json: cannot unmarshal array into Go struct field State.domains of type map[string]*watch.Domain"},
	} {
		file := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load(file)
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), file)
		}
		if got != tt.err || s == nil || s.Domains == nil {
			t.Errorf("%s: %q, want %q", name, got, tt.err)
			continue
		}
		for _, d := range s.Domains {
			d.update("b.example", &seen{at: time.Now(), complete: true, records: map[ID][]string{"x TXT": {"1"}}}, day)
		}
	}
}
