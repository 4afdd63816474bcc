//go:build linux

package realmta

// FreePort is freePort for the tests.
var FreePort = freePort

// Folders returns the folders of the site and of its MTA.
func (s *Site) Folders() []string {
	switch m := s.MTA.(type) {
	case *Postfix:
		return []string{s.dir, m.dir}
	case *Sendmail:
		return []string{s.dir, m.dir}
	}
	return []string{s.dir}
}
