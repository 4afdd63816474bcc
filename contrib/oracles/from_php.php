// Asks PHP's mailparse and IMAP extensions for the author in a From field. A
// request is the field's body in base64, an answer the addresses of each reader,
// in base64. The request null asks for the readers.
foreach (['mailparse', 'imap', 'mbstring', 'iconv'] as $extension) {
    if (!extension_loaded($extension)) {
        fwrite(STDERR, "PHP's $extension is not here: apt-get install php-cli php-mailparse php-imap php-mbstring\n");
        exit(77);
    }
}
error_reporting(0);
ini_set('memory_limit', '512M');

function mailparse(string $text): array
{
    $found = [];
    foreach (mailparse_rfc822_parse_addresses($text) ?: [] as $a) {
        if (!$a['is_group']) {
            $found[] = $a['address'];
            continue;
        }
        $members = preg_replace('/^:|;$/', '', $a['address']); // ":a@shop.example;"
        foreach (mailparse_rfc822_parse_addresses($members) ?: [] as $member) {
            $found[] = $member['address'];
        }
    }
    return $found;
}

function message(string $field): array
{
    $part = mailparse_msg_create();
    mailparse_msg_parse($part, "From:$field\r\nSubject: x\r\n\r\nx\r\n");
    $from = mailparse_msg_get_part_data($part)['headers']['from'] ?? [];
    mailparse_msg_free($part);
    return array_merge(...array_map('mailparse', (array) $from));
}

function imap(string $text): array
{
    $found = [];
    foreach (imap_rfc822_parse_adrlist($text, '') as $a) {
        if (isset($a->mailbox, $a->host) && $a->host !== '' && $a->host !== '.SYNTAX-ERROR.') {
            $found[] = "$a->mailbox@$a->host";
        }
    }
    imap_errors(); // which it would print at the end
    imap_alerts();
    return $found;
}

function by_iconv(string $text): string
{
    $decoded = @iconv_mime_decode($text, ICONV_MIME_DECODE_CONTINUE_ON_ERROR, 'UTF-8');
    return $decoded === false ? $text : $decoded;
}

mb_internal_encoding('UTF-8');
$unfold = fn($f) => preg_replace('/\r?\n([ \t])/', '$1', $f);
$readers = [
    ['mailparse', false, fn($f) => mailparse($f)],
    ['mailparse of the message', false, 'message'],
    ['mailparse after iconv', true, fn($f) => mailparse(by_iconv($unfold($f)))],
    ['mailparse after mb_decode', true, fn($f) => mailparse(mb_decode_mimeheader($unfold($f)))],
    ['imap', false, fn($f) => imap($unfold($f))],
    ['imap after imap_utf8', true, fn($f) => imap(imap_utf8($unfold($f)))],
];

while (($line = fgets(STDIN)) !== false) {
    $request = json_decode($line);
    if ($request === null) {
        echo json_encode(array_map(fn($r) => ['Name' => "PHP $r[0]", 'Version' => PHP_VERSION, 'Decodes' => $r[1]], $readers)), "\n";
        continue;
    }
    $field = base64_decode($request);
    $answer = [];
    foreach ($readers as $r) {
        try {
            $answer[] = array_map('base64_encode', $r[2]($field));
        } catch (Throwable $e) { // a reader that fails shows no author
            $answer[] = [];
        }
    }
    echo json_encode($answer), "\n";
}
