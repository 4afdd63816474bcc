package mtasetup

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/filter/socket"
)

// UnitFolders are where systemd looks for units, the first place first.
var UnitFolders = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// socketUnits are the packaged units whose sockets are passed to the service.
var socketUnits = []string{"postvet.socket", "postvet-postfix.socket"}

// unitSockets returns the addresses that the packaged socket units listen on, in
// Postfix's notation, and the units. One that is masked or absent is left out.
func unitSockets(folders []string) (all, units []string) {
	for _, unit := range socketUnits {
		for _, folder := range folders {
			name := filepath.Join(folder, unit)
			if _, err := os.Lstat(name); err != nil {
				continue
			}
			if listens := unitListens(name, unit, folders); len(listens) > 0 {
				all, units = append(all, listens...), append(units, unit)
			}
			break // it hides those of later folders
		}
	}
	return all, units
}

// unitListens returns the addresses of ListenStream= of a unit.
func unitListens(name, unit string, folders []string) []string {
	var addresses []string
	for _, value := range unitSettings(name, unit, folders)["ListenStream"] {
		switch {
		case strings.Trim(value, "0123456789") == "":
			value = "inet:*:" + value
		case strings.HasPrefix(value, "/"):
			value = "unix:" + value
		default:
			value = "inet:" + value
		}
		if a, err := socket.Parse(value); err == nil {
			addresses = append(addresses, a.String())
		}
	}
	return addresses
}

// unitSettings returns the values of the settings of a unit and of the files that amend
// it; an empty value forgets those before it (systemd.syntax(7)). It returns nothing
// for a unit that is masked or cannot be read.
func unitSettings(name, unit string, folders []string) map[string][]string {
	files := []string{name}
	for _, folder := range folders {
		more, _ := filepath.Glob(filepath.Join(folder, unit+".d", "*.conf"))
		files = append(files, more...)
	}
	settings := map[string][]string{}
	for i, file := range files {
		const maxMegabytes = 1
		text, err := input.ReadFile(file, maxMegabytes)
		if i == 0 && (err != nil || len(text) == 0) {
			return nil // such as /dev/null for a unit that is masked
		}
		for line := range strings.Lines(string(text)) {
			key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			switch value = strings.TrimSpace(value); {
			case !ok || strings.HasPrefix(key, "#") || strings.HasPrefix(key, ";"):
			case value == "":
				delete(settings, strings.TrimSpace(key))
			default:
				key = strings.TrimSpace(key)
				settings[key] = append(settings[key], value)
			}
		}
	}
	return settings
}

// Service is what the packaged unit of the service says of the user that it runs as.
type Service struct {
	// Unit is the unit's file, "" if there is none, and Config the configuration that
	// it names.
	Unit, Config string
	// User is "" for root. Groups are further groups, besides the user's own.
	User   string
	Groups []string
	// Hidden are folders that the service does not see.
	Hidden []string
}

// ServiceOf returns the packaged service as the units in the folders have it.
func ServiceOf(folders ...string) Service {
	const unit = "postvet.service"
	for _, folder := range folders {
		name := filepath.Join(folder, unit)
		if _, err := os.Lstat(name); err != nil {
			continue
		}
		set := unitSettings(name, unit, folders)
		last := func(key string) string {
			if all := set[key]; len(all) > 0 {
				return all[len(all)-1]
			}
			return ""
		}
		if set == nil {
			return Service{}
		}
		s := Service{Unit: name, User: last("User"), Config: configOf(last("ExecStart"))}
		for _, groups := range append([]string{last("Group")}, set["SupplementaryGroups"]...) {
			s.Groups = append(s.Groups, strings.Fields(groups)...)
		}
		if home := last("ProtectHome"); home != "" && home != "no" && home != "false" && home != "read-only" {
			s.Hidden = append(s.Hidden, "/home", "/root", "/run/user")
		}
		if tmp := last("PrivateTmp"); tmp != "" && tmp != "no" && tmp != "false" {
			s.Hidden = append(s.Hidden, "/tmp", "/var/tmp")
		}
		return s
	}
	return Service{}
}

// configOf returns the configuration that a command line names with --config.
func configOf(command string) string {
	words := strings.Fields(command)
	for i, w := range words {
		if value, ok := strings.CutPrefix(w, "--config="); ok {
			return value
		}
		if w == "--config" && i+1 < len(words) {
			return words[i+1]
		}
	}
	return ""
}
