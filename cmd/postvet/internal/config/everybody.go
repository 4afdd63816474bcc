package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/dmarc"
)

// strangers are blocks whose addresses belong to hosts all over the Internet, for
// each family: all of IPv4 between the unspecified and the multicast addresses,
// and the largest blocks of IPv6 that the regional registries have. None of them
// is of one owner.
var strangers = []struct {
	family string
	blocks []netip.Prefix
}{
	{"IPv4", prefixes("1.0.0.0/8", "2.0.0.0/7", "4.0.0.0/6", "8.0.0.0/7", "11.0.0.0/8", "12.0.0.0/6", "16.0.0.0/4", "32.0.0.0/3", "64.0.0.0/3", "96.0.0.0/4", "112.0.0.0/5", "120.0.0.0/6", "124.0.0.0/7", "126.0.0.0/8", "128.0.0.0/3", "160.0.0.0/5", "168.0.0.0/6", "173.0.0.0/8", "174.0.0.0/7", "176.0.0.0/4", "193.0.0.0/8", "194.0.0.0/7", "196.0.0.0/6", "200.0.0.0/5", "208.0.0.0/4")},
	{"IPv6", prefixes("2001::/16", "2400::/12", "2600::/12", "2800::/12", "2a00::/12", "2c00::/12")},
}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, s := range texts {
		list[i] = netip.MustParsePrefix(s)
	}
	return list
}

// nearly is the share of all strangers from which on a list counts as holding
// everybody. The networks of one organization have a far smaller share.
const nearly = 0.5

// everybody adds a fault if a list holds nearly everybody. does is the verb for what
// the key does with the members.
func (x *conflicts) everybody(key string, l List, does, remedy string) {
	for _, s := range strangers {
		held, all := 0.0, 0.0
		var widest netip.Prefix
		for _, block := range s.blocks {
			size := 1.0
			if block.Addr().Is4() {
				size = float64(int(1) << (32 - block.Bits()))
			}
			share, entry := l.Set.Share(block)
			held, all = held+share*size, all+size
			if entry.IsValid() && (!widest.IsValid() || entry.Bits() < widest.Bits()) {
				widest = entry
			}
		}
		if held < nearly*all {
			continue
		}
		most := "everybody"
		if held < all {
			most = fmt.Sprintf("nearly everybody: %.0f %% of the hosts with %s", 100*held/all, s.family)
		}
		x.fault(key, key, fmt.Sprintf("%s %s, by %s%s", does, most, widest, l.place(widest.String())), remedy)
	}
	for suffix := range l.Set.Below {
		if dmarc.PublicSuffix(suffix) {
			x.fault(key, key, fmt.Sprintf("%s everybody who has a name below %s, and anybody can have one%s", does, suffix, l.place("."+suffix)), remedy)
			break
		}
	}
}

// place says which file of the list an entry comes from, if the list itself does
// not name it.
func (l List) place(entry string) string {
	var files []string
	for _, e := range l.Entries {
		if path, ok := strings.CutPrefix(e, filePrefix); ok {
			files = append(files, path)
		}
	}
	if len(files) == 0 || slices.Contains(l.Entries, entry) {
		return ""
	}
	return " in " + strings.Join(files, " or ")
}
