package postgres

import (
	"context"
	"encoding/json"
	"time"
)

// Health is what a node says of itself, for the page that compares nodes.
type Health struct {
	// Generation identifies the configuration in force.
	Generation int64 `json:"generation"`
	// Lag is how far behind the node is with what it sends.
	Lag time.Duration `json:"lag_ns"`
	// Dropped are messages since its start that its journal lacks, and Lost those that it
	// removed before they were sent.
	Dropped int64 `json:"dropped"`
	Lost    int64 `json:"lost"`
	// Degraded is true if its lookups of all names fail. Otherwise Failing of its Resolvers
	// do.
	Degraded  bool `json:"degraded"`
	Failing   int  `json:"failing"`
	Resolvers int  `json:"resolvers"`
}

// SetHealth sets the function that returns the health of the node. The shipper itself adds Lag
// and Lost.
func (s *Shipper) SetHealth(f func() Health) {
	if s != nil {
		s.health.Store(&f)
	}
}

// tellHealth writes the health of the node into the database, at most once in aliveEvery.
func (s *Shipper) tellHealth(ctx context.Context) error {
	f := s.health.Load()
	if f == nil || time.Since(s.session.told) < aliveEvery {
		return nil
	}
	h, st := (*f)(), s.Stats()
	h.Lag = st.Lag
	for _, n := range st.Lost {
		h.Lost += n
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.session.begin(ctx); err != nil {
		return err
	}
	if _, err := s.session.conn.Exec(ctx, "UPDATE postvet.node SET health = $1 WHERE id = $2", string(text), s.session.node); err != nil {
		return fault(err)
	}
	if err := s.session.commit(ctx); err != nil {
		return err
	}
	s.session.told = time.Now()
	return nil
}

// healthOf returns what a node said; nil if it said nothing that can be read.
func healthOf(text string) *Health {
	var h Health
	if text == "" || json.Unmarshal([]byte(text), &h) != nil {
		return nil
	}
	return &h
}
