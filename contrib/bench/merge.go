package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
)

// readReport reads a report that write has written.
func readReport(path string) (*Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &Report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// merge makes one report of several, which are parts of one benchmark with the
// same corpus and machine. A cell that was measured in several parts has more
// rounds. The aims are compared again.
func merge(paths []string) (*Report, error) {
	if len(paths) == 0 {
		return nil, errors.New("no files are named")
	}
	var all *Report
	for _, path := range paths {
		r, err := readReport(path)
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = r
			continue
		}
		if r.Corpus != all.Corpus || r.Options["seed"] != all.Options["seed"] {
			return nil, fmt.Errorf("%s: another corpus than that of %s: want the same -seed, -corpus and -domains", path, paths[0])
		}
		if r.Machine != all.Machine {
			return nil, fmt.Errorf("%s: another machine than that of %s", path, paths[0])
		}
		all.add(r)
	}
	// A contestant that took part in one of them is not missing.
	for _, rec := range all.Records {
		delete(all.Missing, rec.Contestant)
	}
	all.Aims = nil
	all.compare()
	return all, nil
}

// add adds the records of another part.
func (r *Report) add(part *Report) {
	if part.Started.Before(r.Started) {
		r.Started = part.Started
	}
	for _, m := range []struct{ to, from *map[string]string }{{&r.Versions, &part.Versions}, {&r.Missing, &part.Missing}} {
		if *m.to == nil {
			*m.to = map[string]string{}
		}
		maps.Copy(*m.to, *m.from)
	}
	for name, why := range part.Failed {
		if r.Failed == nil {
			r.Failed = map[string][]string{}
		}
		r.Failed[name] = append(r.Failed[name], why...)
	}
	round := 0
	for _, rec := range r.Records {
		round = max(round, rec.Round)
	}
	for _, rec := range part.Records {
		rec.Round += round
		r.Records = append(r.Records, rec)
	}
	round = 0
	for _, rec := range r.Postfix {
		round = max(round, rec.Round)
	}
	for _, rec := range part.Postfix {
		rec.Round += round
		r.Postfix = append(r.Postfix, rec)
	}
	if r.Signing == nil {
		r.Signing = part.Signing
	} else if part.Signing != nil {
		r.Signing.Records = append(r.Signing.Records, part.Signing.Records...)
		r.Signing.Beside = append(r.Signing.Beside, part.Signing.Beside...)
	}
	// The memory is measured once; the last record counts.
	for _, rec := range part.Memory {
		r.Memory = slices.DeleteFunc(r.Memory, func(m MemoryRecord) bool { return m.Check == rec.Check })
		r.Memory = append(r.Memory, rec)
	}
}
