// Asks the packages of npm in package.json for the author in a From field. A
// request is the field's body in base64, an answer the addresses of each reader,
// in base64. The request null asks for the readers.
const readline = require('readline');

// version returns a package's version; "" if it is not installed.
function version(name) {
  try {
    return require('./node_modules/' + name + '/package.json').version;
  } catch {
    return '';
  }
}

const names = ['addressparser', 'email-addresses', 'emailjs-addressparser', 'libmime', 'mailparser', 'nodemailer', 'postal-mime'];
if (!names.every(version)) {
  console.error("npm's packages of contrib/oracles/node are not here: contrib/oracles/install.sh");
  process.exit(77);
}

const addressparser = require('addressparser');
const emailAddresses = require('email-addresses');
const emailjs = require('emailjs-addressparser').default;
const libmime = require('libmime');
const nodemailer = require('nodemailer/lib/addressparser');
const { simpleParser } = require('mailparser');

// flat returns the addresses of a list with groups.
const flat = list => [].concat(list || []).flatMap(a => (a.group ? flat(a.group) : a.address ? [a.address] : []));

const text = field => field.toString('utf8').replace(/\r\n([ \t])/g, '$1');
const message = field => Buffer.concat([Buffer.from('From:'), field, Buffer.from('\r\nSubject: x\r\n\r\nx\r\n')]);

// strict is email-addresses' list of addresses or groups.
const strict = list => (list || []).flatMap(a => (a.addresses ? strict(a.addresses) : [a.address]));

async function main() {
  const postal = await import('postal-mime');
  const readers = [
    ['nodemailer', 'nodemailer', false, f => flat(nodemailer(text(f)))],
    ['nodemailer', 'nodemailer after libmime', true, f => flat(nodemailer(libmime.decodeWords(text(f))))],
    ['addressparser', 'addressparser', false, f => flat(addressparser(text(f)))],
    ['addressparser', 'addressparser after libmime', true, f => flat(addressparser(libmime.decodeWords(text(f))))],
    ['emailjs-addressparser', 'emailjs-addressparser', false, f => flat(emailjs(text(f)))],
    ['email-addresses', 'email-addresses', false, f => strict(emailAddresses.parseFrom(text(f)))],
    ['mailparser', 'mailparser', false, async f => flat([].concat((await simpleParser(message(f))).from || []).flatMap(x => x.value))],
    ['postal-mime', 'postal-mime', false, async f => flat((await postal.default.parse(message(f))).from)],
    ['postal-mime', 'postal-mime addressParser', false, f => flat(postal.addressParser(text(f)))],
    ['postal-mime', 'postal-mime addressParser after decodeWords', true, f => flat(postal.addressParser(postal.decodeWords(text(f))))],
  ];
  for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const request = JSON.parse(line);
    if (request === null) {
      console.log(JSON.stringify(readers.map(([of, name, decodes]) => ({ Name: 'npm ' + name, Version: version(of), Decodes: decodes }))));
      continue;
    }
    const field = Buffer.from(request, 'base64');
    const answer = [];
    for (const [, , , read] of readers) {
      let found = [];
      try {
        found = await read(field);
      } catch { /* a reader that fails shows no author */ }
      answer.push(found.filter(Boolean).map(a => Buffer.from(a, 'utf8').toString('base64')));
    }
    console.log(JSON.stringify(answer));
  }
}

main();
