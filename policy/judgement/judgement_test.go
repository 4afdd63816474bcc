package judgement_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// failing returns the results of a message of bank.example about which no evidence is
// present: a server with a name sends with its own address, which SPF lists.
func failing() *result.Results {
	return &result.Results{
		Author: message.Author{Domain: "bank.example"},
		DMARC:  dmarc.Result{Status: dmarc.Fail, AuthorDomain: "bank.example", OrganizationalDomain: "bank.example", Policy: dmarc.PolicyReject, Disposition: dmarc.PolicyReject},
		Client: result.ClientResult{IP: "192.0.2.66", Helo: "mx.desk.example", PTR: "mx.desk.example"},
		IPRev:  iprev.Result{Status: iprev.Pass, Name: "mx.desk.example"},
		SPF: []spf.Result{
			{Identity: spf.HELO, Domain: "mx.desk.example", Status: spf.None},
			{Identity: spf.MailFrom, Domain: "desk.example", Status: spf.Pass},
		},
		MailFrom: "bounce@desk.example", HopsAsked: true,
	}
}

// anonymous makes a message one that nothing authenticates, from a client of strangers.
func anonymous(r *result.Results) {
	r.SPF[1].Status, r.Client.PTR = spf.SoftFail, "host.evil.example"
}

func received(text string) message.Header {
	return message.Header{message.NewField("Received", " "+text)}
}

