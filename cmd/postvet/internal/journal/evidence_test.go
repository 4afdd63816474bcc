package journal

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/spf"
)

// kept are the texts that were kept, by name.
type kept map[string][]string

func (k kept) Records(_ context.Context, p rows.Place, _ time.Time) (all []rows.Published, _ error) {
	for _, text := range k[p.Name()] {
		all = append(all, rows.Published{Standard: p.Standard, Name: p.Name(), Text: text})
	}
	return all, nil
}

// TestEvidence shows that a text which contradicts what a message found is not taken for the
// record of its time.
func TestEvidence(t *testing.T) {
	t.Parallel()
	key := func(p string) string { return "v=DKIM1; k=ed25519; p=" + p }
	const sound, revoked = "Tea+nvR3TNi8LxVKH/Wl2gFxtDUitPOEMRBvJ9UuRHM=", ""
	for _, tt := range []struct {
		name   string
		change func(*rows.Row)
		kept   kept
		want   []string
	}{
		{"nothing is kept", nil, nil, []string{
			"the SPF record of mx.example.net of that time is not kept", "the SPF record of example.net of that time is not kept",
			"the DMARC record at _dmarc.example.org of that time is not kept", "the DKIM key at s1._domainkey.example.org of that time is not kept",
		}},
		{"a policy that the message did not find", nil, kept{"_dmarc.example.org": {"v=DMARC1; p=none"}}, []string{"the DMARC record at _dmarc.example.org of that time is not kept"}},
		{"a broken record", nil, kept{"_dmarc.example.org": {"v=DMARC1; p=reject; p=none"}}, []string{"the DMARC record at _dmarc.example.org of that time is not kept"}},
		{"its policy", nil, kept{"_dmarc.example.org": {"v=DMARC1; p=none", "v=DMARC1; p=reject"}}, []string{"their DMARC record at _dmarc.example.org then: v=DMARC1; p=reject"}},
		{"several", nil, kept{"_dmarc.example.org": {"v=DMARC1; p=reject; rua=mailto:a@b.example", "v=DMARC1; p=reject"}}, []string{
			"their DMARC record at _dmarc.example.org then, or another one, as it changed back and forth: v=DMARC1; p=reject; rua=mailto:a@b.example",
		}},
		{"a term that matched", nil, kept{"example.net": {"v=spf1 mx -all"}}, []string{"the SPF record of example.net of that time is not kept"}},
		{"a term of a redirect", nil, kept{"example.net": {"v=spf1 redirect=_spf.example.net"}}, []string{"their SPF record of example.net then: v=spf1 redirect=_spf.example.net"}},
		{"a key of another size", nil, kept{"s1._domainkey.example.org": {key(sound)}}, []string{"the DKIM key at s1._domainkey.example.org of that time is not kept"}},
		{"a key", func(r *rows.Row) { r.Results.DKIM[0].KeyBits = 256 }, kept{"s1._domainkey.example.org": {key(sound)}}, []string{"their DKIM key at s1._domainkey.example.org then: " + key(sound)}},
		{"a revoked key", func(r *rows.Row) {
			r.Results.DKIM[0].KeyBits, r.Results.DKIM[0].Failure = 0, dkim.FailureKeyRevoked
		}, kept{"s1._domainkey.example.org": {key(sound), key(revoked)}}, []string{"their DKIM key at s1._domainkey.example.org then: " + key(revoked)}},
		{"no key", func(r *rows.Row) {
			r.Results.DKIM[0].KeyBits, r.Results.DKIM[0].Failure = 0, dkim.FailureKeyMissing
		}, kept{"s1._domainkey.example.org": {key(sound)}}, []string{"there was no DKIM key at s1._domainkey.example.org"}},
		{"a DNS failure", func(r *rows.Row) {
			r.Results.SPF[1] = spf.Result{Identity: spf.MailFrom, Domain: "example.net", Status: spf.TempError}
		}, kept{"example.net": {"v=spf1 mx -all"}}, []string{"the SPF record of example.net could not be looked up then"}},
		{"no record", func(r *rows.Row) {
			r.Results.DMARC = dmarc.Result{Status: dmarc.None, AuthorDomain: "example.org"}
		}, nil, []string{"there was no DMARC record at _dmarc.example.org"}},
	} {
		row := refused()
		if tt.change != nil {
			tt.change(row)
		}
		s := Story{Row: row}
		s.FindEvidence(t.Context(), tt.kept)
		var said []string
		for _, e := range s.Evidence {
			said = append(said, strings.Join(e.Says, "; "))
		}
		for _, want := range tt.want {
			if !strings.Contains("\n"+strings.Join(said, "\n")+"\n", "\n"+want+"\n") {
				t.Errorf("%s: it says\n%s\nwant %s", tt.name, strings.Join(said, "\n"), want)
			}
		}
	}
	s := Story{Row: accepted()}
	if s.FindEvidence(t.Context(), kept{}); s.Evidence != nil {
		t.Errorf("evidence of mail that passes: %+v", s.Evidence)
	}
}
