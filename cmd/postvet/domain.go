package main

import (
	"context"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/requirements"
	"github.com/postvet/postvet/cmd/postvet/internal/route/connect"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

type domainFlags struct {
	inspectionFlags
	selectors []string
	list      string // the file with the domains, if there are many
	in        *os.File
	hosts     []string
	journal   string
	since     string // only changes since then
	patterns  bool   // only what was learned from mail
	fetch     bool
	sender    bool
}

func newDomain(in *os.File) *cobra.Command {
	f := &domainFlags{in: in}
	cmd := &cobra.Command{
		Use:   "domain NAME | --file FILE",
		Short: "show what a domain publishes for mail",
		Long: `Domain shows what a domain publishes for mail, what is wrong with it, and what
to publish instead: its MX hosts and their addresses, what protects mail on the
way to them (DANE, MTA-STS, TLS-RPT), its SPF record as a tree with the number
of lookups, its DKIM keys, the DMARC record that governs it, and its logo
(BIMI). "postvet route" shows the way of mail step by step, and looks at the
hosts themselves.

It asks the DNS alone. With --fetch it fetches the logo and its certificate over
HTTPS as well, and checks them.

The DNS has no list of DKIM selectors. Well-known ones are looked up; name
others with --selector. The tag s= of the domain's signatures has them. With
--journal, or --config of a service that has one, those count too that signed
mail of the last 30 days, and the hosts that sent it are checked. --ip names
hosts that shall send. With --config of a service that keeps DMARC reports, it
says whether they show the domain ready for a stricter policy, and takes keys
and hosts of the last 30 days from them too.

With --sender it prints one page against what Google, Yahoo and Microsoft demand
of senders: each rule is kept, or broken with what to do, or could not be looked
up, or is not seen in the DNS, with how to see it. Mail in the journal shows
some of these.

With --file it inspects many domains, up to 10,000, and prints a row for each:
its state, the number of errors and warnings, and the worst finding. The file
has one domain a line, and "#" begins a comment; "-" is standard input. The
states are sound (no errors), faulty (errors), and undetermined (no errors, but
lookups failed). --json prints one object a line as soon as it is known.

With --since it asks no DNS, and prints what has changed in the records since
then, with old and new texts, and which errors came and went: from the state of
[watch] and from the journal, which has the records that mail met. These are of
/etc/postvet/postvet.toml, of --config, or of --journal alone. That the journal
has no record does not mean that there was none.

With --observed it asks no DNS, and prints what the service has learned from the
domain's genuine mail: how much passes, whether all of it is signed, from which
networks, by which signers and through which forwarders; postvet-judgement(7)
says what follows. It takes the journal of /etc/postvet/postvet.toml, of
--config, or of --journal.

--markdown prints the same for a ticket: findings in tables, records as code.
postvet-json(5) has the fields of --json, which stay as they are.

Exit codes: 0 nothing is wrong, 1 something is, 2 wrong usage, 3 too many
lookups failed to tell. With --file 1 if one domain is faulty. With --since 0
nothing has changed, 1 something has, 3 nothing is known of the domain. With
--observed 0, or 3 if nothing is known of the domain.`,
		Example: `  postvet domain example.org
  postvet domain --selector s2026 --selector mail example.org
  postvet domain --ip 192.0.2.1 --journal /var/lib/postvet/journal example.org
  postvet domain --sender --ip 192.0.2.1 example.org
  postvet domain --json example.org | jq .dmarc
  postvet domain --file domains.txt
  postvet domain --since 7d example.org
  postvet domain --observed example.org
  postvet domain --file - --json < domains.txt | jq -r \
      'select(.verdict == "faulty").name'`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch many, since := cmd.Flags().Changed("file"), cmd.Flags().Changed("since"); {
			case many && len(args) > 0:
				return usage("a name beside --file; write one of them")
			case many && (f.sender || f.fetch || len(f.hosts) > 0 || cmd.Flags().Changed("journal")):
				return usage("--sender, --fetch, --ip or --journal beside --file; they are for one domain")
			case f.patterns && (many || since || f.sender || f.fetch || len(f.hosts)+len(f.selectors) > 0):
				return usage("--file, --since, --sender, --fetch, --ip or --selector beside --observed; it asks no DNS")
			case many && since:
				return usage("--since beside --file; it is for one domain")
			case since && (f.sender || f.fetch || len(f.hosts)+len(f.selectors) > 0):
				return usage("--sender, --fetch, --ip or --selector beside --since; it asks no DNS")
			case many:
				return f.runMany(cmd)
			case len(args) == 0:
				return usage("an argument is missing; write %q", cmd.UseLine())
			}
			if f.patterns {
				return f.runObserved(cmd, args[0])
			}
			if cmd.Flags().Changed("since") {
				return f.runSince(cmd, args[0])
			}
			return f.run(cmd, args[0])
		},
	}
	cmd.Flags().StringVar(&f.list, "file", "", "inspect the domains in `FILE`, one a line")
	cmd.Flags().StringArrayVar(&f.selectors, "selector", nil, "DKIM `SELECTOR` to look up; repeatable")
	cmd.Flags().StringArrayVar(&f.hosts, "ip", nil, "`ADDRESS` of a host that sends, to be checked; repeatable")
	cmd.Flags().StringVar(&f.journal, "journal", "", "take keys and hosts from the journal in `DIR` too")
	cmd.Flags().StringVar(&f.since, "since", "", "print what has changed since `TIME`: a duration before now such as 7d, or 2026-11-29[T10:00]")
	cmd.Flags().BoolVar(&f.patterns, "observed", false, "print what was learned from its genuine mail")
	f.addFile(cmd)
	cmd.Flags().BoolVar(&f.sender, "sender", false, "hold it against what Google, Yahoo and Microsoft demand of senders")
	cmd.Flags().BoolVar(&f.fetch, "fetch", false, "fetch the files of the logo (BIMI)")
	f.add(cmd)
	return cmd
}

func (f *domainFlags) run(cmd *cobra.Command, name string) error {
	return f.inspect(cmd, "some lookups failed; see the lines marked dns", func(ctx context.Context, r *dnscache.Resolver) (inspection, finding.Totals, error) {
		o, err := f.options(ctx, name)
		if err != nil {
			return nil, finding.Totals{}, err
		}
		report := inspect.Inspect(ctx, r, name, o)
		if report.Exists == inspect.Invalid {
			return nil, finding.Totals{}, usage("%q is no domain name; write one such as example.org", name)
		}
		if f.sender {
			rules := requirements.Judge(report)
			return rules, rules.Totals, nil
		}
		return report, report.Totals, nil
	})
}

// options returns the options of the inspection of one domain.
func (f *domainFlags) options(ctx context.Context, name string) (o inspect.Options, err error) {
	o.Selectors, o.Plan = f.selectors, true
	if f.fetch {
		o.Fetch = &connect.Client{}
	}
	for _, text := range f.hosts {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return o, usage("--ip: %s is no address; write one such as 192.0.2.1", foreign.TerminalQuote(text, 100))
		}
		o.Hosts = append(o.Hosts, ip)
	}
	if o.Observed, err = f.observed(ctx, name, time.Now()); err != nil {
		return o, err
	}
	o.Reports, err = f.reports(name, &o, time.Now())
	return o, err
}
