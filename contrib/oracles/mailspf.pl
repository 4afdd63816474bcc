# Asks Mail::SPF, which knows RFC 4408. A request has a zone and checks against
# it; octets of TXT records stand as the characters U+0000 to U+00FF.
use strict;
use warnings;
use JSON::PP;

eval { require Mail::SPF; require Net::DNS; 1 }
    or do { print STDERR "Mail::SPF is not here: apt-get install libmail-spf-perl\n"; exit 77 };

{
    package Zone;

    sub new { return bless { error => '' }, shift }
    sub errorstring { return $_[0]{error} }

    sub send {
        my ($self, $name, $type) = @_;
        $name = lc $name;
        $name =~ s/\.$//;
        $self->{error} = '';
        my $packet = Net::DNS::Packet->new($name, $type);
        my $rcode = 'NOERROR';
        for (1 .. 10) {
            my $node = $self->{names}{$name};
            if (!$node) { $rcode = 'NXDOMAIN'; last }
            my $fault = $node->{Faults}{$type};
            if ($fault) {
                if ($fault eq 'TIMEOUT') { $self->{error} = 'query timed out'; return undef }
                $rcode = 'SERVFAIL';
                last;
            }
            if ($node->{CNAME}) {
                $packet->push(answer => Net::DNS::RR->new(name => $name, type => 'CNAME', cname => $node->{CNAME}));
                $name = lc $node->{CNAME};
                next;
            }
            for my $v (@{ $node->{$type} || [] }) {
                my %data
                    = $type eq 'TXT' ? (txtdata => [ unpack '(a255)*', $v ])
                    : $type eq 'MX' ? (preference => $v->{Preference}, exchange => $v->{Host} eq '' ? '.' : $v->{Host})
                    : $type eq 'PTR' ? (ptrdname => $v)
                    :                  (address => $v);
                $packet->push(answer => Net::DNS::RR->new(name => $name, type => $type, %data));
            }
            last;
        }
        $packet->header->rcode($rcode);
        return $packet;
    }
}

my $zone = Zone->new;
my $server = Mail::SPF::Server->new(dns_resolver => $zone, hostname => 'unknown', default_authority_explanation => '');
my $json = JSON::PP->new->utf8;
$| = 1;
while (my $line = <STDIN>) {
    my $request = $json->decode($line);
    $zone->{names} = $request->{Zone};
    my @answers;
    for my $c (@{ $request->{Checks} }) {
        my %answer = (Result => 'crash', Reason => '', Explanation => '');
        eval {
            my $r = $server->process(Mail::SPF::Request->new(
                versions => [1],
                scope => 'mfrom',
                identity => $c->{Sender} eq '' ? "postmaster\@$c->{Helo}" : $c->{Sender},
                ip_address => $c->{IP},
                helo_identity => $c->{Helo},
            ));
            $answer{Result} = $r->code;
            $answer{Reason} = '' . $r->text if $r->code =~ /none|error/;
            $answer{Explanation} = '' . ($r->authority_explanation // '') if $r->code eq 'fail';
            1;
        } or $answer{Reason} = "$@";
        push @answers, \%answer;
    }
    print $json->encode(\@answers), "\n";
}
