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

// unitListens reads ListenStream= of a unit and of the files that amend it; an
// empty value forgets those before it (systemd.socket(5)).
func unitListens(name, unit string, folders []string) []string {
	files := []string{name}
	for _, folder := range folders {
		more, _ := filepath.Glob(filepath.Join(folder, unit+".d", "*.conf"))
		files = append(files, more...)
	}
	var listens []string
	for i, file := range files {
		const maxMegabytes = 1
		text, err := input.ReadFile(file, maxMegabytes)
		if err != nil && i == 0 || len(text) == 0 && i == 0 {
			return nil // such as /dev/null for a unit that is masked
		}
		for line := range strings.Lines(string(text)) {
			value, ok := strings.CutPrefix(strings.TrimSpace(line), "ListenStream=")
			switch value = strings.TrimSpace(value); {
			case !ok:
			case value == "":
				listens = nil
			case strings.Trim(value, "0123456789") == "":
				listens = append(listens, "inet:*:"+value)
			case strings.HasPrefix(value, "/"):
				listens = append(listens, "unix:"+value)
			default:
				listens = append(listens, "inet:"+value)
			}
		}
	}
	var addresses []string
	for _, l := range listens {
		if a, err := socket.Parse(l); err == nil {
			addresses = append(addresses, a.String())
		}
	}
	return addresses
}
