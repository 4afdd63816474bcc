package dkim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// The cases here are generated, with an expectation that is worked out from the text of
// RFC 6376 alone. Their names begin with its section, which "make conformance" counts.

// TestSectionSignatureTags has the tags of a signature in many orders, each of them
// absent, and each twice.
func TestSectionSignatureTags(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, testZone())
	tags := strings.Split(rsaTags, "; ")
	random := rand.New(rand.NewPCG(6376, 32)) //nolint:gosec // the same cases every time
	check := func(name, list string, want Status) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := verify(r, signed(plain, list, rsaKey()), testOptions())
			if len(got) != 1 || got[0].Status != want {
				t.Errorf("%s: %+v, want %s", list, got, want)
			}
		})
	}
	for i := range 60 {
		order := slices.Clone(tags)
		random.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
		separator := []string{";", "; ", ";\r\n\t", " ;  "}[i%4]
		check(fmt.Sprintf("3.2 tags in another order, number %d", i), strings.Join(order, separator), Pass)
		unknown := slices.Insert(slices.Clone(order), random.IntN(len(order)+1), fmt.Sprintf("x%d=any thing", i))
		check(fmt.Sprintf("3.2 an unknown tag between, number %d", i), strings.Join(unknown, separator), Pass)
	}
	for i, tag := range tags {
		name, _, _ := strings.Cut(tag, "=")
		without := slices.Delete(slices.Clone(tags), i, i+1)
		switch name {
		case "c", "t": // optional; signed() follows c=
			check("3.5 without "+name+"=", strings.Join(without, "; "), Pass)
		case "h": // signed() could not sign
		default:
			check("6.1.1 without "+name+"=", strings.Join(without, "; "), PermError)
		}
		t.Run("3.2 "+name+"= twice", func(t *testing.T) {
			t.Parallel()
			mail := strings.Replace(signed(plain, rsaTags, rsaKey()), "DKIM-Signature: ", "DKIM-Signature: "+tag+"; ", 1)
			if got := verify(r, mail, testOptions()); len(got) != 1 || got[0].Status != PermError {
				t.Errorf("%+v, want permerror", got)
			}
		})
	}
	for name, list := range map[string]string{
		"6.1.1 v= of another version":       strings.Replace(rsaTags, "v=1", "v=2", 1),
		"6.1.1 v= that begins as ours":      strings.Replace(rsaTags, "v=1", "v=1.0", 1),
		"6.1.1 h= without From":             strings.Replace(rsaTags, "h=from:to:subject:from", "h=to:subject", 1),
		"6.1.1 i= of another domain":        rsaTags + "; i=joe@example.com",
		"6.1.1 i= of a domain above":        rsaTags + "; i=joe@org",
		"6.1.1 i= of a name that ends like": rsaTags + "; i=joe@notexample.org",
		"3.3.4 an unknown algorithm":        strings.Replace(rsaTags, "rsa-sha256", "rsa-sha999", 1),
		"3.5 an unknown q=":                 rsaTags + "; q=http/unknown",
		"3.5 x= before t=":                  rsaTags + "; x=1600000000",
		"3.5 d= that is no name":            strings.Replace(rsaTags, "d=example.org", "d=exa mple.org", 1),
		"3.5 c= of an unknown form":         strings.Replace(rsaTags, "c=relaxed/relaxed", "c=simple/loose", 1),
	} {
		check(name, list, PermError)
	}
	for name, list := range map[string]string{
		"3.5 i= of the domain itself": rsaTags + "; i=joe@example.org",
		"3.5 i= of a domain below":    rsaTags + "; i=@a.b.example.org",
		"3.5 q=dns/txt":               rsaTags + "; q=dns/txt",
		"3.5 q= with ours among them": rsaTags + "; q=http/unknown:dns/txt",
		"3.5 z= of copied fields":     rsaTags + "; z=From:=20joe@example.org|Subject:=20other",
		"3.10 a parent signs":         rsaTags + "; i=@deep.below.example.org",
	} {
		check(name, list, Pass)
	}
}

