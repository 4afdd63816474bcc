package inspect

import (
	"fmt"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/page"
)

func (p *printer) dkim(k *DKIM) {
	p.Section("DKIM", fmt.Sprintf("%d selectors asked for, %s found", k.Probed, layout.Count(len(k.Keys), "key")))
	width := 0
	for _, key := range k.Keys {
		width = max(width, len(key.Selector))
	}
	for _, key := range k.Keys {
		kind := "not a key"
		switch {
		case key.Revoked:
			kind = "revoked"
		case key.Type == "rsa":
			kind = fmt.Sprintf("rsa %d", key.Bits)
		case key.Type != "":
			kind = key.Type
		}
		line := fmt.Sprintf("  %-*s  %s", width, key.Selector, kind)
		if key.Alias != "" {
			line += p.Paint(layout.Faint, "  at "+key.Alias)
		}
		if len(key.Findings) == 1 && key.Findings[0].Severity == finding.OK {
			line += "  " + p.Paint(layout.Green, "ok")
			p.Line("%s", line)
			continue
		}
		p.Line("%s", line)
		p.Findings(page.Spaces(2+width), key.Findings)
	}
	p.Findings("", k.Findings)
}
