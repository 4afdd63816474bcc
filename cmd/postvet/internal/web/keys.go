package web

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

// Keys tell of the keys that sign.
type Keys interface {
	// Keys returns them, and asks the DNS about some of them through the cache.
	Keys(ctx context.Context) KeyRing
}

// KeyRing is the keys that sign mail of our users.
type KeyRing struct {
	// Signs is false if nothing is signed.
	Signs bool `json:"signs"`
	// Dir is the directory of the keys, "" for none, and Elsewhere the sections of the
	// configuration that have keys which are not listed here.
	Dir       string   `json:"dir"`
	Elsewhere []string `json:"elsewhere"`
	// Problem says why the keys cannot be listed.
	Problem string `json:"problem,omitempty"`
	// EverySeconds is how often keys are changed by themselves, 0 for by hand, and
	// Publishes is true if the service publishes their records.
	EverySeconds float64      `json:"every_seconds"`
	Publishes    bool         `json:"publishes"`
	Keys         []SigningKey `json:"keys"`
	// More is how many keys are not listed.
	More int `json:"more"`
}

// SigningKey is a key. A time that is zero is not known.
type SigningKey struct {
	Domain   string    `json:"domain"`
	Selector string    `json:"selector"`
	Type     string    `json:"type"`
	Bits     int       `json:"bits"`
	Made     time.Time `json:"made,omitzero"`
	// Problem says why the file cannot be used.
	Problem string `json:"problem,omitempty"`
	// State is where it is in its life, since Since. WaitsFor says what keeps it from its
	// next state.
	State    string    `json:"state"`
	Since    time.Time `json:"since,omitzero"`
	Signed   time.Time `json:"signed,omitzero"`
	WaitsFor string    `json:"waits_for,omitempty"`
	// Next is when its successor is made.
	Next time.Time `json:"next,omitzero"`
	// Asked is true if the DNS was asked; Shown is true if it shows the key, and Says what
	// it says.
	Asked bool     `json:"asked"`
	Shown bool     `json:"shown"`
	Says  []string `json:"says"`
	// Name and Record are what to publish.
	Name   string `json:"name"`
	Record string `json:"record"`
}

// keysPage is the page of the keys.
type keysPage struct {
	KeyRing
	Sentence string        `json:"sentence"`
	Every    time.Duration `json:"-"`
}

func (h *Handler) keys(q *request) (any, error) {
	p := &keysPage{KeyRing: h.opt.Source.Keys(q.ctx)}
	p.Every = time.Duration(p.EverySeconds * float64(time.Second))
	unshown, unusable, unknown := 0, 0, 0
	for i := range p.Keys {
		k := &p.Keys[i]
		k.Record = foreign.TerminalLines(k.Record)
		switch {
		case k.Problem != "":
			unusable++
		case !k.Asked:
			unknown++
		case k.Asked && !k.Shown && (k.State == "active" || k.State == "pending"):
			unshown++
		}
	}
	switch {
	case !p.Signs:
		p.Sentence = "Nothing is signed: no keys are configured."
	case p.Problem != "":
		p.Sentence = "The keys cannot be listed."
	case len(p.Keys) == 0 && len(p.Elsewhere) > 0:
		p.Sentence = "The keys are in tables or on servers, which are not listed here."
	case len(p.Keys) == 0:
		p.Sentence = "There is no key yet, so that nothing is signed."
	case unshown+unusable > 0:
		p.Sentence = fmt.Sprintf("Of %s, the DNS does not show %d, and %d cannot be used.", layout.Count(len(p.Keys)+p.More, "key"), unshown, unusable)
	case unknown > 0:
		p.Sentence = fmt.Sprintf("Of %s, the DNS said nothing about %d just now.", layout.Count(len(p.Keys)+p.More, "key"), unknown)
	case p.More == 0 && !slices.ContainsFunc(p.Keys, func(k SigningKey) bool { return k.State == "active" }):
		p.Sentence = fmt.Sprintf("%s, and the DNS shows what it should. None signs yet: a pending key begins once Postvet itself has seen its record.", layout.Count(len(p.Keys), "key"))
	default:
		p.Sentence = fmt.Sprintf("%s, and the DNS shows what it should.", layout.Count(len(p.Keys)+p.More, "key"))
	}
	return p, nil
}
