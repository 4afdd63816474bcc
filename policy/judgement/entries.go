package judgement

import (
	"slices"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// Entry is a kind of evidence.
type Entry struct {
	// Name is a word for logs, the journal and people.
	Name string
	Side result.Side
	// Says describes the evidence in words.
	Says string
	// Observed is true if it comes from earlier mail. As long as nobody knows any, it
	// counts as absent.
	Observed bool
	find     func(*result.Results) result.Fact
}

// entries is the table. Its order is part of the journal's format: new entries come last.
var entries = []Entry{
	{
		Name: "list", Side: result.Indirect, find: list,
		Says: "marks of a mailing list, with a signature of the author's domain that the list broke, a signature of the list, or the list's own sender address that SPF does not forbid",
	},
	{
		Name: "altered", Side: result.Indirect, find: altered,
		Says: "a signature of the author's domain whose key exists, under which the message was changed",
	},
	{
		Name: "arc-chain", Side: result.Indirect, find: arcChain,
		Says: "an ARC chain that verifies, whose first sealer saw the author authenticated",
	},
	{
		Name: "earlier-hop", Side: result.Indirect, find: earlierHop,
		Says: "Received fields that lead to the client from a host that the author's domain lists in SPF, or that bears a name of it, which DNS does not show elsewhere, if it has no SPF record; none of that is proven; or a client that the author's domain lists, though the sender is another",
	},
	{
		Name: "forward-fields", Side: result.Indirect, find: forwardFields,
		Says: "fields of a forwarder, such as Resent-From or X-Forwarded-To",
	},
	{
		Name: "known-forwarder", Side: result.Indirect, Observed: true, find: func(res *result.Results) result.Fact { return observed(res.Observed.Forwarder) },
		Says: "a client through whose network signed mail of at least 4 domains came on 5 days of the last 30, or a message that authenticates as a domain whose own mail came often enough to know it",
	},
	{
		Name: "forwarded-recipient", Side: result.Indirect, Observed: true, find: func(res *result.Results) result.Fact { return observed(res.Observed.ForwardedTo) },
		Says: "a recipient on the list trust.forwarded_recipients, to whom hosts of others forward mail",
	},
	{
		Name: "never-unsigned", Side: result.Forgery, Observed: true, find: neverUnsigned,
		Says: "the author's domain was seen to sign all its mail, and this has no signature of it at all; and nothing authenticates the message, or it authenticates as somebody unknown whose network sent such mail of at least 3 domains within the hour",
	},
	{
		Name: "forbidden", Side: result.Forgery, find: forbidden,
		Says: "SPF of the sender's domain forbids the client (-all), and nothing authenticates the message",
	},
	{
		Name: "nameless", Side: result.Forgery, find: nameless,
		Says: "the client has no verified name, or only one that spells its address, or its HELO is no name; and nothing authenticates the message",
	},
	{
		Name: "strangers", Side: result.Forgery, find: strangers,
		Says: "the author's domain, that of MAIL FROM and the client have nothing to do with each other, and nothing authenticates the message",
	},
	{
		Name: "many-domains", Side: result.Forgery, Observed: true, find: manyDomains,
		Says: "within the hour the client's network failed for at least 3 domains that ask for reject, with mail like this that nothing authenticates",
	},
}

// Entries returns the table.
func Entries() []Entry { return slices.Clone(entries) }

// Concerns reports whether a message is one to gather evidence about: it fails DMARC, and
// its author's domain asks for reject.
func Concerns(res *result.Results) bool {
	return res.DMARC.Status == dmarc.Fail && res.DMARC.Disposition == dmarc.PolicyReject
}

// Gather returns what each entry finds about a message; nil if it does not concern the
// message.
func Gather(res *result.Results) []result.Evidence {
	if !Concerns(res) {
		return nil
	}
	all := make([]result.Evidence, len(entries))
	for i := range entries {
		e := &entries[i]
		all[i] = result.Evidence{Name: e.Name, Side: e.Side, Fact: e.find(res)}
	}
	return all
}

// GatherObserved replaces the evidence of earlier mail in what Gather returned, after
// Results.Observed was set. The rest of the evidence does not depend on that.
func GatherObserved(res *result.Results) {
	for i := range res.Evidence {
		if e := &entries[i]; e.Observed {
			res.Evidence[i].Fact = e.find(res)
		}
	}
}

// Of returns evidence that has the states of the entries in the order of the table, and
// the texts of those that are present.
func Of(state func(entry int) result.Presence, text func() string) []result.Evidence {
	all := make([]result.Evidence, len(entries))
	for i := range entries {
		all[i] = result.Evidence{Name: entries[i].Name, Side: entries[i].Side, Fact: result.Fact{State: state(i)}}
		if all[i].State == result.Present {
			all[i].Text = text()
		}
	}
	return all
}

// maxText bounds the text of a fact. It has foreign words, each with a bound of its own.
const maxText = 400

func present(text string) result.Fact {
	return result.Fact{State: result.Present, Text: foreign.Line(text, maxText)}
}

func absent() result.Fact { return result.Fact{State: result.Absent} }

// unknown is for what a DNS failure hides, or nobody asked. why says which.
func unknown(why string) result.Fact { return result.Fact{State: result.Unknown, Text: why} }

// observed returns a fact of earlier mail.
func observed(f result.Fact) result.Fact {
	if f.State == "" {
		return unknown("nothing is known of earlier mail")
	}
	return f
}