// Each entry has a message that shows it, one that nearly does, and what is unknown.
func TestEntries(t *testing.T) {
	t.Parallel()
	broken := dkim.Result{Domain: "bank.example", Status: dkim.Fail, Failure: dkim.FailureBody, KeyBits: 2048, Reason: "the body was changed"}
	list := message.List{ID: "staff.lists.example"}
	chain := func(status arc.Status, from string) arc.Result {
		return arc.Result{Status: status, Sealers: []arc.Sealer{{Instance: 1, Domain: "fwd.example", Recorded: &arc.Recorded{DMARC: "pass", From: from}}}}
	}
	yes := result.Fact{State: result.Present, Text: "seen"}
	for _, tt := range []struct {
		entry, name string
		change      func(*result.Results)
		want        result.Presence
	}{
		{"list", "no marks", func(r *result.Results) { r.DKIM = []dkim.Result{broken} }, result.Absent},
		{"list", "marks alone", func(r *result.Results) { r.List = list }, result.Absent},
		{"list", "the author's signature broken", func(r *result.Results) { r.List, r.DKIM = message.List{Post: true}, []dkim.Result{broken} }, result.Present},
		{"list", "a signature whose key does not exist", func(r *result.Results) {
			x := broken
			x.KeyBits, x.Failure = 0, dkim.FailureKeyMissing
			r.List, r.DKIM = list, []dkim.Result{x}
		}, result.Absent},
		{"list", "signed by the list", func(r *result.Results) {
			r.List, r.DKIM = list, []dkim.Result{{Domain: "lists.example", Status: dkim.Pass}}
		}, result.Present},
		{"list", "signed by another", func(r *result.Results) {
			r.List, r.DKIM = list, []dkim.Result{{Domain: "other.example", Status: dkim.Pass}}
		}, result.Absent},
		{"list", "sent by the list's address", func(r *result.Results) {
			r.List, r.MailFrom, r.SPF[1].Status = list, "staff-bounces@lists.example", spf.None
		}, result.Present},
		{"list", "the list's address forbids the client", func(r *result.Results) {
			r.List, r.MailFrom, r.SPF[1].Status = list, "staff-bounces@lists.example", spf.Fail
		}, result.Absent},
		{"list", "SPF of the list's address fails in the DNS", func(r *result.Results) {
			r.List, r.MailFrom, r.SPF[1].Status = list, "staff-bounces@lists.example", spf.TempError
		}, result.Unknown},
		{"list", "a signature of the list that the DNS hides", func(r *result.Results) {
			r.List, r.DKIM = list, []dkim.Result{{Domain: "lists.example", Status: dkim.TempError}}
		}, result.Unknown},

		{"altered", "no signature", func(*result.Results) {}, result.Absent},
		{"altered", "the body", func(r *result.Results) { r.DKIM = []dkim.Result{broken} }, result.Present},
		{"altered", "something added", func(r *result.Results) {
			r.DKIM = []dkim.Result{{Domain: "bank.example", Status: dkim.Pass, Partial: true}}
		}, result.Present},
		{"altered", "another domain's", func(r *result.Results) {
			x := broken
			x.Domain = "other.example"
			r.DKIM = []dkim.Result{x}
		}, result.Absent},
		{"altered", "hidden", func(r *result.Results) {
			r.DKIM = []dkim.Result{{Domain: "bank.example", Status: dkim.TempError}}
		}, result.Unknown},

		{"arc-chain", "none", func(*result.Results) {}, result.Absent},
		{"arc-chain", "the author's pass", func(r *result.Results) { r.ARC = chain(arc.Pass, "bank.example") }, result.Present},
		{"arc-chain", "another author's pass", func(r *result.Results) { r.ARC = chain(arc.Pass, "other.example") }, result.Absent},
		{"arc-chain", "broken", func(r *result.Results) { r.ARC = chain(arc.Fail, "bank.example") }, result.Absent},
		{"arc-chain", "hidden", func(r *result.Results) { r.ARC = chain(arc.TempError, "bank.example") }, result.Unknown},

		{"earlier-hop", "no Received field", func(*result.Results) {}, result.Absent},
		{"earlier-hop", "listed", func(r *result.Results) { r.Hops = hops(spf.Pass) }, result.Present},
		{"earlier-hop", "the client listed, with another's sender", func(r *result.Results) {
			r.Hops = hops(spf.Pass)
			r.Client.IP = r.Hops[0].IP.String()
		}, result.Present},
		{"earlier-hop", "the client named by the author's domain, which has no SPF record", func(r *result.Results) {
			r.Hops = hops(spf.None)
			r.Hops[0].Helo, r.Client.IP = "mx.bank.example", r.Hops[0].IP.String()
		}, result.Absent},
		{"earlier-hop", "one of them listed", func(r *result.Results) { r.Hops = append(hops(spf.TempError), hops(spf.Pass)...) }, result.Present},
		{"earlier-hop", "not listed", func(r *result.Results) { r.Hops = hops(spf.SoftFail) }, result.Absent},
		{"earlier-hop", "named by the author's domain, which has no SPF record", func(r *result.Results) {
			r.Hops = hops(spf.None)
			r.Hops[0].Helo = "mx.bank.example"
		}, result.Present},
		{"earlier-hop", "named by another, and no SPF record", func(r *result.Results) {
			r.Hops = hops(spf.None)
			r.Hops[0].Helo = "mx.evil.example"
		}, result.Absent},
		{"earlier-hop", "by name, which DNS shows elsewhere", func(r *result.Results) {
			r.Hops = hops(spf.None)
			r.Hops[0].Helo, r.Hops[0].Named = "mx.bank.example", result.Absent
		}, result.Absent},
		{"earlier-hop", "by name, which a DNS failure hides", func(r *result.Results) {
			r.Hops = hops(spf.None)
			r.Hops[0].Helo, r.Hops[0].Named = "mx.bank.example", result.Unknown
		}, result.Present},
		{"earlier-hop", "a client that was not asked", func(r *result.Results) { r.HopsAsked = false }, result.Unknown},
		{"earlier-hop", "a client that SPF of MAIL FROM covers", func(r *result.Results) {
			r.HopsAsked, r.MailFrom = false, "ceo@bank.example"
			r.SPF[1].Domain = "bank.example"
		}, result.Absent},
		{"earlier-hop", "hidden", func(r *result.Results) { r.Hops = hops(spf.TempError) }, result.Unknown},
		{"earlier-hop", "not asked", func(r *result.Results) {
			r.HopsAsked = false
			r.Header = received("from mx.bank.example (mx.bank.example [198.51.100.1]) by mx.desk.example; x")
		}, result.Unknown},

		{"forward-fields", "none", func(*result.Results) {}, result.Absent},
		{"forward-fields", "Resent-From", func(r *result.Results) { r.Marks.Forward = "Resent-From" }, result.Present},
		{"forward-fields", "SRS is no field", func(r *result.Results) { r.Marks.Forward = result.ForwardSRS }, result.Absent},

		{"known-forwarder", "nobody knows", func(*result.Results) {}, result.Unknown},
		{"known-forwarder", "known", func(r *result.Results) { r.Observed.Forwarder = yes }, result.Present},
		{"known-forwarder", "known not to be one", func(r *result.Results) { r.Observed.Forwarder.State = result.Absent }, result.Absent},
		{"forwarded-recipient", "nobody knows", func(*result.Results) {}, result.Unknown},
		{"forwarded-recipient", "known", func(r *result.Results) { r.Observed.ForwardedTo = yes }, result.Present},

		{"never-unsigned", "nobody knows", func(*result.Results) {}, result.Unknown},
		{"never-unsigned", "no signature, and nothing authenticates it", func(r *result.Results) { anonymous(r); r.Observed.SignsAll.State = result.Present }, result.Present},
		{"never-unsigned", "no signature, but somebody is to be named", func(r *result.Results) { r.Observed.SignsAll = yes }, result.Absent},
		{"never-unsigned", "somebody who sends for one domain", func(r *result.Results) {
			r.Observed.SignsAll, r.Observed.ImpersonatedDomains = yes, judgement.ManyImpersonated-1
		}, result.Absent},
		{"never-unsigned", "somebody who sends for two domains", func(r *result.Results) {
			r.Observed.SignsAll, r.Observed.ImpersonatedDomains = yes, judgement.ManyImpersonated
		}, result.Present},
		{"never-unsigned", "for two domains, of which this does not sign all", func(r *result.Results) {
			r.Observed.SignsAll.State, r.Observed.ImpersonatedDomains = result.Absent, judgement.ManyImpersonated
		}, result.Absent},
		{"never-unsigned", "the DNS hides whether somebody is to be named", func(r *result.Results) {
			anonymous(r)
			r.Observed.SignsAll, r.SPF[1].Status = yes, spf.TempError
		}, result.Unknown},
		{"never-unsigned", "a broken signature", func(r *result.Results) {
			r.Observed.SignsAll, r.DKIM = yes, []dkim.Result{broken}
		}, result.Absent},
		{"never-unsigned", "a signature of a sibling", func(r *result.Results) {
			r.Observed.SignsAll, r.Author.Domain = yes, "mail.bank.example"
			r.DKIM = []dkim.Result{{Domain: "news.bank.example", Status: dkim.PermError}}
		}, result.Absent},
		{"never-unsigned", "from a host of the author", func(r *result.Results) { r.Observed.SignsAll, r.Client.PTR = yes, "new.bank.example" }, result.Absent},
		{"never-unsigned", "the DNS hides the client's name", func(r *result.Results) {
			r.Observed.SignsAll, r.Client.PTR, r.IPRev.Status = yes, "", iprev.TempError
		}, result.Unknown},
		{"never-unsigned", "does not sign all", func(r *result.Results) { r.Observed.SignsAll.State = result.Absent }, result.Absent},

		{"forbidden", "softfail", anonymous, result.Absent},
		{"forbidden", "fail", func(r *result.Results) { r.SPF[1].Status = spf.Fail; r.Client.PTR = "mx.evil.example" }, result.Present},
		{"forbidden", "fail from a host of the sender", func(r *result.Results) { r.SPF[1].Status = spf.Fail }, result.Absent},
		{"forbidden", "fail, but somebody signed", func(r *result.Results) {
			r.SPF[1].Status, r.Client.PTR = spf.Fail, "mx.evil.example"
			r.DKIM = []dkim.Result{{Domain: "other.example", Status: dkim.Pass}}
		}, result.Absent},
		{"forbidden", "fail, and the DNS hides a signature", func(r *result.Results) {
			r.SPF[1].Status, r.Client.PTR = spf.Fail, "mx.evil.example"
			r.DKIM = []dkim.Result{{Domain: "other.example", Status: dkim.TempError}}
		}, result.Unknown},
		{"forbidden", "fail, and the DNS hides the client's name", func(r *result.Results) {
			r.SPF[1].Status, r.Client.PTR, r.IPRev.Status = spf.Fail, "", iprev.TempError
		}, result.Unknown},

		{"nameless", "a name", anonymous, result.Absent},
		{"nameless", "no verified name", func(r *result.Results) { anonymous(r); r.Client.PTR, r.IPRev.Status = "", iprev.Fail }, result.Present},
		{"nameless", "no verified name, but SPF passes", func(r *result.Results) { r.Client.PTR, r.IPRev.Status = "", iprev.Fail }, result.Absent},
		{"nameless", "the DNS hides the name", func(r *result.Results) { anonymous(r); r.Client.PTR, r.IPRev.Status = "", iprev.TempError }, result.Unknown},
		{"nameless", "the name spells the address", func(r *result.Results) { anonymous(r); r.Client.PTR = "66-2-0-192.pool.isp.example" }, result.Present},
		{"nameless", "the name spells the address in hexadecimal", func(r *result.Results) { anonymous(r); r.Client.PTR = "c0000242.isp.example" }, result.Present},
		{"nameless", "a name with another number", func(r *result.Results) { anonymous(r); r.Client.PTR = "mx192-66.isp.example" }, result.Absent},
		{"nameless", "HELO without a dot", func(r *result.Results) { anonymous(r); r.Client.Helo = "WIN-PC" }, result.Present},
		{"nameless", "HELO is an address", func(r *result.Results) { anonymous(r); r.Client.Helo = "192.0.2.66" }, result.Present},
		{"nameless", "HELO is an address literal", func(r *result.Results) { anonymous(r); r.Client.Helo = "[192.0.2.66]" }, result.Present},

		{"strangers", "the sender's own client", func(r *result.Results) { anonymous(r); r.Client.PTR = "mx.desk.example" }, result.Absent},
		{"strangers", "another's client", anonymous, result.Present},
		{"strangers", "the author's client", func(r *result.Results) { anonymous(r); r.Client.PTR = "new.bank.example" }, result.Absent},
		{"strangers", "the sender is the author", func(r *result.Results) {
			anonymous(r)
			r.MailFrom, r.Client.PTR = "ceo@bank.example", "host.evil.example"
		}, result.Absent},
		{"strangers", "the null sender", func(r *result.Results) {
			anonymous(r)
			r.MailFrom, r.Client.PTR = "", "host.evil.example"
		}, result.Absent},

		{"many-domains", "nobody counts", anonymous, result.Unknown},
		{"many-domains", "two", func(r *result.Results) { anonymous(r); r.Observed.FailedDomains = judgement.ManyDomains - 1 }, result.Absent},
		{"many-domains", "three", func(r *result.Results) { anonymous(r); r.Observed.FailedDomains = judgement.ManyDomains }, result.Present},
		{"many-domains", "three, but somebody is to be named", func(r *result.Results) { r.Observed.FailedDomains = judgement.ManyDomains }, result.Absent},
	} {
		t.Run(tt.entry+"/"+tt.name, func(t *testing.T) {
			t.Parallel()
			r := failing()
			tt.change(r)
			want := judgement.Gather(r)
			early := *r // what is known of earlier mail comes later
			early.Observed = result.Observed{}
			early.Evidence = judgement.Gather(&early)
			early.Observed = r.Observed
			if judgement.GatherObserved(&early); !cmp.Equal(want, early.Evidence) {
				t.Errorf("in two steps: %s", cmp.Diff(want, early.Evidence))
			}
			for _, e := range want {
				if e.Name == tt.entry && (e.State != tt.want || e.State == result.Present && e.Text == "") {
					t.Errorf("%+v, want %s", e, tt.want)
				}
			}
		})
	}
}

