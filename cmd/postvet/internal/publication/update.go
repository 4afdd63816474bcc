package publication

import (
	"context"
	"fmt"
	"time"

	"github.com/postvet/postvet/dnscache/authority"
	"github.com/postvet/postvet/policy/foreign"
)

// update publishes by dynamic updates.
type update struct {
	options Options
	host    string
}

func (u *update) String() string { return u.options.How }

// updateTime bounds an update at all addresses of the server.
const updateTime = 30 * time.Second

// Publish has the server make the change, if no foreign record stands at the name. The
// first address that answers is used.
func (u *update) Publish(ctx context.Context, c Change) error {
	ctx, cancel := context.WithTimeout(ctx, updateTime)
	defer cancel()
	key, err := u.key()
	if err != nil {
		return err
	}
	addrs, err := u.options.Addresses(ctx, u.host)
	if err != nil {
		return fmt.Errorf("%s: %w", u.host, err)
	}
	var present *authority.Reply
	for _, addr := range addrs {
		if present, err = authority.Ask(ctx, addr, c.Name); err != nil {
			continue
		}
		done, foreignRecord := c.compare(present)
		switch {
		case done:
			return nil
		case foreignRecord != "":
			return fmt.Errorf("another record stands at %s: %s; remove it", c.Name, foreign.Quote(foreignRecord, 100))
		}
		if err = authority.Update(ctx, addr, key, authority.Change{Name: c.Name, From: present.Records, To: c.Value, TTL: c.TTL}); err != nil {
			break
		}
		return nil
	}
	if err == nil {
		return fmt.Errorf("%s: it has no address", u.host)
	}
	return fmt.Errorf("%s: %w", u.host, err)
}

// key reads the TSIG key anew each time, so that it can be replaced while the service runs.
func (u *update) key() (*authority.Key, error) {
	if u.options.KeyFile == "" {
		return nil, nil
	}
	text, err := u.options.ReadSecret(u.options.KeyFile)
	if err != nil {
		return nil, err
	}
	key, err := authority.ParseKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.options.KeyFile, err)
	}
	return key, nil
}

// compare reports whether the change is made already, and else which record is in its way.
func (c Change) compare(present *authority.Reply) (done bool, foreignRecord string) {
	if present.Alias != "" {
		return false, "CNAME " + present.Alias
	}
	if len(present.Records) == 0 {
		return c.Value == "", ""
	}
	if len(present.Records) == 1 && present.Records[0].Text == c.Value {
		return true, ""
	}
	for _, r := range present.Records {
		if c.Ours == nil || !c.Ours(r.Text) {
			return false, r.Text
		}
	}
	return false, ""
}
