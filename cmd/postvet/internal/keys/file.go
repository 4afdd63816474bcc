package keys

import (
	"crypto"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/postvet/postvet/cmd/postvet/internal/account"
	"github.com/postvet/postvet/cmd/postvet/internal/input"
)

// Finding is something about a key file that an administrator should know. It does not
// keep the key from being used.
type Finding string

// ReadFile reads a private key and judges its permissions: other users may neither
// read nor write the file, its group may not write it, and nobody else may replace it
// in its directory. A group that can read it is fine: that is how a service without
// root reads its keys. With strict, what is wrong is an error; otherwise a Finding, as
// for systems whose secrets are readable by design. Symbolic links are followed, and
// the opened file is judged.
//
// The error names the file, what is wrong and the command that mends it. It holds
// nothing of the file's contents.
func ReadFile(path string, strict bool) (crypto.Signer, []Finding, error) {
	data, findings, err := readSecret(path, strict)
	if err != nil {
		return nil, findings, err
	}
	key, err := Parse(data)
	if err != nil {
		return nil, findings, fmt.Errorf("%s: %w", path, err)
	}
	return key, findings, nil
}

// ReadSecret reads a file that holds another secret, and judges its permissions as
// ReadFile does with strict.
func ReadSecret(path string) ([]byte, error) {
	data, _, err := readSecret(path, true)
	if err == nil && len(data) > maxKeyFile {
		err = fmt.Errorf("%s: longer than %d bytes, which no key is", path, maxKeyFile)
	}
	return data, err
}

func readSecret(path string, strict bool) ([]byte, []Finding, error) {
	f, err := input.OpenRegular(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil, nil, fmt.Errorf("%s: the user %s may not read it%s", path, currentUser(), ownerOf(path))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, input.Cause(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, input.Cause(err))
	}
	var findings []Finding
	if why := unsafeMode(path, info); why != "" {
		if strict {
			return nil, nil, fmt.Errorf("%s: %s", path, why)
		}
		findings = append(findings, Finding(path+": "+why))
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, findings, fmt.Errorf("%s: %w", path, input.Cause(err))
	}
	return data, findings, nil
}

// unsafeMode returns what is wrong with the mode of a file or of its directory, and
// the command that mends it; "" if nothing is.
func unsafeMode(path string, info fs.FileInfo) string {
	mode := info.Mode().Perm()
	if mode&0o007 != 0 || mode&0o020 != 0 {
		who := "others may read the key"
		switch {
		case mode&0o002 != 0:
			who = "others may write the key"
		case mode&0o020 != 0:
			who = "its group may write the key"
		}
		return fmt.Sprintf("mode %04o: %s; mend it with chmod %04o %s", mode, who, mode&0o750, path)
	}
	dir := filepath.Dir(path)
	d, err := os.Stat(dir)
	if err != nil {
		return ""
	}
	if d.Mode().Perm()&0o002 != 0 && d.Mode()&fs.ModeSticky == 0 {
		return fmt.Sprintf("others may replace the key, since its directory has mode %04o; mend it with chmod o-w %s", d.Mode().Perm(), dir)
	}
	return ""
}

func currentUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Geteuid())
}

// ownerOf says whose a file is and what its mode is, for the error of a reader.
func ownerOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("; it is %s with mode %04o", account.Owners(info), info.Mode().Perm())
}
