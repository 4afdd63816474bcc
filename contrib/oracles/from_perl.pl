# Asks Email::Address::XS, Mail::Address and Email::Address for the author in a
# From field. A request is the field's body in base64, an answer the addresses
# of each reader, in base64. The request null asks for the readers.
use strict;
use warnings;
no warnings 'recursion';
use Encode ();
use JSON::PP;
use MIME::Base64 qw(encode_base64 decode_base64);

my @modules = grep { eval "require $_; 1" } qw(Email::Address::XS Mail::Address Email::Address);
if (!@modules) {
    print STDERR "Perl's address parsers are not here: apt-get install libemail-address-xs-perl libmailtools-perl libemail-address-perl\n";
    exit 77;
}

my %read = (
    'Email::Address::XS' => sub { map { $_->address } grep { $_->is_valid } Email::Address::XS->parse($_[0]) },
    'Mail::Address' => sub { map { $_->address } Mail::Address->parse($_[0]) },
    'Email::Address' => sub { map { $_->address } Email::Address->parse($_[0]) },
);

sub decoded {
    my $text = eval { Encode::decode('MIME-Header', $_[0]) } // $_[0];
    utf8::encode($text) if utf8::is_utf8($text);
    return $text;
}

my @readers;
for my $m (@modules) {
    push @readers, [$m, $m->VERSION, JSON::PP::false, $read{$m}];
    push @readers, ["$m after MIME-Header", $m->VERSION, JSON::PP::true, sub { $read{$m}->(decoded($_[0])) }];
}

sub ask {
    my ($read, $field) = @_;
    my @found = eval {
        local $SIG{ALRM} = sub { die "slow\n" };
        local $SIG{__WARN__} = sub { };
        alarm 2;
        my @a = $read->($field);
        alarm 0;
        @a;
    };
    alarm 0;
    return [map { my $a = $_; utf8::encode($a) if utf8::is_utf8($a); encode_base64($a, '') } grep { defined && length } @found];
}

my $json = JSON::PP->new->canonical->allow_nonref;
$| = 1;
while (my $line = <STDIN>) {
    my $request = $json->decode($line);
    if (!defined $request) {
        print $json->encode([map { +{ Name => "Perl $_->[0]", Version => "$_->[1]", Decodes => $_->[2] } } @readers]), "\n";
        next;
    }
    my $field = decode_base64($request);
    $field =~ s/\r\n([ \t])/$1/g;
    print $json->encode([map { ask($_->[3], $field) } @readers]), "\n";
}
