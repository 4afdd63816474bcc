package rows

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// Query selects rows. A field with its zero value selects all.
type Query struct {
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Ref, Queue and MessageID select the rows of one message.
	Ref       result.Reference `json:"ref,omitempty"`
	Queue     string           `json:"queue,omitempty"`
	MessageID string           `json:"message_id,omitempty"`
	// Domain is the author's domain, or one above it. From is the address of MAIL FROM
	// or its domain, "<>" for the null sender, and To that of a recipient.
	Domain string `json:"domain,omitempty"`
	From   string `json:"from,omitempty"`
	To     string `json:"rcpt,omitempty"`
	// Client is the address or network of the client.
	Client netip.Prefix `json:"client,omitzero"`
	// Action, DMARC, Rule and Hint are words of the columns. Action also finds mail that
	// is accepted only because it is monitored.
	Action string `json:"action,omitempty"`
	DMARC  string `json:"dmarc,omitempty"`
	Rule   string `json:"rule,omitempty"`
	Hint   string `json:"hint,omitempty"`
	// Hints select rows that have one of them as their hint; none selects all rows.
	Hints []string `json:"hints,omitempty"`
	// Before is the reference before which a page begins; 0 for the newest row.
	Before result.Reference `json:"before,omitempty"`
	// After is the reference after which all rows come; 0 for none.
	After result.Reference `json:"after,omitempty"`
	// Limit bounds the rows. Default 100, at most MaxLimit.
	Limit int `json:"limit,omitempty"`
	// Fleet asks for the rows of all nodes, in a database, and Node for those of one of
	// them.
	Fleet bool   `json:"fleet,omitempty"`
	Node  string `json:"node,omitempty"`
}

// MaxLimit bounds the rows of a page.
const MaxLimit = 1000

// Personal reports whether a query is about a person or a client, so that it is written
// down who asked.
func (q *Query) Personal() bool {
	return strings.Contains(q.From, "@") || strings.Contains(q.To, "@") || q.Client.IsValid()
}

// Check makes a query normal, and returns what is wrong with it.
func (q *Query) Check() error {
	for name, s := range map[string]*string{"domain": &q.Domain, "from": &q.From, "rcpt": &q.To} {
		if *s == "" || name == "from" && *s == "<>" {
			continue
		}
		local, domain := "", *s
		if strings.Contains(*s, "@") {
			local, domain = message.SplitPath(*s)
		}
		normal, ok := message.NormalizeDomain(domain)
		switch {
		case !ok || strings.HasPrefix(*s, "@"):
			return fmt.Errorf("--%s: %q is no domain or address; write one such as example.org", name, *s)
		case local != "" && name == "domain":
			return fmt.Errorf("--%s: %q is an address; write a domain, or use --from", name, *s)
		case local != "":
			*s = Address(local + "@" + normal)
		default:
			*s = normal
		}
	}
	if err := checkWord("action", q.Action, Actions); err != nil {
		return err
	}
	if err := checkWord("dmarc", q.DMARC, DMARCResults); err != nil {
		return err
	}
	switch {
	case q.Fleet && (strings.Contains(q.From, "@") || strings.Contains(q.To, "@") || q.MessageID != ""):
		return errors.New("an address or a Message-ID cannot be found with --fleet, as each node has its own key for their hashes; ask the nodes one by one, or search by domain, client or queue id")
	case q.Node != "" && !q.Fleet:
		return errors.New("--node goes with --fleet")
	case q.Limit < 0 || q.Limit > MaxLimit:
		return fmt.Errorf("--limit %d is out of bounds; write 1 to %d", q.Limit, MaxLimit)
	case q.Limit == 0:
		q.Limit = 100
	}
	if q.Client.IsValid() {
		q.Client = q.Client.Masked()
	}
	q.MessageID = MessageID(q.MessageID)
	return nil
}

// Actions are the words of the column action.
var Actions = wordsOfType(result.Accept, result.Quarantine, result.Reject, result.TempFail, result.Redirect, result.Discard)

// DMARCResults are the words of the column dmarc.
var DMARCResults = wordsOfType(dmarc.None, dmarc.Pass, dmarc.Fail, dmarc.TempError, dmarc.PermError)

func wordsOfType[T ~string](all ...T) (texts []string) {
	for _, w := range all {
		texts = append(texts, string(w))
	}
	return texts
}

// checkWord returns an error if a word of a column is given that the column cannot have.
func checkWord(flag, word string, known []string) error {
	if word == "" || slices.Contains(known, word) {
		return nil
	}
	last := len(known) - 1
	return fmt.Errorf("--%s: %s is not known; write %s or %s", flag, foreign.TerminalQuote(word, maxText), strings.Join(known[:last], ", "), known[last])
}

