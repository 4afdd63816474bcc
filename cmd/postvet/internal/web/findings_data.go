package web

import (
	"fmt"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// journal finds rows that are lost, and files that are damaged.
func (l *findings) journal(j *control.Journal) {
	switch {
	case j.Directory == "":
		return
	case !j.Running && j.Problem != "":
		l.add(levelBad, "journal-closed", "/status#journal", "The journal could not be opened, so that nothing is remembered. Mail is not affected.",
			"Mend the cause, then restart the service.", j.Problem)
	case j.Problem != "":
		l.add(levelBad, "journal-failing", "/status#journal", "The journal cannot be written at present. Mail is not affected.",
			"Look at the disk; what happens now is lost when the memory for it is full.", j.Problem)
	}
	if n := sum(j.Dropped); n > 0 {
		l.add(levelWarn, "journal-dropped", "/status#journal", fmt.Sprintf("The journal lacks %s since the start, as the disk was too slow or failed.", layout.Count(n, "message")),
			"Look at the disk, or raise journal.memory.", countLines(j.Dropped)...)
	}
	var damaged []string
	for _, f := range j.Files {
		if f.Problem != "" {
			damaged = append(damaged, f.Name+": "+f.Problem)
		}
	}
	if len(damaged) > 0 {
		l.add(levelBad, "journal-damaged", "/status#journal", "Files of the journal are damaged: "+layout.Count(len(damaged), "file")+".",
			"Run \"postvet journal verify\". Searches leave out what cannot be read.", damaged...)
	}
}

// disk finds a disk that is nearly full.
func (l *findings) disk(d *Disk) {
	if d == nil || d.Total <= 0 {
		return
	}
	percent := float64(d.Free) * 100 / float64(d.Total)
	free := octets(d.Free) + " of " + octets(d.Total)
	switch {
	case d.Least > 0 && percent < float64(d.Least):
		l.add(levelBad, "disk-full", "/status#journal", "The disk of the journal is nearly full: "+free+" are free.",
			fmt.Sprintf("Make room. Below %d %% (journal.min_free) the oldest days of the journal are removed.", d.Least))
	case percent < float64(d.Least)+5 || percent < 5:
		l.add(levelWarn, "disk-low", "/status#journal", "Little room is left on the disk of the journal: "+free+" are free.", "Make room, or keep the journal for a shorter time (journal.keep).")
	}
}

// lagging is how far behind a node is before a person should look.
const lagging = 5 * time.Minute

// fleet finds a database that does not take what this node sends.
func (l *findings) fleet(s *control.Shipping) {
	if s == nil {
		return
	}
	lag := time.Duration(s.LagSeconds * float64(time.Second))
	switch {
	case s.Problem != "":
		level := levelWarn
		if l.now.Sub(s.Since) > time.Hour {
			level = levelBad
		}
		l.add(level, "fleet-away", "/fleet", "The database of all nodes has taken nothing for "+span(l.now.Sub(s.Since))+"; this node keeps what is to be sent.",
			"Look at PostgreSQL and the network.", s.Problem)
	case lag > lagging:
		l.add(levelWarn, "fleet-lagging", "/fleet", "This node is "+span(lag)+" behind with what it sends to the database of all nodes.", "Look whether PostgreSQL is slow.")
	}
	if n := sum(s.Lost); n > 0 {
		l.add(levelBad, "fleet-lost", "/fleet", "The database of all nodes lacks "+layout.Count(n, "message")+" of this node, which were removed here before they were sent.",
			"Raise journal.spool_keep, or make room on the disk.", countLines(s.Lost)...)
	}
}

// waiting is how long a report may wait before a person should look.
const waiting = 26 * time.Hour

// reports finds reports that do not reach who asked for them.
func (l *findings) reports(s *Sending, c *Counting) {
	if c != nil && c.Problem != "" {
		l.add(levelBad, "reports-uncounted", "/reports/sent", "Messages cannot be counted for DMARC reports.", "Look at the store of reports: reports.db beside the journal, or PostgreSQL.", c.Problem)
	}
	if c != nil && c.Dropped > 0 {
		l.add(levelWarn, "reports-incomplete", "/reports/sent", layout.Count(c.Dropped, "message")+" of the time since the start will be missing in DMARC reports.", "Look at the disk and the log.")
	}
	if s == nil {
		return
	}
	if s.Problem != "" {
		l.add(levelBad, "reports-failing", "/reports/sent", "DMARC reports cannot be sent.", "Run \"postvet report check\".", s.Problem)
	}
	if !s.Waiting.IsZero() && l.now.Sub(s.Waiting) > waiting {
		l.add(levelWarn, "reports-waiting", "/reports/sent?state=waiting", "A DMARC report waits for "+span(l.now.Sub(s.Waiting))+" to be sent.", "Look whether the server of report.smtp takes mail.")
	}
	if n := s.Bounced; n > 0 {
		l.add(levelWarn, "reports-bouncing", "/reports/sent?state=problems", layout.Count(n, "DMARC report")+" bounced since the start; the addresses get none for a while.",
			"Nothing, if they are few. If many bounce, your sender's address may have a bad name: see what the bounces say.")
	}
}
