package held

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/atomicfile"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

const (
	// MaxDigest bounds the messages that one digest lists.
	MaxDigest = 200
	// digestBack is how far a digest goes back at most, after the service was away.
	digestBack = 7 * 24 * time.Hour
	// digestAgain is when a digest that failed is tried again, digestTime how long it may
	// take, and digestLook how often the clock is read, which may be set.
	digestAgain = 10 * time.Minute
	digestTime  = 2 * time.Minute
	digestLook  = time.Minute
	digestWidth = 76
)

// Digest sends a list of held mail once a day.
type Digest struct {
	// At is the time of the day in the local zone, "07:00".
	At string
	// Host is the name of this server.
	Host string
	// File keeps the time up to which mail was listed.
	File string
	// Find returns the messages that were held in a time, at most MaxDigest, the newest
	// first, and whether there are more.
	Find func(ctx context.Context, since, until time.Time) (all []Message, more bool, err error)
	// Mail hands over a mail.
	Mail func(ctx context.Context, subject, text string) error
	Log  *zap.Logger
	// Sent and Failed count the mails.
	Sent, Failed *atomic.Uint64
}

// Run sends digests until the context ends.
func (d *Digest) Run(ctx context.Context) {
	told := d.load(time.Now())
	failure, notBefore := "", time.Time{}
	for {
		now := time.Now()
		if told.After(now) { // the clock was set back
			told = now
		}
		due := d.next(told)
		if due.Before(notBefore) {
			due = notBefore
		}
		if wait := due.Sub(now); wait > 0 {
			select {
			case <-time.After(min(wait, digestLook)):
				continue
			case <-ctx.Done():
				return
			}
		}
		err := d.send(ctx, told, now)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			notBefore = now.Add(digestAgain)
			if failure != err.Error() {
				failure = err.Error()
				d.Log.Warn("the list of held mail is not sent; it is tried again", zap.Error(err))
			}
			continue
		}
		told, failure = now, ""
		if err := d.save(now); err != nil {
			d.Log.Warn("when the list of held mail was sent is not saved; after a restart it may be sent again", zap.String("file", d.File), zap.Error(err))
		}
	}
}

// next returns when the digest after a time is due.
func (d *Digest) next(after time.Time) time.Time {
	at, err := time.Parse("15:04", d.At)
	if err != nil {
		at = time.Time{} // the configuration has checked it
	}
	after = after.Local()
	for days := 0; ; days++ {
		due := time.Date(after.Year(), after.Month(), after.Day()+days, at.Hour(), at.Minute(), 0, 0, time.Local)
		if due.After(after) {
			return due
		}
	}
}

// send sends the digest of a time. There is none if nothing was held.
func (d *Digest) send(ctx context.Context, since, until time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, digestTime)
	defer cancel()
	if least := until.Add(-digestBack); since.Before(least) {
		since = least
	}
	all, more, err := d.Find(ctx, since, until)
	if err != nil || len(all) == 0 {
		return err
	}
	groups := Groups(all)
	err = d.Mail(ctx, d.subject(all, groups, more), d.text(groups, since, more))
	if err != nil {
		d.Failed.Add(1)
		return err
	}
	d.Sent.Add(1)
	return nil
}

func (d *Digest) subject(all []Message, groups []Group, more bool) string {
	n := layout.Count(len(all), "message")
	if more {
		n = "more than " + n
	}
	return fmt.Sprintf("Held mail at %s: %s of %s", d.Host, n, layout.Count(len(groups), "author domain"))
}

func (d *Digest) text(groups []Group, since time.Time, more bool) string {
	var b strings.Builder
	for _, line := range layout.Paragraph(fmt.Sprintf("Postvet had the MTA of %s hold this mail since %s. What was released or deleted meanwhile is listed too. "+
		"The commands are for that machine; if there are others, each sends a list of its own.", d.Host, since.Local().Format("2006-01-02 15:04")), digestWidth) {
		b.WriteString(line + "\n")
	}
	b.WriteString("\n")
	_ = WriteText(&b, groups, digestWidth) // a Builder never fails
	if more {
		fmt.Fprintf(&b, "There is more; only the newest %d messages are listed.\n", MaxDigest)
	}
	b.WriteString("\"postvet held --mta postfix\" (or sendmail) lists what is still held, and\n\"postvet explain REF\" tells all about a message.\n")
	return b.String()
}

// maxTold bounds what is read of a file.
const maxTold = 64

// load returns the time up to which mail was listed; a day ago if that is not known.
func (d *Digest) load(now time.Time) time.Time {
	begin := now.Add(-24 * time.Hour)
	text, err := os.ReadFile(d.File)
	if err == nil && len(text) <= maxTold {
		var told time.Time
		if told, err = time.Parse(time.RFC3339, strings.TrimSpace(string(text))); err == nil {
			return told
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		d.Log.Warn("when the list of held mail was sent last is not known; some may be listed again", zap.String("file", d.File), zap.Error(err))
	}
	return begin
}

func (d *Digest) save(told time.Time) error {
	return atomicfile.Write(d.File, 0o600, func(f *os.File) error {
		_, err := f.WriteString(told.Format(time.RFC3339Nano) + "\n")
		return err
	})
}
