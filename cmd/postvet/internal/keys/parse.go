package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// maxKeyFile bounds a key file. One of 8192 bits with attributes has about 8 KB.
const maxKeyFile = 64 << 10

// Parse reads a private key, RSA of at least 1024 bits or Ed25519, in one of the forms
// that signers and key tables hold:
//
//   - PEM: PKCS #8 ("PRIVATE KEY") or PKCS #1 ("RSA PRIVATE KEY"), also with text
//     around it, with attributes, in one line, or with \n written out;
//   - the same keys in DER or in base64 without a PEM frame;
//   - the seed of an Ed25519 key, 32 octets, or seed and public key, 64 octets, as
//     they are or in base64.
//
// The error says what was found instead, and what to do. It holds nothing of data.
func Parse(data []byte) (crypto.Signer, error) {
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("longer than %d bytes, which no key is", maxKeyFile)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("empty, not a private key")
	}
	if key, err := parsePEM(data); key != nil || err != nil {
		return key, err
	}
	if key, err := parseDER(data); key != nil || err != nil {
		return key, err
	}
	if key := parseSeed(data); key != nil {
		return key, nil
	}
	if raw, err := decodeBase64(string(data)); err == nil {
		if key, err := parseDER(raw); key != nil || err != nil {
			return key, err
		}
		if key := parseSeed(raw); key != nil {
			return key, nil
		}
	}
	return nil, errors.New("not a private key: expected PEM that begins with -----BEGIN PRIVATE KEY-----, as openssl genpkey writes it")
}

var (
	pemBegin = regexp.MustCompile(`-----BEGIN ([A-Z0-9 ]+)-----`)
	// pemHeader is a line such as "Proc-Type: 4,ENCRYPTED" above the base64.
	pemHeader = regexp.MustCompile(`(?m)^[A-Za-z][A-Za-z0-9-]*:.*$`)
)

// parsePEM returns the first private key among the PEM blocks, nil and no error if
// there is no block.
func parsePEM(data []byte) (crypto.Signer, error) {
	text := strings.NewReplacer(`\r`, "", `\n`, "\n").Replace(string(data))
	found := ""
	for {
		at := pemBegin.FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		label := text[at[2]:at[3]]
		body, rest, closed := strings.Cut(text[at[1]:], "-----END "+label+"-----")
		if !closed {
			return nil, fmt.Errorf("cut off: -----END %s----- is missing", label)
		}
		text = rest
		switch label {
		case "PRIVATE KEY", "RSA PRIVATE KEY":
			return parsePrivate(label, body)
		case "ENCRYPTED PRIVATE KEY":
			return nil, errEncrypted
		case "EC PRIVATE KEY", "DSA PRIVATE KEY", "OPENSSH PRIVATE KEY":
			return nil, fmt.Errorf("a key of the kind %s, which DKIM does not know: make an RSA or Ed25519 key", label)
		default:
			found = label
		}
	}
	if found != "" {
		return nil, fmt.Errorf("%s, not a private key: only the owner of the private key can sign", found)
	}
	return nil, nil
}

var errEncrypted = errors.New("encrypted: a service cannot ask for its passphrase; write it in clear with openssl pkey -in FILE -out NEW, and protect it by permissions")

func parsePrivate(label, body string) (crypto.Signer, error) {
	if strings.Contains(body, "ENCRYPTED") {
		return nil, errEncrypted
	}
	der, err := decodeBase64(pemHeader.ReplaceAllString(body, ""))
	if err != nil {
		return nil, fmt.Errorf("damaged: between the lines of %s is no base64", label)
	}
	key, err := parseDER(der)
	if err == nil && key == nil {
		err = fmt.Errorf("damaged: between the lines of %s is no key", label)
	}
	return key, err
}

// parseDER reads PKCS #8 and PKCS #1. It returns nil and no error for other data.
func parseDER(der []byte) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		switch k := key.(type) {
		case *rsa.PrivateKey:
			return checkRSA(k)
		case ed25519.PrivateKey:
			return k, nil
		case *ecdsa.PrivateKey:
			return nil, errors.New("an EC key, which DKIM does not know: make an RSA or Ed25519 key")
		default:
			return nil, fmt.Errorf("a key of type %T, which DKIM does not know: make an RSA or Ed25519 key", k)
		}
	}
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return checkRSA(k)
	}
	if _, err := x509.ParsePKIXPublicKey(der); err == nil {
		return nil, errors.New("a public key: only the owner of the private key can sign")
	}
	return nil, nil
}

func checkRSA(k *rsa.PrivateKey) (crypto.Signer, error) {
	if bits := k.N.BitLen(); bits < 1024 { // RFC 8301 section 3.2
		return nil, fmt.Errorf("an RSA key of %d bits: verifiers reject keys below 1024, make one of 2048", bits)
	}
	if err := k.Validate(); err != nil {
		return nil, errors.New("damaged: the numbers of the RSA key do not belong together")
	}
	return k, nil
}

// parseSeed reads a seed, alone or in front of its public key.
func parseSeed(data []byte) crypto.Signer {
	switch len(data) {
	case ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(data)
	case ed25519.PrivateKeySize:
		if k := ed25519.NewKeyFromSeed(data[:ed25519.SeedSize]); bytes.Equal(k, data) {
			return k
		}
	}
	return nil
}

// decodeBase64 decodes base64 with white space and with or without padding.
func decodeBase64(s string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.Join(strings.Fields(s), ""), "="))
}
