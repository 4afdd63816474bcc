package mta

import "slices"

// daemons checks the lists of milters: names that no line defines, and daemons of
// Sendmail with lists of their own, which count instead of InputMailFilters.
func (c *check) daemons(cf Sendmail, p Postvet) {
	defined := map[string]Milter{}
	for _, l := range cf.Lines {
		if l.Milter != nil {
			defined[l.Milter.Name] = *l.Milter
		}
	}
	unknown := func(where string, names []string) {
		for _, name := range names {
			if _, ok := defined[name]; !ok {
				c.Error(where+" names the filter "+name+", which no line defines", "define it, or take it off the list")
			}
		}
	}
	for _, l := range cf.Lines {
		unknown("InputMailFilters", l.Order)
	}
	for _, d := range cf.Daemons {
		if !d.Own {
			continue
		}
		where := "InputMailFilters of " + d.Name
		unknown(where, d.Filters)
		asks := slices.ContainsFunc(d.Filters, func(name string) bool {
			m, ok := defined[name]
			return ok && p.find(QueueDirectory, []Milter{m}) >= 0
		})
		switch {
		case asks:
			c.OK(d.Name + " asks Postvet by a list of its own")
		case d.Internal && d.Loopback == "" && c.postvet.Signing != nil:
			c.Warning(d.Name+" does not ask Postvet: the mail of users who log in there is not signed", "add postvet to InputMailFilters in its options, at the end")
		case d.Internal:
			c.OK(d.Name + " does not ask Postvet; it takes mail from own users or this machine")
		case len(d.Filters) == 0:
			c.Error(d.Name+" asks no filter at all: its InputMailFilters is empty, and forged mail passes", "take InputMailFilters out of its options")
		default:
			c.Error(d.Name+" does not ask Postvet: it has a list of its own", "add postvet to InputMailFilters in its options, or take that out")
		}
	}
}
