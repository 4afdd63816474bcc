package miltertest

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Offer is what an MTA offers, and what is answered.
type Offer struct{ Version, Actions, Protocol uint32 }

// NewOffer returns an offer.
func NewOffer(version, actions, protocol uint32) Offer { return Offer{version, actions, protocol} }

var (
	// OfferAll is what both MTAs of today offer: everything.
	OfferAll = Offer{6, 0x1ff, 0x1fffff}
	// Offer4 is that of Postfix with milter_protocol = 4.
	Offer4 = Offer{4, 0x3f, 0x3ff &^ 0x80}
	// Offer3 is that of Postfix with milter_protocol = 3.
	Offer3 = Offer{3, 0x3f, 0x1ff &^ 0x80}
	// Offer2 is that of Postfix with milter_protocol = 2, and of Sendmail before
	// 8.14.
	Offer2 = Offer{2, 0x3f, 0x7f}
)

// Bytes returns the payload of the offer's packet.
func (o Offer) Bytes() []byte {
	b := binary.BigEndian.AppendUint32(nil, o.Version)
	b = binary.BigEndian.AppendUint32(b, o.Actions)
	return binary.BigEndian.AppendUint32(b, o.Protocol)
}

// Packet returns a whole packet.
func Packet(cmd byte, parts ...[]byte) []byte { return packet(cmd, bytes.Join(parts, nil)) }

func packet(cmd byte, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 5+len(data)), uint32(1+len(data)))
	return append(append(b, cmd), data...)
}

// Strings returns texts that each end in a NUL.
func Strings(ss ...string) []byte {
	var b []byte
	for _, s := range ss {
		b = append(append(b, s...), 0)
	}
	return b
}

// Inet returns the payload of a connect from an address.
func Inet(host, ip string, port uint16) []byte {
	family := byte('4')
	if strings.Contains(ip, ":") {
		family = '6'
	}
	b := append(Strings(host), family)
	b = binary.BigEndian.AppendUint16(b, port)
	return append(b, Strings(ip)...)
}
