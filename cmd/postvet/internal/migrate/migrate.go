// Package migrate makes a configuration out of those of the daemons that Postvet
// takes the place of, and says what to change in the MTA's.
package migrate

import (
	"cmp"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/cmd/postvet/internal/migrate/mta"
	"github.com/postvet/postvet/cmd/postvet/internal/migrate/peers"
	"github.com/postvet/postvet/cmd/postvet/internal/mtasetup"
	"github.com/postvet/postvet/policy/addrlist"
)

// File is a configuration file of a peer.
type File struct {
	Peer peers.Peer
	Name string
}

// Import is a configuration made out of those of peers, as JSON too.
type Import struct {
	*peers.Plan
	TOML string `json:"toml"`
	// Lists are the files of entries that TOML names.
	Lists []peers.List `json:"lists"`
	Edit  *peers.Edit  `json:"edit,omitempty"`

	socket string
	config *config.Config // that TOML is
}

// maxMegabytes bounds a configuration file of a peer.
const maxMegabytes = 4

// Read reads the files and translates them to a configuration that listens on
// socket, "" for the default. The error is [peers.Faults] if a file has lines that
// its daemon would not take, or if the configuration is not valid for them.
func Read(files []File, socket string) (*Import, error) {
	var all []peers.Setting
	var unset []peers.Unset
	var faults peers.Faults
	for _, f := range files {
		text, err := input.ReadFile(f.Name, maxMegabytes)
		if err != nil {
			return nil, err
		}
		settings, err := peers.Read(f.Peer, f.Name, text)
		if some := peers.Faults(nil); errors.As(err, &some) {
			faults = append(faults, some...)
			continue
		} else if err != nil {
			return nil, err
		}
		if len(settings) == 0 {
			unset = append(unset, peers.Unset{Peer: f.Peer.Of(f.Name), File: f.Name})
		}
		all = append(all, settings...)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	plan, err := peers.Translate(all, listFiles(all), unset...)
	if err != nil {
		return nil, err
	}
	i := &Import{Plan: plan, TOML: plan.TOML(socket), Lists: plan.Lists(), socket: socket}
	// Postvet must take the configuration that is written.
	if i.config, err = config.Parse("the imported configuration", []byte(i.TOML)); err != nil {
		return nil, i.atSource(err)
	}
	return i, nil
}

// listFiles returns the entries of the files that lists name. One that cannot be
// read is missing; it is a fault of the configuration.
func listFiles(all []peers.Setting) peers.Files {
	files := peers.Files{}
	for _, path := range peers.ListFiles(all) {
		if text, err := input.ReadFile(path, addrlist.MaxBytes>>20); err == nil {
			files[path] = peers.ParseEntries(text)
		}
	}
	return files
}

// atSource returns the faults of the configuration as faults of the peers' files
// that they come from.
func (i *Import) atSource(err error) error {
	var faults config.Errors
	if !errors.As(err, &faults) {
		return err
	}
	var theirs peers.Faults
	for _, e := range faults {
		at := i.FaultAt(i.socket, e.Line, e.Problem, e.Remedy)
		if at == nil {
			at = &peers.Fault{File: e.File, Line: e.Line, Option: e.Key, Problem: e.Problem, Remedy: e.Remedy}
		}
		same := func(one *peers.Fault) bool { return *one == *at } // one list may become two
		if !slices.ContainsFunc(theirs, same) {
			theirs = append(theirs, at)
		}
	}
	slices.SortStableFunc(theirs, func(a, b *peers.Fault) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return theirs
}

// EditMTA sets the edit of a file of the MTA: main.cf, sendmail.mc or sendmail.cf.
// sources know the sockets of a service whose file names none.
func (i *Import) EditMTA(name string, sources mtasetup.Sources) error {
	text, err := mta.ReadText(name)
	if err != nil {
		return err
	}
	sockets, postfix, sendmail, err := sources.ForMTAs(i.socket)
	if err != nil {
		return err
	}
	// Which clients the MTA trusts is judged as if the edit were made.
	ours, err := mtasetup.Postvet(i.config, sources)
	if err != nil {
		return err
	}
	ours.Listen = sockets.Addresses
	var e peers.Edit
	var clients finding.List
	dir := filepath.Dir(name)
	if strings.HasSuffix(name, ".mc") || strings.HasSuffix(name, "sendmail.cf") {
		e = i.EditSendmail(name, text, sendmail)
		cf := mta.ParseSendmail(text)
		cf.Lines = append(append(cf.Lines, mta.ParseSendmail(mta.SendmailMC(sendmail)).Lines...), mta.SendmailLine{Order: []string{"postvet"}})
		clients = mta.SendmailClients(dir, cf, ours)
	} else {
		e = i.EditPostfix(name, text, postfix)
		cf := append(mta.ParseMainCF(text), mta.Parameter{Name: "smtpd_milters", Value: postfix})
		master, err := mta.ReadText(filepath.Join(dir, "master.cf"))
		if err != nil {
			master = "smtp inet n - n - - smtpd\n" // what every master.cf has
		}
		clients = mta.PostfixClients(dir, cf, master, ours)
	}
	e.Notes = append([]string{"Postvet listens on " + sockets.String()}, e.Notes...)
	for _, f := range clients {
		e.Notes = append(e.Notes, f.Text+"; "+f.Fix)
	}
	i.Edit = &e
	return nil
}