func hops(s spf.Status) []result.Hop {
	return []result.Hop{{IP: netip.MustParseAddr("198.51.100.1"), Domain: "bank.example", Status: s}}
}

// A message that does not ask for a judgement has no evidence.
func TestConcerns(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*result.Results){
		func(r *result.Results) { r.DMARC.Status = dmarc.TempError },
		func(r *result.Results) { r.DMARC.Status = dmarc.Pass },
		func(r *result.Results) { r.DMARC.Disposition = dmarc.PolicyQuarantine },
		func(r *result.Results) { r.DMARC.Disposition = dmarc.PolicyNone },
	} {
		r := failing()
		change(r)
		if all := judgement.Gather(r); all != nil {
			t.Errorf("%s, %s: %v", r.DMARC.Status, r.DMARC.Disposition, all)
		}
	}
}

// The rule: something speaks for a forgery, and nothing for indirect mail. What a DNS
// failure hides is no reason to refuse.
func TestWeigh(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		present []string
		unknown []string
		want    string
		open    bool
	}{
		{"nothing", nil, nil, judgement.Hold, false},
		{"forgery", []string{"nameless"}, nil, judgement.Refuse, false},
		{"forgery and a sign of indirect mail", []string{"nameless", "strangers", "forbidden", "forward-fields"}, nil, judgement.Hold, false},
		{"indirect mail", []string{"list"}, nil, judgement.Hold, false},
		{"forgery, and the DNS hides a hop", []string{"nameless"}, []string{"earlier-hop"}, judgement.Hold, true},
		{"forgery, and nothing is known of earlier mail", []string{"nameless"}, []string{"known-forwarder", "forwarded-recipient", "many-domains", "never-unsigned"}, judgement.Refuse, false},
		{"the DNS hides a hop alone", nil, []string{"earlier-hop"}, judgement.Hold, false},
		{"forgery, and the DNS hides the client's name", []string{"strangers"}, []string{"nameless"}, judgement.Refuse, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			has := func(names []string, i int) bool {
				for _, n := range names {
					if n == judgement.Entries()[i].Name {
						return true
					}
				}
				return false
			}
			all := judgement.Of(func(i int) result.Presence {
				switch {
				case has(tt.present, i):
					return result.Present
				case has(tt.unknown, i):
					return result.Unknown
				}
				return result.Absent
			}, func() string { return "x" })
			if got := judgement.Weigh(all); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if got := judgement.Open(all); got != tt.open {
				t.Errorf("open %v, want %v", got, tt.open)
			}
		})
	}
	if got := judgement.Weigh(nil) + judgement.Summary(nil); got != "" {
		t.Errorf("without evidence: %q", got)
	}
	r := failing()
	anonymous(r)
	r.Client.PTR, r.Marks.Forward = "host.evil.example", "Resent-From"
	if got, want := judgement.Summary(judgement.Gather(r)), "hold; indirect: forward-fields; forgery: strangers"; got != want {
		t.Errorf("summary %q, want %q", got, want)
	}
}

// Names are words, and no two entries have the same.
func TestNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, e := range judgement.Entries() {
		if e.Name == "" || len(e.Name) > 24 || e.Says == "" || seen[e.Name] || e.Side != result.Indirect && e.Side != result.Forgery {
			t.Errorf("%+v", e)
		}
		seen[e.Name] = true
	}
}
