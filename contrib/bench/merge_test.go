package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string, r Report) string {
		path := filepath.Join(dir, name)
		if r.Corpus == "" {
			r.Corpus = "corpus"
		}
		if err := r.write(path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	busy := Cell{Sessions: 8, PerConnection: 1}
	rec := func(name string, round int, cpu float64) Record {
		return Record{Contestant: name, Round: round, Cell: busy, CPU: cpu, PerSecond: 1}
	}
	first := file("1", Report{
		Started: time.Unix(200, 0), Records: []Record{rec("postvet", 1, .2), rec("postvet", 2, .4)},
		Missing: map[string]string{"rspamd": "not there"}, Memory: []MemoryRecord{{Check: checkBig, PeakMB: 200}},
	})
	second := file("2", Report{
		Started: time.Unix(100, 0), Records: []Record{rec("postvet", 1, .3), rec("rspamd", 1, 3)},
		Failed: map[string][]string{"libmilter": {"it ended"}}, Memory: []MemoryRecord{{Check: checkBig, PeakMB: 100}},
	})
	r, err := merge([]string{first, second})
	if err != nil {
		t.Fatal(err)
	}
	if got := of(r.Records, "postvet", busy); len(got) != 3 || got[2].Round != 3 {
		t.Errorf("rounds of postvet: %+v", got)
	}
	if !r.Started.Equal(time.Unix(100, 0)) || len(r.Missing) != 0 || len(r.Failed["libmilter"]) != 1 {
		t.Errorf("%+v", r)
	}
	var ratio, memory float64
	for _, a := range r.Aims {
		switch {
		case strings.HasPrefix(a.Text, "CPU per message, Rspamd"):
			ratio = a.Measured
		case strings.HasPrefix(a.Text, "peak memory"):
			memory = a.Measured
		}
	}
	if ratio < 9.99 || ratio > 10.01 || memory != 100 {
		t.Errorf("aims %+v", r.Aims)
	}

	other := file("3", Report{Corpus: "another"})
	for name, paths := range map[string][]string{
		"another corpus": {first, other}, "no file": {filepath.Join(dir, "none")}, "nothing": nil,
	} {
		if _, err := merge(paths); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
