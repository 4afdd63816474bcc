package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/spf"
)

// A record that lets at least tooMany of all addresses pass protects nothing. Nobody
// but a few organizations has as many as many.
const (
	tooMany = 1. / 8
	many    = 1. / 256
)

// checkCoverage says which share of all addresses may send, unless an all lets
// everybody do it.
func (s *SPF) checkCoverage(tree *spf.Tree) {
	if s.open {
		s.wide = slices.ContainsFunc(tree.Root.Terms, func(b spf.Branch) bool {
			return b.Term.Mechanism != "all" && max(b.Pass.IPv4, b.Pass.IPv6) >= many
		})
		return
	}
	const fix = "name the hosts that send, and no wider networks than theirs"
	for _, f := range [...]struct {
		family string
		share  float64
		of     func(spf.Coverage) float64
	}{
		{"IPv4", tree.Pass.IPv4, func(c spf.Coverage) float64 { return c.IPv4 }},
		{"IPv6", tree.Pass.IPv6, func(c spf.Coverage) float64 { return c.IPv6 }},
	} {
		text := fmt.Sprintf("%s may send in the name of %s: %s", percent(f.share, f.family), s.domain, widest(tree.Root, f.of))
		switch {
		case f.share >= tooMany:
			s.open, s.wide = true, true
			s.Findings.Error(text, fix)
		case f.share >= many:
			s.Findings.Warning(text, fix)
		}
	}
}

// percent returns the share of a family's addresses in words.
func percent(share float64, family string) string {
	switch {
	case share == 1:
		return "everybody with an " + family + " address"
	case share > 0.99:
		return "more than 99 % of all " + family + " addresses"
	}
	return fmt.Sprintf("%.2g %% of all %s addresses", 100*share, family)
}

// widest names the terms that let most clients pass.
func widest(n *spf.Node, of func(spf.Coverage) float64) string {
	type wide struct {
		text  string
		share float64
	}
	var list []wide
	for i := range n.Terms {
		if b := &n.Terms[i]; of(b.Pass) > 0 {
			list = append(list, wide{foreign.Line(b.Text, advice.MaxText/4), of(b.Pass)})
		}
	}
	slices.SortStableFunc(list, func(a, b wide) int {
		if a.share > b.share {
			return -1
		}
		if a.share < b.share {
			return 1
		}
		return 0
	})
	var words []string
	for i, w := range list {
		if i == 4 || w.share < list[0].share/16 {
			words = append(words, fmt.Sprintf("%d more", len(list)-i))
			break
		}
		words = append(words, w.text)
	}
	return strings.Join(words, ", ")
}
