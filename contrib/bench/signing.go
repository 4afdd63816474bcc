//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"os/exec"
	"os/user"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"golang.org/x/sys/unix"
)

// verifyEvery is of how many signed messages one is verified.
const verifyEvery = 16

// signing measures the signers.
func (b *bench) signing(ctx context.Context, key *rsa.PrivateKey) error {
	b.dns.SetDelay(0)
	report := &SigningReport{RSA: bareRSA(ctx, key)}
	b.report.Signing = report
	cases := b.corpus.signing()
	j := &signatureJudge{record: recordOf(&key.PublicKey)}
	var field []contestant
	for _, c := range signers(key) {
		why := c.missing()
		switch {
		case !b.options.wants(c.name):
		case why != "":
			b.report.Missing[c.name+", signing"] = why
		default:
			field = append(field, c)
		}
	}
	for round := 1; round <= b.options.rounds; round++ {
		k := (round - 1) % max(1, len(field))
		for _, c := range slices.Concat(field[k:], field[:k]) {
			if err := b.failed(ctx, c.name+", signing", b.signer(ctx, &c, round, cases, j)); err != nil {
				return err
			}
		}
	}
	return nil
}

// signer measures one signer with one start.
func (b *bench) signer(ctx context.Context, c *contestant, round int, cases []Case, j *signatureJudge) error {
	r, err := launch(c, b.bin, b.bin)
	if err != nil {
		return err
	}
	defer b.end(r, c, fmt.Sprintf("signing-%d", round))
	conns := connections(cases, 1)
	play(ctx, r.chain, conns, Load{Sessions: 8, Messages: 100, Limit: time.Minute})
	// The records of the cells go into a table of their own.
	verifying := b.report.Records
	defer func() { b.report.Records = verifying }()
	for _, cell := range []Cell{{false, 1, 1}, {false, 8, 1}, {false, 8, 10}} {
		b.report.Records = nil
		l := Load{Sessions: cell.Sessions, Messages: b.options.messages, Limit: b.options.cellTime, Check: true, Judge: j.wrong}
		if err := b.cell(ctx, c, r, round, cell, connections(cases, cell.PerConnection), l); err != nil {
			return err
		}
		b.report.Signing.Records = append(b.report.Signing.Records, b.report.Records...)
	}
	if c.name != "postvet" { // the others run a process for each of the two
		return nil
	}
	b.report.Signing.Beside = append(b.report.Signing.Beside, b.beside(ctx, r, round, conns))
	return nil
}

// beside measures verification alone, and while all else signs.
func (b *bench) beside(ctx context.Context, r *running, round int, signed [][]*Case) BesideRecord {
	progress("round %d of %d: postvet verifies beside signing", round, b.options.rounds)
	verified := connections(b.corpus.Cases, 1)
	warm := Load{Sessions: 8, Messages: len(b.corpus.Cases), Limit: time.Minute}
	play(ctx, r.chain, verified, warm)
	l := Load{Sessions: 1, Messages: b.options.messages, Limit: b.options.cellTime / 2}
	alone := play(ctx, r.chain, verified, l)
	busy, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		play(busy, r.chain, signed, Load{Sessions: 8, Messages: 1 << 30, Limit: b.options.cellTime})
	}()
	beside := play(ctx, r.chain, verified, l)
	stop()
	<-done
	return BesideRecord{
		"postvet", round,
		ms(percentile(alone.Latencies, .5)), ms(percentile(alone.Latencies, .99)),
		ms(percentile(beside.Latencies, .5)), ms(percentile(beside.Latencies, .99)),
	}
}

// signatureJudge says what is wrong with a message that should be signed.
type signatureJudge struct {
	record string // of the key
	seen   atomic.Int64
}

// wrong returns what is wrong with a verdict; "" if nothing is. Of each message it looks
// for the signature, and of some it verifies it.
func (j *signatureJudge) wrong(c *Case, v *Verdict) string {
	n := 0
	for _, f := range v.Fields {
		if strings.EqualFold(f.Name, "DKIM-Signature") {
			n++
		}
	}
	if v.Action != "accept" || n != 1 {
		return fmt.Sprintf("%s, %d signatures", v.Action, n)
	}
	if j.seen.Add(1)%verifyEvery != 0 {
		return ""
	}
	var b bytes.Buffer
	for _, f := range v.Fields {
		value := f.Value
		if value != "" && value[0] != ' ' && value[0] != '\t' {
			value = " " + value
		}
		b.WriteString(f.Name + ":" + strings.ReplaceAll(strings.ReplaceAll(value, "\r\n", "\n"), "\n", "\r\n") + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(c.Body)
	got, err := dkim.VerifyWithOptions(&b, &dkim.VerifyOptions{LookupTXT: func(string) ([]string, error) { return []string{j.record}, nil }})
	switch {
	case err != nil || len(got) != 1:
		return fmt.Sprintf("%d signatures, %v", len(got), err)
	case got[0].Err != nil:
		return got[0].Err.Error()
	case got[0].Domain != signingDomain:
		return "signed as " + got[0].Domain
	}
	return ""
}

// bareRSA measures one signature, with nothing around it.
func bareRSA(ctx context.Context, key *rsa.PrivateKey) map[string]float64 {
	progress("one bare RSA signature")
	all := map[string]float64{goAlone: cpuOf(key, 1), goBusy: cpuOf(key, runtime.NumCPU())}
	version, err := exec.CommandContext(ctx, "openssl", "version").Output()
	if err != nil {
		return all // not there
	}
	out, err := exec.CommandContext(ctx, "openssl", "speed", "-seconds", "2", "-mr", "rsa2048").Output()
	// "+F2:2:2048:SIGNATURES A SECOND:VERIFICATIONS A SECOND"
	if m := regexp.MustCompile(`\+F2:\d+:2048:([0-9.]+):`).FindSubmatch(out); err == nil && m != nil {
		if perSecond, err := strconv.ParseFloat(string(m[1]), 64); err == nil && perSecond > 0 {
			name := strings.Fields(string(version))
			all[strings.Join(name[:min(2, len(name))], " ")] = 1000 / perSecond
		}
	}
	return all
}

// cpuOf returns the CPU time of one signature in ms, while so many threads do nothing else.
// Two threads of one core slow each other down, as in a server under load.
func cpuOf(key *rsa.PrivateKey, threads int) float64 {
	digest := sha256.Sum256([]byte("bench"))
	const times = 500
	cpu := func() time.Duration {
		var u unix.Rusage
		unix.Getrusage(unix.RUSAGE_SELF, &u) // cannot fail
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := cpu()
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			for range times {
				_, _ = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:]) // the key is ours
			}
		})
	}
	wg.Wait()
	return ms(cpu()-before) / float64(times*threads)
}

// userID returns the number of a user.
func userID(name string) (int, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(u.Uid)
}