// TestSectionSignedFields changes each field of messages whose signatures cover each set
// of them: the signature fails if and only if it covers the field (section 3.7).
func TestSectionSignedFields(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, testZone())
	fields := map[string][2]string{
		"from": {"Joe <joe@example.org>", "Jim <joe@example.org>"}, "to": {"To: a@example.net", "To: c@example.net"},
		"subject": {"Hello   you", "Hello me"}, "received": {"Received: two", "Received: three"},
	}
	for set := range 8 {
		h := "from"
		for i, name := range []string{"to", "subject", "received"} {
			if set>>i&1 == 1 {
				h += ":" + name
			}
		}
		for _, form := range []string{"simple/simple", "relaxed/relaxed", "simple/relaxed", "relaxed/simple"} {
			mail := signed(plain, strings.NewReplacer("h=from:to:subject:from", "h="+h, "relaxed/relaxed", form).Replace(rsaTags), rsaKey())
			for name, change := range fields {
				want := Pass
				if slices.Contains(strings.Split(h, ":"), name) {
					want = Fail
				}
				t.Run(fmt.Sprintf("3.7 %s changed, h=%s, c=%s", name, h, form), func(t *testing.T) {
					t.Parallel()
					changed := strings.Replace(mail, change[0], change[1], 1)
					if changed == mail {
						t.Fatal("nothing changed")
					}
					if got := verify(r, changed, testOptions()); len(got) != 1 || got[0].Status != want {
						t.Errorf("%+v, want %s", got, want)
					}
					if got := verify(r, mail, testOptions()); got[0].Status != Pass {
						t.Errorf("unchanged: %+v", got)
					}
				})
			}
		}
	}
}

// TestSectionSeveralSignatures has signatures that are right, wrong and unreadable, in
// every order: each is judged by itself (sections 6.1 and 6.1.3).
func TestSectionSeveralSignatures(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, testZone())
	field := func(mail string) string { return strings.TrimSuffix(mail, plain) }
	good := field(signed(plain, rsaTags, rsaKey()))
	kinds := []struct {
		text string
		want Status
	}{
		{good, Pass},
		{field(signed(plain, edTags, edKey())), Pass},
		{strings.Replace(good, "t=1700000000", "t=1700000002", 1), Fail},
		{"DKIM-Signature: v=1; nonsense\r\n", PermError},
		{field(signed(plain, strings.Replace(rsaTags, "s=rsa", "s=servfail", 1), rsaKey())), TempError},
	}
	for order := range 5 * 5 * 5 {
		picked := []int{order % 5, order / 5 % 5, order / 25}
		t.Run(fmt.Sprintf("6.1.3 signatures %v", picked), func(t *testing.T) {
			t.Parallel()
			mail := plain
			var want []Status
			for _, i := range slices.Backward(picked) {
				mail = kinds[i].text + mail
			}
			for _, i := range picked {
				want = append(want, kinds[i].want)
			}
			var got []Status
			for _, res := range verify(r, mail, testOptions()) {
				got = append(got, res.Status)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestSectionKeyTags has the tags of a key in every order, with unknown ones between.
func TestSectionKeyTags(t *testing.T) {
	t.Parallel()
	tags := []string{"k=ed25519", "h=sha256", "s=email", "t=s", "n=a note", strings.Split(edRecord(), "; ")[2]}
	if !strings.HasPrefix(tags[5], "p=") {
		t.Fatal(tags[5])
	}
	want, err := ParseKey("v=DKIM1; " + strings.Join(tags, "; "))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(6376, 361)) //nolint:gosec // the same cases every time
	for i := range 100 {
		order := slices.Clone(tags)
		random.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
		if i%2 == 1 {
			order = slices.Insert(order, random.IntN(len(order)+1), "future=x")
		}
		text := "v=DKIM1;" + strings.Join(order, []string{";", "; ", " ; "}[i%3])
		t.Run(fmt.Sprintf("3.6.1 %s", text), func(t *testing.T) {
			t.Parallel()
			got, err := ParseKey(text)
			if d := cmp.Diff(want, got); err != nil || d != "" {
				t.Errorf("%v (-want +got):\n%s", err, d)
			}
		})
	}
}
