package oracles

// grammar has the texts for each symbol. A text names symbols in braces, with
// transforms behind bars. A text that stands twice is twice as likely.
var grammar = map[string][]string{
	"field": {"{honest}", "{honest}", "{honest}", "{odd}", "{odd}", "{odd}", "{attack}", "{attack}", "{attack}", "{attack}", "{attack}"},

	// What most mail has.
	"honest": {
		"{own}", "<{own}>", "{names} <{own}>", "{names} <{own}>", "{names} <{own}>", "{names}<{own}>", "{quoted} <{own}>", "{quoted} <{own}>",
		"{own} ({name})", "{name} ({name}) <{own}>", "{name|word} <{own}>", "{name|word} {name|word} <{own}>", "{name|word} {name} <{own}>",
		"{name|word|quote} <{own}>", "{name|word}\r\n <{own}>", "{names|fold} <{own}>", "{quoted}\r\n\t<{own}>", "{own}, {own}",
		"{name} <{own}>, {quoted} <{own}>", "{own} <{own}>", "{own|quote} <{own}>", "{own|word} <{own}>", "{other|quote} <{own}>",
		"{other|word} <{own}>", "{mention|quote} <{own}>", "{mention|word} <{own}>", "{mention|word|quote} <{own}>", "{mention|quote}\r\n <{own}>",
		"{name}: {own};", "{names} <{idn}>", "{idn}", "{name|latin} <{own}>", "{name|latin|quote} <{own}>", "=?utf-8?Q?{name|latin}?= <{own}>",
	},
	"names":   {"{name}", "{name}", "{name} {name}", "{name} {name} {name}", "{name}.{name}", "{name} [{name}]", "{name} ({name})", "{quoted}", "{name|word}"},
	"name":    {"Ann", "Joe", "Doe", "J.R.", "O'Neil", "Jörg", "Café", "山田", "Müller GmbH", "News", "via", "A/B | C", "#1", "Ann & Bob", "Scanner", "noreply", "Example, Inc.", "Team", "Bob@Home", "Ann @ work", "$5", "1+1", "Re"},
	"quoted":  {"{names2|quote}", "{names2|quote}", `"{name}, {name}"`, `"{name} \"{name}\" {name}"`, `"'{name}'"`, `""`, `"{name}" {name}`, `{name} "{name}"`},
	"names2":  {"{name}", "{name} {name}", "{name}, {name}", "{name} ({name})", "{name}: {name}", "{name} <{name}>", "{name}; {name}", `{name}\{name}`, "{other}"},
	"mention": {"{other}", "{other} via {name}", "{name} ({other})", "{name} <{other}>", "{name}, {other}", "{name} for {other}", "{own}", "{name} <{own}>", "<{other}>", "({other})", "{other},", "{other};", "{name}: {other}"},

	// Odd forms of scanners, shops and the like.
	"odd": {
		"{name}, {name} <{own}>", "{name} {own}", "{quoted} {own}", "<<{own}>>", `DOMAIN\ann <{own}>`, `{name}\{name} <{own}>`, "<mailto:{own}>",
		"mailto:{own}", "{name} <mailto:{own}>", "{name} <{own}", "{name} {own}>", "'{own}' <{own}>", "'{own}'", "{own|quote}", "Caf&eacute; <{own}>",
		"{name}; {name} <{own}>", "{name} <{own}>;", "{name} <{own}>,", "{own},", ",{own}", "{own};", "{name}: {name} <{own}>", "{name}:{own}",
		"{name} <{own}> {name}", "{own} {name}", "{name} <{own}>.", "{name} < {own} >", "{name} <{own} >", "{name} [{own}]", "[{own}]", "({name}) {own}",
		"{name} ({own})", "{name} - {own}", "{name} <{own}> ({name})", "{name} (<{own}>)", `"{name} <{own}>`, `{name}" <{own}>`, "{name} ({name} <{own}>",
		"{name}) <{own}>", "{own} <>", "{quoted} <>", "{name} <{name}>", "{name}", "<>", "", "{name} <{own}><{own}>", "{own} {own}", "{own};{own}",
		"<{own}>{name}", "{own}({name})", "{name}: {own}, {own};", "{name}:;", ":{own}", "{name}@{name} <{own}>", "@{name} <{own}>", "{name} @ {name} <{own}>",
		"{name} <{own}>\r\n ", "{name|html} &lt;{own}&gt;", "{name}={own}", "{name} <smtp:{own}>", "{name} [SMTP:{own}]", "{name|oddword} <{own}>",
		"{names2} <{own}>", "{names2|fold} <{own}>", "{name|control} <{own}>", "{name|special} <{own}>", "{name|invisible} <{own}>", "{own|html}",
		"{name}\t<{own}>", "\r\n {name} <{own}>", "{name|long} <{own}>", "/O=X/CN={name} <{own}>", "{name} <{name}@{name} {own}>", "{own|double}",
	},

	// Forgeries: two addresses, of which one is to be overlooked.
	"attack": {
		"{hidden} <{own}>", "{hidden} <{own}>", "{hidden} {own}", "{own} {hidden}", "<{own}> {hidden}", "{hidden}, {own}", "{own}, {hidden}", "{hidden}: {own};",
		"{hidden}<{own}>", "<{own}>{hidden}", "{hidden|fold} <{own}>", "{hidden|special} <{own}>", "{hidden|control} <{own}>", "{hidden|escape} <{own}>",
		"{hidden|fold|fold} <{own}>", "{hidden|fold|special} <{own}>", "{own} {hidden|fold}", "<{own}> {hidden|special}", "{route}", "{name} {route}",
		"{bent}", "{name} <{bent}>", "{name} <{bent}>", "{bent} <{own}>", "{name} <{own}>{junk}<{other}>", "<{other}>{junk}<{own}>", "{own}{junk}{other}",
		"{name} <{own}>{junk}{other}", "{other}{junk}<{own}>", "{name}{junk} <{own}>", "{name}{junk}{other} <{own}>", "{name} <{other}{junk}{own}>",
		"{group}", "{group}, {own}", "{own}, {group}", "{fields}", "{other|oddword} <>", "{other|word} <>", "{other|oddword}", "{other|quote} <>", "<{other|oddword}>",
		"{hidden} {hidden} <{own}>", "{name} {hidden} <{own}>", "{hidden} {name} <{own}>", `"{hidden}" <{own}>`, `"{hidden|fold}" <{own}>`, "({hidden}) <{own}>", "({hidden|fold}) {own}",
		`"{hidden|escape}" <{own}>`, `"{other}\" <{own}>`, `"{name}\" <{other}>" <{own}>`, `{name} "{other} <{own}>`, `"{name}" "<{other}>" <{own}>`, `"{name}"<{other}>"{name}" <{own}>`,
	},
	"hidden": {
		"{mention|quote}", "({mention})", "{mention|word}", "{mention|oddword}", "{mention|word|quote}", "{mention|oddword|quote}", "({mention|word})", "({mention|oddword})",
		"{mention|fold|quote}", "({mention|fold})", "{mention|escape}", `"{mention|escape}"`, `"{mention|special}"`, "({mention|special})", "{mention|word|word}", "{mention|oddword|word}",
		"{mention}", "[{mention}]", "'{mention}'", "{mention|control|quote}", "({mention|control})", "{breaker|word} {mention}", "{breaker|oddword} {mention}", "{mention|percent}", "{mention|long|word}",
		"{mention|long|quote}", "{mention|word|fold}", "{mention|invisible|quote}", "{mention|invisible|word}", "{mention|special|word}", "{breaker|word|quote}", "({breaker|word})", "{mention|html}", "{mention|latin|oddword}",
	},
	"breaker": {`"`, `" <{other}>`, ")", ") {other}", ") <{other}>", "<", "<{other}", "<{other}>", ">", ",", "{other},", "<{other}>,", "{other}>", "\x00", "{other}\x00", "{other}\r\n ", "{other}\n", ":", ";", "\\", "(", "=?utf-8?q?", "?="},
	"route":   {"<@{host}:{own}>", "<@{host},@{host}:{own}>", "@{host}:{own}", "<{own}:{other}>", "<{other}:{own}>", "<{own}@{host}>", "{own}@{host}", "<{own},{other}>", "<@{host}>", "<,{own}>", "<@{own}>", "<{host}!{own}>", "<ann%{host}@{ownhost}>"},
	"bent": {
		"{own|special}", "{own|invisible}", "{own|control}", "{own|fold}", "{own|escape}", "{own|word}", "{own|oddword}", "{local}@({name}){ownhost}", "{local}@({host}){ownhost}", "{local}@{host}({name}).{ownhost}", "{local} @{ownhost}", "{local}@ {ownhost}",
		"{local}@{host} .{ownhost}", "{local}@{host}\r\n .{ownhost}", "{local}({name})@{ownhost}", `"{other}"@{ownhost}`, `"{other} "@{ownhost}`, `"<{other}>"@{ownhost}`, `"{other}"x@{ownhost}`, `x"{other}"@{ownhost}`, "{other|word}@{ownhost}", "{local}@{ownhost|word}", "{local}@{ownhost|oddword}", "{idn|invisible}", "{idn|special}",
		"{own}.", "{own}..", "{own}-", "{local}@.{ownhost}", "{local}@-{ownhost}", "{local}..x@{ownhost}", ".{own}", "{local}\uff20{ownhost}", "{local}\ufe6b{ownhost}", "{local}@{host}\uff20{ownhost}", "{local}@{host}\u3002{ownhost}", "{local}@shop\uff0eexample", "{local}@shop\uff61example", "{local}@\uff53hop.example", "{local}@{host}/{ownhost}", "{local}@{host}:25", "{local}@{host}#{ownhost}", "{local}@{host}?{ownhost}", "{local}@{host}\\{ownhost}", "{local}@{host}&{ownhost}", "{local}@{host};{ownhost}",
	},
	"group":  {"{name}: {own}, {other};", "{name}: {own};, {other}", "{name}:{name}:{own};;", "{hidden}: {own};", "{name}: <{own}>; {hidden}", "{name}:; <{own}>", "{other}: {own};", "{name}: ({hidden}) {own};", "{name}: {own}", "{quoted}: {own};", "{other|quote}: {own};", "{name|word}: {own};", "{name}: <{own}>, <{own}>;", "{other|word}: {own};"},
	"fields": {"{own}\rFrom: {other}", "{own}\nFrom: {other}", "{own}\r\n From: {other}", "{name} <{own}>\n\nFrom: {other}", "{own}\r\n \r\n From: {other}", "From: {other} <{own}>", "{own} From: {other}"},
	"junk":   {"<", ">", "><", "<>", `"`, `""`, `\`, "(", ")", "()", ",", ";", ":", ",,", " ", "  ", "\t", "\r\n ", "\r\n\t", "@", ".", "\x00", "\r", "\n", "[", "]", "%", "!", "=", "?=", "=?", "\xff", "\u00a0", "\u2028", "\ufeff", "/", "|", "{name|word}", "{name}", "{quoted}", "({name})", "\x1b$B", "\x1b(B", "&lt;", "&#64;", "'"},

	// Addresses. Own is mostly of one domain, other mostly of another.
	"own":     {"{local}@{ownhost}", "{local}@{ownhost}", "{local}@{ownhost}", `"{name}"@{ownhost}`},
	"ownhost": {"shop.example", "shop.example", "shop.example", "shop.example", "shop.example", "shop.example", "shop.example", "shop.example", "shop.example", "shop.example", "shop.example", "shop.example", "shop.example", "shop.example", "shop.example", "SHOP.Example", "shop.example.", "mail.shop.example", "localhost", "[192.0.2.1]", "[IPv6:2001:db8::1]", "xn--bcher-kva.example", "r3---sn_1.shop.example"},
	"other":   {"ceo@bank.example", "ceo@bank.example", "ceo@bank.example", "ceo@shop.example.bank.example", "ceo@bücher.example", `"x"@bank.example`},
	"host":    {"bank.example", "evil.example"},
	"idn":     {"ann@bücher.example", "jörg@bücher.example", "ann@BÜCHER.example", "ann@xn--bcher-kva.example", "ann@例え.example", "ann@faß.example", "ann@straße.example", "ann@bu\u0308cher.example"},
	"local":   {"ann", "ann", "ann.doe", "ann+tag", "noreply", "a", "ann=bank.example", "ann%bank.example", "ann!bank", "o'neil", "$x", "ann-1", "{name}"},
}
