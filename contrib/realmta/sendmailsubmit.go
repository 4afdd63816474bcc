//go:build linux

package realmta

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
)

// SubmitToHeader hands a message to sendmail -t, which reads the recipients in it. As Debian
// has it, that is another Sendmail, whose submit.cf hands the message in by SMTP from
// loopback.
func (s *Sendmail) SubmitToHeader(ctx context.Context, from string, msg []byte) error {
	queue := s.path("msp")
	mc := "divert(0)dnl\ndefine(`confCF_VERSION', `Submit')dnl\ndefine(`__OSTYPE__', `')dnl\n" +
		"define(`confRUN_AS_USER', `nobody')dnl\n" +
		"define(`confQUEUE_LA', `9999')dnl\n" + // whatever the load of this machine
		"define(`MSP_QUEUE_DIR', `" + queue + "')dnl\ndefine(`confPID_FILE', `" + s.path("msp.pid") + "')dnl\n" +
		"define(`confSERVICE_SWITCH_FILE', `" + s.path("etc/service.switch") + "')dnl\n" +
		"define(`RELAY_MAILER_ARGS', `TCP $h " + s.port + "')dnl\nFEATURE(`msp', `[127.0.0.1]')dnl\n"
	file := s.path("etc/submit.mc")
	credential, err := nobodyInPostfix()
	if err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(queue, 0o770), os.Chmod(queue, 0o770), os.Chown(queue, int(credential.Uid), int(credential.Gid)), os.WriteFile(file, []byte(mc), 0o644)); err != nil {
		return err
	}
	cf, err := s.build(ctx, file)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.path("etc/submit.cf"), []byte(cf), 0o644); err != nil {
		return err
	}
	_, err = output(ctx, func(ctx context.Context) *exec.Cmd {
		argv := append(s.argv()[:1:1], "-C"+s.path("etc/submit.cf"), "-i", "-t", "-f", from)
		cmd := namespaced(ctx, s.dir, s.places(), argv...)
		cmd.Stdin = bytes.NewReader(bytes.ReplaceAll(msg, []byte("\r\n"), []byte("\n")))
		return cmd
	})
	return err
}
