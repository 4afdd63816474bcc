# Asks Mail::DKIM. A request has a message in base64 and the texts of key
# records by name; the answer has one result per DKIM-Signature from the top. If
# the request has Chain, the one result is that of the ARC chain.
use strict;
use warnings;
use JSON::PP;
use MIME::Base64;

eval { require Mail::DKIM::Verifier; require Mail::DKIM::ARC::Verifier; require Net::DNS; 1 }
    or do { print STDERR "Mail::DKIM is not here: apt-get install libmail-dkim-perl\n"; exit 77 };

my $keys;
{
    no warnings 'redefine';
    *Mail::DKIM::DNS::query = sub {
        my ($name, $type) = @_;
        my $key = $keys->{ lc $name };
        return unless defined $key && $type eq 'TXT';
        return Net::DNS::RR->new(name => 'key.test', type => 'TXT', txtdata => [ unpack '(a255)*', $key ]);
    };
}

my $json = JSON::PP->new->utf8;
$| = 1;
while (my $line = <STDIN>) {
    my $request = $json->decode($line);
    $keys = $request->{Keys};
    my @answers;
    eval {
        my $v = $request->{Chain} ? Mail::DKIM::ARC::Verifier->new : Mail::DKIM::Verifier->new;
        $v->PRINT(decode_base64($request->{Mail}));
        $v->CLOSE;
        if ($request->{Chain}) {
            push @answers, { Result => $v->result, Reason => $v->result_detail };
            return 1;
        }
        for my $s ($v->signatures) {
            push @answers, { Result => $s->result, Reason => $s->result_detail };
        }
        1;
    } or push @answers, { Result => 'crash', Reason => "$@" };
    print $json->encode(\@answers), "\n";
}
