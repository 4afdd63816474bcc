package inspect

// brand writes the section of BIMI, if there is anything to say.
func (p *printer) brand(b *Brand) {
	if b.State == BrandAbsent && len(b.Findings) == 0 {
		return
	}
	p.Section("BIMI", b.Name)
	if b.Record != "" {
		p.Line("  %s", p.Wrap(b.Record, 2, 2))
	}
	if b.State == BrandPublished && !b.Fetched {
		p.Line("  %s", p.Wrap("the files were not fetched; --fetch does it", 2, 2))
	}
	p.Findings("", b.Findings)
}
