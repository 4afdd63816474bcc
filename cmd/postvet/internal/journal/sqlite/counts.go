package sqlite

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
)

var errRenewed = errors.New("state.db was begun anew, and lacks what was counted before in this hour; that is written now")

// WriteCounts keeps counts, all of them or none.
func (s *Store) WriteCounts(w *counts.Write) error {
	if len(w.Recent) == 0 && len(w.Over) == 0 {
		return nil
	}
	s.written = true
	if _, err := s.stateOf(); err != nil {
		return err
	}
	if part := func(p counts.Part) bool { return !p.Whole }; s.renewed && slices.ContainsFunc(w.Recent, part) {
		s.renewed = false
		return errRenewed // what comes again is whole
	}
	s.renewed = false
	return s.inState(func(st *state) error {
		for i := range w.Over {
			if err := st.addHour(&w.Over[i]); err != nil {
				return err
			}
		}
		for _, p := range w.Recent {
			if p.Whole {
				if err := st.exec("DELETE FROM recent WHERE at = ?", p.At.Unix()); err != nil {
					return err
				}
			}
			if err := st.exec("INSERT INTO recent (at, octets) VALUES (?, ?)", p.At.Unix(), p.Octets); err != nil {
				return err
			}
		}
		return nil
	})
}

// addHour adds the counts of an hour that is over to the hour and its day.
func (s *state) addHour(h *counts.Hour) error {
	at := h.At.Unix()
	day := h.At.Truncate(24 * time.Hour).Unix()
	for table, at := range map[string]int64{"hour": at, "day": day} {
		if err := s.addNames(table, at, h); err != nil {
			return err
		}
		if err := s.addFacts(table, at, h); err != nil {
			return err
		}
		err := s.exec(`INSERT INTO period VALUES (?, ?, ?, ?, (SELECT coalesce(max(seq), 0) + 1 FROM period))
ON CONFLICT DO UPDATE SET n = n + excluded.n, missing = missing + excluded.missing, seq = excluded.seq`, table, at, h.All, h.Missing)
		if err != nil {
			return err
		}
	}
	return s.exec("DELETE FROM recent WHERE at = ?", at)
}

func (s *state) addNames(table string, at int64, h *counts.Hour) error {
	add, err := s.prepared(insertCounts(table))
	if err != nil {
		return err
	}
	defer add.close()
	return h.EachRow(func(kind, name string, sums *counts.Sums) error {
		add.set(0, at)
		add.set(1, kind)
		add.set(2, name)
		for f, n := range sums {
			add.set(3+f, n)
		}
		return add.exec()
	})
}

func (s *state) addFacts(table string, at int64, h *counts.Hour) error {
	add, err := s.prepared(fmt.Sprintf("INSERT INTO %s_facts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n", table))
	if err != nil {
		return err
	}
	defer add.close()
	return h.EachFacts(func(f counts.Facts, n int64) error {
		for i, v := range []string{f.Org, f.DMARC, f.Action, f.Would, f.Override, f.Hint, f.Rule} {
			add.set(1+i, v)
		}
		add.set(0, at)
		add.set(8, n)
		return add.exec()
	})
}

// insertCounts is the statement that adds the numbers of a name.
func insertCounts(table string) string {
	return fmt.Sprintf("INSERT INTO %s VALUES (?, ?, ?%s) ON CONFLICT DO UPDATE SET %s", table, strings.Repeat(", ?", int(counts.Fields)), addSums())
}

// RecentCounts returns the parts of hours that are kept and are not over.
func (s *Store) RecentCounts() ([]counts.Part, error) {
	st, err := s.stateOf()
	if err != nil {
		return nil, err
	}
	var parts []counts.Part
	at := map[int64]bool{}
	err = st.each(selectRecent, func(line *statement) error {
		hour := line.int(0)
		parts = append(parts, counts.Part{At: time.Unix(hour, 0).UTC(), Whole: !at[hour], Octets: line.octets(1)})
		at[hour] = true
		return nil
	})
	if err != nil {
		return nil, s.stateFailed(err)
	}
	return parts, nil
}

const selectRecent = "SELECT at, octets FROM recent ORDER BY id"