// Page is a part of the rows that a query selects, the newest first.
type Page struct {
	Rows []*Row `json:"rows"`
	// Next is the value of Query.Before for the next page, 0 if there is none.
	Next result.Reference `json:"next,omitempty"`
	// Complete is false if the time was over before all was searched. Searched is how
	// far it came then.
	Complete bool      `json:"complete"`
	Searched time.Time `json:"searched,omitzero"`
	// Oldest is the beginning of the oldest day that is kept.
	Oldest time.Time `json:"oldest,omitzero"`
	// Unread names files that could not be read.
	Unread []string `json:"unread,omitempty"`
	// Aside names files of the wanted time that were set aside, and are not searched.
	Aside []string `json:"aside,omitempty"`
}

// File is a file of a store.
type File struct {
	Name  string    `json:"name"`
	Day   time.Time `json:"day,omitzero"`
	Class string    `json:"class,omitempty"`
	// Octets is its size. Rows is set by a check.
	Octets int64 `json:"octets"`
	Rows   int64 `json:"rows,omitempty"`
	// Problem says what is wrong with it; "" for nothing that is known.
	Problem string `json:"problem,omitempty"`
}

// Reader searches rows. It is safe for concurrent use.
type Reader interface {
	// Find returns a page of the rows that a query selects. It ends with ctx, and then
	// the page says how far it came.
	Find(ctx context.Context, q Query) (Page, error)
	// Generation returns rules that were in force; false if they are not kept.
	Generation(ctx context.Context, id int64, at time.Time) (Generation, bool)
}

// Selects reports whether a query selects a record of which the hashes are made by key;
// nil if there are none.
func (q *Query) Selects(rec *Record, key *Key) bool {
	is := func(c Column, want string) bool { return want == "" || string(rec[c].Octets) == want }
	switch {
	case q.Before != 0 && result.Reference(rec[ColRef].Int) >= q.Before, result.Reference(rec[ColRef].Int) <= q.After,
		q.Ref != 0 && result.Reference(rec[ColRef].Int) != q.Ref,
		!is(ColQueue, q.Queue), !is(ColDMARC, q.DMARC), !is(ColRule, q.Rule), !is(ColHint, q.Hint),
		len(q.Hints) > 0 && !slices.Contains(q.Hints, string(rec[ColHint].Octets)),
		!is(ColAction, q.Action) && !is(ColWould, q.Action):
		return false
	}
	at := result.Reference(rec[ColRef].Int).Time()
	if at.Before(q.Since) || !q.Until.IsZero() && !at.Before(q.Until) {
		return false
	}
	if q.MessageID != "" && (key == nil || rec[ColMessageKey].Int != key.Hash(q.MessageID)) {
		return false
	}
	if q.Client.IsValid() {
		if !holds(q.Client, string(rec[ColClient].Octets)) {
			return false
		}
	}
	return q.selectsDomain(rec) && q.selectsFrom(rec, key) && q.selectsTo(rec, key)
}

// holds reports whether a network holds a client, whose address or network is given.
func holds(p netip.Prefix, client string) bool {
	if ip, err := netip.ParseAddr(client); err == nil {
		return p.Contains(ip)
	}
	of, err := netip.ParsePrefix(client)
	return err == nil && of.Bits() >= p.Bits() && p.Contains(of.Addr())
}

func (q *Query) selectsDomain(rec *Record) bool {
	return q.Domain == "" || Within(string(rec[ColAuthor].Octets), q.Domain) || Within(string(rec[ColOrg].Octets), q.Domain)
}

// Within reports whether a name is a domain or below it.
func Within(name, domain string) bool { return name == domain || message.Below(name, domain) }

func (q *Query) selectsFrom(rec *Record, key *Key) bool {
	from := string(rec[ColMailFrom].Octets)
	switch {
	case q.From == "":
		return true
	case q.From == "<>" || from == "<>":
		return from == q.From
	case strings.Contains(q.From, "@"):
		return key != nil && rec[ColMailFromKey].Int == key.Hash(q.From)
	}
	return Within(domainOfKept(from), q.From)
}

// domainOfKept returns the domain of what a row has, a domain or an address.
func domainOfKept(s string) string {
	if strings.Contains(s, "@") {
		return domainOf(s)
	}
	return s
}

func (q *Query) selectsTo(rec *Record, key *Key) bool {
	if q.To == "" {
		return true
	}
	if !strings.Contains(q.To, "@") {
		for to := range strings.FieldsSeq(string(rec[ColRcpt].Octets)) {
			if Within(domainOfKept(to), q.To) {
				return true
			}
		}
		return false
	}
	if key == nil {
		return false
	}
	want := AppendKey(nil, key.Hash(q.To))
	for all := rec[ColRcptKeys].Octets; len(all) >= KeyLength; all = all[KeyLength:] {
		if bytes.Equal(all[:KeyLength], want) {
			return true
		}
	}
	return false
}
