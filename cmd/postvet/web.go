package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/filter/socket"
)

func newWeb(in *os.File) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "web",
		Short: "make passwords for the web page, and tell where it is",
		Long: `The web page shows what became of mail and why, and how domains, reports and
keys fare. The section web of the configuration has it served; postvet-web(7)
compares the ways to serve it.`,
	}
	group(cmd)
	cmd.AddCommand(newWebPasswd(in), newWebURL())
	return cmd
}

// minPassword is how long a password must be, in octets.
const minPassword = 8

func newWebPasswd(in *os.File) *cobra.Command {
	var role string
	var stdin bool
	cmd := &cobra.Command{
		Use:   "passwd NAME",
		Short: "print the line of a user who logs in on the web page",
		Long: `Passwd asks for a password, twice and without an echo, and prints the line of
the user for web.users or for the file of web.users_file: the name, the hash of
the password by bcrypt, and the role. It changes nothing: add the line, or put
it in the place of the old one, and run "postvet reload". Sessions of the user
end when the hash changes.

A viewer sees numbers, domains and reports. Support searches mail, explains and
checks messages, too. An admin also flushes the cache, forgets addresses, tries
policies and reads the audit. A password has 8 to 72 octets.

Exit codes: 0 done, 2 wrong usage, 3 the password could not be read.`,
		Example: `  postvet web passwd ann                     an admin
  postvet web passwd bob --role support | sudo tee -a /etc/postvet/web.users
  pass show postvet | postvet web passwd ann --stdin`,
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			read := func() ([]byte, error) { return askPassword(in, cmd.ErrOrStderr()) }
			if stdin {
				read = func() ([]byte, error) { return readPassword(in) }
			}
			return webPasswd(cmd.OutOrStdout(), args[0], role, read)
		},
	}
	cmd.Flags().StringVar(&role, "role", access.Admin.String(), "`ROLE` of the user: viewer, support or admin")
	cmd.Flags().BoolVar(&stdin, "stdin", false, "read the password from standard input: its first line")
	return cmd
}

// webPasswd prints the line of a user, whose password it has read.
func webPasswd(out io.Writer, name, word string, read func() ([]byte, error)) error {
	role, err := access.ParseRole(word)
	if err != nil {
		return usage("--role: %v; write viewer, support or admin", err)
	}
	if problem := access.NameProblem(name); problem != "" {
		return usage("the user %s; write a name such as ann", problem)
	}
	password, err := read()
	if err != nil {
		return err
	}
	if n := len(password); n < minPassword || n > access.MaxPassword {
		return usage("the password has %d octets; choose one of %d to %d", n, minPassword, access.MaxPassword)
	}
	hash, err := access.Hash(password)
	if err != nil {
		return failed("the password cannot be hashed: %v", err)
	}
	_, err = fmt.Fprintf(out, "%s:%s:%s\n", name, hash, role)
	return output(err)
}

// askPassword asks for a password at the terminal, twice.
func askPassword(in *os.File, prompt io.Writer) ([]byte, error) {
	fd := int(in.Fd())
	if !term.IsTerminal(fd) {
		return nil, usage("standard input is no terminal; write --stdin to read the password from there")
	}
	var typed [2][]byte
	for i, question := range [...]string{"Password: ", "Again: "} {
		fmt.Fprint(prompt, question)
		var err error
		typed[i], err = term.ReadPassword(fd)
		fmt.Fprintln(prompt)
		if err != nil {
			return nil, failed("the password cannot be read: %v", err)
		}
	}
	if !bytes.Equal(typed[0], typed[1]) {
		return nil, usage("the two passwords differ; try again")
	}
	return typed[0], nil
}

// readPassword returns the first line of standard input.
func readPassword(in io.Reader) ([]byte, error) {
	line, err := bufio.NewReader(io.LimitReader(in, 2*access.MaxPassword)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, failed("the password cannot be read: %v", err)
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

func newWebURL() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "url",
		Short: "print the address of the web page, and how to reach it",
		Long: `Url prints the address of the web page of a configuration, and for a unix
socket or a loopback address the line of ssh(1) that brings it to your own
machine: run that there, and open the address in a browser. Behind a proxy the
address is the proxy's.

Exit codes: 0 done, 1 the configuration serves no web page, 2 the configuration
has faults.`,
		Example: `  postvet web url --config /etc/postvet/postvet.toml`,
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadFile(file)
			if err != nil {
				return err
			}
			if c.Web.Listen == "" {
				return answerNo(`no web page is served; write listen = "unix:/run/postvet/web.sock" into [web] and restart the service`)
			}
			host, err := os.Hostname()
			if err != nil {
				host = "HOST"
			}
			_, err = io.WriteString(cmd.OutOrStdout(), webURL(&c.Web, host))
			return output(err)
		},
	}
	cmd.Flags().StringVar(&file, "config", packagedConfig, "configuration `FILE` (TOML)")
	return cmd
}

// webURL says how the page is reached from another machine.
func webURL(w *config.Web, host string) string {
	scheme := "http"
	if w.TLSCert != "" {
		scheme = "https"
	}
	const local = "localhost:8895"
	a, _ := socket.Parse(w.Listen)
	if w.IsUnix() {
		return fmt.Sprintf("ssh -N -L %s:%s root@%s\nhttp://%s%s/\n", local, a.Address, host, local, w.Base)
	}
	if w.AllowRemote {
		name, port, _ := net.SplitHostPort(a.Address)
		if ip := net.ParseIP(name); name == "" || ip != nil && ip.IsUnspecified() {
			name = host
		}
		return fmt.Sprintf("%s://%s%s/\n", scheme, net.JoinHostPort(name, port), w.Base)
	}
	return fmt.Sprintf("ssh -N -L %s:%s root@%s\n%s://%s%s/\n", local, a.Address, host, scheme, local, w.Base)
}
