//go:build linux

package realmta

// SendmailExample is sendmailExample for a milter at an address in Postfix's notation.
func SendmailExample(listen string) ([]string, error) {
	return sendmailExample(sendmailAddress(listen))
}

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

// MTAConfig returns the configuration of the site's MTA as "config check --mta" takes it.
func (s *Site) MTAConfig() string {
	switch m := s.MTA.(type) {
	case *Postfix:
		return m.path("etc")
	case *Sendmail:
		return m.path("etc/sendmail.cf")
	}
	return ""
}

// Config returns the file of the daemon's configuration.
func (d *Daemon) Config() string { return d.config }
