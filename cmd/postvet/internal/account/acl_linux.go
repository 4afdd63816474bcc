package account

import "golang.org/x/sys/unix"

// readACL returns the access control list of a file, nil if it has none beside its mode.
func readACL(path string) []aclEntry {
	b := make([]byte, 8<<10)
	n, err := unix.Getxattr(path, "system.posix_acl_access", b)
	if err != nil {
		return nil
	}
	return parseACL(b[:n])
}
