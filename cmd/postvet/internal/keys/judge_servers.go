package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/servers"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
)

// ServerSays is what one name server shows of a key, for a person.
type ServerSays struct {
	Server string `json:"server"`
	Says   string `json:"says"`
}

// CheckServers is [Check] that asks all name servers before the resolver. The resolver is not
// asked for a record that none of them has: it would remember its absence.
func CheckServers(ctx context.Context, r dkim.Resolver, ask func(ctx context.Context, name string) (*servers.View, error), k *Key, others []Entry) (finding.List, []ServerSays) {
	view, err := ask(ctx, k.Name())
	if err != nil {
		l := Check(ctx, r, k, others)
		if errors.Is(err, servers.ErrNoZone) {
			l.Note("the name servers of "+k.Domain+" were not found, so only the resolver was asked", "")
		} else {
			l.DNSFailure("the name servers of " + k.Domain + " could not be asked: " + foreign.Line(err.Error(), 200))
		}
		return l, nil
	}
	shown := Compare(view, k.Fingerprint())
	var says []ServerSays
	for i, a := range view.Answers {
		says = append(says, ServerSays{foreign.Line(a.Server, 300), shown.Words[i]})
	}
	var l finding.List
	if shown.All(SeesNoRecord) {
		k.judgeSize(&l)
		k.judgeAlone(&l, others)
		l.Error(k.absent())
		return l, says
	}
	l = Check(ctx, r, k, others)
	for i, s := range shown.Sights {
		switch {
		case s == SeesNothing:
			l.DNSFailure("the name server " + shown.Words[i])
		case s != SeesKey && shown.Differs():
			l.Error("the name server "+shown.Words[i]+", others differ", "see why this server lags behind or has another zone; a key signs once all of them show it")
		}
	}
	if shown.All(SeesKey) {
		l.OK(fmt.Sprintf("all name servers show the key (%d asked)", len(shown.Sights)))
	}
	if shown.TTL > 24*time.Hour {
		l.Warning(fmt.Sprintf("the TTL of the record is %v: for as long, a revoked key still counts", shown.TTL), "make it an hour")
	}
	return l, says
}
